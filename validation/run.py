"""Select cases and studies, run them, and say for every claim whether it is proven."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from validation.cases import Case, Comparison, all_cases
from validation.studies import STUDIES, Study, StudyResult

__all__ = ["OUTCOMES", "CaseResult", "Verdict", "claims", "run_cases", "select_cases", "select_studies", "verdicts"]

OUTCOMES = ("passed", "partly", "failed", "absent")
CLAIMS = Path(__file__).with_name("claims.toml")


@cache
def claims() -> dict[str, dict[str, Any]]:
    """Return the claims table by row id."""
    return tomllib.loads(CLAIMS.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class CaseResult:
    """One case under one parameter set."""

    case: Case
    set: str
    comparisons: tuple[Comparison, ...]
    seconds: float
    failure: str = ""

    @property
    def ok(self) -> bool:
        """Whether it ran and every comparison is within its tolerance."""
        return not self.failure and bool(self.comparisons) and all(c.ok for c in self.comparisons)

    @property
    def error(self) -> float:
        """The largest relative error of numbers (not of statements that hold or not)."""
        return max((c.error for c in self.comparisons if c.tolerance > 0), default=0.0)

    @property
    def wrong(self) -> list[str]:
        """What failed, in words."""
        if self.failure:
            return [self.failure]
        return [f"{c.label}: error {c.error:.2g}, allowed {c.tolerance:.2g}" for c in self.comparisons if not c.ok]


@dataclass(frozen=True)
class Verdict:
    """What is known about one claim."""

    row: str
    outcome: str  # one of OUTCOMES
    models: tuple[str, ...]
    cases: int
    comparisons: int
    error: float
    note: str


def select_cases(*, rows: Sequence[str] = (), models: Sequence[str] = (), words: Sequence[str] = ()) -> list[Case]:
    """Return the cases of the given rows, models and words; all where nothing is given."""
    return [
        c
        for c in all_cases().values()
        if (not rows or set(rows) & set(c.rows))
        and (not models or c.model in models)
        and all(w.lower() in f"{c.id} {c.claim}".lower() for w in words)
    ]


def select_studies(*, rows: Sequence[str] = (), names: Sequence[str] = ()) -> list[Study]:
    """Return the studies named, or of the given rows."""
    return [s for s in STUDIES if s.id in names or set(rows) & set(s.rows)]


def run_cases(cases: Iterable[Case]) -> Iterator[CaseResult]:
    """Run each case under each of its sets."""
    for one in cases:
        for name in one.sets:
            start = time.perf_counter()
            try:
                found, failure = tuple(one.run(name)), ""
            except Exception as error:  # noqa: BLE001 - a case that breaks is a finding, not the end of the run
                found, failure = (), f"{type(error).__name__}: {error}"
            yield CaseResult(one, name, found, time.perf_counter() - start, failure)


def verdicts(results: Sequence[CaseResult], studies: dict[str, StudyResult]) -> list[Verdict]:
    """Return the verdict on every claim, in the order of the table."""
    found: dict[str, Verdict] = {}
    for row, about in claims().items():
        if "answered_by" not in about:
            found[row] = _verdict(row, results, studies)
    for row, about in claims().items():
        if "answered_by" in about:
            found[row] = _by_reference(row, about["answered_by"], found)
    return [found[row] for row in claims()]


def _verdict(row: str, results: Sequence[CaseResult], studies: dict[str, StudyResult]) -> Verdict:
    mine = [r for r in results if row in r.case.rows]
    scripts = {s.id: studies[s.id] for s in STUDIES if row in s.rows and s.id in studies}
    ran = {name: r for name, r in scripts.items() if r.outcome != "absent"}
    bad = [f"{r.case.id} ({r.set})" for r in mine if not r.ok] + [n for n, r in ran.items() if r.outcome == "failed"]
    notes = [f"fails: {', '.join(bad[:3])}" + (" …" if len(bad) > 3 else "")] if bad else []
    notes += [f"study {name}" for name in ran]
    notes += [f"study {name} absent: {r.text}" for name, r in scripts.items() if name not in ran]
    outcome = "failed" if bad else "passed" if mine or ran else "absent"
    still_open = claims()[row].get("missing")
    if outcome != "failed" and still_open:
        outcome = "partly" if outcome == "passed" else outcome
        notes.append(f"not yet: {still_open}")
    return Verdict(
        row,
        outcome,
        models=tuple(dict.fromkeys(r.case.model for r in mine)),
        cases=len({r.case.id for r in mine}),
        comparisons=sum(len(r.comparisons) for r in mine),
        error=max((r.error for r in mine), default=0.0),
        note="; ".join(notes),
    )


def _by_reference(row: str, others: Sequence[str], found: dict[str, Verdict]) -> Verdict:
    parts = [found[o] for o in others if o in found]
    outcomes = {p.outcome for p in parts}
    whole = "passed" if outcomes == {"passed"} else "absent" if outcomes <= {"absent"} else "partly"
    outcome = "failed" if "failed" in outcomes else whole
    absent = [p.row for p in parts if p.outcome == "absent"]
    note = f"by {', '.join(others)}" + (f"; absent: {', '.join(absent)}" if absent else "")
    models = tuple(dict.fromkeys(m for p in parts for m in p.models))
    return Verdict(row, outcome, models, 0, 0, max((p.error for p in parts), default=0.0), note)
