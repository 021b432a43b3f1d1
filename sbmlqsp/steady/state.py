"""The ``SteadyState`` noun, and how a run starts in a state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.model import dotted

if TYPE_CHECKING:
    from typing import Any

    import pandas as pd

__all__ = ["SteadyState", "changes_at"]


@dataclass(frozen=True, repr=False)
class SteadyState:
    """Where a model comes to rest.

    Parameters
    ----------
    values : Series
        Value of every symbol by dotted path, in SBML's meaning; ``attrs["units"]`` maps paths to units.
    method : str
        ``"simulation"`` or ``"Newton after simulation"``.
    residual : float
        What is left of the way, relative to each state's size: the largest rate times the model's own time scales.
    time : float
        How long was simulated, in the model's unit.
    stable : bool or None
        Whether small disturbances die out; None where that is not decided by the linearised model.
    message : str
        What a reader should know.
    """

    values: pd.Series = field(compare=False)
    method: str
    residual: float
    time: float
    stable: bool | None
    message: str = ""

    def __repr__(self) -> str:
        kind = {True: "stable", False: "unstable", None: "of undecided stability"}[self.stable]
        shown = ", ".join(f"{k} = {v:.6g}" for k, v in self.values.head(8).items())
        more = f", … ({len(self.values)} symbols)" if len(self.values) > 8 else ""
        note = f"; {self.message}" if self.message else ""
        return f"<steady state, {kind}, by {self.method}, residual {self.residual:.1e}: {shown}{more}{note}>"

    def _repr_html_(self) -> str:
        from html import escape

        table = self.values.to_frame("value")
        table["unit"] = [self.values.attrs["units"].get(k, "") for k in self.values.index]
        return f"<p>{escape(repr(self).split(':')[0].strip('<'))}</p>{table.to_html(max_rows=60)}"


def changes_at(side: RightHandSide, y: Any) -> dict[str, float | str]:
    """Return changes that start a run in a state, with every constant held at its value."""
    network, base = side.network, side.base
    out: dict[str, float | str] = {}
    for s in network.symbols.values():
        if s.id in network.assignment_rules or s.id in side.names or s.kind == "stoichiometry":
            continue
        value = float(base[f"amount({s.id})"] if s.kind == "species" else base[s.id])
        if np.isfinite(value):
            out[f"amount({dotted(s.id)})" if s.kind == "species" else dotted(s.id)] = value
    for name, value in zip(side.names, y, strict=True):
        key = f"amount({dotted(name)})" if name in side.reacting else dotted(name)
        out[key] = float(value)
    return out
