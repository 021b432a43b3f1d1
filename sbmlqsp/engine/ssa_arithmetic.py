"""Arithmetic without branches, which runs on several cells at once: random streams, a logarithm, a choice.

Philox is Salmon et al. 2011 (https://doi.org/10.1145/2063384.2063405): key and replicate name the stream, a counter
the place in it. The logarithm is that of FreeBSD's libm (e_log.c, Sun Microsystems 1993), within one unit in the last
place; the system's own would neither be the same on every system nor run on vectors.
"""

from __future__ import annotations

import numba as nb
import numpy as np
from numba.extending import intrinsic

__all__ = [
    "bits_of", "copy", "exponential", "lowest", "of_bits", "philox", "pick", "pointer", "summed", "tiny", "uniforms",
]  # fmt: skip

tiny = nb.njit(inline="always", error_model="numpy")
"""For what runs at every jump: a call would count the references of every array it is given."""


@tiny
def copy(target, source):
    """Copy numbers; Numba's own way with slices takes seconds to compile, for a message about shapes."""
    for i in range(target.shape[0]):
        target[i] = source[i]


@intrinsic
def bits_of(_context, x):
    """Return a float's 64 bits as an integer."""

    def build(_codegen, builder, _signature, arguments):
        from llvmlite import ir

        return builder.bitcast(arguments[0], ir.IntType(64))

    return nb.uint64(x), build


@intrinsic
def of_bits(_context, i):
    """Return the float that has these 64 bits."""

    def build(_codegen, builder, _signature, arguments):
        from llvmlite import ir

        return builder.bitcast(arguments[0], ir.DoubleType())

    return nb.float64(i), build


@intrinsic
def pick(_context, condition, a, b):  # noqa: ARG001  # Numba asks for the names
    """Return a where the condition holds, else b: both are computed, and nothing branches."""

    def build(_codegen, builder, _signature, arguments):
        return builder.select(*arguments)

    return nb.float64(nb.boolean, nb.float64, nb.float64), build


@intrinsic
def lowest(_context, bits):  # noqa: ARG001  # Numba asks for the name
    """Return the place of the lowest bit that is set; one must be."""

    def build(_codegen, builder, _signature, arguments):
        from llvmlite import ir

        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return nb.int64(nb.uint64), build


@intrinsic
def pointer(_context, array):
    """Return where an array's numbers are: to hand that on counts no references. The array must live on meanwhile."""

    def build(context, builder, signature, arguments):
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return nb.types.CPointer(array.dtype)(array), build


@intrinsic(prefer_literal=True)
def summed(_context, w, low, high):
    """Return the sum of the numbers of an array between two constants, term by term in their order.

    Written out in Python it would give the same instructions, and take Numba a hundred times longer.
    """

    def build(context, builder, _signature, arguments):
        from numba.core.cgutils import create_struct_proxy

        data = create_struct_proxy(w)(context, builder, value=arguments[0]).data
        first, *others = [builder.load(builder.gep(data, [context.get_constant(nb.intp, k)]))
                          for k in range(low.literal_value, high.literal_value)]  # fmt: skip
        for other in others:
            first = builder.fadd(first, other)
        return first

    return nb.float64(w, low, high), build


@tiny
def exponential(u):
    """Return -log(u) for a number above 0, up to 1."""
    bits = bits_of(u)
    above = (bits + np.uint64(0x00095F6200000000)) >> np.uint64(52)  # the exponent of sqrt(2) * u, and 1023
    f = of_bits(bits - ((above - np.uint64(1023)) << np.uint64(52))) - 1.0
    n = of_bits(above | np.uint64(0x4330000000000000)) - 4503599627371519.0  # less 2**52 + 1023
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    even = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half = 0.5 * f * f
    low = s * (half + (even + odd)) + n * 1.90821492927058770002e-10
    return ((half - low) - f) - n * 6.93147180369123816490e-01


@tiny
def philox(counter, replicate, k0, k1):
    """Return two uniform numbers of a stream at a place, in steps of 2**-52: in (0, 1], and in [0, 1)."""
    mask, s = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3 = counter, counter >> s, replicate, replicate >> s
    m0, m1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
    w0, w1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
    for _ in range(10):  # only the low halves count, so that what is above is cut off last
        p0, p1 = m0 * (c0 & mask), m1 * (c2 & mask)
        c0, c1, c2, c3 = (p1 >> s) ^ c1 ^ k0, p1, (p0 >> s) ^ c3 ^ k1, p0
        k0, k1 = k0 + w0, k1 + w1
    shift, one = np.uint64(12), np.uint64(0x3FF0000000000000)
    u = of_bits((((c0 << s) | (c1 & mask)) >> shift) | one)
    v = of_bits((((c2 << s) | (c3 & mask)) >> shift) | one)
    return 2.0 - u, v - 1.0


@tiny
def uniforms(rng):
    """Return two uniform numbers, the first never 0, and go on in the stream: counter, replicate and key."""
    u, v = philox(rng[0], rng[1], rng[2], rng[3])
    rng[0] += np.uint64(1)
    return u, v
