"""What XML itself allows: entities, document types, inclusion, encodings, depth, width and length."""

from __future__ import annotations

import codecs

from tests.hostile import Files, hostile
from tests.hostile.texts import CORE, GOOD, HEAD, XHTML, apply, cn, decay, math, parameters, rules, sbml

SBML = {"act": "sbml", "suffix": ".xml"}


def doctype(inside: str, *, use: str = "", where: str = "notes") -> str:
    before = f"<!DOCTYPE sbml [{inside}]>"
    if where == "attribute":
        return sbml(name=use, before=before)
    return sbml(notes=f"<p {XHTML}>{use}</p>", before=before)


@hostile("entities that multiply", **SBML)
def laughs() -> Files:
    for width, depth in ((2, 30), (10, 9), (100, 5)):
        each = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * width}">' for i in range(1, depth))
        entities = f'<!ENTITY a0 "ha">{each}'
        for where in ("notes", "attribute"):
            yield f"{width} to the {depth} in {where}", doctype(entities, use=f"&a{depth - 1};", where=where)
    yield "quadratic", doctype(f'<!ENTITY a "{"x" * 100_000}">', use="&a;" * 10_000)
    yield "recursive", doctype('<!ENTITY a "&b;"><!ENTITY b "&a;">', use="&a;")
    yield "as elements", doctype('<!ENTITY a "<p>&b;&b;</p>"><!ENTITY b "<p>boo</p>">', use="&a;")


@hostile("external entities", **SBML)
def external() -> Files:
    sources = {
        "a file": lambda g: (g.secret / "secret.txt").as_uri(),
        "a path": lambda g: str(g.secret / "secret.txt"),
        "a path upwards": lambda g: "../" * 12 + str(g.secret / "secret.txt").lstrip("/"),
        "passwords": lambda _: "file:///etc/passwd",
        "a device": lambda _: "file:///dev/zero",
        "the web": lambda g: f"{g.web}/entity",
        "ftp": lambda g: f"ftp://127.0.0.1:{g.port}/entity",
        "php": lambda g: f"php://filter/read=convert.base64-encode/resource={g.secret / 'secret.txt'}",
    }
    for name, source in sources.items():
        yield name, lambda g, s=source: doctype(f'<!ENTITY x SYSTEM "{s(g)}">', use="&x;")
    yield "public", lambda g: doctype(f'<!ENTITY x PUBLIC "-//X//Y//EN" "{g.web}/public">', use="&x;")
    yield "in an attribute", lambda g: doctype(f'<!ENTITY x SYSTEM "{g.web}/a">', use="&x;", where="attribute")
    yield "unparsed", lambda g: doctype(f'<!NOTATION n SYSTEM "n"><!ENTITY x SYSTEM "{g.web}/n" NDATA n>')


@hostile("parameter entities", **SBML)
def parameter_entities() -> Files:
    yield "from the web", lambda g: doctype(f'<!ENTITY % p SYSTEM "{g.web}/dtd"> %p;')
    yield "from a file", lambda g: doctype(f'<!ENTITY % p SYSTEM "{(g.secret / "secret.dtd").as_uri()}"> %p;')
    yield (
        "out of band",
        lambda g: doctype(
            f'<!ENTITY % f SYSTEM "{(g.secret / "secret.txt").as_uri()}"><!ENTITY % e SYSTEM "{g.web}/dtd"> %e; %send;'
        ),
    )
    yield "nested", doctype('<!ENTITY % a "&#37;b;"><!ENTITY % b "&#37;a;"> %a;')


@hostile("document types", **SBML)
def document_types() -> Files:
    inside = GOOD.removeprefix(HEAD)
    for name, what in {
        "bare": "<!DOCTYPE sbml>",
        "empty": "<!DOCTYPE sbml []>",
        "of a page": "<!DOCTYPE html>",
        "system": '<!DOCTYPE sbml SYSTEM "sbml.dtd">',
        "public": '<!DOCTYPE sbml PUBLIC "-//SBML//DTD//EN" "http://127.0.0.1/sbml.dtd">',
        "after a comment": "<!-- first --><!DOCTYPE sbml>",
        "after an instruction": "<?first?><!DOCTYPE sbml>",
        "over lines": "<!DOCTYPE\n\n\n sbml\n[\n]\n>",
        "defaults of attributes": '<!DOCTYPE sbml [<!ATTLIST model id CDATA "x">]>',
        "conditional": "<!DOCTYPE sbml [<![INCLUDE[<!ELEMENT a ANY>]]>]>",
    }.items():
        yield name, HEAD + what + inside
    yield "lower case", HEAD + "<!doctype sbml>" + inside
    yield "twice", HEAD + "<!DOCTYPE sbml><!DOCTYPE sbml>" + inside
    yield "in UTF-16", ("\ufeff" + "<!DOCTYPE sbml>" + inside).encode("utf-16-le")


@hostile("inclusions", **SBML)
def inclusions() -> Files:
    include = 'xmlns:xi="http://www.w3.org/2001/XInclude"'
    for name, source in (("text", "secret.txt"), ("SBML", "secret.xml")):
        parse = ' parse="text"' if name == "text" else ""
        yield (
            f"{name} in notes",
            lambda g, s=source, p=parse: sbml(
                notes=f'<p {XHTML} {include}><xi:include href="{(g.secret / s).as_uri()}"{p}/></p>'
            ),
        )
        yield (
            f"{name} in a model",
            lambda g, s=source, p=parse: sbml(f'<xi:include {include} href="{(g.secret / s).as_uri()}"{p}/>'),
        )
    yield "from the web", lambda g: sbml(notes=f'<p {XHTML} {include}><xi:include href="{g.web}/x"/></p>')
    yield "a style sheet", lambda g: sbml(before=f'<?xml-stylesheet type="text/xsl" href="{g.web}/x.xsl"?>')
    yield (
        "a schema",
        lambda g: GOOD.replace(
            CORE, f'{CORE} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="x {g.web}/x.xsd"'
        ),
    )
    yield "a base", lambda g: GOOD.replace(CORE, f'{CORE} xml:base="{g.web}/"')
    yield "a namespace of the web", lambda g: sbml(notes=f'<p xmlns="{g.web}/ns">boo</p>')


@hostile("encodings", **SBML)
def encodings() -> Files:
    plain = GOOD.replace("A plain model", "A µ model")
    bare = plain.removeprefix(HEAD)
    for name in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-7", "cp037", "shift_jis", "utf-8-sig"):
        yield f"{name}, undeclared", bare.encode(name, "replace")
        yield f"{name}, declared UTF-8", plain.encode(name, "replace")
    for label in (
        "utf-7",
        "shift_jis",
        "rot13",
        "unicode_escape",
        "zlib",
        "idna",
        "x" * 5_000,
        "",
        "utf-8\0",
        "EBCDIC",
    ):
        yield f"declared {label[:10]!r}", plain.replace("UTF-8", label)
    yield "latin-1, undeclared", bare.encode("latin-1")
    yield "a mark, declared otherwise", codecs.BOM_UTF8 + plain.replace("UTF-8", "UTF-16").encode()
    yield "two marks", codecs.BOM_UTF8 * 2 + plain.encode()
    yield "an overlong slash", plain.encode().replace(b"plain", b"pl\xc0\xafin")
    yield "half a pair", plain.encode().replace("µ".encode(), b"\xed\xa0\x80")
    yield "cut in a character", plain.encode()[: plain.encode().index("µ".encode()) + 1]
    yield "markup in UTF-7", bare.replace("A µ", "+ADw-script+AD4-")


@hostile("NUL and control characters", **SBML)
def controls() -> Files:
    for name, at in (
        ("first", 0),
        ("in a tag", GOOD.index("<model") + 3),
        ("in text", GOOD.index("plain")),
        ("last", len(GOOD)),
    ):
        yield f"NUL {name}", GOOD[:at] + "\0" + GOOD[at:]
    for code in (1, 8, 11, 27, 127, 0xFFFE, 0xFFFF, 0x202E):
        yield f"U+{code:04X}", GOOD.replace("plain", f"pl{chr(code)}ain")
    yield "NUL as a reference", GOOD.replace("plain", "pl&#0;ain")
    yield "escape as a reference", GOOD.replace("plain", "pl&#27;[31main")
    yield "a megabyte of NUL", bytes(1_000_000)


@hostile("depth", **SBML)
def depth() -> Files:
    for levels in (250, 1_000, 10_000, 100_000):
        nested = f"<p {XHTML}>" + "<p>" * levels + "</p>" * levels + "</p>"
        yield f"{levels:,} in notes", sbml(notes=nested)
        yield f"{levels:,} in an annotation", sbml("<annotation>" + nested + "</annotation>" + parameters("k"))
        inside = "<apply><abs/>" * levels + cn("1") + "</apply>" * levels
        yield f"{levels:,} in a formula", sbml(rules(("k", inside)))
    yield "a million, never closed", sbml()[:-20] + "<p>" * 1_000_000
    yield "models in models", HEAD + f"<sbml {CORE}>" + "<model id='m'>" * 5_000 + "</model>" * 5_000 + "</sbml>"
    yield "lists in lists", sbml("<listOfRules>" * 5_000 + "</listOfRules>" * 5_000)


@hostile("width", **SBML)
def width() -> Files:
    for count in (1_999, 4_300, 100_000):
        for operator in ("plus", "times", "and"):
            operand = cn("1") if operator != "and" else "<true/>"
            yield f"{count:,} to {operator}", sbml(rules(("k", apply(operator, operand * count))))
    yield (
        "100,000 pieces",
        sbml(rules(("k", "<piecewise>" + "<piece><cn>1</cn><true/></piece>" * 100_000 + "</piecewise>"))),
    )
    yield (
        "5,000 arguments",
        sbml(
            "<listOfFunctionDefinitions><functionDefinition id='f'>"
            + math("<lambda>" + "".join(f"<bvar><ci>x{i}</ci></bvar>" for i in range(5_000)) + "<ci>x0</ci></lambda>")
            + "</functionDefinition></listOfFunctionDefinitions>"
            + parameters("k")
        ),
    )
    yield "50,000 parameters", sbml(parameters(*(f"k{i}" for i in range(50_000))))
    yield "100,000 empty species", sbml("<listOfSpecies>" + "<species/>" * 100_000 + "</listOfSpecies>")


@hostile("length", **SBML)
def length() -> Files:
    for size in (20_000, 1_000_000, 20_000_000):
        text = "x" * size
        yield f"{size:,} in an attribute", sbml(name=text)
        yield f"{size:,} in a comment", sbml(before=f"<!--{text}-->")
        yield f"{size:,} in an instruction", sbml(before=f"<?p {text}?>")
        yield f"{size:,} in an id", sbml(parameters(text))
        yield f"{size:,} in a number", sbml(rules(("k", cn("1" * size))))
        yield f"{size:,} in a name of a formula", sbml(rules(("k", f"<ci>{text}</ci>")))
        yield f"{size:,} in notes", sbml(notes=f"<p {XHTML}>{text}</p>")
    attributes, spaces = (" ".join(f"{p}{i}='urn:{i}'" for i in range(10_000)) for p in ("a", "xmlns:a"))
    yield "10,000 attributes", sbml(f"<listOfParameters {attributes}/>")
    yield "10,000 namespaces", sbml(notes=f"<p {XHTML} {spaces}/>")
    yield "a name of a tag", sbml(f"<{'a' * 1_000_000}/>")
    yield "a prefix", sbml(f"<{'a' * 9_000}:b xmlns:{'a' * 9_000}='urn:x'/>")
    yield "an entity reference", sbml(notes=f"<p {XHTML}>&{'a' * 1_000_000};</p>")


@hostile("nothing, and other files", **SBML)
def others() -> Files:
    yield "no byte", b""
    yield "blanks", " \n\t\n"
    yield "a mark alone", codecs.BOM_UTF8
    yield "a declaration alone", HEAD
    yield "a root alone", "<sbml/>"
    yield "no model", f"{HEAD}<sbml {CORE}></sbml>"
    yield "an empty model", f"{HEAD}<sbml {CORE}><model/></sbml>"
    yield "two models", f"{HEAD}<sbml {CORE}><model id='a'/><model id='b'/></sbml>"
    yield "a page", "<!DOCTYPE html><html><body>404</body></html>"
    yield "CellML", '<model xmlns="http://www.cellml.org/cellml/1.1#" name="x"/>'
    yield "JSON", '{"sbml": {"model": {}}}'
    yield "a PNG", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
    yield "a program", b"\x7fELF\x02\x01\x01" + bytes(2_000)
    yield "a pickle", b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."
    yield "Antimony", "model m; S = 1; J: S -> ; S; end"
    yield "a law without a model", decay()
