"""What can be told of events without running them: which may meet, which of those disturb each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.network import Event, Network
from sbmlqsp.errors import QSPError
from sbmlqsp.expressions import Expr, evaluate

__all__ = ["EventOrder"]


class EventOrder:
    """Proofs about the events of one network, at the values of its file.

    Each answer errs to the safe side: what is not proven is taken to matter.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        self.network = network

    @cached_property
    def start(self) -> Mapping[str, Any]:
        """Every value at the start; none where they cannot be computed, so that nothing is proven by them."""
        try:
            return initial_state(self.network)
        except (QSPError, KeyError):
            return {}

    def rivals(self, event: Event) -> list[Event]:
        """Return the other events that may happen at one instant with this one, and whose order then may matter."""
        others = (e for e in self.network.events if e is not event)
        return [e for e in others if not self._apart(event, e) and not self.commute(event, e)]

    def needs_priority(self, event: Event) -> bool:
        """Say whether the order of this event among others, or among repetitions of itself, may matter."""
        repeats = event.delay is not None and self.instant(event) is None
        return repeats or bool(self.rivals(event))

    def needs_persistence(self, event: Event) -> bool:
        """Say whether it may matter that the event is given up when its trigger turns false before it happens."""
        if event.persistent or self.instant(event) is not None:
            return False
        reads = event.trigger.symbols()
        others = (e for e in self.network.events if e is not event)
        return event.delay is not None or any(self.affected(e) & reads and not self._apart(event, e) for e in others)

    def fires_at_start(self, event: Event) -> bool:
        """Say whether the trigger holds at the start (unknown counts as true)."""
        try:
            return bool(evaluate(event.trigger, self.start, time=0.0))
        except (KeyError, ValueError):
            return True

    def instant(self, event: Event) -> float | None:
        """Return when an event is triggered whose trigger is that a set time has come, which is once and for all."""
        trigger = event.trigger
        if trigger.op not in {"ge", "gt"} or trigger.args[0].op != "time":
            return None
        return self._number(trigger.args[1])

    def affected(self, event: Event) -> frozenset[str]:
        """Return all that changes at once when the event happens."""
        return self._changed_with(event.assignments)

    def _number(self, expr: Expr) -> float | None:
        if expr.has("time", "delay", "rateOf") or expr.symbols() - self.network.static:
            return None
        try:
            return float(evaluate(expr, self.start))
        except (KeyError, ValueError):
            return None

    def _apart(self, a: Event, b: Event) -> bool:
        """Say whether two events happen once each, at set times that differ."""
        times: list[float] = []
        for event in (a, b):
            instant = self.instant(event)
            delay = 0.0 if event.delay is None else self._number(event.delay)
            if instant is None or delay is None:
                return False
            times.append(max(instant, 0.0) + delay)
        return abs(times[0] - times[1]) > 1e-9 * max(1.0, *map(abs, times))

    def commute(self, a: Event, b: Event) -> bool:
        """Say whether two events that happen at one instant give the same state in either order."""
        one, other = self.affected(a), self.affected(b)
        if set(a.assignments) & set(b.assignments):
            return False
        if one & self._reads(b) or other & self._reads(a):
            return False
        triggers = [e.trigger.symbols() for e in self.network.events]
        return not any(one & reads and other & reads for reads in triggers)

    def _reads(self, event: Event) -> frozenset[str]:
        parts: list[Expr] = [*event.assignments.values()]
        parts += [e for e in (event.delay, event.priority) if e is not None]
        if not event.persistent:
            parts.append(event.trigger)
        # A concentration is set through its volume.
        homes = {s.compartment for s in map(self.network.symbols.get, event.assignments) if s is not None}
        return frozenset().union(*(p.symbols() for p in parts), homes - {""})

    @cached_property
    def _uses(self) -> dict[str, frozenset[str]]:
        n = self.network
        uses = {k: rule.symbols() for k, rule in n.assignment_rules.items()}
        uses |= {k: r.law.symbols() for k, r in n.reactions.items() if r.law is not None}
        for s in n.species:
            if not s.amount_only and s.id not in uses:
                uses[s.id] = frozenset({s.compartment})
        return uses

    def _changed_with(self, names: Iterable[str]) -> frozenset[str]:
        changed = set(names)
        growing = True
        while growing:
            more = {k for k, reads in self._uses.items() if k not in changed and reads & changed}
            growing = bool(more)
            changed |= more
        return frozenset(changed)
