"""The value object: a factor to SI and exponents of base kinds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from sbmlqsp.errors import UnitError, did_you_mean
from sbmlqsp.units.kinds import (
    BASE,
    add_exponents,
    base_parts,
    raise_exponents,
    snap,
    snapped_power,
    sort_exponents,
    terms_of,
)
from sbmlqsp.units.text import read_terms, write_terms


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement: a factor to SI and exponents of base kinds.

    Parameters
    ----------
    factor : float
        How many SI units one of this unit is; positive and finite.
    dims : tuple of (str, float), optional
        Base kind (metre, kilogram, second, mole, item, ampere, kelvin, candela, or IU) and exponent.
    label : str, optional
        How it reads, such as "mg/L"; plays no part in comparison. Made up where not given.

    Raises
    ------
    UnitError
        The factor is not positive and finite, or a base kind is unknown.

    Examples
    --------
    >>> from sbmlqsp.units import parse_unit
    >>> (parse_unit("mg/L") / parse_unit("h")).label
    'mg/(L*h)'
    >>> parse_unit("mg/L").factor_to(parse_unit("ug/mL"))
    1.0
    """

    factor: float
    dims: tuple[tuple[str, float], ...] = ()
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise UnitError("the factor of a unit is not a positive, finite number", value=self.factor)
        for name, _ in self.dims:
            if name not in BASE:
                raise UnitError(f"'{name}' is not a base kind", remedy=did_you_mean(name, BASE))
        object.__setattr__(self, "dims", sort_exponents(self.dims))
        if not self.label:
            object.__setattr__(self, "label", write_terms(terms_of(base_parts(self.factor, self.dims))))

    def __mul__(self, other: Unit) -> Unit:
        if not isinstance(other, Unit):
            return NotImplemented
        label = write_terms((*read_terms(self.label), *read_terms(other.label)))
        return Unit(snap(self.factor * other.factor), (*self.dims, *other.dims), label)

    def __truediv__(self, other: Unit) -> Unit:
        if not isinstance(other, Unit):
            return NotImplemented
        return self * other**-1

    def __pow__(self, exponent: float) -> Unit:
        if not math.isfinite(exponent):
            raise UnitError("the power of a unit is not finite", value=exponent, where=self.label)
        label = write_terms(raise_exponents(read_terms(self.label), exponent))
        return Unit(snapped_power(self.factor, exponent), raise_exponents(self.dims, exponent), label)

    def __str__(self) -> str:
        return self.label

    @property
    def is_dimensionless(self) -> bool:
        """Whether it has no dimension (its factor may still differ from 1, as that of "%" does)."""
        return not self.dims

    def same_dimension(self, other: Unit) -> bool:
        """Say whether values can be converted by a factor alone."""
        return self.dims == other.dims

    def equivalent(self, other: Unit) -> bool:
        """Say whether both are the same unit, to a relative 1e-12."""
        return self.same_dimension(other) and math.isclose(self.factor, other.factor, rel_tol=1e-12)

    def factor_to(self, other: Unit) -> float:
        """Return the number that values in this unit are multiplied by; UnitError where dimensions differ."""
        if not self.same_dimension(other):
            raise UnitError(f"'{self.label}' cannot be converted to '{other.label}'", remedy=_remedy(self, other))
        return snap(self.factor / other.factor)


def _remedy(a: Unit, b: Unit) -> str:
    dims = dict(add_exponents((*a.dims, *raise_exponents(b.dims, -1.0))))
    names = set(dims)
    if "IU" in names:
        return "convert international units by hand, with the specific activity of the preparation"
    if names == {"kilogram", "mole"} and dims["kilogram"] == -dims["mole"]:
        return "give molar_mass, such as '150 kDa'"
    if "item" in names and names <= {"item", "mole", "kilogram"}:
        return "cells and molecules are counted, moles are not: multiply by avogadro in the formula where it is meant"
    return "use units of the same dimension"
