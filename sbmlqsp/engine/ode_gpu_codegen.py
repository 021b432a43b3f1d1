"""A model's functions for a GPU, from the very text that is compiled for processors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sbmlqsp.engine.ode_codegen import Equations, source_of_equations

__all__ = ["device_functions", "source_for_device"]

HEAD = '''"""Generated from a model, for a GPU."""

import math

import numpy as np
from numba import cuda
from numba.core import config

if config.ENABLE_CUDASIM:
    from numpy import ceil, floor, fmod, trunc
else:  # which numba-cuda has by these names alone
    from numba.cuda.libdevice import ceil, floor, fmod, trunc

'''
_ROUNDED = re.compile(r"\bnp\.(ceil|floor|fmod|trunc)\b")
_DECORATOR = re.compile(r"^@nb\.cfunc\(.*\)$", re.MULTILINE)


def source_for_device(equations: Equations, *, outputs: Sequence[str]) -> str:
    """Return the source of a system's functions: the bodies of ``source_of_equations`` under another head."""
    source = source_of_equations(equations, outputs=outputs)
    bodies = source[source.index("@nb.cfunc") :]
    return HEAD + _ROUNDED.sub(r"\1", _DECORATOR.sub("@cuda.jit(device=True)", bodies))


def device_functions(source: str) -> tuple[Any, ...]:
    """Return rates, slopes, look, factor and solve of a source."""
    space: dict[str, Any] = {"__name__": "sbmlqsp_on_a_gpu"}
    exec(compile(source, "<model on a GPU>", "exec"), space)  # noqa: S102 # written by this package
    if "factor" not in space:  # too large to be written out
        from sbmlqsp.engine.ode_gpu_linear import factor, solve

        space |= {"factor": factor, "solve": solve}
    return tuple(space[name] for name in ("rates", "slopes", "look", "factor", "solve"))
