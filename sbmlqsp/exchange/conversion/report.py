"""What a conversion did, what it left, and the proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbmlqsp.exchange.conversion.proof import Proof
from sbmlqsp.exchange.sbml import write_sbml
from sbmlqsp.issues import listed
from sbmlqsp.model import Model, dotted

if TYPE_CHECKING:
    import os

    import pandas as pd

__all__ = ["Conversion", "described"]

NEWEST = (3, 2)
"""The level and version of SBML that models have here."""

WORDS = {
    "expand-functions": "wrote the calls of functions out",
    "drop-constraints": "dropped constraints",
    "inline-rates": "wrote rates of reactions out in formulas",
    "inline-rules": "wrote the rules of parameters out in formulas, and dropped these parameters",
    "plain-formulas": "wrote functions with others",
    "choose-branches": "kept the branch that holds at the parameters of now",
    "conditions-as-events": "replaced conditions by switches that events set",
    "steps-as-events": "replaced steps by counters that events set",
    "time-as-species": "read the time from a species that grows by 1 per unit of time",
    "fold-factors": "multiplied conversion factors into stoichiometries",
    "amounts": "let the names of species mean amounts",
    "whole-stoichiometries": "wrote one reaction per species, stoichiometries in the laws",
    "split-reversible": "wrote one reaction each way",
    "rates-as-reactions": "wrote rate rules as reactions",
    "assigned-as-parameters": "made parameters of species that rules set",
    "ruled-as-boundary": "declared species that rules set as boundary species",
    "boundary-as-modifiers": "took boundary species out of the sides of reactions",
    "windows-as-thresholds": "let events happen when their windows of time open",
    "delays-into-triggers": "moved delays of events into their triggers",
    "plain-events": "dropped attributes of events that decide nothing",
    "events-at-start": "wrote events at time 0 into the values at the start, or dropped those that never happen",
    "plain-conditions": "wrote triggers as alternatives of conditions that all hold",
    "numbers-at-start": "wrote initial assignments as numbers, which no longer follow the parameters",
    "concentrations": "wrote values at the start as concentrations",
    "order-rules": "put assignment rules in the order in which they need each other",
    "bare-numbers": "took the units off numbers in formulas",
    "parentheses": "put products under powers and exponentials in sums",
}


def described(rewrite: str) -> str:
    """Return what a rewrite does, in words."""
    return WORDS[rewrite]


@dataclass(frozen=True, repr=False)
class Conversion:
    """A model rewritten for one tool.

    Parameters
    ----------
    model : Model
        Flat; what was rewritten keeps its ids where it is still there.
    target : str
    changes : DataFrame
        One row per rewrite: rewrite, where, what.
    left : DataFrame
        The issues that remain, as ``check(model, target=…)`` gives them.
    proof : Proof, optional
        How the model compares with the one given; None where nothing was changed.
    level : (int, int)
        The level and version of SBML that the target reads, in which `write_sbml` of this writes; the model itself is
        of Level 3 Version 2, which ``left`` names where the target does not read it.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 10; J: S -> ; k*S; k = 0.1; at 2 after (time >= 5): S = 1; end")
    >>> done = qsp.convert(model, for_target="simbiology")
    >>> list(done.changes.rewrite), len(done.left[done.left.severity == "error"])
    (['delays-into-triggers'], 1)
    """

    model: Model
    target: str
    changes: pd.DataFrame
    left: pd.DataFrame
    proof: Proof | None
    level: tuple[int, int] = NEWEST

    @property
    def complete(self) -> bool:
        """Whether no error is left for the target but the level, which `write_sbml` of this writes as it should be."""
        return not ((self.left["severity"] == "error") & ~self._of_level).any()

    @property
    def _of_level(self) -> pd.Series[bool]:
        """Which issues are settled by the level that is written."""
        return (self.left["code"] == f"{self.target}:level-3-version-2") & (self.level != NEWEST)

    def write_sbml(self, path: str | os.PathLike[str] | None = None, *, allow_loss: bool = False) -> str:
        """Return the model as SBML of the level that the target reads, and write it to a file where a path is given.

        Parameters
        ----------
        path : str or Path, optional
            Written whole or not at all.
        allow_loss : bool
            As for `sbmlqsp.write_sbml`.

        Raises
        ------
        UnsupportedError
            The level cannot say the model; names the element.
        ModelError
            Something would be lost.

        Examples
        --------
        >>> import sbmlqsp as qsp
        >>> model = qsp.read_antimony("model m; S = 10; J: S -> ; k*S; k = 0.1; end")
        >>> print(qsp.convert(model, for_target="simbiology").write_sbml().splitlines()[1][-22:-1])
        level="3" version="1"
        """
        level, version = self.level
        return write_sbml(self.model, path, level=level, version=version, allow_loss=allow_loss)

    def report(self) -> str:
        """Return the whole of it in words."""
        lines = [f"{dotted(self.model.id)} for {self.target}"]
        rows: list[list[Any]] = self.changes.to_numpy().tolist()
        lines += [f"  {what}: {listed(map(dotted, where), 12)}" for _, where, what in rows]
        if not len(self.changes):
            lines.append("  nothing to rewrite")
        if self.proof is not None:
            lines.append(f"  proof: {self.proof}")
        if self.level != NEWEST:
            lines.append(
                "  to be written as Level {} Version {}, as write_sbml of the conversion does".format(*self.level)
            )
        left = self.left[~self._of_level]
        lines += [f"  {row.severity} left: {row.message}. {row.remedy}" for row in left.itertuples()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        left = "nothing left" if not len(self.left) else f"{len(self.left)} issues left"
        proof = f", proven to {self.proof.largest:.1e}" if self.proof is not None else ""
        return f"<conversion of '{self.model.id}' for {self.target}: {len(self.changes)} rewrites{proof}, {left}>"
