"""Sensitivities of the official SBML Test Suite's cases with events, against differences of simulations.

    python -m validation.cross.sensitivity_suite FOLDER [first [last]]

FOLDER is as for ``semantic_suite``. Of each case with events the derivatives of up to six quantities by up to six
parameters, sizes and initial values are compared, at times at which nothing should happen. Differences are central ones
over two steps of a ten-thousandth, extrapolated, at a relative tolerance of 1e-13. Errors are relative to the
derivative, or to a thousandth of value over parameter. A case is *right*, *refused* or *failed* by name, or *wrong*
beyond 1e-5. Returns non-zero where one is wrong, or where derivatives that are spoilt on purpose are not found wrong.
"""

from __future__ import annotations

import collections
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import sbmlqsp as qsp
from validation.analytic.sensitivities import BELOW, Row, value_of, values
from validation.cross.semantic_suite import cause, settings

__all__ = ["main"]

REQUIRED = 1e-5
MOST = 6
TIMES = (0.0713, 0.217, 0.389, 0.531, 0.7177, 0.9371, 1.0131)
"""Parts of a case's duration."""


def read(folder: Path) -> Row | None:
    """Return a case, None where there are no events or nothing to compare."""
    model = qsp.read_sbml(max(folder.glob(f"{folder.name}-sbml-l*.xml")))
    network, duration = model.network, float(settings(folder / f"{folder.name}-settings.txt")["duration"])
    shown = [s for s in network.symbols if s in network.dynamic][:MOST]
    given = {*network.assignment_rules, *network.initial_assignments}
    row = Row(folder.name, model, (), tuple(duration * f for f in TIMES), tuple(shown))
    names = []
    for name, symbol in network.symbols.items():
        if symbol.kind in {"parameter", "species", "compartment"} and name not in given:
            value = value_of(row, name)
            names += [name] if value and np.isfinite(value) else []
    if not network.events or not shown or not names:
        return None
    return Row(row.name, model, tuple(names[:MOST]), row.times, row.observables)


def difference(row: Row, name: str) -> Any:
    """Return the derivative by differences."""
    value = value_of(row, name)
    steps = [1e-4 * abs(value), 5e-5 * abs(value)]
    a, b = ((values(row, {name: value + h}) - values(row, {name: value - h})) / (2 * h) for h in steps)
    return (4 * b - a) / 3


def errors(row: Row) -> Iterator[tuple[float, float]]:
    """Yield by parameter the largest error, and that of derivatives which are spoilt by a thousandth."""
    arm = row.experiment()
    ds = qsp.sensitivities(arm, row.parameters, threads=1)
    size = np.abs(np.stack([ds[f"{o.id} (value)"].values[0] for o in arm.observables], axis=-1)).max(axis=0)
    for name in row.parameters:
        got = np.stack([ds[o.id].sel(parameter=name).values[0] for o in arm.observables], axis=-1)
        expected = difference(row, name)
        scale = np.maximum(np.abs(expected), BELOW * size / abs(value_of(row, name)))
        scale = np.where(scale > 0, scale, 1.0)
        yield tuple(float((np.abs(g - expected) / scale).max()) for g in (got, 1.001 * got))  # type: ignore[misc]


def main(root: str, first: str = "00000", last: str = "99999") -> int:
    """Print what is not right; return how many cases are wrong."""
    warnings.simplefilter("ignore")
    counts, compared, spoilt, worst = collections.Counter[str](), 0, 0, 0.0
    for folder in sorted(p for p in Path(root).iterdir() if p.is_dir() and first <= p.name <= last):
        tags = folder / f"{folder.name}-tags.txt"
        if tags.exists() and "Event" not in tags.read_text(encoding="utf-8"):
            continue
        try:
            row = read(folder)
            found = [] if row is None else list(errors(row))
        except (qsp.QSPError, RuntimeError) as err:
            counts["refused" if isinstance(err, qsp.UnsupportedError) else "failed"] += 1
            print(folder.name, cause(str(err)), flush=True)
            continue
        for name, (error, other) in zip(() if row is None else row.parameters, found, strict=True):
            compared, spoilt = compared + 1, spoilt + (other > REQUIRED)
            worst = max(worst, error)
            if not error <= REQUIRED:
                print(f"{folder.name} {name}: WRONG by {error:.1e}", flush=True)
        counts["nothing to compare" if not found else "wrong" if any(e > REQUIRED for e, _ in found) else "right"] += 1
    print(dict(counts), f"{compared} derivatives, at most {worst:.1e} off; {spoilt} are found wrong where spoilt")
    return counts["wrong"] + (2 * spoilt < compared)


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
