"""Events in the plainest form that means the same: no delay, no priority, nothing at the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sbmlqsp.engine.initial import initial_state, static_symbols
from sbmlqsp.engine.libsbml_draft import Draft
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_rewrite_species import numbers_at_start, set_start
from sbmlqsp.engine.network import Event, Network
from sbmlqsp.engine.plainer import negated
from sbmlqsp.expressions import Expr, evaluate, num

__all__ = [
    "delays_into_triggers",
    "event_times",
    "events_at_start",
    "plain_events",
    "threshold",
    "windows_as_thresholds",
]

FLIP = {"le": "ge", "lt": "gt"}


@dataclass(frozen=True, slots=True)
class _Timed:
    """An event that happens at one time: its formula and its value."""

    event: Event
    relation: str
    formula: Expr
    time: float


def threshold(trigger: Expr) -> tuple[str, Expr] | None:
    """Return the relation and the time of a trigger that is ``time >= T``, or None for any other.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> threshold(parse_formula("5 <= time"))[0], threshold(parse_formula("time >= 5 && S > 2"))
    ('ge', None)
    """
    if trigger.op not in {"ge", "gt", "le", "lt"} or len(trigger.args) != 2:
        return None
    left, right = trigger.args
    if left.op == "time" and not right.has("time") and trigger.op in {"ge", "gt"}:
        return trigger.op, right
    if right.op == "time" and not left.has("time") and trigger.op in FLIP:
        return FLIP[trigger.op], left
    return None


def _timed(network: Network) -> dict[str, _Timed]:
    """Return the events that happen at one time that is known beforehand."""
    static, start = static_symbols(network), initial_state(network)
    found = {}
    for event in network.events:
        at = threshold(event.trigger)
        if at is not None and not at[1].symbols() - static and not at[1].has("delay", "rateOf"):
            found[event.id] = _Timed(event, *at, float(evaluate(at[1], start)))
    return found


# ------------------------------------------------------------------------------------------------------------- windows
def windows_as_thresholds(draft: Draft) -> list[str]:
    """Let events that happen when a window of time opens happen at that time: solvers step over narrow windows."""
    network = draft.network
    static, start = static_symbols(network), initial_state(network)
    changed = []
    for event in network.events:
        opens = _opening(event.trigger, static, start)
        if opens is not None and (event.delay is None or event.persistent):
            draft.model.getEvent(event.id).getTrigger().setMath(to_mathml(opens))
            changed.append(event.id)
    return changed


def _opening(trigger: Expr, static: frozenset[str], start: dict[str, Any]) -> Expr | None:
    """Return the relation of a window of time that opens it."""
    if trigger.op != "and" or trigger.symbols() - static or trigger.has("delay", "rateOf"):
        return None
    lower = [r for r in trigger.args if threshold(r)]
    upper = [r for r in trigger.args if threshold(negated(r))]
    if len(lower) != 1 or len(lower) + len(upper) != len(trigger.args):
        return None
    at = threshold(lower[0])
    ends = [float(evaluate(t[1], start)) for t in map(threshold, map(negated, upper)) if t is not None]
    return lower[0] if at is not None and float(evaluate(at[1], start)) < min(ends) else None


# -------------------------------------------------------------------------------------------------------------- delays
def delays_into_triggers(draft: Draft) -> list[str]:
    """Let events at set times happen later instead of being delayed, where what they assign is the same then."""
    network = draft.network
    static = static_symbols(network)
    changed = []
    for one in _timed(network).values():
        event = one.event
        if event.delay is None or event.delay.symbols() - static or event.delay.has("time"):
            continue
        reads = frozenset().union(*(e.symbols() for e in event.assignments.values()))
        old_values = event.values_from_trigger and bool(reads - static)
        if old_values or any(e.has("time") for e in event.assignments.values() if event.values_from_trigger):
            continue
        if one.time <= 0 and event.initial_value:
            continue  # it never happens, which another rewrite says
        begins = num(0.0) if one.time <= 0 else one.formula
        element = draft.model.getEvent(event.id)
        element.unsetDelay()
        element.getTrigger().setInitialValue(False)
        element.getTrigger().setMath(to_mathml(Expr(one.relation, (Expr("time"), Expr("add", (begins, event.delay))))))
        changed.append(event.id)
    return changed


# ---------------------------------------------------------------------------------------------------------- attributes
def plain_events(draft: Draft) -> list[str]:
    """Drop priorities and the like from events that no other event can meet."""
    network = draft.network
    timed = _timed(network)
    changed = []
    for event in network.events:
        if not _alone(event, network, timed):
            continue
        element = draft.model.getEvent(event.id)
        dull = event.priority is None and event.persistent and event.values_from_trigger
        if event.delay is not None and not (event.priority is not None and event.persistent):
            continue  # a delay gives persistence and the time of the values a meaning
        if dull:
            continue
        element.unsetPriority()
        if event.delay is None:
            element.getTrigger().setPersistent(True)
            element.setUseValuesFromTriggerTime(True)
        changed.append(event.id)
    return changed


def _alone(event: Event, network: Network, timed: dict[str, _Timed]) -> bool:
    """Say whether no other event can happen at the same instant as this one."""
    others = [e for e in network.events if e.id != event.id]
    if not others:
        return True
    if event.id not in timed or event.delay is not None:
        return False
    now = timed[event.id].time
    for other in others:
        delayed = other.delay is not None
        if other.id in timed:
            if delayed or abs(timed[other.id].time - now) <= 1e-9 * max(1.0, abs(now)):
                return False
        elif delayed or other.trigger.has("time"):
            return False
    return True


# ----------------------------------------------------------------------------------------------------------- the start
def events_at_start(draft: Draft) -> list[str]:
    """Write what events do at time 0 into the values at the start; drop those that can never happen."""
    network = draft.network
    timed = [t for t in _timed(network).values() if t.time < 0 or (t.time == 0 and t.relation == "ge")]
    never = [t.event.id for t in timed if t.event.initial_value]
    first = [t.event for t in timed if not t.event.initial_value and t.event.delay is None]
    sizes = {c.id for c in network.compartments}
    if not _independent(first) or any(v in sizes for e in first for v in e.assignments):
        first = []
    for name in never:
        draft.model.getEvent(name).removeFromParentAndDelete()
    frozen = _apply(draft, network, first) if first else []
    return [*never, *(e.id for e in first), *(f"initial assignment of {name}" for name in frozen)]


def _independent(events: list[Event]) -> bool:
    """Say whether the order in which events happen makes no difference."""
    assigned = [v for e in events for v in e.assignments]
    if len(set(assigned)) < len(assigned):
        return False
    return all(
        not (rhs.symbols() - {v}) & set(assigned)
        for e in events
        for v, rhs in e.assignments.items()
        if len(assigned) > 1
    )


def _apply(draft: Draft, network: Network, events: list[Event]) -> list[str]:
    """Set what events set; return the symbols whose initial assignments became numbers for that."""
    start: dict[str, Any] = initial_state(network)
    changed = {v: float(evaluate(rhs, start, time=0.0)) for e in events for v, rhs in e.assignments.items()}
    frozen = numbers_at_start(draft)
    for name, value in changed.items():
        symbol = network.symbols[name]
        after = dict(start, **{name: value})
        if symbol.kind == "species":
            volume = float(start[symbol.compartment])
            after[f"amount({name})"] = value if symbol.amount_only else value * volume
            after[f"concentration({name})"] = value / volume if symbol.amount_only else value
        set_start(draft, symbol, after)
    for event in events:
        draft.model.getEvent(event.id).removeFromParentAndDelete()
    return frozen


def event_times(network: Network) -> list[float]:
    """Return the times of the events whose times are known beforehand."""
    return [t.time for t in _timed(network).values()]
