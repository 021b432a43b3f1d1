"""What a population looks like, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.populations.body import QUANTITIES
from sbmlqsp.populations.population import Population
from sbmlqsp.populations.sampling import sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["described"]


def described(population: Population, *, size: int, seed: int) -> pd.DataFrame:
    """Return the rows of ``Population.describe``."""
    import pandas as pd

    table = sample(population, size, seed=seed, occasions=1 if population.changes else None)
    rows = []
    for name in table.columns:
        if name.startswith(("ETA(", "KAPPA(")):
            continue
        kind = "parameter" if name in population.parameters else "covariate"
        text = _distribution(population, name, kind)
        row: dict[str, Any] = {"name": name, "kind": kind, "how": text}
        if table[name].dtype.kind in "fiub":
            row |= {"mean": table[name].mean(), "sd": table[name].std()}
            row |= {f"p{q}": np.percentile(table[name], q) for q in (5, 50, 95)}
        else:
            shares = table[name].value_counts(normalize=True)
            row["how"] = ", ".join(f"{k} {v:.0%}" for k, v in shares.items())
        rows.append(row)
    return pd.DataFrame(rows).set_index("name")


def _distribution(population: Population, name: str, kind: str) -> str:
    if kind == "parameter":
        text = str(population.parameters[name])
        how = population.variability.get(name)
        within = population.occasion_variability.get(name)
        parts = [
            text,
            f"{how.kind}, ω {how.omega:.3g}" if how else "",
            f"between occasions {within.kind}, ω {within.omega:.3g}" if within else "",
        ]
        return "; ".join(filter(None, parts))
    if name in population.derived:
        return f"derived: {population.derived[name] or QUANTITIES[name].reference}"
    if name not in population.covariates:
        return "drawn with its row of the table" if population.tabled else "as in published tables"
    c = population.covariates[name]
    values = {n: getattr(c, n) for n in ("mean", "sd", "median", "cv", "low", "high")}
    given = ", ".join(f"{n} {v:g}" for n, v in values.items() if v is not None)
    return (
        f"{c.kind}, {given}" + (f" {c.unit}" if c.unit else "") + ("" if c.each == "subject" else ", at each occasion")
    )
