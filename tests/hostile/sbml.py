"""SBML that is well-formed and means too much, nothing, or itself."""

from __future__ import annotations

from tests.hostile import MARK, Files, hostile
from tests.hostile.texts import (
    CORE,
    GOOD,
    MATHML,
    VESSEL,
    XHTML,
    apply,
    assignments,
    call,
    ci,
    cn,
    decay,
    functions,
    math,
    parameters,
    reaction,
    rules,
    sbml,
    species,
)

SBML = {"act": "sbml", "suffix": ".xml"}


def ruled(name: str, formula: str) -> str:
    return f'<listOfRules><assignmentRule variable="{name}">{math(formula)}</assignmentRule></listOfRules>'


def twice(one: str) -> str:
    return apply("plus", one, one)


@hostile("numbers", **SBML)
def numbers() -> Files:
    for text in (
        "1e400",
        "-1e400",
        "1e-400",
        "NaN",
        "INF",
        "-INF",
        "1e",
        "0x10",
        "1_000",
        "",
        "١",
        "1e99999999999",
        "--1",
    ):
        yield f"a parameter of {text!r}", sbml(parameters("k", value=text))
        yield f"a formula of {text!r}", sbml(rules(("k", cn(text))))
    yield "a fraction by zero", sbml(rules(("k", '<cn type="rational">1<sep/>0</cn>')))
    yield "a mantissa", sbml(rules(("k", '<cn type="e-notation">1<sep/>99999999999999999999</cn>')))
    yield "a large integer", sbml(rules(("k", f'<cn type="integer">{"9" * 5_000}</cn>')))
    yield "an unknown base", sbml(rules(("k", '<cn type="integer" base="36">zz</cn>')))
    for size in ("0", "-1", "NaN", "INF", "1e-320"):
        yield f"a volume of {size}", sbml(decay().replace('size="1"', f'size="{size}"'))
    for much in ("1e308", "-1", "NaN", "INF"):
        yield f"{much} of a species", sbml(decay(stoichiometry=much))
        yield f"{much} at first", sbml(decay().replace('initialAmount="1"', f'initialAmount="{much}"'))
    yield "dimensions", sbml(decay().replace('spatialDimensions="3"', 'spatialDimensions="1e9"'))


@hostile("definitions that multiply", **SBML)
def multiplying() -> Files:
    for levels in (16, 30, 100):
        doubled = [(f"a{i}", twice(ci(f"a{i - 1}"))) for i in range(1, levels)]
        yield f"{levels} rules", sbml(rules(("a0", cn("1")), *doubled))
        yield f"{levels} assignments", sbml(assignments(("a0", cn("1")), *doubled))
        called = [(f"f{i}", twice(call(f"f{i - 1}", ci("x")))) for i in range(1, levels)]
        use = rules(("k", call(f"f{levels - 1}", cn("1"))))
        yield f"{levels} functions", sbml(functions(("f0", ci("x")), *called) + use)
        deep = cn("1")
        for _ in range(levels):
            deep = call("f", deep)
        yield f"{levels} arguments", sbml(functions(("f", twice(ci("x")))) + rules(("k", deep)))
        laws = [reaction(twice(ci(f"J{i - 1}")) if i else cn("1"), name=f"J{i}") for i in range(levels)]
        yield f"{levels} laws", sbml(f"{VESSEL}{species('S')}<listOfReactions>{''.join(laws)}</listOfReactions>")
    yield "1,000 in a row", sbml(rules(("a0", cn("1")), *((f"a{i}", ci(f"a{i - 1}")) for i in range(1, 1_000))))
    yield (
        "each on all before",
        sbml(
            rules(("a0", cn("1")), *((f"a{i}", apply("plus", *(ci(f"a{j}") for j in range(i)))) for i in range(1, 40)))
        ),
    )


@hostile("circles", **SBML)
def circles() -> Files:
    yield "a rule of itself", sbml(rules(("a", apply("plus", ci("a"), cn("1")))))
    yield "two rules", sbml(rules(("a", ci("b")), ("b", ci("a"))))
    yield "an assignment of itself", sbml(assignments(("a", ci("a"))))
    yield "two assignments", sbml(assignments(("a", ci("b")), ("b", ci("a"))))
    ring = [(f"a{i}", ci(f"a{(i + 1) % 100}")) for i in range(100)]
    yield "a ring of 100 rules", sbml(rules(*ring))
    yield "a ring of 100 assignments", sbml(assignments(*ring))
    yield "a function of itself", sbml(functions(("f", call("f", ci("x")))) + rules(("k", call("f", cn("1")))))
    both = functions(("f", call("g", ci("x"))), ("g", call("f", ci("x"))))
    yield "two functions", sbml(both + rules(("k", call("f", cn("1")))))
    yield "a law that names its reaction", sbml(decay(apply("times", ci("J"), ci("S"))))
    two = reaction(ci("J2"), name="J1") + reaction(ci("J1"), name="J2")
    yield "two laws", sbml(f"{VESSEL}{species('S')}<listOfReactions>{two}</listOfReactions>")
    yield (
        "a rule and a law",
        sbml(
            decay(ci("k"))
            .replace(
                "<listOfReactions>",
                f"{ruled('k', ci('J'))}<listOfReactions>",
            )
            .replace('constant="true"/></listOfParameters>', 'constant="false"/></listOfParameters>')
        ),
    )
    yield (
        "a compartment by its species",
        sbml(
            decay()
            .replace('size="1" constant="true"', 'constant="false"')
            .replace(
                "<listOfReactions>",
                f"{ruled('c', ci('S'))}<listOfReactions>",
            )
        ),
    )
    yield (
        "a unit of itself",
        GOOD.replace(
            "<listOfCompartments>",
            '<listOfUnitDefinitions><unitDefinition id="u"><listOfUnits><unit kind="u" exponent="1" scale="0" '
            'multiplier="1"/></listOfUnits></unitDefinition></listOfUnitDefinitions><listOfCompartments>',
        ),
    )


@hostile("names that are missing or double", **SBML)
def dangling() -> Files:
    ghost = {"a species": 'species="S"', "a compartment": 'compartment="c"', "a parameter": "<ci>k</ci>"}
    for what, written in ghost.items():
        yield (
            f"no such {what}",
            sbml(decay().replace(written, written.replace("S", "G").replace('"c"', '"g"').replace("k<", "g<"))),
        )
    yield "no such function", sbml(rules(("k", call("nothing", cn("1")))))
    yield "no such unit", sbml(decay().replace('value="1"', 'value="1" units="nothing"'))
    yield "a rule for nothing", sbml(rules(("k", cn("1"))).replace('variable="k"', 'variable="z"'))
    yield "two of one id", sbml(parameters("k", "k"))
    yield "two rules for one", sbml(rules(("k", cn("1")), ("k", cn("2"))))
    yield (
        "a rule and reactions",
        sbml(
            decay().replace(
                "<listOfReactions>",
                f'<listOfRules><rateRule variable="S">{math(cn("1"))}</rateRule></listOfRules><listOfReactions>',
            )
        ),
    )
    for name in (
        "",
        " ",
        "a b",
        "1a",
        "a-b",
        "é",
        "a.b",
        "../x",
        "<k>",
        "time",
        "INF",
        "avogadro",
        "__class__",
        "simulate",
        "lambda",
        "qsp_rate_0",
        "k" * 9_000,
    ):
        given = name.replace("<", "&lt;").replace(">", "&gt;")
        yield f"called {name[:12]!r}", sbml(decay().replace('"k"', f'"{given}"').replace("<ci>k<", f"<ci>{given}<"))


@hostile("packages and levels", **SBML)
def packages() -> Files:
    known = {
        "fbc": 2,
        "multi": 1,
        "qual": 1,
        "spatial": 1,
        "arrays": 1,
        "distrib": 1,
        "dyn": 1,
        "layout": 1,
        "groups": 1,
    }
    for name, version in known.items():
        space = f'xmlns:{name}="http://www.sbml.org/sbml/level3/version1/{name}/version{version}"'
        yield f"{name}, required", GOOD.replace(CORE, f'{CORE} {space} {name}:required="true"')
    yield "unknown, required", GOOD.replace(CORE, f'{CORE} xmlns:z="urn:z" z:required="true"')
    yield (
        "comp without submodels",
        GOOD.replace(
            CORE, f'{CORE} xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" comp:required="yes"'
        ),
    )
    for level, version in ((9, 9), (3, 3), (0, 0), (-1, 1), (2, 99), (1, 1), ("x", "y"), ("", "")):
        yield (
            f"level {level} version {version}",
            GOOD.replace('level="3" version="2"', f'level="{level}" version="{version}"'),
        )
    yield "another namespace", GOOD.replace("level3/version2/core", "level4/version1/core")
    yield "no namespace", GOOD.replace(CORE, 'level="3" version="2"')
    yield "prefixed", GOOD.replace("xmlns=", "xmlns:s=", 1)


@hostile("units", **SBML)
def units() -> Files:
    def unit(inside: str) -> str:
        definition = f'<unitDefinition id="u"><listOfUnits>{inside}</listOfUnits></unitDefinition>'
        given = decay().replace('value="1"', 'value="1" units="u"')
        return sbml(f"<listOfUnitDefinitions>{definition}</listOfUnitDefinitions>{given}")

    for exponent, scale, multiplier in (
        ("1e9", "0", "1"),
        ("0.3333", "0", "1"),
        ("NaN", "0", "1"),
        ("1", "2147483647", "1"),
        ("1", "-2147483648", "1"),
        ("1", "0", "0"),
        ("1", "0", "NaN"),
        ("1", "0", "INF"),
        ("1", "0", "-1"),
        ("100", "300", "1e300"),
        ("x", "y", "z"),
    ):
        name = f"exponent {exponent}, scale {scale}, multiplier {multiplier}"
        yield name, unit(f'<unit kind="mole" exponent="{exponent}" scale="{scale}" multiplier="{multiplier}"/>')
    yield "an unknown kind", unit('<unit kind="parsec" exponent="1" scale="0" multiplier="1"/>')
    yield "10,000 factors", unit('<unit kind="mole" exponent="1" scale="0" multiplier="2"/>' * 10_000)
    power = apply("power", ci("k"), apply("power", ci("S"), ci("k")))
    yield "powers of symbols", sbml(decay(power).replace('value="1"', 'value="1" units="second"'))


@hostile("markup in names", act="page", suffix=".xml")
def markup() -> Files:
    script = f"&lt;script&gt;alert('{MARK}')&lt;/script&gt;"
    yield "in a name", sbml(decay(), name=script)
    yield "in a name of a parameter", sbml(decay().replace('id="k"', f'id="k" name="{script}"'))
    yield "in an attribute", sbml(decay(), name=f"&quot; onmouseover=&quot;alert('{MARK}')")
    yield "in notes", sbml(decay(), notes=f"<p {XHTML}><script>alert('{MARK}')</script></p>")


@hostile("formulas of another kind", **SBML)
def formulas() -> Files:
    for name, inside in {
        "nothing": "",
        "an empty apply": "<apply/>",
        "an unknown operator": apply("integral", cn("1")),
        "too few": apply("divide", cn("1")),
        "too many": apply("divide", cn("1"), cn("1"), cn("1")),
        "an unknown symbol": '<csymbol encoding="text" definitionURL="http://x/y">z</csymbol>',
        "text": "1 + 1",
        "two": cn("1") + cn("2"),
        "a lambda": "<lambda><cn>1</cn></lambda>",
        "a vector": "<vector><cn>1</cn></vector>",
        "a boolean": "<true/>",
        "semantics": "<semantics><cn>1</cn></semantics>",
        "a law of its rate": '<apply><csymbol encoding="text" '
        'definitionURL="http://www.sbml.org/sbml/symbols/rateOf">rateOf</csymbol><ci>k</ci></apply>',
        "a root of degree 0": "<apply><root/><degree><cn>0</cn></degree><cn>2</cn></apply>",
        "a logarithm of base 0": "<apply><log/><logbase><cn>0</cn></logbase><cn>2</cn></apply>",
        "an empty piecewise": "<piecewise/>",
        "pieces without conditions": "<piecewise><piece><cn>1</cn></piece></piecewise>",
    }.items():
        yield name, sbml(rules(("k", inside)))
    yield "math in another namespace", sbml(rules(("k", cn("1"))).replace("1998/Math/MathML", "1997/Math"))
    yield (
        "math without a namespace",
        sbml(rules(("k", cn("1"))).replace(f"<math {MATHML}>", "<math>")),
    )
