"""The arithmetic of Radau's stages on the lanes of several patients, each function one pass over a state's numbers.

A state's stages are vectors that stand ``stride`` numbers apart. The numbers of the method are part of the code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numba as nb
from llvmlite import ir
from numba.extending import intrinsic

from sbmlqsp.engine.ode_model import FLOATS
from sbmlqsp.engine.ode_radau_tableau import BETWEEN, STAGES, T_INVERSE, C, E, T
from sbmlqsp.engine.ode_status import LANES
from sbmlqsp.engine.ode_vectors import FUSED

__all__ = ["filtering", "guessed", "improved", "residual", "weighed"]

PART = 4
"""How many lanes are worked on at a time: as many as leave room in registers for the stages."""
_PART = ir.VectorType(ir.DoubleType(), PART)
SYSTEMS = ((0,), (1, 2), (3, 4))
"""The rows of the real system and of the complex ones."""


class _Lanes:
    """Writes arithmetic on some lanes into what an intrinsic builds."""

    def __init__(self, builder: Any, first: int) -> None:
        self._builder, self._first = builder, first

    def _at(self, place: Any, by: Any) -> Any:
        if by is not None:
            place = self._builder.gep(place, [by])
        place = self._builder.gep(place, [ir.Constant(ir.IntType(64), self._first)])
        return self._builder.bitcast(place, _PART.as_pointer())

    def load(self, place: Any, by: Any = None) -> Any:
        """Load the lanes of the vector some numbers further on."""
        return self._builder.load(self._at(place, by), align=8)

    def store(self, value: Any, place: Any, by: Any = None) -> None:
        """Store them."""
        self._builder.store(value, self._at(place, by), align=8)

    def add(self, a: Any, b: Any) -> Any:
        """Add, where the first may be nothing."""
        return b if a is None else self._builder.fadd(a, b, flags=FUSED)

    def minus(self, a: Any, b: Any) -> Any:
        """Subtract."""
        return self._builder.fsub(a, b, flags=FUSED)

    def times(self, a: Any, b: Any) -> Any:
        """Multiply."""
        return self._builder.fmul(a, b, flags=FUSED)

    def sum(self, weights: Sequence[float], values: Sequence[Any]) -> Any:
        """Return a weighted sum."""
        total = None
        for weight, value in zip(weights, values, strict=True):
            if weight != 0.0:
                term = value if weight == 1.0 else self.times(value, constant(float(weight)))
                total = self.add(total, term)
        return total

    def negative(self, a: Any) -> Any:
        """Return the negative."""
        return self._builder.fneg(a)

    def size(self, value: Any) -> Any:
        """Return the size of a number, infinite where it is none."""
        builder, infinite = self._builder, constant(float("inf"))
        below = builder.fcmp_unordered("<", value, constant(0.0))
        value = builder.select(below, builder.fneg(value), value)
        return builder.select(builder.fcmp_ordered("<", value, infinite), value, infinite)

    def larger(self, a: Any, b: Any) -> Any:
        """Return the larger."""
        return self._builder.select(self._builder.fcmp_ordered(">", a, b), a, b)

    def where(self, whether: Any, a: Any, b: Any) -> Any:
        """Return the one where a number is above zero, else the other."""
        return self._builder.select(self._builder.fcmp_ordered(">", whether, constant(0.0)), a, b)

    def share(self, error: Any, floor: Any, relative: Any, size: Any) -> Any:
        """Return an error as a share of what it may be, infinite where that is no number."""
        builder, infinite = self._builder, constant(float("inf"))
        share = builder.fdiv(error, self.add(floor, self.times(self.spread(relative), size)))
        share = builder.select(builder.fcmp_ordered("==", error, constant(0.0)), constant(0.0), share)
        fine = builder.and_(builder.fcmp_ordered("<", share, infinite), builder.fcmp_ordered("<", size, infinite))
        return builder.select(fine, share, infinite)

    def spread(self, number: Any) -> Any:
        """Return a vector of one number."""
        vector = ir.Constant(_PART, ir.Undefined)
        for lane in range(PART):
            vector = self._builder.insert_element(vector, number, ir.Constant(ir.IntType(32), lane))
        return vector


def constant(value: float) -> Any:
    """Return a vector of a constant."""
    return ir.Constant(_PART, [value] * PART)


def _by(builder: Any, stride: Any, s: int) -> Any:
    return builder.mul(stride, ir.Constant(ir.IntType(64), s))


def _in_parts(write: Callable[..., None], *types: Any) -> tuple[Any, Any]:
    """Return what an intrinsic returns: its signature, and what writes it, some lanes at a time."""

    def build(context: Any, builder: Any, _signature: Any, arguments: Sequence[Any]) -> Any:
        for first in range(0, LANES, PART):
            write(_Lanes(builder, first), builder, *arguments)
        return context.get_dummy_value()

    return nb.void(*types), build


@intrinsic
def weighed(_context, weights, ratio):  # noqa: ARG001  # Numba asks for the names
    """Put the weights of the guess into ``weights``, by stages and lane; a step is ``ratio`` of the one before."""

    def write(v, _builder, weights, ratio):
        r = v.load(ratio)
        for s in range(STAGES):
            theta = v.add(constant(1.0), v.times(r, constant(float(C[s]))))
            away = [v.minus(theta, constant(float(c))) for c in C]
            for j in range(STAGES):
                value = v.times(theta, constant(float(BETWEEN[j])))
                for m in range(STAGES):
                    if m != j:
                        value = v.times(value, away[m])
                value = v.minus(value, constant(1.0)) if j == STAGES - 1 else value
                v.store(value, weights, ir.Constant(ir.IntType(64), (s * STAGES + j) * LANES))

    return _in_parts(write, FLOATS, FLOATS)


@intrinsic
def guessed(_context, z, y, old, weights, source, stride):  # noqa: ARG001
    """Put the guess of a state's stages into ``z``, and transformed into ``y``.

    It is made from those of the step before: in ``z`` in lanes where ``source`` is above zero, else in ``old``, or from
    nothing where it is below zero.
    """

    def write(v, builder, z, y, old, weights, source, stride):
        whence, before, guess = v.load(source), [], []
        for s in range(STAGES):
            kept = v.where(v.negative(whence), constant(0.0), v.load(old, _by(builder, stride, s)))
            before.append(v.where(whence, v.load(z, _by(builder, stride, s)), kept))
            v.store(before[s], old, _by(builder, stride, s))
        for s in range(STAGES):
            total = None
            for j in range(STAGES):
                weight = v.load(weights, ir.Constant(ir.IntType(64), (s * STAGES + j) * LANES))
                total = v.add(total, v.times(before[j], weight))
            guess.append(total)
            v.store(total, z, _by(builder, stride, s))
        for s in range(STAGES):
            v.store(v.sum(T_INVERSE[s], guess), y, _by(builder, stride, s))

    return _in_parts(write, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, nb.int64)


@intrinsic
def residual(_context, real, first, second, rates, y, diagonals, stride):  # noqa: ARG001
    """Put what the transformed stages of a state are off by into the sides of the real and the complex systems.

    ``diagonals`` are those of the systems: real, then real and imaginary parts.
    """

    def write(v, builder, real, first, second, rates, y, diagonals, stride):
        f = [v.load(rates, _by(builder, stride, s)) for s in range(STAGES)]
        own = [v.load(y, _by(builder, stride, s)) for s in range(STAGES)]
        d = [v.load(diagonals, ir.Constant(ir.IntType(64), s * LANES)) for s in range(STAGES)]
        v.store(v.minus(v.sum(T_INVERSE[0], f), v.times(d[0], own[0])), real)
        for place, (a, b) in ((first, SYSTEMS[1]), (second, SYSTEMS[2])):
            there = v.minus(v.times(d[a], own[a]), v.times(d[b], own[b]))
            v.store(v.minus(v.sum(T_INVERSE[a], f), there), place)
            there = v.add(v.times(d[b], own[a]), v.times(d[a], own[b]))
            v.store(v.minus(v.sum(T_INVERSE[b], f), there), place, ir.Constant(ir.IntType(64), LANES))

    return _in_parts(write, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, nb.int64)


@intrinsic
def improved(_context, error, z, y, real, first, second, going, x, floor, relative, stride):  # noqa: ARG001
    """Add what was solved for to a state's stages in the lanes that go on.

    ``error`` becomes the larger of itself and the size of the change: its share of what the state's error may be at
    both ends of the step.
    """

    def write(v, builder, error, z, y, real, first, second, going, x, floor, relative, stride):
        second_part = ir.Constant(ir.IntType(64), LANES)
        d = [v.load(real), v.load(first), v.load(first, second_part), v.load(second), v.load(second, second_part)]
        on = v.load(going)
        for s in range(STAGES):
            before = v.load(y, _by(builder, stride, s))
            v.store(v.where(on, v.add(before, d[s]), before), y, _by(builder, stride, s))
        most = constant(0.0)
        end = None
        for s in range(STAGES):
            change, before = v.sum(T[s], d), v.load(z, _by(builder, stride, s))
            end = v.where(on, v.add(before, change), before)
            v.store(end, z, _by(builder, stride, s))
            most = v.larger(v.size(change), most)
        begin = v.load(x)
        size = v.larger(v.size(begin), v.size(v.add(begin, end)))
        share = v.share(most, v.load(floor), relative, size)
        v.store(v.larger(share, v.load(error)), error)

    return _in_parts(
        write, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, FLOATS, nb.float64, nb.int64
    )


@intrinsic
def filtering(_context, b, rates, z, back, stride):  # noqa: ARG001
    """Put the side of the system whose solution is the error of a state into ``b``."""

    def write(v, builder, b, rates, z, back, stride):
        stages = v.sum(E, [v.load(z, _by(builder, stride, s)) for s in range(STAGES)])
        v.store(v.add(v.load(rates), v.times(stages, v.load(back))), b)

    return _in_parts(write, FLOATS, FLOATS, FLOATS, FLOATS, nb.int64)
