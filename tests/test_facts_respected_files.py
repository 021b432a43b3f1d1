"""Engine facts D: files from strangers are refused by name, in seconds, and never kill the process that reads them."""

from __future__ import annotations

import bz2
import gzip
import os
import zipfile
from pathlib import Path

import pytest
from children import SUITE, child

import sbmlqsp as qsp
from sbmlqsp.engine import prescan
from sbmlqsp.engine.expansion import refuse_expansion

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
CORE = 'xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"'
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
PARAMETER = '<listOfParameters><parameter id="k" value="1" constant="true"/></listOfParameters>'
SECONDS = 5.0


def sbml(inside: str = PARAMETER, *, name: str = "", before: str = "", notes: str = "") -> str:
    called = f' name="{name}"' if name else ""
    said = f"<notes>{notes}</notes>" if notes else ""
    return f'{HEAD}{before}<sbml {CORE}><model id="m"{called}>{said}{inside}</model></sbml>'


def parameters(*names: str) -> str:
    each = "".join(f'<parameter id="{n}" value="1" constant="false"/>' for n in names)
    return f"<listOfParameters>{each}</listOfParameters>"


def math(inside: str) -> str:
    return f"<math {MATHML}>{inside}</math>"


def twice(name: str, *, call: bool = False) -> str:
    one = f"<apply><ci>{name}</ci><ci>x</ci></apply>" if call else f"<ci>{name}</ci>"
    return f"<apply><plus/>{one}{one}</apply>"


def doubling(levels: int, element: str = "assignmentRule", formula: str = "") -> str:
    """Definitions that each use the one before twice."""
    symbol = "symbol" if element == "initialAssignment" else "variable"
    each = "".join(
        f'<{element} {symbol}="a{i}">{math(formula.format(i - 1) if formula else twice(f"a{i - 1}"))}</{element}>'
        for i in range(1, levels + 1)
    )
    several = "listOfInitialAssignments" if element == "initialAssignment" else "listOfRules"
    return sbml(parameters(*(f"a{i}" for i in range(levels + 1))) + f"<{several}>{each}</{several}>")


def functions(levels: int) -> str:
    bodies = ["<ci>x</ci>", *(twice(f"f{i}", call=True) for i in range(levels))]
    each = "".join(
        f'<functionDefinition id="f{i}">{math(f"<lambda><bvar><ci>x</ci></bvar>{b}</lambda>")}</functionDefinition>'
        for i, b in enumerate(bodies)
    )
    call = math(f"<apply><ci>f{levels}</ci><cn>1</cn></apply>")
    rule = f'<listOfRules><assignmentRule variable="k">{call}</assignmentRule></listOfRules>'
    return sbml(f"<listOfFunctionDefinitions>{each}</listOfFunctionDefinitions>{parameters('k')}{rule}")


def laws(levels: int) -> str:
    formulas = ["<cn>1</cn>", *(twice(f"J{i}") for i in range(levels))]
    each = "".join(
        f'<reaction id="J{i}" reversible="false" fast="false"><kineticLaw>{math(f)}</kineticLaw></reaction>'
        for i, f in enumerate(formulas)
    )
    return sbml(f"<listOfReactions>{each}</listOfReactions>").replace(CORE, CORE.replace("version1", "version2", 1))


def arguments(levels: int) -> str:
    """One function that doubles, applied to itself: its argument is what multiplies."""
    body = math("<lambda><bvar><ci>x</ci></bvar><apply><plus/><ci>x</ci><ci>x</ci></apply></lambda>")
    define = f'<functionDefinition id="d">{body}</functionDefinition>'
    call = "<apply><ci>d</ci>" * levels + "<cn>1</cn>" + "</apply>" * levels
    return rule(call, before=f"<listOfFunctionDefinitions>{define}</listOfFunctionDefinitions>")


def rule(formula: str, *, before: str = "") -> str:
    each = f'<assignmentRule variable="k">{math(formula)}</assignmentRule>'
    return sbml(f"{before}{parameters('k')}<listOfRules>{each}</listOfRules>")


ENTITIES = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 9))
HOSTILE = {
    "billion laughs": (
        sbml(name="&a8;", before=f'<!DOCTYPE sbml [<!ENTITY a0 "aaaaaaaaaa">{ENTITIES}]>'),
        "document type",
    ),
    "external entity": (
        sbml(notes=f"<p {XHTML}>&x;</p>", before='<!DOCTYPE sbml [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        "document type",
    ),
    "nested notes": (sbml(notes=f"<p {XHTML}>" * 100_000 + "</p>" * 100_000), "nested more than 256 deep"),
    "nested formula": (rule("<apply><abs/>" * 5_000 + "<cn>1</cn>" + "</apply>" * 5_000), "nested more than 2"),
    "wide sum": (rule("<apply><plus/>" + "<cn>1</cn>" * 4_300 + "</apply>"), "more than 2,000 operands"),
    "long attribute": (sbml(name="x" * 20_000), "characters long"),
    "long comment": (sbml(before=f"<!--{'x' * 1_000_000}-->"), "comment is 1,000,000 characters"),
    "long instruction": (sbml(before=f"<?p {'x' * 1_000_000}?>"), "processing instruction is too long"),
    "truncation": (sbml()[:-20], "breaks off"),
    "NUL": (sbml(name="\0"), "NUL"),
    "bad UTF-8": (sbml(name="µ").encode("latin-1"), "0xb5 at offset"),
    "an empty file": ("", "empty"),
    "no XML": ("species S; S -> ; k", "not well-formed"),
    "20 doubling rules": (doubling(20), "expand to more than 250,000 terms"),
    "30 doubling rules": (doubling(30), "expand to more than 250,000 terms"),
    "30 doubling assignments": (doubling(30, "initialAssignment"), "expand to more than 250,000 terms"),
    "30 doubling functions": (functions(30), "expand to more than 250,000 terms"),
    "30 doubling arguments": (arguments(30), "Calls of the function 'd' expand"),
    "30 doubling laws": (laws(30), "expand to more than 250,000 terms|SBML is invalid"),
    "300 rules in a row": (doubling(300, formula="<apply><abs/><ci>a{}</ci></apply>"), "built upon one another"),
}


def read_in_child(reader: str, source: str, tmp_path: Path) -> str:
    """Read in a process of its own, under limits; what it says: the error, and whether it came in time."""
    seen = child(f"""
        import time
        import sbmlqsp as qsp
        began = time.perf_counter()
        try:
            qsp.{reader}({source!r})
        except qsp.ModelError as error:
            say(time.perf_counter() - began < {SECONDS}, error)
    """, timeout=30, memory_mb=3000, cwd=tmp_path, after=SUITE)  # fmt: skip
    assert seen.out.startswith("True "), f"not refused in {SECONDS:g} s: {seen}"
    return seen.out


@pytest.mark.parametrize("name", list(HOSTILE))
def test_D_hostile_sbml(name: str, tmp_path: Path):
    """Each of these crashes, hangs or silently empties an engine; here a ModelError, from a file as from a text."""
    text, word = HOSTILE[name]
    path = tmp_path / "hostile.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    said = read_in_child("read_sbml", str(path), tmp_path)
    assert any(w in said for w in word.split("|")), said
    assert "Remedy: " in said


TERMS = range(1, 31)
ANTIMONY = {
    "30 doubling rules": "a0 = 1; " + "; ".join(f"a{i} := a{i - 1} + a{i - 1}" for i in TERMS),
    "30 doubling values": "a0 = 1\n" + "\n".join(f"a{i} = a{i - 1}*a{i - 1}" for i in TERMS),
    "30 doubling species": "S0 = 1; " + "; ".join(f"species S{i} = S{i - 1} + S{i - 1}" for i in TERMS),
    "30 doubling laws": "J0: -> ; 1; " + "; ".join(f"J{i}: -> S; J{i - 1} + J{i - 1}" for i in TERMS),
    "30 over lines": "a0 = 1; " + "; ".join(f"a{i} := a{i - 1} \\\n + a{i - 1}" for i in TERMS),
    "30 behind comments": "a0 = 1; " + "; ".join(f"a{i} /* := */ := a{i - 1} /* ; */ + a{i - 1}" for i in TERMS),
    "300 in a row": "a0 = 1; " + "; ".join(f"a{i} := a{i - 1} + 1" for i in range(1, 301)),
    "a wide sum": "b = 1; a := " + "+".join(["b"] * 100_000),
    "a deep formula": "b = 1; a := " + "(" * 100_000 + "b" + ")" * 100_000,
    "a long name": f'k = 1; k is "{"x" * 20_000}"',
    "a NUL": "k = 1; \0 = 2",
    "open comments": "k = 1; " + "/*" * 200_000,
    "truncation": "k = (3 + ",
}


@pytest.mark.parametrize("name", list(ANTIMONY))
def test_D_hostile_antimony(name: str, tmp_path: Path):
    """Antimony hangs on definitions that multiply and on long formulas, and loses what is long."""
    path = tmp_path / "hostile.ant"
    path.write_text(f"model m\n{ANTIMONY[name]}\nend\n")
    said = read_in_child("read_antimony", str(path), tmp_path)
    assert str(path) in said, said


def test_D_doubling_functions_of_antimony(tmp_path: Path):
    """Functions are shared by all models of a text."""
    each = "\n".join(f"function f{i}(x)\n f{i - 1}(x) + f{i - 1}(x)\nend" for i in TERMS)
    text = f"function f0(x)\n 2*x\nend\n{each}\nmodel m\n k := f30(1)\nend\n"
    assert "expand to more than 250,000 terms" in read_in_child("read_antimony", text, tmp_path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_D_compression_bombs(pack, tmp_path: Path):
    """libSBML unpacks any size by file name; a cap holds here, and honest compressed files are read."""
    path = tmp_path / "bomb.xml.packed"
    path.write_bytes(pack(b"x" * 10_000_000) * 1_000)  # 10 GB
    assert "more than 200 MB" in read_in_child("read_sbml", str(path), tmp_path)
    path.write_bytes(pack(sbml().encode()))
    assert qsp.read_sbml(path).symbol("k").value == 1.0
    path.write_bytes(pack(sbml().encode())[:-9])
    with pytest.raises(qsp.ModelError, match="damaged"):
        qsp.read_sbml(path)


def test_D_archives(tmp_path: Path):
    """COMBINE archives write outside their folder, repeat names and lie in their manifests: they are refused whole."""
    path = tmp_path / "archive.omex"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../evil.txt", "boo")
        archive.writestr("model.xml", sbml())
    for read in (qsp.read_sbml, qsp.read_antimony):
        with pytest.raises(qsp.ModelError, match=r"zip archive .*unpack it"):
            read(path)
    assert [p.name for p in tmp_path.parent.glob("evil*")] == []


def test_D_addresses_pipes_and_devices(tmp_path: Path):
    """RR fetches addresses; reading a pipe waits for ever."""
    sources = ["http://127.0.0.1:9/model.xml", "ftp://127.0.0.1:9/model.xml", "file:///etc/passwd", str(tmp_path)]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.xml")
        sources += [str(tmp_path / "pipe.xml"), "/dev/zero", "/dev/stdin"]
    for source in sources:
        for read in (qsp.read_sbml, qsp.read_antimony):
            with pytest.raises(qsp.ModelError, match=r"web address|not a regular file|is a folder"):
                read(source)


@pytest.mark.parametrize("word", ["check", "simulate", "show"])
def test_D_the_command_line_refuses_in_one_line(word: str, tmp_path: Path):
    """No traceback, exit code 1."""
    path = tmp_path / "hostile.xml"
    path.write_text(HOSTILE["20 doubling rules"][0])
    more = ["--times", "0:1 by 1"] if word == "simulate" else []
    seen = child(f"""
        import contextlib, io
        from sbmlqsp.cli import main
        with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()):
            try:
                code = main({[word, str(path), *more]!r})
            except SystemExit as ending:
                code = ending.code
        say(code, "Traceback" in err.getvalue(), "250,000 terms" in err.getvalue())
    """, after=SUITE)  # fmt: skip
    assert seen.out == "1 False True", seen


# ------------------------------------------------------------------------------------------- what must not be refused
def test_D_the_limits_leave_room():
    """What real models contain passes: shared intermediates, arguments that hide names, events that read themselves."""
    total = " + ".join(f"Q{i}" for i in range(1, 61))
    shared = "; ".join(f"f{i} = 0.01; Q{i} := f{i}*CO" for i in range(1, 61))
    organs = "; ".join(f"J{i}: S -> S; Q{i}*S/(1 + QT)" for i in range(1, 61))
    event = "n = 0; at (S > 2): n = n + 1"
    text = f"model m; WT = 70; CO := 15*WT^0.75; {shared}; QT := {total}; S = 1; {organs}; {event}; end"
    assert len(qsp.read_antimony(text).network.reactions) == 60
    hidden = "function f(a19, b) a19 + a19*b; end\nmodel m; a19 := f(k, k); k = 2; S = 1; J: S -> ; a19*S; end"
    assert float(qsp.read_antimony(hidden).symbols.loc["a19", "value"]) == 6.0
    levels = doubling(10)
    assert float(qsp.read_sbml(levels).symbols.loc["a10", "value"]) == 1024.0


def test_D_expansions_are_counted_exactly():
    """The limit is on what the names stand for, however they are ordered; circles are left to others."""
    chain = {f"b{i}": f"b{i - 1}*b{i - 1} + 1" for i in range(1, 40)}
    for order in (list(chain), list(reversed(chain))):
        with pytest.raises(qsp.ModelError, match=r"250,000 terms, of which 'b1[67]' is"):
            refuse_expansion({n: chain[n] for n in order}, where="a test")
    refuse_expansion({f"b{i}": f"b{i - 1} + 1" for i in range(1, 128)}, where="a test")
    with pytest.raises(qsp.ModelError, match="More than 128 definitions"):
        refuse_expansion({f"b{i}": f"b{i - 1} + 1" for i in range(1, 140)}, where="a test")
    refuse_expansion({"a": "b + b", "b": "a + a", "c": "c"}, where="a test")
    refuse_expansion({f"x{i}": "+".join(f"p{j}" for j in range(100)) for i in range(5_000)}, where="a test")


def test_D_the_cap_on_size_is_stated():
    """200 MB, and what compressed files hold counts."""
    assert prescan.MAX_BYTES == 200_000_000
