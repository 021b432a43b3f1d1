"""Derivatives of formulas over values that are known, such as those at the start, along several directions at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sbmlqsp.engine.derivatives import Gradient, gradient
from sbmlqsp.engine.initial import dependency_order, resolved, start_needs
from sbmlqsp.engine.network import Network, Symbol
from sbmlqsp.engine.straight_line import as_function
from sbmlqsp.expressions import Expr, num, sym

__all__ = ["Tangents", "initial_tangents", "time_slope"]

ALONG = "along"


class Tangents:
    """The values of names, one per row, and their derivatives by each direction, of shape (rows, directions).

    Parameters
    ----------
    values : mapping of str to float or ndarray
    rows, count : int
        How many rows and directions there are.
    kept : dict, optional
        What is known of formulas of which the same names have derivatives each time, for who asks again and again.
    """

    def __init__(
        self, values: Mapping[str, Any], rows: int, count: int, kept: dict[int | str, Any] | None = None
    ) -> None:
        self.values, self.rows, self.count, self._kept = values, rows, count, kept
        self.by_name: dict[str, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def get(self, name: str) -> Any:
        """Return the derivatives of a name, or None where it has none."""
        return self.by_name.get(name)

    def put(self, name: str, slopes: Any) -> None:
        """Note the derivatives of a name; None is none."""
        if slopes is not None:
            self.by_name[name] = np.broadcast_to(slopes, (self.rows, self.count))

    def column(self, name: str) -> Any:
        """Return the values of a name as a column."""
        value = np.asarray(self.values[name], dtype=float)
        return value[:, None] if value.ndim else value

    def of(self, expr: Expr) -> Any:
        """Return the derivatives of a formula, or None where it reads nothing that has any.

        Raises
        ------
        UnsupportedError
            A function in it has no derivative.

        Examples
        --------
        >>> from sbmlqsp.expressions import parse_formula
        >>> known = Tangents({"dose": 6.0, "V": 2.0}, 1, 1)
        >>> known.put("V", [[1.0]])
        >>> known.of(parse_formula("dose/V")).tolist()
        [[-1.5]]
        """
        known = None if self._kept is None else self._kept.get(id(expr))
        if known is None:
            known = self._prepared(expr)
            if self._kept is not None:
                self._kept[id(expr)] = known
        _, slope, names = known
        if slope is None:
            return None
        env = {n: self.by_name[n.removesuffix("~")] if n.endswith("~") else self.column(n) for n in names}
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(slope(env, 0.0), dtype=float), (self.rows, self.count))

    def _prepared(self, expr: Expr) -> tuple[Expr, Any, list[str]]:
        """Return a formula, what computes its derivative, and which names that reads."""
        slope = gradient(expr, self._leaf).get(ALONG)
        if slope is None:
            return expr, None, []
        meant = [_name(node) for node in slope.walk() if node.op in {"amount", "concentration"}]
        return expr, as_function(slope), [*slope.symbols(), *meant]

    def _leaf(self, expr: Expr) -> Gradient:
        name = "" if expr.op == "time" else _name(expr)
        return {ALONG: sym(f"{name}~")} if name in self.by_name else {}


def _name(expr: Expr) -> str:
    return str(expr.value) if expr.op == "sym" else f"{expr.op}({expr.args[0].value})"


def time_slope(expr: Expr) -> Expr:
    """Return the derivative of a formula by time, all names held.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> str(time_slope(parse_formula("2*time - lag")))
    '2'
    """
    return gradient(expr, lambda e: {ALONG: num(1.0)} if e.op == "time" else {}).get(ALONG, num(0.0))


def initial_tangents(
    network: Network,
    env: Mapping[str, Any],
    *,
    fixed: Iterable[str],
    seeds: Mapping[str, int],
    rows: int,
    count: int,
    known: Mapping[str, Any] | None = None,
) -> Tangents:
    """Return the derivatives of the whole state at the start, through initial assignments and rules.

    Parameters
    ----------
    network : Network
    env : mapping
        What ``initial_state`` gave.
    fixed : iterable of str
        The keys that were overridden for it: what they set does not follow its initial assignment.
    seeds : mapping of str to int
        The direction of each key: ``"k"``, ``"S"``, ``"amount(S)"`` or ``"concentration(S)"``. Along it the key is
        overridden as well, so that it moves by itself, while the initial assignments of all others hold.
    rows, count : int
    known : mapping of str to ndarray of shape (rows, directions), optional
        The derivatives of what was overridden by what depends on parameters: ``"S"``, or ``"amount(S)"``.
    """
    network, known = resolved(network), known or {}
    out, given = Tangents(env, rows, count), frozenset(fixed)
    needs = start_needs(network, given)
    for name in dependency_order(needs):
        symbol = network.symbols.get(name)
        formula = _formula(network, name, given)
        slopes = known.get(name, known.get(f"amount({name})"))
        if slopes is None and formula is not None:
            slopes = out.of(formula)
        if symbol is None or symbol.kind != "species":
            out.put(name, _seeded(slopes, {k: (i, 1.0) for k, i in seeds.items() if k == name}, rows, count))
        else:
            _species(out, symbol, slopes, _is_amount(network, symbol, given), seeds)
    return out


def _formula(network: Network, name: str, given: frozenset[str]) -> Expr | None:
    if name in network.reactions:
        return network.reactions[name].law
    if name in network.assignment_rules:
        return network.assignment_rules[name]
    if {name, f"amount({name})", f"concentration({name})"} & given:
        return None
    return network.initial_assignments.get(name)


def _is_amount(network: Network, s: Symbol, given: frozenset[str]) -> bool:
    """Return whether what defines a species is an amount."""
    if s.id in network.assignment_rules or s.id in given:
        return s.amount_only
    if f"amount({s.id})" in given or f"concentration({s.id})" in given:
        return f"amount({s.id})" in given
    return s.amount_only if s.id in network.initial_assignments else s.value_is_amount


def _species(out: Tangents, s: Symbol, slopes: Any, is_amount: bool, seeds: Mapping[str, int]) -> None:
    """Note the derivatives of a species in its three meanings."""
    size, home = out.column(s.compartment), out.get(s.compartment)
    own, amount = out.column(s.id), out.column(f"amount({s.id})")
    if is_amount != s.amount_only:  # written in the other meaning
        slopes = None if slopes is None else slopes * size if s.amount_only else slopes / size
        if home is not None:
            moved = (own if s.amount_only else -own) * home / size
            slopes = moved if slopes is None else slopes + moved
    scale = {s.id: 1.0, f"amount({s.id})": 1.0 if s.amount_only else 1.0 / size,
             f"concentration({s.id})": size if s.amount_only else 1.0}  # fmt: skip
    mine = {key: (i, scale[key]) for key, i in seeds.items() if key in scale}
    slopes = _seeded(slopes, mine, out.rows, out.count)
    out.put(s.id, slopes)
    other = None if slopes is None else slopes / size if s.amount_only else slopes * size
    if home is not None:
        concentration = amount / size
        moved = -concentration * home / size if s.amount_only else concentration * home
        other = moved if other is None else other + moved
    meanings = (slopes, other) if s.amount_only else (other, slopes)
    for meaning, own_slopes in zip(("amount", "concentration"), meanings, strict=True):
        out.put(f"{meaning}({s.id})", own_slopes)


def _seeded(slopes: Any, seeds: Mapping[str, tuple[int, Any]], rows: int, count: int) -> Any:
    """Return derivatives with those along a name's own directions, along which nothing else moves it."""
    if not seeds:
        return slopes
    out = np.zeros((rows, count)) if slopes is None else np.array(slopes, dtype=float)
    for i, scale in seeds.values():
        out[:, i] = np.broadcast_to(scale, (rows, 1))[:, 0]
    return out
