"""The units of time, substance, volume and extent of whole parts: the same, or converted explicitly."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from sbmlqsp.composition.parts import OWN_UNITS, Part, Parts
from sbmlqsp.errors import CompositionError

if TYPE_CHECKING:
    from sbmlqsp.composition.links import Link
    from sbmlqsp.engine.network import Network
    from sbmlqsp.model import Model
    from sbmlqsp.units import Unit

__all__ = ["agree_in_model_units", "bridges"]

KINDS = ("time", "substance", "volume", "extent")
Bridge = frozenset[str]
Claim = tuple[Part, "Unit | None"]


def bridges(links: Mapping[str, Link]) -> set[Bridge]:
    """Return the pairs of parts between which a connection is converted explicitly."""
    found = set()
    for target, link in links.items():
        if link.convert is not None and link.is_path:
            found.add(frozenset(path.replace("__", ".").split(".")[0] for path in (target, link.source)))
    return found


def agree_in_model_units(
    parts: Parts, *, converted: Collection[Bridge] = (), top: Model | None = None
) -> dict[str, Unit | None]:
    """Refuse parts whose units of time, substance, volume or extent differ; return the ones to declare.

    Units of substance, volume and extent may differ between parts that an explicitly converted connection ties, and
    of parts that were told to keep their own; such a unit is then declared on every quantity, not for the whole
    (None). A top level that declares a unit must agree as well; one that declares none takes the parts'.
    """
    agreed: dict[str, Unit | None] = {}
    for kind in KINDS:
        claims = _claims(parts, kind)
        declared = getattr(top.network, f"{kind}_unit") if top else None
        if top is not None and declared is not None:
            claims.append((Part(top.id, top, top.sbml), declared))
        groups = _groups(claims)
        _refuse_strangers(kind, groups, converted)
        if len(groups) == 1 and groups[0][0][1] is not None:
            agreed[kind] = groups[0][0][1]
        elif len(groups) > 1:
            agreed[kind] = None
    if None in agreed.values():
        parts.write_units()
    return agreed


def _claims(parts: Parts, kind: str) -> list[Claim]:
    """Return the unit of each part that has a use for it; where none has, of those that declare one and agree."""
    every: list[Claim] = [(p, getattr(p.network, f"{kind}_unit")) for p in parts.values()]
    using: list[Claim] = [(p, unit) for p, unit in every if _uses(p.network, kind)]
    stating: list[Claim] = [(p, unit) for p, unit in every if unit is not None]
    return using or (stating if len(_groups(stating)) == 1 else [])


def _groups(claims: Iterable[Claim]) -> list[list[Claim]]:
    """Gather the parts that have the same unit."""
    groups: list[list[Claim]] = []
    for part, unit in claims:
        for group in groups:
            other = group[0][1]
            if unit is other or (unit is not None and other is not None and unit.equivalent(other)):
                group.append((part, unit))
                break
        else:
            groups.append([(part, unit)])
    return groups


def _refuse_strangers(kind: str, groups: list[list[Claim]], converted: Collection[Bridge]) -> None:
    """Refuse a group of parts that no explicit conversion ties to the others."""
    reached, rest = groups[:1], groups[1:]
    while rest:
        known = [claim for group in reached for claim in group]
        near = next((g for g in rest if kind != "time" and _tied(g, known, converted)), None)
        if near is None:
            raise _difference(kind, known[0], rest[0][0])
        reached.append(near)
        rest.remove(near)


def _tied(group: list[Claim], known: list[Claim], converted: Collection[Bridge]) -> bool:
    if any(unit is None for _, unit in (group[0], known[0])):
        return all(part.keeps_units for part, _ in group)
    pairs = {frozenset((a.name, b.name)) for a, _ in group for b, _ in known}
    return bool(pairs & set(converted)) or all(p.keeps_units for p, _ in group) or all(p.keeps_units for p, _ in known)


def _difference(kind: str, a: Claim, b: Claim) -> CompositionError:
    labels = [unit.label if unit else "no declared unit" for _, unit in (a, b)]
    return CompositionError(
        f"the parts '{a[0].name}' and '{b[0].name}' differ in their unit of {kind}: {labels[0]} and {labels[1]}",
        remedy=_remedy(kind, a, b),
    )


def _remedy(kind: str, a: Claim, b: Claim) -> str:
    part, unit = (b[0], a[1]) if a[1] is not None else (a[0], b[1])
    label = unit.label if unit else ""
    if kind == "time":
        verb = "declare" if None in {a[1], b[1]} else "rewrite"
        return f"convert={{'{part.name}': '{label}'}} to {verb} '{part.name}' in {label}"
    if None in {a[1], b[1]}:
        return f"declare the unit of {kind} in the file of '{part.name}'"
    return (
        "convert the connection between them (convert={'part.input': '<unit or molar mass>'}), or let "
        f"'{part.name}' keep its own with convert={{'{part.name}': '{OWN_UNITS}'}}"
    )


def _uses(n: Network, kind: str) -> bool:
    if kind == "extent":
        return bool(n.reactions)
    if kind == "substance":
        return bool(n.species)
    if kind == "volume":
        return bool(n.compartments)
    timed = any(e.has("time", "delay", "rateOf") for _, _, e in n.formulas())
    return bool(n.reactions or n.rate_rules or n.events or timed)
