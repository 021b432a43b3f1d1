"""Run the semantic cases of the official SBML Test Suite on the batch kernel, and compare it with libRoadRunner.

    python -m validation.cross.kernel_suite FOLDER [first [last]]

FOLDER is as for ``semantic_suite``. A case is *right*, *refused* by name, *failed* with a reason, or *wrong* at the
suite's own tolerances; of those that both engines run, the ones are told where they differ by more than 1e-6 of the
value (or of a millionth of the curve's largest). Returns non-zero where a case is wrong, or where a result that is
spoilt on purpose is not found wrong.
"""

from __future__ import annotations

import collections
import csv
import re
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.batch import KERNEL, run_batch
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.execution import ArmResult, run_arm
from sbmlqsp.outcome import observed
from sbmlqsp.subjects import read_subjects
from validation.cross.semantic_suite import cause, names, observable, settings

FINE = qsp.Tolerances(relative=1e-10)
DIFFERENCE = 1e-6


@dataclass
class Case:
    """A case as an experiment, and what is expected of it."""

    arm: qsp.Experiment
    asked: dict[str, qsp.Observable]
    wanted: dict[str, Any]
    absolute: float
    relative: float

    def values(self, result: ArmResult) -> dict[str, Any]:
        own = {o.id: o for o in self.arm.observables}  # in which a symbol called "pi" is that symbol
        shape = (1, len(self.arm.times))
        return {v: np.broadcast_to(observed(own[o.id], self.arm, result), shape)[0] for v, o in self.asked.items()}


def read(folder: Path) -> Case:
    name = folder.name
    case = settings(folder / f"{name}-settings.txt")
    rows = list(csv.reader((folder / f"{name}-results.csv").open(encoding="utf-8")))
    head = [h.strip() for h in rows[0]]
    table = np.array([[float(x) for x in row] for row in rows[1:] if row])
    model = qsp.read_sbml(max(folder.glob(f"{name}-sbml-l*.xml")))
    species = {s.id for s in model.network.species}
    asked = {v: observable(v, case, species) for v in names(case["variables"])}
    arm = qsp.Experiment(model, times=table[:, 0], observables=list(asked.values()))
    wanted = {v: table[:, 1 + head[1:].index(v)] for v in asked}
    return Case(arm, asked, wanted, float(case["absolute"]), float(case["relative"]))


def wrong(case: Case, found: dict[str, Any]) -> str:
    """Say what is wrong at the suite's tolerances, and where."""
    for variable, got in found.items():
        ref = case.wanted[variable]
        good = (np.abs(got - ref) <= case.absolute + case.relative * np.abs(ref)) | (got == ref)
        good |= np.isnan(got) & np.isnan(ref)
        if not good.all():
            i = int(np.argmin(good))
            return f"{variable} at {case.arm.times[i]:g}: {got[i]:.8g}, expected {ref[i]:.8g}"
    return ""


def difference(case: Case, one: dict[str, Any], other: dict[str, Any]) -> str:
    """Say where two engines differ by more than they may."""
    for variable, a in one.items():
        b = other[variable]
        size = np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-6 * np.nanmax(np.abs([*a, *b, 1e-300])))
        far = ~((np.abs(a - b) <= DIFFERENCE * size) | (a == b) | (np.isnan(a) & np.isnan(b)))
        if far.any():
            i = int(np.argmax(far))
            return (f"{variable} at {case.arm.times[i]:g}: kernel {a[i]:.10g}, libRoadRunner {b[i]:.10g}, "
                    f"expected {case.wanted[variable][i]:.10g}")  # fmt: skip
    return ""


def judge(folder: Path, spoil: float = 1.0) -> tuple[str, str, str]:
    """Return the verdict, its reason, and how libRoadRunner differs."""
    try:
        case = read(folder)
        people = read_subjects(None, [case.arm], drawn=None)
        result = run_batch(case.arm, people, tolerances=KERNEL)
    except qsp.QSPError as error:
        return "refused", str(error), ""
    if result.status[0]:
        return "failed", result.messages[0], ""
    found = {v: spoil * a for v, a in case.values(result).items()}
    bad = wrong(case, found)
    try:
        with quiet():
            theirs = run_arm(case.arm, people, tolerances=FINE)
    except qsp.QSPError as error:
        return ("wrong" if bad else "right"), bad, f"libRoadRunner refuses: {error}"
    if theirs.status[0]:
        return ("wrong" if bad else "right"), bad, f"libRoadRunner fails: {theirs.messages[0]}"
    return ("wrong" if bad else "right"), bad, difference(case, found, case.values(theirs))


def spoilt(root: Path) -> bool:
    """Return whether a result that is a thousandth too large is found wrong, and found to differ."""
    folder = root / "00001"
    if not folder.is_dir():
        return True
    verdict, _, differs = judge(folder, spoil=1.001)
    return verdict == "wrong" and "kernel" in differs


def main(root: str, first: str = "00000", last: str = "99999") -> int:
    warnings.simplefilter("ignore")
    folders = sorted(p for p in Path(root).iterdir() if p.is_dir() and first <= p.name <= last)
    if not folders:
        print(f"no cases in {root}")
        return 2
    counts: collections.Counter[str] = collections.Counter()
    causes: collections.Counter[tuple[str, str]] = collections.Counter()
    begun = time.perf_counter()
    for folder in folders:
        verdict, reason, differs = judge(folder)
        counts[verdict] += 1
        if verdict != "right":
            causes[verdict, cause(re.sub(r"'[^']*'", "'…'", reason))] += 1
            print(f"{folder.name} {verdict}: {reason[:200]}", flush=True)
        if differs:
            kind = differs.split(":")[0] if differs.startswith("libRoadRunner") else "differs"
            causes["other engine", kind] += 1
            print(f"{folder.name} {differs[:250]}", flush=True)
    for (verdict, words), n in causes.most_common():
        print(f"{n:5} {verdict}: {words}")
    print(f"{len(folders)} cases in {time.perf_counter() - begun:.0f} s:",
          ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()))  # fmt: skip
    seen = spoilt(Path(root))
    print("a result that is spoilt on purpose is found" if seen else "a result that is spoilt on purpose is NOT found")
    return 1 if counts["wrong"] or not seen else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m validation.cross.kernel_suite FOLDER [first [last]]")
    sys.exit(main(*sys.argv[1:]))
