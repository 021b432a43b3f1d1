"""Courses of records on the batch kernel: subjects that change on the way, and doses at steady state.

A course is run piece by piece where a steady state replaces every amount: what comes after depends on nothing before,
so that each piece is a patient of its own, whose time counts from where it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sbmlqsp.compiled import LOCK, compile_for
from sbmlqsp.course import Course, Series
from sbmlqsp.course_runner import CourseJob, CourseRunner
from sbmlqsp.engine.jumps import INFLOW
from sbmlqsp.engine.ode import Batch
from sbmlqsp.engine.ode_course_program import Coursed
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.model import Model

__all__ = ["Piece", "Steady", "pieces_of", "written"]


@dataclass
class Piece:
    """A part of a course: states and constants at its begin, when that is, what is added, and what happens."""

    states: Any
    constants: Any
    begin: float = 0.0
    amounts: list[float] = field(default_factory=list)
    steps: list[tuple[Any, ...]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)

    @property
    def ran(self) -> bool:
        """Whether anything was run or put out."""
        return any(step[0] == "run" for step in self.steps)


class Steady:
    """What endless series of doses lead to, found as on libRoadRunner (see ``periodic``).

    Parameters
    ----------
    model : Model
    targets : sequence of str
    env : mapping
        The values at the start, one per row.
    rows : int
    tolerances : Tolerances
        Of the run; those of the search are no looser than by default.
    """

    def __init__(
        self, model: Model, targets: Sequence[str], env: Mapping[str, Any], rows: int, *, tolerances: Tolerances
    ) -> None:
        least = min(Tolerances().relative, tolerances.relative)
        self._tolerances = replace(Tolerances(), relative=least)
        with LOCK:
            self._compiled = compile_for(model, targets=targets, outputs=(), env=env, size=rows)
            self._runner = CourseRunner(self._compiled)
        machine = self._compiled.machine
        self.names = (*machine.floating, *machine.rated)

    def __call__(self, series: Series, course: Course, rows: Sequence[int], row: int, scales: Any) -> dict[str, float]:
        """Return by name what a series sets a state to, or adds to it, under a row of a course.

        Raises
        ------
        DosingError
            There is no such state.
        """
        with LOCK:
            job = CourseJob(course, rows, dict(scales))
            found = self._runner.steady(job, row, series, self._tolerances)
        return dict(zip(self.names, found.tolist(), strict=True))


Reached = Callable[[Series, int], Mapping[str, float]]


def pieces_of(
    course: Course, batch: Batch, starts: Any, constants: Any, *, moving: Any, reached: Reached
) -> list[Piece]:
    """Return a course as pieces.

    Parameters
    ----------
    course : Course
    batch : Batch
    starts, constants : ndarray of shape (rows, …)
        Of the rows of the subject.
    moving : ndarray of int
        The constants that its rows may change.
    reached : callable
        What a series leads to under a row, by name.
    """
    writer = _Writer(batch, starts, constants, moving, course.row)
    for stretch in course.stretches:
        for action in stretch.actions:
            if action[0] == "steady":
                writer.steady(action[1], reached(action[1], writer.row), stretch.times[0])
            else:
                writer.act(*action)
        writer.run(stretch.times, stretch.rows, stretch.output)
    return writer.pieces


class _Writer:
    """Writes pieces; its methods are the actions of a course."""

    def __init__(self, batch: Batch, starts: Any, constants: Any, moving: Any, row: int) -> None:
        self._places, self._names = batch.places, batch.equations.constants
        self._constants, self._moving, self.row = constants, moving, row
        self._now = constants[row].copy()
        self.pieces = [Piece(starts[row].copy(), self._now.copy())]
        self._how: dict[str, Callable[..., None]] = {"row": self.change, "add": self.add, "rate": self.rate,
                                                    "switch": self.switch}  # fmt: skip

    def act(self, action: str, *arguments: Any) -> None:
        """Do what happens at an instant."""
        self._how[action](*arguments)

    def _set(self, name: str, value: float) -> None:
        self._now[self._places.constants[name]] = value
        self.pieces[-1].steps.append(("put", name, value))

    def change(self, row: int) -> None:
        before, after = self._constants[self.row], self._constants[row]
        for place in self._moving[before[self._moving] != after[self._moving]].tolist():
            self._set(self._names[place], float(after[place]))
        self.row = row

    def add(self, target: str, amount: float) -> None:
        piece = self.pieces[-1]
        piece.steps.append(("give", target, len(piece.amounts)))
        piece.amounts.append(amount)
        if target in self._places.constants:
            self._now[self._places.constants[target]] += amount

    def rate(self, target: str, total: float) -> None:
        if INFLOW + target in self._places.constants:
            self._set(INFLOW + target, total)

    def switch(self, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            if name in self._places.constants:
                self._set(name, value)

    def steady(self, series: Series, found: Mapping[str, float], time: float) -> None:
        moved = {name: value for name, value in found.items() if name in self._places.states}
        if series.adds:
            for name, value in moved.items():
                if value:
                    self.add(name, value)
            return
        piece = Piece(self.pieces[-1].states.copy(), self._now.copy(), time)
        for name, value in moved.items():
            piece.states[self._places.states[name]] = value
        if self.pieces[-1].ran:
            self.pieces.append(piece)
        else:
            self.pieces[-1] = piece

    def run(self, times: Sequence[float], rows: Sequence[int], output: Sequence[int]) -> None:
        piece = self.pieces[-1]
        if len(times) > 1 or output:
            piece.steps.append(("run", [t - piece.begin for t in times], list(rows), list(output)))
            piece.outputs += output


def written(pieces: Sequence[Piece], batch: Batch) -> tuple[Coursed, Any]:
    """Return the instructions of pieces, and what is added in each, of shape (pieces, additions)."""
    out = Coursed(batch.places)
    amounts = np.zeros((len(pieces), max([1, *(len(p.amounts) for p in pieces)])))
    for k, piece in enumerate(pieces):
        amounts[k, : len(piece.amounts)] = piece.amounts
        for step in piece.steps:
            getattr(out, step[0])(*step[1:])
        out.end_course()
    return out, amounts
