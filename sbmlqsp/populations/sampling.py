"""Subjects drawn from a population, as the table that ``simulate`` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.expressions import evaluate
from sbmlqsp.populations.demographics import Demographics
from sbmlqsp.populations.derived import bases, completed
from sbmlqsp.populations.drawing import BLOCK, by_subject, kappas_of, moved_typical, own_scores, scores
from sbmlqsp.populations.population import Population
from sbmlqsp.streams import check_seed, stream

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["eta_name", "individuals", "kappa_name", "sample"]


def sample(
    population: Population,
    size: int,
    *,
    seed: int = 0,
    first: int = 1,
    draw: int | None = None,
    occasions: int | None = None,
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
    occasions : int, optional
        How many occasions each subject has, where the population varies between them.

    Returns
    -------
    DataFrame
        Indexed by subject: covariates, individual parameters by symbol path, and the random effects as ``"ETA(…)"``;
        made for ``simulate(…, subjects=…)``. With ``occasions`` indexed by subject and occasion, with the effects of
        the occasion as ``"KAPPA(…)"``. Where people have several rows over time, indexed by subject and time.

    Raises
    ------
    DataError
        A typical value is one that its kind of variability cannot have, or is not finite: which subject, which
        covariates. The population varies between occasions, and their number is not given.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> population = qsp.Population({"k": 0.1}, variability={"k": qsp.Variability("log-normal", cv=0.3)})
    >>> everyone = sample(population, 100, seed=1)
    >>> bool((sample(population, 1, seed=1, first=42).loc[42] == everyone.loc[42]).all())
    True
    """
    import pandas as pd

    for name, number in (("size", size), ("first", first), ("occasions", 1 if occasions is None else occasions)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise DataError(f"{name} is not a positive whole number", value=number)
    check_seed(seed)
    ids = np.arange(first, first + size)
    etas = _etas(population, scores("iiv", ids, seed, population.effect_correlation))
    typical = moved_typical(population, seed, draw)
    if population.courses is not None:
        return _over_time(population, ids, seed, typical, etas, occasions)
    if occasions is None:
        _refuse_without_occasions(population)
        rows, index = np.arange(size), pd.Index(ids, name="subject")
        covariates, kappas = _covariates(population, ids, seed, 1), np.empty((size, 0))
    else:
        rows = np.repeat(np.arange(size), occasions)
        index = pd.MultiIndex.from_product([ids, range(1, occasions + 1)], names=["subject", "occasion"])
        covariates = _covariates(population, ids, seed, occasions)
        kappas = kappas_of(population, ids, seed, occasions).reshape(len(rows), -1)
    return _table(population, covariates, typical, etas[rows], kappas, index)


def individuals(
    population: Population,
    covariates: pd.DataFrame,
    *,
    seed: int = 0,
    replicate: int = 1,
    draw: int | None = None,
    typical: bool = False,
) -> pd.DataFrame:
    """Draw parameters for subjects whose covariates are known, as for the subjects of a data set.

    Parameters
    ----------
    population : Population
    covariates : DataFrame
        Indexed by subject, or by subject and occasion; a column for every covariate that the population's formulas
        read.
    seed : int
    replicate : int
        A subject has other random effects in each replicate, which do not depend on how many are drawn.
    draw : int, optional
        As for ``sample``.
    typical : bool
        All random effects zero.

    Returns
    -------
    DataFrame
        Indexed as ``covariates``: the parameters, by symbol path.

    Raises
    ------
    DataError
        A covariate is absent, missing for a subject, or a word that the population does not know.

    Examples
    --------
    >>> import pandas as pd
    >>> import sbmlqsp as qsp
    >>> population = qsp.Population({"CL": "4*WT/70"}, covariates={"WT": qsp.Covariate("normal", mean=70, sd=10)})
    >>> individuals(population, pd.DataFrame({"WT": [35.0]}, index=["ann"])).loc["ann", "CL"].item()
    2.0
    """
    import pandas as pd

    check_seed(seed)
    known = {str(c): covariates[c].to_numpy() for c in covariates.columns}
    _check_known(population, known, covariates.index)
    several = isinstance(covariates.index, pd.MultiIndex)
    who = covariates.index.get_level_values(0).tolist()
    when = covariates.index.get_level_values(1).tolist() if several else []
    if not several and not typical:
        _refuse_without_occasions(population)
    z = own_scores("iiv of one", who, seed, population.effect_correlation, replicate=replicate)
    k = own_scores("iov of one", who, seed, population.occasion_correlation, replicate=replicate, occasions=when)
    sds = np.array([v.omega for v in population.occasion_variability.values()])
    share = 0.0 if typical else 1.0
    table = _table(population, known, moved_typical(population, seed, draw), share * _etas(population, z),
                   share * k * sds, covariates.index)  # fmt: skip
    return table[list(population.parameters)]


def eta_name(parameter: str) -> str:
    """Return the column of a parameter's random effect."""
    return f"ETA({parameter})"


def kappa_name(parameter: str) -> str:
    """Return the column of the effect that an occasion has on a parameter."""
    return f"KAPPA({parameter})"


def _refuse_without_occasions(population: Population) -> None:
    if population.changes:
        raise DataError(
            f"the population '{population.id}' varies between occasions, and their number is not given",
            remedy="give sample(…, occasions=4), or Experiment(…, occasions=…) the times at which they begin",
        )


def _table(
    population: Population, covariates: dict[str, Any], typical: dict[str, float], etas: Any, kappas: Any, index: Any
) -> pd.DataFrame:
    """Return covariates, parameters and effects, one row per label of the index."""
    import pandas as pd

    out, numbers = completed(population, covariates)
    scope = {**typical, **numbers}
    for key, expr in population.formulas.items():
        value = np.broadcast_to(np.asarray(evaluate(expr, scope), dtype=float), (len(index),))
        out[key] = _individual(population, key, value, etas, kappas, index)
    out.update({eta_name(key): etas[:, i] for i, key in enumerate(population.effects)})
    if kappas.shape[1]:
        out.update({kappa_name(key): kappas[:, i] for i, key in enumerate(population.occasion_effects)})
    table = pd.DataFrame(out, index=index)
    table.attrs["population"] = population.id  # so that nobody is warned of covariates that only formulas read
    return table


def _individual(population: Population, key: str, typical: Any, etas: Any, kappas: Any, index: Any) -> Any:
    where = f"'{key}' of the population '{population.id}'"
    if not np.isfinite(typical).all():
        i = int(np.argmin(np.isfinite(typical)))
        raise DataError("a typical value is not finite", value=float(typical[i]), where=f"{where}, subject {index[i]}")
    eta = etas[:, population.effects.index(key)] if key in population.variability else 0.0
    within = key in population.occasion_variability and kappas.shape[1]
    kappa = kappas[:, population.occasion_effects.index(key)] if within else 0.0
    how = population.variability.get(key) or population.occasion_variability.get(key)
    if how is None:
        return typical.copy()
    try:
        return how.individual(typical, eta, kappa)
    except DataError as err:
        raise err.changed(where=where) from None


def _etas(population: Population, standard: Any) -> Any:
    return standard * np.array([v.omega for v in population.variability.values()])


def _covariates(population: Population, ids: Any, seed: int, occasions: int) -> dict[str, Any]:
    """Return the covariates, subject by subject and in each by occasion."""
    from scipy.special import ndtr

    out: dict[str, Any] = _people(population, ids, seed, occasions)

    u = ndtr(scores("covariates", ids, seed, population.covariate_correlation))
    anew = [n for n, c in population.covariates.items() if c.each == "occasion"]
    fresh = [ndtr(scores("occasions", ids, seed, np.eye(len(anew)), occasion=k + 1)) for k in range(occasions)]
    for i, (name, c) in enumerate(population.covariates.items()):
        own = np.repeat(u[:, i], occasions)
        if name in anew:
            own = np.stack([f[:, anew.index(name)] for f in fresh], axis=1).ravel()
        value = c.quantile(own)
        out[name] = np.array([str(v) for v in c.levels], dtype=object)[value] if c.in_words else value
    return out


def _people(population: Population, ids: Any, seed: int, occasions: int) -> dict[str, Any]:
    """Return what is drawn together: age, sex, height and weight, or the rows of a table."""
    people = population.people
    if people is None:
        return {}
    if isinstance(people, Demographics):
        drawn = people.draw(scores("demographics", ids, seed, np.eye(4)))
        return {n: np.repeat(v, occasions) for n, v in drawn.items()}
    rows = np.repeat(_drawn_rows(ids, seed, len(people)), occasions)
    return {str(c): people[c].to_numpy()[rows] for c in people.columns}


def _drawn_rows(ids: Any, seed: int, count: int) -> Any:
    return by_subject(ids, lambda block: stream(seed, "people", subject=block).integers(count, size=BLOCK))


def _over_time(
    population: Population, ids: Any, seed: int, typical: dict[str, float], etas: Any, occasions: int | None
) -> pd.DataFrame:
    """Return subjects drawn from people with several rows over time."""
    import pandas as pd

    if population.covariates or population.changes or occasions is not None:
        raise DataError(
            f"the population '{population.id}' has people who change over time, beside which neither other covariates "
            "nor occasions can be drawn yet", remedy="keep one of the two",
        )  # fmt: skip
    table: Any = population.people
    courses = population.courses or []
    drawn = [courses[k] for k in _drawn_rows(ids, seed, len(courses)).tolist()]
    rows = np.concatenate(drawn)
    who = np.repeat(np.arange(len(ids)), [len(c) for c in drawn])
    times = table[population.time_column].to_numpy(dtype=float)[rows]
    index = pd.MultiIndex.from_arrays([ids[who], times], names=["subject", "time"])
    covariates = {str(c): table[c].to_numpy()[rows] for c in table.columns if c != population.time_column}
    return _table(population, covariates, typical, etas[who], np.empty((len(rows), 0)), index)


def _check_known(population: Population, known: dict[str, Any], index: Any) -> None:
    """Refuse covariates that do not say what the population's formulas read."""
    read = {n for e in population.formulas.values() for n in e.symbols()} - set(population.typical)
    words = {f"{n}_{level}": n for n, levels in population.words.items() for level in levels}
    read = bases(population.derivations, read, given=known)
    for name in sorted({words.get(n, n) for n in read}):
        where = f"the covariates for the population '{population.id}'"
        if name not in known:
            raise DataError(f"there is no covariate '{name}'", where=where, remedy=did_you_mean(name, known))
        if name in population.words:
            levels = population.words[name]
            strange = [(i, str(v)) for i, v in zip(index, known[name], strict=True) if str(v) not in levels]
            expected = ", ".join(levels)
        else:
            values = np.asarray(known[name])
            numeric = values.dtype.kind in "fiub"
            good = np.isfinite(values.astype(float)) if numeric else np.zeros(len(values), dtype=bool)
            strange, expected = [(i, v) for i, v, g in zip(index, values, good, strict=True) if not g], "a number"
        if strange:
            i, value = strange[0]
            raise DataError(f"the covariate '{name}' is not usable", value=value, expected=expected,
                            where=f"{where}, subject {i}")  # fmt: skip
