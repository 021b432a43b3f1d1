"""The methods that integrate patients without events, and when one hands a patient over to another.

RODAS5P takes cheap steps. Radau IIA of order 9 is the better at tight tolerances, and where fast parts that follow slow
ones cost a Rosenbrock method its order: there steps are many, which is how it is found. A patient that has made
``PATIENCE`` steps in one stretch goes on by Radau, and comes back where its steps there are not ``WORTH`` times as
long, which they must be to pay; then it stays four times as long. A patient with many states whose steps are not
limited by stiffness, as the norm of its Jacobian shows, goes on by the explicit method of Dormand and Prince, until
that finds it stiff. What becomes of a patient depends on its own numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.ode_kernel import Control, Patients, Program
from sbmlqsp.engine.ode_status import EASY, LONG, STIFF

__all__ = ["Task", "integrate"]

LOOSE, TIGHT = 5e-6, 5e-10
"""At tolerances above the first all is RODAS5P's; below the second all begins with Radau."""
PATIENCE, TRIAL, WORTH = 128, 8, 5.0
CALM, MANY = 32, 10
"""After how many steps that the explicit method could take, and from how many states on, it pays."""
SHARE = 0.1
"""Radau's estimate of its error is of a lower order than the error, which at the looser tolerances comes to ten or more
times what was asked for: who is handed over gets this share of it."""
NEXT = {
    "rodas": ((LONG, "radau"), (EASY, "explicit")),
    "radau": ((LONG, "rodas"),),
    "explicit": ((LONG, "radau"), (STIFF, "rodas")),
}
"""By which method patients go on that are handed over."""

Spread = Callable[[Callable[[int, int], None], int], None]


class Task(NamedTuple):
    """What is to be integrated, and where it is put."""

    program: Program
    patients: Patients
    control: Control
    out: Any
    results: Any


def integrate(functions: Any, packed: Any, task: Task, *, method: str, spread: Spread) -> None:
    """Integrate patients, side by side.

    Parameters
    ----------
    functions, packed : compiled functions of the model, and the plan of its elimination
    task : Task
    method : {"auto", "rodas", "radau", "explicit"}
        The first hands over as it pays, the last only what is stiff.
    spread : callable
        Runs patients from a first to a last on threads, as many as given.
    """
    from sbmlqsp.engine.ode_lanes import MORE, Handed

    (n, states), control = task.patients.starts.shape, task.control
    kept = np.zeros((n, states + task.patients.constants.shape[1] + MORE))
    waiting = [(_first(method, control), np.arange(n), False)]
    while waiting:
        by, order, resumed = waiting.pop()
        loop, more = _loop(by)
        own = control if method in {"rodas", "radau"} else _patient(control, by, states, resumed=resumed)
        handed = Handed(order, kept, resumed)
        run = partial(_run, loop, (functions, packed, task.program, task.patients, own, handed), task, more)
        spread(run, len(order))
        for status, to in NEXT[by]:
            some = order[task.results[order, 0] == status]
            if some.size:
                waiting.append((to, some, True))


def _run(loop: Any, given: tuple[Any, ...], task: Task, more: tuple[Any, ...], first: int, last: int) -> None:
    if not given[-1].resumed:
        task.out[first:last] = np.nan  # by the threads: memory that was never touched takes its time
    loop(*given, first, last, task.out, task.results, *more)


def _first(method: str, control: Control) -> str:
    if method != "auto":
        return method
    return "radau" if control.relative < TIGHT else "rodas"


def _patient(control: Control, by: str, states: int, *, resumed: bool) -> Control:
    """Return how long a method is tried."""
    patience = PATIENCE if control.relative <= LOOSE else 0
    if by == "explicit":
        return control._replace(calm=-1, patience=patience)
    if by == "rodas":
        return control._replace(patience=patience, calm=CALM if states >= MANY else 0)
    if not resumed:
        return control
    return control._replace(relative=SHARE * control.relative, patience=TRIAL, worth=WORTH)


def _loop(by: str) -> tuple[Any, tuple[Any, ...]]:
    """Return the compiled loop of a method, and what else it is given."""
    if by == "radau":
        from sbmlqsp.engine.ode_radau_lanes import run_radau

        return run_radau, ()
    if by == "explicit":
        from sbmlqsp.engine.ode_explicit_lanes import WEIGHTS as OF_EXPLICIT
        from sbmlqsp.engine.ode_explicit_lanes import run_explicit

        return run_explicit, (OF_EXPLICIT.copy(),)
    from sbmlqsp.engine.ode_rodas_lanes import WEIGHTS, run_rodas

    return run_rodas, (WEIGHTS.copy(),)
