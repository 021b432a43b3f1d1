"""Batches of patients on the compiled kernel of differential equations, spread over threads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.codegen import compile_functions
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.ode_codegen import equations_of, source_of_equations
from sbmlqsp.engine.ode_codegen_lanes import source_of_lanes
from sbmlqsp.engine.ode_program import Instructions, Places
from sbmlqsp.engine.ode_status import FINE, ODE_STATUS

__all__ = ["Batch", "BatchResult"]

SPAN = 64
"""How many patients a thread takes at a time at least."""


class Evaluations(NamedTuple):
    """A model's compiled functions, without those that solve linear systems."""

    rates: Any
    slopes: Any
    look: Any


@dataclass(frozen=True)
class BatchResult:
    """What patients gave: outputs of shape (patients, times, outputs), and by patient status, time and steps."""

    out: Any
    status: Any
    time: Any
    steps: Any

    def message(self, row: int) -> str:
        """Return why a patient's run ended early, in words; ``""`` where it did not."""
        status = int(self.status[row])
        return "" if status == FINE else f"{ODE_STATUS[status]}; stopped at time {self.time[row]:.6g}"


class Batch:
    """A model made ready for the kernel.

    Parameters
    ----------
    network : Network
    dosed : mapping of str to bool
        What doses change, and whether it is infused.
    outputs : sequence of str
        Engine selections: ``"S"`` is an amount or a value, ``"[S]"`` a concentration.

    Raises
    ------
    UnsupportedError
        Something that the kernel does not run: which.
    """

    def __init__(self, network: Network, *, dosed: Mapping[str, bool], outputs: Sequence[str]) -> None:
        self.equations = equations_of(network, dosed=dosed)
        self.outputs = tuple(outputs)
        self.switches = self.equations.system.switches

    @property
    def states(self) -> tuple[str, ...]:
        """What moves: amounts of species and values of what rate rules change."""
        return self.equations.states

    @cached_property
    def places(self) -> Places:
        """Where each state and constant is."""
        states, constants = self.equations.states, self.equations.constants
        return Places({n: i for i, n in enumerate(states)}, {n: i for i, n in enumerate(constants)})

    @cached_property
    def functions(self) -> Any:
        """The compiled functions of the model for one patient."""
        from sbmlqsp.engine import ode_linear
        from sbmlqsp.engine.ode_model import Functions

        return self._compiled(source_of_equations, Functions, ode_linear.factor, ode_linear.solve)

    @cached_property
    def functions_of_lanes(self) -> Any:
        """The compiled functions of the model for patients side by side."""
        from sbmlqsp.engine import ode_linear_lanes as linear
        from sbmlqsp.engine.ode_model import Functions

        return self._compiled(source_of_lanes, Functions, linear.factor_lanes, linear.solve_lanes)

    def _compiled(self, write: Any, shape: Any, factor: Any, solve: Any) -> Any:
        source = write(self.equations, outputs=self.outputs)
        if self.equations.written_out:
            return compile_functions(source, shape)
        own = compile_functions(source, Evaluations)
        return shape(own.rates, own.slopes, own.look, factor, solve)

    def starts(self, env: Mapping[str, Any], rows: int) -> tuple[Any, Any]:
        """Return states and constants at time 0, of shape (rows, states) and (rows, constants).

        Parameters
        ----------
        env : mapping of str to float or ndarray
            The value of every symbol, and ``"amount(S)"`` of species, from ``initial_state``.
        rows : int
        """
        x, p = np.zeros((rows, len(self.states))), np.zeros((rows, len(self.equations.constants)))
        for i, name in enumerate(self.states):
            x[:, i] = env.get(f"amount({name})", env[name])
        for i, name in enumerate(self.equations.constants):
            if name in env:  # else a switch or an infusion, which instructions set
                p[:, i] = env[name]
        return x, p

    def instructions(self) -> Instructions:
        """Return an empty list of instructions."""
        return Instructions(self.places)

    def run(
        self,
        starts: Any,
        constants: Any,
        *,
        instructions: Instructions,
        which: Any,
        amounts: Any,
        lengths: Any,
        scales: Any,
        times: int,
        relative: float,
        absolute: float,
        most: int,
        threads: int | None = None,
    ) -> BatchResult:
        """Run patients.

        Parameters
        ----------
        starts, constants : ndarray
            As ``starts`` returns them.
        instructions : Instructions
        which : ndarray of int
            Whose instructions each patient follows.
        amounts, lengths : ndarray of shape (patients, deliveries)
            What each delivery gives, and for how long.
        scales : ndarray of shape (patients, states)
            The scale of each state, of which ``absolute`` is the share that its error may be anywhere.
        times : int
            How many outputs in time there are.
        relative, absolute : float
        most : int
            How many steps a patient may take.
        threads : int, optional
            All processors where not given. The results do not depend on it.
        """
        from sbmlqsp.engine.ode_kernel import Control, Patients, Program
        from sbmlqsp.engine.ode_lanes import WEIGHTS, run_lanes

        functions, plan = self.functions_of_lanes, self.equations.elimination
        n = len(starts)
        out, results = np.full((n, times, len(self.outputs)), np.nan), np.zeros((n, 3))
        amounts, lengths = (np.ascontiguousarray(a, dtype=float) for a in (amounts, lengths))
        starts, constants = np.ascontiguousarray(starts), np.ascontiguousarray(constants)
        patients = Patients(starts, constants, np.ascontiguousarray(which, dtype=np.int64), amounts, lengths,
                            absolute * scales, np.ascontiguousarray(scales))  # fmt: skip
        program, control = (
            Program(*instructions.arrays()),
            Control(float(relative), int(most), plan.size, bool(self.equations.slopes.by_time)),
        )

        workers = min(threads or os.cpu_count() or 1, -(-n // SPAN)) if n else 1
        span = max(SPAN, min(16 * SPAN, -(-n // (4 * workers))))

        def run(first: int) -> None:
            last = min(first + span, n)
            run_lanes(functions, plan.packed, program, patients, control, first, last, WEIGHTS.copy(), out, results)

        if workers <= 1:
            for first in range(0, n, span):
                run(first)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(run, range(0, n, span)))
        return BatchResult(out, results[:, 0].astype(np.int8), results[:, 1], results[:, 2].astype(np.int64))
