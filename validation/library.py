"""What holds for every model of the library, as checks that return complaints.

    python -m validation.library [ID ...]

Each check is proven on a deliberately broken miniature in ``tests/test_library.py``.
"""

from __future__ import annotations

import html
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import antimony
import libsbml
import numpy as np
import pandas as pd
import roadrunner

import sbmlqsp as qsp
from sbmlqsp.antimony_module import DIRECTIVE
from sbmlqsp.equivalence import differences
from sbmlqsp.runner import IMPOSSIBLE

__all__ = ["CHECKS", "Item", "complaints", "items"]

MODELS = Path(__file__).resolve().parents[1] / "models"
RESERVED = frozenset(
    "time simulate avogadro inf infinity nan notanumber pi exponentiale reset delay rateof min max and or not xor "
    "quotient rem implies true false sin cos exp ln log abs floor ceil factorial root piecewise".split()
)
ID = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
UNITS_OF_MODEL = ("Time", "Substance", "Extent", "Volume")
WORDS = ("title", "purpose", "equations", "assumptions", "not_for", "references", "cases")


@dataclass(frozen=True)
class Item:
    """One model of the library: its files, and what they say."""

    path: Path
    card_path: Path

    @property
    def id(self) -> str:
        """The name of the file."""
        return self.path.stem

    @property
    def is_system(self) -> bool:
        """Whether it joins modules."""
        return "import" in self.text

    @cached_property
    def text(self) -> str:
        """The Antimony."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def card(self) -> dict[str, Any]:
        """The card."""
        return tomllib.loads(self.card_path.read_text(encoding="utf-8"))

    @cached_property
    def model(self) -> qsp.Model:
        """The model as the package reads it."""
        return qsp.read_antimony(self.path)

    @cached_property
    def sbml(self) -> str:
        """A module as Antimony itself translates it; a system as the package does."""
        if self.is_system:
            return self.model.sbml
        antimony.clearPreviousLoads()
        if antimony.loadAntimonyString(self.text) < 0:
            raise ValueError(antimony.getLastError())
        text = str(antimony.getSBMLString(antimony.getMainModuleName()))
        antimony.clearPreviousLoads()
        antimony.freeAll()
        return text

    @cached_property
    def document(self) -> Any:
        """The SBML document; kept, since its parts die with it."""
        return libsbml.readSBMLFromString(self.sbml)

    def elements(self) -> Iterator[Any]:
        """Every species, parameter, compartment and reaction."""
        m = self.document.getModel()
        lists = (m.getListOfSpecies(), m.getListOfParameters(), m.getListOfCompartments(), m.getListOfReactions())
        yield from (e for one in lists for e in one)


def items(root: Path = MODELS) -> list[Item]:
    """Return every model of the library."""
    modules = [Item(p, p.with_suffix(".toml")) for p in sorted(root.glob("modules/*/*.ant"))]
    systems = [
        Item(p, p.with_name("card.toml")) for p in sorted(root.glob("systems/*/*.ant")) if p.stem == p.parent.name
    ]
    return modules + systems


# --------------------------------------------------------------------------------------------------------- the SBML
def valid(item: Item) -> Iterator[str]:
    """No error and no warning of libSBML: units, modelling practice and SBO included."""
    document = item.document.clone()
    categories = (
        libsbml.LIBSBML_CAT_UNITS_CONSISTENCY,
        libsbml.LIBSBML_CAT_MODELING_PRACTICE,
        libsbml.LIBSBML_CAT_SBO_CONSISTENCY,
    )
    for category in categories:
        document.setConsistencyChecks(category, True)
    document.checkConsistency()
    for i in range(document.getNumErrors()):
        yield " ".join(document.getError(i).getMessage().split())


def declares_units(item: Item) -> Iterator[str]:
    """The model declares its four units, and every quantity and bare number has one."""
    m = item.document.getModel()
    for kind in UNITS_OF_MODEL:
        if not getattr(m, f"isSet{kind}Units")():
            yield f"the model declares no {kind.lower()} unit"
    for p in m.getListOfParameters():
        if not p.isSetUnits():
            yield f"{p.getId()} has no unit"
    issues = qsp.check(item.model)
    for row in issues[issues["severity"] != "info"].itertuples():
        yield f"check: {row.severity} {row.code} {row.where}: {row.message}"
    for row in issues[issues["code"].str.contains("undeclared")].itertuples():
        yield f"check: {row.where}: {row.message}"


def named(item: Item) -> Iterator[str]:
    """Every symbol has a proper id and says what it is."""
    if not item.is_system and item.document.getModel().getId() != item.id:
        yield f"the model is called {item.document.getModel().getId()}"
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", item.id):
        yield f"{item.id} is not snake_case"
    for e in item.elements():
        own = e.getId().rpartition("__")[2]
        if not e.isSetName() or e.getName() == e.getId():
            yield f"{e.getId()} has no display name"
        if not ID.fullmatch(own) or own.lower() in RESERVED:
            yield f"{e.getId()} is no proper id"


def annotated(item: Item) -> Iterator[str]:
    """Every symbol has an SBO term; the notes are the card's purpose; the references are linked."""
    for e in item.elements():
        if not e.isSetSBOTerm():
            yield f"{e.getId()} has no SBO term"
    m = item.document.getModel()
    body = " ".join(re.sub(r"<[^>]+>", " ", m.getNotesString()).split()) if m.isSetNotes() else ""
    body = html.unescape(body)
    if body != " ".join(item.card["purpose"].split()):
        yield f"the model's notes are not the card's purpose: {body!r}"
    linked = [
        t.getResourceURI(i)
        for t in (m.getCVTerm(k) for k in range(m.getNumCVTerms()))
        if t.getBiologicalQualifierType() == libsbml.BQB_IS_DESCRIBED_BY
        for i in range(t.getNumResources())
    ]
    dois = [f"https://doi.org/{r['doi']}" for r in item.card["references"] if "doi" in r]
    for one in sorted(set(linked) ^ set(dois)):
        yield f"{one} is {'only in the card' if one in dois else 'only in the model'}"


def ported(item: Item) -> Iterator[str]:
    """Every argument is a port with a direction."""
    header = re.search(r"^model\s+\*?\w+\(([^)]*)\)", item.text, re.MULTILINE)
    arguments = header[1].replace(",", " ").split() if header else []
    directed = [name for _, names in DIRECTIVE.findall(item.text) for name in re.split(r"\s*,\s*", names.strip())]
    for name in sorted(set(arguments) ^ set(directed)):
        yield f"{name} is {'an argument without a direction' if name in arguments else 'directed but no argument'}"
    for name in {n for n in directed if directed.count(n) > 1}:
        yield f"{name} has two directions"


def one_way(item: Item) -> Iterator[str]:
    """No reaction is reversible: a stochastic run must see both ways."""
    for r in item.document.getModel().getListOfReactions():
        if r.getReversible():
            yield f"{r.getId()} is reversible; write => and a second reaction"


# --------------------------------------------------------------------------------------------------------- the card
def carded(item: Item) -> Iterator[str]:
    """The card has every part, and sources every number of the model and nothing else."""
    for word in WORDS:
        if not item.card.get(word):
            yield f"the card has no {word}"
    given = set(re.findall(r"^ *(?:compartment +)?(\w+) = [-+.\d]", item.text, re.MULTILINE))
    states = set(re.findall(r"species +(\w+) +in", item.text))
    sourced = item.card.get("parameters", {})
    for name in sorted(set(sourced) ^ (given - states)):
        yield f"{name} {'has a source but no number' if name in sourced else 'has a number but no source'}"
    for name, about in sourced.items():
        if not about.get("source"):
            yield f"{name} has an empty source"
        for fact in {"value", "unit"} & set(about):
            yield f"the card repeats the {fact} of {name}"
    for r in item.card.get("references", []):
        if not r.get("citation") or not r.get("cited_for"):
            yield f"a reference lacks its citation or what it is cited for: {r}"
        if "doi" in r and not re.fullmatch(r"10\.\d{4,9}/\S+", r["doi"]):
            yield f"{r['doi']} is no DOI"


def proven(item: Item) -> Iterator[str]:
    """The card lists the cases that prove the model, and only those."""
    from validation.cases import all_cases

    there = {c.id.rpartition("/")[2] for c in all_cases().values() if c.model == item.id}
    for name in sorted(there ^ set(item.card.get("cases", []))):
        yield f"the case {name} is {'not in the card' if name in there else 'only in the card'}"
    sets = [c for c in all_cases().values() if c.model == item.id and len(c.sets) >= 3]
    if there and not sets:
        yield "no case runs on three parameter sets"


# ------------------------------------------------------------------------------------------------------- simulation
def _disturbed(item: Item) -> dict[str, float]:
    """Return the model's species with something in each of them, as amounts."""
    n = item.model.network
    return {
        f"amount({s.id})": 1.0 + 0.37 * i for i, s in enumerate(n.species) if not s.constant and s.id in n.stoichiometry
    }


def _everything(item: Item, prefix: str = "") -> list[str]:
    """Return every symbol and amount of the model; all runs of one model put out the same, to be compiled once."""
    n = item.model.network
    return [*(f"{prefix}{s}" for s in n.symbols), *(f"amount({prefix}{s.id})" for s in n.species)]


def _experiment(model: qsp.Model, names: Iterable[str], end: float, **changes: Any) -> qsp.Experiment:
    return qsp.Experiment(model, times=np.linspace(0.0, end, 12), observables=list(names), **changes)


def _curves(model: qsp.Model, names: Iterable[str], changes: dict[str, float], end: float) -> np.ndarray:
    experiment = _experiment(model, names, end, changes=changes)
    ds = qsp.simulate(experiment, progress=False)
    return np.stack([ds[o.id].to_numpy().ravel() for o in experiment.observables])


def runs_bare(item: Item) -> Iterator[str]:
    """The bare engine runs it to finite numbers."""
    options = roadrunner.LoadSBMLOptions()
    # The faster of the engine's two compilers; tests/test_engine_facts_state.py pins that both give the same numbers.
    options.setLLVMBackend(roadrunner.LoadSBMLOptions.LLJIT)
    result = np.asarray(roadrunner.RoadRunner(item.sbml, options).simulate(0, 10, 5))
    if not np.isfinite(result).all():
        yield "a value is not finite in the bare engine"


def survives_extremes(item: Item) -> Iterator[str]:
    """A tenth and ten times each parameter: finite, no amount below zero; or refused as allowing no run."""
    n = item.model.network
    defined = set(n.assignment_rules) | set(n.initial_assignments) | set(n.rate_rules)
    numbers = {s.id: s.value for s in (*n.parameters, *n.compartments) if s.id not in defined}
    fractions = set(item.card.get("fractions", []))
    tried = [
        (name, factor)
        for name, value in numbers.items()
        for factor in (0.1, 10.0)
        if value not in {0.0, 1.0} and not (name in fractions and factor * value > 1.0)
    ]
    if not tried or not n.species:
        return
    people = [{**numbers, name: numbers[name] * factor} for name, factor in tried]
    experiment = _experiment(item.model, _everything(item), 50.0)
    ds = qsp.simulate(experiment, subjects=pd.DataFrame(people), on_failure="record", progress=False)
    found = np.stack([ds[f"amount({s.id})"].to_numpy()[0, :, 0] for s in n.species], axis=1)
    for (name, factor), curves, failed, why in zip(tried, found, *_outcome(ds), strict=True):
        if failed == IMPOSSIBLE:  # shares that add up to more than the whole leave a volume below zero
            continue
        if failed:
            yield f"{name} × {factor:g}: {why}"
        elif not np.isfinite(curves).all():
            yield f"{name} × {factor:g}: not finite"
        elif (curves < -1e-9 * np.abs(curves).max()).any():
            yield f"{name} × {factor:g}: an amount falls below zero"


def _outcome(ds: Any) -> tuple[np.ndarray, np.ndarray]:
    return ds["status"].to_numpy()[0, :, 0], ds["message"].to_numpy()[0, :, 0]


def returns_from_sbml(item: Item) -> Iterator[str]:
    """SBML and Antimony, written and read back, are the same model."""
    again = qsp.read_sbml(qsp.write_sbml(item.model))
    yield from (f"SBML: {d}" for d in differences(again.network, item.model.network))
    text = qsp.read_antimony(qsp.write_antimony(item.model))
    yield from (f"Antimony: {d}" for d in differences(text.network, item.model.network))


def same_inside(item: Item) -> Iterator[str]:
    """Inside a composition it does what it does alone; the composition's two forms are proven equal when built."""
    whole = qsp.compose("whole", {"inner": item.model})
    names = _everything(item)
    start = _disturbed(item)
    alone = _curves(item.model, names, start, 5.0)
    inner = _everything(item, "inner__")
    moved = {re.sub(r"\((\w+)\)", r"(inner__\1)", k): v for k, v in start.items()}
    inside = _curves(whole, inner, moved, 5.0)
    off = np.abs(alone - inside).max(axis=1) / np.maximum(np.abs(alone).max(axis=1), 1e-30)
    for name, error in zip(names, off, strict=True):
        if not error <= 1e-6:
            yield f"{name} differs by {error:.1e} inside a composition"


Check = Callable[[Item], Iterable[str]]
CHECKS: dict[str, Check] = {
    f.__name__: f
    for f in (
        valid, declares_units, named, annotated, ported, one_way, carded, proven, runs_bare, survives_extremes,
        returns_from_sbml, same_inside,
    )
}  # fmt: skip


def complaints(item: Item, names: Iterable[str] = CHECKS) -> list[str]:
    """Return everything that the checks find, each with the name of its check."""
    found = []
    for name in names:
        try:
            found += [f"{name}: {text}" for text in CHECKS[name](item)]
        except (qsp.QSPError, ValueError, KeyError, OSError, tomllib.TOMLDecodeError, RuntimeError) as error:
            found.append(f"{name}: {type(error).__name__}: {error}")
    return found


def main(wanted: list[str]) -> int:
    """Print the complaints about all models or those named."""
    known = {item.id: item for item in items()}
    unknown = [w for w in wanted if w not in known]
    if unknown:
        print(f"the library has no {', '.join(unknown)}")
        return 2
    bad = 0
    for name in wanted or known:
        found = complaints(known[name])
        bad += bool(found)
        print(f"{name}: {'fine' if not found else ''}", *found[:40], sep="\n    " if found else "")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
