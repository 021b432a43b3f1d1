"""Arithmetic on lanes of complex numbers, whose real and imaginary parts are vectors side by side."""

from __future__ import annotations

import numba as nb
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from sbmlqsp.engine.ode_model import FLOATS, INTEGERS
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import VECTOR, add, joined, load, mul, store, sub

__all__ = ["inverted", "less_products", "multiplied"]


def _both(builder, place):
    return load(builder, place), load(builder, _second(builder, place))


def _second(builder, place):
    return builder.gep(place, [ir.Constant(ir.IntType(64), LANES)])


def _put(builder, real, imaginary, place):
    store(builder, real, place)
    store(builder, imaginary, _second(builder, place))


@intrinsic
def less_products(_context, out, a, b, pairs, count):  # noqa: ARG001  # Numba asks for the names
    """Take off ``out`` the sum of ``count`` products of a vector among ``a`` and one among ``b`` (see ``HALF``)."""

    def build(context, builder, _signature, arguments):
        out, a, b, pairs, count = arguments
        real, imaginary = (cgutils.alloca_once_value(builder, part) for part in _both(builder, out))
        with cgutils.for_range(builder, count) as loop:
            first, second = joined(builder, pairs, loop.index, 2 * LANES)
            (ar, ai), (br, bi) = _both(builder, builder.gep(a, [first])), _both(builder, builder.gep(b, [second]))
            r, i = builder.load(real), builder.load(imaginary)
            builder.store(add(builder, sub(builder, r, mul(builder, ar, br)), mul(builder, ai, bi)), real)
            builder.store(sub(builder, sub(builder, i, mul(builder, ar, bi)), mul(builder, ai, br)), imaginary)
        _put(builder, builder.load(real), builder.load(imaginary), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS, INTEGERS, nb.intp), build


@intrinsic
def multiplied(_context, out, a):  # noqa: ARG001
    """Multiply ``out`` by a vector."""

    def build(context, builder, _signature, arguments):
        (r, i), (ar, ai) = (_both(builder, place) for place in arguments)
        real = sub(builder, mul(builder, r, ar), mul(builder, i, ai))
        _put(builder, real, add(builder, mul(builder, r, ai), mul(builder, i, ar)), arguments[0])
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS), build


@intrinsic
def inverted(_context, out):  # noqa: ARG001
    """Let ``out`` be its reciprocal."""

    def build(context, builder, _signature, arguments):
        r, i = _both(builder, arguments[0])
        size = add(builder, mul(builder, r, r), mul(builder, i, i))
        by = builder.fdiv(ir.Constant(VECTOR, [1.0] * LANES), size)
        _put(builder, builder.fmul(r, by), builder.fneg(builder.fmul(i, by)), arguments[0])
        return context.get_dummy_value()

    return nb.void(FLOATS), build
