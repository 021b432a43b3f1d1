"""A look at Antimony text before Antimony sees it: statements and definitions it would hang on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sbmlqsp.engine.expansion import refuse_expansion
from sbmlqsp.errors import ModelError

__all__ = ["refuse_hostile"]

MAX_OPERATORS = 5_000  # in one statement; Antimony's time grows with the square (measured)
MAX_CONTINUED = 1_000  # lines of one statement; Antimony overflows its stack beyond some 20,000 (measured)
OPERATORS = "+-*/^(,"
NAME = r"[A-Za-z_]\w*"
_NOISE = re.compile(r'//[^\n]*|#[^\n]*|/\*.*?(?:\*/|\Z)|"[^"\n]*"|\\\n', re.DOTALL)
_CONTINUED = re.compile(rf"(?:\\\n[ \t]*){{{MAX_CONTINUED}}}")
_HEADER = re.compile(rf"(model|module|function)\s+\*?\s*({NAME})\s*(?:\(([^)]*)\))?(.*)", re.DOTALL)
_EVENT = re.compile(rf"(?:{NAME}\s*:\s*)?at\b")
_REACTION = re.compile(rf"(?:({NAME})\s*:(?!=))?[^=]*(?:->|=>)")
_DEFINED = re.compile(rf"(?<![\w.'])({NAME})\s*:?=(?![=>])")


def refuse_hostile(text: str, *, where: str) -> None:
    """Refuse Antimony text with endless statements, or definitions that multiply.

    Raises
    ------
    ModelError
        More than 5,000 operators in one statement, or 1,000 lines continued in a row; definitions that expand without
        end (see ``refuse_expansion``).

    Examples
    --------
    >>> refuse_hostile("a0 = 1; a1 := a0 + a0; J: S -> ; a1*S", where="an example")
    """
    if _CONTINUED.search(text):
        remedy = "write the statement on fewer lines"
        raise ModelError(f"more than {MAX_CONTINUED:,} lines in a row are continued", where=where, remedy=remedy)
    functions: dict[str, str] = {}
    models: dict[str, dict[str, str]] = {"": {}}
    scope = pending = hidden = ""
    for statement in _statements(text, where):
        header, reaction = _HEADER.match(statement), _REACTION.match(statement)
        if header and header[1] == "function":
            pending, hidden, statement = header[2], header[3] or "", header[4].strip()  # noqa: PLW2901
            functions[pending] = ""
        elif header:
            scope, pending, statement = header[2], "", header[4].strip()  # noqa: PLW2901
            models.setdefault(scope, {})
        elif reaction and not _EVENT.match(statement):
            pending, statement = reaction[1] or "", ""  # noqa: PLW2901
        if pending and statement:
            kept = functions if pending in functions else models[scope]
            kept[pending], pending = _without(statement, hidden if kept is functions else ""), ""
        elif not _EVENT.match(statement):
            models[scope].update(_assigned(statement))
    for name, definitions in models.items():
        refuse_expansion({**functions, **definitions}, where=f"{where}, model '{name}'" if name else where)


def _statements(text: str, where: str) -> Iterator[str]:
    for part in re.split(r"[;\n]", _NOISE.sub(" ", text)):
        statement = part.strip()
        if sum(map(statement.count, OPERATORS)) > MAX_OPERATORS:
            raise ModelError(
                f"one statement has more than {MAX_OPERATORS:,} operators: '{statement[:60]} …'",
                where=where,
                remedy="split it into several",
            )
        if statement:
            yield statement


def _without(formula: str, arguments: str) -> str:
    """Return a function's body with its own arguments, which hide other names, replaced by a number."""
    own = {a.strip() for a in arguments.split(",")}
    return re.sub(NAME, lambda m: "0" if m[0] in own else m[0], formula)


def _assigned(statement: str) -> Iterator[tuple[str, str]]:
    """Yield name and formula of each assignment of a statement: there may be several, with commas between."""
    starts = list(_DEFINED.finditer(statement))
    ends = [*(s.start() for s in starts[1:]), len(statement)]
    for this, end in zip(starts, ends[: len(starts)], strict=True):
        yield this[1], statement[this.end() : end]
