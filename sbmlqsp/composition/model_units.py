"""The units of time, substance, volume and extent of whole parts: the same, or converted explicitly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sbmlqsp.composition.formulas import source_formula, sources, unit_of_formula
from sbmlqsp.composition.links import conversion_hint
from sbmlqsp.composition.parts import OWN_UNITS, Part, Parts
from sbmlqsp.equivalence import same_unit
from sbmlqsp.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sbmlqsp.composition.links import Link
    from sbmlqsp.engine.network import Network
    from sbmlqsp.model import Model
    from sbmlqsp.units import Unit

__all__ = ["Conversions", "agree_in_model_units"]

KINDS = ("time", "substance", "volume", "extent")
Bridge = frozenset[str]
Claim = tuple[Part, "Unit | None"]


@dataclass(frozen=True)
class Conversions:
    """What the user has said about units: the links with their conversions, and ``convert`` as it was given."""

    links: Mapping[str, Link] = field(default_factory=dict)
    given: Mapping[str, str | float | Sequence[str]] = field(default_factory=dict)

    def bridges(self) -> set[Bridge]:
        """Return the pairs of parts between which a connection or formula is converted explicitly."""
        converted = {target: link for target, link in self.links.items() if link.convert is not None}
        return {pair for target, link in converted.items() for pair in _between(target, link)}


def agree_in_model_units(parts: Parts, conversions: Conversions, *, top: Model | None = None) -> dict[str, Unit | None]:
    """Refuse parts whose units of time, substance, volume or extent differ; return the ones to declare.

    Units of substance, volume and extent may differ between parts that an explicitly converted connection ties, and
    of parts that were told to keep their own; such a unit is then declared on every quantity, not for the whole
    (None). A top level that declares a unit must agree as well; one that declares none takes the parts'.
    """
    agreed: dict[str, Unit | None] = {}
    clashes: dict[str, list[list[Claim]]] = {}
    for kind in KINDS:
        claims = _claims(parts, kind)
        declared = getattr(top.network, f"{kind}_unit") if top else None
        if top is not None and declared is not None:
            claims.append((Part(top.id, top, top.sbml), declared))
        groups = _groups(claims, first=top.id if top else "")
        strangers = _strangers(kind, groups, conversions.bridges())
        if strangers:
            clashes[kind] = [[c for g in groups if g not in strangers for c in g], *strangers]
        if len(groups) == 1 and groups[0][0][1] is not None:
            agreed[kind] = groups[0][0][1]
        elif len(groups) > 1:
            agreed[kind] = None
    if clashes:
        raise _difference(clashes, parts, conversions)
    if None in agreed.values():
        parts.write_units()
    return agreed


def _claims(parts: Parts, kind: str) -> list[Claim]:
    """Return the unit of each part that has a use for it; where none has, of those that declare one and agree."""
    every: list[Claim] = [(p, getattr(p.network, f"{kind}_unit")) for p in parts.values()]
    using: list[Claim] = [(p, unit) for p, unit in every if _uses(p.network, kind)]
    stating: list[Claim] = [(p, unit) for p, unit in every if unit is not None]
    return using or (stating if len(_groups(stating)) == 1 else [])


def _groups(claims: Iterable[Claim], *, first: str = "") -> list[list[Claim]]:
    """Gather the parts that have the same unit, the largest group first, or that of the top level where it has one."""
    groups: list[list[Claim]] = []
    for part, unit in claims:
        group = next((g for g in groups if same_unit(unit, g[0][1])), None)
        if group is None:
            groups.append([(part, unit)])
        else:
            group.append((part, unit))
    return sorted(groups, key=lambda g: (all(p.name != first for p, _ in g), g[0][1] is None, -len(g)))


def _strangers(kind: str, groups: list[list[Claim]], converted: set[Bridge]) -> list[list[Claim]]:
    """Return the groups of parts that no explicit conversion ties to the first."""
    reached, rest = groups[:1], groups[1:]
    while kind != "time" and rest:
        known = [claim for group in reached for claim in group]
        near = next((g for g in rest if _tied(g, known, converted)), None)
        if near is None:
            break
        reached.append(near)
        rest.remove(near)
    return rest


def _tied(group: list[Claim], known: list[Claim], converted: set[Bridge]) -> bool:
    if any(all(part.keeps_units for part, _ in side) for side in (group, known)):
        return True
    declared = all(unit is not None for _, unit in (group[0], known[0]))
    return declared and any(frozenset((a.name, b.name)) in converted for a, _ in group for b, _ in known)


# ------------------------------------------------------------------------------------------------------- the refusal
def _difference(clashes: Mapping[str, list[list[Claim]]], parts: Parts, conversions: Conversions) -> CompositionError:
    """Say in one message what differs, and the whole ``convert`` that settles it."""
    said: dict[str, list[str]] = {}
    for kind, groups in clashes.items():
        each = [_group_in_words(same) for g in groups for same in _groups(g)]
        said.setdefault(" and ".join(each), []).append(kind)
    what = "; ".join(f"in their unit of {' and '.join(kinds)}: {text}" for text, kinds in said.items())
    remedy = _one_species(parts, conversions.links) or _remedy(clashes, parts, conversions)
    return CompositionError(f"the parts differ {what}", remedy=remedy)


def _group_in_words(group: list[Claim]) -> str:
    unit = group[0][1]
    return f"{unit.label if unit else 'no declared unit'} in {', '.join(repr(p.name) for p, _ in group)}"


def _one_species(parts: Parts, links: Mapping[str, Link]) -> str:
    """Say which species of two parts cannot be one, as both change it in another unit; no ``convert`` helps there."""
    for target, link in links.items():
        if not link.is_path or any(path.split(".")[0] not in parts for path in (target, link.source)):
            continue
        (part, t), (_, s) = parts.symbol(target), parts.symbol(link.source)
        changed = part.defined_by(t.id) in {"reactions", "an event"}
        if t.kind == s.kind == "species" and changed and not same_unit(t.substance_unit, s.substance_unit):
            return f"write both parts in the same units: '{target}' and '{link.source}' become one species"
    return ""


def _remedy(clashes: Mapping[str, list[list[Claim]]], parts: Parts, conversions: Conversions) -> str:
    unconverted = _unconverted(parts, conversions.links)
    bridged = conversions.bridges() | {pair for pair, _, _ in unconverted}
    wanted: dict[str, list[str]] = {}
    why: dict[str, None] = {}
    for kind, (known, *strangers) in clashes.items():
        new = known[0][1]
        for part, unit in (c for g in strangers if kind == "time" or not _tied(g, known, bridged) for c in g):
            ways = wanted.setdefault(part.name, [])
            if kind == "time" and new is not None:
                ways.append(new.label)
                why[f"{'declares' if unit is None else 'rewrites'} '{part.name}' in {new.label}"] = None
            elif OWN_UNITS not in ways:
                ways.append(OWN_UNITS)
                what = "keep its own units of substance, volume and extent"
                what = what if unit is not None else f"go without (better: declare its unit of {kind} in its file)"
                why[f"lets '{part.name}' {what}"] = None
    hints = {target: hint for _, target, hint in unconverted}
    why |= dict.fromkeys(f"converts '{target}'" for target in hints)
    blank = " (<…> is for you to fill in)" if any("<" in hint for hint in hints.values()) else ""
    return f"{_dictionary(conversions.given, wanted, hints)}{blank}, which {', '.join(why)}"


def _dictionary(
    given: Mapping[str, str | float | Sequence[str]], wanted: Mapping[str, list[str]], hints: Mapping[str, str]
) -> str:
    """Return the whole ``convert``: what the user gave, with what is missing."""
    rows = {k: repr(v) for k, v in given.items()} | dict(hints)
    for name, ways in wanted.items():
        have = given.get(name, ())
        old = [have] if isinstance(have, str) else list(have) if not isinstance(have, int | float) else []
        # A part is rewritten in one unit of time: a new one takes the place of the old.
        old = [w for w in old if w == OWN_UNITS or not any(x != OWN_UNITS for x in ways)]
        every = list(dict.fromkeys([*old, *ways]))
        rows[name] = repr(every[0] if len(every) == 1 else every)
    return "convert={" + ", ".join(f"'{k}': {v}" for k, v in rows.items()) + "}"


def _between(target: str, link: Link) -> list[Bridge]:
    part = target.replace("__", ".").split(".")[0]
    return [frozenset((part, path.replace("__", ".").split(".")[0])) for path in sources(link, target)]


def _unconverted(parts: Parts, links: Mapping[str, Link]) -> list[tuple[Bridge, str, str]]:
    """Return the connections that need a conversion and have none: the parts they tie, the input, what to write."""
    found = []
    for target, link in links.items():
        units = _ends(parts, target, link) if link.convert is None else None
        if units is not None and not units[0].equivalent(units[1]):
            found += [(pair, target, conversion_hint(*units)) for pair in _between(target, link)]
    return found


def _ends(parts: Parts, target: str, link: Link) -> tuple[Unit, Unit] | None:
    """Return the units of an input and of what feeds it, or None where that cannot be known or converted."""
    try:
        _, t = parts.symbol(target)
        symbols = {path: parts.symbol(path) for path in sources(link, target)}
        if link.is_path:
            unit = symbols[link.source][1].unit
        else:
            unit = unit_of_formula(parts, source_formula(link, target), symbols, target)
    except CompositionError:
        return None  # it is refused by itself, later
    return (t.unit, unit) if t.unit is not None and unit is not None else None


def _uses(n: Network, kind: str) -> bool:
    if kind == "extent":
        return bool(n.reactions)
    if kind == "substance":
        return bool(n.species)
    if kind == "volume":
        return bool(n.compartments)
    timed = any(e.has("time", "delay", "rateOf") for _, _, e in n.formulas())
    return bool(n.reactions or n.rate_rules or n.events or timed)
