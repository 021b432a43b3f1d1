"""The methods that integrate patients without events, and when one hands a patient over to another.

RODAS5P takes the cheaper steps. Radau IIA of order 9 is the better at tight tolerances, and where fast parts that
follow slow ones cost a Rosenbrock method its order: there steps are many, which is how it is found. A patient that has
made ``PATIENCE`` steps in one stretch goes on by Radau, and comes back where its steps there are not ``WORTH`` times as
long, which they must be to pay; then it stays four times as long. What becomes of a patient depends on its own numbers
alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.ode_kernel import Control, Patients, Program
from sbmlqsp.engine.ode_status import HANDED

__all__ = ["Task", "integrate"]

LOOSE, TIGHT = 5e-6, 5e-10
"""At tolerances above the first all is RODAS5P's; below the second all begins with Radau."""
PATIENCE, TRIAL, WORTH = 64, 8, 5.0
SHARE, LEAST = 0.1, 1e-13
"""Radau's estimate of its error is of a lower order than the error, which comes to some times the tolerance: it gets
this share of that, and no less than rounding allows."""

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
    method : {"auto", "rodas", "radau"}
    spread : callable
        Runs patients from a first to a last on threads, as many as given.
    """
    from sbmlqsp.engine.ode_lanes import MORE, Handed

    (n, states), control = task.patients.starts.shape, task.control
    order, by, resumed = np.arange(n), _first(method, control), False
    kept = np.zeros((n if method == "auto" else 1, states + task.patients.constants.shape[1] + MORE))
    while order.size:
        loop, more = _loop(by)
        own = control if method != "auto" else _patient(control, by, resumed=resumed)
        handed = Handed(order, kept, resumed)
        run = partial(_run, loop, (functions, packed, task.program, task.patients, own, handed), task, more)
        spread(run, len(order))
        order = order[task.results[order, 0] == HANDED]
        by, resumed = "radau" if by == "rodas" else "rodas", True


def _run(loop: Any, given: tuple[Any, ...], task: Task, more: tuple[Any, ...], first: int, last: int) -> None:
    loop(*given, first, last, task.out, task.results, *more)


def _first(method: str, control: Control) -> str:
    if method != "auto":
        return method
    return "radau" if control.relative < TIGHT else "rodas"


def _patient(control: Control, by: str, *, resumed: bool) -> Control:
    """Return how long a method is tried."""
    if by == "rodas":
        return control._replace(patience=PATIENCE if control.relative <= LOOSE else 0)
    relative = max(SHARE * control.relative, min(LEAST, control.relative))
    own = control._replace(relative=relative)
    return own._replace(patience=TRIAL, worth=WORTH) if resumed else own


def _loop(by: str) -> tuple[Any, tuple[Any, ...]]:
    """Return the compiled loop of a method, and what else it is given."""
    if by == "radau":
        from sbmlqsp.engine.ode_radau_lanes import run_radau

        return run_radau, ()
    from sbmlqsp.engine.ode_rodas_lanes import WEIGHTS, run_rodas

    return run_rodas, (WEIGHTS.copy(),)
