"""Run the cases of the PEtab test suite through the public face, at the suite's own tolerances.

    python -m validation.exchange.petab FOLDER [FOLDER …]

FOLDER holds one folder per case (``0001/_0001.yaml``, its tables and model, ``_0001_solution.yaml``,
``_simulations.tsv``), or the folders of versions that do. The suite is not part of this project; it is published at
https://github.com/PEtab-dev/petab_test_suite.

Each case is simulated and scored; then written in both versions, read again and scored again. What version 1 cannot
say is refused by name. Two controls must fail: every case with its answer moved by twice the tolerance, and the
cases with a parameter of their model raised by a tenth.
"""

from __future__ import annotations

import csv
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import sbmlqsp as qsp

SAME = 1e-9
"""How far a score may move, relatively, by being written and read."""


@dataclass
class Found:
    """How a case came out: differences from the answers, each as a share of the suite's tolerance."""

    verdict: str
    differences: dict[str, float] = field(default_factory=dict)
    chi2: float = float("nan")
    llh: float = float("nan")
    reason: str = ""


def answers(folder: Path) -> Mapping[str, Any]:
    """Return the solution of a case, with its simulations."""
    text = next(folder.glob("*_solution.yaml")).read_text(encoding="utf-8")
    solution = dict(yaml.safe_load(text))
    rows: list[float] = []
    for name in solution["simulation_files"]:
        with (folder / name).open(encoding="utf-8") as file:
            rows += [float(r["simulation"]) for r in csv.DictReader(file, delimiter="\t")]
    return {**solution, "simulations": np.array(rows)}


def entry(folder: Path) -> Path:
    """Return the YAML file of a case."""
    return next(p for p in sorted(folder.glob("*.yaml")) if "solution" not in p.stem)


def compared(problem: qsp.PetabProblem, wanted: Mapping[str, Any], **parameters: float) -> Found:
    """Compare a problem's numbers with the answers."""
    score = problem.score(parameters)
    simulated = score.table["simulation"].to_numpy(dtype=float)
    gaps = {
        "chi2": abs(score.chi2 - wanted["chi2"]) / wanted["tol_chi2"],
        "llh": abs(score.log_likelihood - wanted["llh"]) / wanted["tol_llh"],
        "simulations": float(np.abs(simulated - wanted["simulations"]).max()) / wanted["tol_simulations"],
    }
    for name, value in wanted.get("log_prior", {}).items():
        gaps["prior"] = max(gaps.get("prior", 0.0), abs(score.log_priors[name] - value) / wanted["tol_log_prior"])
    if "unnorm_log_posterior" in wanted:
        gap = abs(score.log_posterior - wanted["unnorm_log_posterior"])
        gaps["posterior"] = gap / wanted["tol_unnorm_log_posterior"]
    verdict = "right" if all(g <= 1 for g in gaps.values()) else "wrong"
    return Found(verdict, gaps, score.chi2, score.log_likelihood)


def judged(folder: Path) -> Found:
    """Return how a case comes out."""
    try:
        return compared(qsp.read_petab(entry(folder)), answers(folder))
    except qsp.QSPError as error:
        return Found("refused", reason=str(error))


def misshapen(folder: Path) -> str:
    """Say in what the table of simulations is not that of the suite: its columns, ids or times."""
    table = qsp.read_petab(entry(folder)).simulate()
    for name in answers(folder)["simulation_files"]:
        with (folder / name).open(encoding="utf-8") as file:
            wanted = list(csv.DictReader(file, delimiter="\t"))
    if list(table) != list(wanted[0]):
        return "other columns"
    same = all(
        str(row[c]) == w[c] or (c in {"time", "simulation"} and abs(float(row[c]) - float(w[c])) < 1e-3)
        for row, w in zip(table.to_dict("records"), wanted, strict=True)
        for c in w
    )
    return "" if same else "other rows"


def rewritten(problem: qsp.PetabProblem) -> Iterator[tuple[int, str]]:
    """Yield for each version whether the problem keeps its score when it is written so and read again."""
    score = problem.score()
    for version in (1, 2):
        with tempfile.TemporaryDirectory() as place:
            try:
                other = qsp.read_petab(qsp.write_petab(problem, place, version=version)).score()
            except qsp.UnsupportedError as error:
                yield version, "refused" if version == 1 else f"wrong: {error}"
                continue
        pairs = [(getattr(score, n), getattr(other, n)) for n in ("chi2", "log_likelihood", "log_posterior")]
        good = all(abs(a - b) <= SAME * max(1.0, abs(a)) for a, b in pairs)
        yield version, "same" if good else "wrong"


def moved(folder: Path) -> str:
    """Judge a case by answers that are wrong by twice the tolerance; it must come out wrong in each."""
    problem, wanted = qsp.read_petab(entry(folder)), dict(answers(folder))
    for name in ("chi2", "llh", "simulations"):
        if compared(problem, {**wanted, name: wanted[name] + 2 * wanted[f"tol_{name}"]}).verdict == "right":
            return f"the comparison of {name} sees nothing"
    return ""


def raised(folder: Path) -> bool | None:
    """Say whether a case with a rate constant raised by a tenth comes out wrong; None where it has none."""
    problem, wanted = qsp.read_petab(entry(folder)), answers(folder)
    rates = [n for n in ("k1", "k2") if n in problem.parameters]
    if not rates:
        return None
    return compared(problem, wanted, **{n: 1.1 * problem.values()[n] for n in rates[:1]}).verdict == "wrong"


def cases(folders: list[str]) -> list[Path]:
    """Return the folders of cases."""
    found = [p.parent for root in folders for p in Path(root).rglob("*_solution.yaml")]
    return sorted(found, key=lambda p: (p.parent.name, p.name))


def main(*folders: str) -> int:
    warnings.simplefilter("ignore")
    found, bad, caught, blind = cases(list(folders)), 0, 0, list[str]()
    if not found:
        print(f"no cases in {', '.join(folders)}")
        return 2
    print(
        "largest difference as a share of the suite's tolerance; v1, v2: the same score when written so and read again"
    )
    print(
        f"{'case':<13} {'chi2':>14} {'llh':>14} {'d chi2':>8} {'d llh':>8} {'d sim':>8} {'d prior':>8}"
        "  verdict  v1       v2"
    )
    for folder in found:
        result, name = judged(folder), f"{folder.parent.name} {folder.name}"
        if result.verdict == "right" and (why := misshapen(folder)):
            result.verdict = why
        if result.verdict == "refused":
            print(f"{name:<13} refused: {result.reason[:150]}")
            bad += 1
            continue
        written = dict(rewritten(qsp.read_petab(entry(folder))))
        gaps = [result.differences.get(n, float("nan")) for n in ("chi2", "llh", "simulations", "prior")]
        bad += result.verdict != "right" or any(w.startswith("wrong") for w in written.values())
        shown = " ".join(f"{'-' if np.isnan(g) else format(g, '.1e'):>8}" for g in gaps)
        print(
            f"{name:<13} {result.chi2:>14.8g} {result.llh:>14.8g} {shown}"
            f"  {result.verdict:<8} {written[1]:<8} {written[2]}"
        )
        blind += [f"{name}: {why}"] if (why := moved(folder)) else []
        caught += bool(raised(folder))
    print(f"{len(found)} cases, {bad} not right")
    print(
        f"control: answers moved by twice the tolerance are found in {len(found) - len(blind)} of {len(found)}", *blind
    )
    print(f"control: a rate constant raised by a tenth is found in {caught} cases (needed: more than half)")
    return 1 if bad or blind or not caught > len(found) / 2 else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python -m validation.exchange.petab FOLDER [FOLDER …]")
    sys.exit(main(*sys.argv[1:]))
