"""Arithmetic on the lanes of several patients at once, as vector instructions: one instruction for all of them."""

from __future__ import annotations

import numba as nb
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from sbmlqsp.engine.elimination import HALF
from sbmlqsp.engine.ode_model import FLOATS, INTEGERS
from sbmlqsp.engine.ode_status import LANES

__all__ = [
    "FUSED", "VECTOR", "add", "added", "blended", "combined", "combined_twice", "copied", "difference", "joined",
    "less_products", "load", "mul", "scaled", "squares", "store", "sub", "summed", "taken_off", "worst",
]  # fmt: skip

VECTOR = ir.VectorType(ir.DoubleType(), LANES)
FUSED = ("contract",)
"""A product and a sum may be one instruction where the processor has it."""


def add(builder, a, b):
    """Add, in what an intrinsic builds."""
    return builder.fadd(a, b, flags=FUSED)


def sub(builder, a, b):
    """Subtract, in what an intrinsic builds."""
    return builder.fsub(a, b, flags=FUSED)


def mul(builder, a, b):
    """Multiply, in what an intrinsic builds."""
    return builder.fmul(a, b, flags=FUSED)


def load(builder, place):
    """Load a vector, in what an intrinsic builds."""
    return builder.load(builder.bitcast(place, VECTOR.as_pointer()), align=8)


def store(builder, value, place):
    """Store a vector, in what an intrinsic builds."""
    builder.store(value, builder.bitcast(place, VECTOR.as_pointer()), align=8)


def _spread(builder, number):
    vector = ir.Constant(VECTOR, ir.Undefined)
    for lane in range(LANES):
        vector = builder.insert_element(vector, number, ir.Constant(ir.IntType(32), lane))
    return vector


def _size(builder, value):
    below = builder.fcmp_unordered("<", value, ir.Constant(VECTOR, [0.0] * LANES))
    return builder.select(below, builder.fneg(value), value)


def _sum(context, builder, base, count, term):
    """Return base plus so many terms, each made of its number and of where it begins among consecutive vectors."""
    total = cgutils.alloca_once_value(builder, base)
    with cgutils.for_range(builder, count) as loop:
        place = builder.mul(loop.index, context.get_constant(nb.intp, LANES))
        builder.store(add(builder, builder.load(total), term(loop.index, place)), total)
    return builder.load(total)


def _by_lane(made):
    """Return what an intrinsic returns that puts what is made of ``out`` and two vectors into ``out``."""

    def build(context, builder, _signature, arguments):
        out, a, b = arguments
        store(builder, made(builder, load(builder, out), load(builder, a), load(builder, b)), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS), build


def joined(builder, pairs, index, wide):
    """Return where the two vectors of a pair of places begin (see ``HALF``), in what an intrinsic builds."""
    word = ir.IntType(64)
    pair = builder.load(builder.gep(pairs, [index]))
    places = builder.lshr(pair, ir.Constant(word, 32)), builder.and_(pair, ir.Constant(word, HALF - 1))
    return tuple(builder.mul(place, ir.Constant(word, wide)) for place in places)


@intrinsic
def combined(_context, out, base, k, weights, count):  # noqa: ARG001  # Numba asks for the names
    """Put base plus the sum of ``count`` consecutive vectors, each times its weight, into ``out``."""

    def build(context, builder, _signature, arguments):
        out, base, k, weights, count = arguments

        def term(index, place):
            weight = _spread(builder, builder.load(builder.gep(weights, [index])))
            return mul(builder, weight, load(builder, builder.gep(k, [place])))

        store(builder, _sum(context, builder, load(builder, base), count, term), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS, FLOATS, nb.intp), build


@intrinsic
def combined_twice(_context, out, other, base, k, weights, others, count):  # noqa: ARG001
    """Put base plus a sum as of ``combined`` into ``out``, and that with other weights alone into ``other``."""

    def build(context, builder, _signature, arguments):
        out, other, base, k, weights, others, count = arguments
        first = cgutils.alloca_once_value(builder, load(builder, base))
        second = cgutils.alloca_once_value(builder, ir.Constant(VECTOR, [0.0] * LANES))
        with cgutils.for_range(builder, count) as loop:
            value = load(builder, builder.gep(k, [builder.mul(loop.index, context.get_constant(nb.intp, LANES))]))
            for total, own in ((first, weights), (second, others)):
                weight = _spread(builder, builder.load(builder.gep(own, [loop.index])))
                builder.store(add(builder, builder.load(total), mul(builder, weight, value)), total)
        store(builder, builder.load(first), out)
        store(builder, builder.load(second), other)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, nb.intp), build


@intrinsic
def blended(_context, out, base, k, apart, weights, count):  # noqa: ARG001
    """Put base plus the sum of ``count`` vectors ``apart``, each times a vector of weights, into ``out``."""

    def build(context, builder, _signature, arguments):
        out, base, k, apart, weights, count = arguments

        def term(index, place):
            weight = load(builder, builder.gep(weights, [place]))
            return mul(builder, weight, load(builder, builder.gep(k, [builder.mul(index, apart)])))

        store(builder, _sum(context, builder, load(builder, base), count, term), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS, nb.intp, FLOATS, nb.intp), build


@intrinsic
def less_products(_context, out, a, b, pairs, count):  # noqa: ARG001
    """Take off ``out`` the sum of ``count`` products of a vector among ``a`` and one among ``b`` (see ``HALF``)."""

    def build(context, builder, _signature, arguments):
        out, a, b, pairs, count = arguments

        def term(index, _place):
            first, second = joined(builder, pairs, index, LANES)
            left = load(builder, builder.gep(a, [first]))
            return mul(builder, builder.fneg(left), load(builder, builder.gep(b, [second])))

        store(builder, _sum(context, builder, load(builder, out), count, term), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS, INTEGERS, nb.intp), build


@intrinsic
def squares(_context, out, k, count):  # noqa: ARG001
    """Put the sum of the squares of ``count`` consecutive vectors into ``out``."""

    def build(context, builder, _signature, arguments):
        out, k, count = arguments

        def term(_index, place):
            value = load(builder, builder.gep(k, [place]))
            return mul(builder, value, value)

        store(builder, _sum(context, builder, ir.Constant(VECTOR, [0.0] * LANES), count, term), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, nb.intp), build


@intrinsic
def difference(_context, out, a, b):  # noqa: ARG001
    """Put the first vector less the second into ``out``."""
    return _by_lane(lambda builder, _, a, b: sub(builder, a, b))


@intrinsic
def summed(_context, out, a, b):  # noqa: ARG001
    """Put the sum of two vectors into ``out``."""
    return _by_lane(lambda builder, _, a, b: add(builder, a, b))


@intrinsic
def scaled(_context, out, a, b):  # noqa: ARG001
    """Put the product of two vectors into ``out``."""
    return _by_lane(lambda builder, _, a, b: mul(builder, a, b))


@intrinsic
def taken_off(_context, out, a, b):  # noqa: ARG001
    """Take the product of two vectors off ``out``."""
    return _by_lane(lambda builder, before, a, b: sub(builder, before, mul(builder, a, b)))


@intrinsic
def added(_context, out, a, b):  # noqa: ARG001
    """Add the product of two vectors to ``out``."""
    return _by_lane(lambda builder, before, a, b: add(builder, before, mul(builder, a, b)))


@intrinsic
def copied(_context, out, a):  # noqa: ARG001
    """Copy a vector."""

    def build(context, builder, _signature, arguments):
        out, a = arguments
        store(builder, load(builder, a), out)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS), build


@intrinsic
def worst(_context, error, b, floor, x, new, relative):  # noqa: ARG001
    """Let ``error`` be the larger of itself and b as a share of what it may be; infinite where that is no number."""

    def build(context, builder, _signature, arguments):
        error, b, floor, x, new, relative = arguments
        zero, infinite = (ir.Constant(VECTOR, [v] * LANES) for v in (0.0, float("inf")))
        end, begin, off = (_size(builder, load(builder, place)) for place in (new, x, b))
        larger = builder.select(builder.fcmp_ordered(">", end, begin), end, begin)
        allowed = add(builder, load(builder, floor), mul(builder, _spread(builder, relative), larger))
        share = builder.select(builder.fcmp_ordered("==", off, zero), zero, builder.fdiv(off, allowed))
        fine = builder.and_(builder.fcmp_ordered("<", share, infinite), builder.fcmp_ordered("<", end, infinite))
        share = builder.select(fine, share, infinite)
        before = load(builder, error)
        store(builder, builder.select(builder.fcmp_ordered(">", share, before), share, before), error)
        return context.get_dummy_value()

    return nb.void(FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, nb.float64), build
