"""Observables as PEtab writes them: formulas in the model's own meaning, and their noise."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sbmlqsp.exchange.observed import in_own_unit, plain
from sbmlqsp.exchange.petab.grammar import to_petab
from sbmlqsp.model import Model
from sbmlqsp.observation import Observable

__all__ = ["ObservableRows", "observable_rows"]


@dataclass(frozen=True)
class ObservableRows:
    """Ids, the rows of the table, and the standard deviations that are parameters."""

    ids: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    deviations: tuple[str, ...]


def observable_rows(model: Model, observables: Iterable[Observable]) -> ObservableRows:
    """Return what PEtab says of observables: id, formula, noise and its distribution."""
    taken = {*model.network.symbols, *model.network.reactions}
    ids, rows, deviations = list[str](), list[tuple[str, ...]](), list[str]()
    for o in observables:
        stem, n = re.sub(r"\W+", "_", o.id, flags=re.ASCII).strip("_"), 2
        name = f"observed_{stem}"
        while name in {*taken, *ids}:
            name, n = f"observed_{stem}_{n}", n + 1
        ids.append(name)
        noise, distribution = _noise(o, name)
        if o.error is None:
            deviations.append(noise)
        rows.append((name, to_petab(in_own_unit(plain(o.expr, model.network), model, o)), noise, distribution))
    return ObservableRows(tuple(ids), tuple(rows), tuple(deviations))


def _noise(o: Observable, name: str) -> tuple[str, str]:
    if o.error is None:
        return f"sd_{name.removeprefix('observed_')}", "normal"
    if o.error.scale == "log-normal":
        return repr(o.error.additive), "log-normal"
    if not o.error.proportional:
        return repr(o.error.additive), "normal"
    if not o.error.additive:
        return f"{o.error.proportional!r}*{name}", "normal"
    return f"sqrt({o.error.additive!r}^2 + ({o.error.proportional!r}*{name})^2)", "normal"
