"""Archives, SED-ML and PEtab of strangers, for readers that are there."""

from __future__ import annotations

import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

from tests.hostile import Files, Grounds, hostile
from tests.hostile.paths import zipped
from tests.hostile.texts import GOOD, HEAD

OMEX = {"act": "read_combine", "suffix": ".omex"}
SEDML = {"act": "read_sedml", "suffix": ".sedml"}
MANIFEST = (
    f'{HEAD}<omexManifest xmlns="http://identifiers.org/combine.specifications/omex-manifest">'
    '<content location="." format="http://identifiers.org/combine.specifications/omex"/>{}</omexManifest>'
)
SED = (
    f'{HEAD}<sedML xmlns="http://sed-ml.org/sed-ml/level1/version4" level="1" version="4"><listOfModels>'
    '<model id="m" language="urn:sedml:language:sbml" source="{source}">{changes}</model></listOfModels>'
    '<listOfSimulations><uniformTimeCourse id="s" initialTime="0" outputStartTime="0" outputEndTime="{end}" '
    'numberOfSteps="{steps}"><algorithm kisaoID="KISAO:0000019"/></uniformTimeCourse></listOfSimulations>'
    '<listOfTasks><task id="t" modelReference="m" simulationReference="s"/>{tasks}</listOfTasks>'
    '<listOfDataGenerators><dataGenerator id="d"><listOfVariables><variable id="v" taskReference="{run}" '
    "target=\"/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']\"/></listOfVariables>"
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><ci>v</ci></math></dataGenerator></listOfDataGenerators>'
    '<listOfOutputs><report id="r"><listOfDataSets><dataSet id="x" label="S" dataReference="d"/></listOfDataSets>'
    "</report></listOfOutputs></sedML>"
)


def content(location: str, form: str = "http://identifiers.org/combine.specifications/sbml", master: str = "") -> str:
    return f'<content location="{location}" format="{form}"{master}/>'


def archive(*entries: tuple[str, str | bytes], listed: str | None = None) -> bytes:
    manifest = MANIFEST.format("".join(content(f"./{n}") for n, _ in entries) if listed is None else listed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return zipped(
            ("manifest.xml", manifest.encode()), *((n, d if isinstance(d, bytes) else d.encode()) for n, d in entries)
        )


@hostile("COMBINE archives", **OMEX)
def archives() -> Files:
    model = ("model.xml", GOOD)
    for name in (
        "../evil.xml",
        "/tmp/evil.xml",
        "a/../../evil.xml",
        "..\\evil.xml",
        "C:\\evil.xml",
        "x" * 300,
        "a\0b",
        ".",
        "con",
        "a\nb",
        "~/evil.xml",
        "manifest.xml",
    ):
        yield f"an entry {name[:16]!r}", archive(model, (name, GOOD))
    yield "two of one name", archive(model, model)
    yield "two but for the case", archive(model, ("MODEL.XML", "other"))
    yield "a bomb", archive(model, ("bomb.txt", b"x" * 300_000_000))
    yield "50,000 entries", archive(model, *((f"f{i}", "x") for i in range(50_000)))
    yield "an archive in an archive", archive(("inner.omex", archive(model)))
    yield "no manifest", zipped(("model.xml", GOOD.encode()))
    yield "a manifest of nothing", archive(model, listed="")
    yield "a manifest of what is missing", archive(model, listed=content("./missing.xml"))
    yield "a manifest of the web", lambda g: archive(model, listed=content(f"{g.web}/model.xml"))
    yield "a manifest of files elsewhere", lambda g: archive(model, listed=content(f"{g.secret}/secret.xml"))
    yield "a manifest upwards", archive(model, listed=content("../../secret/secret.xml"))

    yield (
        "billion laughs",
        zipped(("manifest.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><omexManifest/>'), ("model.xml", GOOD.encode())),
    )
    yield "a hostile model", archive(("model.xml", f'<!DOCTYPE a [<!ENTITY b "c">]>{GOOD}'))
    good = archive(model)
    for at in (10, len(good) // 2, len(good) - 5):
        yield f"cut after {at} bytes", good[:at]
        changed = bytearray(good)
        changed[at] ^= 0xFF
        yield f"byte {at} changed", bytes(changed)

    def link(grounds: Grounds) -> Path:
        path = grounds.folder / "file.omex"
        with zipfile.ZipFile(path, "w") as out:
            out.writestr("manifest.xml", MANIFEST.format(content("./model.xml")))
            entry = zipfile.ZipInfo("model.xml")
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
            out.writestr(entry, str(grounds.secret / "secret.xml"))
        return path

    yield "an entry that is a link", link
    lying = bytearray(archive(model, ("zeros.txt", b"0" * 100_000)))
    at = lying.rindex(b"PK\x01\x02")
    lying[at + 24 : at + 28] = (10).to_bytes(4, "little")
    yield "an entry of another size than it says", bytes(lying)


def sed(
    source: str = "m.xml", *, changes: str = "", tasks: str = "", end: str = "1", steps: str = "10", run: str = "t"
) -> str:
    return SED.format(source=source, changes=changes, tasks=tasks, end=end, steps=steps, run=run)


def beside(text: str) -> Callable[[Grounds], str]:
    def make(grounds: Grounds) -> str:
        (grounds.folder / "m.xml").write_text(GOOD)
        return text.replace("SECRET", str(grounds.secret)).replace("WEB", grounds.web)

    return make


@hostile("SED-ML that is good", right=True, **SEDML)
def good_sedml() -> Files:
    yield "plain", beside(sed())


@hostile("COMBINE archives that are good", right=True, **OMEX)
def good_archives() -> Files:
    listed = content("./model.xml") + content("./run.sedml", "http://identifiers.org/combine.specifications/sed-ml")
    yield "plain", archive(("model.xml", GOOD), ("run.sedml", sed("model.xml")), listed=listed)


@hostile("SED-ML", **SEDML)
def sedml() -> Files:
    for name, source in {
        "the web": "WEB/model.xml",
        "a path": "SECRET/secret.xml",
        "a file address": "file://SECRET/secret.xml",
        "upwards": "../../secret/secret.xml",
        "a device": "/dev/zero",
        "itself": "#m",
        "a registry": "urn:miriam:biomodels.db:BIOMD0000000001",
        "nothing": "",
    }.items():
        yield f"a model of {name}", beside(sed(source))
    yield "billion laughs", beside('<!DOCTYPE a [<!ENTITY b "c">]>' + sed().removeprefix(HEAD))
    for path in (
        "//*" * 200,
        "//*[//*[//*[//*[//*]]]]",
        "document('file:///etc/passwd')",
        "(" * 10_000,
        "/sbml:sbml" * 5_000,
        "unparsed-text('/etc/passwd')",
    ):
        change = f'<listOfChanges><changeAttribute target="{path}" newValue="1"/></listOfChanges>'
        yield f"a change of {path[:24]!r}", beside(sed(changes=change))
    for steps in ("1000000000", "-1", "0", "NaN", "99999999999999999999"):
        yield f"{steps} steps", beside(sed(steps=steps))
    for end in ("1e308", "-1", "NaN", "INF"):
        yield f"to {end}", beside(sed(end=end))
    each = (
        '<repeatedTask id="r{i}" range="a" resetModel="true"><listOfRanges><uniformRange id="a" start="0" end="1" '
        'numberOfSteps="1000" type="linear"/></listOfRanges>'
        '<listOfSubTasks><subTask order="1" task="{of}"/></listOfSubTasks></repeatedTask>'
    )
    yield "a thousand times itself", beside(sed(tasks=each.format(i=1, of="r1"), run="r1"))
    nested = "".join(each.format(i=i, of=f"r{i - 1}" if i else "t") for i in range(5))
    yield "a thousand to the fifth", beside(sed(tasks=nested, run="r4"))
    endless = each.format(i=1, of="t").replace('"1000"', '"1000000000000"')
    yield "a million million times", beside(sed(tasks=endless, run="r1"))
    math = (
        '<math xmlns="http://www.w3.org/1998/Math/MathML">'
        + "<apply><abs/>" * 5_000
        + "<cn>1</cn>"
        + "</apply>" * 5_000
        + "</math>"
    )
    deep = f'<listOfChanges><computeChange target="/sbml:sbml">{math}</computeChange></listOfChanges>'
    yield "a deep formula", beside(sed(changes=deep))
    yield (
        "deep",
        beside(
            sed().replace("<listOfTasks>", "<notes>" + "<p>" * 100_000 + "</p>" * 100_000 + "</notes><listOfTasks>")
        ),
    )
    yield "cut short", beside(sed()[:300])


PETAB = {"act": "read_petab", "suffix": ".yaml"}
YAML = (
    "format_version: 1\nparameter_file: {parameters}\nproblems:\n- condition_files: [c.tsv]\n"
    "  measurement_files: [m.tsv]\n  observable_files: [o.tsv]\n  sbml_files: [{model}]\n"
)
SHEETS = {
    "m.xml": GOOD,
    "p.tsv": "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\nk\tlin\t0\t1\t0.1\t1\n",
    "c.tsv": "conditionId\nc0\n",
    "o.tsv": "observableId\tobservableFormula\tnoiseFormula\noS\tS\t1\n",
    "m.tsv": "observableId\tsimulationConditionId\tmeasurement\ttime\noS\tc0\t1\t0\n",
}


def problem(
    text: str = "", *, model: str = "m.xml", parameters: str = "p.tsv", **sheets: str
) -> Callable[[Grounds], str]:
    def make(grounds: Grounds) -> str:
        for name, inside in {**SHEETS, **{f"{k}.tsv": v for k, v in sheets.items()}}.items():
            (grounds.folder / name).write_text(inside)
        whole = text or YAML.format(model=model, parameters=parameters)
        return whole.replace("SECRET", str(grounds.secret)).replace("WEB", grounds.web)

    return make


@hostile("PEtab that is good", right=True, **PETAB)
def good_petab() -> Files:
    yield "plain", problem()


@hostile("PEtab", **PETAB)
def petab() -> Files:
    good = YAML
    for name, place in {
        "the web": "WEB/x.xml",
        "a path": "SECRET/secret.xml",
        "upwards": "../../secret/secret.xml",
        "a device": "/dev/zero",
        "passwords": "/etc/passwd",
    }.items():
        yield f"a model of {name}", problem(model=place)
        yield f"parameters of {name}", problem(parameters=place)
    yield "a program", problem("!!python/object/apply:os.system ['touch evil']\n")
    yield (
        "a program inside",
        problem(good.format(model="m.xml", parameters="!!python/object/apply:os.system ['touch evil']")),
    )
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
    yield "billion laughs", problem(laughs + good.format(model="m.xml", parameters="p.tsv"))
    yield "itself", problem("a: &a [*a]\n")
    yield "deep", problem("[" * 100_000)
    yield "no mapping", problem("- a\n- b\n")
    for formula in (
        "__import__('os').system('touch evil')",
        "(" * 5_000,
        "S" + "+S" * 50_000,
        "9^9^9^9^9",
        "S.__class__",
    ):
        sheet = SHEETS["o.tsv"].replace("\tS\t", f"\t{formula}\t")
        yield f"an observable {formula[:24]!r}", problem(o=sheet)
    yield "a sheet that is a program", problem(m="=cmd|' /C calc'!A0\n")
    yield "a bound too large", problem(p=SHEETS["p.tsv"].replace("\t1\t0.1", "\t1e400\t0.1"))
    yield "a time too large", problem(m=SHEETS["m.tsv"].replace("\t1\t0\n", "\t1\t1e300\n"))
    yield "a million columns", problem(c="conditionId" + "\tk" * 1_000_000 + "\nc0" + "\t1" * 1_000_000 + "\n")
    yield "NUL", problem(good.format(model="m.xml", parameters="p\\0.tsv"))
