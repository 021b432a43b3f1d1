"""Arithmetic on the lanes of several patients at once, as vector instructions: one instruction for all of them."""

from __future__ import annotations

import numba as nb
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from sbmlqsp.engine.ode_model import FLOATS
from sbmlqsp.engine.ode_status import LANES

__all__ = ["added", "combined", "copied", "scaled", "taken_off", "worst"]

_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


def _load(builder, place):
    return builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=8)


def _store(builder, value, place):
    builder.store(value, builder.bitcast(place, _VECTOR.as_pointer()), align=8)


def _spread(builder, number):
    vector = ir.Constant(_VECTOR, ir.Undefined)
    for lane in range(LANES):
        vector = builder.insert_element(vector, number, ir.Constant(ir.IntType(32), lane))
    return vector


@intrinsic
def combined(_context, out, base, k, weights, count):  # noqa: ARG001  # Numba asks for the names
    """Put base plus the sum of ``count`` consecutive vectors, each times its weight, into ``out``."""

    def build(context, builder, _signature, arguments):
        out, base, k, weights, count = arguments
        total = cgutils.alloca_once_value(builder, _load(builder, base))
        with cgutils.for_range(builder, count) as loop:
            step = builder.mul(loop.index, context.get_constant(nb.intp, LANES))
            term = _load(builder, builder.gep(k, [step]))
            weight = _spread(builder, builder.load(builder.gep(weights, [loop.index])))
            builder.store(builder.fadd(builder.load(total), builder.fmul(weight, term)), total)
        _store(builder, builder.load(total), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS, FLOATS, nb.intp), build


@intrinsic
def scaled(_context, out, a, b):  # noqa: ARG001
    """Put the product of two vectors into ``out``."""

    def build(context, builder, _signature, arguments):
        out, a, b = arguments
        _store(builder, builder.fmul(_load(builder, a), _load(builder, b)), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS), build


@intrinsic
def taken_off(_context, out, a, b):  # noqa: ARG001
    """Take the product of two vectors off ``out``."""

    def build(context, builder, _signature, arguments):
        out, a, b = arguments
        product = builder.fmul(_load(builder, a), _load(builder, b))
        _store(builder, builder.fsub(_load(builder, out), product), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS), build


@intrinsic
def added(_context, out, a, b):  # noqa: ARG001
    """Add the product of two vectors to ``out``."""

    def build(context, builder, _signature, arguments):
        out, a, b = arguments
        product = builder.fmul(_load(builder, a), _load(builder, b))
        _store(builder, builder.fadd(_load(builder, out), product), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS), build


@intrinsic
def copied(_context, out, a):  # noqa: ARG001
    """Copy a vector."""

    def build(context, builder, _signature, arguments):
        out, a = arguments
        _store(builder, _load(builder, a), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS), build


@intrinsic
def worst(_context, error, b, floor, x, new, relative):  # noqa: ARG001
    """Let ``error`` be the larger of itself and b as a share of what it may be; infinite where that is no number."""

    def build(context, builder, _signature, arguments):
        error, b, floor, x, new, relative = arguments
        zero, infinite = (ir.Constant(_VECTOR, [v] * LANES) for v in (0.0, float("inf")))

        def size(place):
            value = _load(builder, place)
            return builder.select(builder.fcmp_unordered("<", value, zero), builder.fneg(value), value)

        end, begin, off = size(new), size(x), size(b)
        larger = builder.select(builder.fcmp_ordered(">", end, begin), end, begin)
        allowed = builder.fadd(_load(builder, floor), builder.fmul(_spread(builder, relative), larger))
        share = builder.select(builder.fcmp_ordered("==", off, zero), zero, builder.fdiv(off, allowed))
        fine = builder.and_(builder.fcmp_ordered("<", share, infinite), builder.fcmp_ordered("<", end, infinite))
        share = builder.select(fine, share, infinite)
        before = _load(builder, error)
        _store(builder, builder.select(builder.fcmp_ordered(">", share, before), share, before), error)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, nb.float64), build
