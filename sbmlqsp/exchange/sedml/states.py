"""The state of a model between the tasks of a repetition: as it was at first with new values, or as a run left it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.exchange.sedml.document import SetValue
from sbmlqsp.exchange.sedml.models import Loaded, meaning_of, refuse_start_dependents
from sbmlqsp.experiment import symbol_of

__all__ = ["END", "State", "end_keys"]

END = "end of the run"


@dataclass
class State:
    """Values that differ from the model's own, by key; whether a run has moved it since it was reset, and its time."""

    loaded: Loaded
    settings: dict[str, float] = field(default_factory=dict)
    moved: bool = False
    clock: float = 0.0

    def reset(self) -> None:
        """Go back to the model as it is."""
        self.settings, self.moved, self.clock = {}, False, 0.0

    def env(self) -> dict[str, float]:
        """Return the value of everything now."""
        if not self.settings and not self.moved:
            return self.loaded.start
        return {k: float(v) for k, v in initial_state(self.loaded.model.network, self.settings).items()}

    def put(self, change: SetValue, value: float) -> None:
        """Set a value.

        Raises
        ------
        UnsupportedError
            Where tools differ in what follows from it.
        """
        network = self.loaded.model.network
        name = self.loaded.symbol(change.target, change.where)
        if name in network.reactions:
            raise UnsupportedError(f"the rate of '{name}' is set", where=change.where)
        if not self.moved:
            refuse_start_dependents(network, name, where=change.where)
        elif name in network.assignment_rules or network.symbols[name].kind == "compartment":
            raise UnsupportedError(f"'{name}' is set between runs", where=change.where,
                                   remedy="set parameters and species")  # fmt: skip
        key = meaning_of(network, name, change.symbol, where=change.where)
        self.settings = {k: v for k, v in self.settings.items() if symbol_of(k) != name} | {key: value}

    def moves_to(self, end: Mapping[str, float]) -> None:
        """Take over what a run left; what was computed at the start stays as it was computed."""
        network = self.loaded.model.network
        began = self.env()
        kept = {k: began[k] for k in network.initial_assignments if k not in network.dynamic}
        moving = {symbol_of(k) for k in end}
        values = {k: v for k, v in self.settings.items() if symbol_of(k) not in moving | kept.keys()}
        self.settings, self.moved = values | kept | dict(end), True


def end_keys(network: Network, *, where: str) -> list[str]:
    """Return what must be known at the end of a run for another to go on from there.

    Raises
    ------
    UnsupportedError
        The model has events, delays or time in its formulas: what they do next depends on more than its state.
    """
    for role, name, expr in network.formulas():
        if role.startswith("initial"):
            continue
        if role.startswith("event") or expr.has("time", "delay"):
            raise UnsupportedError(
                f"a task goes on from the state that another left, in a model with {_why(role)} ('{name}')",
                where=where, remedy="set resetModel to true, or write the changes into the model as events",
            )  # fmt: skip
    return [f"amount({n})" if network.symbols[n].kind == "species" else n for n in _moving(network)]


def _why(role: str) -> str:
    return "events" if role.startswith("event") else f"time in a {role}"


def _moving(network: Network) -> Iterable[str]:
    return (n for n in sorted(network.dynamic) if n not in network.assignment_rules)
