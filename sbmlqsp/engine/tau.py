"""Ensembles of single cells by tau-leaping: what can be leapt over, and what the compiled loop needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from sbmlqsp.engine.codegen import HEAD, Writer, compile_functions, function
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.rendering import numeric
from sbmlqsp.engine.ssa import Cells
from sbmlqsp.engine.ssa_status import BLOCK
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, evaluate

__all__ = ["LeapingCells"]

CRITICAL = 10.0
"""A channel that could exhaust a count in fewer jumps jumps at most once in a leap."""
TURNOVER = 1.0
"""How many times what it may change by a count may lose in a leap, gains aside."""


@dataclass(frozen=True)
class LeapingCells(Cells):
    """Cells that leap over many jumps at once; see ``tau_kernel`` for how.

    Parameters
    ----------
    epsilon : float
        By what part a propensity may change in a leap.

    Raises
    ------
    UnsupportedError
        The system has something that cannot be leapt over: what.
    """

    epsilon: float = 0.03
    counts: ClassVar[str] = "leaps and jumps"

    def __post_init__(self) -> None:
        _refuse(self.system, self.fates)

    @cached_property
    def functions(self) -> Any:
        """The compiled functions."""
        from sbmlqsp.engine.tau_kernel import LeapModel

        writer = _LeapWriter(self.system)
        parts = [writer.update(), writer.look(self.outputs, ()), writer.probe()]
        source = HEAD + "\n\n".join(parts) + "\n"
        return compile_functions(source, LeapModel)

    def _task(self, starts: Any, constants: Any, grid: Any, stops: Any, most: int) -> _LeapTask:
        return _LeapTask(self, starts, constants, grid, stops, most)


def _refuse(system: JumpSystem, fates: Sequence[Expr]) -> None:
    found = [f"the event '{e.id}'" for e in system.events]
    found += ["fates, whose time is not known beforehand"] if fates else []
    found += [f"'{name}', which moves continuously" for name in system.flows]
    found += [f"the propensity of '{c.id}', which changes with time between jumps"
              for c in system.channels if "time" in system.reads(c.law)]  # fmt: skip
    found += [f"the stoichiometry of '{c.id}', which changes during the run"
              for c in system.channels if not system.reads(*c.change.values()) <= {*system.constants}]  # fmt: skip
    for what in found:
        raise UnsupportedError(f"tau-leaping cannot leap over {what}", remedy="give method='ssa', which is exact")


# -------------------------------------------------------------------------------------------------- what reads what
def _moved(system: JumpSystem) -> list[str]:
    """Return the states that channels change."""
    changed = {s for c in system.channels for s in c.change}
    return [s for s in system.states if s in changed]


def _readers(system: JumpSystem) -> dict[str, list[int]]:
    """Return the channels whose laws read each state that channels change, where there are any."""
    reads = [system.reads(c.law) for c in system.channels]
    found = {s: [k for k, names in enumerate(reads) if s in names] for s in _moved(system)}
    return {s: channels for s, channels in found.items() if channels}


class _LeapWriter(Writer):
    """Writes what leaps need beside updates and outputs."""

    def probe(self) -> str:
        """Write the laws that read a state."""
        bodies = [self._laws(channels) for channels in _readers(self.system).values()]
        return function("probe", "LOOK", "r, x, p, t, out", self._choice(0, len(bodies), bodies) or ["pass"])

    def _laws(self, channels: Sequence[int]) -> list[str]:
        laws = [self.system.channels[k].law for k in channels]
        return [*self._locals(laws), *(f"out[{i}] = {numeric(law, self._name)}" for i, law in enumerate(laws))]


# ------------------------------------------------------------------------------------------------------------- running
class _LeapTask:
    """Runs spans of cells, each with room of its own."""

    most_cells = 64

    def __init__(self, cells: LeapingCells, starts: Any, constants: Any, grid: Any, stops: Any, most: int) -> None:
        self._cells, self._starts, self._constants, self._grid, self._most = cells, starts, constants, grid, most
        self._of_row, self._stops = stops
        self._functions = cells.functions
        system = cells.system
        self._place = {name: i for i, name in enumerate(system.states)}
        self._changes = [(name, size) for c in system.channels for name, size in c.change.items()]
        self._of_channel = _ends(len(c.change) for c in system.channels)
        env = {name: constants[:, i] for i, name in enumerate(system.constants)}
        by = np.zeros((len(starts), len(self._changes)))
        for i, (_, size) in enumerate(self._changes):
            by[:, i] = evaluate(size, env)
        # Such a channel is left to the exact jump, which says what is wrong with it.
        odd = np.add.accumulate(np.hstack([np.zeros((len(starts), 1)), by != np.rint(by)]), axis=1)
        single = odd[:, self._of_channel[1:]] > odd[:, self._of_channel[:-1]]
        self._own = np.ascontiguousarray(np.hstack([by, single]))

    def __call__(self, rows: Any, streams: Any, out: Any, results: Any) -> None:
        from sbmlqsp.engine.ssa_events import Conditions
        from sbmlqsp.engine.tau_kernel import run_leaps

        none, whole = np.zeros(0), np.zeros(0, dtype=np.int64)
        conditions = Conditions(none, np.zeros((0, 2), dtype=np.bool_), 0, none, none, none, whole, np.zeros((0, 1)),
                                none)  # fmt: skip
        leap, at, room, laws = self._leap()
        run_leaps(
            self._functions, self._starts, self._constants, rows, streams, self._grid, out, conditions, leap, at, room,
            laws, self._own, self._of_row, self._stops, self._most,
            -(-len(self._cells.system.channels) // BLOCK), results,
        )  # fmt: skip

    def _leap(self) -> tuple[Any, Any, Any, Any]:
        """Return where things lie, and the arrays in which they do."""
        from sbmlqsp.engine.tau_kernel import Leap

        system, place = self._cells.system, self._place
        readers, channels, states = _readers(system), len(system.channels), len(system.states)
        whole = {
            "of_channel": self._of_channel, "changed": _whole(place[name] for name, _ in self._changes),
            "moved": _whole(place[s] for s in _moved(system)), "read": _whole(place[s] for s in readers),
            "of_read": _ends(map(len, readers.values())), "reader": _whole(k for v in readers.values() for k in v),
        }  # fmt: skip
        most = max([1, *map(len, readers.values())])
        sizes = {"by": len(self._changes), "single": channels, "rare": channels, "steep": channels, "mean": states,
                 "variance": states, "lost": states, "old": states, "slopes": most}  # fmt: skip
        places = dict(zip(whole, _ends(map(len, whole.values())).tolist(), strict=False))
        places |= dict(zip(sizes, accumulate(sizes.values(), initial=0), strict=False))
        leap = Leap(channels=channels, moves=len(whole["moved"]), reads=len(readers), **places,
                    epsilon=self._cells.epsilon, critical=CRITICAL, turnover=TURNOVER)  # fmt: skip
        return leap, np.concatenate([*whole.values()]), np.zeros(sum(sizes.values())), np.zeros(most)


def _whole(values: Any) -> Any:
    return np.array(list(values), dtype=np.int64)


def _ends(lengths: Any) -> Any:
    """Return where groups of these lengths begin, and the end of the last."""
    return _whole(accumulate(lengths, initial=0))
