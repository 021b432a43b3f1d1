"""Do two quantities agree? Units, values, kinds and meanings, each refused with a remedy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sbmlqsp.composition.links import Link, conversion_hint, mass_and_amount
from sbmlqsp.composition.parts import Part, Parts
from sbmlqsp.equivalence import same_number
from sbmlqsp.errors import CompositionError, did_you_mean
from sbmlqsp.model import dotted

if TYPE_CHECKING:
    from sbmlqsp.engine.network import Network, Symbol
    from sbmlqsp.units import Unit

__all__ = ["agree_in_units", "agree_in_value", "fitting", "port_of"]


def port_of(parts: Parts, path: str) -> tuple[Part, Symbol, str]:
    """Return the part, symbol and direction of a port, or refuse with the ports there are."""
    part, name = parts.locate(path)
    if name not in part.model.directions:
        there = name in part.network.symbols
        near = did_you_mean(dotted(name), map(dotted, part.model.directions))
        hint = (
            f"; or open it: expose(model, {name}='input' or 'output'), in Antimony '// @input {name}'" if there else ""
        )
        what = "is not a port of" if there else "does not exist in"
        raise CompositionError(f"'{dotted(name)}' {what} the part '{part.name}'", remedy=f"{near}{hint}")
    part, symbol = parts.symbol(path)
    return part, symbol, part.model.directions[name]


# ------------------------------------------------------------------------------------------------------------- kinds
def fitting(target: tuple[Part, Symbol], source: tuple[Part, Symbol], link: Link) -> str:
    """Say how an output can feed an input: ``"merge"`` (they become one) or ``"rule"`` (a rule sets the input)."""
    (part, t), (_, s) = target, source
    path, how = part.path(t.id), part.defined_by(t.id)
    if "stoichiometry" in {t.kind, s.kind}:
        raise CompositionError("a stoichiometry cannot be connected", where=f"the connection of '{path}'")
    if how in {"an assignment rule", "a rate rule"} or (how == "an event" and t.kind != "species"):
        raise CompositionError(
            f"the input '{path}' is set by {how} of its own part, so it cannot be fed as well",
            remedy=f"add delete=['{path}'] to drop that, or feed another input"
            if how != "an event"
            else "delete the event, or feed another input",
        )
    if t.kind == "compartment" and s.kind != "compartment":
        raise CompositionError(
            f"the input '{path}' is a compartment and the output '{link.source}' is a {s.kind}",
            remedy="feed it a compartment, or make the input a parameter",
        )
    if t.kind == "compartment":
        _same("spatial dimensions", t.dimensions, s.dimensions, path, link)
    if t.kind == "species":
        return _fitting_species(target, source, link)
    if link.convert is not None:
        return "rule"
    # A rate may read only species that its reaction lists, and a reaction of a part can list only its own.
    return "rule" if s.kind == "species" and _in_a_rate(part.network, t.id) else "merge"


def _in_a_rate(n: Network, name: str) -> bool:
    return any(r.law is not None and name in r.law.symbols() for r in n.reactions.values())


def _fitting_species(target: tuple[Part, Symbol], source: tuple[Part, Symbol], link: Link) -> str:
    (part, t), (_, s) = target, source
    path = part.path(t.id)
    changed = part.defined_by(t.id) in {"reactions", "an event"}
    if s.kind == "species" and link.convert is None:
        _same("meaning (amount or concentration: hasOnlySubstanceUnits)", t.amount_only, s.amount_only, path, link)
        _same("use of a conversion factor", bool(t.conversion_factor), bool(s.conversion_factor), path, link)
        if _takes_part(part.network, t.id) and link.wins != "source":
            _same("role (boundary or floating)", t.boundary or t.constant, s.boundary or s.constant, path, link)
        return "merge"
    if changed:
        why = "converted" if s.kind == "species" else f"set by a {s.kind}"
        raise CompositionError(
            f"the species '{path}' is changed by {part.defined_by(t.id)} of its own part, so it cannot be {why}",
            remedy="write both parts in the same unit and connect species to species, or make it a boundary species "
            "($) that the part only reads",
        )
    return "rule"


def _takes_part(n: Network, species: str) -> bool:
    return any(p.species == species for r in n.reactions.values() for p in (*r.reactants, *r.products))


def _same(what: str, a: object, b: object, path: str, link: Link) -> None:
    if a != b:
        raise CompositionError(
            f"'{path}' and '{link.source}' differ in {what}: {_word(a)} and {_word(b)}",
            remedy="make the two parts agree; they would not mean the same thing in one symbol",
        )


def _word(value: object) -> str:
    return (
        {True: "yes", False: "no"}[value]
        if isinstance(value, bool)
        else f"{value:g}"
        if isinstance(value, float)
        else str(value)
    )


# ------------------------------------------------------------------------------------------------------------- units
def agree_in_units(
    a: tuple[str, Unit | None],
    b: tuple[str, Unit | None],
    *,
    settled: bool = False,
    remedy: str = "",
    factor: bool = False,
) -> None:
    """Refuse two quantities (path, unit) in different units, or of which only one declares a unit.

    ``settled`` says that the user named whose unit stands where one side declares none, ``factor`` that the first may
    become the second times a factor.
    """
    (left, u), (right, v) = a, b
    if u is None and v is None:
        return
    if u is None or v is None:
        if not settled:
            bare, full, unit = (left, right, v) if u is None else (right, left, u)
            label = unit.label if unit else ""
            raise CompositionError(
                f"'{bare}' declares no unit and '{full}' is in {label}",
                remedy=f"declare it where it is defined{f', or name the winner: {remedy}' if remedy else ''}",
            )
        return
    if u.equivalent(v):
        return
    if u.same_dimension(v):
        how = f"convert={{'{left}': '{u.label}'}}, in Antimony a rule with a constant that has a unit"
    elif mass_and_amount(u, v):
        how = f"convert={{'{left}': '<molar mass>'}}, such as '150 kDa', in Antimony a rule with a molar mass"
    elif factor:
        how = f"feed the input a formula that has its unit, or convert={{'{left}': {conversion_hint(u, v)}}}, which "
        how += f"becomes the parameter {left}.factor; these dimensions differ"
    else:
        how = "join quantities that mean the same; these dimensions differ"
    labels = [x.label if x.dims or x.factor != 1.0 else "no unit (dimensionless)" for x in (u, v)]
    raise CompositionError(f"'{left}' is in {labels[0]} and '{right}' is in {labels[1]}", remedy=how)


def agree_in_value(target: tuple[str, float], source: tuple[str, float], *, remedy: str) -> None:
    """Refuse two plain numbers (path, value) that differ; a missing value of the target agrees with any."""
    (left, a), (right, b) = target, source
    if math.isnan(a) or same_number(a, b):
        return
    shown = "no value" if math.isnan(b) else f"{b:.12g}"
    raise CompositionError(f"'{left}' is {a:.12g} and '{right}' is {shown}", remedy=f"say which stands: {remedy}")
