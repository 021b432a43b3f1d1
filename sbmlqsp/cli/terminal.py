"""Text for terminals: paragraphs and tables that fit their width."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import IO

from sbmlqsp.errors import QSPError, printable

__all__ = ["LONGEST", "paragraph", "say", "sentence_of", "table"]

LONGEST = 560


def width_of(stream: IO[str]) -> int:
    """Return the width of a terminal; 0, which means no wrapping, where the stream is none."""
    return shutil.get_terminal_size((100, 24)).columns if stream.isatty() else 0


def paragraph(text: str, *, width: int) -> str:
    r"""Return the text as one paragraph without blank lines, wrapped to the width where there is one.

    Examples
    --------
    >>> paragraph("one two  three", width=8)
    'one two\nthree'
    """
    flat = " ".join(printable(text).split())
    return textwrap.fill(flat, width, break_long_words=False, break_on_hyphens=False) if width > 0 else flat


def sentence_of(error: QSPError) -> str:
    """Return the message of an error, shortened to what fits a paragraph: first what was expected goes."""
    text = printable(str(error))
    if len(text) > LONGEST and error.expected:
        text = printable(str(QSPError(error.what, value=error.value, where=error.where, remedy=error.remedy)))
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def say(text: str, stream: IO[str] | None = None) -> None:
    """Write one paragraph to standard error, or to the stream given."""
    stream = stream or sys.stderr
    stream.write(paragraph(text, width=width_of(stream)) + "\n")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 0, right: Sequence[int] = ()) -> str:
    """Return a table as text; the widest columns are wrapped until it fits the width.

    Parameters
    ----------
    heads : sequence of str
    rows : sequence of sequences of str
    width : int
        0 for no limit.
    right : sequence of int
        Columns to align to the right.

    Examples
    --------
    >>> print(table(["id", "n"], [["central", "1"]], right=[1]))
    id       n
    ───────  ─
    central  1
    """
    cells = [list(map(_flat, r)) for r in (heads, *rows)]
    widths = [max(len(r[i]) for r in cells) for i in range(len(heads))]
    while width and sum(widths) + 2 * (len(widths) - 1) > width and max(widths) > 16:
        widest = widths.index(max(widths))
        widths[widest] -= 1
    lines = [*_row(cells[0], widths, right), "  ".join("─" * w for w in widths)]
    for row in cells[1:]:
        lines += _row(row, widths, right)
    return "\n".join(lines)


def _flat(text: object) -> str:
    return " ".join(str(text).split())


def _row(cells: Sequence[str], widths: Sequence[int], right: Sequence[int]) -> list[str]:
    wrapped = [textwrap.wrap(c, w) or [""] for c, w in zip(cells, widths, strict=True)]
    height = max(map(len, wrapped))
    lines = []
    for k in range(height):
        parts = [w[k] if k < len(w) else "" for w in wrapped]
        shown = [p.rjust(n) if i in right else p.ljust(n) for i, (p, n) in enumerate(zip(parts, widths, strict=True))]
        lines.append("  ".join(shown).rstrip())
    return lines
