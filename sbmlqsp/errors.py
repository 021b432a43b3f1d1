"""What went wrong, with which value, where, what was expected, and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "CompositionError",
    "DataError",
    "DosingError",
    "ExperimentError",
    "ImpossibleError",
    "ModelError",
    "ObservableError",
    "QSPError",
    "SimulationError",
    "StudyError",
    "UnitError",
    "UnsupportedError",
    "did_you_mean",
    "located",
    "printable",
]


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class QSPError(ValueError):
    """Base of every error this package raises on purpose.

    Parameters
    ----------
    what : str
        One clause that says what is wrong.
    value : object, optional
        The offending value.
    where : str, optional
        The file, model, part, symbol, row or option it was found in.
    expected : str, optional
        What would have been accepted.
    remedy : str, optional
        What the reader can do now.

    Examples
    --------
    >>> from sbmlqsp.errors import QSPError
    >>> print(QSPError("the dose is negative", value=-5, where="dose 1", remedy="give a positive amount"))
    The dose is negative (got -5), in dose 1. Remedy: give a positive amount.
    """

    def __init__(
        self,
        what: str,
        *,
        value: object = None,
        where: str | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.what = what
        self.value = value
        self.where = where
        self.expected = expected
        self.remedy = remedy
        super().__init__(_paragraph(what, value, where, expected, remedy))

    def changed(self, kind: type[QSPError] | None = None, **fields: Any) -> QSPError:
        """Return the error with other fields, such as the place that whoever caught it knows, perhaps as another kind.

        Examples
        --------
        >>> print(QSPError("the dose is negative", value=-5).changed(where="dose 2"))
        The dose is negative (got -5), in dose 2.
        """
        own = {name: getattr(self, name) for name in ("what", "value", "where", "expected", "remedy")} | fields
        return (kind or type(self))(own.pop("what"), **own)

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments do not survive the default pickling between worker processes.
        return _rebuild, (type(self), self.what, self.value, self.where, self.expected, self.remedy)


def _rebuild(
    cls: type[QSPError], what: str, value: object, where: str | None, expected: str | None, remedy: str | None
) -> QSPError:
    return cls(what, value=value, where=where, expected=expected, remedy=remedy)


@contextmanager
def located(where: str) -> Iterator[None]:
    """Let errors say where they came up, before the place that they name themselves.

    Examples
    --------
    >>> with located("arm 'low'"):
    ...     raise QSPError("the dose is negative", where="dose 2")
    Traceback (most recent call last):
    sbmlqsp.errors.QSPError: The dose is negative, in arm 'low', dose 2.
    """
    try:
        yield
    except QSPError as err:
        raise err.changed(where=f"{where}, {err.where}" if err.where else where) from None


class ModelError(QSPError):
    """A model is invalid or cannot be read."""


class CompositionError(QSPError):
    """Parts cannot be joined as asked."""


class UnitError(QSPError):
    """A unit is unknown, or two units clash."""


class DosingError(QSPError):
    """A dose or regimen is malformed."""


class ObservableError(QSPError):
    """An observable or a formula is malformed."""


class ExperimentError(QSPError):
    """An experiment asks for something its model or its times cannot give."""


class SimulationError(QSPError):
    """A run failed; says which subject, when, why and what to try."""


class ImpossibleError(QSPError):
    """A question about a model has no answer, and a number was asked for."""


class DataError(QSPError):
    """A data file or table is malformed."""


class StudyError(QSPError):
    """A study file is malformed."""


class UnsupportedError(QSPError):
    """A construct is understood but not supported, and is refused rather than approximated."""


def did_you_mean(name: str, known: Iterable[str], *, limit: int = 3, listed: int = 12) -> str:
    """Return a sentence with the nearest known names, then the known names themselves.

    Examples
    --------
    >>> from sbmlqsp.errors import did_you_mean
    >>> did_you_mean("centrl", ["central", "depot"])
    "did you mean 'central'? Known: central, depot"
    """
    names = sorted(dict.fromkeys(known))
    if not names:
        return "the model or folder asked has none at all"
    by_lower = {n.lower(): n for n in names}
    near = [by_lower[n] for n in difflib.get_close_matches(name.lower(), list(by_lower), n=limit, cutoff=0.6)]
    shown = ", ".join(names[:listed]) + (f", … ({len(names)} in all)" if len(names) > listed else "")
    if not near:
        return f"known: {shown}"
    return f"did you mean {' or '.join(repr(n) for n in near)}? Known: {shown}"


def _paragraph(what: str, value: object, where: str | None, expected: str | None, remedy: str | None) -> str:
    text = what[:1].upper() + what[1:]
    if value is not None:
        text += f" (got {_short(value)})"
    if where:
        text += f", in {where}"
    text = text.rstrip(".") + "."
    if expected:
        text += f" Expected: {expected.rstrip('.')}."
    if remedy:
        text += f" Remedy: {remedy.rstrip('.')}."
    return printable(text)


def printable(text: str) -> str:
    r"""Return the text with control characters written out: what a file holds must not command a terminal.

    Examples
    --------
    >>> printable("a \x1b[31mred\x1b[0m name\n")
    'a \\x1b[31mred\\x1b[0m name\n'
    """
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _short(value: object, width: int = 120) -> str:
    try:
        text = repr(value)
    except ValueError:  # a whole number of thousands of digits
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= width else text[: width - 1] + "…"
