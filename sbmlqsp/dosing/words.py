"""The words of a regimen text, and errors that point at one of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from sbmlqsp.dosing.quantities import SPELLINGS, checked_unit
from sbmlqsp.errors import DosingError, UnitError, did_you_mean

__all__ = ["GRAMMAR", "KEYWORDS", "Quantity", "Words"]

GRAMMAR = (
    "AMOUNT [UNIT] into TARGET [at TIME] [every TIME x COUNT] [over TIME | at RATE] [lag TIME] [F NUMBER] "
    "[molar mass QUANTITY] [ss], or RATE into TARGET for TIME; '+' joins doses on one clock, "
    "'then [after TIME]' puts them in sequence, ';' or a new line starts again at the same clock"
)
KEYWORDS = re.findall(
    r"\S+",
    "into to every over for at from starting lag f bioavailability molar ss steady then after x × times rate with + q "
    "qd od bid tid qid qod daily weekly",
)
_MEANT = (
    (r"and|&", "join doses with '+' or ';'"),
    (r"after", "write 'at 12 h' for a time, or 'then after 12 h' for a sequence"),
    (r"q\d+(\.\d+)?", "write the unit too, such as 'q24h'"),
    (r"[\d.\[].*", "say what the number is ('every 24 h', 'x 7', 'at 12 h'), or join doses with '+' or ';'"),
    (r"per", "write the unit as one word, such as 'mg/h', or a formula in brackets, such as '[2*WT] mg'"),
)
_WORD = re.compile(r"\[[^\]\n]*\]?|;|\n|[^\s;\[]+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\d.])")


@dataclass(frozen=True)
class Quantity:
    """A number or formula, its unit if written, and the place of its first word."""

    value: float | str
    unit: str | None
    place: int


class Words:
    """A reader that walks over the words of a text; the one mutable thing of this package part."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found = [m for m in _WORD.finditer(text) if m.group() != ","]
        self.here = 0

    def peek(self, ahead: int = 0) -> str:
        """Return a coming word in lower case without its comma, or '' at the end."""
        return self.raw(self.here + ahead).lower()

    def raw(self, place: int) -> str:
        """Return the word at a place as written, without its comma, or ''."""
        if place >= len(self._found):
            return ""
        word: str = self._found[place].group()
        return word.rstrip(",")

    def take(self) -> str:
        """Return the next word as written and go past it."""
        self.here += 1
        return self.raw(self.here - 1)

    def skip(self, *words: str) -> bool:
        """Go past the next word if it is one of these."""
        if self.peek() in words and self.peek():
            self.here += 1
            return True
        return False

    def quantity(self, *, name: str) -> Quantity:
        """Read a number or a [formula] and the unit after it, if there is one."""
        place, word = self.here, self.take()
        if word.startswith("["):
            if not word.endswith("]") or not word[1:-1].strip():
                self.fail("the formula in brackets is not closed or empty", place, expected="for example [4.02*WT]")
            return Quantity(word[1:-1].strip(), self._unit(), place)
        found = _NUMBER.match(word)
        if not found:
            self.fail(f"the {name} is missing", place, expected="a number, or a formula such as [4.02*WT]")
        rest = word[found.end() :]
        unit = self.checked(rest, place) if rest and rest != "%" else None if rest else self._unit()
        return Quantity(float(found.group()) / (100 if rest == "%" else 1), unit, place)

    def _unit(self) -> str | None:
        word = self.peek()
        if not word or word in KEYWORDS or word in ";\n" or word[0] in "[×" or re.fullmatch(r"[xq]\d.*", word):
            return None
        return self.checked(self.take(), self.here - 1)

    def checked(self, unit: str, place: int) -> str:
        """Return the unit tidied, or point at it."""
        try:
            return unit if unit in SPELLINGS else checked_unit(unit)
        except UnitError as err:
            raise err.changed(value=None, where=self.pointing(place)) from None

    def pointing(self, place: int) -> str:
        """Return the text of the line with the word at a place between ▸ and ◂."""
        text = self.text.rstrip()
        start, end = (self._found[place].span()) if place < len(self._found) else (len(text), len(text))
        before = text[:start].rpartition("\n")[2].lstrip()
        after = text[end:].partition("\n")[0]
        shown = text[start:end].strip()
        return f"'{'…' + before[-60:] if len(before) > 60 else before}▸{shown}◂{after[:40]}{'…' * (len(after) > 40)}'"

    def fail(self, what: str, place: int, *, expected: str | None = None, remedy: str | None = None) -> NoReturn:
        """Raise a DosingError that points at the word at a place."""
        raise DosingError(what, where=self.pointing(place), expected=expected or GRAMMAR, remedy=remedy)

    def unknown(self, place: int) -> NoReturn:
        """Raise a DosingError for a word that means nothing here, with what was probably meant."""
        word = self.raw(place)
        remedy = next((hint for pattern, hint in _MEANT if re.fullmatch(pattern, word.lower())), None)
        if remedy is None:
            nearest = did_you_mean(word, set(KEYWORDS) - {word.lower()}).partition(" Known")[0]
            remedy = nearest if nearest.startswith("did you mean") else None
        self.fail(f"'{word}' is not understood here", place, remedy=remedy)
