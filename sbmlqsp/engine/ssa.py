"""Ensembles of single cells on compiled kernels, spread over threads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from sbmlqsp.engine.codegen import compile_functions, source_of
from sbmlqsp.engine.codegen_lanes import runs_in_lanes, trusted
from sbmlqsp.engine.cuts import RELATIONS
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.spans import OneByOne, SideBySide, Span, Stop, packed
from sbmlqsp.engine.ssa_status import (
    BAD_DELAY,
    BAD_LAW,
    BELOW_ZERO,
    CELL_STATUS,
    CROWDED,
    FRACTION,
    MOST_JUMPS,
    TOO_LARGE,
    UNEVEN,
)
from sbmlqsp.engine.whole import uneven, uneven_start
from sbmlqsp.expressions import Expr

__all__ = ["CellResults", "Cells", "Stop"]


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
        """The compiled functions for one cell after the other."""
        from sbmlqsp.engine.ssa_model import Model

        checks = (*self.fates, *self.parts)
        return compile_functions(source_of(self.system, outputs=self.outputs, fates=checks), Model)

    @cached_property
    def parts(self) -> tuple[Expr, ...]:
        """The comparisons of what moves: a step ends where one changes, so that none is passed in between."""
        system = self.system
        read = [*system.flows.values(), *(c.law for c in system.channels), *self.conditions]
        read += [system.rules[n] for n in sorted(system.reads(*read) & system.rules.keys())]
        found = (node for expr in read for node in expr.walk() if node.op in RELATIONS and system.moves(node))
        return tuple(dict.fromkeys(Expr(node.op, pair) for node in found for pair in pairwise(node.args)))

    @property
    def conditions(self) -> tuple[Expr, ...]:
        """The triggers of events, and fates."""
        return (*(e.trigger for e in self.system.events), *self.fates)

    @cached_property
    def side_by_side(self) -> bool:
        """Whether cells run side by side; the numbers are the same."""
        return runs_in_lanes(self.system, fates=len(self.fates))

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
        bad = uneven(amounts)
        if bad.any():
            raise uneven_start(name, float(amounts[int(np.argmax(bad))]))
        return np.rint(amounts)

    def _switched(self, x: Any, env: Mapping[str, Any], row: int, end: float) -> list[Stop]:
        switches = self.system.switches
        if not (switches.switches or switches.triggers):
            return []
        read = switches.reads
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
        most: int = MOST_JUMPS,
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
        out = np.empty((len(self.outputs), n, len(times)))  # filled by the threads
        results = np.zeros((n, 5))
        changes = packed(self.system, stops, len(starts), at_dose=at_dose, grid=times)
        task = self._task(starts, constants, times, changes, most)
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        streams = np.ascontiguousarray(streams, dtype=np.uint64)

        def run(span: slice) -> None:
            """Run some cells in a room that stays in the processor's cache, and give each output its own place."""
            room = np.empty((span.stop - span.start, len(times), len(self.outputs)))
            task(rows[span], streams[span], room, results[span])
            out[:, span] = room.transpose(2, 0, 1)

        workers = min(threads or os.cpu_count() or 1, n)
        spans = _spans(n, workers, task.most_cells)
        if workers <= 1:
            for span in spans:
                run(span)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(run, spans))
        return self._results(out, results)

    def _results(self, out: Any, results: Any) -> CellResults:
        status = results[:, 0].astype(np.int8)
        out[:, status > 0] = np.nan
        messages = [""] * len(status)
        for k in np.flatnonzero(status).tolist():
            messages[k] = self.message(*results[k, :4].tolist())
        jumps, fate = results[:, 3].astype(np.int64), results[:, 4].astype(np.int64)
        return CellResults(out.transpose(1, 2, 0), status, messages, results[:, 2], jumps, fate)

    def _task(self, starts: Any, constants: Any, grid: Any, stops: Any, most: int) -> Span:
        together = self.side_by_side and not (constants[:, trusted(self.system)] < 0).any()
        return (SideBySide if together else OneByOne)(self, starts, constants, grid, stops, most)

    def message(self, status: float, detail: float, time: float, jumps: float) -> str:
        """Return what ended a cell, in words."""
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


def _spans(n: int, workers: int, most: int) -> list[slice]:
    """Return which cells are run at a time: for more than one worker, in pieces that end about together."""
    each = max(1, min(most, -(-n // (4 * workers)) if workers > 1 else most))
    return [slice(a, min(a + each, n)) for a in range(0, n, each)]
