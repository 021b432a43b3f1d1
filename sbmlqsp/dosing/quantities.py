"""Numbers, formulas, units and times as doses hold them: checked once, converted without needless rounding."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from numbers import Real

from sbmlqsp.errors import DosingError, QSPError, UnitError, did_you_mean
from sbmlqsp.expressions import Expr, evaluate, num, parse_formula, to_infix
from sbmlqsp.units import convert, parse_quantity, parse_unit

__all__ = [
    "SPELLINGS",
    "TIME_UNITS",
    "checked_molar_mass",
    "checked_time_unit",
    "checked_unit",
    "checked_value",
    "convert_time",
    "is_time",
    "number_text",
    "product",
    "rate_parts",
    "shift_of",
    "time_quantity",
    "time_text",
]

TIME_UNITS = ("s", "min", "h", "day", "week", "month", "yr")
SPELLINGS = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "days"), "day"),
    **dict.fromkeys(("w", "wk", "wks", "weeks"), "week"),
    **dict.fromkeys(("mo", "months"), "month"),
    **dict.fromkeys(("y", "yrs", "year", "years"), "yr"),
}


@lru_cache(maxsize=1024)
def checked_unit(text: str) -> str:
    """Return a known unit without blanks ("mg / L" → "mg/L"), or raise UnitError."""
    if not isinstance(text, str) or not text.strip():
        raise UnitError("the unit is empty", value=text, expected="a unit such as 'mg', or None for the target's own")
    tidy = re.sub(r"\s*([*/^()])\s*", r"\1", text.strip())
    unit = parse_unit(text)
    return unit.label if " " in tidy else tidy


@lru_cache(maxsize=1024)
def is_time(text: str) -> bool:
    """Say whether a known unit is a time."""
    return parse_unit(SPELLINGS.get(text, text)).same_dimension(parse_unit("s"))


@lru_cache(maxsize=1024)
def checked_time_unit(text: str) -> str:
    """Return a time unit in its usual spelling ("hours" → "h"), or raise UnitError."""
    unit = checked_unit(SPELLINGS.get(text.strip(), text) if isinstance(text, str) else text)
    if not is_time(unit):
        raise UnitError(f"'{text}' is not a unit of time", expected="one of " + ", ".join(TIME_UNITS))
    return unit


@lru_cache(maxsize=256)
def checked_molar_mass(text: str) -> str:
    """Return a molar mass as "NUMBER UNIT" ("150kDa" → "150 kDa"), or raise UnitError."""
    if not isinstance(text, str):
        raise UnitError("the molar mass must be a text", value=text, expected="a number and a unit, such as '150 kDa'")
    value, unit = parse_quantity(text)
    if not (math.isfinite(value) and value > 0):
        raise UnitError("the molar mass must be positive", value=text, expected="for example '150 kDa'")
    tidy = f"{number_text(value)} {checked_unit(unit)}"
    convert(1.0, "mol", "g", molar_mass=tidy)
    return tidy


@lru_cache(maxsize=1024)
def rate_parts(unit: str) -> tuple[str, str] | None:
    """Split "mg/h" into ("mg", "h"); None where the last divisor is not a time."""
    head, slash, tail = unit.rpartition("/")
    try:
        return (head, checked_time_unit(tail)) if slash and head else None
    except UnitError:
        return None


def checked_value(value: object, *, name: str, where: str, formula: bool = True, positive: bool = False) -> float | str:
    """Return a finite number that is not negative (or, where allowed, a formula), or raise DosingError."""
    bound = "a positive number" if positive else "a number that is not negative"
    expected = f"{bound} or a formula such as '4.02*WT'" if formula else bound
    if formula and isinstance(value, str):
        value = _checked_formula(value, name=name, where=where)
        if isinstance(value, str):
            return value
    if isinstance(value, bool) or not isinstance(value, Real):
        raise DosingError(f"the {name} is not a number", value=value, where=where, expected=expected)
    x = float(value)
    if not math.isfinite(x) or x < 0 or (positive and x == 0):
        fault = "not finite" if not math.isfinite(x) else "negative" if x < 0 else "zero"
        raise DosingError(f"the {name} is {fault}", value=x, where=where, expected=expected)
    return x + 0.0  # -0.0 becomes 0.0


def _checked_formula(text: str, *, name: str, where: str) -> float | str:
    try:
        expr = parse_formula(text)
        constant = all(n.op not in {"sym", "time", "amount", "concentration"} for n in expr.walk())
        return float(evaluate(expr, {})) if constant else " ".join(text.split())
    except (QSPError, TypeError) as err:
        quantity = re.fullmatch(r"\s*(\d+\.?\d*)\s*([^\W\d].*?)\s*", text)
        hint = "a text is a formula over model symbols and columns of the subject table, such as '4.02*WT'"
        if quantity and name in {"amount", "rate"}:
            option = "unit" if name == "amount" else "rate_unit"
            hint = f"give the number {quantity[1]} and {option}={quantity[2]!r}"
        elif quantity:
            hint = f"give the number {quantity[1]} and time_unit={quantity[2]!r}"
        why = err.what if isinstance(err, QSPError) else str(err)
        raise DosingError(f"the {name} is not a formula: {why}", value=text, where=where, remedy=hint) from None


def number_text(value: float) -> str:
    """Return the shortest text that reads back as the same number ("24", "0.5")."""
    return repr(float(value)).removesuffix(".0")


def product(value: float | str, factor: float | str) -> float | str:
    """Multiply numbers or formulas; a formula on either side gives a formula."""
    if not isinstance(value, str) and not isinstance(factor, str):
        return value * factor
    if factor == 1.0 or value == 1.0:
        return value if factor == 1.0 else factor
    return to_infix(Expr("mul", (_tree(value), _tree(factor))))


def _tree(value: float | str) -> Expr:
    return parse_formula(value) if isinstance(value, str) else num(value)


@lru_cache(maxsize=256)
def _time_factor(source: str, to: str) -> tuple[float, float]:
    """Return (multiply, divide): 30 min / 60 is exactly 0.5 h, where 30 * (1/60) may not be."""
    up, down = convert(1.0, source, to), convert(1.0, to, source)
    up, down = (round(f) if abs(f - round(f)) < 1e-9 * f else f for f in (up, down))
    return (up, 1.0) if up >= 1 else (1.0, down)


def convert_time(value: float | str, source: str | None, to: str | None) -> float | str:
    """Convert a time, given as a number or a formula, between units; None is the model's own unit.

    Raises
    ------
    DosingError
        One side is the model's unit and the other is named, so that no factor is known. Zero needs no unit.
    """
    if source == to or value == 0:
        return value
    if source is None or to is None:
        named = source or to
        raise DosingError(
            f"a time in {named} meets a time in the model's own time unit, which is not stated",
            value=value,
            remedy=f"give every dose time_unit={named!r}, or declare the time unit in the model",
        )
    multiply, divide = _time_factor(source, to)
    if isinstance(value, str):
        return product(value, multiply) if divide == 1 else to_infix(Expr("div", (_tree(value), num(divide))))
    return value * multiply if divide == 1 else value / divide


def shift_of(value: float | str, unit: str | None) -> tuple[float, str | None]:
    """Return (number, unit) of a time given as a number in ``unit`` or as a text such as "12 h"."""
    return time_quantity(value) if isinstance(value, str) else (float(value), unit)


def time_quantity(text: str) -> tuple[float, str]:
    """Return (number, unit) of a time such as "12 h" or "3weeks"; any sign.

    Examples
    --------
    >>> time_quantity("3 weeks")
    (3.0, 'week')
    """
    found = re.fullmatch(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S+)\s*", text)
    if not found:
        remedy = did_you_mean(text.strip().lstrip("0123456789.+- "), TIME_UNITS)
        raise DosingError("a time is not readable", value=text, expected="a number and a unit: '12 h'", remedy=remedy)
    return float(found[1]), checked_time_unit(found[2])


def time_text(value: float | str, unit: str | None) -> str:
    """Return a time as text in its unit, or in another one where that is shorter and reads back exactly."""
    if isinstance(value, str):
        return f"[{value}] {unit or ''}".rstrip()
    plain = number_text(value)
    if unit is None or len(plain) <= 6:
        return f"{plain} {unit or ''}".rstrip()
    nicer = [(round(float(convert_time(value, unit, other)), 9), other) for other in ("week", "day", "h", "min", "s")]
    exact = [(x, o) for x, o in nicer if len(number_text(x)) <= 6 and convert_time(x, o, unit) == value]
    shown, other = min(exact, key=lambda pair: not pair[0].is_integer(), default=(value, unit))
    return f"{number_text(shown)} {other}"
