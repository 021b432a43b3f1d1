"""The ``Population`` noun: covariates, their effects, and variability between subjects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.expressions import Expr, parse_formula
from sbmlqsp.populations.correlation import Correlations, correlation_matrix, pair_of, refuse_indefinite
from sbmlqsp.populations.covariate import Covariate
from sbmlqsp.populations.demographics import Demographics
from sbmlqsp.populations.derived import derivations_of, derived_by_name
from sbmlqsp.populations.variability import Variability

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.populations.body import Quantity

__all__ = ["Population"]


@dataclass(frozen=True, eq=False)
class Population:
    """How subjects differ.

    Parameters
    ----------
    parameters : mapping of str to float or str
        Typical values, by symbol path of the model (``"pk.CL"``), for a subject's covariates: numbers, or formulas over
        covariates, indicators of categories (``SEX_F``) and the names in ``typical``, such as
        ``"CL_pop*(WT/70)^0.75"``.
    covariates : mapping of str to Covariate, optional
    people : DataFrame or Demographics, optional
        A table of people, who are drawn with replacement so that what is one's stays together; with columns ID and TIME
        (in the model's unit) a person has several rows, each valid from its time on. Or age, sex, height and weight as
        in published tables. Covariates are drawn beside them.
    derived : sequence of str, or mapping of str to str, optional
        Covariates that follow from others: by name, as ``["BSA", "EGFR"]`` (see ``sbmlqsp.populations.body``), or by
        formulas over covariates, as ``{"BMI": "WT/(HT/100)^2"}``.
    typical : mapping of str to float
        Values that formulas read: the thetas.
    variability : mapping of str to Variability
        By the key in ``parameters``; one that is not named there is left as it is.
    omega : mapping of (str, str) to float, optional
        Correlations of the random effects by pairs of keys; those not named are 0.
    occasion_variability : mapping of str to Variability, optional
        How much a parameter of one subject varies between occasions, a level of its own below ``variability``: every
        occasion of a subject has an effect κ of its own, which adds to the subject's η on the same scale.
    occasion_omega : mapping of (str, str) to float, optional
        Correlations of the effects of one occasion.
    cell_variability : mapping of str to Variability, optional
        How much the single cells of one subject differ, a level of its own for stochastic runs.
    cell_omega : mapping of (str, str) to float, optional
        Correlations of the effects of one cell.
    correlations : mapping of (str, str) to float, optional
        Correlations of the covariates, on the scale of normal scores (a Gaussian copula).
    uncertainty : DataFrame, optional
        Covariance of the estimates of ``typical``, rows and columns named. It is a level of its own: `sample` uses it
        only where a draw is asked for, and then for all subjects of that draw alike.
    id : str

    Raises
    ------
    DataError
        An unknown name (the nearest are named), a correlation beyond 1, or correlations that cannot all hold.

    Examples
    --------
    >>> population = Population(
    ...     {"CL": "CL_pop*(WT/70)^0.75", "V": 30},
    ...     covariates={"WT": Covariate("log-normal", median=70, cv=0.2, unit="kg")},
    ...     typical={"CL_pop": 4.0},
    ...     variability={"CL": Variability("log-normal", cv=0.3), "V": Variability("log-normal", cv=0.2)},
    ...     omega={("CL", "V"): 0.5},
    ... )
    >>> population.effects
    ('CL', 'V')
    """

    parameters: Mapping[str, float | str]
    covariates: Mapping[str, Covariate] = field(default_factory=dict)
    people: pd.DataFrame | Demographics | None = None
    derived: Any = ()
    typical: Mapping[str, float] = field(default_factory=dict)
    variability: Mapping[str, Variability] = field(default_factory=dict)
    omega: Correlations = field(default_factory=dict)
    occasion_variability: Mapping[str, Variability] = field(default_factory=dict)
    occasion_omega: Correlations = field(default_factory=dict)
    cell_variability: Mapping[str, Variability] = field(default_factory=dict)
    cell_omega: Correlations = field(default_factory=dict)
    correlations: Correlations = field(default_factory=dict)
    uncertainty: pd.DataFrame | None = None
    id: str = "population"

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "derived", derived_by_name(self.derived))
        put(self, "parameters", {str(k): v for k, v in dict(self.parameters).items()})
        for name in ("covariates", "typical", "variability", "occasion_variability", "cell_variability"):
            put(self, name, dict(getattr(self, name)))
        self._check_kinds()
        _ = self.formulas, self.effect_correlation, self.covariate_correlation, self.uncertainty_matrix
        _ = self.cell_correlation, self.occasion_correlation, self.courses, self.derivations

    @property
    def effects(self) -> tuple[str, ...]:
        """The parameters with a random effect, in the order of Omega."""
        return tuple(self.variability)

    @property
    def occasion_effects(self) -> tuple[str, ...]:
        """The parameters that vary between occasions, in the order of their correlations."""
        return tuple(self.occasion_variability)

    @property
    def changes(self) -> bool:
        """Whether a subject differs from one occasion to the next."""
        return bool(self.occasion_variability) or any(c.each == "occasion" for c in self.covariates.values())

    @cached_property
    def words(self) -> dict[str, list[str]]:
        """The words of each covariate that is given in words."""
        drawn = {n: [str(v) for v in c.levels] for n, c in self.covariates.items() if c.in_words}
        if isinstance(self.people, Demographics):
            return {**{n: list(levels) for n, levels in self.people.words.items()}, **drawn}
        table = self.people
        if table is None:
            return drawn
        kinds = {str(c): table[c] for c in table.columns if table[c].dtype.kind not in "fiub"}
        return {**{n: sorted(set(map(str, column))) for n, column in kinds.items()}, **drawn}

    @property
    def known(self) -> tuple[str, ...]:
        """The covariates that are drawn, in the order of their columns."""
        if isinstance(self.people, Demographics):
            return (*self.people.units, *self.people.words, *self.covariates)
        return (*([] if self.people is None else map(str, self.people.columns)), *self.covariates)

    @property
    def scope(self) -> tuple[str, ...]:
        """The names that formulas may read."""
        names = (*self.known, *self.derived)
        indicators = (f"{n}_{level}" for n, levels in self.words.items() for level in levels)
        return (*self.typical, *(n for n in names if n not in self.words), *indicators)

    def unit_of(self, covariate: str) -> str:
        """Return the unit of a covariate, empty where none is stated."""
        own = self.covariates.get(covariate)
        if own is not None:
            return own.unit
        return self.people.units.get(covariate, "") if isinstance(self.people, Demographics) else ""

    @property
    def tabled(self) -> bool:
        """Whether people are drawn from a table."""
        return self.people is not None and not isinstance(self.people, Demographics)

    @property
    def time_column(self) -> str | None:
        """The column of people that holds times, where they have several rows each."""
        columns = [] if not self.tabled else [str(c) for c in self.people.columns]  # type: ignore[union-attr]
        return next((c for c in columns if c.upper() == "TIME"), None)

    @cached_property
    def courses(self) -> list[Any] | None:
        """The rows of each person, in order of time, where people change over time."""
        if self.time_column is None or isinstance(self.people, Demographics) or self.people is None:
            return None
        from sbmlqsp.populations.people import courses_of

        return courses_of(self.people, time=self.time_column, where=f"the people of the population '{self.id}'")

    @cached_property
    def derivations(self) -> dict[str, Expr | Quantity]:
        """What computes each derived covariate."""
        known = [*self.known, *(f"{n}_{level}" for n, levels in self.words.items() for level in levels)]
        return derivations_of(self.derived, known, f"the population '{self.id}'")

    @cached_property
    def formulas(self) -> dict[str, Expr]:
        """The typical value of each parameter, as a formula."""
        scope = set(self.scope)
        out = {}
        for key, value in self.parameters.items():
            expr = parse_formula(str(value) if isinstance(value, str) else repr(float(value)))
            for name in sorted(expr.symbols()):
                if name not in scope:
                    raise DataError(
                        f"the formula of '{key}' reads '{name}', which is no covariate and no typical value",
                        value=value,
                        where=f"the population '{self.id}'",
                        remedy=did_you_mean(name, scope),
                    )
            out[key] = expr
        return out

    @cached_property
    def effect_correlation(self) -> Any:
        """The correlation matrix of the random effects."""
        return correlation_matrix(self.omega, self.effects, f"omega of the population '{self.id}'")

    @cached_property
    def occasion_correlation(self) -> Any:
        """The correlation matrix of the effects of one occasion."""
        where = f"occasion_omega of the population '{self.id}'"
        return correlation_matrix(self.occasion_omega, self.occasion_effects, where)

    @cached_property
    def cell_correlation(self) -> Any:
        """The correlation matrix of the effects of one cell."""
        where = f"cell_omega of the population '{self.id}'"
        return correlation_matrix(self.cell_omega, tuple(self.cell_variability), where)

    @property
    def covariance(self) -> Any:
        """Omega: the covariance matrix of the random effects."""
        sds = np.array([v.omega for v in self.variability.values()])
        return self.effect_correlation * np.outer(sds, sds)

    @cached_property
    def covariate_correlation(self) -> Any:
        """The correlation matrix of the covariates' normal scores."""
        where = f"covariates of the population '{self.id}'"
        for pair in dict(self.correlations):
            for name in pair_of(pair, where):
                if name in self.covariates and self.covariates[name].each == "occasion":
                    raise DataError(f"'{name}' is drawn anew at each occasion, so it is correlated with nothing",
                                    value=pair, where=where, remedy="leave the correlation out")  # fmt: skip
        return correlation_matrix(self.correlations, tuple(self.covariates), where)

    @cached_property
    def uncertainty_matrix(self) -> Any:
        """The covariance of the estimates of ``typical``, in its order; None where none is given."""
        if self.uncertainty is None:
            return None
        frame = self.uncertainty
        for name in [*frame.index, *frame.columns]:
            if name not in self.typical:
                raise DataError("the uncertainty names no typical value", value=name, where="uncertainty")
        full = frame.reindex(index=list(self.typical), columns=list(self.typical)).fillna(0.0).to_numpy(dtype=float)
        if not np.allclose(full, full.T):
            raise DataError("the covariance of the estimates is not symmetric", where="uncertainty")
        refuse_indefinite(full, "uncertainty")
        return full

    def _check_kinds(self) -> None:
        where = f"the population '{self.id}'"
        for key in (*self.variability, *self.occasion_variability, *self.cell_variability):
            if key not in self.parameters:
                raise DataError(
                    f"variability is given for '{key}', which has no typical value",
                    where=where,
                    remedy=f"name it in parameters; {did_you_mean(key, self.parameters)}",
                )
        for key, number in self.typical.items():
            if isinstance(number, bool | str) or not math.isfinite(number):
                raise DataError(f"the typical value of '{key}' is no finite number", value=number, where=where)
        nouns = [(Covariate, self.covariates), (Variability, self.variability)]
        nouns += [(Variability, self.occasion_variability), (Variability, self.cell_variability)]
        for noun, given in nouns:
            for key, value in given.items():
                if not isinstance(value, noun):
                    raise DataError(f"'{key}' is not usable", value=value, expected=f"{noun.__name__}(…)", where=where)
        for key, between in self.occasion_variability.items():
            _refuse_other_scale(key, self.variability.get(key), between, where)
        names = [*self.known, *self.derived, *self.typical]
        for name in names:
            if names.count(name) > 1:
                raise DataError("a name stands for two of covariates, derived and typical values", value=name,
                                where=where)  # fmt: skip

    def describe(self, *, size: int = 2000, seed: int = 0) -> pd.DataFrame:
        """Return what a sample of the population looks like, before anything runs.

        Parameters
        ----------
        size : int
            How many subjects are drawn for the percentiles.
        seed : int

        Returns
        -------
        DataFrame
            One row per covariate and parameter: what it is, its formula or distribution, and mean, standard deviation
            and the 5th, 50th and 95th percentile of the sample.
        """
        from sbmlqsp.populations.describing import described

        return described(self, size=size, seed=seed)


def _refuse_other_scale(key: str, subjects: Variability | None, occasions: Variability, where: str) -> None:
    """Refuse effects that cannot be added, being on other scales."""
    if occasions.kind == "box-cox":
        raise DataError(f"the variability of '{key}' between occasions has no Box–Cox form", where=where,
                        remedy="make it log-normal, also beside a Box–Cox variability between subjects")  # fmt: skip
    if subjects is None or (subjects.kind, occasions.kind) == ("box-cox", "log-normal"):
        return
    scales = [(v.kind, v.low, v.high) if v.kind == "logit-normal" else (v.kind,) for v in (subjects, occasions)]
    if scales[0] != scales[1]:
        raise DataError(
            f"'{key}' varies between occasions on another scale than between subjects", value=occasions.kind,
            where=where, expected=f"{subjects.kind}, with the same bounds",
        )  # fmt: skip
