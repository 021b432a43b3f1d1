"""Subjects drawn from a population: each from numbers of their own, so that nobody depends on who else is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.expressions import evaluate
from sbmlqsp.populations.population import Population
from sbmlqsp.streams import check_seed, stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["described", "eta_name", "sample"]

BLOCK = 512
"""How many subjects share a stream; part of what a seed means, so never to be changed."""


def sample(
    population: Population, size: int, *, seed: int = 0, first: int = 1, draw: int | None = None
) -> pd.DataFrame:
    """Draw subjects.

    Parameters
    ----------
    population : Population
    size : int
        How many.
    seed : int
        The one seed of the analysis. Subject 7 is the same whatever else is drawn, in whatever order.
    first : int
        The number of the first subject.
    draw : int, optional
        Which draw of the typical values from their uncertainty; without it the typical values are as given.

    Returns
    -------
    DataFrame
        Indexed by subject: covariates, individual parameters by symbol path, and the random effects as ``"ETA(…)"``;
        made for ``simulate(…, subjects=…)``.

    Raises
    ------
    DataError
        A typical value is one that its kind of variability cannot have, or is not finite: which subject, which
        covariates.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> population = qsp.Population({"k": 0.1}, variability={"k": qsp.Variability("log-normal", cv=0.3)})
    >>> everyone = sample(population, 100, seed=1)
    >>> bool((sample(population, 1, seed=1, first=42).loc[42] == everyone.loc[42]).all())
    True
    """
    import pandas as pd

    for name, number in (("size", size), ("first", first)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise DataError(f"{name} is not a positive whole number", value=number)
    check_seed(seed)
    ids = np.arange(first, first + size)
    covariates = _covariates(population, ids, seed)
    typical = _typical(population, seed, draw)
    etas = _etas(population, ids, seed)
    scope = {**typical, **_numbers(population, covariates)}
    out: dict[str, Any] = dict(covariates)
    for key, expr in population.formulas.items():
        value = np.broadcast_to(np.asarray(evaluate(expr, scope), dtype=float), (size,))
        out[key] = _individual(population, key, value, etas, ids)
    out.update({eta_name(key): etas[:, i] for i, key in enumerate(population.effects)})
    return pd.DataFrame(out, index=pd.Index(ids, name="subject"))


def eta_name(parameter: str) -> str:
    """Return the column of a parameter's random effect."""
    return f"ETA({parameter})"


def _individual(population: Population, key: str, typical: Any, etas: Any, ids: Any) -> Any:
    where = f"'{key}' of the population '{population.id}'"
    if not np.isfinite(typical).all():
        i = int(np.argmin(np.isfinite(typical)))
        raise DataError("a typical value is not finite", value=float(typical[i]), where=f"{where}, subject {ids[i]}")
    if key not in population.variability:
        return typical.copy()
    how = population.variability[key]
    try:
        return how.individual(typical, etas[:, population.effects.index(key)])
    except DataError as err:
        raise DataError(err.what, value=err.value, where=where, expected=err.expected, remedy=err.remedy) from None


def _by_subject(ids: Any, draw: Callable[[int], Any]) -> Any:
    """Return each subject's own numbers: its row of a block that is always drawn whole, whoever else is asked for."""
    blocks, place = np.divmod(ids - 1, BLOCK)
    drawn = {int(b): draw(int(b)) for b in np.unique(blocks)}
    return np.stack([drawn[b][k] for b, k in zip(blocks.tolist(), place.tolist(), strict=True)])


def _scores(purpose: str, ids: Any, seed: int, correlation: Any) -> Any:
    """Return correlated standard normal numbers, one row per subject."""
    n = len(correlation)
    if not n:
        return np.empty((len(ids), 0))
    raw = _by_subject(ids, lambda block: stream(seed, purpose, subject=block).standard_normal((BLOCK, n)))
    root = _root(correlation)
    # Term by term, since a matrix product may round otherwise for another number of subjects.
    out = np.zeros((len(ids), n))
    for i in range(n):
        for j in range(n):
            out[:, i] += root[i, j] * raw[:, j]
    return out


def _root(matrix: Any) -> Any:
    """Return L with L Lᵀ equal to a positive semi-definite matrix, also a singular one."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.clip(values, 0.0, None))


def _covariates(population: Population, ids: Any, seed: int) -> dict[str, Any]:
    if population.people is not None:
        table = population.people
        count = len(table)
        rows = _by_subject(ids, lambda block: stream(seed, "people", subject=block).integers(count, size=BLOCK))
        return {str(c): table[c].to_numpy()[rows] for c in table.columns}
    from scipy.special import ndtr

    u = ndtr(_scores("covariates", ids, seed, population.covariate_correlation))
    out: dict[str, Any] = {}
    for i, (name, c) in enumerate(population.covariates.items()):
        value = c.quantile(u[:, i])
        out[name] = np.array([str(v) for v in c.levels], dtype=object)[value] if c.in_words else value
    return out


def _numbers(population: Population, covariates: dict[str, Any]) -> dict[str, Any]:
    """Return what formulas read: covariates in numbers, and an indicator of each word."""
    out: dict[str, Any] = {}
    for name, values in covariates.items():
        if values.dtype.kind in "fiub":
            out[name] = values.astype(float)
    for name in population.scope:
        base, _, level = name.rpartition("_")
        while base and name not in out and base not in covariates:
            base, _, rest = base.rpartition("_")
            level = f"{rest}_{level}"
        if name not in out and base in covariates:
            out[name] = (covariates[base].astype(str) == level).astype(float)
    return out


def _typical(population: Population, seed: int, draw: int | None) -> dict[str, float]:
    if draw is None:
        return dict(population.typical)
    if population.uncertainty_matrix is None:
        raise DataError(
            f"the population '{population.id}' has no uncertainty to draw from", value=draw, remedy="leave draw out"
        )
    z = stream(seed, "uncertainty", replicate=draw).standard_normal(len(population.typical))
    moved = np.array(list(population.typical.values())) + _root(population.uncertainty_matrix) @ z
    return dict(zip(population.typical, moved.tolist(), strict=True))


def _etas(population: Population, ids: Any, seed: int) -> Any:
    sds = np.array([v.omega for v in population.variability.values()])
    return _scores("iiv", ids, seed, population.effect_correlation) * sds


def described(population: Population, *, size: int, seed: int) -> pd.DataFrame:
    """Return the rows of ``Population.describe``."""
    import pandas as pd

    table = sample(population, size, seed=seed)
    rows = []
    for name in table.columns:
        if name.startswith("ETA("):
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
        return text if how is None else f"{text}; {how.kind}, ω {how.omega:.3g}"
    if population.people is not None:
        return "drawn with its row of the table"
    c = population.covariates[name]
    values = {n: getattr(c, n) for n in ("mean", "sd", "median", "cv", "low", "high")}
    given = ", ".join(f"{n} {v:g}" for n, v in values.items() if v is not None)
    return f"{c.kind}, {given}" + (f" {c.unit}" if c.unit else "")
