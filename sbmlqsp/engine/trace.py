"""Single cells, one after the other, with a row for every change of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from sbmlqsp.engine.spans import OneByOne, packed
from sbmlqsp.engine.ssa import Cells
from sbmlqsp.engine.ssa_status import BLOCK

__all__ = ["KNOWN", "Tracer"]

KNOWN = ("start", "dose", "switch", "end")
"""What rows are of, before the model's own events, fates and channels."""
FIRST_ROOM = 4096


class Tracer(OneByOne):
    """Runs cells and keeps their rows.

    Parameters
    ----------
    cells : Cells
    starts, constants, grid, stops, most
        As ``Cells.run`` takes them. What moves continuously is followed in steps that end at the times of the grid, as
        there.
    most_rows : int
        How many rows there may be in all; ``full`` says that a cell needed more.
    """

    def __init__(
        self, cells: Cells, starts: Any, constants: Any, *, grid: Any, stops: Any, most: int, most_rows: int
    ) -> None:
        super().__init__(
            cells, starts, constants, grid, packed(cells.system, stops, len(starts), at_dose="after", grid=grid), most
        )
        self._most_rows, self._count, self.full = most_rows, 0, False
        self._log = self._empty(min(FIRST_ROOM, most_rows))
        self._conditions, self._motion = self._room()

    def trace(self, row: int, stream: Any) -> str:
        """Run a cell and keep its rows; return why that cannot be done, nothing where it can."""
        while True:
            self._log.at[0] = self._count
            status, *how = self._run(row, stream)
            room = len(self._log.time)
            if status >= 0 or room == self._most_rows:
                break
            self._grow(min(4 * room, self._most_rows))  # the cell is run again, which is rare
        if status < 0:
            self.full = True
            return f"more rows than allowed at time {how[1]:.6g}, after {how[2]} jumps"
        if status:
            return self._cells.message(status, *how)
        self._count = int(self._log.at[0])
        return ""

    def _run(self, row: int, stream: Any) -> tuple[int, int, float, int]:
        from sbmlqsp.engine.trace_kernel import trace_cell

        found: tuple[int, int, float, int] = trace_cell(
            self._functions, self._starts[row], self._constants[row], stream, self._grid, self._conditions,
            self._initial, len(self._cells.fates), self._motion, self._scale[row], self._of_row[row],
            self._of_row[row + 1], self._stops, self._after_jump, self._most,
            -(-len(self._cells.system.channels) // BLOCK), self._log,
        )  # fmt: skip
        return found

    def _empty(self, room: int) -> Any:
        from sbmlqsp.engine.trace_kernel import Log

        values = np.empty((room, len(self._cells.outputs)))
        return Log(np.empty(room), np.empty(room, dtype=np.int64), values, np.zeros(1, dtype=np.int64))

    def _grow(self, room: int) -> None:
        longer = self._empty(room)
        for old, new in zip(self._log[:3], longer[:3], strict=True):
            new[: self._count] = old[: self._count]
        self._log = longer

    @property
    def rows(self) -> int:
        """How many rows there are so far."""
        return self._count

    @property
    def found(self) -> tuple[Any, Any, Any]:
        """Times, what happened (known things, events, fates, then channels, by number), and outputs just after."""
        log, n = self._log, self._count
        return log.time[:n], log.what[:n], log.values[:n]
