"""Values that were computed by hand, or once at the start, and go stale when what they came from changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sbmlqsp.engine.initial import static_symbols
from sbmlqsp.expressions import Expr, num, to_infix
from sbmlqsp.issues import Case, Issue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sbmlqsp.engine.network import Network

__all__ = ["frozen_values", "signed_terms", "stale_baselines"]

Term = tuple[float, Expr]


def signed_terms(expr: Expr) -> list[Term]:
    """Return the terms of a sum with their signs; a product or quotient of a sum is multiplied out once.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> [(sign, str(term)) for sign, term in signed_terms(parse_formula("V*(ksyn - kdeg*R)"))]
    [(1.0, 'V*ksyn'), (-1.0, 'V*kdeg*R')]
    """
    op, args = expr.op, expr.args
    if op == "add":
        return [t for a in args for t in signed_terms(a)]
    if op == "sub":
        return [*signed_terms(args[0]), *_minus(signed_terms(args[1]))]
    if op == "neg":
        return _minus(signed_terms(args[0]))
    if op in {"mul", "div"}:
        return _distribute(expr)
    return [(1.0, expr)]


def _minus(terms: Iterable[Term]) -> list[Term]:
    return [(-sign, term) for sign, term in terms]


def _distribute(expr: Expr) -> list[Term]:
    places = range(len(expr.args)) if expr.op == "mul" else (0,)
    for i in places:
        if expr.args[i].op in {"add", "sub", "neg"}:
            before, after = expr.args[:i], expr.args[i + 1 :]
            terms = [(s, t.args if t.op == expr.op == "mul" else (t,)) for s, t in signed_terms(expr.args[i])]
            return [(s, Expr(expr.op, (*before, *t, *after))) for s, t in terms]
    return [(1.0, expr)]


def stale_baselines(case: Case) -> Iterator[Issue]:
    """Yield a warning for every initial number that is the steady state of its own turnover."""
    network = case.network
    # Species that only exchange keep their sum, so equal flows between them are no turnover.
    skipped = {s for total in case.conserved or () for s in total}
    skipped |= {*network.initial_assignments, *network.assignment_rules}
    for name in dict.fromkeys([*network.stoichiometry, *network.rate_rules]):
        if name in skipped or not case.start:
            continue
        gains, losses = _balance(case, name)
        own = [t for _, t in losses if name in _reads(t, network.assignment_rules)]
        if not own or not _equal(case, gains, losses) or _tied(network, name, [t for _, t in gains + losses]):
            continue
        value = f"{case.start[name]:.6g}"
        yield Issue(
            "warning",
            "stale-baseline",
            name,
            f"{name} starts at the number {value}, which balances {_listed(gains)} against {_listed(losses)}; "
            "changing a parameter in these would leave it stale",
            _remedy(name, gains, losses),
        )


def _balance(case: Case, name: str) -> tuple[list[Term], list[Term]]:
    """Return what makes and what removes one symbol at time 0, each with a positive coefficient."""
    network = case.network
    flows: list[Term] = [(1.0, network.rate_rules[name])] if name in network.rate_rules else []
    for reaction, n in network.stoichiometry.get(name, {}).items():
        law = network.reactions[reaction].law
        flows += [(n, law)] if law is not None and n else []
    gains: list[Term] = []
    losses: list[Term] = []
    for n, law in flows:
        for sign, term in signed_terms(law):
            rate = n * sign * (case.value(term) or 0.0)
            if rate:
                (gains if rate > 0 else losses).append((abs(n), term))
    return gains, losses


def _equal(case: Case, gains: list[Term], losses: list[Term]) -> bool:
    made, lost = (math.fsum(n * abs(case.value(t) or 0.0) for n, t in side) for side in (gains, losses))
    return made > 0 and math.isclose(made, lost, rel_tol=1e-6)


def _reads(expr: Expr, definitions: Mapping[str, Expr]) -> set[str]:
    """Return the symbols that a formula reads, directly or through definitions."""
    found: set[str] = set()
    todo = [expr]
    while todo:
        new = todo.pop().symbols() - found
        found |= new
        todo.extend(definitions[s] for s in sorted(new) if s in definitions)
    return found


def _tied(network: Network, name: str, terms: list[Expr]) -> bool:
    """Say whether some rate constant is itself computed from the symbol, as in ``ksyn = kdeg*R``."""
    definitions = {**network.initial_assignments, **network.assignment_rules}
    constants = {s for t in terms for s in t.symbols() if s in definitions and s != name}
    return any(name in _reads(definitions[c], definitions) for c in constants)


def _listed(terms: list[Term]) -> str:
    return " + ".join(f"`{to_infix(t)}`" if n == 1 else f"{n:g}·`{to_infix(t)}`" for n, t in terms)


def _remedy(name: str, gains: list[Term], losses: list[Term]) -> str:
    general = f"write the balance as an initial assignment of {name}"
    if len(gains) != 1 or len(losses) != 1:
        return general
    above, below = _factors(gains[0][1])
    under, over = _factors(losses[0][1])
    me = Expr("sym", value=name)
    if me not in under or name in gains[0][1].symbols():
        return general
    under.remove(me)
    above, below = [*above, *over], [*below, *under]
    for factor in list(above):
        if factor in below:
            above.remove(factor)
            below.remove(factor)
    if gains[0][0] != losses[0][0]:
        above.insert(0, num(gains[0][0] / losses[0][0]))
    return f"write it as an initial assignment: `{name} = {to_infix(_quotient(above, below))}`"


def _factors(expr: Expr) -> tuple[list[Expr], list[Expr]]:
    if expr.op == "mul":
        sides = [_factors(a) for a in expr.args]
        return [f for s in sides for f in s[0]], [f for s in sides for f in s[1]]
    if expr.op == "div":
        (a, b), (c, d) = _factors(expr.args[0]), _factors(expr.args[1])
        return a + d, b + c
    return [expr], []


def _quotient(above: list[Expr], below: list[Expr]) -> Expr:
    top, bottom = (Expr("mul", tuple(f)) if len(f) > 1 else (f or [num(1)])[0] for f in (above, below))
    return Expr("div", (top, bottom)) if below else top


def frozen_values(case: Case) -> Iterator[Issue]:
    """Yield an issue for every constant that is computed once from something that changes."""
    network = case.network
    moving = (frozenset(network.symbols) | frozenset(network.reactions)) - static_symbols(network)
    for name, expr in network.initial_assignments.items():
        symbol = network.symbols.get(name)
        if symbol is None or symbol.kind == "species" or name in network.dynamic:
            continue
        sources = sorted(expr.symbols() & moving)
        if not sources:
            continue
        ruled = [s for s in sources if s in network.assignment_rules or s in network.reactions]
        yield Issue(
            "warning" if ruled else "info",
            "frozen-value",
            name,
            f"{name} = {to_infix(expr)} is computed once, with the value of {', '.join(ruled or sources)} at time 0",
            f"write `{name} := {to_infix(expr)}` if it should follow; nothing if the starting value is meant",
        )
