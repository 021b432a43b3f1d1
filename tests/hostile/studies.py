"""Studies, populations and compositions in TOML that are deep, reach elsewhere, or ask for more than there is."""

from __future__ import annotations

import os

from tests.hostile import MARK, Files, Grounds, hostile

STUDY = {"act": "study", "suffix": ".toml"}
GOOD = """[study]
id = "s"
[model]
file = "m.ant"
[simulation]
times = "0:1 s by 1"
[[arms]]
id = "one"
"""
MODEL = "model m\n  unit time_unit = second\n  S = 1; J: S -> ; k*S; k = 0.1\nend\n"


def study(text: str):
    """A study beside its model."""

    def make(grounds: Grounds) -> str:
        (grounds.folder / "m.ant").write_text(MODEL)
        (grounds.folder / "people.csv").write_text("ID,K\n1,0.1\n")
        given = text.replace("SECRET", str(grounds.secret)).replace("WEB", grounds.web)
        return given.replace("UP", os.path.relpath(grounds.secret, grounds.folder))

    return make


@hostile("studies: TOML", **STUDY)
def toml() -> Files:
    for levels in (1_000, 100_000):
        yield f"{levels:,} lists", study("a = " + "[" * levels)
        yield f"{levels:,} closed lists", study("a = " + "[" * levels + "]" * levels)
        yield f"{levels:,} tables", study("a = " + "{b = " * levels)
        yield f"{levels:,} dots", study("a" + ".b" * levels + " = 1")
        yield f"{levels:,} headers", study("".join(f"[a{i}]\n" for i in range(levels)))
        yield f"{levels:,} dots of a header", study("[a" + ".b" * levels + "]")
        yield f"{levels:,} dots between quotation marks", study('"a]"' + " . 'b c'" * levels + " = 1")
    yield "a large number", study(GOOD + "\n[changes]\nk = 1" + "0" * 100_000)
    yield "a large number of 16", study(GOOD.replace("times", "seed = 0x1" + "0" * 100_000 + "\ntimes"))
    yield "a long text", study(GOOD + f'\ntitle = "{"x" * 10_000_000}"')
    yield "an open text", study(GOOD + '\ntitle = """' + "x" * 1_000_000)
    yield "a key twice", study(GOOD + '\nid = "two"')
    yield "NUL", study(GOOD + '\ntitle = "\0"')
    yield "no TOML", study("study: {id: s}")
    yield "no key that is known", study('[__class__]\n__init__ = "x"')
    yield "cut short", study(GOOD[:60])
    yield "escapes of a terminal", study(GOOD.replace('"one"', f'"\\u001b]0;{MARK}\\u0007"'))


@hostile("studies: files elsewhere", **STUDY)
def elsewhere() -> Files:
    places = {
        "a path": "SECRET/{}",
        "a path upwards": "UP/{}",
        "the web": "WEB/{}",
        "a file address": "file://SECRET/{}",
    }
    people = '[subjects]\nfile = "{}"\nid = "ID"\ncolumns = {{k = "K"}}\n'
    data = '[data]\nfile = "{}"\nid = "ID"\ntime = "TIME"\nobservations = {{S = "S"}}\n'
    drawn = '[population]\nfile = "{}"\nsize = 2\n'
    for name, place in places.items():
        yield f"a model by {name}", study(GOOD.replace("m.ant", place.format("secret.ant")))
        yield f"SBML by {name}", study(GOOD.replace("m.ant", place.format("secret.xml")))
        yield f"subjects by {name}", study(GOOD + people.format(place.format("secret.csv")))
        yield f"data by {name}", study(GOOD + data.format(place.format("secret.csv")))
        yield f"a population by {name}", study(GOOD + drawn.format(place.format("secret.toml")))
    yield "passwords as subjects", study(GOOD + people.format("/etc/passwd"))
    yield "a device as subjects", study(GOOD + people.format("/dev/zero"))

    def linked(grounds: Grounds) -> str:
        (grounds.folder / "link.csv").symlink_to(grounds.secret / "secret.csv")
        return study(GOOD + people.format("link.csv"))(grounds)

    yield "subjects by a link", linked
    for name in ("../evil", "/tmp/evil", "..", ".", "a/b", "a\\\\b", "", "x" * 300, "con", "a\\u0000b", "~"):
        yield f"called {name[:12]!r}", study(GOOD.replace('id = "s"', f'id = "{name}"'))
        yield f"a figure called {name[:12]!r}", study(GOOD + f'[[figures]]\nid = "{name}"\n')


@hostile("studies: more than there is room for", **STUDY)
def too_much() -> Files:
    for times in (
        "0:1e12 s by 1e-9",
        "0:1e308 s by 1",
        "0:1 s by 0",
        "0:1 s by -1",
        "0:nan s by 1",
        "0:inf s by 1",
        "1:0 s by 1",
        "0:1 s by 1e-300",
    ):
        yield f"times {times}", study(GOOD.replace("0:1 s by 1", times))
    for dose in (
        "1 into S every 1e-9 s x 1000000000",
        "1 into S every 1 s x 1e300",
        "1e400 into S",
        "1 into S " * 10_000,
        "1 into S over 1e-300 s",
        "1 into S at -5 s",
        "1 into S every 0 s x 5",
        "(" * 10_000,
        "[" * 10_000 + "k",
        "[9^9^9^9] into S",
        "[k" + "*k" * 50_000 + "] into S",
    ):
        yield f"a dose of {dose[:30]!r}", study(GOOD + f'regimen = "{dose}"\n')
    for formula in (
        "(" * 5_000 + "S",
        "S" + "+S" * 50_000,
        "9^9^9^9^9",
        "__import__('os').system('touch evil')",
        "S.__class__",
        "S" + "^S" * 2_000,
        "lambda: 0",
        "exec",
        "factorial(1e9)",
        "-" * 5_000 + "S",
        "x" * 100_000,
    ):
        yield f"an observable {formula[:30]!r}", study(GOOD + f'[[observables]]\nid = "o"\nformula = "{formula}"\n')
    yield "a seed", study(GOOD.replace("times", "seed = 99999999999999999999999\ntimes"))
    yield "50,000 arms", study(GOOD + "".join(f'[[arms]]\nid = "a{i}"\n' for i in range(50_000)))
    yield "tolerances", study(GOOD.replace("times", "relative_tolerance = 1e-300\ntimes"))
    yield "no tolerances", study(GOOD.replace("times", "relative_tolerance = 0\ntimes"))
    yield "jumps", study(GOOD.replace("times", 'method = "ssa"\nmax_jumps = 1000000000000000000000\ntimes'))


@hostile("populations", act="population", suffix=".toml")
def populations() -> Files:
    yield "nothing", ""
    yield "deep", "a = " + "[" * 100_000
    yield "people elsewhere", lambda g: f'people = "{g.secret}/secret.csv"\n'
    yield "people upwards", lambda g: f'people = "{os.path.relpath(g.secret, g.folder)}/secret.csv"\n'
    yield "people of a device", 'people = "/dev/zero"\n'
    yield "a formula of Python", "[parameters]\nCL = \"__import__('os').system('touch evil')\"\n"
    yield "a long formula", f'[parameters]\nCL = "{"1+" * 100_000}1"\n'
    yield "a deep formula", f'[parameters]\nCL = "{"(" * 20_000}"\n'
    yield "a variance below zero", '[parameters]\nCL = 1\n[variability.CL]\nkind = "log-normal"\ncv = -1\n'
    yield "an endless variance", '[parameters]\nCL = 1\n[variability.CL]\nkind = "log-normal"\ncv = 1e300\n'
    yield "no number", '[parameters]\nCL = nan\n[variability.CL]\nkind = "log-normal"\ncv = 0.3\n'
    yield (
        "a matrix that is none",
        (
            '[parameters]\nA = 1\nB = 1\n[variability.A]\nkind = "log-normal"\ncv = 0.3\n[variability.B]\n'
            'kind = "log-normal"\ncv = 0.3\n[correlations]\n"A, B" = 1.5\n'
        ),
    )
    names = "\n".join(f"p{i} = 1" for i in range(20_000))
    yield "20,000 parameters", f"[parameters]\n{names}\n"
    yield "an unknown kind", '[parameters]\nCL = 1\n[variability.CL]\nkind = "__class__"\n'


@hostile("compositions", act="composition", suffix=".toml")
def compositions() -> Files:
    for name, part in {
        "a path": "SECRET/secret.ant",
        "upwards": "UP/secret.ant",
        "the web": "WEB/secret.ant",
        "itself": "file.toml",
        "a device": "/dev/zero",
        "passwords": "/etc/passwd",
        "nothing": "",
    }.items():
        yield f"a part by {name}", study(f'id = "c"\n[parts]\na = "{part}"\n')
    yield "deep", study("id = 'c'\n[parts]\na = " + "[" * 100_000)
    yield "5,000 parts", study('id = "c"\n[parts]\n' + "".join(f'a{i} = "m.ant"\n' for i in range(5_000)))
    yield "a link to itself", study('id = "c"\n[parts]\na = "m.ant"\n[connect]\n"a.k" = "a.k"\n')
    yield "deep dots", study('id = "c"\n[parts]\na = "m.ant"\n[set]\na' + ".k" * 5_000 + " = 1\n")
    yield "a name elsewhere", study('id = "../evil"\n[parts]\na = "m.ant"\n')
