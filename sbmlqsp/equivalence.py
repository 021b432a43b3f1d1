"""Prove that two descriptions of a model are the same model, element by element."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sbmlqsp.errors import CompositionError
from sbmlqsp.expressions import Expr, to_infix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sbmlqsp.engine.network import Event, Network, Participant, Reaction, Symbol
    from sbmlqsp.units import Unit

__all__ = ["differences", "prove_equal", "same_formula", "same_number", "same_unit"]

TOLERANCE = 1e-12


def prove_equal(left: Network, right: Network, *, names: tuple[str, str] = ("one form", "the other")) -> None:
    """Raise unless two networks hold the same quantities, rules, reactions and events under the same ids.

    Parameters
    ----------
    left, right : Network
    names : (str, str)
        What to call them in the message.

    Raises
    ------
    CompositionError
        They differ; the message names the first element that does.
    """
    found = list(differences(left, right))
    if found:
        what, a, b = found[0]
        more = f" (and {len(found) - 1} more differences)" if len(found) > 1 else ""
        raise CompositionError(
            f"{names[0]} and {names[1]} of the composed model are not the same: {what} is {a} in the first and {b} in "
            f"the second{more}",
            where=f"the model '{left.id}'",
            remedy="report this with the parts; neither form should be trusted",
        )


def differences(left: Network, right: Network) -> Iterator[tuple[str, str, str]]:
    """Yield (element, left, right) for everything that is not equal; numbers are compared to a relative 1e-12."""
    yield from _tables("the symbol", left.symbols, right.symbols, _symbol)
    yield from _tables("the reaction", left.reactions, right.reactions, _reaction)
    for what in ("initial_assignments", "assignment_rules", "rate_rules"):
        name = f"the {what.replace('_', ' ')[:-1]} of"
        yield from _tables(name, getattr(left, what), getattr(right, what), _formula)
    yield from _tables("the event", {e.id: e for e in left.events}, {e.id: e for e in right.events}, _event)
    for what in ("algebraic_rules", "constraints"):
        a, b = (sorted(map(to_infix, getattr(n, what))) for n in (left, right))
        if a != b:
            yield f"the list of {what.replace('_', ' ')}", str(a), str(b)
    for what in ("time_unit", "substance_unit", "volume_unit", "extent_unit"):
        if not same_unit(getattr(left, what), getattr(right, what)):
            yield f"the model's {what.replace('_', ' ')}", _of(getattr(left, what)), _of(getattr(right, what))


Part = tuple[str, Any, Any]


def _tables(
    what: str, left: Mapping[str, Any], right: Mapping[str, Any], compare: Callable[[Any, Any], Iterator[Part]]
) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*left, *right]):
        if name not in left or name not in right:
            words = ("absent", "present")
            yield f"{what} '{name}'", words[name in left], words[name in right]
            continue
        for part, a, b in compare(left[name], right[name]):
            yield f"{part} {what} '{name}'".strip(), str(a), str(b)


def _symbol(a: Symbol, b: Symbol) -> Iterator[Part]:
    plain = (
        "kind", "name", "constant", "compartment", "boundary", "amount_only", "conversion_factor", "dimensions", "sbo",
    )  # fmt: skip
    for attribute in plain:
        if getattr(a, attribute) != getattr(b, attribute):
            yield f"'{attribute}' of", getattr(a, attribute), getattr(b, attribute)
    if not same_number(a.value, b.value) or (a.value_is_amount != b.value_is_amount and not math.isnan(a.value)):
        yield "the value of", a.value, b.value
    for unit in ("unit", "substance_unit"):
        if not same_unit(getattr(a, unit), getattr(b, unit)):
            yield f"the {unit.replace('_', ' ')} of", _of(getattr(a, unit)), _of(getattr(b, unit))


def _reaction(a: Reaction, b: Reaction) -> Iterator[Part]:
    for attribute in ("reversible", "name", "fast", "sbo"):
        if getattr(a, attribute) != getattr(b, attribute):
            yield f"'{attribute}' of", getattr(a, attribute), getattr(b, attribute)
    for attribute in ("reactants", "products"):
        left, right = (sorted(getattr(r, attribute), key=_order) for r in (a, b))
        if len(left) != len(right) or not all(map(_same_participant, left, right)):
            yield f"the {attribute} of", getattr(a, attribute), getattr(b, attribute)
    if sorted(a.modifiers) != sorted(b.modifiers):
        yield "the modifiers of", a.modifiers, b.modifiers
    yield from _optional("the law of", a.law, b.law)


def _order(p: Participant) -> tuple[str, str, float]:
    return p.species, p.id, p.stoichiometry


def _same_participant(a: Participant, b: Participant) -> bool:
    same = a.species == b.species and a.id == b.id and same_number(a.stoichiometry, b.stoichiometry)
    return same and not list(_optional("", a.formula, b.formula))


def _event(a: Event, b: Event) -> Iterator[Part]:
    for attribute in ("persistent", "initial_value", "values_from_trigger", "name"):
        if getattr(a, attribute) != getattr(b, attribute):
            yield f"'{attribute}' of", getattr(a, attribute), getattr(b, attribute)
    for attribute in ("trigger", "delay", "priority"):
        yield from _optional(f"the {attribute} of", getattr(a, attribute), getattr(b, attribute))
    for what, left, right in _tables("the assignment to", a.assignments, b.assignments, _formula):
        yield f"{what} in", left, right


def _formula(a: Expr, b: Expr) -> Iterator[Part]:
    yield from _optional("", a, b)


def _optional(what: str, a: Expr | None, b: Expr | None) -> Iterator[Part]:
    if (a is None) != (b is None) or (a is not None and b is not None and not same_formula(a, b)):
        yield what, a, b


def same_formula(a: Expr, b: Expr) -> bool:
    """Say whether two formulas are the same tree, numbers to a relative 1e-12."""
    stack = [(a, b)]
    while stack:
        x, y = stack.pop()
        if x.op != y.op or len(x.args) != len(y.args) or not _same_value(x.value, y.value):
            return False
        stack.extend(zip(x.args, y.args, strict=True))
    return True


def _same_value(a: float | str | None, b: float | str | None) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return same_number(a, b)
    return a == b


def same_number(a: float, b: float) -> bool:
    """Say whether two numbers agree to a relative 1e-12, or are both missing."""
    return a == b or math.isclose(a, b, rel_tol=TOLERANCE) or (math.isnan(a) and math.isnan(b))


def same_unit(a: Unit | None, b: Unit | None) -> bool:
    """Say whether two units are equal in value, or both undeclared."""
    return a is b or (a is not None and b is not None and a.equivalent(b))


def _of(unit: Unit | None) -> str:
    return unit.label if unit is not None else "undeclared"
