"""An experiment as a model file: changes and doses written into it, and what tools would read differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.libsbml import canonical
from sbmlqsp.engine.libsbml_observed import Observed, add_observed, set_event_times
from sbmlqsp.engine.libsbml_starts import set_starts
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.exchange.dose_events import with_doses
from sbmlqsp.exchange.observed import in_own_unit, plain
from sbmlqsp.exchange.sbml import write_sbml
from sbmlqsp.exchange.sedml.grids import Grid, grids_of
from sbmlqsp.exchange.sedml.mathml import is_arithmetic
from sbmlqsp.experiment import Experiment, observable_unit, symbol_of
from sbmlqsp.expressions import Expr, sym
from sbmlqsp.model import Model, dotted
from sbmlqsp.units import parse_unit

__all__ = ["Column", "Prepared", "prepare", "settable"]

NEAR = 1e-9
"""By what part of a time an event may be later than an output meant to show what it does."""


@dataclass(frozen=True, slots=True)
class Column:
    """One observable: what it is called, and its formula over elements of the file and time."""

    name: str
    formula: Expr
    unit: str = ""
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is written of one experiment: a model, when it is looked at and at what."""

    id: str
    model: Model
    grids: tuple[Grid, ...]
    columns: tuple[Column, ...]
    time_unit: str

    @property
    def sbml(self) -> str:
        """The model file."""
        return write_sbml(self.model)

    @property
    def begins_late(self) -> bool:
        """Whether outputs begin after time 0 in a model with events.

        Tools that use libRoadRunner run such a course in two parts; the next run of the same instance then has events
        twice (measured in tellurium), so that none must follow.
        """
        return bool(self.model.network.events) and any(g.start > 0 for g in self.grids)

    def least_scale(self) -> float:
        """Return the smallest amount that is there at the start or given, as a scale for absolute errors."""
        network = self.model.network
        env = initial_state(network)
        found = [env[f"amount({s.id})"] for s in network.species if not s.boundary]
        found += [env[p.id] for p in network.parameters if re.fullmatch(r"dose\d+_(amount|rate)", p.id)]
        return min((float(abs(v)) for v in found if v and abs(v) < float("inf")), default=1.0)


def prepare(experiment: Experiment) -> Prepared:
    """Return an experiment as it is written.

    Raises
    ------
    UnsupportedError
        What SED-ML cannot say: fates, a start at steady state, the side before a dose, times too uneven.
    DosingError
        Doses that cannot be written into the model.
    """
    where = f"the experiment '{experiment.id}'"
    if experiment.at_rest:
        raise UnsupportedError("SED-ML cannot say that a run starts at steady state", value=experiment.start,
                               where=where, remedy="give the values of `steady_state` as changes")  # fmt: skip
    if experiment.fates:
        raise UnsupportedError("SED-ML cannot say what ends a cell", value=list(experiment.fates), where=where,
                               remedy="leave the fates out")  # fmt: skip
    model = _changed(experiment.model, experiment.overrides)
    dosed = with_doses(model, experiment.regimen)
    grids = tuple(grids_of(experiment.times, where=where))
    times = [t for g in grids for t in g.times()]
    if experiment.at_dose == "before":
        _refuse_before(dosed, times, where)
    dosed = _on_time(dosed, times)
    columns, observed = _columns(experiment, dosed.network)
    text = canonical(add_observed(dosed.sbml, observed), where=where) if observed else dosed.sbml
    written = Model(dosed.id, text, directions=dosed.directions)
    return Prepared(experiment.id, written, grids, tuple(columns), experiment.model.time_unit or "")


def _changed(model: Model, overrides: Mapping[str, float]) -> Model:
    if not overrides:
        return replace(model, sbml_comp=None)
    starts = {}
    for key, value in overrides.items():
        symbol = model.network.symbols[symbol_of(key)]
        kind = "value"
        if symbol.kind == "species":
            kind = key.partition("(")[0] if "(" in key else "amount" if symbol.amount_only else "concentration"
        starts[symbol.id, kind] = value
    text = canonical(set_starts(model.sbml, starts), where=f"'{model.id}' with changes")
    return Model(model.id, text, directions=model.directions, source=model.source)


# ------------------------------------------------------------------------------------------------------------- timing
def _event_times(network: Network) -> Iterator[tuple[str, float]]:
    """Yield the events that happen at a known time."""
    for event in network.events:
        left, right = event.trigger.args if event.trigger.op == "ge" else (event.trigger, event.trigger)
        if left.op == "time" and right.op == "num":
            yield event.id, float(right.value or 0.0)


def _near(time: float, times: Iterable[float]) -> float | None:
    return next((t for t in times if abs(t - time) <= NEAR * max(1.0, abs(time))), None)


def _refuse_before(model: Model, times: list[float], where: str) -> None:
    for _, time in _event_times(model.network):
        if _near(time, times) is not None:
            raise UnsupportedError(
                "an output at the time of a dose shows what is after it, in every tool", value=f"time {time:g}",
                where=where, remedy="leave that time out, or ask for at_dose='after'",
            )  # fmt: skip


def _on_time(model: Model, times: list[float]) -> Model:
    """Return the model with no event later, by rounding, than the output that shows it."""
    late = {name: near for name, time in _event_times(model.network)
            if (near := _near(time, times)) is not None and near < time}  # fmt: skip
    if not late:
        return model
    text = canonical(set_event_times(model.sbml, late), where=f"'{model.id}' with doses")
    return Model(model.id, text, directions=model.directions, source=model.source)


# -------------------------------------------------------------------------------------------------------- observables
def _columns(experiment: Experiment, network: Network) -> tuple[list[Column], list[Observed]]:
    columns, observed = list[Column](), list[Observed]()
    taken = {*network.symbols, *network.reactions, *(e.id for e in network.events)}
    for o in experiment.observables:
        unit = o.unit or observable_unit(experiment.model, o)
        formula = plain(o.expr, network)
        if is_arithmetic(formula) and all(_alike(n, network) for n in formula.symbols()):
            formula = in_own_unit(formula, experiment.model, o)
        else:
            own = observable_unit(experiment.model, o)
            name = _free(f"observed_{_slug(o.id)}", taken)
            observed.append(Observed(name, formula, parse_unit(own) if own else None, o.meaning or o.id))
            formula = in_own_unit(sym(name), experiment.model, o)
        columns.append(Column(o.id, formula, unit, o.meaning))
    return columns, observed


def _alike(name: str, network: Network) -> bool:
    """Say whether every tool reads a symbol alike.

    Some give the concentration of any species, also of one that is an amount in formulas (measured in tellurium).
    """
    symbol = network.symbols.get(name)
    if symbol is None or symbol.kind != "species":
        return symbol is None or symbol.kind in {"parameter", "compartment"}
    home = network.symbols[symbol.compartment]
    still = home.constant and home.id not in network.initial_assignments and home.value == 1.0
    return not symbol.amount_only or still


def settable(network: Network, name: str) -> str:
    """Return why tools differ in what follows from setting a symbol before each run, ``""`` where they do not.

    They set it in a model that is initialised already, so that what is computed at the start is not computed again, and
    events of time 0 have happened (both measured in tellurium).
    """
    symbol = network.symbols[name]
    if symbol.kind != "parameter" or not symbol.constant:
        return "it is no constant parameter"
    if name in network.initial_assignments or name in network.assignment_rules:
        return "a formula of the model sets it"
    reached, growing = {name}, True
    while growing:
        new = {k for k, e in network.assignment_rules.items() if k not in reached and e.symbols() & reached}
        growing, reached = bool(new), reached | new
    for role, owner, expr in network.formulas():
        if expr.symbols() & reached and (role.startswith(("initial", "event"))):
            return f"the {role} of '{dotted(owner)}' reads it"
    return ""


def _slug(text: str) -> str:
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "x"


def _free(name: str, taken: set[str]) -> str:
    out, n = name, 2
    while out in taken:
        out, n = f"{name}_{n}", n + 1
    taken.add(out)
    return out
