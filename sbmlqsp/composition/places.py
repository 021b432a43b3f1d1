"""Joined species lie in joined places: what is in which compartment, after everything is joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbmlqsp.engine.plan import SEPARATOR
from sbmlqsp.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbmlqsp.composition.joints import Joints
    from sbmlqsp.composition.links import Link
    from sbmlqsp.composition.parts import Parts

__all__ = ["check_places", "refuse_other_place"]


def refuse_other_place(parts: Parts, links: Mapping[str, Link], target: str, source: str) -> None:
    """Refuse a compartment fed from one place where a species in it is joined to a species in another place."""
    (part, here), (feeding, there) = parts.symbol(target), parts.symbol(source)
    if here.kind != "compartment" or there.kind != "compartment":
        return
    for path, link in links.items():
        if not link.is_path or link.convert is not None:
            continue
        (a, mine), (b, theirs) = parts.symbol(path), parts.symbol(link.source)
        inside = mine.kind == theirs.kind == "species" and (a.name, mine.compartment) == (part.name, here.id)
        if inside and b.name == feeding.name and theirs.compartment != there.id:
            place = b.path(theirs.compartment)
            raise CompositionError(
                f"'{target}' is fed by '{source}', but the species '{path}' in it is joined to '{link.source}', which "
                f"is in '{place}'",
                value=(source, place),
                expected="one compartment for both",
                remedy=f"connect={{'{target}': '{place}'}}, or join '{path}' to a species in '{source}'",
            )


def check_places(joints: Joints) -> None:
    """Refuse joined species that do not share a compartment or a conversion factor."""
    for (instance, symbol), name in joints.joined.items():
        mine = joints.parts[instance].network.symbols[symbol]
        owner, original = joints.owner.get(name, ("", name))
        theirs = joints.parts[owner].network.symbols[original] if owner else joints.top[name]
        if mine.kind != "species" or theirs.kind != "species":
            continue
        here = joints.final(instance, mine.compartment)
        there = joints.final(owner, theirs.compartment) if owner else joints.final_name(theirs.compartment)
        if here != there:
            places = [f"{instance}.{mine.compartment}", f"{owner}.{theirs.compartment}".lstrip(".")]
            places = [p.replace(SEPARATOR, ".") for p in places]
            raise CompositionError(
                f"the joined species '{instance}.{symbol}' and '{f'{owner}.{original}'.lstrip('.')}' are in "
                "different compartments",
                value=tuple(places),
                remedy=f"join these too: connect={{'{places[0]}': '{places[1]}'}} or share={{…: {places}}}, in "
                f"Antimony '{places[0]} is {places[1]}'",
            )
        factors = [mine.conversion_factor, theirs.conversion_factor]
        if owner and all(factors) and joints.final(instance, factors[0]) != joints.final(owner, factors[1]):
            raise CompositionError(
                f"the joined species '{instance}.{symbol}' and '{owner}.{original}' have different conversion factors",
                remedy=f"share '{instance}.{factors[0]}' and '{owner}.{factors[1]}'",
            )
