"""What a rate law adds and what it takes away, so that a reversible reaction runs as two one-way channels.

A law that is the difference of two rates, run as one channel, has the right mean and far too little noise: at worst
none at all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from sbmlqsp.expressions import Expr, num

__all__ = ["AmbiguousSignError", "signed_parts"]

Parts = tuple[list[Expr], list[Expr]]


class AmbiguousSignError(Exception):
    """A minus that may part two directions, or may be part of one: ``k*A*(T - C)``, ``k*(1 - X)``."""


def signed_parts(
    law: Expr, *, rules: Mapping[str, Expr] | None = None, reactants: Collection[str] | None = None
) -> tuple[Expr, Expr | None]:
    """Return what a law adds and what it takes away, None for nothing.

    A minus outside every other formula splits, or one inside a product, over a divisor or in a branch of a piecewise
    formula: ``k*(A - B)/(1 + A)``. A minus before a plain number stays where it is, since ``X - 1`` counts pairs.

    Parameters
    ----------
    law : Expr
    rules : mapping of str to Expr, optional
        What symbols of the law are computed by; a difference behind such a name splits as if it were written out.
    reactants : collection of str, optional
        What the reaction consumes. A minus inside a product is that of a reverse reaction only where one of the two
        parts reads them and the other does not.

    Raises
    ------
    AmbiguousSignError
        A minus inside a product may be that of a reverse reaction, or may not.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> tuple(map(str, signed_parts(parse_formula("kf*A - kr*B"))))
    ('kf*A', 'kr*B')
    >>> signed_parts(parse_formula("k*A*(A - 1)"))[1] is None
    True
    """
    plus, minus = _Signs(rules or {}, reactants).terms(law)
    if not minus or not plus:
        return law, None
    return _sum(plus), _sum(minus)


def _sum(terms: list[Expr]) -> Expr:
    if not terms:
        return num(0.0)
    return terms[0] if len(terms) == 1 else Expr("add", tuple(terms))


class _Signs:
    """Splits formulas, seeing through rules; each rule is split once."""

    def __init__(self, rules: Mapping[str, Expr], reactants: Collection[str] | None) -> None:
        self._rules, self._reactants = rules, reactants
        self._split: dict[str, Parts] = {}
        self._reads: dict[str, frozenset[str]] = {}

    def terms(self, expr: Expr) -> Parts:
        """Return the terms that a formula adds, and those that it takes away."""
        if expr.op == "sub" and expr.args[1].symbols():
            (p, n), (q, m) = map(self.terms, expr.args)
            return p + m, n + q
        if expr.op == "neg":
            p, n = self.terms(expr.args[0])
            return n, p
        if expr.op == "add":
            parts = [self.terms(a) for a in expr.args]
            return [t for p, _ in parts for t in p], [t for _, n in parts for t in n]
        if expr.op == "num" and float(expr.value or 0.0) < 0:
            return [], [replace(expr, value=-float(expr.value or 0.0))]
        if expr.op == "div":
            return self._over(expr)
        if expr.op == "mul":
            return self._product(expr)
        if expr.op == "piecewise":
            return self._piecewise(expr)
        return self._rule(str(expr.value), expr) if expr.op == "sym" else ([expr], [])

    def _rule(self, name: str, expr: Expr) -> Parts:
        if name not in self._rules:
            return [expr], []
        if name not in self._split:
            self._split[name] = self.terms(self._rules[name])
        plus, minus = self._split[name]
        return (plus, minus) if minus else ([expr], [])

    def _over(self, expr: Expr) -> Parts:
        divisor = expr.args[1]
        p, n = self.terms(expr.args[0])
        if not n:
            return [expr], []
        parts = [Expr("div", (t, divisor)) for t in p], [Expr("div", (t, divisor)) for t in n]
        return self._sure(*parts)

    def _product(self, expr: Expr) -> Parts:
        """Split the one factor that has a minus."""
        parts = [self.terms(a) for a in expr.args]
        signed = [i for i, (_, n) in enumerate(parts) if n]
        if not signed:
            return [expr], []
        if len(signed) > 1:
            if self._reactants is None:
                return [expr], []
            raise AmbiguousSignError(str(expr))
        [i] = signed

        def with_factor(t: Expr) -> Expr:
            return Expr("mul", (*expr.args[:i], t, *expr.args[i + 1 :]))

        plus, minus = parts[i]
        return self._sure([with_factor(t) for t in plus], [with_factor(t) for t in minus])

    def _piecewise(self, expr: Expr) -> Parts:
        count = len(expr.args)
        values = [k for k in range(count) if k % 2 == 0]
        parts = {k: self.terms(expr.args[k]) for k in values}
        if not any(n for _, n in parts.values()):
            return [expr], []

        def with_values(side: int) -> Expr:
            return Expr("piecewise", tuple(_sum(parts[k][side]) if k in parts else expr.args[k] for k in range(count)))

        return [with_values(0)], [with_values(1)]

    # --------------------------------------------------------------------------------------------------------- doubting
    def _sure(self, plus: list[Expr], minus: list[Expr]) -> Parts:
        """Return both parts where one of them, and only one, is the way of the reactants."""
        if self._reactants is None or not plus:
            return plus, minus
        reads = [any(self._numerator(t) & set(self._reactants) for t in terms) for terms in (plus, minus)]
        if reads[0] == reads[1]:
            raise AmbiguousSignError(f"{_sum(plus)} - ({_sum(minus)})")
        return plus, minus

    def _numerator(self, expr: Expr) -> frozenset[str]:
        """Return the symbols of a formula that do not stand in a divisor."""
        if expr.op == "sym":
            name = str(expr.value)
            if name in self._rules and name not in self._reads:
                self._reads[name] = self._numerator(self._rules[name])
            return self._reads.get(name, frozenset([name]))
        args = expr.args[:1] if expr.op == "div" else expr.args
        return frozenset().union(*(self._numerator(a) for a in args))
