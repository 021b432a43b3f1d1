"""Bends that may hide a narrow pulse: of max, min and abs, and of choices between formulas.

One bend of what is smooth hides nothing, as in ``max(0, A - B)`` or ``abs(A - B)``, nor do several that are one
monotone function of it, as ``max(0, min(1, A))``: beside the bend rates are other than before, and error control sees
it. A pulse takes bends of a bend (``max(0, 1 - abs(x - a)/w)``), bends that are multiplied, or three in a sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise

from sbmlqsp.expressions import Expr, num

__all__ = ["hiding_bends"]

RELATIONS = frozenset({"lt", "le", "gt", "ge"})
BENT = RELATIONS | {"max", "min", "abs"}
SUMS = frozenset({"add", "sub", "neg"})
CALLS = frozenset({"exp", "ln", "log10", "sqrt", "tanh", "atan", "sinh", "asinh"})
"""Functions of one argument that are monotone."""
SEVERAL = 3
"""How many bends of the same in one sum may be a pulse."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The bends of a formula, and whether it is a monotone function of something smooth."""

    bends: frozenset[Expr] = frozenset()
    monotone: bool = True


def hiding_bends(
    formulas: Iterable[Expr],
    rules: Mapping[str, Expr],
    moves: Callable[[Expr], bool],
    of: Callable[[Expr], frozenset[str]],
    kept: Callable[[Expr], bool] = lambda _: False,
) -> tuple[Expr, ...]:
    """Return the comparisons that change at bends which may hide a pulse, each of two sides.

    Parameters
    ----------
    formulas : iterable of Expr
        Rates, and conditions.
    rules : mapping of str to Expr
        What formulas read.
    moves : callable
        Whether a formula changes along a run.
    of : callable
        What moves that a formula reads in the end.
    kept : callable, optional
        Whether a formula is never below zero, so that a bend at zero guards against rounding alone.
    """
    finder, formulas = _Finder(rules, moves, of, kept), tuple(formulas)
    if not any(n.op in BENT for f in (*formulas, *rules.values()) for n in f.walk()):
        return ()
    for formula in formulas:
        finder.visit(formula)
    return tuple(finder.hiding)


class _Finder:
    def __init__(
        self,
        rules: Mapping[str, Expr],
        moves: Callable[[Expr], bool],
        of: Callable[[Expr], frozenset[str]],
        kept: Callable[[Expr], bool],
    ) -> None:
        self._rules, self._moves, self._of, self._kept = rules, moves, of, kept
        self._known: dict[str, _Found] = {}
        self.hiding: dict[Expr, None] = {}

    def visit(self, expr: Expr) -> _Found:
        """Return the bends of a formula, having noted those that hide something."""
        if expr.op == "sym":
            return self._rule(str(expr.value))
        if not expr.args or expr.op in {"amount", "concentration", "rateOf"}:
            return _Found()
        if expr.op in RELATIONS:
            return self._compared(expr)
        parts = [self.visit(a) for a in expr.args]
        if expr.op in {"max", "min", "abs"}:
            return self._bent(expr, parts)
        if expr.op in SUMS:
            return self._sum(expr, parts)
        return self._combined(expr, parts)

    def _rule(self, name: str) -> _Found:
        if name in self._rules and name not in self._known:
            self._known[name] = _Found()  # of a law that reads itself, which is refused elsewhere
            self._known[name] = self.visit(self._rules[name])
        return self._known.get(name, _Found())

    def _compared(self, expr: Expr) -> _Found:
        """At a tip of its sides a condition may hold for no more than a moment."""
        for pair in pairwise(expr.args):
            gap = self.visit(Expr("sub", pair))
            if not gap.monotone:
                self._note(gap.bends)
        own = [Expr("gt", pair) for pair in pairwise(expr.args) if self._moves(Expr("sub", pair))]
        return _Found(frozenset(own), monotone=not own)

    def _bent(self, expr: Expr, parts: list[_Found]) -> _Found:
        sides = list(combinations(expr.args, 2)) if expr.op != "abs" else [(expr.args[0], num(0.0))]
        sides = [s for s in sides if self._moves(Expr("sub", s))]
        inner = _union(parts)
        if not sides or (expr.op == "max" and len(expr.args) == 2 and self._guards(*expr.args)):
            return inner
        bends = inner.bends | {Expr("gt", s) for s in sides}
        alone = sum(map(self._moves, expr.args)) == 1
        if len(bends) > 1 and not (inner.monotone and alone):
            self._note(bends)
        return _Found(bends, inner.monotone and alone and expr.op != "abs")

    def _guards(self, a: Expr, b: Expr) -> bool:
        """Return whether a maximum is that of zero and what is never below."""
        return any(x.op == "num" and not float(x.value or 0.0) > 0.0 and self._kept(y) for x, y in ((a, b), (b, a)))

    def _sum(self, expr: Expr, parts: list[_Found]) -> _Found:
        out = _union(parts)
        if not out.bends:
            return out
        groups: dict[frozenset[str], set[Expr]] = {}
        for bend in out.bends:
            groups.setdefault(self._of(bend), set()).add(bend)
        for bends in groups.values():
            if len(bends) >= SEVERAL and sum(bool(p.bends & bends) for p in parts) > 1:
                self._note(frozenset(bends))
        return _Found(out.bends, out.monotone and sum(map(self._moves, expr.args)) <= 1)

    def _combined(self, expr: Expr, parts: list[_Found]) -> _Found:
        out = _union(parts)
        if not out.bends:
            return out
        if len(out.bends) > 1 and sum(bool(p.bends) for p in parts) > 1:
            self._note(out.bends)
        simple = expr.op in {"mul", "div"} | CALLS or (expr.op == "pow" and not self._moves(expr.args[1]))
        return _Found(out.bends, out.monotone and simple and sum(map(self._moves, expr.args)) <= 1)

    def _note(self, bends: frozenset[Expr]) -> None:
        for bend in sorted(bends, key=str):
            self.hiding.setdefault(bend)


def _union(parts: list[_Found]) -> _Found:
    bends = frozenset().union(*(p.bends for p in parts))
    return _Found(bends, not bends or all(p.monotone for p in parts))
