"""Round trips: models converted for a tool, run there, and compared with this package's own run of the original.

    python -m validation.cross.targets [--tools=copasi,tellurium,…] [ID …]

The systems of the library, not at rest, and small models with one awkward feature each. A cell is the largest
difference relative to each curve's largest value, or the reason that there is none: what ``convert`` says is left, or
that the tool is not there. What differs by more than 1e-5 without such a reason is a failure. In every tool a model
with one parameter off by a percent has to be seen to differ.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import libsbml
import numpy as np

import sbmlqsp as qsp
from sbmlqsp.exchange.conversion import convert
from validation.cross.engines import prepared
from validation.cross.probes import END, PROBES
from validation.cross.tools import TOOLS, Job, Verdict, judged, truth_of
from validation.library import items

POINTS = 40
VARIED = (
    "compartment-not-one", "mixed-species", "two-compartments", "boundary-species", "reversible-law",
    "stoichiometry-not-whole", "stoichiometry-varying", "stoichiometry-computed", "reaction-in-formula",
    "function-definition", "conversion-factor", "assignment-rules-out-of-order", "assignment-rule-on-species",
    "rate-rule-on-parameter", "rate-rule-on-species-in-volume", "initial-assignment",
    "initial-assignment-of-rate-rule", "number-with-unit", "event", "event-on-state",
    "event-at-start", "event-delay-new-values", "event-narrow", "time", "rate-of", "piecewise-of-time-short", "min-max",
    "rem-quotient", "implies", "root", "log10", "inverse-hyperbolic",
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A document and how long to run it."""

    id: str
    sbml: str
    end: float


def subjects() -> Iterator[Subject]:
    for item in items():
        if item.is_system:
            yield Subject(item.id, *prepared(item))
    for probe in PROBES:
        if probe.feature in VARIED:
            yield Subject(probe.feature, probe.sbml(), END)


@dataclass(frozen=True)
class Cell:
    """What a round trip gave."""

    text: str
    bad: bool = False
    error: float = np.nan


def trip(subject: Subject, tool: str, truth: dict[str, np.ndarray]) -> Cell:
    """Convert for a tool, run there, and compare with the original."""
    try:
        done = convert(qsp.read_sbml(subject.sbml), for_target=tool)
    except qsp.QSPError as error:
        return Cell(f"not converted: {error.what[:60]}")
    text = qsp.write_sbml(done.model)
    verdict = judged(tool, Job(text, subject.end, POINTS, tuple(truth)), truth)
    reasons = [code.partition(":")[2] for code in done.left[done.left.severity.isin(["error", "warning"])].code]
    return cell(verdict, reasons)


def cell(verdict: Verdict, reasons: list[str]) -> Cell:
    if verdict.missing:
        return Cell("absent")
    if reasons and (verdict.refused or verdict.wrong):
        return Cell(f"left: {reasons[0]}")
    if verdict.refused and verdict.said.startswith("no answer"):
        return Cell(verdict.said)
    if verdict.refused:
        return Cell(f"REFUSED: {verdict.said[:90]}", bad=True)
    return Cell(verdict.cell + (f" {verdict.where}" if verdict.wrong else ""), verdict.wrong, verdict.error)


def control(tool: str) -> str:
    """Return a complaint unless a parameter that is off by a percent is seen in a tool."""
    probe = PROBES[0]
    truth = truth_of(probe.sbml(), END, POINTS)
    document = libsbml.readSBMLFromString(probe.sbml())
    parameter = document.getModel().getParameter("k")
    parameter.setValue(1.01 * parameter.getValue())
    wrong = libsbml.writeSBMLToString(document)
    right, off = (judged(tool, Job(text, END, POINTS, tuple(truth)), truth) for text in (probe.sbml(), wrong))
    if right.missing:
        return ""
    return "" if not right.wrong and off.wrong else f"{tool} does not tell a parameter that is off by a percent"


def main(arguments: list[str]) -> int:
    named = [a.partition("=")[2].split(",") for a in arguments if a.startswith("--tools=")]
    tools = named[0] if named else list(TOOLS)
    wanted = [a for a in arguments if not a.startswith("-")]
    failures = [text for tool in tools if (text := control(tool))]
    largest = dict.fromkeys(tools, 0.0)
    count = 0
    for subject in subjects():
        if wanted and subject.id not in wanted:
            continue
        count += 1
        truth = dict(truth_of(subject.sbml, subject.end, POINTS))
        cells = {tool: trip(subject, tool, truth) for tool in tools}
        print(f"{subject.id:32}" + "  ".join(f"{c.text:>10}" for c in cells.values()), flush=True)
        for tool, found in cells.items():
            failures += [f"{subject.id} in {tool}: {found.text}"] if found.bad else []
            largest[tool] = max(largest[tool], found.error if np.isfinite(found.error) and not found.bad else 0.0)
    worst = ", ".join(f"{tool} {error:.1e}" for tool, error in largest.items())
    print(*failures, sep="\n")
    print(f"{count} models in {len(tools)} tools, {len(failures)} failures; largest differences: {worst}")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
