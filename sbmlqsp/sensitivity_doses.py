"""What the doses and the instants of a run change by when parameters change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sbmlqsp.deliveries import Deliveries
from sbmlqsp.dose_units import amount_factor, rate_factor
from sbmlqsp.dosing import Administration
from sbmlqsp.engine.cuts import RELATIONS, Switch, Switches
from sbmlqsp.engine.instants import SNAP
from sbmlqsp.engine.tangents import Tangents, time_slope
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.experiment import Experiment
from sbmlqsp.expressions import Expr, evaluate, num, parse_formula, substitute, sym
from sbmlqsp.model import flat_id
from sbmlqsp.timeline import Timeline

__all__ = ["DoseSlopes", "Instant", "dose_slopes", "moves_of", "moving_instants", "switch_instants"]


@dataclass(frozen=True)
class DoseSlopes:
    """Derivatives of deliveries, of shape (subjects, deliveries, directions)."""

    amounts: Any
    lengths: Any
    begins: Any


@dataclass(frozen=True)
class Instant:
    """A time that moves: by how much along each direction, what it is, and whether anything jumps there for certain.

    At a time that a trigger reads nothing may happen.
    """

    time: float
    moves: Any
    what: str
    jumps: bool = True


def dose_slopes(experiment: Experiment, deliveries: Deliveries, known: Tangents) -> DoseSlopes:
    """Return what amounts, durations and starts of deliveries change by, by the chain rule through their formulas."""
    shape = (known.rows, len(deliveries.given), known.count)
    out = DoseSlopes(np.zeros(shape), np.zeros(shape), np.zeros(shape))
    for k, a in enumerate(deliveries.given):
        where = f"dose {a.dose_index + 1} into {a.target}"
        factor = amount_factor(a, experiment.model, where)
        amount, of_amount = _number(a.amount, experiment, known)
        fraction, of_fraction = _number(a.bioavailability, experiment, known)
        of_given = of_amount * fraction + amount * of_fraction
        out.amounts[:, k] = of_given * factor
        out.begins[:, k] = _number(a.lag, experiment, known)[1]
        out.lengths[:, k] = _length(a, (amount * fraction, of_given), rate_factor(a, experiment.model, where),
                                    experiment, known)  # fmt: skip
    return out


def _length(a: Administration, given: tuple[Any, Any], factor: float, experiment: Experiment, known: Tangents) -> Any:
    if a.duration is not None:
        return _number(a.duration, experiment, known)[1]
    if a.rate is None:
        return 0.0
    rate, of_rate = (v * factor for v in _number(a.rate, experiment, known))
    amount, of_amount = given
    rate = np.where(rate > 0, rate, 1.0)  # who has no such rate is refused with the deliveries
    return (of_amount - amount / rate * of_rate) / rate


def _number(value: float | str, experiment: Experiment, known: Tangents) -> tuple[Any, Any]:
    """Return a number or formula of a dose as a column, and its derivatives."""
    if not isinstance(value, str):
        return value, np.zeros((known.rows, known.count))
    expr, symbols = parse_formula(value), experiment.model.network.symbols
    own = {n: sym(flat_id(n)) for n in expr.symbols() if flat_id(n) in symbols}
    expr = substitute(expr, own)
    number = np.asarray(evaluate(expr, {n: known.column(n) for n in expr.symbols()}), dtype=float)
    slopes = known.of(expr)
    return number, np.zeros((known.rows, known.count)) if slopes is None else slopes


# ----------------------------------------------------------------------------------------------------------- instants
def moving_instants(deliveries: Deliveries, slopes: DoseSlopes, row: int) -> list[Instant]:
    """Return the starts and ends of a subject's doses that move."""
    out = []
    for k, a in enumerate(deliveries.given):
        begin, length = slopes.begins[row, k], slopes.lengths[row, k]
        start, duration = float(deliveries.start[row, k]), float(deliveries.duration[row, k])
        if deliveries.amount[row, k] == 0 and not slopes.amounts[row, k].any():
            continue
        if begin.any():
            out.append(Instant(start, begin, f"the dose into {a.target}"))
        if duration > 0 and (begin + length).any():
            out.append(Instant(start + duration, begin + length, f"the end of the infusion into {a.target}"))
    return out


def switch_instants(
    switches: Switches, local: Mapping[str, float], known: Tangents, row: int, end: float, *, among: bool = False
) -> Any:
    """Return when switches of the model's formulas and triggers change for a subject, and how that moves.

    Where none does, there are none to tell of, but for those ``among`` which something else moves.

    Raises
    ------
    UnsupportedError
        A condition is at its threshold at time 0, where it has no derivative.
    """
    here = Tangents(local, 1, known.count)
    for name in switches.reads:
        slopes = known.get(name)
        here.put(name, None if slopes is None else slopes[row])
    if not here.by_name and not (among and (switches.switches or switches.triggers)):
        return []
    out = []
    schedule = switches.schedule(local, end)
    _refuse_at_zero(switches, here, schedule[0][1])
    for (_, before), (t, after) in pairwise(schedule):
        flipped = [s for s in (*switches.switches, *switches.triggers) if before[s.id] != after[s.id]]
        names = {s.id for s in flipped}
        for s in flipped:
            if not s.expr.symbols() & names:  # else it changes with what it reads
                scope = {**local, **after}
                moved = _moved(s, Tangents(scope, 1, known.count), here, t)
                out.append(Instant(t, moved, f"'{s.expr}'", s in switches.switches))
    return out


def _gap(s: Switch) -> Expr:
    if s.expr.op in RELATIONS:
        return Expr("sub", s.expr.args)
    return Expr("div", s.expr.args) if s.expr.op == "quotient" else s.expr.args[0]


def _at(expr: Expr, t: float) -> Expr:
    if expr.op == "time":
        return num(t)
    return Expr(expr.op, tuple(_at(a, t) for a in expr.args), expr.value, expr.unit) if expr.args else expr


def _moved(s: Switch, scope: Tangents, here: Tangents, t: float) -> Any:
    """Return how the instant moves at which a line in time reaches its threshold."""
    gap = _gap(s)
    scope.by_name = here.by_name
    slopes = scope.of(_at(gap, t))
    if slopes is None:
        return np.zeros(here.count)
    return -slopes[0] / float(evaluate(time_slope(gap), scope.values, time=t))


def _refuse_at_zero(switches: Switches, here: Tangents, values: Mapping[str, float]) -> None:
    scope = Tangents({**here.values, **values}, 1, here.count)
    for s in (*switches.switches, *switches.triggers):
        gap = float(evaluate(_gap(s), scope.values, time=0.0))
        near = abs(gap if s.expr.op in RELATIONS else gap - round(gap)) <= SNAP
        if near and evaluate(time_slope(_gap(s)), scope.values) != 0 and _moved(s, scope, here, 0.0).any():
            raise UnsupportedError(
                "a condition on time is at its threshold at time 0, where it has no derivative", value=str(s.expr)
            )


def moves_of(timeline: Timeline, instants: Sequence[Instant], deliveries: Deliveries, slopes: DoseSlopes, row: int,
             count: int) -> Any:  # fmt: skip
    """Return by stretch, and for the end, how the instant moves at which its boluses are given and its switches change.

    Raises
    ------
    UnsupportedError
        Two things happen at one instant that move differently, where what comes after has no derivative.
    """
    stretches = [(s.times[0], s.boluses) for s in timeline.segments]
    end = timeline.segments[-1].times[-1] if timeline.segments else 0.0
    out = np.zeros((len(stretches) + 1, count))
    for j, (time, boluses) in enumerate([*stretches, (end, timeline.final_boluses)]):
        found = [Instant(time, slopes.begins[row, k], f"the dose into {deliveries.given[k].target}")
                 for some in boluses.values() for k in some]  # fmt: skip
        found += [i for i in instants if abs(i.time - time) <= SNAP * max(1.0, time)]
        for other in found[1:]:
            if not np.allclose(other.moves, found[0].moves, rtol=1e-9, atol=0.0):
                raise UnsupportedError(
                    f"{found[0].what} and {other.what} fall on one instant, but move apart with the parameters",
                    value=time, remedy="shift one of them a little",
                )  # fmt: skip
        if found:
            out[j] = found[0].moves
    return out
