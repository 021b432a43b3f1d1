"""Run the semantic cases of the official SBML Test Suite through the public face, at the suite's own tolerances.

    python -m validation.cross.semantic_suite FOLDER [first [last]]

FOLDER holds one folder per case (``00001/00001-sbml-l3v2.xml``, ``-settings.txt``, ``-results.csv``). The suite is not
part of this project; it is published at https://github.com/sbmlteam/sbml-test-suite.

A case is *right*, *refused* by name, *failed* with a reason, or *wrong*: only the last is a wrong number. Those that
are not right are listed, and counted by cause.
"""

from __future__ import annotations

import collections
import csv
import re
import sys
import warnings
from pathlib import Path

import numpy as np

import sbmlqsp as qsp

CAUSES = {
    r"algebraic rule": "an algebraic rule that is not solved",
    r"delay\(\)": "a value of the past: delay()",
    r"fast reaction": "fast reactions",
    r"flux balance": "flux balance (package fbc)",
    r"SBML package|unknown package": "another package",
    r"SBML is invalid": "invalid SBML",
}


def cause(reason: str) -> str:
    """Return why a case was refused, in the words of the table."""
    return next((words for pattern, words in CAUSES.items() if re.search(pattern, reason)), reason[:80])


def settings(path: Path) -> dict[str, str]:
    lines = (line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in lines}


def names(text: str) -> list[str]:
    return [n.strip() for n in text.split(",") if n.strip()]


def observable(variable: str, case: dict[str, str], species: set[str]) -> qsp.Observable:
    """Return a variable in the meaning that the case gives it, under an id that no column of results has."""
    for meaning in ("amount", "concentration"):
        if variable in species and variable in names(case.get(meaning, "")):
            return qsp.Observable(f"{meaning}_{variable}", f"{meaning}({variable})")
    return qsp.Observable(f"value_{variable}", variable)


def judge(folder: Path) -> tuple[str, str]:
    name = folder.name
    case = settings(folder / f"{name}-settings.txt")
    rows = list(csv.reader((folder / f"{name}-results.csv").open(encoding="utf-8")))
    head = [h.strip() for h in rows[0]]
    wanted = np.array([[float(x) for x in row] for row in rows[1:] if row])
    try:
        model = qsp.read_sbml(max(folder.glob(f"{name}-sbml-l*.xml")))
        species = {s.id for s in model.network.species}
        formula = {v: observable(v, case, species) for v in names(case["variables"])}
        arm = qsp.Experiment(model, times=wanted[:, 0], observables=list(formula.values()))
        ds = qsp.simulate(arm, on_failure="record", progress=False)
    except qsp.QSPError as error:
        return "refused", str(error)
    if ds["status"].item():
        return "failed", str(ds["message"].item())
    absolute, relative = float(case["absolute"]), float(case["relative"])
    for variable, asked in formula.items():
        got, ref = ds[asked.id].to_numpy()[0, 0, 0], wanted[:, 1 + head[1:].index(variable)]
        good = (np.abs(got - ref) <= absolute + relative * np.abs(ref)) | (got == ref) | (np.isnan(got) & np.isnan(ref))
        if not good.all():
            i = int(np.argmin(good))
            return "wrong", f"{variable} at {wanted[i, 0]:g}: {got[i]:.6g}, expected {ref[i]:.6g}"
    return "right", ""


def main(root: str, first: str = "00000", last: str = "99999") -> int:
    warnings.simplefilter("ignore")
    folders = sorted(p for p in Path(root).iterdir() if p.is_dir() and first <= p.name <= last)
    if not folders:
        print(f"no cases in {root}")
        return 2
    counts: collections.Counter[str] = collections.Counter()
    causes: collections.Counter[tuple[str, str]] = collections.Counter()
    for folder in folders:
        verdict, reason = judge(folder)
        counts[verdict] += 1
        if verdict != "right":
            causes[verdict, cause(reason)] += 1
            print(f"{folder.name} {verdict}: {reason[:200]}", flush=True)
    for (verdict, words), n in causes.most_common():
        print(f"{n:5} {verdict}: {words}")
    print(f"{len(folders)} cases:", ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common()))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m validation.cross.semantic_suite FOLDER [first [last]]")
    sys.exit(main(*sys.argv[1:]))
