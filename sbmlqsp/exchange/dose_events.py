"""A regimen written into the model as SBML events and inflows, so that any SBML engine gives the same doses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from sbmlqsp.compiled import LOCK, compile_for, state_scales
from sbmlqsp.course import DoseValues, Entry, plan_course
from sbmlqsp.course_arm import dose_entries
from sbmlqsp.course_runner import CourseJob, CourseRunner
from sbmlqsp.deliveries import Deliveries, resolve_deliveries
from sbmlqsp.dose_units import amount_factor, rate_factor, target_unit
from sbmlqsp.dosing import Administration, Dose, Regimen, expand
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.instants import SNAP
from sbmlqsp.engine.libsbml import canonical
from sbmlqsp.engine.libsbml_doses import Change, Inflow, Quantity, write_doses
from sbmlqsp.engine.libsbml_engine import dosable, per_symbol
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.exchange.course_changes import Part
from sbmlqsp.exchange.record_events import write_part
from sbmlqsp.experiment import Experiment
from sbmlqsp.expressions import Expr, evaluate, num, parse_formula, substitute, sym, to_infix
from sbmlqsp.model import Model, flat_id
from sbmlqsp.prediction.predictor import PlannedCourse
from sbmlqsp.units import Unit

__all__ = ["with_doses"]


def with_doses(model: Model, regimen: Regimen | Dose | str) -> Model:
    """Return the model with a regimen written into it, as SBML events.

    A bolus is an event; an infusion is an inflow that one event starts and another stops. What is given at one instant
    adds up. Amounts are parameters of the result (``dose1_amount``, ``dose1_rate``, …); formulas over model symbols
    stay formulas there, evaluated at time 0 as ``simulate`` does. A regimen with a steady-state dose is written in
    numbers instead, those of its steady state included: they hold for the model's present parameters alone.

    Parameters
    ----------
    model : Model
    regimen : Regimen, Dose or str
        What is given; a text is parsed by ``Regimen.parse``. Times, amounts and rates are converted to the
        model's units.

    Returns
    -------
    Model
        Flat, with the same ports.

    Raises
    ------
    DosingError
        A target cannot be dosed, or a formula reads what the model lacks, such as a column of a subject table.
    UnitError
        A dose's unit cannot be converted to its target's.
    UnsupportedError
        Steady-state doses in a model with events of its own, or with time in its rates.

    See Also
    --------
    with_records : The same of a data set's subject, by NONMEM's rules.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> dosed = with_doses(model, "100 into S every 24 x 3")
    >>> [event.id for event in dosed.network.events], float(dosed.symbol("dose1_amount").value)
    (['dose_event_1', 'dose_event_2', 'dose_event_3'], 100.0)
    """
    experiment = Experiment(model, times=[0.0], regimen=regimen)  # type: ignore[arg-type]
    env = initial_state(model.network)
    deliveries = resolve_deliveries(experiment, env, 1).certain()
    if any(dose.steady_state for dose in experiment.regimen):
        with LOCK, quiet():
            planned = _planned(experiment, deliveries, env)
        course = planned.job.course
        return write_part(model, planned, Part(course.stretches, course.row), where="the regimen", prefix="dose")
    given = expand(experiment.regimen, time_unit=model.time_unit)
    if not given:
        return model.rewritten(model.sbml)
    book = _Book(experiment)
    for a in given:
        book.enter(a)
    sbml = write_doses(
        model.sbml, model.network, quantities=book.quantities, inflows=book.inflows, changes=list(book.changes())
    )
    sbml = canonical(sbml, where=f"'{model.id}' with doses")
    return model.rewritten(sbml)


def _planned(experiment: Experiment, deliveries: Deliveries, env: Mapping[str, Any]) -> PlannedCourse:
    """Return the regimen's course, up to the end of all that it gives."""
    model = experiment.model
    compiled = compile_for(model, targets=deliveries.targets, outputs=(), env=env, size=1)
    doses = sorted(dose_entries(experiment, deliveries, 0), key=lambda e: e.time)
    lasting = [(e.lag or 0.0) + (len(e.later) + 1) * e.interval + _length(e) for e in doses]
    end = 1.0 + max(e.time + after for e, after in zip(doses, lasting, strict=True))
    course = plan_course([Entry(0.0, 2), *doses, Entry(end, 2, output=0)], lambda *_: DoseValues())
    [scales] = state_scales(compiled.machine.states, env, deliveries.targets, deliveries.amount, 1)
    return PlannedCourse(
        CourseJob(course, [0], dict(zip(compiled.machine.states, scales, strict=True))), CourseRunner(compiled), env, {}
    )


def _length(entry: Entry) -> float:
    return entry.amount / entry.rate if entry.rate > 0 else 0.0


@dataclass(frozen=True, slots=True)
class _Line:
    """What the administrations of one dose line share; numbers are folded, formulas are parameters."""

    target: str
    lag: Expr
    given: Expr
    duration: Expr | None = None
    running: str = ""


class _Book:
    """Collects parameters, inflows and what changes when."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.network = experiment, experiment.model.network
        self.quantities: list[Quantity] = []
        self.inflows: list[Inflow] = []
        self._lines: dict[int, _Line] = {}
        self._entries: list[tuple[Expr, str, Expr]] = []
        self._first = self._free_number()

    def _free_number(self) -> int:
        names = [*self.network.symbols, *self.network.reactions]
        n = 1
        while any(name.startswith(f"dose{n}_") for name in names):
            n += 1
        return n

    def enter(self, a: Administration) -> None:
        """Enter one administration."""
        if a.dose_index not in self._lines:
            self._lines[a.dose_index] = self._line(a, f"dose{self._first + a.dose_index}")
        line = self._lines[a.dose_index]
        start = fold("add", num(a.time), line.lag)
        if line.duration is None:
            self._entries.append((start, line.target, self._into(line)))
            return
        stop = fold("add", start, line.duration)
        if _number(start) is not None and _number(stop) is not None and _same(_number(start), _number(stop)):
            self._entries.append((start, line.target, self._into(line)))
            return
        self._entries += [(start, line.running, num(1.0)), (stop, line.running, num(-1.0))]

    def _into(self, line: _Line) -> Expr:
        return per_symbol(self.network.symbols[line.target], line.given)

    def _line(self, a: Administration, prefix: str) -> _Line:
        where = f"dose {a.dose_index + 1} into {a.target}"
        symbol, own = target_unit(a, self.experiment.model)
        dosable(self.network, symbol.id)
        time = self.network.time_unit
        factor = amount_factor(a, self.experiment.model, where)
        given = fold("mul", fold("mul", _tree(a.amount), num(factor)), _tree(a.bioavailability))
        lag = self._named(f"{prefix}_lag", _tree(a.lag), time, f"lag of the dose into {a.target}")
        if a.rate is None and a.duration is None:
            amount = self._named(f"{prefix}_amount", given, own, f"dose into {a.target}", number=True)
            return _Line(symbol.id, lag, amount)
        if a.duration is not None:
            lasts = _tree(a.duration)
            rate = fold("div", given, lasts)
        else:
            rate = fold("mul", _tree(a.rate), num(rate_factor(a, self.experiment.model, where) * factor))  # type: ignore[arg-type]
            lasts = fold("div", given, rate)
        per = own / time if own is not None and time is not None else None
        speed = self._named(f"{prefix}_rate", rate, per, f"rate of the infusion into {a.target}", number=True)
        lasts = self._named(f"{prefix}_duration", lasts, time, f"duration of the infusion into {a.target}")
        running = f"{prefix}_running"
        self.quantities.append(Quantity(running, 0.0, Unit(1.0, ()), "infusions that run now", constant=False))
        self.inflows.append(Inflow(f"{prefix}_infusion", symbol.id, Expr("mul", (sym(running), speed))))
        return _Line(symbol.id, lag, given, lasts, running)

    def _named(self, name: str, value: Expr, unit: Unit | None, meaning: str, *, number: bool = False) -> Expr:
        """Return the value itself where it is a plain number, or else a parameter that holds it."""
        plain = _number(value)
        if plain is not None and not number:
            return value
        self.quantities.append(Quantity(name, value if plain is None else plain, unit, meaning))
        return sym(name)

    def changes(self) -> Iterator[Change]:
        """Yield one change per instant."""
        unit = self.experiment.model.time_unit
        taken = {e.id for e in self.network.events}
        number = 1
        for time, values in _by_instant(self._entries):
            while f"dose_event_{number}" in taken:
                number += 1
            at = f"doses at {to_infix(time)} {unit or ''}".rstrip()
            yield Change(f"dose_event_{number}", time, values, at)
            number += 1


def _by_instant(entries: Iterable[tuple[Expr, str, Expr]]) -> Iterator[tuple[Expr, dict[str, Expr]]]:
    """Gather entries by time: numbers in order, the same within rounding being one, then formulas."""
    rows = list(entries)
    timed = sorted((r for r in rows if _number(r[0]) is not None), key=lambda r: _number(r[0]) or 0.0)
    groups: list[tuple[Expr, list[tuple[str, Expr]]]] = []
    for time, variable, by in timed:
        if not groups or not _same(_number(groups[-1][0]), _number(time)):
            groups.append((time, []))
        groups[-1][1].append((variable, by))
    formulas: dict[Expr, list[tuple[str, Expr]]] = {}
    for time, variable, by in rows:
        if _number(time) is None:
            formulas.setdefault(time, []).append((variable, by))
    for time, parts in (*groups, *formulas.items()):
        values = _sums(parts)
        if values:
            yield time, values


def _sums(parts: Iterable[tuple[str, Expr]]) -> dict[str, Expr]:
    added: dict[str, list[Expr]] = {}
    for variable, by in parts:
        added.setdefault(variable, []).append(by)
    totals = {v: reduce(lambda a, b: fold("add", a, b), terms) for v, terms in added.items()}
    return {v: Expr("add", (sym(v), total)) for v, total in totals.items() if _number(total) != 0}


def fold(op: str, a: Expr, b: Expr) -> Expr:
    """Return the formula ``a op b``, as a number where both are."""
    x, y = _number(a), _number(b)
    if (op in {"mul", "div"} and y == 1.0) or (op == "add" and y == 0.0):
        return a
    expr = Expr(op, (a, b))
    return num(float(evaluate(expr, {}))) if x is not None and y is not None else expr


def _number(expr: Expr) -> float | None:
    return float(expr.value or 0.0) if expr.op == "num" else None


def _same(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and abs(a - b) <= SNAP * max(1.0, abs(a))


def _tree(value: float | str) -> Expr:
    """Return a number or a formula over flat ids."""
    if not isinstance(value, str):
        return num(value)
    expr = parse_formula(value)
    return substitute(expr, {n: sym(flat_id(n)) for n in expr.symbols()})
