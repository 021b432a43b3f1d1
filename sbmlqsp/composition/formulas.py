"""What a link reads: the symbols of its source, and the unit that they make together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbmlqsp.errors import CompositionError, ObservableError
from sbmlqsp.expressions import Expr, parse_formula
from sbmlqsp.unit_checks import Scope, infer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbmlqsp.composition.links import Link
    from sbmlqsp.composition.parts import Part, Parts
    from sbmlqsp.engine.network import Symbol
    from sbmlqsp.units import Unit

__all__ = ["source_formula", "sources", "unit_of_formula"]


def source_formula(link: Link, target: str) -> Expr:
    """Return the formula that feeds an input."""
    try:
        return parse_formula(link.source)
    except ObservableError as err:
        raise CompositionError(
            f"'{target}' cannot be fed: {err.what}", value=link.source, expected="'part.symbol' or a formula of these"
        ) from err


def sources(link: Link, target: str) -> list[str]:
    """Return the paths that a link reads, in order."""
    return [link.source] if link.is_path else sorted(source_formula(link, target).symbols())


def unit_of_formula(parts: Parts, formula: Expr, symbols: Mapping[str, tuple[Part, Symbol]], path: str) -> Unit | None:
    """Return the unit of a formula of ports, None where it has none or cannot be known."""
    times = [p.network.time_unit for p in parts.values() if p.network.time_unit is not None]
    scope = Scope({n: s.unit for n, (_, s) in symbols.items()}, times[0] if times else None)
    found = infer(formula, scope)
    if scope.clashes:
        _, message, remedy = scope.clashes[0]
        raise CompositionError(f"the formula for '{path}' mixes units: {message}", remedy=remedy)
    return found.unit if found.kind in {"known", "number"} else None
