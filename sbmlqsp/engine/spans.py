"""Spans of single cells: runs of the compiled loops, side by side or one cell after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sbmlqsp.engine.codegen import compile_functions
from sbmlqsp.engine.codegen_lanes import source_of_lanes, table_of
from sbmlqsp.engine.instants import align
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.ssa_status import BLOCK, LANES

if TYPE_CHECKING:
    from sbmlqsp.engine.ssa import Cells

__all__ = ["OneByOne", "SideBySide", "Span", "Stop", "packed"]


@dataclass(frozen=True, slots=True)
class Stop:
    """Changes at a known time: state, whether it is added, and the value (of counted species in molecules)."""

    time: float
    changes: tuple[tuple[str, bool, float], ...]
    dosed: bool = False


class Span(Protocol):
    """Runs spans of cells."""

    @property
    def most_cells(self) -> int:
        """How many cells one span may have."""
        ...

    def __call__(self, rows: Any, streams: Any, out: Any, results: Any) -> None:
        """Run cells into ``out`` and ``results``."""
        ...


class SideBySide:
    """Runs spans of cells side by side."""

    most_cells = 16 * LANES

    def __init__(self, cells: Cells, starts: Any, constants: Any, grid: Any, stops: Any, most: int) -> None:
        from sbmlqsp.engine.ssa_lanes import Table
        from sbmlqsp.engine.ssa_model import Together

        system, self._most = cells.system, float(most)
        self._model = compile_functions(source_of_lanes(system, outputs=cells.outputs), Together)
        self._table = Table(*table_of(system))
        self._channels = -(-len(system.channels) // BLOCK) * BLOCK
        self._starts, self._constants, self._grid = starts, constants, grid
        self._of_row, self._stops = stops

    def __call__(self, rows: Any, streams: Any, out: Any, results: Any) -> None:
        """Run cells into ``out`` and ``results``."""
        from sbmlqsp.engine.ssa_lanes import Work, run_lanes

        work = Work(self._starts, self._constants, self._of_row, self._stops, rows, streams, self._most, results)
        run_lanes(self._model, work, self._table, self._grid, out.reshape(-1), out.shape[2], self._channels)


class OneByOne:
    """Runs spans of cells one after the other, each span with room of its own."""

    most_cells = 64

    def __init__(self, cells: Cells, starts: Any, constants: Any, grid: Any, stops: Any, most: int) -> None:
        self._cells, self._starts, self._constants, self._grid, self._most = cells, starts, constants, grid, most
        self._of_row, self._stops = stops
        system = cells.system
        self._functions = cells.functions
        self._where = np.array([system.states.index(n) for n in system.flows], dtype=np.int64)
        self._scale = _scales(starts[:, self._where])
        self._events = np.array([(e.persistent, e.values_from_trigger) for e in system.events], dtype=np.bool_)
        self._initial = np.array(
            [float(e.initial_value) for e in system.events] + [0.0] * len(cells.fates + cells.parts)
        )
        checks = (*cells.conditions, *cells.parts)
        jumped = {s for c in system.channels for s in c.change}
        self._after_jump = bool(system.reads(*checks) & jumped)
        self._in_motion = any(system.moves(c) for c in checks)
        laws = [c.law for c in system.channels]
        self._hazards = any(map(system.moves, laws))
        self._timed = "time" in system.reads(*laws, *system.flows.values())

    def __call__(self, rows: Any, streams: Any, out: Any, results: Any) -> None:
        """Run cells into ``out`` and ``results``."""
        from sbmlqsp.engine.ssa_kernel import run_cells

        out[:] = np.nan  # a cell that meets its fate has no more outputs
        conditions, motion = self._room()
        blocks = -(-len(self._cells.system.channels) // BLOCK)
        run_cells(
            self._functions, self._starts, self._constants, rows, streams, self._grid, out, conditions, self._initial,
            len(self._cells.fates), motion, self._scale, self._of_row, self._stops, self._after_jump, self._most,
            blocks, results,
        )  # fmt: skip

    def _room(self) -> tuple[Any, Any]:
        """Return conditions and motion, with room to run one cell."""
        from sbmlqsp.engine.ssa_events import Conditions
        from sbmlqsp.engine.ssa_model import QUEUE
        from sbmlqsp.engine.ssa_motion import Motion

        system, n = self._cells.system, len(self._where)
        checks = len(self._initial)
        room = max([1, *(len(e.assignments) for e in system.events)])
        conditions = Conditions(
            self._grid, self._events.reshape(-1, 2), len(self._cells.parts), np.zeros(checks), np.zeros(checks),
            np.zeros(QUEUE), np.zeros(QUEUE, dtype=np.int64), np.zeros((QUEUE, room)), np.zeros(room),
        )  # fmt: skip
        longest = self._grid[-1] / 500 if self._in_motion or self._timed else math.inf
        z, new, k, slopes = np.zeros(n + 1), np.zeros(n + 1), np.zeros((7, n + 1)), np.zeros(n)
        motion = Motion(
            self._where, np.ones(n + 1), z, new, k, slopes, self._hazards, self._in_motion, longest
        )  # fmt: skip
        return conditions, motion


def _scales(values: Any) -> Any:
    """Return the size below which each moving state, and the hazard, counts as nothing: a millionth of its start."""
    scale = np.abs(values) * 1e-6
    least = np.where(scale > 0, scale, np.inf).min(axis=1, keepdims=True) if scale.size else np.zeros((len(values), 1))
    least = np.where(np.isfinite(least), least, 1e-12)
    filled = np.where(scale > 0, scale, least)
    return np.ascontiguousarray(np.hstack([filled, np.ones((len(values), 1))]))


def packed(
    system: JumpSystem, stops: Sequence[Sequence[Stop]], rows: int, *, at_dose: str, grid: Any
) -> tuple[Any, Any]:
    """Return where the stops of each row begin, and all stops; one within rounding of an output time falls on it."""
    from sbmlqsp.engine.ssa_model import Stops

    place = {name: i for i, name in enumerate(system.states)}
    of_row, flat = np.zeros(rows + 1, dtype=np.int64), []
    for r in range(rows):
        flat += list(stops[r]) if r < len(stops) else []
        of_row[r + 1] = len(flat)
    of_stop = np.zeros(len(flat) + 1, dtype=np.int64)
    changes = [c for s in flat for c in s.changes]
    of_stop[1:] = np.cumsum([len(s.changes) for s in flat])
    return of_row, Stops(
        align([s.time for s in flat], grid), np.array([s.dosed for s in flat], dtype=np.bool_), of_stop,
        np.array([place[n] for n, _, _ in changes], dtype=np.int64),
        np.array([a for _, a, _ in changes], dtype=np.bool_),
        np.array([v for _, _, v in changes], dtype=float), at_dose == "before",
    )  # fmt: skip
