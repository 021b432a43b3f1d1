"""Covariates that follow from other covariates: by the name of a published quantity, or by a formula."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.expressions import Expr, evaluate, parse_formula

if TYPE_CHECKING:
    from sbmlqsp.populations.body import Quantity

__all__ = ["derivations_of", "derive", "derived_by_name"]


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
        for read in sorted(how.symbols()) if isinstance(how, Expr) else how.needs:
            if read not in names:
                raise DataError(f"the derived covariate '{name}' reads '{read}', which is no covariate", where=where,
                                value=text or None, remedy=did_you_mean(read, names))  # fmt: skip
        out[name] = how
        names.append(name)
    return out


def derive(derivations: Mapping[str, Expr | Quantity], covariates: dict[str, Any], numbers: dict[str, Any]) -> None:
    """Add the derived covariates that are not given and can be had; ``numbers`` is what formulas read."""
    for name, how in derivations.items():
        if name not in covariates:
            lacking = how.symbols() - numbers.keys() if isinstance(how, Expr) else set(how.needs) - covariates.keys()
            if lacking:
                continue
            value = evaluate(how, numbers) if isinstance(how, Expr) else how.compute(covariates)
            size = len(next(iter(covariates.values())))
            covariates[name] = np.broadcast_to(np.asarray(value, dtype=float), (size,)).copy()
        numbers[name] = covariates[name]
