"""Hierarchical SBML that reaches for other files, for itself, or for more than there is room for."""

from __future__ import annotations

from tests.hostile import Files, Grounds, hostile
from tests.hostile.texts import COMP, CORE, HEAD, parameters

SBML = {"act": "sbml", "suffix": ".xml"}


def composed(top: str = "", *, definitions: str = "", external: str = "") -> str:
    inner = f"<comp:listOfModelDefinitions>{definitions}</comp:listOfModelDefinitions>" if definitions else ""
    outer = f"<comp:listOfExternalModelDefinitions>{external}</comp:listOfExternalModelDefinitions>" if external else ""
    return f'{HEAD}<sbml {CORE} {COMP}><model id="m">{parameters("k")}{top}</model>{inner}{outer}</sbml>'


def parts(*names: str, of: str) -> str:
    each = "".join(f'<comp:submodel comp:id="{n}" comp:modelRef="{of}"/>' for n in names)
    return f"<comp:listOfSubmodels>{each}</comp:listOfSubmodels>"


def definition(name: str, inside: str = "") -> str:
    return f'<comp:modelDefinition id="{name}">{parameters("k")}{inside}</comp:modelDefinition>'


@hostile("other files of a hierarchy", **SBML)
def external() -> Files:
    def pipe(grounds: Grounds) -> str:
        import os

        path = grounds.folder / "pipe.xml"
        if hasattr(os, "mkfifo"):
            os.mkfifo(path)
        return str(path)

    sources = {
        "a model beside": lambda g: (g.secret / "secret.xml").as_uri(),
        "a path": lambda g: str(g.secret / "secret.xml"),
        "a path upwards": lambda g: "../" * 12 + str(g.secret / "secret.xml").lstrip("/"),
        "passwords": lambda _: "/etc/passwd",
        "a device": lambda _: "/dev/zero",
        "a pipe": pipe,
        "the web": lambda g: f"{g.web}/model.xml",
        "itself": lambda g: str(g.folder / "file.xml"),
        "a registry": lambda _: "urn:miriam:biomodels.db:BIOMD0000000001",
    }
    for name, source in sources.items():
        for used in (True, False):
            top = parts("a", of="x") if used else ""
            yield (
                name + ("" if used else ", unused"),
                lambda g, s=source, t=top: composed(
                    t, external=f'<comp:externalModelDefinition comp:id="x" comp:source="{s(g)}" comp:modelRef="m"/>'
                ),
            )


@hostile("submodels", **SBML)
def submodels() -> Files:
    yield "a model of itself", composed(parts("a", of="m"))
    yield "a definition of itself", composed(parts("a", of="d"), definitions=definition("d", parts("b", of="d")))
    two = definition("d", parts("b", of="e")) + definition("e", parts("b", of="d"))
    yield "two of each other", composed(parts("a", of="d"), definitions=two)
    for levels in (10, 30):
        chain = "".join(definition(f"d{i}", parts("a", "b", of=f"d{i - 1}")) for i in range(1, levels))
        yield f"2 to the {levels}", composed(parts("a", "b", of=f"d{levels - 1}"), definitions=definition("d0") + chain)
    row = "".join(definition(f"d{i}", parts("a", of=f"d{i - 1}")) for i in range(1, 300))
    yield "300 deep", composed(parts("a", of="d299"), definitions=definition("d0") + row)
    yield (
        "5,000 beside each other",
        composed(parts(*(f"a{i}" for i in range(5_000)), of="d"), definitions=definition("d")),
    )
    yield "no such definition", composed(parts("a", of="nothing"))
    yield "two of one id", composed(parts("a", "a", of="d"), definitions=definition("d"))
    delete = '<comp:listOfDeletions><comp:deletion comp:idRef="nothing"/></comp:listOfDeletions>'
    inside = parts("a", of="d").replace(
        "/></comp:listOfSubmodels>", f">{delete}</comp:submodel></comp:listOfSubmodels>"
    )
    yield "a deletion of nothing", composed(inside, definitions=definition("d"))
    port = '<comp:listOfPorts><comp:port comp:id="p" comp:idRef="nothing"/></comp:listOfPorts>'
    yield "a port of nothing", composed(parts("a", of="d") + port, definitions=definition("d"))
    factor = parts("a", of="d").replace("/></", ' comp:timeConversionFactor="nothing"/></')
    yield "a factor that is missing", composed(factor, definitions=definition("d"))
    for ref in ("a", "k", "nothing"):
        replaced = (
            '<comp:listOfReplacedElements><comp:replacedElement comp:submodelRef="a" comp:idRef="'
            f'{ref}"/></comp:listOfReplacedElements>'
        )
        text = composed(parts("a", of="d"), definitions=definition("d"))
        yield f"'{ref}' replaced", text.replace('constant="false"/>', f'constant="false">{replaced}</parameter>', 1)
    mutual = (
        '<comp:replacedBy comp:submodelRef="a" comp:idRef="k"/>'
        '<comp:listOfReplacedElements><comp:replacedElement comp:submodelRef="a" comp:idRef="k"/>'
        "</comp:listOfReplacedElements>"
    )
    text = composed(parts("a", of="d"), definitions=definition("d"))
    yield (
        "replaced by what it replaces",
        text.replace('constant="false"/>', f'constant="false">{mutual}</parameter>', 1),
    )
