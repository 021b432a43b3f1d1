"""One finding about a model, tables of them, and the case that checks look at."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import astuple, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from sbmlqsp.errors import QSPError
from sbmlqsp.expressions import Expr, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from sbmlqsp.engine.network import Network
    from sbmlqsp.model import Model

__all__ = ["COLUMNS", "SEVERITIES", "Case", "Issue", "listed", "summary", "table"]

SEVERITIES = ("error", "warning", "info")
COLUMNS = ("severity", "code", "where", "message", "remedy")
MAX_SPECIES = 600
_WORDS = {"error": ("error", "errors"), "warning": ("warning", "warnings"), "info": ("note", "notes")}


@dataclass(frozen=True, slots=True)
class Issue:
    """What is wrong or worth knowing, where, and what to do.

    Parameters
    ----------
    severity : {"error", "warning", "info"}
        An error makes results wrong or a run impossible; a warning may; an info is worth knowing.
    code : str
        The kind of finding, such as ``"units"``.
    where : str
        The symbol, reaction, rule or line.
    message, remedy : str
        What was found, and what can be done.
    """

    severity: str
    code: str
    where: str
    message: str
    remedy: str


@dataclass(frozen=True)
class Case:
    """A model with what several checks need to know of it, worked out once."""

    model: Model

    @property
    def network(self) -> Network:
        """The model's network."""
        return self.model.network

    @cached_property
    def start(self) -> dict[str, float]:
        """Every value at time 0; empty where the definitions cannot be evaluated, which other checks report."""
        from sbmlqsp.engine.initial import initial_state

        try:
            return {k: float(v) for k, v in initial_state(self.network).items()}
        except (QSPError, KeyError, TypeError):
            return {}

    @cached_property
    def static(self) -> dict[str, float]:
        """The values that never change during a run."""
        from sbmlqsp.engine.initial import static_symbols

        return {k: self.start[k] for k in sorted(static_symbols(self.network)) if k in self.start}

    @cached_property
    def conserved(self) -> list[dict[str, int]] | None:
        """The sums that reactions leave unchanged; None where the network is too large to look for them."""
        from sbmlqsp.structure import conserved_sums

        return conserved_sums(self.network) if len(self.network.stoichiometry) <= MAX_SPECIES else None

    def value(self, expr: Expr) -> float | None:
        """Evaluate a formula at time 0, or return None where that needs more than values."""
        try:
            return float(evaluate(expr, self.start))
        except (QSPError, KeyError, TypeError):
            return None

    def is_input(self, name: str) -> bool:
        """Say whether the symbol is a port that another part is meant to feed."""
        return self.model.directions.get(name) == "input"

    def has_definition(self, name: str) -> bool:
        """Say whether a rule, an initial assignment or a number gives the symbol its first value."""
        n = self.network
        return name in n.assignment_rules or name in n.initial_assignments or not math.isnan(n.symbols[name].value)


def listed(names: Iterable[str], limit: int = 8) -> str:
    """Return names in one line, the first few where there are many."""
    items = list(names)
    return ", ".join(items[:limit]) + (f", … ({len(items)} in all)" if len(items) > limit else "")


def table(issues: Iterable[Issue]) -> pd.DataFrame:
    """Return the issues as a table, errors first and otherwise in the order given."""
    import pandas as pd

    rows = [astuple(i) for i in sorted(issues, key=lambda i: SEVERITIES.index(i.severity))]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="object")


def summary(issues: pd.DataFrame) -> str:
    """Return one line that counts the issues.

    Examples
    --------
    >>> summary(table([Issue("error", "units", "J", "m", "r"), Issue("info", "unused", "k", "m", "r")]))
    '1 error, 1 note'
    >>> summary(table([]))
    'no issues'
    """
    counts = Counter(issues["severity"])
    parts = [f"{counts[s]} {_WORDS[s][counts[s] > 1]}" for s in SEVERITIES if counts[s]]
    return ", ".join(parts) or "no issues"
