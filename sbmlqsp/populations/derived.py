"""Covariates that follow from other covariates: by the name of a published quantity, or by a formula."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.expressions import Expr, evaluate, parse_formula

if TYPE_CHECKING:
    from sbmlqsp.populations.body import Quantity
    from sbmlqsp.populations.population import Population

__all__ = ["bases", "completed", "derivations_of", "derived_by_name"]


def derived_by_name(given: Any) -> dict[str, str]:
    """Return the formula of each derived covariate, empty for a quantity that is known by its name."""
    if isinstance(given, Mapping):
        return {str(k): str(v) for k, v in given.items()}
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DataError("the derived covariates are no list and no mapping", value=given, expected='["BMI", "BSA"]')
    return {str(name): "" for name in given}


def derivations_of(derived: Mapping[str, str], known: Iterable[str], where: str) -> dict[str, Expr | Quantity]:
    """Return what computes each derived covariate, from those before it.

    Raises
    ------
    DataError
        A quantity is not known by that name, or one reads what is no covariate.
    """
    from sbmlqsp.populations.body import QUANTITIES

    names, out = list(known), dict[str, "Expr | Quantity"]()
    for name, text in derived.items():
        if not text and name not in QUANTITIES:
            raise DataError("no quantity of that name is known", value=name, where=where,
                            remedy=f"{did_you_mean(name, QUANTITIES)}; or give its formula")  # fmt: skip
        how = parse_formula(text) if text else QUANTITIES[name]
        for read in reads(how):
            if read not in names:
                raise DataError(f"the derived covariate '{name}' reads '{read}', which is no covariate", where=where,
                                value=text or None, remedy=did_you_mean(read, names))  # fmt: skip
        out[name] = how
        names.append(name)
    return out


def reads(how: Expr | Quantity) -> tuple[str, ...]:
    """Return the names from which a derived covariate is computed."""
    return tuple(sorted(how.symbols())) if isinstance(how, Expr) else how.needs


def bases(derivations: dict[str, Expr | Quantity], names: Iterable[str], *, given: Iterable[str] = ()) -> set[str]:
    """Return what must be known for names to be: of a derived covariate that is not given, what it is computed from."""
    out, known = set(names), set(given)
    for name, how in reversed(derivations.items()):
        if name in out and name not in known:
            out = (out - {name}) | set(reads(how))
    return out


def completed(population: Population, covariates: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return covariates with the derived ones that can be had, and what formulas read: numbers, indicators of words."""
    out, numbers = dict(covariates), dict[str, Any]()
    for name, values in out.items():
        if name in population.words:
            words = np.asarray(values).astype(str)
            numbers.update({f"{name}_{level}": (words == level).astype(float) for level in population.words[name]})
        elif np.asarray(values).dtype.kind in "fiub":
            numbers[name] = np.asarray(values).astype(float)
    for name, how in population.derivations.items():
        if name not in out:
            if set(reads(how)) - (numbers.keys() if isinstance(how, Expr) else out.keys()):
                continue
            value = evaluate(how, numbers) if isinstance(how, Expr) else how.compute(out)
            size = len(next(iter(out.values())))
            out[name] = np.broadcast_to(np.asarray(value, dtype=float), (size,)).copy()
        numbers[name] = out[name]
    return out, numbers
