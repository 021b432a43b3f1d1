"""The verb ``covariate_effects``: what each covariate alone does to exposure, as the table of a forest plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.analysis.covariate_levels import (
    Level,
    levels_of,
    people_of,
    read_covariates,
    reference_of,
    without_occasions,
)
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.experiment import Experiment
from sbmlqsp.exposure import exposure
from sbmlqsp.exposure.groups import unit_of
from sbmlqsp.populations import Population
from sbmlqsp.populations.sampling import individuals
from sbmlqsp.simulate import simulate

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["covariate_effects"]

DRAWS = 200
MOST_FAILED = 0.05


def covariate_effects(
    experiments: Experiment | Sequence[Experiment] | None,
    population: Population,
    *,
    measure: str = "auc_inf",
    observable: str | None = None,
    interval: float | str | None = None,
    after: float | str | None = None,
    percentiles: tuple[float, float] = (5, 95),
    reference: Mapping[str, Any] | None = None,
    values: Mapping[str, Sequence[Any]] | None = None,
    draws: int | None = None,
    size: int = 100,
    width: float = 0.9,
    seed: int = 0,
    workers: int | None = None,
    tolerances: Tolerances | None = None,
) -> pd.DataFrame:
    """Compute what each covariate alone does to exposure or to a parameter.

    Parameters
    ----------
    experiments : Experiment, sequence of Experiment, or None
        The arms; None where ``measure`` is a parameter of the population.
    population : Population
        Covariates, their effects, variability, and the uncertainty of its typical values where it has any.
    measure : str, optional
        A column of the exposure table, such as ``"auc_tau"`` or ``"cmax"``, or a parameter, by its key in
        ``population.parameters``.
    observable : str, optional
        Where the experiments have several.
    interval, after : optional
        As for ``exposure``.
    percentiles : (float, float), optional
        Of the subjects, at which a numeric covariate is set.
    reference : mapping, optional
        Covariates of the reference subject; the median, or the most frequent category, where not given.
    values : mapping of str to sequence, optional
        Values of a covariate to compare, instead of its percentiles or categories.
    draws : int, optional
        Draws of the typical values from their uncertainty; 200 where the population has one, else none.
    size : int, optional
        Subjects drawn at each value for the spread between subjects; 0 for none.
    width : float, optional
        Of both intervals, between percentiles that leave equal shares out: 0.9 is from the 5th to the 95th.
    seed, workers, tolerances : optional
        As for ``simulate``.

    Returns
    -------
    DataFrame
        One row per experiment and value of a covariate, all other covariates those of the reference subject:

        - covariate, value (as text, with its unit), place (which percentile), reference (its value there).
        - ratio: the measure of the typical subject over that of the typical reference subject.
        - uncertainty_low, uncertainty_high: between percentiles of that ratio over ``n_draws`` draws of the typical
          values, each of which moves numerator and denominator alike. This is how well the effect is known.
        - between_low, between_high: between percentiles of the measure of ``n_subjects`` with that covariate, over that
          of the typical reference subject. This is how much subjects differ who have it; it says nothing of the former.
        - reference_value and unit: of the measure of the reference subject.
        - n_failed: runs of the two intervals that failed and are left out of them.
        - caution: that of ``exposure`` for the typical subject.

    Raises
    ------
    DataError
        An unknown name, a typical subject whose run fails or lacks the measure, or more than 5 % of failed runs.

    Notes
    -----
    Subjects keep their values: variability between occasions is left out. The same subjects are drawn at each value,
    so that rows differ by the covariate alone.

    References
    ----------
    Menon-Andersen D et al. Essential pharmacokinetic information for drug dosage decisions: a concise visual
    presentation in the drug label. Clin Pharmacol Ther 2011;90:471-474. doi:10.1038/clpt.2011.149

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> population = qsp.Population({"CL": "4*(WT/70)^0.75"}, covariates={
    ...     "WT": qsp.Covariate("normal", mean=70, sd=10)})
    >>> table = covariate_effects(None, population, measure="CL", values={"WT": [35, 140]})
    >>> [round(float(r), 4) for r in table["ratio"]]
    [0.5946, 1.6818]
    """
    arms = [experiments] if isinstance(experiments, Experiment) else list(experiments or [])
    _check(arms, population, measure, percentiles=percentiles, width=width, draws=draws, size=size)
    steady = without_occasions(population)
    names = read_covariates(steady, arms)
    names += [n for n in values or {} if n in steady.known and n not in names]
    base = reference_of(steady, names, dict(reference or {}), seed=seed)
    levels = levels_of(steady, names, percentiles, dict(values or {}), base, seed=seed)
    people = people_of(steady, base, levels)
    draws = (DRAWS if steady.uncertainty_matrix is not None else 0) if draws is None else draws
    drawn = _Drawn.of(steady, people, draws=draws, size=size, seed=seed)
    if measure in steady.parameters:
        found = [_Found("", "", "", drawn.parameter(measure), np.full(len(people), "", object))]
    else:
        how = {"observable": observable, "interval": interval, "after": after}
        running = {"seed": seed, "workers": workers, "tolerances": tolerances}
        found = _exposures(arms, drawn, measure, how, running)
    return _table(found, drawn, levels, base, measure=measure, width=width)


def _check(
    arms: list[Experiment], population: Population, measure: str, *, percentiles: tuple[float, float], width: float,
    draws: int | None, size: int,
) -> None:  # fmt: skip
    low, high = percentiles
    if not 0 < low < high < 100:
        raise DataError("the percentiles are not usable", value=percentiles, expected="as in (5, 95)")
    if not 0 < width < 1:
        raise DataError("the width of an interval is no share", value=width, expected="as 0.9")
    for name, number in (("draws", draws or 0), ("size", size)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 0:
            raise DataError(f"{name} is no number of them", value=number)
    if measure not in population.parameters and not arms:
        raise DataError(f"'{measure}' is no parameter of the population, and there is no experiment",
                        remedy=did_you_mean(measure, population.parameters))  # fmt: skip


@dataclass(frozen=True)
class _Drawn:
    """Every subject to run, in one table: the typical ones, those of each draw, and those drawn at each value."""

    table: pd.DataFrame
    rows: int
    draws: int
    size: int

    @classmethod
    def of(cls, population: Population, people: pd.DataFrame, *, draws: int, size: int, seed: int) -> _Drawn:
        import pandas as pd

        known = [people] * (1 + draws)
        parameters = [individuals(population, people, seed=seed, typical=True)]
        parameters += [individuals(population, people, seed=seed, typical=True, draw=k + 1) for k in range(draws)]
        for i in range(len(people) if size else 0):
            # The same labels at each value, so that the same subjects are drawn.
            crowd = people.iloc[[i] * size].set_axis(pd.Index(range(1, size + 1)))
            known.append(crowd)
            parameters.append(individuals(population, crowd, seed=seed))
        table = pd.concat([pd.concat(known, ignore_index=True), pd.concat(parameters, ignore_index=True)], axis=1)
        table.index = pd.RangeIndex(1, len(table) + 1, name="subject")
        table.attrs["population"] = population.id  # its covariates need not be symbols of the model
        return cls(table, len(people), draws, size)

    def parameter(self, name: str) -> NDArray[np.float64]:
        return self.table[name].to_numpy(float)

    def parts(self, measured: NDArray[np.float64]) -> tuple[Any, Any, Any]:
        """Return the measure of typical subjects (rows), of draws (draws, rows), and of drawn ones (rows, size)."""
        n = self.rows
        split = n * (1 + self.draws)
        between = measured[split:].reshape(n, self.size) if self.size else np.empty((n, 0))
        return measured[:n], measured[n:split].reshape(self.draws, n), between


@dataclass(frozen=True)
class _Found:
    experiment: str
    observable: str
    unit: str
    measured: NDArray[np.float64]
    cautions: NDArray[Any]


def _exposures(
    arms: list[Experiment], drawn: _Drawn, measure: str, how: Mapping[str, Any], running: Mapping[str, Any]
) -> list[_Found]:
    name = how["observable"]
    known = [o.id for o in arms[0].observables]
    if name is None and len(known) > 1:
        raise DataError("the experiments have several observables", value=known, remedy="name one, observable=")
    if name is not None and name not in known:
        raise DataError(f"the experiments have no observable '{name}'", remedy=did_you_mean(name, known))
    runs = simulate([replace(a, occasions=()) for a in arms], subjects=drawn.table, on_failure="record", progress=False,
                    **running)  # fmt: skip
    table = exposure(runs, name or known[0], interval=how["interval"], after=how["after"])
    unit, word = unit_of(table, measure), "cmax" if measure == "cmax" else "areas"
    out = []
    for arm, part in table.groupby("experiment", sort=False):
        typical = part.iloc[: drawn.rows]
        bad = typical[~np.isfinite(typical[measure].to_numpy(float))]
        if len(bad):
            raise DataError(
                f"a typical subject has no {measure}", value=bad["reason"].iloc[0], where=f"the arm '{arm}'"
            )
        said = np.array([c if word in c else "" for c in typical["caution"].astype(str)], dtype=object)
        out.append(_Found(str(arm), str(name or known[0]), unit, part[measure].to_numpy(float), said))
    return out


def _table(
    found: list[_Found], drawn: _Drawn, levels: list[Level], base: Mapping[str, Any], *, measure: str, width: float
) -> pd.DataFrame:
    import pandas as pd

    tails, rows = [50 * (1 - width), 50 * (1 + width)], []
    for f in found:
        typical, draws, between = drawn.parts(f.measured)
        lost = ~np.isfinite(f.measured)
        if lost.mean() > MOST_FAILED:
            raise DataError(f"{lost.sum()} of {len(lost)} runs failed or have no {measure}",
                            where=f"the arm '{f.experiment}'", expected=f"at most {MOST_FAILED:.0%}")  # fmt: skip
        if not typical[0] > 0:
            raise DataError(f"the {measure} of the reference subject is not positive, so nothing is a multiple of it",
                            value=float(typical[0]), where=f"the arm '{f.experiment}'")  # fmt: skip
        for i, level in enumerate(levels, 1):
            known = _percentiles(draws[:, i] / draws[:, 0], tails)
            spread = _percentiles(between[i] / typical[0], tails)
            own = np.concatenate([draws[:, i], draws[:, 0], between[i]])
            rows.append({
                "experiment": f.experiment, "observable": f.observable, "measure": measure,
                "covariate": level.covariate, "value": level.text, "place": level.place,
                "reference": Level(level.covariate, base[level.covariate], "", level.unit).text,
                "ratio": float(typical[i] / typical[0]), "uncertainty_low": known[0], "uncertainty_high": known[1],
                "between_low": spread[0], "between_high": spread[1], "width": width, "n_draws": drawn.draws,
                "n_subjects": drawn.size, "n_failed": int((~np.isfinite(own)).sum()),
                "reference_value": float(typical[0]), "unit": f.unit, "caution": f.cautions[i] or f.cautions[0],
            })  # fmt: skip
    return pd.DataFrame(rows)


def _percentiles(ratios: NDArray[np.float64], tails: list[float]) -> list[float]:
    kept = ratios[np.isfinite(ratios)]
    return [float(v) for v in np.percentile(kept, tails)] if len(kept) else [float("nan")] * 2
