"""Batches of patients with their sensitivities on the compiled kernel, spread over threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sbmlqsp.engine.codegen import compile_functions
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.ode import Batch, BatchResult
from sbmlqsp.engine.ode_sensitivity import Partials, packed, source_of_sensitivities
from sbmlqsp.engine.ode_sensitivity_program import Moving
from sbmlqsp.engine.ode_sensitivity_roots import with_roots
from sbmlqsp.engine.ode_sensitivity_turns import Turns, source_of_turns
from sbmlqsp.engine.threads import spread
from sbmlqsp.expressions import Expr

__all__ = ["SensitiveBatch", "Slopes"]

SPAN = 16
"""How many patients a thread takes at a time."""


@dataclass(frozen=True)
class Slopes:
    """What each patient's start, doses and instants change by along each direction.

    Parameters
    ----------
    starts : ndarray of shape (patients, directions, states)
    constants : ndarray of shape (patients, directions, moving constants)
    amounts, lengths, begins : ndarray of shape (patients, deliveries, directions)
        By how much the deliveries, how long they take and when they start change.
    moves : ndarray of shape (patients, stretches, directions)
        How the instants move at which boluses are given and switches change.
    sizes : ndarray of shape (patients, directions)
        The parameters themselves, or 0 where they have no size of their own.
    """

    starts: Any
    constants: Any
    amounts: Any
    lengths: Any
    begins: Any
    moves: Any
    sizes: Any


class SensitiveBatch(Batch):
    """A model made ready for the kernel of sensitivities.

    Parameters
    ----------
    network : Network
    dosed : mapping of str to bool
        What doses change, and whether it is infused.
    observed : sequence of Expr
        Formulas over flat ids.
    outputs : sequence of str
        Engine selections, as ``Batch`` takes them.

    Raises
    ------
    UnsupportedError
        Something that the kernel does not run, or that has no derivative: which.
    """

    def __init__(
        self, network: Network, *, dosed: Mapping[str, bool], observed: Sequence[Expr], outputs: Sequence[str]
    ) -> None:
        super().__init__(network, dosed=dosed, outputs=outputs)
        self.equations = with_roots(self.equations)
        self.observed = tuple(observed)
        self._moving: dict[tuple[str, ...], tuple[Any, Any]] = {}

    def instructions(self) -> Moving:
        """Return an empty list of instructions."""
        return Moving(self.places, self.eventful)

    @cached_property
    def assigned(self) -> frozenset[str]:
        """The constants that events assign, which change with the parameters from then on."""
        return self.equations.system.network.changed_by_events & frozenset(self.equations.constants)

    @cached_property
    def _turns(self) -> Turns:
        """What the events of the model read."""
        return Turns(self.equations)

    def _sensitive_loop(self, instructions: Moving, directions: int) -> tuple[Any, Callable[[], tuple[Any, ...]]]:
        """Return the compiled loop over patients, and what else that needs by span."""
        if not self.eventful:
            from sbmlqsp.engine.ode_sensitivity_kernel import run_sensitive

            return run_sensitive, tuple
        from sbmlqsp.engine.ode_sensitivity_eventful import run_sensitive_events

        traits, tables = self.traits(instructions), self._turns.tables()
        kept = traits.width * (1 + directions) + directions  # values, and what they and their time change by
        return run_sensitive_events, lambda: (traits._replace(width=kept), tables)

    def _prepared(self, constants: tuple[str, ...]) -> tuple[Any, Any]:
        """Return functions and patterns for the constants that change with the parameters, made once."""
        if constants not in self._moving:
            from sbmlqsp.engine.ode_sensitivity_kernel import Patterns
            from sbmlqsp.engine.ode_sensitivity_model import Sensitive, SensitiveEvents, SensitiveOnly, TurnOnly

            partials = Partials(self.equations.system, constants, self.observed)
            source = source_of_sensitivities(self.equations, partials, self.observed)
            more, own = compile_functions(source, SensitiveOnly), self.functions
            functions: Any = Sensitive(own.rates, own.slopes, own.factor, own.solve, *more)
            if self.eventful:
                turned = compile_functions(source_of_turns(self.equations, self._turns, constants), TurnOnly)
                functions = SensitiveEvents(*own, *more, *turned)
            rates, bends, observed = (
                packed(e, self.states, constants) for e in (partials.rates, partials.bends, partials.observed)
            )
            places = {name: k for k, name in enumerate(constants)}
            column = np.array([places.get(name, -1) for name in self.equations.constants], dtype=np.int64)
            self._moving[constants] = functions, Patterns(rates, bends, observed, column)
        return self._moving[constants]

    def differentiate(
        self,
        starts: Any,
        constants: Any,
        *,
        slopes: Slopes,
        moving: Sequence[str],
        instructions: Moving,
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
        """Run patients; ``out`` is of shape (patients, times, observed, 1 + directions), the values first.

        Parameters
        ----------
        slopes : Slopes
        moving : sequence of str
            The constants that change with the parameters, in the order of ``slopes.constants``.

        Notes
        -----
        The others are those of ``run``. The results do not depend on ``threads``.
        """
        from sbmlqsp.engine.ode_kernel import Control, Patients, Program
        from sbmlqsp.engine.ode_sensitivity_kernel import Along

        functions, patterns = self._prepared(tuple(moving))
        n, plan = len(starts), self.equations.elimination
        out, results = np.full((n, times, len(self.observed), 1 + slopes.sizes.shape[1]), np.nan), np.zeros((n, 4))
        numbers = [
            np.ascontiguousarray(a, dtype=float) for a in (amounts, lengths, self.shares(absolute) * scales, scales)
        ]
        patients = Patients(starts, constants, np.ascontiguousarray(which, dtype=np.int64), *numbers)
        program = Program(*instructions.arrays())
        control = Control(float(relative), int(most), plan.size, bool(self.equations.slopes.by_time),
                          longest=self.longest(instructions))  # fmt: skip
        along = Along(*(np.ascontiguousarray(a, dtype=float) for a in (
            slopes.starts, slopes.constants, slopes.amounts, slopes.lengths, slopes.begins, slopes.moves,
            *_units(slopes.sizes),
        )))  # fmt: skip

        loop, more = self._sensitive_loop(instructions, slopes.sizes.shape[1])

        def run(first: int, last: int) -> None:
            loop(functions, plan.packed, patterns, program, patients, along, control, first, last, out, results,
                 *more())  # fmt: skip

        spread(run, n, threads)
        status, steps, event = results[:, 0].astype(np.int8), results[:, 2].astype(np.int64), results[:, 3].astype(int)
        return BatchResult(out, status, results[:, 1], steps, event - 1, self.event_names)


def _units(sizes: Any) -> tuple[Any, Any]:
    """Return one over the size of each parameter, 1 where it has none, and the same with 0."""
    known = np.abs(sizes) > 0
    unit = 1.0 / np.where(known, np.abs(sizes), 1.0)
    return unit, np.where(known, unit, 0.0)
