"""The verb ``simulate_records``: a data set measured again and again in subjects drawn from a population."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DataError, SimulationError, located
from sbmlqsp.model import Model
from sbmlqsp.observation import ErrorModel
from sbmlqsp.populations import Population
from sbmlqsp.prediction import Predictor
from sbmlqsp.records import Records
from sbmlqsp.runner import STATUS
from sbmlqsp.streams import check_seed
from sbmlqsp.units import convert
from sbmlqsp.vpc.design import Design
from sbmlqsp.vpc.noise import Noise, errors_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["simulate_records"]


def simulate_records(
    model: Model,
    data: Records,
    *,
    population: Population,
    errors: ErrorModel | Mapping[Any, ErrorModel | None] | None = None,
    compartments: Mapping[Any, str] | str | None = None,
    observables: Any = None,
    parameters: Mapping[str, Any] | None = None,
    occasion: str | None = None,
    replicates: int = 200,
    seed: int = 0,
    uncertainty: bool = False,
    molar_mass: str | None = None,
    on_failure: str = "raise",
    tolerances: Tolerances | None = None,
) -> pd.DataFrame:
    r"""Measure a data set again in other subjects: the same covariates, doses and times, new random effects and errors.

    Parameters
    ----------
    model : Model
    data : Records
        From ``read_nonmem``, with a column for every covariate that the population's formulas read, under its name.
        Where both state a unit, covariates are converted to that of the population.
    population : Population
        Its covariates are not drawn: every subject keeps those measured, which may change over time.
    errors : ErrorModel or mapping, optional
        The residual error, in the unit of DV; by the keys of ``observables`` where that is a mapping. Where not given,
        that of the observable. None in a mapping measures without error.
    compartments, observables, molar_mass : optional
        As in ``predict``.
    parameters : mapping, optional
        Further parameters, as in ``predict``, that the population does not have.
    occasion : str, optional
        The column that tells occasions apart, where the population varies between them; by default ``OCC``.
    replicates : int
        How many times every subject is drawn.
    seed : int
        Replicate 7 of a subject is the same however many replicates and other subjects there are.
    uncertainty : bool
        Whether each replicate draws the typical values anew from their uncertainty, for all its subjects alike.
    on_failure : {"raise", "record"}
        Raise at the first failed run, or keep its rows as NaN and list it in ``attrs["failed"]``.
    tolerances : Tolerances, optional

    Returns
    -------
    DataFrame
        For each replicate one row per measured observation (EVID 0 and MDV 0), in the order of the data: REP, LINE, ID,
        TIME, DVID, the covariates, DV (the simulated measurement, never censored), IPRED (without its error) and PRED
        (for the typical values and no random effects; the same in every replicate).

    Raises
    ------
    DataError
        There is no observation, no residual error, no column of occasions; a covariate is missing; a parameter is given
        twice.
    SimulationError
        A run failed: in which subject and replicate, with which parameters.

    See Also
    --------
    vpc : Compares the replicates with the data.

    Notes
    -----
    Residual errors of one subject are independent, also those of several observables at one time.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> data = qsp.read_nonmem("ID,TIME,AMT,DV\n1,0,100,.\n1,10,.,33\n2,0,100,.\n2,10,.,41\n")
    >>> population = qsp.Population({"k": 0.1}, variability={"k": qsp.Variability("log-normal", cv=0.3)})
    >>> error = qsp.ErrorModel(proportional=0.1)
    >>> table = simulate_records(model, data, population=population, errors=error, compartments="S", observables="S",
    ...                          replicates=2, seed=1)
    >>> table[["REP", "ID", "TIME"]].values.tolist(), table["PRED"].round(3).tolist()
    ([[1.0, 1.0, 10.0], [1.0, 2.0, 10.0], [2.0, 1.0, 10.0], [2.0, 2.0, 10.0]], [36.788, 36.788, 36.788, 36.788])
    """
    _check(replicates, seed, on_failure, population, uncertainty)
    ready = Predictor(model, data, compartments=compartments, observables=observables, molar_mass=molar_mass)
    _refuse_other_units(ready)
    kept = _measured_rows(ready)
    noise = Noise.of(ready, errors_of(ready.link.observables, observables, errors), seed)
    design = Design.of(data, population, occasion, parameters or {})
    typical = ready(design.parameters(seed=seed, typical=True))
    ipred, dv = np.empty((replicates, len(kept))), np.empty((replicates, len(kept)))
    failed: list[dict[str, Any]] = []
    for r in range(1, replicates + 1):
        drawn = design.parameters(seed=seed, replicate=r, draw=r if uncertainty else None)
        values, lost = _predicted(ready, drawn, r, record=on_failure == "record", tolerances=tolerances)
        ipred[r - 1], dv[r - 1] = values[kept], noise.measured(values, r)[kept]
        failed += lost
    table = _table(ready, kept, replicates)
    table = table.assign(DV=dv.ravel(), IPRED=ipred.ravel(), PRED=np.tile(typical[kept], replicates))
    table.attrs = {"units": dict(data.units), "seed": seed, "population": population.id, "failed": failed}
    return table


def _check(replicates: int, seed: int, on_failure: str, population: Population, uncertainty: bool) -> None:
    check_seed(seed)
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer) or replicates < 1:
        raise DataError("replicates is not a positive whole number", value=replicates)
    if on_failure not in {"raise", "record"}:
        raise DataError("no such way to handle failures", value=on_failure, expected="'raise' or 'record'")
    if not isinstance(population, Population):
        raise DataError("there is no population to draw from", value=type(population).__name__, expected="a Population")
    if uncertainty and population.uncertainty_matrix is None:
        raise DataError(f"the population '{population.id}' states no uncertainty of its typical values",
                        remedy="leave uncertainty= out, or give the population one")  # fmt: skip


def _measured_rows(ready: Predictor) -> NDArray[np.int64]:
    """Return which of the predicted records were measured."""
    rows = ready.data.table["MDV"].to_numpy()[ready.link.outputs]
    if not (rows == 0).any():
        raise DataError("the data have no observation", where=ready.data.source or None,
                        expected="a record with EVID 0 and a DV")  # fmt: skip
    return np.flatnonzero(rows == 0)


def _refuse_other_units(ready: Predictor) -> None:
    """Refuse an observable in another unit than DV, with which it is compared."""
    units = ready.data.units
    for k, o in enumerate(ready.link.observables):
        dvids = set(ready.data.table["DVID"].to_numpy()[ready.link.outputs[ready.link.which == k]].tolist())
        for unit in {units.get(f"DV:{d}", units.get("DV")) for d in dvids}:
            if unit and o.unit and convert(1.0, o.unit, unit, molar_mass=o.molar_mass) != 1.0:
                raise DataError(f"the observable '{o.id}' is in '{o.unit}' and DV in '{unit}'",
                                remedy=f"leave the unit of the observable out, or write '{unit}'")  # fmt: skip


def _predicted(
    ready: Predictor, parameters: Mapping[str, Any], replicate: int, *, record: bool, tolerances: Tolerances | None
) -> tuple[Any, list[dict[str, Any]]]:
    """Return the predictions of one replicate, NaN for failed subjects, and who failed why."""
    with located(f"replicate {replicate}"):
        values, status, messages = ready.run(parameters, tolerances=tolerances, record=record)
    lost = [
        {"REP": replicate, "ID": ready.data.subjects[k], "status": STATUS[int(status[k])], "message": messages[k]}
        for k in np.flatnonzero(status)
    ]
    if lost and not record:
        first = ready.link.places[int(np.flatnonzero(status)[0])][0]
        his = {k: float(v[first]) for k, v in parameters.items() if isinstance(v, np.ndarray) and len(v) > first}
        raise SimulationError(
            f"subject {lost[0]['ID']} failed: {lost[0]['status']}; {lost[0]['message']}", value=his,
            where=f"replicate {replicate}", remedy="check the population, or keep the others with on_failure='record'",
        )  # fmt: skip
    return values, lost


def _table(ready: Predictor, kept: NDArray[np.int64], replicates: int) -> pd.DataFrame:
    """Return the labels of every row."""
    import pandas as pd

    columns = ["LINE", "ID", "TIME", "DVID", *ready.data.covariates]
    one = ready.data.table.iloc[ready.link.outputs[kept]][columns]
    out: pd.DataFrame = pd.concat([one] * replicates, ignore_index=True)
    out.insert(0, "REP", np.repeat(np.arange(1, replicates + 1), len(one)))
    return out
