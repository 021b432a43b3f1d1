"""Formulas without ``rateOf``: the rate of change of a quantity written out, as the model itself gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sbmlqsp.engine.derivatives import negative, over, plus, times
from sbmlqsp.engine.jumps import INFLOW
from sbmlqsp.engine.network import Event, Network, Reaction, Symbol
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["rate_of", "without_slopes"]


def without_slopes(network: Network, *, dosed: Mapping[str, bool]) -> Network:
    """Return a network in which every ``rateOf``, but those of initial assignments, is written out.

    Parameters
    ----------
    network : Network
    dosed : mapping of str to bool
        What doses change, and whether it is infused: an infusion is part of the rate.

    Raises
    ------
    UnsupportedError
        A rate that the model does not give: of what a rule computes, or that depends on itself.

    Examples
    --------
    >>> from sbmlqsp.engine.libsbml_extract import extract
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; x = 1; x' = -2*x; y := 3*rateOf(x); end")
    >>> str(without_slopes(extract(model.sbml), dosed={}).assignment_rules["y"])
    '3*(-2*x)'
    """
    if not any(expr.has("rateOf") for role, _, expr in network.formulas() if role != "initial assignment"):
        return network
    out = _Slopes(network, {n: sym(INFLOW + n) for n, infused in dosed.items() if infused})
    return replace(
        network,
        assignment_rules={k: out.rewrite(v) for k, v in network.assignment_rules.items()},
        rate_rules={k: out.rewrite(v) for k, v in network.rate_rules.items()},
        algebraic_rules=tuple(out.rewrite(v) for v in network.algebraic_rules),
        reactions={k: _reaction(r, out) for k, r in network.reactions.items()},
        events=tuple(_event(e, out) for e in network.events),
    )


def rate_of(network: Network, name: str, inflows: Mapping[str, Expr]) -> Expr:
    """Return the rate of change of a quantity, over the laws of reactions and what is infused, in amounts per time.

    Raises
    ------
    UnsupportedError
        The model does not give it.
    """
    return _Slopes(network, inflows).rewrite(Expr("rateOf", (sym(name),)))


class _Slopes:
    def __init__(self, network: Network, inflows: Mapping[str, Expr]) -> None:
        self._network, self._inflows = network, inflows
        self._open: list[str] = []

    def rewrite(self, expr: Expr) -> Expr:
        """Return a formula without ``rateOf``."""
        if not expr.args:
            return expr
        if expr.op == "rateOf":
            return self._of(expr)
        return Expr(expr.op, tuple(self.rewrite(a) for a in expr.args), expr.value, expr.unit)

    def _of(self, expr: Expr) -> Expr:
        name = str(expr.args[0].value)
        if expr.args[0].op != "sym" or name not in self._network.symbols or name in self._network.assignment_rules:
            raise UnsupportedError("the model does not give this rate of change", value=str(expr))
        if name in self._open:
            raise UnsupportedError("a rate of change depends on itself", value=str(expr))
        self._open.append(name)
        try:
            return self._rate(self._network.symbols[name])
        finally:
            self._open.pop()

    def _rate(self, symbol: Symbol) -> Expr:
        inflow = self._inflows.get(symbol.id, num(0.0))
        species = symbol.kind == "species" and not symbol.amount_only
        if symbol.id in self._network.rate_rules:
            own = self.rewrite(self._network.rate_rules[symbol.id])
            return plus(own, over(inflow, sym(symbol.compartment)) if species else inflow)
        amount = inflow
        for reaction in self._network.reactions.values() if symbol.kind == "species" and not symbol.boundary else ():
            amount = plus(amount, self._part(symbol, reaction))
        if not species:
            return amount
        growth = self._of(Expr("rateOf", (sym(symbol.compartment),)))
        return over(plus(amount, negative(times(sym(symbol.id), growth))), sym(symbol.compartment))

    def _part(self, symbol: Symbol, reaction: Reaction) -> Expr:
        """Return what a reaction adds to an amount per time."""
        out = num(0.0)
        for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
            for p in side if reaction.law is not None else ():
                if p.species == symbol.id:
                    named = sym(p.id) if p.id in self._network.symbols else num(p.stoichiometry)
                    size = named if p.formula is None else self.rewrite(p.formula)
                    out = plus(out, times(num(sign), times(size, sym(reaction.id))))
        return times(out, sym(symbol.conversion_factor)) if symbol.conversion_factor else out


def _reaction(reaction: Reaction, out: _Slopes) -> Reaction:
    sides = (tuple(p if p.formula is None else replace(p, formula=out.rewrite(p.formula)) for p in side)
             for side in (reaction.reactants, reaction.products))  # fmt: skip
    reactants, products = sides
    law = None if reaction.law is None else out.rewrite(reaction.law)
    return replace(reaction, reactants=reactants, products=products, law=law)


def _event(event: Event, out: _Slopes) -> Event:
    delay, priority = (None if e is None else out.rewrite(e) for e in (event.delay, event.priority))
    assignments = {k: out.rewrite(v) for k, v in event.assignments.items()}
    return replace(event, trigger=out.rewrite(event.trigger), assignments=assignments, delay=delay, priority=priority)
