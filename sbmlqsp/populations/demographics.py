"""Who the people of a virtual population are: age, sex, height and weight, as national surveys found them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.populations.growth import OLDEST, box_cox, reference, score_of

__all__ = ["Demographics"]

WIDEST = 3.0
"""Normal scores beyond which nobody is drawn: the tables end at the 3rd and 97th, or 5th and 95th, percentile."""


@dataclass(frozen=True)
class Demographics:
    """How age, sex, height and weight are distributed together, in the United States.

    Height and weight follow published tables by sex and age: up to 18 years the CDC growth charts of 2000, from 19 the
    NHANES survey of August 2021 to August 2023 by brackets of ten years, linear in age between. Each is drawn from its
    own table, so that both have their published percentiles; their normal scores are correlated by as much as makes the
    spread of the body mass index (below 2 years: of weight for length) the published one.

    Parameters
    ----------
    age : (low, high)
        In years, of 0 to 90; ages are uniform between.
    female : float
        The share of women and girls.
    weight : (low, high), optional
        Bounds in kg. Whoever would be outside keeps age, sex and height, and has another weight (truncation).
    age_weights : mapping, optional
        The share of each age bracket, as ``{(18, 40): 0.6, (40, 75): 0.4}`` or ``{"18-40": 0.6, "40-75": 0.4}``; ages
        are uniform in each. Replaces ``age``, which becomes what they span.

    Raises
    ------
    DataError
        An age is beyond the tables, a share is not one, brackets overlap, or nobody of some age weighs what is allowed.

    Notes
    -----
    The charts leave out the weights of later, heavier children; the survey has too few children for charts of its own.
    The gap of 5 kg (men) and 9 kg (women) between the medians of the two closes linearly from 18 to 19 years. As the
    brackets are joined by lines, the men drawn between 20 and 30 have a median 3 % below that of their bracket. At
    2 years, height turns from lying to standing and is 0.8 cm less. Beyond the published percentiles (3rd and 97th of
    the charts, 5th and 95th of the survey) the tails are those of the Box–Cox distribution, up to 3 standard scores.
    Nobody is pregnant, born preterm or ill in these tables.

    References
    ----------
    Kuczmarski RJ, Ogden CL, Guo SS et al. (2002) 2000 CDC growth charts for the United States: methods and development.
    Vital and Health Statistics, series 11, no. 246. https://www.cdc.gov/nchs/data/series/sr_11/sr11_246.pdf

    Fryar CD, Gu Q, Afful J, Carroll MD, Ogden CL (2025) Anthropometric reference data for children and adults: United
    States, August 2021–August 2023. Vital and Health Statistics, series 3, no. 50. https://doi.org/10.15620/cdc/174595

    Examples
    --------
    >>> people = Demographics(age=(10, 10), female=1).draw(np.zeros((1, 4)))
    >>> people["SEX"].item(), people["HT"].round(1).item(), people["WT"].round(1).item()
    ('F', 138.0, 32.9)
    """

    age: tuple[float, float] = (18.0, 65.0)
    female: float = 0.5
    weight: tuple[float, float] | None = None
    age_weights: Mapping[Any, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "age_weights", _brackets(self.age_weights))
        if self.age_weights:
            object.__setattr__(self, "age", (min(a for a, _ in self.age_weights), max(b for _, b in self.age_weights)))
        object.__setattr__(self, "age", _ages(self.age))
        if not _number(self.female) or not 0 <= self.female <= 1:
            raise DataError("the share of women is not usable", value=self.female, expected="a number of 0 to 1")
        if self.weight is not None:
            object.__setattr__(self, "weight", _pair(self.weight, "the bounds of the weight"))
            _check_weight(self)

    @property
    def units(self) -> dict[str, str]:
        """The unit of every drawn number."""
        return {"AGE": "year", "HT": "cm", "WT": "kg"}

    @property
    def words(self) -> dict[str, tuple[str, ...]]:
        """The words of what is drawn in words."""
        return {"SEX": ("F", "M")}

    def draw(self, scores: Any) -> dict[str, Any]:
        """Return people for normal scores, each by its own row alone.

        Parameters
        ----------
        scores : (n, 4) array
            Independent standard normal numbers: for age, sex, height, and weight given the height.

        Returns
        -------
        dict
            (n,) arrays: ``AGE`` in years, ``SEX`` as ``"F"`` or ``"M"``, ``HT`` in cm, ``WT`` in kg.

        Raises
        ------
        DataError
            The scores are not n rows of four numbers, or somebody has no weight within the bounds.
        """
        from scipy.special import ndtr

        z = np.asarray(scores, dtype=float)
        if z.ndim != 2 or z.shape[1] != 4 or not np.isfinite(z).all():
            raise DataError("the scores are not usable", value=z.shape, expected="n rows of four finite numbers")
        age = self._ages(ndtr(z[:, 0]))
        female = (ndtr(z[:, 1]) < self.female) | (self.female >= 1)
        table = reference(age, female)
        tall = _within(z[:, 2], -WIDEST, WIDEST)
        return {
            "AGE": age,
            "SEX": np.where(female, "F", "M").astype(object),
            "HT": box_cox(table[:, 0], table[:, 1], table[:, 2], tall),
            "WT": self._weights(z[:, 3], tall, table, age=age, female=female),
        }

    def _ages(self, u: Any) -> Any:
        if not self.age_weights:
            return self.age[0] + u * (self.age[1] - self.age[0])
        lows, highs = np.array(list(self.age_weights)).T
        ends = np.cumsum(list(self.age_weights.values()))
        place = np.searchsorted(ends[:-1], u, side="right")
        begins = np.concatenate([[0.0], ends[:-1]])
        share = np.clip((u - begins[place]) / np.array(list(self.age_weights.values()))[place], 0.0, 1.0)
        return lows[place] + share * (highs[place] - lows[place])

    def _weights(self, z: Any, tall: Any, table: Any, *, age: Any, female: Any) -> Any:
        """Return weights: the scores that heights leave free, between the bounds."""
        from scipy.special import ndtr

        power, median, spread, together = table[:, 3:].T
        low, high = _score_bounds(self.weight, table)
        free = np.sqrt(1 - together**2)
        low, high = (low - together * tall) / free, (high - together * tall) / free
        impossible = ~(ndtr(high) - ndtr(low) >= 1e-6)
        if impossible.any():
            i = int(np.argmax(impossible))
            height = box_cox(table[i, 0], table[i, 1], table[i, 2], tall[i])
            who = f"a {'female' if female[i] else 'male'} of {age[i]:.1f} years and {height:.0f} cm"
            raise DataError(
                f"{who} has no weight within the bounds", value=self.weight, remedy="widen the bounds, in kg"
            )
        drawn = box_cox(power, median, spread, together * tall + free * _within(z, low, high))
        return drawn if self.weight is None else np.clip(drawn, *self.weight)


def _within(z: Any, low: Any, high: Any) -> Any:
    """Return the scores of a normal distribution that is cut off (truncated) at bounds."""
    from scipy.special import ndtr, ndtri

    return np.clip(ndtri(ndtr(low) + ndtr(z) * (ndtr(high) - ndtr(low))), low, high)


def _score_bounds(weight: tuple[float, float] | None, table: Any) -> tuple[Any, Any]:
    ends = np.full(len(table), -WIDEST), np.full(len(table), WIDEST)
    if weight is None:
        return ends
    low, high = (score_of(table[:, 3], table[:, 4], table[:, 5], w) for w in weight)
    return np.maximum(low, ends[0]), np.minimum(high, ends[1])


def _number(x: Any) -> bool:
    return isinstance(x, int | float | np.number) and not isinstance(x, bool) and math.isfinite(x)


def _pair(given: Any, what: str) -> tuple[float, float]:
    good = isinstance(given, tuple | list) and len(given) == 2 and all(map(_number, given))
    if not good or not 0 <= given[0] <= given[1]:
        raise DataError(f"{what} are not usable", value=given, expected="(low, high), not negative, low first")
    return float(given[0]), float(given[1])


def _ages(given: Any) -> tuple[float, float]:
    low, high = _pair(given, "the ages")
    if high > OLDEST:
        raise DataError("the tables do not speak of such an age", value=high, expected=f"0 to {OLDEST:g} years",
                        remedy="the oldest bracket of the survey is '80 and older'")  # fmt: skip
    return low, high


def _brackets(given: Any) -> dict[tuple[float, float], float]:
    """Return age brackets with their shares, in rising order."""
    if not isinstance(given, Mapping):
        raise DataError("the age brackets are not a mapping", value=given, expected="{(18, 40): 0.6, (40, 75): 0.4}")
    out: dict[tuple[float, float], float] = {}
    for key, share in given.items():
        ends = _ages(_words_to_ages(key) if isinstance(key, str) else key)
        if not _number(share) or not share > 0 or ends in out:
            raise DataError("the share of an age bracket is not usable", value=(key, share), expected="above 0, once")
        out[ends] = float(share)
    if out and abs(math.fsum(out.values()) - 1) > 1e-9:
        raise DataError("the shares of the age brackets do not add up to 1", value=dict(given))
    out = dict(sorted(out.items()))
    for (low, high), (other, _) in zip(list(out), list(out)[1:], strict=False):
        if other < high:
            raise DataError(
                "two age brackets overlap", value=[(low, high), other], expected="each begins after the last"
            )
    return out


def _words_to_ages(key: str) -> list[float]:
    try:
        return [float(x) for x in key.split("-")]
    except ValueError:
        raise DataError("an age bracket is not readable", value=key, expected="as '18-40'") from None


def _check_weight(people: Demographics) -> None:
    """Refuse bounds that leave almost nobody of some age, before anybody is drawn."""
    from scipy.special import ndtr

    assert people.weight is not None
    ages = np.concatenate([np.linspace(low, high, 25) for low, high in people.age_weights or [people.age]])
    for sex in (s for s, share in ((True, people.female), (False, 1 - people.female)) if share > 0):
        table = reference(ages, np.full(len(ages), sex))
        low, high = _score_bounds(people.weight, table)
        few = ~(ndtr(high) - ndtr(low) >= 0.01)
        if few.any():
            i = int(np.argmax(few))
            who = f"{'women or girls' if sex else 'men or boys'} of {ages[i]:.1f} years"
            raise DataError("the bounds of the weight leave almost nobody", value=people.weight, where=who,
                            expected=f"bounds in kg around {table[i, 4]:.0f}", remedy="widen them")  # fmt: skip
