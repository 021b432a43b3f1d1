"""Cases of the official SBML Test Suite written out in every form and read back: the same curves, or a named reason.

    python -m validation.exchange.round_trips FOLDER [how many]

FOLDER holds the suite (https://github.com/sbmlteam/sbml-test-suite), which is not part of this project. Cases are
chosen so that every tag of the suite is among them. Each is written as flat SBML in three levels, as Antimony and,
where it is composed, as a hierarchy; what is read back must simulate as the original does, to 1e-9 of each curve's
largest value. All hierarchical cases are also read from their text and from their path.
"""

from __future__ import annotations

import collections
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

import sbmlqsp as qsp
from validation.cross.semantic_suite import settings

TOLERANCE, TIGHT, POINTS = 1e-9, 1e-12, 40
NEGATIVES = 20

FORMS: dict[str, Callable[[qsp.Model], str]] = {
    "Level 3 Version 2": qsp.write_sbml,
    "Level 3 Version 1": lambda m: qsp.write_sbml(m, version=1, allow_loss=True),
    "Level 2 Version 4": lambda m: qsp.write_sbml(m, level=2, version=4, allow_loss=True),
    "Antimony": lambda m: qsp.write_antimony(m, allow_loss=True),
    "hierarchical": lambda m: qsp.write_sbml(m, form="comp"),
    "hierarchical, Version 1": lambda m: qsp.write_sbml(m, form="comp", version=1),
}

REASONS = {
    r"has a priority": "an event's priority among rivals",
    r"happens at the start": "an event at the start",
    r"is given up": "an event that is given up (not persistent)",
    r"neither reactants nor products": "a reaction without participants",
    r"assigns nothing": "an event without assignments",
    r"no dimensions and yet a size": "a size without dimensions",
    r"has the exponent": "a fractional power in a unit",
    r"cannot be read back": "what the format cannot read back",
    r"a word of the language": "an id that the language reserves",
    r"the symbol '\w+': present would become absent": "a symbol that vanishes",
    r"'dimensions' of": "compartments without three dimensions",
    r"conversion_factor|conversion factor": "a conversion factor",
    r"the (?:reactants|products) of|stoichiometr": "a stoichiometry that varies",
    r"the event '\w+': present would become absent": "an event without assignments",
    r"the value of the symbol": "an amount that becomes a concentration, or a value that vanishes",
    r"the assignment rule of": "a rule",
    r"the unit of|unit of the symbol|unit'? of": "a unit",
    r"digits": "last digits",
}


def reason(text: str) -> str:
    return next((words for pattern, words in REASONS.items() if re.search(pattern, text)), text[:100])


# ----------------------------------------------------------------------------------------------------------- selection
def tags(folder: Path) -> frozenset[str]:
    found = settings(folder / f"{folder.name}-tags.txt")
    words = ",".join(found.get(key, "") for key in ("componentTags", "testTags"))
    return frozenset(w.strip() for w in words.split(",") if w.strip())


def ranked(folders: list[Path]) -> Iterator[Path]:
    """Yield cases so that each brings as many tags not yet met often as it can; the same order every time."""
    count: collections.Counter[str] = collections.Counter()
    left = {f: tags(f) for f in folders}
    while left:
        best = max(left, key=lambda f: (sum(1.0 / (1 + count[t]) ** 2 for t in left[f]), -folders.index(f)))
        count.update(left.pop(best))
        yield best


def source(folder: Path) -> Path:
    return max(folder.glob(f"{folder.name}-sbml-l*.xml"))


# -------------------------------------------------------------------------------------------------------------- curves
def curves(model: qsp.Model, end: float, relative: float = 1e-10) -> dict[str, np.ndarray]:
    """Return all that has a value."""
    network = model.network
    names = {s.id: f"amount({s.id})" for s in network.species}
    names |= {s.id: s.id for s in (*network.parameters, *network.compartments) if s.id not in network.not_finite}
    given = {*network.assignment_rules, *network.initial_assignments}
    idle = {n for n, s in network.symbols.items() if s.missing and n in network.static and n not in given}
    names = {n: f for n, f in names.items() if n not in idle}
    observables = [qsp.Observable(f"y_{n}", f) for n, f in names.items()]
    arm = qsp.Experiment(model, times=np.linspace(0.0, end, POINTS + 1), observables=observables)
    ds = qsp.simulate(arm, progress=False, tolerances=qsp.Tolerances(relative=relative))
    return {n: ds[f"y_{n}"].to_numpy()[0, 0, 0] for n in names}


def gap(old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> tuple[float, str]:
    """Return the largest difference, as a share of the curve's largest value, and where it is."""
    worst = (0.0, "")
    for name, curve in old.items():
        if name not in new:
            return np.inf, f"'{name}' is missing"
        both = np.isfinite(curve) & np.isfinite(new[name])
        if (np.isfinite(curve) != np.isfinite(new[name])).any():
            return np.inf, f"'{name}' is not finite in one"
        scale = np.abs(curve[both]).max(initial=0.0)
        error = float(np.abs(curve - new[name])[both].max(initial=0.0))
        worst = max(worst, (error / scale if scale else error, name))
    return worst


def read(form: str, text: str) -> qsp.Model:
    return qsp.read_antimony(text) if form == "Antimony" else qsp.read_sbml(text)


def trip(form: str, model: qsp.Model, old: dict[str, np.ndarray], end: float) -> tuple[str, str]:
    """Write, read back, run and compare; return a verdict and the reason."""
    try:
        text = FORMS[form](model)
    except qsp.QSPError as error:
        return "refused", str(error)
    if FORMS[form](model) != text:
        return "DIFFERS", "the text is not the same each time"
    try:
        back = read(form, text)
        error, where = gap(old, curves(back, end))
        if TOLERANCE < error < 1e-6:  # where an event waits for the state, the integrator's own error counts for more
            error, where = gap(curves(model, end, TIGHT), curves(back, end, TIGHT))
    except qsp.QSPError as problem:
        return "DIFFERS", f"what was written cannot be run: {problem}"
    if error > TOLERANCE:
        return "DIFFERS", f"{where} by {error:.1e}"
    return ("same, with losses listed" if "Not kept" in text or "// not kept" in text else "same"), ""


def spoilt(model: qsp.Model) -> str | None:
    """Return the document with the first value that counts off by a thousandth."""
    network, text = model.network, qsp.write_sbml(model)
    computed = {*network.assignment_rules, *network.initial_assignments, *network.changed_by_events}
    for found in re.finditer(r"<(?:species|parameter|compartment) [^>]*>", text):
        name = re.search(r'\bid="(\w+)"', found[0])
        value = re.search(r'(?:initialAmount|initialConcentration|value|size)="([-+.\deE]+)"', found[0])
        if name and value and float(value[1]) and name[1] not in computed:
            start, end = found.start() + value.start(1), found.start() + value.end(1)
            return text[:start] + repr(float(value[1]) * 1.001) + text[end:]
    return None


def runnable(folders: Iterator[Path]) -> Iterator[tuple[Path, qsp.Model, dict[str, np.ndarray], float]]:
    for folder in folders:
        end = float(settings(folder / f"{folder.name}-settings.txt").get("duration") or 1.0)
        try:
            model = qsp.read_sbml(source(folder))
            yield folder, model, curves(model, end), end
        except qsp.QSPError:
            continue


def round_trips(root: Path, wanted: int) -> int:
    folders = sorted(p for p in root.iterdir() if p.is_dir())
    table: collections.Counter[tuple[str, str, str]] = collections.Counter()
    bad = missed = caught = cases = 0
    for folder, model, old, end in runnable(ranked(folders)):
        cases += 1
        for form in FORMS:
            if form.startswith("hierarchical") and model.sbml_comp is None:
                continue
            verdict, why = trip(form, model, old, end)
            table[form, verdict, reason(why) if why else ""] += 1
            if verdict == "DIFFERS":
                bad += 1
                print(f"{folder.name} {form}: {why[:200]}", flush=True)
        wrong = spoilt(model) if caught + missed < NEGATIVES else None
        if wrong is not None:
            found = gap(old, curves(qsp.read_sbml(wrong), end))[0] > TOLERANCE
            caught, missed = caught + found, missed + (not found)
        if cases == wanted:
            break
    for (form, verdict, why), n in sorted(table.items(), key=lambda item: (list(FORMS).index(item[0][0]), -item[1])):
        print(f"{n:5} {form:24} {verdict:26} {why}")
    print(f"{cases} cases: {bad} differ; of {caught + missed} spoilt texts {caught} were noticed")
    return bad + missed + (caught == 0)


# ------------------------------------------------------------------------------------------------- hierarchical, twice
def outcome(given: Path | str) -> str:
    try:
        return qsp.read_sbml(given).sbml
    except qsp.QSPError as error:
        return re.sub(r" in (?:the SBML text|\S+\.xml)", "", str(error))


def twice(root: Path) -> int:
    """Read every hierarchical case by path and by text."""
    same = elsewhere = bad = 0
    for folder in sorted(p for p in root.iterdir() if p.is_dir()):
        path = source(folder)
        text = path.read_text(encoding="utf-8")
        if "listOfSubmodels" not in text:
            continue
        by_path, by_text = outcome(path), outcome(text)
        if by_path == by_text:
            same += 1
        elif "externalModelDefinition" in text and "refers to another file" in by_text:
            elsewhere += 1
        else:
            bad += 1
            print(f"{folder.name}: by text {by_text[:120]}, by path {by_path[:120]}")
    print(
        f"hierarchical cases: {same} are the same from text and path, {elsewhere} refer to other files, which text "
        f"alone cannot find (refused by name), {bad} differ"
    )
    return bad + (same == 0)


def main(root: str, wanted: str = "200") -> int:
    warnings.simplefilter("ignore")
    folder = Path(root)
    if not folder.is_dir():
        print(f"no suite in {root}")
        return 2
    return int(round_trips(folder, int(wanted)) + twice(folder) > 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m validation.exchange.round_trips FOLDER [how many]")
    sys.exit(main(*sys.argv[1:]))
