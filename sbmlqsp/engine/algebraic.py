"""Algebraic rules solved: a rule that is linear in what it determines says the same as an assignment rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sbmlqsp.engine.initial import dependency_order, rate_of
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import QSPError, UnsupportedError
from sbmlqsp.expressions import Expr, evaluate, num, substitute, to_infix

__all__ = ["refuse_unsolved", "solved", "terms"]

POINTS = 8

Line = tuple[Expr, Expr]
"""A formula a*x + b as (a, b)."""


def solved(network: Network) -> Network:
    """Return the network with an assignment rule for what each algebraic rule determines, as far as there is one.

    What a rule determines is what nothing else does: no rule, no reaction, no event, and it is not constant. Rules are
    solved together, one symbol each, in formulas; a rule that is not linear in its symbol, and one that could
    determine either of two, are left, with the reason, in ``unsolved``.

    Examples
    --------
    >>> from sbmlqsp.engine.network import Network, Symbol
    >>> from sbmlqsp.expressions import parse_formula
    >>> symbols = {"x": Symbol("x", "parameter", 1.0), "k": Symbol("k", "parameter", 2.0, constant=True)}
    >>> found = solved(Network("m", "", symbols, {}, algebraic_rules=(parse_formula("3*x - k"),)))
    >>> str(found.assignment_rules["x"])
    'k/3'
    """
    if not network.algebraic_rules:
        return network
    try:
        rules = _Rules(network).solve()
        whole = {**network.assignment_rules, **rules}
        _refuse_circle(replace(network, assignment_rules=whole))
    except _Unsolvable as why:
        return replace(network, unsolved=str(why))
    except QSPError as error:
        return replace(network, unsolved=error.what)
    return replace(network, assignment_rules=whole, determined=frozenset(rules))


def refuse_unsolved(network: Network) -> None:
    """Refuse a network whose algebraic rules are not solved.

    Raises
    ------
    UnsupportedError
        Names the rule and what it could determine.
    """
    if network.unsolved:
        raise UnsupportedError(
            f"the model has an algebraic rule that is not solved: {network.unsolved}",
            where=f"'{network.id}'",
            remedy="solve it by hand for one symbol and write that as an assignment rule",
        )


class _Unsolvable(Exception):  # noqa: N818
    """Why the rules are not solved."""


def _refuse_circle(network: Network) -> None:
    """Raise where what a rule determines also drives it, through rates or other rules."""
    formulas = {**network.assignment_rules, **{k: r.law for k, r in network.reactions.items() if r.law is not None}}
    needs = {k: _reads(network, f) for k, f in formulas.items()}
    dependency_order({k: sorted(v) for k, v in needs.items()})


def _reads(network: Network, formula: Expr) -> frozenset[str]:
    """Return what a formula reads, also through rates of change and the volumes behind concentrations."""
    found = set(formula.symbols())
    for node in formula.walk():
        if node.op == "rateOf":
            found |= _reads(network, rate_of(network, str(node.args[0].value)))
    for name in list(found):
        symbol = network.symbols.get(name)
        if symbol is not None and symbol.kind == "species" and not symbol.amount_only:
            found.add(symbol.compartment)
    return frozenset(found)


class _Rules:
    def __init__(self, network: Network) -> None:
        self._network = network
        ruled = {*network.assignment_rules, *network.rate_rules, *network.stoichiometry, *network.changed_by_events}
        self._free = {n for n, s in network.symbols.items() if not s.constant and n not in ruled}
        laws = {k: r.law for k, r in network.reactions.items() if r.law is not None}
        self._behind = {**network.assignment_rules, **laws}

    def solve(self) -> dict[str, Expr]:
        """Return a formula for each symbol that is determined."""
        rules = [self._expanded(rule) for rule in self._network.algebraic_rules]
        unknown = frozenset().union(*(r.symbols() & self._free for r in rules))
        self._refuse_count(rules, unknown)
        found: dict[str, Expr] = {}
        while rules:
            # The rule with the fewest symbols left first, so that few are solved for in terms of others.
            rules.sort(key=lambda r: len(r.symbols() & unknown))
            rule = rules.pop(0)
            name, formula = self._for_one(rule, sorted(rule.symbols() & unknown - found.keys()))
            found[name] = formula
            rules = [substitute(r, {name: formula}) for r in rules]
            found = {k: substitute(f, {name: formula}) if k != name else f for k, f in found.items()}
        self._prove(found)
        return found

    def _prove(self, found: dict[str, Expr]) -> None:
        """Raise unless the rules hold at some states without pattern, apart from rounding: a check of the algebra."""
        rules = [_opaque(self._expanded(rule)) for rule in self._network.algebraic_rules]
        formulas = {k: _opaque(f) for k, f in found.items()}
        names = frozenset().union(*(e.symbols() for e in (*rules, *formulas.values()))) - formulas.keys()
        env: dict[str, Any] = {n: 0.2 + 2.8 * _scattered(i) for i, n in enumerate(sorted(names), start=1)}
        time = 10.0 * _scattered(0)
        env |= {k: np.asarray(evaluate(f, env, time=time), dtype=float) for k, f in formulas.items()}
        for rule, given in zip(rules, self._network.algebraic_rules, strict=True):
            values = (np.abs(evaluate(e, env, time=time)) for e in (rule, terms(rule)))
            residual, size = (np.broadcast_to(v, (POINTS,)) for v in values)
            good = np.isfinite(residual)
            if not good.any() or (residual[good] > 1e-9 * size[good]).any():
                raise _Unsolvable(f"the rule {to_infix(given)} = 0 does not hold with what it was solved for")

    def _expanded(self, rule: Expr) -> Expr:
        """Return a rule with all written out that what it may determine stands behind."""
        for _ in range(100):
            names = {n for n in rule.symbols() if n in self._behind and self._hides_unknown(n, set())}
            if not names:
                self._refuse_hidden_volume(rule)
                return rule
            rule = substitute(rule, {n: self._behind[n] for n in names})
        raise _Unsolvable("the definitions run in a circle")

    def _hides_unknown(self, name: str, seen: set[str]) -> bool:
        if name in seen:
            return False
        seen.add(name)
        reads = self._behind[name].symbols()
        return bool(reads & self._free) or any(n in self._behind and self._hides_unknown(n, seen) for n in reads)

    def _refuse_hidden_volume(self, rule: Expr) -> None:
        for name in sorted(rule.symbols()):
            s = self._network.symbols.get(name)
            if s is None or s.kind != "species" or s.amount_only or name in self._free:
                continue
            if s.compartment in self._free and s.compartment in rule.symbols():
                raise _Unsolvable(
                    f"the volume '{s.compartment}' stands in the rule {to_infix(rule)} = 0 and behind '{name}' in it"
                )

    def _refuse_count(self, rules: list[Expr], unknown: frozenset[str]) -> None:
        if len(unknown) > len(rules):
            raise _Unsolvable(
                f"{len(rules)} rule{'s' * (len(rules) > 1)} ({to_infix(rules[0])} = 0) could determine any of "
                f"{', '.join(map(repr, sorted(unknown)))}"
            )
        if len(unknown) < len(rules):
            raise _Unsolvable(f"nothing is left for the rule {to_infix(rules[-1])} = 0 to determine")

    def _for_one(self, rule: Expr, names: list[str]) -> tuple[str, Expr]:
        lines = {name: _line(rule, name) for name in names}
        for name, line in lines.items():
            if line is not None and line[0] != ZERO:
                return name, _root(line)
        curved = next((name for name, line in lines.items() if line is None), None)
        what = f"is not linear in '{curved}'" if curved else "holds or fails whatever is determined"
        raise _Unsolvable(f"the rule {to_infix(rule)} = 0 {what}")


def _scattered(row: int) -> Any:
    """Return numbers between 0 and 1 without pattern, other ones in each row.

    Not from numpy's generators: the first use of one imports them, which a process that reads strangers' files may not.
    """
    k = np.arange(1, POINTS + 1)
    return (0.7548776662466927 * k + 0.5698402909980532 * (row + 1) + 0.6180339887498949 * k * (row + 1)) % 1.0


def _opaque(expr: Expr) -> Expr:
    """Return a formula with rates of change and values of the past as symbols of their own."""
    if expr.op in {"rateOf", "delay"}:
        return Expr("sym", value=to_infix(expr))
    return Expr(expr.op, tuple(map(_opaque, expr.args)), expr.value, expr.unit)


def terms(rule: Expr) -> Expr:
    """Return the sum of the sizes of a rule's terms, against which its residual is judged.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> str(terms(parse_formula("a + 2*b - c")))
    'abs(a) + abs(2*b) + abs(c)'
    """
    if rule.op in {"add", "sub", "neg"}:
        return Expr("add", tuple(map(terms, rule.args)))
    return Expr("abs", (rule,))


# --------------------------------------------------------------------------------------------------------- lines in x
ZERO, ONE = num(0.0), num(1.0)


def _line(expr: Expr, x: str) -> Line | None:
    """Return (a, b) with expr = a*x + b and neither reading x, or None."""
    if x not in expr.symbols():
        return ZERO, expr
    if expr.op == "sym":
        return ONE, ZERO
    if expr.op == "piecewise":
        return _piecewise(expr, x)
    if expr.op not in {"add", "sub", "neg", "mul", "div"}:
        return None
    lines = [_line(a, x) for a in expr.args]
    parts = [line for line in lines if line is not None]
    if len(parts) < len(lines):
        return None
    if expr.op in {"mul", "div"}:
        return _product(expr.op, parts)
    a, b = (tuple(p[i] for p in parts) for i in (0, 1))
    return _sum(expr.op, a), _sum(expr.op, b)


def _product(op: str, parts: list[Line]) -> Line | None:
    moving = [i for i, (a, _) in enumerate(parts) if a != ZERO]
    if len(moving) != 1 or (op == "div" and moving != [0]):
        return None
    k = moving[0]
    rest = [b for i, (_, b) in enumerate(parts) if i != k]
    if op == "div":
        return _over(parts[0][0], rest[0]), _over(parts[0][1], rest[0])
    return _times(parts[k][0], rest), _times(parts[k][1], rest)


def _piecewise(expr: Expr, x: str) -> Line | None:
    slopes, rests = [], []
    pairs = len(expr.args) // 2 * 2
    for i, arg in enumerate(expr.args):
        if i % 2 and i < pairs:
            line: Line | None = (arg, arg) if x not in arg.symbols() else None
        else:
            line = _line(arg, x)
        if line is None:
            return None
        slopes.append(line[0])
        rests.append(line[1])
    return Expr("piecewise", tuple(slopes)), Expr("piecewise", tuple(rests))


def _root(line: Line) -> Expr:
    """Return -b/a."""
    a, b = line
    return _over(_minus(b), a)


def _sum(op: str, args: tuple[Expr, ...]) -> Expr:
    if op == "neg":
        return _minus(args[0])
    if op == "sub":
        if args[1] == ZERO:
            return args[0]
        return _minus(args[1]) if args[0] == ZERO else _folded(Expr("sub", args))
    kept = tuple(a for a in args if a != ZERO)
    return _folded(Expr("add", kept)) if len(kept) > 1 else (kept[0] if kept else ZERO)


def _minus(expr: Expr) -> Expr:
    if expr.op == "num":
        return num(-float(expr.value or 0.0)) if expr.value else ZERO
    if expr.op == "neg":
        return expr.args[0]
    if expr.op == "sub":
        return Expr("sub", (expr.args[1], expr.args[0]))
    if expr.op == "add":
        return _sum("add", tuple(map(_minus, expr.args)))
    if expr.op == "mul" and expr.args[0].op == "num":
        return _times(_minus(expr.args[0]), list(expr.args[1:]))
    return Expr("neg", (expr,))


def _times(first: Expr, rest: list[Expr]) -> Expr:
    args = [a for a in (first, *rest) if a != ONE]
    if ZERO in args:
        return ZERO
    return _folded(Expr("mul", tuple(args))) if len(args) > 1 else (args[0] if args else ONE)


def _over(a: Expr, b: Expr) -> Expr:
    if a == ZERO or b == ONE:
        return a
    if b.op == "num" and b.value == -1.0:
        return _minus(a)
    if b.op == "num" and float(b.value or 0.0) < 0:
        return _over(_minus(a), _minus(b))
    return _folded(Expr("div", (a, b)))


def _folded(expr: Expr) -> Expr:
    """Compute what consists of numbers alone."""
    if all(a.op == "num" for a in expr.args):
        return num(float(evaluate(expr, {})))
    return expr
