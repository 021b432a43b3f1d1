"""What the compiled loops of differential equations share: a model's compiled functions and their signatures.

All numbers are handed over as places in memory: to hand over an array counts its references each time.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
from numba.extending import intrinsic

__all__ = [
    "ACT", "FACTOR", "FACTORS", "FLOATS", "GLANCE", "INTEGERS", "LINE", "LOOK", "RATES", "RATES_OF_LANES", "SLOPES",
    "SOLVE", "EventFunctions", "Functions", "aligned", "fast", "shifted",
]  # fmt: skip

FLOATS = nb.types.CPointer(nb.float64)
INTEGERS = nb.types.CPointer(nb.int64)
RATES = nb.void(FLOATS, FLOATS, nb.float64, FLOATS)
"""x, p, t, dx: the rates of change."""
SLOPES = nb.void(FLOATS, FLOATS, nb.float64, FLOATS)
"""x, p, t, out: the rates of change, their derivatives by time, and the entries of the Jacobian."""
LOOK = nb.void(nb.int64, FLOATS, FLOATS, nb.float64, FLOATS)
"""what (0 for triggers, 1 for outputs), x, p, t, out."""
ACT = nb.int64(nb.int64, nb.int64, FLOATS, FLOATS, nb.float64, FLOATS)
"""what (see ``ode_events``), event, x, p, t, values."""
FACTOR = nb.boolean(FLOATS, FLOATS, nb.float64, INTEGERS)
"""out, w, d, plan: eliminate d*I - J into w; false where that cannot be done."""
SOLVE = nb.void(FLOATS, FLOATS, INTEGERS)
"""w, b, plan: solve for b in place."""

RATES_OF_LANES = nb.void(FLOATS, FLOATS, FLOATS, FLOATS)
"""x, p, t, out: as RATES and SLOPES, for several patients side by side."""
FACTORS = nb.void(FLOATS, FLOATS, FLOATS, INTEGERS)
"""out, w, d, plan: as FACTOR; where it cannot be done a lane has numbers that are not finite."""
GLANCE = nb.void(FLOATS, FLOATS, nb.float64, FLOATS)
"""x, p, t, out: the outputs of one lane."""

fast = nb.njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""For what only compiled code calls: it compiles sooner."""


class Functions(NamedTuple):
    """A model's compiled functions."""

    rates: Any
    slopes: Any
    look: Any
    factor: Any
    solve: Any


class EventFunctions(NamedTuple):
    """The compiled functions of a model with events."""

    rates: Any
    slopes: Any
    look: Any
    act: Any
    factor: Any
    solve: Any


@intrinsic
def shifted(_context, place, by):  # noqa: ARG001  # Numba asks for the names
    """Return the place in memory some numbers further on."""

    def build(_codegen, builder, _signature, arguments):
        return builder.gep(arguments[0], [arguments[1]])

    return place(place, nb.int64), build


LINE = 8
"""How many numbers of room ``aligned`` may pass over: a line of the cache."""


@intrinsic
def aligned(_context, place):
    """Return the next place that begins a line of the cache: vectors across two of them take twice as long to load."""

    def build(_codegen, builder, _signature, arguments):
        from llvmlite import ir

        word = ir.IntType(64)
        after = builder.add(builder.ptrtoint(arguments[0], word), ir.Constant(word, 8 * LINE - 1))
        return builder.inttoptr(builder.and_(after, ir.Constant(word, -8 * LINE)), arguments[0].type)

    return place(place), build
