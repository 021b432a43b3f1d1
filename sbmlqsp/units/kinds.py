"""The kinds of SBML, their prefixes and multiples, and what products of them are worth."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Part = tuple[str, float, int, float]  # kind, exponent, scale, multiplier: (multiplier * 10^scale * kind)^exponent
Terms = tuple[tuple[str, float], ...]  # names and exponents: ("mg", 1.0), ("L", -1.0)

BASE = ("IU", "ampere", "candela", "item", "kelvin", "kilogram", "metre", "mole", "second")
_SHORT = {"A": "ampere", "cd": "candela", "K": "kelvin", "kg": "kilogram", "m": "metre", "mol": "mole", "s": "second"}
KINDS: dict[str, tuple[str, float, str]] = {  # SBML kind: symbol, factor to SI, dimensions
    "ampere": ("A", 1, "A"),
    "becquerel": ("Bq", 1, "s-1"),
    "candela": ("cd", 1, "cd"),
    "coulomb": ("C", 1, "A s"),
    "farad": ("F", 1, "kg-1 m-2 s4 A2"),
    "gram": ("g", 1e-3, "kg"),
    "gray": ("Gy", 1, "m2 s-2"),
    "henry": ("H", 1, "kg m2 s-2 A-2"),
    "hertz": ("Hz", 1, "s-1"),
    "item": ("item", 1, "item"),
    "joule": ("J", 1, "kg m2 s-2"),
    "katal": ("kat", 1, "mol s-1"),
    "kelvin": ("K", 1, "K"),
    "kilogram": ("kg", 1, "kg"),
    "litre": ("L", 1e-3, "m3"),
    "lumen": ("lm", 1, "cd"),
    "lux": ("lx", 1, "cd m-2"),
    "metre": ("m", 1, "m"),
    "mole": ("mol", 1, "mol"),
    "newton": ("N", 1, "kg m s-2"),
    "ohm": ("ohm", 1, "kg m2 s-3 A-2"),
    "pascal": ("Pa", 1, "kg m-1 s-2"),
    "second": ("s", 1, "s"),
    "siemens": ("S", 1, "kg-1 m-2 s3 A2"),
    "sievert": ("Sv", 1, "m2 s-2"),
    "tesla": ("T", 1, "kg s-2 A-1"),
    "volt": ("V", 1, "kg m2 s-3 A-1"),
    "watt": ("W", 1, "kg m2 s-3"),
    "weber": ("Wb", 1, "kg m2 s-2 A-1"),
    # Without dimension. SBML fixes Avogadro's number at the CODATA 2006 value, so that models mean the same for ever.
    "avogadro": ("", 6.02214179e23, ""),
    "dimensionless": ("", 1, ""),
    "radian": ("", 1, ""),
    "steradian": ("", 1, ""),
}
SPELT = {"liter": "litre", "meter": "metre"}
TIMES = {"min": 60.0, "h": 3600.0, "day": 86400.0, "week": 604800.0, "month": 2629800.0, "yr": 31557600.0}
TIME_NAMES = {"minute": "min", "hour": "h", "day": "day", "week": "week", "month": "month", "year": "yr"}
# fmt: off
_PREFIXES = {
    "q": ("quecto", -30), "r": ("ronto", -27), "y": ("yocto", -24), "z": ("zepto", -21), "a": ("atto", -18),
    "f": ("femto", -15), "p": ("pico", -12), "n": ("nano", -9), "u": ("micro", -6), "m": ("milli", -3),
    "c": ("centi", -2), "d": ("deci", -1), "": ("", 0), "da": ("deca", 1), "h": ("hecto", 2), "k": ("kilo", 3),
    "M": ("mega", 6), "G": ("giga", 9), "T": ("tera", 12), "P": ("peta", 15), "E": ("exa", 18), "Z": ("zetta", 21),
    "Y": ("yotta", 24), "R": ("ronna", 27), "Q": ("quetta", 30),
}
# fmt: on
SCALE_OF = dict(_PREFIXES.values())
PREFIX_OF = {scale: symbol for symbol, (_, scale) in _PREFIXES.items()}
AMBIGUOUS = {  # names that Pint knows, but not as the people who write them here mean them
    "U": "write IU for international units, or umol/min for an enzyme's activity",
    "MG": "write mg (milligram) or tonne",
    "Mg": "write mg (milligram) or tonne",
    "ML": "write mL (millilitre) or m^3",
    "e": "write a power of ten without a blank, as in 1e3",
    "mcd": "write 1e-3*cd or 1e-3*day",
    "gr": "write g (gram) or grain",
    "pH": "pH is a logarithm; compute it in a formula, or write 1e-12*H for the picohenry",
}


def add_exponents(terms: Iterable[tuple[str, float]]) -> Terms:
    """Add the exponents of equal names and drop zeros; order stays."""
    total: dict[str, float] = {}
    for name, exponent in terms:
        total[name] = _exponent(total.get(name, 0.0) + exponent)
    return tuple((name, e) for name, e in total.items() if e)


def _exponent(x: float) -> float:
    """Return the small fraction next to an exponent, so that three thirds make one."""
    if x == int(x):
        return float(x)
    near = float(Fraction(x).limit_denominator(12))
    return near if abs(near - x) < 1e-9 else float(x)


def sort_exponents(dims: Iterable[tuple[str, float]]) -> Terms:
    """Add exponents of equal names, drop zeros and sort by name."""
    return tuple(sorted(add_exponents(dims)))


def raise_exponents(terms: Terms, exponent: float) -> Terms:
    """Multiply every exponent."""
    return tuple((name, e * exponent) for name, e in terms)


def snap(x: float) -> float:
    """Return the short decimal that a factor was before rounding errors moved it by a few last bits."""
    short = float(f"{x:.12g}")
    return short if abs(short - x) <= 16 * math.ulp(x) else x


def snapped_power(x: float, exponent: float) -> float:
    """Return a power, infinite where it overflows."""
    try:
        return snap(math.pow(x, exponent))
    except OverflowError:
        return math.inf


@lru_cache(maxsize=64)
def _kind_dims(kind: str) -> Terms:
    found = (re.fullmatch(r"([A-Za-z]+)(-?\d+)?", word) for word in KINDS[kind][2].split())
    return sort_exponents((_SHORT.get(m[1], m[1]), float(m[2] or 1)) for m in found if m)


def value_of(parts: Iterable[Part]) -> tuple[float, Terms]:
    """Return the factor to SI and the dimensions of a product of parts."""
    factor, dims = 1.0, list[tuple[str, float]]()
    for kind, exponent, scale, multiplier in parts:
        factor *= snapped_power(snap(multiplier * float(f"1e{scale}") * KINDS[kind][1]), exponent)
        dims += raise_exponents(_kind_dims(kind), exponent)
    return snap(factor), sort_exponents(dims)


def one_part(kind: str, coefficient: float) -> tuple[Part, ...]:
    """Return one part, with a power of ten as scale and anything else as multiplier."""
    scale = round(math.log10(coefficient))
    exact = float(f"1e{scale}") == coefficient
    return ((kind, 1.0, scale if exact else 0, 1.0 if exact else coefficient),)


def base_parts(factor: float, dims: Terms) -> list[Part]:
    """Return base kinds, with the factor on one of power 1 where there is one."""
    order = sorted(dims, key=lambda d: (d[1] != 1, d[1] < 0))
    if not order or order[0][1] != 1:
        head = one_part("dimensionless", factor) if factor != 1 or not order else ()
        return [*head, *((k, e, 0, 1.0) for k, e in order)]
    return [*one_part(order[0][0], factor), *((k, e, 0, 1.0) for k, e in order[1:])]


def terms_of(parts: Iterable[Part]) -> list[tuple[str, float]]:
    """Return the names and exponents that a label of the parts is written from."""
    return [(name, e * exponent) for k, exponent, s, m in parts for name, e in _symbols(k, m * float(f"1e{s}"))]


def _symbols(kind: str, coefficient: float) -> list[tuple[str, float]]:
    """Return the names that say "coefficient times kind": mg, h, or a number and the kind's symbol."""
    if kind == "kilogram":
        kind, coefficient = "gram", coefficient * 1e3
    symbol, factor, dims = KINDS.get(kind, (kind, 1, kind))
    coefficient = snap(coefficient if dims else coefficient * factor)
    if kind == "second" and coefficient in TIMES.values():
        return [(next(name for name, seconds in TIMES.items() if seconds == coefficient), 1.0)]
    scale = round(math.log10(coefficient))
    prefix = PREFIX_OF.get(scale) if symbol and float(f"1e{scale}") == coefficient else None
    if prefix == "" or (prefix and kind not in {"item", "IU"} and prefix + symbol not in AMBIGUOUS):
        return [(prefix + symbol, 1.0)]
    number = [(repr(coefficient).removesuffix(".0"), 1.0)] if coefficient != 1 else []
    return [*number, (symbol, 1.0)] if symbol else number
