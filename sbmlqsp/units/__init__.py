"""Units: read as people write them, held as a factor and dimensions, written as SBML.

Pint is the authority on names, prefixes and definitions; the SBML specification is the authority on its kinds. Below
the surface there is only `Unit`, a value of SBML base kinds, so that no other part needs to know either.
"""

from __future__ import annotations

from sbmlqsp.units.conversion import convert, in_unit, unit_from_sbml, unit_to_sbml
from sbmlqsp.units.names import parse_quantity, parse_unit
from sbmlqsp.units.value import Unit

__all__ = ["Unit", "convert", "in_unit", "parse_quantity", "parse_unit", "unit_from_sbml", "unit_to_sbml"]
