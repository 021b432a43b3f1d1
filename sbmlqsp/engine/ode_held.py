"""Rates that jump where something that moves crosses a threshold: what decides is held while a step is taken.

No error control sees a jump that holds for less than a step. So each comparison, and each number that is rounded, is a
constant of the rates, which is set where a step begins and watched along the step; where it changes, the step ends and
the next begins with the new value. Park T, Barton PI (1996), State event location in differential-algebraic models,
ACM Trans Model Comput Simul 6, 137-165. https://doi.org/10.1145/232807.232809
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from sbmlqsp.engine.bends import hiding_bends
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.ode_jumps import COMPARISONS, ROUNDED, continuous
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["Held", "hold"]

HELD, BEND = "qsp_held_", "qsp_bend_"
"""The constant that is held, and that which says on which side of a bend rates are, before their numbers."""


@dataclass(frozen=True)
class Held:
    """A system whose rates read constants instead of what they jump with, those constants, and what each stands for.

    Those for ``bends``, the last, are read by no rate: there rates bend in a way that may hide a pulse.
    """

    system: JumpSystem
    names: tuple[str, ...]
    jumps: tuple[Expr, ...]
    bends: tuple[Expr, ...]

    @property
    def conditions(self) -> tuple[Expr, ...]:
        """What each of the constants stands for."""
        return self.jumps + self.bends


def hold(system: JumpSystem, *, bends: bool = True) -> Held:
    """Return a system over what its rates jump with, the last of its constants, and then where they bend.

    What is continuous stays as it is, such as ``piecewise(x - a, x > a, 0)``.
    """
    finder = _Finder(system)
    read = system.reads(*system.flows.values())
    rules = {k: finder.rewrite(v) if k in read else v for k, v in system.rules.items()}
    flows = {k: finder.rewrite(v) for k, v in system.flows.items()}
    jumps = tuple(finder.found)
    asked = (node for e in system.events for node in e.trigger.walk() if node.op in COMPARISONS)
    known = {c.args for c in jumps} | {pair for node in asked for pair in pairwise(node.args)}  # watched anyway
    bent = tuple(c for c in (_bends(system) if bends else ()) if c.args not in known)
    names = (*finder.found.values(), *(f"{BEND}{k}" for k in range(len(bent))))
    constants = (*system.constants, *names)
    held = replace(system, rules=rules, flows=flows, constants=constants)
    return Held(held, names, jumps, bent)


def _bends(system: JumpSystem) -> tuple[Expr, ...]:
    """Return the comparisons that change where rates or triggers bend in a way that may hide a pulse."""
    moving = {"time", *system.flows}
    species = {s.id for s in system.network.species if s.id not in system.network.rate_rules}

    def of(expr: Expr) -> frozenset[str]:
        return system.reads(expr) & moving

    def kept(expr: Expr) -> bool:
        return expr.op == "sym" and str(expr.value) in species and str(expr.value) not in system.rules

    formulas = (*system.flows.values(), *(e.trigger for e in system.events))
    return hiding_bends(formulas, system.rules, system.moves, of, kept)


class _Finder:
    def __init__(self, system: JumpSystem) -> None:
        self._system = system
        self.found: dict[Expr, str] = {}

    def rewrite(self, expr: Expr) -> Expr:
        """Return a formula over constants instead of what it jumps with."""
        if not expr.args:
            return expr
        if expr.op == "piecewise":
            moving = [c for c in expr.args[1::2] if self._system.moves(c)]
            if moving and continuous(self._system, expr, moving):
                parts = tuple(p if k % 2 else self.rewrite(p) for k, p in enumerate(expr.args))
                return Expr("piecewise", parts)
        if expr.op in COMPARISONS and self._system.moves(expr):
            sides = [self._held(Expr(expr.op, pair)) for pair in pairwise(expr.args)]
            return sides[0] if len(sides) == 1 else Expr("and", tuple(sides))
        if expr.op in ROUNDED and self._system.moves(expr):
            return self._rounded(expr)
        return Expr(expr.op, tuple(map(self.rewrite, expr.args)), expr.value, expr.unit)

    def _rounded(self, expr: Expr) -> Expr:
        if expr.op != "rem":
            return self._constant(expr)
        a, b = expr.args
        whole = self._constant(Expr("quotient", (a, b)))
        return Expr("sub", (self.rewrite(a), Expr("mul", (self.rewrite(b), whole))))

    def _held(self, comparison: Expr) -> Expr:
        return Expr("gt", (self._constant(comparison), num(0.5)))

    def _constant(self, expr: Expr) -> Expr:
        return sym(self.found.setdefault(expr, f"{HELD}{len(self.found)}"))
