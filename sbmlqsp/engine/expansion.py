"""How large formulas grow where an engine writes out what they name, counted before any engine does so.

Twenty rules that each use the one before twice are a small file, yet a million terms to libRoadRunner, which writes
rules out wherever they are read, and as many paths to Antimony, which looks for loops; both hang or crash.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from sbmlqsp.errors import ModelError

__all__ = ["refuse_expansion"]

MAX_TERMS = 250_000  # some seconds of compiling
MAX_GROWTH = 10  # a large model may have as many terms of its own
MAX_LEVELS = 128  # definitions upon definitions; libSBML's and Antimony's checks grow with the third power
TERM = re.compile(r"[A-Za-z_]\w*|\d[\w.]*")


def refuse_expansion(definitions: Mapping[str, str], *, where: str) -> None:
    """Refuse definitions that become too many terms when each name is replaced by what defines it.

    Parameters
    ----------
    definitions : mapping of str to str
        Formulas by the name they define: functions, rules, initial assignments, rate laws.
    where : str
        What to call the model in messages.

    Raises
    ------
    ModelError
        More than 250,000 terms (ten times the terms written, where that is more), or more than 128 definitions each
        upon another. Circles are left to others to refuse.

    Examples
    --------
    >>> doubling = {f"b{i}": f"b{i - 1} + b{i - 1}" for i in range(1, 40)}
    >>> refuse_expansion(doubling, where="a test")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    sbmlqsp.errors.ModelError: The formulas expand to more than 250,000 terms, of which 'b17' is 131,072, in a test. ...
    """
    terms = {name: Counter(TERM.findall(text)) for name, text in definitions.items()}
    uses = {name: [n for n in count if n in definitions] for name, count in terms.items()}
    written = sum(c.total() for c in terms.values())
    limit, total = max(MAX_TERMS, MAX_GROWTH * written), 0
    sizes: dict[str, int] = {}
    levels: dict[str, int] = {}
    for name in _bottom_up(uses):
        sizes[name] = sum(n * sizes.get(term, 1) for term, n in terms[name].items())
        levels[name] = 1 + max((levels.get(n, 0) for n in uses[name]), default=0)
        total += sizes[name]
        if total > limit:
            _refuse(f"the formulas expand to more than {limit:,} terms, of which '{name}' is {sizes[name]:,}", where)
        if levels[name] > MAX_LEVELS:
            _refuse(f"more than {MAX_LEVELS} definitions are built upon one another, up to '{name}'", where)


def _refuse(what: str, where: str) -> None:
    raise ModelError(what, where=where, remedy="give intermediate quantities values of their own, or rate rules")


def _bottom_up(uses: Mapping[str, list[str]]) -> list[str]:
    """Return the names so that each follows what it uses, as far as there are no circles."""
    order: list[str] = []
    seen: set[str] = set()
    for root in uses:
        stack = [] if root in seen else [(root, iter(uses[root]))]
        seen.add(root)
        while stack:
            name, rest = stack[-1]
            child = next((c for c in rest if c not in seen), None)
            if child is None:
                order.append(name)
                stack.pop()
            else:
                seen.add(child)
                stack.append((child, iter(uses[child])))
    return order
