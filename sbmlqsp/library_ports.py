"""The ports of a library file, read as text: opening every model to search it would take seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sbmlqsp.antimony_module import DIRECTIVE
from sbmlqsp.errors import UnitError
from sbmlqsp.units import Unit, parse_unit

__all__ = ["ListedPort", "listed_ports"]

_UNIT = re.compile(r"^\s*unit\s+(\w+)\s*=\s*(.+?);?\s*$", re.MULTILINE)
_HAS = re.compile(r"^\s*(\w+)\s+has\s+(\w+)", re.MULTILINE)
_IS = re.compile(r'^\s*(\w+)\s+is\s+"([^"]*)"', re.MULTILINE)
_SPECIES = re.compile(r"^\s*(substanceOnly\s+)?species\s+(\w+)\s+in\s+\w+", re.MULTILINE)


@dataclass(frozen=True)
class ListedPort:
    """A port as its file names it: id, direction, unit in formulas (None where not found), meaning."""

    id: str
    direction: str
    unit: Unit | None
    meaning: str


def listed_ports(text: str) -> list[ListedPort]:
    r"""Return the ports of a model of the library, in the order of its port lines.

    Parameters
    ----------
    text : str
        Antimony in the library's conventions: one statement a line.

    Examples
    --------
    >>> listed_ports('model m(C)\n// @output C\nunit mg = 1e-3 gram\nC has mg\nC is "dose"\nend')[0].meaning
    'dose'
    """
    units, has, meanings = dict(_UNIT.findall(text)), dict(_HAS.findall(text)), dict(_IS.findall(text))
    for only, name in _SPECIES.findall(text):
        # A species may have a unit of substance of its own, such as a drug in moles beside counted molecules.
        amount = units.get(has.get(name, "substance"), has.get(name, ""))
        has[name] = amount if only or not amount else f"({amount}) / ({units.get('volume', 'litre')})"
    return [
        ListedPort(name, direction, _unit(str(units.get(has.get(name, ""), has.get(name, "")))), meanings.get(name, ""))
        for direction, names in DIRECTIVE.findall(text)
        for name in re.split(r"\s*,\s*", names.strip())
    ]


def _unit(text: str) -> Unit | None:
    try:
        return parse_unit(text) if text else None
    except UnitError:
        return None
