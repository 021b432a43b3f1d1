"""The text of a unit: read into names and exponents, and written back; what the names mean is decided elsewhere."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from sbmlqsp.errors import UnitError
from sbmlqsp.units.kinds import Terms, add_exponents, raise_exponents

if TYPE_CHECKING:
    from collections.abc import Iterable

NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{NUMBER})|(?P<name>%|°?[^\W\d]+)(?P<digits>-?\d+)?|(?P<sign>[*/()])"
    rf"|\^\s*(?:(?P<power>[-+]?{NUMBER})|\(\s*(?P<above>[-+]?{NUMBER})\s*(?:/\s*(?P<below>{NUMBER})\s*)?\)))"
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SIGNS = str.maketrans({"µ": "u", "μ": "u", "·": "*", "⋅": "*", "∙": "*", "×": "*", "−": "-"})


@lru_cache(maxsize=4096)
def read_terms(text: str) -> Terms:
    """Split a unit's text into names and exponents, without asking what the names mean."""
    tidy = re.sub(r"[⁰¹²³⁴-⁹⁻⁺]+", lambda m: "^" + m[0].translate(_RAISED), text).translate(_SIGNS)
    tidy = re.sub(r"\bper\b", "/", tidy).replace("**", "^")
    tidy = re.sub(r"((?<=[^\W\d])|(?<=[^\W\d]-\d))\.(?=[^\W\d])", "*", tidy).strip()
    tokens: list[re.Match[str]] = []
    at = 0
    while at < len(tidy):
        found = _TOKEN.match(tidy, at)
        if not found or len(tokens) > 200:
            raise _unreadable(text, f"at '{tidy[at : at + 12]}'")
        tokens.append(found)
        at = found.end()
    reader = _Reader(text, tokens)
    terms = reader.product()
    if reader.at < len(tokens):
        raise _unreadable(text, "a bracket was not opened")
    return add_exponents(terms)


def _unreadable(text: str, why: str) -> UnitError:
    return UnitError(f"a unit is not readable: {why}", value=text, expected="a text such as 'mg/L' or 'mg/(kg*day)'")


@dataclass(slots=True)
class _Reader:
    """Reads products and quotients from left to right; refuses what people read in two ways."""

    text: str
    tokens: list[re.Match[str]]
    at: int = 0

    def sign(self) -> str:
        """Return the sign that comes next; "" where a name or number does, ")" at the end."""
        return (self.tokens[self.at]["sign"] or "") if self.at < len(self.tokens) else ")"

    def product(self) -> Terms:
        terms: list[tuple[str, float]] = []
        below = self.sign() == "/"
        self.at += below
        while True:
            number = self.at < len(self.tokens) and self.tokens[self.at]["number"] is not None
            terms += raise_exponents(self.factor(), -1.0 if below else 1.0)
            sign = self.sign()
            if sign == ")":
                return tuple(terms)
            # "mg/kg day" and "mL/min/1.73*m^2" mean to some readers what their brackets would say, to others not.
            if below and ((sign in {"", "("} and not number) or (sign == "*" and number)):
                raise _unreadable(self.text, "what follows a slash is ambiguous; use brackets or a second slash")
            if sign in {"*", "/"}:
                below = sign == "/"
                self.at += 1

    def factor(self) -> Terms:
        if self.sign() in {"*", "/", ")"}:
            raise _unreadable(self.text, "a name is missing")
        token = self.tokens[self.at]
        self.at += 1
        if token["sign"]:
            terms = self.product()
            if self.at >= len(self.tokens):
                raise _unreadable(self.text, "a bracket was not closed")
            self.at += 1
        elif token["number"]:
            terms = self.constant(token["number"])
        elif token["name"]:
            terms = ((token["name"], float(token["digits"] or 1)),)
        else:
            raise _unreadable(self.text, "a power without a base")
        return raise_exponents(terms, self.power())

    def constant(self, number: str) -> Terms:
        value = float(number)
        if not 0 < value < math.inf:
            raise _unreadable(self.text, f"{number} is no factor of a unit")
        return () if value == 1 else ((repr(value).removesuffix(".0"), 1.0),)

    def power(self) -> float:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        if token is None or not (token["power"] or token["above"]):
            return 1.0
        self.at += 1
        below = float(token["below"] or 1)
        if below == 0:
            raise _unreadable(self.text, "a power is divided by zero")
        return float(token["power"] or token["above"]) / below


def write_terms(terms: Iterable[tuple[str, float]]) -> str:
    """Write names and exponents so that `read_terms` reads them back."""

    def power(name: str, exponent: float) -> str:
        ratio, plain = Fraction(exponent).limit_denominator(12), repr(exponent).removesuffix(".0")
        exact = float(ratio) == exponent and len(plain) > 6
        return name if exponent == 1 else f"{name}^({ratio})" if exact else f"{name}^{plain}"

    kept = sorted(add_exponents(t for t in terms if t[0] != "dimensionless"), key=lambda t: not t[0][0].isdigit())
    above = "*".join(power(n, e) for n, e in kept if e > 0)
    below = [power(n, -e) for n, e in kept if e < 0]
    if not below:
        return above or "dimensionless"
    return f"{above or 1}/{below[0] if len(below) == 1 else '(' + '*'.join(below) + ')'}"
