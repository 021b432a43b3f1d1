"""The same model in the same words: what two files may say differently without a difference in meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from sbmlqsp.engine.network import Network, Participant, Reaction, Symbol
from sbmlqsp.expressions import Expr

__all__ = ["plain_words"]

NESTED = frozenset({"add", "mul", "and", "or"})


def plain_words(network: Network) -> Network:
    """Return a network in the plainest words.

    An initial assignment of a number is a value; a value that a rule or an initial assignment replaces is none; an
    amount of zero is a concentration of zero; a stoichiometry that nothing changes is a number; sums within sums and
    products within products are one; a name that repeats the id is none; a species that no reaction touches may be a
    boundary.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; a = 2; b = a + (a + 1); b has dimensionless; end")
    >>> str(plain_words(model.network).initial_assignments["b"])
    'a + a + 1'
    """
    numbers = {k: float(f.value or 0.0) for k, f in network.initial_assignments.items() if f.op == "num"}
    idle = {*network.assignment_rules, *network.initial_assignments} - numbers.keys()
    touched = {p.species for r in network.reactions.values() for p in (*r.reactants, *r.products)}
    symbols = {k: _symbol(s, numbers, idle=k in idle, still=k not in touched) for k, s in network.symbols.items()}
    moved = {*network.assignment_rules, *network.rate_rules, *network.changed_by_events, *idle}
    kept = {k: _flat(f) for k, f in network.initial_assignments.items() if k not in numbers}
    return replace(
        network,
        symbols=symbols,
        reactions={k: _reaction(r, symbols, moved) for k, r in network.reactions.items()},
        initial_assignments=kept,
        assignment_rules={k: _flat(f) for k, f in network.assignment_rules.items()},
        rate_rules={k: _flat(f) for k, f in network.rate_rules.items()},
        algebraic_rules=tuple(map(_flat, network.algebraic_rules)),
        constraints=tuple(map(_flat, network.constraints)),
        events=tuple(
            replace(
                e,
                trigger=_flat(e.trigger),
                assignments={k: _flat(f) for k, f in e.assignments.items()},
                delay=e.delay and _flat(e.delay),
                priority=e.priority and _flat(e.priority),
            )
            for e in network.events
        ),
    )


def _symbol(s: Symbol, numbers: Mapping[str, float], *, idle: bool, still: bool) -> Symbol:
    value, is_amount = s.value, s.value_is_amount
    if s.id in numbers:
        value, is_amount = numbers[s.id], s.amount_only or s.kind != "species"
    if idle:
        value = math.nan
    if value == 0 or math.isnan(value):
        is_amount = True
    boundary = s.boundary or (s.kind == "species" and still)
    name = "" if s.name == s.id else s.name
    return replace(s, value=value, value_is_amount=is_amount, boundary=boundary, name=name)


def _reaction(r: Reaction, symbols: Mapping[str, Symbol], moved: set[str]) -> Reaction:
    def plain(p: Participant) -> Participant:
        size = symbols[p.id].value if p.id else p.stoichiometry
        return replace(p, stoichiometry=size, formula=p.formula if p.id in moved else None)

    sides = (tuple(map(plain, side)) for side in (r.reactants, r.products))
    reactants, products = sides
    name = "" if r.name == r.id else r.name
    return replace(r, reactants=reactants, products=products, law=r.law and _flat(r.law), name=name)


def _flat(expr: Expr) -> Expr:
    args = tuple(map(_flat, expr.args))
    if expr.op in NESTED:
        args = tuple(inner for a in args for inner in (a.args if a.op == expr.op else (a,)))
    return Expr(expr.op, args, expr.value, expr.unit)
