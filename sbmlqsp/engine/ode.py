"""Batches of patients on the compiled kernel of differential equations, spread over threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.balances import EVEN, SHARE
from sbmlqsp.engine.codegen import compile_functions
from sbmlqsp.engine.cuts import LOOKS
from sbmlqsp.engine.event_order import EventOrder
from sbmlqsp.engine.growth import growing, shares
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.ode_codegen import equations_of, source_of_equations
from sbmlqsp.engine.ode_codegen_lanes import source_of_lanes
from sbmlqsp.engine.ode_program import Instructions, Places
from sbmlqsp.engine.ode_status import FINE, ODE_STATUS
from sbmlqsp.engine.ode_waves import WAVE
from sbmlqsp.engine.threads import spread
from sbmlqsp.expressions import Expr, to_infix

__all__ = ["ABSOLUTE", "Batch", "BatchResult"]

ABSOLUTE = 1e-15
"""What the error of a state may be where it is zero, as a share of its scale, where nothing else is asked for."""
MOST = 1024
"""How many patients a thread takes at a time at most."""
LOOKED = 125
"""Into how many steps at least a run is divided where triggers are watched, so that none holds in between unseen."""
PLAIN = 1e-3
"""What it counts that an event which sets plain values happens at once again: it ends well, as a rule."""


class Evaluations(NamedTuple):
    """A model's compiled functions, without those that solve linear systems."""

    rates: Any
    slopes: Any
    look: Any


class WithEvents(NamedTuple):
    """Those of a model with events."""

    rates: Any
    slopes: Any
    look: Any
    act: Any


@dataclass(frozen=True)
class BatchResult:
    """What patients gave: outputs of shape (patients, times, outputs), and by patient status, time and steps.

    ``event`` is the place among ``events`` of the one that ended a patient's run, -1 where none did; below that it says
    which of what rates jump with, from -2 down, came to compare what is equal but for errors.
    """

    out: Any
    status: Any
    time: Any
    steps: Any
    event: Any
    events: tuple[str, ...] = ()
    jumps: tuple[Expr, ...] = ()

    def doubts(self) -> dict[int, str]:
        """Return of which patients errors chose how a condition went on, in words."""
        some = np.flatnonzero((self.event < -1) & (np.asarray(self.status) == FINE)).tolist()
        return {k: f"'{to_infix(self.jumps[-2 - int(self.event[k])])}' {EVEN}".replace("__", ".") for k in some}

    def message(self, row: int) -> str:
        """Return why a patient's run ended early, in words; ``""`` where it did not."""
        status = int(self.status[row])
        if status == FINE:
            return ""
        place = int(self.event[row])
        whose = f" ('{self.events[place].replace('__', '.')}')" if 0 <= place < len(self.events) else ""
        return f"{ODE_STATUS[status]}{whose}; stopped at time {self.time[row]:.6g}"


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
        self.outputs, self._network = tuple(outputs), network
        self.switches = self.equations.system.switches

    @property
    def states(self) -> tuple[str, ...]:
        """What moves: amounts of species and values of what rate rules change."""
        return self.equations.states

    @property
    def eventful(self) -> bool:
        """Whether there are events."""
        return bool(self.equations.system.events)

    @property
    def held(self) -> bool:
        """Whether rates jump where what moves crosses a threshold, or bend there so that a pulse may be hidden."""
        return bool(self.equations.held.names)

    @property
    def watched(self) -> bool:
        """Whether something is to be found in steps."""
        return self.held or bool(self.equations.watched)

    @cached_property
    def places(self) -> Places:
        """Where each state and constant is."""
        states, constants = self.equations.states, self.equations.constants
        return Places({n: i for i, n in enumerate(states)}, {n: i for i, n in enumerate(constants)})

    @cached_property
    def functions(self) -> Any:
        """The compiled functions of the model for one patient."""
        from sbmlqsp.engine import ode_linear
        from sbmlqsp.engine.ode_model import EventFunctions, Functions

        looped = self.eventful or self.held
        whole: Any = EventFunctions if looped else Functions
        part: Any = WithEvents if looped else Evaluations
        return self._compiled(source_of_equations, whole, part, ode_linear.factor, ode_linear.solve)

    @cached_property
    def functions_of_lanes(self) -> Any:
        """The compiled functions of the model for patients side by side."""
        from sbmlqsp.engine import ode_linear_lanes as linear
        from sbmlqsp.engine.ode_model import Functions

        return self._compiled(source_of_lanes, Functions, Evaluations, linear.factor_lanes, linear.solve_lanes)

    def _compiled(self, write: Any, whole: Any, part: Any, factor: Any, solve: Any) -> Any:
        source = write(self.equations, outputs=self.outputs)
        if self.equations.written_out:
            return compile_functions(source, whole)
        own: Any = compile_functions(source, part)
        return whole(*own, factor, solve)

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
            if not name.startswith(WAVE):
                x[:, i] = env.get(f"amount({name})", env[name])
        for i, name in enumerate(self.equations.constants):
            if name in env:  # else a switch or an infusion, which instructions set, or what is held
                p[:, i] = env[name]
        return x, p

    def shares(self, absolute: float) -> Any:
        """Return what each state's error may be where it is zero, as a share of its scale."""
        return shares(self.states, absolute, usual=ABSOLUTE, deep=self.deep)

    @cached_property
    def deep(self) -> frozenset[str]:
        """The states that grow out of themselves, whose errors are shares of themselves however small they are."""
        return growing(self._network)

    def instructions(self) -> Instructions:
        """Return an empty list of instructions."""
        return Instructions(self.places, self.eventful)

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
        method: str = "auto",
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
            The scale of each state, of which ``absolute`` is the share that its error may be anywhere, unless it grows
            out of itself (see ``growth``).
        times : int
            How many outputs in time there are.
        relative, absolute : float
        most : int
            How many steps a patient may take.
        threads : int, optional
            All processors where not given. The results do not depend on it.
        method : {"auto", "rodas", "radau", "explicit"}
            Of models without events; see ``ode_methods``.
        """
        from sbmlqsp.engine.ode_kernel import Control, Patients, Program
        from sbmlqsp.engine.ode_methods import Task, integrate

        plan = self.equations.elimination
        n = len(starts)
        out, results = np.empty((n, times, len(self.outputs))), np.zeros((n, 4))
        amounts, lengths = (np.ascontiguousarray(a, dtype=float) for a in (amounts, lengths))
        starts, constants = np.ascontiguousarray(starts), np.ascontiguousarray(constants)
        patients = Patients(starts, constants, np.ascontiguousarray(which, dtype=np.int64), amounts, lengths,
                            self.shares(absolute) * scales, np.ascontiguousarray(scales))  # fmt: skip
        control = Control(float(relative), int(most), plan.size, bool(self.equations.slopes.by_time),
                          longest=self.longest(instructions))  # fmt: skip
        task = Task(Program(*instructions.arrays()), patients, control, out, results)

        def over_threads(run: Callable[[int, int], None], count: int) -> None:
            spread(run, count, threads, most=MOST)

        if self.eventful or self.held:
            self._run_eventful(instructions, task, absolute, over_threads)
        else:
            integrate(self.functions_of_lanes, plan.packed, task, method=method, spread=over_threads)
        status, steps, event = results[:, 0].astype(np.int8), results[:, 2].astype(np.int64), results[:, 3].astype(int)
        return BatchResult(out, status, results[:, 1], steps, event - 1, self.event_names, self.equations.held.jumps)

    @property
    def event_names(self) -> tuple[str, ...]:
        """The events of the model."""
        return tuple(e.id for e in self.equations.system.events)

    def _run_eventful(self, instructions: Instructions, task: Any, absolute: float, over_threads: Any) -> None:
        from sbmlqsp.engine.ode_eventful import run_eventful

        traits, plan = self.traits(instructions), self.equations.elimination.packed

        def run(first: int, last: int) -> None:
            task.out[first:last] = np.nan
            run_eventful(
                self.functions, plan, task.program, task.patients, task.control, first, last, task.out, task.results,
                traits._replace(even=SHARE * task.control.relative, deep=SHARE * absolute),
            )  # fmt: skip

        over_threads(run, len(task.out))

    def longest(self, instructions: Instructions) -> float:
        """Return how long a step may be."""
        parts = LOOKS if self.equations.bends else LOOKED if self.watched else 0
        return instructions.end / parts if parts and instructions.end > 0 else math.inf

    def traits(self, instructions: Instructions) -> Any:
        """Return what there is to know of events."""
        from sbmlqsp.engine.ode_eventful import Traits

        own: tuple[Any, ...] = (*self._traits, self.longest(instructions), 0.0, 0.0)
        return Traits(*own)

    @cached_property
    def _traits(self) -> Any:
        """What there is to know of events, but for how long steps may be."""
        network, events = self.equations.system.network, self.equations.system.events
        order, static = EventOrder(network), network.static
        weight = [1.0 if any(v.symbols() - static for v in e.assignments.values()) else PLAIN for e in events]
        pairs = ((a, b) for a in events for b in events)
        rivals = [a is not b and None not in (a.priority, b.priority) and not order.commute(a, b) for a, b in pairs]
        width = max([1, *(len(e.assignments) for e in events)])
        strict = _numbers(map(self.equations.strict, events))
        return (
            _numbers(e.initial_value for e in events), _numbers(e.persistent for e in events),
            _numbers(e.values_from_trigger for e in events), strict, _numbers(weight), _numbers(rivals), width,
            self.watched, len(self.equations.parts) + len(self.equations.held.names), len(self.equations.held.names),
            len(self.equations.held.bends),
        )  # fmt: skip


def _numbers(values: Iterable[float]) -> Any:
    return np.array(list(values), dtype=float)
