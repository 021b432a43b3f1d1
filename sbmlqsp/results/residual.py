"""Residual error: what a measurement of a simulated value would show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.observation import ErrorModel
from sbmlqsp.results.dataset import DIMS, as_results, observable_names
from sbmlqsp.streams import check_seed, stream

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["add_residual"]


def add_residual(
    ds: xr.Dataset,
    errors: Mapping[str, ErrorModel],
    *,
    correlations: Mapping[tuple[str, str], float] | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Return results as they would be measured: each value with a residual error of its own.

    Residual error is a level of its own, apart from how subjects differ and from how well parameters are known, and so
    it is added to results and never to a model.

    Parameters
    ----------
    ds : xarray.Dataset
        Results of ``simulate``.
    errors : mapping of str to ErrorModel
        By observable; the others stay as they are. The standard deviation of a value f is
        ``sqrt(additive**2 + (proportional*f)**2)``; on the log-normal scale the value is ``f*exp(additive*ε)``.
    correlations : mapping of (str, str) to float, optional
        Correlations of the errors of two observables at one time, as of a drug and its metabolite in one sample.
    seed : int
        The errors of a subject are the same whoever else is there, and in every arm, so that arms differ by their doses
        alone.

    Returns
    -------
    xarray.Dataset
        Values that are not finite stay so. ``attrs["residual"]`` of a changed observable says what was added.

    Raises
    ------
    DataError
        There is no such observable, an error is no ErrorModel, or the correlations cannot all hold.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> ds = qsp.simulate(qsp.Experiment(model, times=[0, 10]))
    >>> measured = add_residual(ds, {"S": qsp.ErrorModel(proportional=0.1)}, seed=1)
    >>> bool((measured["S"] != ds["S"]).all())
    True
    """
    check_seed(seed)
    ds = as_results(ds)
    known = observable_names(ds)
    out = ds.copy()
    root = _root(correlations or {}, tuple(errors))
    raw = {name: _noise(ds, name, seed)[None] for name in errors if name in known}
    for i, (name, error) in enumerate(errors.items()):
        if name not in known:
            raise DataError("the results have no such observable", value=name, remedy=did_you_mean(name, known))
        if not isinstance(error, ErrorModel):
            raise DataError(f"the error of '{name}' is none", value=error, expected="ErrorModel(…)")
        variable = ds[name].transpose(*DIMS)
        noise = sum(share * raw[other] for share, other in zip(root[i], errors, strict=True) if share)
        values = variable.to_numpy()
        attrs = {**ds[name].attrs, "residual": repr(error)}
        out[name] = (DIMS, error.measured(values, noise), attrs)
    return out


def _root(correlations: Mapping[tuple[str, str], float], names: tuple[str, ...]) -> Any:
    """Return L, lower triangular with L Lᵀ the correlations of the errors."""
    from sbmlqsp.populations.correlation import correlation_matrix

    matrix = correlation_matrix(correlations, names, "the errors' correlations")
    try:
        return np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:  # fully correlated
        return np.linalg.cholesky(matrix + 1e-12 * np.eye(len(names)))


def _noise(ds: xr.Dataset, name: str, seed: int) -> Any:
    """Return standard normal numbers of shape (subjects, replicates, times)."""
    count = ds.sizes["time"]
    rows = [
        [stream(seed, f"residual {name}", subject=s, replicate=int(r)).standard_normal(count)
         for r in ds["replicate"].to_numpy().tolist()]
        for s in ds["subject"].to_numpy().tolist()
    ]  # fmt: skip
    return np.array(rows).reshape(ds.sizes["subject"], ds.sizes["replicate"], count)
