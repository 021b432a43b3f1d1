"""Units to and from SBML, and values from one unit to another."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from sbmlqsp.errors import UnitError, did_you_mean
from sbmlqsp.units.kinds import (
    KINDS,
    SPELT,
    Part,
    add_exponents,
    base_parts,
    raise_exponents,
    snap,
    snapped_power,
    terms_of,
    value_of,
)
from sbmlqsp.units.names import find_atom, parse_quantity, parse_unit
from sbmlqsp.units.text import read_terms, write_terms
from sbmlqsp.units.value import Unit

if TYPE_CHECKING:
    from collections.abc import Iterable


def unit_from_sbml(parts: Iterable[tuple[str, float, int, float]]) -> Unit:
    """Build a unit from the parts of an SBML unit definition.

    Parameters
    ----------
    parts : iterable of (kind, exponent, scale, multiplier)
        The meaning is the product of ``(multiplier * 10**scale * kind)**exponent``; none is dimensionless.

    Raises
    ------
    UnitError
        A kind SBML does not have (or "Celsius", which has an offset), or an attribute that is not set.

    Examples
    --------
    >>> unit_from_sbml([("gram", 1, -3, 1.0), ("litre", -1, 0, 1.0)]).label
    'mg/L'
    """
    checked = tuple(_checked_part(*part) for part in parts)
    factor, dims = value_of(checked)
    return Unit(factor, dims, write_terms(terms_of(checked)))


def unit_to_sbml(unit: Unit) -> list[tuple[str, float, int, float]]:
    """Return the parts of an SBML unit definition, as the label says them where SBML can.

    Parameters
    ----------
    unit : Unit
        Any unit without IU.

    Returns
    -------
    list of (kind, exponent, scale, multiplier)
        `unit_from_sbml` gives an equivalent unit back.

    Raises
    ------
    UnitError
        International units, which SBML does not have.

    Examples
    --------
    >>> unit_to_sbml(parse_unit("mg/h"))
    [('gram', 1.0, -3, 1.0), ('second', -1.0, 0, 3600.0)]
    """
    if "IU" in dict(unit.dims):
        remedy = "convert to a mass with the preparation's specific activity, or declare the quantity dimensionless"
        raise UnitError(f"'{unit.label}' cannot be written as SBML, which has no international unit", remedy=remedy)
    parts: list[Part] = []
    for name, exponent in read_terms(unit.label):
        parts += [(k, e * exponent, s, m) for k, e, s, m in find_atom(name).parts]
    if not parts or not unit_from_sbml(parts).equivalent(unit):  # a name SBML has no kind for, such as kDa
        parts = base_parts(unit.factor, unit.dims)
    return parts


def _checked_part(kind: str, exponent: float, scale: int, multiplier: float) -> Part:
    kind = SPELT.get(kind, kind)
    if kind not in KINDS:
        raise UnitError(f"'{kind}' is not a base unit of SBML", remedy=did_you_mean(kind, KINDS))
    if not (math.isfinite(exponent) and 0 < multiplier < math.inf and abs(math.log10(multiplier) + scale) < 290):
        raise UnitError(
            f"a unit of kind '{kind}' is incomplete",
            value={"exponent": exponent, "scale": scale, "multiplier": multiplier},
            expected="a finite exponent, a whole scale and a positive multiplier",
        )
    return kind, float(exponent), int(scale), float(multiplier)


@overload
def convert(value: float, from_unit: str, to_unit: str, *, molar_mass: str | None = None) -> float: ...
@overload
def convert(value: Any, from_unit: str, to_unit: str, *, molar_mass: str | None = None) -> Any: ...
def convert(value: Any, from_unit: str, to_unit: str, *, molar_mass: str | None = None) -> Any:
    """Convert a value, or an array of values, between units.

    Parameters
    ----------
    value : float or array
        In ``from_unit``.
    from_unit, to_unit : str
        Units of the same dimension; or, with ``molar_mass``, such that one has mass where the other has amount
        ("mg/L" and "nmol/L").
    molar_mass : str, optional
        Such as "148000 g/mol" or "150 kDa", where a dalton stands for a gram per mole.

    Returns
    -------
    float or array
        In ``to_unit``.

    Raises
    ------
    UnitError
        The dimensions differ and no molar mass bridges them, or a unit is unknown.

    Examples
    --------
    >>> convert(90, "min", "h")
    1.5
    >>> round(convert(1, "mg", "nmol", molar_mass="150 kDa"), 4)
    6.6667
    """
    if isinstance(value, str):
        raise UnitError("a text cannot be converted", value=value, remedy="read it with parse_quantity first")
    source, target = parse_unit(from_unit), parse_unit(to_unit)
    values = np.asarray(value, dtype=float) if isinstance(value, list | tuple) else value
    over = dict(add_exponents((*source.dims, *raise_exponents(target.dims, -1.0))))
    order = over.get("kilogram", 0.0)
    if molar_mass is not None and order and over == {"kilogram": order, "mole": -order}:
        bridge = snapped_power(_molar_mass(molar_mass), -order)
        return _scaled(values, snap(source.factor / target.factor * bridge))
    return _scaled(values, source.factor_to(target))


def in_unit(value: float | str, unit: str) -> float:
    """Return a number as it is, and a text with a unit of its own in the unit asked for.

    Examples
    --------
    >>> in_unit("2 day", "h"), in_unit(3.0, "h")
    (48.0, 3.0)
    """
    return float(convert(*parse_quantity(value), unit)) if isinstance(value, str) else float(value)


def _scaled(values: Any, factor: float) -> Any:
    """Multiply, or divide where that rounds less: 100 mg are 100/1000 g, not 100 times the nearest float to 1/1000."""
    inverse = snap(1 / factor)
    return values / inverse if factor < 1 and inverse.is_integer() else values * factor


def _molar_mass(text: str) -> float:
    """Return a molar mass in kg/mol."""
    value, name = parse_quantity(text)
    unit = parse_unit(name)
    if value > 0 and unit.same_dimension(parse_unit("g/mol")):
        return value * unit.factor
    if value > 0 and re.fullmatch(r".*(Da|daltons?|amu|u)", name) and unit.same_dimension(parse_unit("g")):
        return snap(value * unit.factor_to(parse_unit("Da")) * 1e-3)
    raise UnitError("the molar mass is not a positive mass per amount", value=text, expected="'150 kDa' or '148 g/mol'")
