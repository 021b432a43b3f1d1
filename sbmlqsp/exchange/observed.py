"""Observables as formulas over the ids of a file, whatever they are written in."""

from __future__ import annotations

from sbmlqsp.engine.network import Network
from sbmlqsp.experiment import observable_unit
from sbmlqsp.expressions import Expr, num, sym
from sbmlqsp.model import Model, flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.units import convert

__all__ = ["in_own_unit", "plain"]


def plain(expr: Expr, network: Network) -> Expr:
    """Write amounts and concentrations in terms of what the file has, under its ids.

    Parameters
    ----------
    expr : Expr
        Over paths, as an observable has it.
    network : Network
    """
    if expr.op in {"amount", "concentration"}:
        symbol = network.symbols[flat_id(str(expr.args[0].value))]
        if symbol.amount_only == (expr.op == "amount"):
            return sym(symbol.id)
        return Expr("mul" if expr.op == "amount" else "div", (sym(symbol.id), sym(symbol.compartment)))
    if expr.op == "sym":
        return sym(flat_id(str(expr.value)))
    return Expr(expr.op, tuple(plain(a, network) for a in expr.args), expr.value, expr.unit)


def in_own_unit(expr: Expr, model: Model, o: Observable) -> Expr:
    """Return a formula for an observable in the observable's unit, where it is in the model's.

    Parameters
    ----------
    expr : Expr
    model : Model
    o : Observable
        Whose unit, and molar mass where one is needed, count.
    """
    own = observable_unit(model, o)
    if o.unit is None or not own:
        return expr
    factor = float(convert(1.0, own, o.unit, molar_mass=o.molar_mass))
    return expr if factor == 1.0 else Expr("mul", (num(factor), expr))
