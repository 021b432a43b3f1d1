"""Oscillations that only conditions read: they are integrated along, so that steps are short enough to follow them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr

__all__ = ["WAVE", "waves"]

WAVE = "qsp_wave_"
"""The state that is the integral of an oscillation, before its number."""
FOLLOWED = frozenset({"sin", "cos"})
REFUSED = frozenset({"tan", "sec", "csc", "cot"})


def waves(system: JumpSystem, conditions: Sequence[Expr]) -> dict[str, Expr]:
    """Return what is to be integrated along: sines and cosines, of what moves, in triggers and other conditions.

    Raises
    ------
    UnsupportedError
        A periodic function without bounds.
    """
    found: dict[Expr, None] = {}
    where = [(f"the trigger of the event '{e.id}'", e.trigger) for e in system.events]
    for place, condition in [*where, *(("a condition", c) for c in conditions)]:
        for node in _nodes(system, condition):
            if node.op in REFUSED and system.moves(node):
                raise UnsupportedError(
                    f"{place} reads a periodic function that has poles", value=str(node),
                    remedy="write it with sin() and cos()",
                )  # fmt: skip
            if node.op in FOLLOWED and system.moves(node):
                found[node] = None
    return {f"{WAVE}{k}": node for k, node in enumerate(found)}


def _nodes(system: JumpSystem, expr: Expr) -> Iterator[Expr]:
    """Yield the parts of a formula and of the rules that it reads."""
    yield from expr.walk()
    for name in sorted(system.reads(expr) & system.rules.keys()):
        yield from system.rules[name].walk()
