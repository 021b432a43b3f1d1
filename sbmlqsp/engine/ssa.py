"""Ensembles of single cells on compiled kernels, spread over threads."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from sbmlqsp.engine.codegen import compile_functions, source_of
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.ssa_status import (
    BAD_DELAY,
    BAD_LAW,
    BELOW_ZERO,
    BLOCK,
    CELL_STATUS,
    CROWDED,
    FRACTION,
    TOO_LARGE,
    UNEVEN,
)  # fmt: skip
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr

__all__ = ["CellResults", "Cells", "Stop"]

CHUNK = 64  # the most cells that a thread takes at once
WHOLE = 1e-6  # how far from a whole number an amount may be


@dataclass(frozen=True, slots=True)
class Stop:
    """Changes at a known time: state, whether it is added, and the value (of counted species in molecules)."""

    time: float
    changes: tuple[tuple[str, bool, float], ...]
    dosed: bool = False


@dataclass(frozen=True)
class CellResults:
    """What cells gave: outputs of shape (cells, times, outputs); by cell status, message, time, jumps and fate.

    ``fate`` is the number of the condition that ended the cell, -1 for none; outputs after that are NaN.
    """

    out: Any
    status: Any
    messages: list[str]
    time: Any
    jumps: Any
    fate: Any

    def among(self, there: Any) -> CellResults:
        """Return the results as some of more cells, of which the others have no values."""
        at = np.flatnonzero(there)
        out = np.full((len(there), *self.out.shape[1:]), np.nan)
        status, time = np.zeros(len(there), dtype=np.int8), np.full(len(there), np.nan)
        jumps, fate, messages = np.zeros(len(there), dtype=np.int64), np.full(len(there), -1), [""] * len(there)
        out[at], status[at], time[at], jumps[at], fate[at] = self.out, self.status, self.time, self.jumps, self.fate
        for k, message in zip(at.tolist(), self.messages, strict=True):
            messages[k] = message
        return CellResults(out, status, messages, time, jumps, fate)


@dataclass(frozen=True)
class Cells:
    """A jump system made ready for outputs and fates.

    Parameters
    ----------
    system : JumpSystem
    outputs : tuple of str
        Engine selections.
    fates : tuple of Expr
    """

    system: JumpSystem
    outputs: tuple[str, ...]
    fates: tuple[Expr, ...] = ()
    counts: ClassVar[str] = "jumps"

    @cached_property
    def functions(self) -> Any:
        """The compiled functions."""
        return compile_functions(source_of(self.system, outputs=self.outputs, fates=self.fates))

    # ------------------------------------------------------------------------------------------------------- preparing
    def starts(self, env: Mapping[str, Any], rows: int, end: float) -> tuple[Any, Any, list[list[Stop]]]:
        """Return states and constants at the start, one row per set of parameters, and the model's own stops.

        Raises
        ------
        UnsupportedError
            A counted amount is not a whole number of molecules.
        """
        system = self.system
        x, p = np.zeros((rows, len(system.states))), np.zeros((rows, len(system.constants)))
        for i, name in enumerate(system.states):
            symbol = system.network.symbols.get(name)
            if symbol is not None:
                x[:, i] = env[f"amount({name})"] if symbol.kind == "species" else env[name]
                x[:, i] *= system.counted.get(name, 1.0)
                if name in system.counted:
                    x[:, i] = self._whole(name, x[:, i])
        for i, name in enumerate(system.constants):
            p[:, i] = env[name]
        return x, p, [self._switched(x[r], env, r, end) for r in range(rows)]

    def _whole(self, name: str, amounts: Any) -> Any:
        whole = np.rint(amounts)
        bad = np.abs(amounts - whole) > WHOLE * np.maximum(1.0, np.abs(amounts))
        if bad.any() or (whole < 0).any():
            raise UnsupportedError(
                f"'{name}' is counted, and starts with no whole number of molecules",
                value=float(amounts[int(np.argmax(bad | (whole < 0)))]),
                remedy=f"give it a whole number, or name it in continuous=['{name}']",
            )
        return whole

    def _switched(self, x: Any, env: Mapping[str, Any], row: int, end: float) -> list[Stop]:
        switches = self.system.switches
        if not (switches.switches or switches.triggers):
            return []
        read = {n for s in (*switches.switches, *switches.triggers) for n in s.expr.symbols()}
        local = {n: float(np.ravel(env[n])[row if np.ndim(env[n]) else 0]) for n in read if n in env}
        (_, first), *later = switches.schedule(local, end)
        for name, value in first.items():
            x[self.system.states.index(name)] = value
        return [Stop(t, tuple((n, False, v) for n, v in values.items())) for t, values in later]

    # --------------------------------------------------------------------------------------------------------- running
    def run(
        self,
        starts: Any,
        constants: Any,
        *,
        rows: Any,
        streams: Any,
        grid: Sequence[float],
        stops: Sequence[Sequence[Stop]] = (),
        at_dose: str = "after",
        most: int = 50_000_000,
        threads: int | None = None,
    ) -> CellResults:
        """Run cells.

        Parameters
        ----------
        starts, constants : ndarray
            As ``starts`` returns them.
        rows : ndarray of int
            Which row of them each cell has.
        streams : ndarray of uint64, shape (cells, 3)
            Replicate and key of each cell's random stream.
        grid : sequence of float
            Output times.
        stops : sequence of sequences of Stop
            By row, in order of time.
        at_dose : {"after", "before"}
        most : int
            How many jumps a cell may make.
        threads : int, optional
            All processors where not given. The results do not depend on it.
        """
        n, times = len(rows), np.ascontiguousarray(grid, dtype=float)
        out = np.full((n, len(times), len(self.outputs)), np.nan)
        results = np.zeros((n, 5))
        task = self._task(starts, constants, times, _packed(self.system, stops, len(starts), at_dose), most)
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        streams = np.ascontiguousarray(streams, dtype=np.uint64)
        workers = min(threads or os.cpu_count() or 1, n)
        each = max(1, min(CHUNK, -(-n // (4 * workers)) if workers > 1 else CHUNK))
        spans = [slice(a, min(a + each, n)) for a in range(0, n, each)]
        if workers <= 1:
            for span in spans:
                task(rows[span], streams[span], out[span], results[span])
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(lambda s: task(rows[s], streams[s], out[s], results[s]), spans))
        status = results[:, 0].astype(np.int8)
        out[status > 0] = np.nan
        messages = [self._message(*row) if row[0] else "" for row in results[:, :4].tolist()]
        return CellResults(out, status, messages, results[:, 2], results[:, 3].astype(np.int64),
                           results[:, 4].astype(np.int64))  # fmt: skip

    def _task(self, starts: Any, constants: Any, grid: Any, stops: Any, most: int) -> Callable[..., None]:
        return _Task(self, starts, constants, grid, stops, most)

    def _message(self, status: float, detail: float, time: float, jumps: float) -> str:
        system, code, k = self.system, int(status), int(detail)
        names: tuple[str, ...] = ()
        if code == BAD_LAW:
            names = tuple(c.id for c in system.channels)
        elif code in {BELOW_ZERO, FRACTION, UNEVEN, TOO_LARGE}:
            names = system.states
        elif code in {CROWDED, BAD_DELAY}:
            names = tuple(e.id for e in system.events)
        of = f" ('{names[k]}')" if 0 <= k < len(names) else ""
        return f"{CELL_STATUS[code]}{of} at time {time:.6g}, after {int(jumps)} {self.counts}"


class _Task:
    """Runs spans of cells, each with room of its own."""

    def __init__(self, cells: Cells, starts: Any, constants: Any, grid: Any, stops: Any, most: int) -> None:
        self._cells, self._starts, self._constants, self._grid, self._most = cells, starts, constants, grid, most
        self._of_row, self._stops = stops
        system = cells.system
        self._functions = cells.functions
        self._where = np.array([system.states.index(n) for n in system.flows], dtype=np.int64)
        self._scale = _scales(starts[:, self._where])
        self._events = np.array([(e.persistent, e.values_from_trigger) for e in system.events], dtype=np.bool_)
        self._initial = np.array([float(e.initial_value) for e in system.events] + [0.0] * len(cells.fates))
        checks = (*(e.trigger for e in system.events), *cells.fates)
        jumped = {s for c in system.channels for s in c.change}
        self._after_jump = bool(system.reads(*checks) & jumped)
        self._in_motion = any(system.moves(c) for c in checks)
        laws = [c.law for c in system.channels]
        self._hazards = any(map(system.moves, laws))
        self._timed = "time" in system.reads(*laws, *system.flows.values())

    def __call__(self, rows: Any, streams: Any, out: Any, results: Any) -> None:
        from sbmlqsp.engine.ssa_events import Conditions
        from sbmlqsp.engine.ssa_kernel import run_cells
        from sbmlqsp.engine.ssa_model import QUEUE
        from sbmlqsp.engine.ssa_motion import Motion

        system, n = self._cells.system, len(self._where)
        checks = len(system.events) + len(self._cells.fates)
        room = max([1, *(len(e.assignments) for e in system.events)])
        conditions = Conditions(
            self._events.reshape(-1, 2), np.zeros(checks), np.zeros(checks), np.zeros(QUEUE),
            np.zeros(QUEUE, dtype=np.int64), np.zeros((QUEUE, room)), np.zeros(room),
        )  # fmt: skip
        longest = self._grid[-1] / 500 if self._in_motion or self._timed else math.inf
        motion = Motion(self._where, np.ones(n + 1), np.zeros(n + 1), np.zeros(n + 1), np.zeros((7, n + 1)),
                        self._hazards, self._in_motion, longest)  # fmt: skip
        blocks = -(-len(system.channels) // BLOCK)
        run_cells(
            self._functions, self._starts, self._constants, rows, streams, self._grid, out, conditions, self._initial,
            len(self._cells.fates), motion, self._scale, self._of_row, self._stops, self._after_jump, self._most,
            blocks, results,
        )  # fmt: skip


def _scales(values: Any) -> Any:
    """Return the size below which each moving state, and the hazard, counts as nothing: a millionth of its start."""
    scale = np.abs(values) * 1e-6
    least = np.where(scale > 0, scale, np.inf).min(axis=1, keepdims=True) if scale.size else np.zeros((len(values), 1))
    least = np.where(np.isfinite(least), least, 1e-12)
    filled = np.where(scale > 0, scale, least)
    return np.ascontiguousarray(np.hstack([filled, np.ones((len(values), 1))]))


def _packed(system: JumpSystem, stops: Sequence[Sequence[Stop]], rows: int, at_dose: str) -> tuple[Any, Any]:
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
        np.array([s.time for s in flat], dtype=float), np.array([s.dosed for s in flat], dtype=np.bool_), of_stop,
        np.array([place[n] for n, _, _ in changes], dtype=np.int64),
        np.array([a for _, a, _ in changes], dtype=np.bool_),
        np.array([v for _, _, v in changes], dtype=float), at_dose == "before",
    )  # fmt: skip
