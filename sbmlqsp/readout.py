"""What the engine must put out for observables, and the observables read from that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from sbmlqsp.engine.network import Network
from sbmlqsp.experiment import observable_unit
from sbmlqsp.expressions import Expr, evaluate
from sbmlqsp.model import Model, flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.units import convert

__all__ = ["evaluate_columns", "read_out", "selections", "wanted"]


def selections(model: Model, names: Sequence[str], meanings: Sequence[tuple[str, str]]) -> list[str]:
    """Return the engine selections that give symbols their SBML meaning, and amounts and concentrations."""
    out: list[str] = []
    for name in names:
        symbol = model.network.symbols.get(name)
        concentration = symbol is not None and symbol.kind == "species" and not symbol.amount_only
        out.append(f"[{name}]" if concentration else name)
    out += [name if meaning == "amount" else f"[{name}]" for meaning, name in meanings]
    return list(dict.fromkeys(out))


def wanted(model: Model, observables: Iterable[Observable]) -> list[str]:
    """Return the engine selections that observables need."""
    names, meanings = [], []
    for o in observables:
        asked = [n for n in o.expr.walk() if n.op in {"amount", "concentration"}]
        names += [flat_id(n) for n in sorted(_plainly(o.expr))]
        meanings += [(n.op, flat_id(str(n.args[0].value))) for n in asked]
    return selections(model, names, meanings)


def _plainly(expr: Expr) -> set[str]:
    """Return the symbols that a formula reads as they are, and not as an amount or a concentration alone."""
    if expr.op == "sym":
        return {str(expr.value)}
    parts = () if expr.op in {"amount", "concentration"} else expr.args
    return {n for part in parts for n in _plainly(part)}


def read_out(o: Observable, model: Model, *, columns: Mapping[str, Any], time: Any, shape: tuple[int, ...]) -> Any:
    """Return the values of an observable, in its unit.

    Parameters
    ----------
    o : Observable
    model : Model
    columns : mapping of str to ndarray
        What the engine put out, by selection.
    time : ndarray
    shape : tuple of int
        To which the result is broadcast.
    """
    out = np.asarray(evaluate_columns(o.expr, model, columns, time=time), dtype=float)
    out = out if out.shape == shape else np.broadcast_to(out, shape)
    own = observable_unit(model, o)
    if o.unit is not None and own:
        out = convert(out, own, o.unit, molar_mass=o.molar_mass)
    return np.asarray(out)


def evaluate_columns(expr: Expr, model: Model, columns: Mapping[str, Any], *, time: Any) -> Any:
    """Return the values of a formula over what the engine put out."""
    env: dict[str, Any] = {}
    for name in expr.symbols():
        key = _selection(model.network, flat_id(name))
        if key in columns:
            env[name] = columns[key]
    for node in expr.walk():
        if node.op in {"amount", "concentration"}:
            flat = flat_id(str(node.args[0].value))
            env[f"{node.op}({node.args[0].value})"] = columns[flat if node.op == "amount" else f"[{flat}]"]
    return evaluate(expr, env, time=time)


def _selection(network: Network, flat: str) -> str:
    symbol = network.symbols.get(flat)
    concentration = symbol is not None and symbol.kind == "species" and not symbol.amount_only
    return f"[{flat}]" if concentration else flat
