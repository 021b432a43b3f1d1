"""What each tool makes of each feature of SBML, read from the tables beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sbmlqsp.errors import ModelError, UnsupportedError, did_you_mean
from sbmlqsp.targets.features import FEATURES

__all__ = ["EFFECTS", "REWRITES", "Row", "Target", "target", "target_names"]

TABLES = Path(__file__).parent / "tables"
EFFECTS = {"refuses": "error", "wrong": "error", "drops": "error", "inexact": "warning", "ignores": "info"}
"""What a tool does, and how serious that is: only what it ignores changes no number."""
REWRITES = (
    "expand-functions", "drop-constraints", "inline-rates", "inline-rules", "plain-formulas", "steps-as-events",
    "conditions-as-events", "choose-branches", "time-as-species", "fold-factors", "assigned-as-parameters",
    "amounts", "whole-stoichiometries", "split-reversible", "rates-as-reactions", "ruled-as-boundary",
    "boundary-as-modifiers", "windows-as-thresholds", "delays-into-triggers", "plain-events", "events-at-start",
    "plain-conditions", "numbers-at-start", "concentrations", "order-rules", "bare-numbers", "parentheses",
)  # fmt: skip
"""The rewrites that rows may name, in the order in which they are done."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a tool does with one feature.

    Parameters
    ----------
    feature : str
    effect : {"refuses", "wrong", "drops", "inexact", "ignores"}
        It refuses the file, reads something else without a word, leaves a part out that matters, computes less exactly
        than asked, or leaves out what changes no number.
    says : str
        What happens, as a clause about the tool.
    source : str
        A page, or a file of the tool's source, or how it was measured.
    remedy : str
        What helps where no rewrite does.
    rewrite : str
        The rewrite of ``convert`` that helps, if any.
    """

    feature: str
    effect: str
    says: str
    source: str
    remedy: str
    rewrite: str = ""

    @property
    def severity(self) -> str:
        """How serious the effect is."""
        return EFFECTS[self.effect]


@dataclass(frozen=True, slots=True)
class Target:
    """A tool that models are written for.

    Parameters
    ----------
    id, name : str
    version : str
        Of the tool or of its documentation, which the rows speak of.
    level : (int, int)
        The newest level and version of SBML that it reads.
    avoid : tuple of str
        Operators of formulas to write with others.
    rows : tuple of Row
    """

    id: str
    name: str
    version: str
    level: tuple[int, int]
    avoid: tuple[str, ...]
    rows: tuple[Row, ...]

    def row(self, feature: str) -> Row | None:
        """Return the row of one feature."""
        return next((r for r in self.rows if r.feature == feature), None)


def target_names() -> tuple[str, ...]:
    """Return the targets that there are.

    Examples
    --------
    >>> "simbiology" in target_names()
    True
    """
    return tuple(sorted(p.stem for p in TABLES.glob("*.toml")))


@cache
def target(name: str) -> Target:
    """Return one target.

    Raises
    ------
    UnsupportedError
        There is none of that name.

    Examples
    --------
    >>> target("copasi").row("algebraic-rule").effect
    'refuses'
    """
    if name not in target_names():
        raise UnsupportedError("there is no such target", value=name, remedy=did_you_mean(str(name), target_names()))
    data = tomllib.loads((TABLES / f"{name}.toml").read_text(encoding="utf-8"))
    sources: dict[str, str] = data.get("sources", {})
    rows = tuple(_row(name, entry, sources) for entry in data["row"])
    level, version = data["level"]
    return Target(name, data["name"], data["version"], (level, version), tuple(data.get("avoid", ())), rows)


def _row(name: str, entry: dict[str, Any], sources: dict[str, str]) -> Row:
    row = Row(**{**entry, "source": sources.get(entry["source"], entry["source"])})
    allowed = {"feature": FEATURES, "effect": EFFECTS, "rewrite": ("", *REWRITES)}
    for field, known in allowed.items():
        if getattr(row, field) not in known:
            raise ModelError(f"the table of '{name}' has an unknown {field}", value=getattr(row, field))
    return row
