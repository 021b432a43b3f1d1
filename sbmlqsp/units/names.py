"""What the names in a unit mean, by Pint; and units and quantities read from text."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sbmlqsp.errors import UnitError, did_you_mean
from sbmlqsp.units.kinds import (
    AMBIGUOUS,
    KINDS,
    PREFIX_OF,
    SCALE_OF,
    SPELT,
    TIME_NAMES,
    TIMES,
    Part,
    Terms,
    one_part,
    snap,
    snapped_power,
    sort_exponents,
    terms_of,
    value_of,
)
from sbmlqsp.units.text import NUMBER, read_terms, write_terms
from sbmlqsp.units.value import Unit

if TYPE_CHECKING:
    import pint

_QUANTITY = re.compile(rf"\s*([-+]?(?:{NUMBER}|nan|inf(?:inity)?))\s*(.*?)\s*", re.IGNORECASE | re.DOTALL)
_ROOTS = {"gram": "kilogram", "meter": "metre"} | {k: k for k in ("ampere", "candela", "kelvin", "mole", "second")}
_ALIASES = {"wk": "week", "wks": "week", "mo": "month", "mos": "month", "hrs": "hour"}
_ITEMS = frozenset({"item", "cell", "molecule", "copy", "count", "particle"})
_ITEMS |= {"items", "cells", "molecules", "copies", "counts", "particles"}
_COUNTED = re.compile(rf"({'|'.join(filter(str.isalpha, SCALE_OF))})({'|'.join(sorted(_ITEMS))})")
_IU = {"IU": 1.0, "mIU": 1e-3, "uIU": 1e-6, "nIU": 1e-9, "kIU": 1e3, "MIU": 1e6}
_VOCABULARY = (
    "s min h hr hour day d week wk month yr year g mg ug mcg ng pg kg Da kDa mol mmol umol nmol pmol fmol M mM uM nM "
    "pM L mL dL uL nL fL m cm mm um nm cells molecules copies item IU dimensionless % percent Hz kat J kJ N Pa mmHg "
    "K V mV"
)


@lru_cache(maxsize=4096)
def parse_unit(text: str) -> Unit:
    """Read a unit as people write it.

    Parameters
    ----------
    text : str
        Such as "mg/L", "1/h", "nmol·L⁻¹", "mL/min/1.73m^2", "mg per kg", "%". A number after a slash belongs to the
        unit behind it. What is counted takes prefixes as words ("gigacells"), since "Mcells" could be a million or a
        thousand of them.

    Returns
    -------
    Unit

    Raises
    ------
    UnitError
        An unknown or ambiguous name, an unreadable text, or a unit with an offset or a logarithm (degC, dB).

    Examples
    --------
    >>> parse_unit("nM").same_dimension(parse_unit("mol/m^3"))
    True
    """
    if not isinstance(text, str) or not text.strip():
        raise UnitError("the unit is empty", value=text, expected="a text such as 'mg/L' or 'dimensionless'")
    unit = Unit(1.0, (), "dimensionless")
    for name, exponent in read_terms(text):
        atom = find_atom(name)
        unit = unit * Unit(atom.factor, atom.dims, atom.symbol) ** exponent
    return unit


def parse_quantity(text: str) -> tuple[float, str]:
    """Read a number with its unit.

    Parameters
    ----------
    text : str
        Such as "100 mg", "24h", "1e-3 mol/L" or "0.5/h".

    Returns
    -------
    tuple of (float, str)
        The number, and the unit as it was written.

    Raises
    ------
    UnitError
        No number, no unit, a number that is not finite, or an unknown unit.

    Examples
    --------
    >>> parse_quantity("150 kDa")
    (150.0, 'kDa')
    """
    expected = "a number and a unit, such as '100 mg'"
    found = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    if not found:
        raise UnitError("a quantity is not readable", value=text, expected=expected)
    value, unit = float(found[1]), found[2]
    if not math.isfinite(value):
        raise UnitError("the number of a quantity is not finite", value=text, expected=expected)
    if not unit:
        raise UnitError("a quantity has no unit", value=text, expected=expected, remedy="write '1 dimensionless'")
    unit = "1" + unit if unit.startswith("/") else unit
    parse_unit(unit)
    return value, unit


class Atom(NamedTuple):
    """One name: how labels write it, what it is, and the SBML parts that say so (none where SBML has no kind)."""

    symbol: str
    factor: float
    dims: Terms
    parts: tuple[Part, ...] = ()


MOST_KNOWN = 2048
_KNOWN: dict[str, Atom] = {}


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[Any]:
    import pint

    return pint.UnitRegistry()


def find_atom(name: str) -> Atom:
    """Return what one name of a unit means, or raise UnitError."""
    if name not in _KNOWN:
        remember({name: _found(name)})
    return _KNOWN[name]


def known_atoms() -> dict[str, Atom]:
    """Return what the names read so far mean, for a process that is to be spared reading Pint's definitions."""
    return dict(_KNOWN)


def remember(atoms: Mapping[str, Atom]) -> None:
    """Take over what names mean, as `known_atoms` of another process said."""
    if len(_KNOWN) + len(atoms) > MOST_KNOWN:
        _KNOWN.clear()
    _KNOWN.update(atoms)


def _found(name: str) -> Atom:
    if name[0].isdigit():
        return Atom(name, float(name), (), one_part("dimensionless", float(name)))
    if name in {"dimensionless", "unitless"}:
        return Atom("dimensionless", 1.0, (), one_part("dimensionless", 1.0))
    if name in _ITEMS:
        return Atom(name, 1.0, (("item", 1.0),), one_part("item", 1.0))
    if counted := _COUNTED.fullmatch(name):
        scale = SCALE_OF[counted[1]]
        return Atom(name, float(f"1e{scale}"), (("item", 1.0),), (("item", 1.0, scale, 1.0),))
    if name in _IU:
        return Atom(name, _IU[name], (("IU", 1.0),))
    if name in AMBIGUOUS:
        raise UnitError(f"the unit '{name}' is ambiguous", remedy=AMBIGUOUS[name])
    found = _registry().parse_unit_name("percent" if name == "%" else _ALIASES.get(name, name))
    if not found:
        raise UnitError(f"the unit '{name[:40]}' is not known", remedy=did_you_mean(name[:40], _VOCABULARY.split()))
    prefix, unit, _ = found[0]
    if unit == "enzyme_unit":
        raise UnitError(f"the unit '{name}' is ambiguous", remedy=AMBIGUOUS["U"])
    return _natural(prefix, unit) or _from_pint(name, prefix + unit)


def _natural(prefix: str, unit: str) -> Atom | None:
    """Return a name that SBML can say without a conversion to base kinds, or None."""
    unit, scale = SPELT.get(unit, unit), SCALE_OF.get(prefix)
    if unit in TIME_NAMES and not prefix:
        parts = one_part("second", TIMES[TIME_NAMES[unit]])
    elif unit == "percent" and not prefix:
        parts = one_part("dimensionless", 0.01)
    elif unit == "molar" and scale is not None:
        parts = (("mole", 1.0, scale, 1.0), ("litre", -1.0, 0, 1.0))
    elif unit in KINDS and scale is not None:
        parts = ((unit, 1.0, scale, 1.0),)
    else:
        return None
    factor, dims = value_of(parts)
    short = {"molar": f"{PREFIX_OF.get(scale or 0, '')}M", "percent": "%"}.get(unit)
    return Atom(short or write_terms(terms_of(parts)), factor, dims, parts)


def _from_pint(name: str, full: str) -> Atom:
    """Return a name as Pint defines it."""
    import pint

    remedy = "use a unit that starts at zero and is linear, such as K"
    quantity: Any = _registry().Quantity
    try:
        one, two = (quantity(x, full).to_root_units() for x in (1.0, 2.0))
    except pint.PintError:
        raise UnitError(f"the unit '{name}' has an offset or no fixed size", remedy=remedy) from None
    if not math.isclose(two.magnitude, 2 * one.magnitude, rel_tol=1e-9):
        raise UnitError(f"the unit '{name}' has an offset or is logarithmic", remedy=remedy)
    # Angles and decays are pure numbers to SBML; whatever else is left over has no place in a model.
    roots = {str(k): float(e) for k, e in one.unit_items() if str(k) not in {"radian", "count"}}
    if strange := set(roots) - set(_ROOTS):
        raise UnitError(f"the unit '{name}' measures {', '.join(sorted(strange))}, which SBML cannot express")
    factor = snap(float(one.magnitude) * snapped_power(1e-3, roots.get("gram", 0.0)))
    return Atom(name, factor, sort_exponents((_ROOTS[k], e) for k, e in roots.items()))
