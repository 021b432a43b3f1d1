"""Wrong inputs through the command line: what is given, the exit code, and what is said.

``python -m tests.wrong_inputs`` prints the table.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sbmlqsp.cli import main

DECAY = """model decay
  // @output A, k
  unit time_unit = 3600 second
  unit substance = 1e-3 gram
  unit volume = litre
  unit extent = 1e-3 gram
  unit mg = 1e-3 gram
  unit per_hour = 1 / (3600 second)
  compartment V = 10
  V has litre
  species A in V
  A = 0
  J: A -> ; k*A*V
  k = 0.1
  k has per_hour
end
"""
PD = """model pd(C)
  // @input C
  // @output E
  unit time_unit = 3600 second
  unit substance = 1e-3 gram
  unit volume = litre
  unit extent = 1e-3 gram
  unit mg_per_litre = 1e-3 gram / litre
  unit per_hour = 1 / (3600 second)
  C = 1
  C has mg_per_litre
  EC50 = 2
  EC50 has mg_per_litre
  E := C / (EC50 + C)
  E has dimensionless
end
"""
XML = '<?xml version="1.0" encoding="UTF-8"?>'
HEAD = f'{XML}\n<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">\n'
STUDY = """[study]
id = "s"
[model]
file = "decay.ant"
[simulation]
times = "0:24 h by 1"
[[observables]]
id = "A"
[[arms]]
id = "one"
regimen = "100 mg into A"
"""
RECORDS = "ID,TIME,AMT,conc\n1,0,100,.\n1,2,.,4.1\n"
PEOPLE = '[subjects]\nfile = "people.csv"\nid = "ID"\ncolumns = {k = "KE"}\n'


@dataclass(frozen=True)
class Wrong:
    """One wrong input: what it is, and the command for it, given a folder to write files to."""

    name: str
    command: Callable[[Path], list[str]]
    code: int = 1
    says: str = ""


def file(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def decay(folder: Path) -> str:
    return file(folder, "decay.ant", DECAY)


def simulate(*words: str, text: str = DECAY) -> Callable[[Path], list[str]]:
    def command(folder: Path) -> list[str]:
        more = [w.replace("DIR", str(folder)) for w in words]
        times = [] if "--times" in more else ["--times", "0:24 h by 1"]
        return ["simulate", file(folder, "decay.ant", text), *times, *more]

    return command


def model(name: str, content: str | bytes, command: str = "check") -> Callable[[Path], list[str]]:
    return lambda folder: [command, file(folder, name, content)]


def sbml(body: str, head: str = HEAD) -> str:
    return f"{head}<model id='m' timeUnits='second'>{body}</model></sbml>"


def simulated(body: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["simulate", file(folder, "m.xml", sbml(body)), "--times", "0 1"]


def importing(name: str) -> Callable[[Path], list[str]]:
    return model("m.ant", f'import "{name}"\nmodel m\n  a: m()\nend\n')


def study(text: str, people: str | bytes = "", **files: str) -> Callable[[Path], list[str]]:
    def command(folder: Path) -> list[str]:
        decay(folder)
        if people:
            file(folder, "people.csv", people)
        for name, content in files.items():
            file(folder, name.replace("_", "."), content)
        return ["run", file(folder, "study.toml", text), "--output", str(folder / "out")]

    return command


def subjects(content: str | bytes) -> Callable[[Path], list[str]]:
    def command(folder: Path) -> list[str]:
        table = file(folder, "people.csv", content)
        return ["simulate", decay(folder), "--times", "0:24 h by 1", "--subjects", table]

    return command


def data(text: str, *words: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["data", file(folder, "data.csv", text), *(w.replace("DIR", str(folder)) for w in words)]


def compose(text: str, **parts: str) -> Callable[[Path], list[str]]:
    def command(folder: Path) -> list[str]:
        decay(folder)
        file(folder, "pd.ant", PD)
        for name, content in parts.items():
            file(folder, f"{name}.ant", content)
        return ["compose", file(folder, "both.toml", text)]

    return command


def fifo(folder: Path) -> str:
    path = folder / "pipe.ant"
    os.mkfifo(path)
    return str(path)


def in_the_way(folder: Path) -> list[str]:
    (folder / "out").mkdir()
    file(folder / "out", "thesis.tex", "years of work")
    return study(STUDY)(folder)


def file_in_the_way(folder: Path) -> list[str]:
    file(folder, "out", "a file")
    return study(STUDY)(folder)


def no_room(folder: Path) -> list[str]:
    # A folder inside a device cannot be made, even by a superuser.
    return [*study(STUDY)(folder)[:2], "--output", "/dev/null/out"]


NOBODY = '[connect]\n"pd.C" = {source = "pk.A", wins = "me"}\n'
PARTS = 'id = "both"\n[parts]\npk = "decay.ant"\npd = "pd.ant"\n'
MATH = "<math xmlns='http://www.w3.org/1998/Math/MathML'>"
CYCLE = (
    "<listOfParameters><parameter id='a' constant='true'/><parameter id='b' constant='true'/></listOfParameters>"
    f"<listOfInitialAssignments><initialAssignment symbol='a'>{MATH}<ci>b</ci></math></initialAssignment>"
    f"<initialAssignment symbol='b'>{MATH}<ci>a</ci></math></initialAssignment></listOfInitialAssignments>"
)
ONE = "<listOfParameters><parameter id='x' constant='false' value='1'/></listOfParameters><listOfRules>"
ALGEBRAIC = (
    f"{ONE}<algebraicRule>{MATH}<apply><minus/><apply><exp/><ci>x</ci></apply><cn>2</cn></apply></math></algebraicRule>"
    "</listOfRules>"
)
DELAY = (
    f"{ONE}<rateRule variable='x'>{MATH}<apply><csymbol encoding='text' "
    "definitionURL='http://www.sbml.org/sbml/symbols/delay'>delay</csymbol><ci>x</ci><cn>1</cn></apply></math></rateRule>"
    "</listOfRules>"
)
GHOST = f"<listOfRules><assignmentRule variable='ghost'>{MATH}<cn>1</cn></math></assignmentRule></listOfRules>"
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>'
    '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"><model id="&c;"/></sbml>'
)
FAST = (
    f'{XML}<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model>'
    "<listOfCompartments><compartment id='c' size='1' constant='true' spatialDimensions='3'/></listOfCompartments>"
    "<listOfSpecies><species id='S' compartment='c' initialAmount='1' hasOnlySubstanceUnits='true' "
    "boundaryCondition='false' constant='false'/></listOfSpecies><listOfReactions><reaction id='J' reversible='false' "
    "fast='true'><listOfReactants><speciesReference species='S' stoichiometry='1' constant='true'/></listOfReactants>"
    f"<kineticLaw>{MATH}<ci>S</ci></math></kineticLaw></reaction></listOfReactions></model></sbml>"
)
MULTI = HEAD.replace(
    " level=", ' xmlns:multi="http://www.sbml.org/sbml/level3/version1/multi/version1" multi:required="true" level='
)
FBC = HEAD.replace(
    " level=", ' xmlns:fbc="http://www.sbml.org/sbml/level3/version1/fbc/version2" fbc:required="true" level='
)

CASES = (
    # models
    Wrong("Antimony with a syntax error", model("m.ant", "model m\n  S = 1\n  J: S -> ; k*\nend\n"), says="line"),
    Wrong("Antimony that ends early", model("m.ant", "model m\n  S = 1;"), says="Antimony"),
    Wrong("an empty file", model("m.ant", ""), says="empty"),
    Wrong("a file of blanks", model("m.xml", " \n\n"), says="empty"),
    Wrong("a missing file", lambda d: ["check", str(d / "modle.ant")], says="no such file"),
    Wrong("a file in a missing folder", lambda d: ["check", str(d / "nowhere" / "m.ant")], says="no folder"),
    Wrong("a folder instead of a file", lambda d: ["check", str(d)], says="folder"),
    Wrong("a named pipe", lambda d: ["check", fifo(d)], says="pipe"),
    Wrong("a web address", lambda _: ["check", "https://example.org/m.xml"], says="download"),
    Wrong("undecodable bytes", model("m.ant", b"model m\n  k = 1 // \xff\xfe\x80\nend\n"), says="UTF-8"),
    Wrong("NUL bytes", model("m.ant", b"model m\0\nend\n"), says="NUL"),
    Wrong("a zip archive named .xml", model("m.xml", b"PK\x03\x04" + bytes(30)), says="zip"),
    Wrong("truncated SBML", model("m.xml", sbml("<listOfParameters>")[:-40]), says="XML"),
    Wrong("SBML without a model", model("m.xml", HEAD + "</sbml>"), says="model"),
    Wrong("HTML named .xml", model("m.xml", "<html><body>404</body></html>"), says="SBML"),
    Wrong("billion laughs", model("m.xml", LAUGHS), says="DOCTYPE"),
    Wrong("a required package (multi)", model("m.xml", sbml("", MULTI)), says="multi"),
    Wrong("the package fbc, declared required", model("m.xml", sbml("", FBC)), says="fbc"),
    Wrong("a fast reaction", model("m.xml", FAST), says="fast"),
    Wrong("circular initial assignments", model("m.xml", sbml(CYCLE)), says="circular"),
    Wrong("an algebraic rule", simulated(ALGEBRAIC), says="algebraic"),
    Wrong("delay()", simulated(DELAY), says="delay"),
    Wrong("a rule for a symbol there is not", model("m.xml", sbml(GHOST)), says="assignmentRule"),
    Wrong("Antimony that imports itself", importing("m.ant"), says="m.ant"),
    Wrong("an import that is not there", importing("part.ant"), says="part.ant"),
    Wrong("an unknown model of the library", lambda _: ["show", "two_compartmnt"], says="two_compartment"),
    Wrong("the text of a model for a path", lambda _: ["check", "S = 1; J: S -> ; k*S"], says="path"),
    # composition
    Wrong("a port that the part has not", compose(PARTS + '[connect]\n"pd.Cx" = "pk.A"\n'), says="Cx"),
    Wrong("an output that the part has not", compose(PARTS + '[connect]\n"pd.C" = "pk.B"\n'), says="B"),
    Wrong("units that clash", compose(PARTS + '[connect]\n"pd.C" = "pk.k"\n'), says="unit"),
    Wrong("an unknown key of a composition", compose(PARTS + '[conect]\n"pd.C" = "pk.A"\n'), says="connect"),
    Wrong("a part that names no file", compose('id = "both"\n[parts]\npk = 3\n'), says="pk"),
    Wrong("nothing to compose", compose('id = "both"\n'), says="nothing"),
    Wrong("no winner of that name", compose(PARTS + NOBODY), says="winner"),
    # doses and settings
    Wrong("a dose that is NaN", simulate("--dose", "nan mg into A"), says="amount"),
    Wrong("a negative dose", simulate("--dose", "-5 mg into A"), says="negative"),
    Wrong("a dose in an unknown unit", simulate("--dose", "5 mgg into A"), says="mgg"),
    Wrong("a dose in a unit of another kind", simulate("--dose", "5 L into A"), says="L"),
    Wrong("a dose into a symbol there is not", simulate("--dose", "5 mg into B"), says="'B'"),
    Wrong("a dose with a rate and a duration", simulate("--dose", "5 mg into A over 1 h at 5 mg/h"), says="rate"),
    Wrong("a dose per kilogram", simulate("--dose", "5 mg/kg into A"), says="WT"),
    Wrong("a dose that makes no sense", simulate("--dose", "take two in the morning"), says="amount"),
    Wrong("a dose by an unknown formula", simulate("--dose", "[2*WT] mg into A"), says="WT"),
    Wrong("a parameter there is not", simulate("--set", "kk=2"), says="'k'"),
    Wrong("a value that is no number", simulate("--set", "k=fast"), says="fast"),
    Wrong("a value of another kind of unit", simulate("--set", "k=5 L"), says="L"),
    Wrong("a setting without a value", simulate("--set", "k"), says="--set"),
    Wrong("a steady state with a lag beyond its interval", simulate("--dose", "5 mg into A every 12 h x 3 ss lag 13 h"),
          says="lag"),
    Wrong("an infinite value", simulate("--set", "k=inf"), says="finite"),
    Wrong("an observable there is not", simulate("--observe", "AA"), says="AA"),
    Wrong("a malformed formula", simulate("--observe", "A +* k"), says="formula"),
    Wrong("a formula that runs code", simulate("--observe", "__import__('os').getcwd()"), says="formula"),
    Wrong("an observable that mixes units", simulate("--observe", "A + k"), says="unit"),
    Wrong("times out of order", simulate("--times", "0 5 3"), says="order"),
    Wrong("a negative time", simulate("--times=-1 0 1"), code=1, says="negative"),
    Wrong("times in no unit of time", simulate("--times", "0:5 kg by 1"), says="kg"),
    Wrong("times that never end", simulate("--times", "0:1e12 h by 1"), says="long"),
    Wrong("a value that overflows", simulate("--set", "k=-1e300", "--dose", "1 mg into A"), says="failed"),
    # outputs
    Wrong("an output of an unknown kind", simulate("--output", "DIR/x.docx"), says=".csv"),
    Wrong("an output in a folder there is not", simulate("--output", "DIR/no/x.csv"), says="folder"),
    Wrong("a model written as a spreadsheet", lambda d: ["convert", decay(d), str(d / "x.xlsx")], says="suffix"),
    Wrong("a hierarchy as Antimony", lambda d: ["convert", decay(d), str(d / "x.ant"), "--comp"], says="--comp"),
    Wrong("a hierarchy of one part", lambda d: ["convert", decay(d), str(d / "x.xml"), "--comp"], says="not composed"),
    # subjects
    Wrong("subjects with a missing value", subjects("ID,k\n1,0.1\n2,.\n"), says="line 3"),
    Wrong("subjects that appear twice", subjects("ID,k\n1,0.1\n1,0.2\n"), says="line 3"),
    Wrong("text in a column of numbers", subjects("ID,k\n1,0.1\n2,fast\n"), says="'fast'"),
    Wrong("a row that is too long", subjects("ID,k\n1,0.1\n2,0.1,7\n"), says="line 3"),
    Wrong("a column named nearly as a symbol", subjects("ID,K\n1,0.1\n"), says="'k'"),
    Wrong("subjects without rows", subjects("ID,k\n"), says="no rows"),
    Wrong("a workbook for a table", subjects(b"PK\x03\x04" + bytes(40)), says="Excel"),
    # studies
    Wrong("a study that is not TOML", study("study: yes\n"), says="TOML"),
    Wrong("a study without an id", study("[study]\n"), says="id"),
    Wrong("a key that is misspelt", study(STUDY.replace("times =", "tiems =")), says="tiems"),
    Wrong("an unknown key", study(STUDY.replace("[model]", "[model]\nversion = 2")), says="version"),
    Wrong("an unknown section", study(STUDY + "[exposre]\n"), says="exposure"),
    Wrong("a value of the wrong kind", study(STUDY.replace('"0:24 h by 1"', "24")), says="times"),
    Wrong("a regimen that cannot be read", study(STUDY.replace("100 mg into A", "100 mg in A")), says="the arm 'one'"),
    Wrong("two arms of one name", study(STUDY + '[[arms]]\nid = "one"\n'), says="one"),
    Wrong("a figure of an unknown observable", study(STUDY + '[[figures]]\nobservables = ["B"]\n'), says="known: A"),
    Wrong("a study whose model is missing", study(STUDY.replace("decay.ant", "decoy.ant")), says="decay.ant"),
    Wrong("a study whose table is missing", study(STUDY + PEOPLE), says="people.csv"),
    Wrong("a study whose table lacks the column", study(STUDY + PEOPLE, "ID,KK\n1,2\n"), says="KE"),
    Wrong("a value that changes within a subject", study(STUDY + PEOPLE, "ID,KE\n1,2\n1,3\n"), says="line 3"),
    Wrong("a study as a folder", lambda d: [study(STUDY)(d)[0], str(d)], says="study.toml"),
    Wrong("a lock that is no lock", lambda d: ["run", file(d, "lock.json", "{}")], says="lock"),
    Wrong("results over somebody's work", in_the_way, says="not the results"),
    Wrong("results over a file", file_in_the_way, says="file"),
    Wrong("results where nothing can be written", no_room, says="written"),
    # data sets
    Wrong("data that are not there", lambda _: ["data", "nowhere.csv"], says="no such file"),
    Wrong("data without ID", data("subject,TIME,AMT,DV\n1,0,100,.\n"), says="no column ID"),
    Wrong("a column of data that is not there", data(RECORDS, "--column", "DV=conk"), says="did you mean 'conc'"),
    Wrong("a pair of data that is none", data(RECORDS, "--column", "DV"), says="NAME="),
    Wrong("a pair of data given twice", data(RECORDS, "-u", "AMT=mg", "AMT=g"), says="twice"),
    Wrong("a unit of data that is none", data(RECORDS, "--column", "DV=conc", "--unit", "AMT=mgg"), says="mgg"),
    Wrong("a formula of data that is none", data(RECORDS, "--derive", "DV=conc*"), says="DV"),
    Wrong("a dose below zero in data", data(RECORDS.replace("100", "-100"), "-c", "DV=conc"), says="-100"),
    Wrong("data as bytes", lambda d: ["data", file(d, "data.csv", b"\x89PNG\r\n")], says="UTF-8"),
    Wrong("data written to a picture", data(RECORDS, "-c", "DV=conc", "-o", "DIR/a.png"), says=".csv"),
    Wrong("no data", lambda _: ["data"], 2, "FILE"),
    # usage
    Wrong("no command", lambda _: [], 2, "COMMAND"),
    Wrong("an unknown command", lambda _: ["simulat"], 2, "simulat"),
    Wrong("an option without a value", lambda d: ["simulate", decay(d), "--times"], 2, "--times"),
    Wrong("an unknown option", lambda d: ["check", decay(d), "--fix"], 2, "--fix"),
    Wrong("no model", lambda _: ["check"], 2, "MODEL"),
)  # fmt: skip


def attempt(case: Wrong) -> tuple[int, str, str]:
    """Run one case in a fresh folder; return exit code, standard error and standard output."""
    folder = Path(tempfile.mkdtemp(prefix="wrong_"))
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(case.command(folder))
        return code, err.getvalue().replace(str(folder), "…"), out.getvalue()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def show() -> None:
    """Print every input, its exit code and its message."""
    for number, case in enumerate(CASES, 1):
        code, message, _ = attempt(case)
        text = textwrap.fill(message.strip(), 110, initial_indent="     ", subsequent_indent="     ")
        sys.stdout.write(f"{number:3}  {case.name} → {code}\n{text}\n")


if __name__ == "__main__":
    show()
