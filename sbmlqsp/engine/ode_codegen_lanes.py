"""The functions of a system for several patients side by side: every number of one patient is so many, one by lane."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sbmlqsp.engine.codegen import function, indented
from sbmlqsp.engine.ode_codegen import Equations, source_of_equations
from sbmlqsp.engine.ode_status import LANES

__all__ = ["source_of_lanes"]

HEAD = '''"""Generated from a model; made anew where it is missing."""

import math

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_model import FACTORS, GLANCE, RATES_OF_LANES, SOLVE

'''
FUSED = ", fastmath={'contract'}"
"""In elimination, but not in rates: there what cancels must cancel wholly."""
_PLACE = re.compile(r"\b(x|p|dx|out|w|b)\[(\d+)\]")


def source_of_lanes(equations: Equations, *, outputs: Sequence[str]) -> str:
    """Return the source of the functions of a system for ``LANES`` patients side by side.

    Each is that for one patient in a loop over the lanes, which the compiler turns into vector instructions.
    """
    bodies = _bodies(source_of_equations(equations, outputs=outputs))
    parts = [
        function("rates", "RATES_OF_LANES", "x, p, time, dx", _all_lanes(["t = time[lane]", *bodies["rates"]])),
        function("slopes", "RATES_OF_LANES", "x, p, time, out", _all_lanes(["t = time[lane]", *bodies["slopes"]])),
        function("look", "GLANCE", "x, p, t, out", _one_lane(_outputs(bodies["look"]))),
    ]
    if equations.written_out:
        factor = ["d = diagonal[lane]", *(line for line in bodies["factor"] if not line.startswith("return"))]
        parts.append(function("factor", "FACTORS", "out, w, diagonal, plan", _all_lanes(factor), more=FUSED))
        parts.append(function("solve", "SOLVE", "w, b, plan", _all_lanes(bodies["solve"]), more=FUSED))
    return HEAD + "\n\n".join(parts) + "\n"


def _bodies(source: str) -> dict[str, list[str]]:
    """Return the lines of each function."""
    out = {}
    for part in re.split(r"^(?=@nb\.cfunc)", source, flags=re.MULTILINE)[1:]:
        _, head, *lines = part.rstrip().splitlines()
        out[head.split("(")[0].removeprefix("def ")] = [line[4:] for line in lines]
    return out


def _outputs(lines: list[str]) -> list[str]:
    """Return the lines of what a look puts out."""
    return [line[4:] for line in lines[lines.index("else:") + 1 :]]


def _all_lanes(lines: list[str]) -> list[str]:
    body = [_PLACE.sub(lambda m: f"{m[1]}[{int(m[2]) * LANES} + lane]", line) for line in lines]
    return [f"for lane in range({LANES}):", *indented(body)]


def _one_lane(lines: list[str]) -> list[str]:
    """Let lines read one lane: x and p begin at it; what is put out is of one patient."""

    def place(m: re.Match[str]) -> str:
        return m[0] if m[1] == "out" else f"{m[1]}[{int(m[2]) * LANES}]"

    return [_PLACE.sub(place, line) for line in lines]
