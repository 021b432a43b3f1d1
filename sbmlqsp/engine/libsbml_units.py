"""Unit definitions of a composed model: one per value, under a readable id."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sbmlqsp.engine.libsbml import lib
from sbmlqsp.engine.libsbml_extract import UnitTable
from sbmlqsp.units import Unit, unit_to_sbml

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["UnitIds"]

_MADE_UP = re.compile(r"(unit|unitdef|u|ud)_?\d*|substance|volume|area|length|time|extent", re.IGNORECASE)


class UnitIds:
    """Finds or makes the unit definition of a model for a unit.

    Parameters
    ----------
    model : libsbml.Model
        Where definitions are added.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        table = UnitTable(model)
        definitions = ((d.getId(), table.get(d.getId())) for d in model.getListOfUnitDefinitions())
        self._known: list[tuple[Unit, str]] = [(unit, name) for name, unit in definitions if unit is not None]

    def of(self, unit: Unit, *, like: str = "") -> str:
        """Return the id of a unit, adding a definition where the model has none of its value."""
        for known, name in self._known:
            if known.equivalent(unit):
                return name
        kind = _base_kind(unit)
        if kind:
            return kind
        name = self._free(like if like and not _MADE_UP.fullmatch(like) else _slug(unit.label))
        definition = self._model.createUnitDefinition()
        definition.setId(name)
        for kind, exponent, scale, multiplier in unit_to_sbml(unit):
            part = definition.createUnit()
            part.setKind(lib().UnitKind_forName(kind))
            part.setExponent(exponent)
            part.setScale(scale)
            part.setMultiplier(multiplier)
        self._known.append((unit, name))
        return name

    def adopter(self, part: Any) -> Callable[[str], str]:
        """Return a function from the unit ids of another model to those of this one."""
        table = UnitTable(part)

        def adopt(name: str) -> str:
            unit = table.get(name)
            return name if unit is None else self.of(unit, like=name)

        return adopt

    def _free(self, name: str) -> str:
        taken = {known for _, known in self._known}
        base, n = name, 2
        while name in taken or lib().UnitKind_forName(name) != lib().UNIT_KIND_INVALID:
            name, n = f"{base}_{n}", n + 1
        return name


def _base_kind(unit: Unit) -> str:
    parts = unit_to_sbml(unit)
    if not parts:
        return "dimensionless"
    if len(parts) == 1 and tuple(parts[0][1:]) == (1, 0, 1):
        return parts[0][0]
    return ""


def _slug(label: str) -> str:
    words = label.replace("1/", "per_").replace("/", "_per_").replace("%", "percent").replace("^", "")
    slug = re.sub(r"\W+", "_", words, flags=re.ASCII).strip("_")
    return slug if slug and not slug[0].isdigit() else f"unit_{slug}"
