"""The verb ``sensitivities``: what observables change by when parameters do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sbmlqsp import provenance
from sbmlqsp.batch import KERNEL
from sbmlqsp.collecting import inputs_of
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import SimulationError, UnitError
from sbmlqsp.experiment import Experiment, observable_unit, symbol_of
from sbmlqsp.runner import STATUS
from sbmlqsp.sensitivity_run import Derivatives, Differentiated
from sbmlqsp.subjects import read_subjects
from sbmlqsp.units import parse_unit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["sensitivities"]


def sensitivities(
    experiment: Experiment,
    parameters: str | Sequence[str],
    *,
    subjects: pd.DataFrame | Mapping[str, Any] | None = None,
    tolerances: Tolerances | None = None,
    threads: int | None = None,
) -> xr.Dataset:
    """Return the derivative of every observable at every output time by parameters.

    The differential equations are integrated together with those of the derivatives, by one method and with error
    control over both [1]_, so that a derivative is as exact as a value and each parameter costs the same. It goes
    through everything that is computed from the parameter: initial assignments, rules, sizes of compartments, and the
    amount, bioavailability, rate, duration and lag of doses, with the jumps that a dose, an event or an abrupt change
    makes whose time moves; and through a start at steady state, and the steady state of the first doses, by the
    implicit function theorem.

    Parameters
    ----------
    experiment : Experiment
    parameters : str or sequence of str
        Symbols of the model, as ``Experiment.changes`` names them: parameters, sizes and initial values, by path or as
        ``"amount(S)"``; or columns of the subjects that formulas of doses read, such as covariates. The derivative by
        an initial value is that by setting it, which replaces its initial assignment; where a run starts at steady
        state it only moves the totals that reactions conserve.
    subjects : DataFrame, optional
        As in ``simulate``, one row per subject.
    tolerances : Tolerances, optional
        Error control, over values and derivatives; relative 1e-9 where not given.
    threads : int, optional
        All processors where not given. The results do not depend on it.

    Returns
    -------
    xarray.Dataset
        For every observable its derivatives, of dimensions ``(subject, time, parameter)``, in the observable's unit per
        unit of the parameter in the model: ``attrs["units"]`` lists them in the order of the parameters, ``""`` where
        the model does not declare them. Its values are ``"… (value)"``.

    Raises
    ------
    UnsupportedError
        Subjects that change on the way, functions without a derivative, and rates that are rounded, or that jump at a
        state's threshold and are read by events as well. Doses at steady state that are not the first, at time 0, that
        add to what is there, or of which an infusion still runs then. Triggers of events that are not made of
        comparisons, or that compare what jumps; delays and values of events that are rounded. An output at the very
        time of a dose, of the end of an infusion or of an abrupt change in time that moves with one of the parameters:
        what is put out there has no derivative. Two of those at one instant that move apart.
    ExperimentError
        A parameter is neither a symbol that may be set nor a column that doses read.
    SimulationError
        A run failed: whose, and why. So does one in which an event has no derivative: it falls on one instant with a
        dose, an output or another event, and they move apart with a parameter; a condition that it reads is just at its
        threshold; or its trigger hardly crosses its own. Or one with a steady state to start at that depends on the way
        to it, such as how much of what is eliminated went which way.

    Notes
    -----
    Where a trigger's comparison crosses zero, ``g(x, p, t) = 0``, the time of the event moves by
    ``-(g_x S + g_p)/(g_x f + g_t)``, and sensitivities jump by what it assigns and by how the rates change [2]_; so
    they do where a rate jumps at a state's threshold. As in simulations, a trigger that is true for a small part of a
    step may not be seen.

    Formulas over constants, of doses too, are differentiated as they hold at the values given: what ``floor``, ``ceil``
    or a condition chooses there stays chosen, so that an amount rounded to whole vials has derivative zero. Where
    a lag is zero, the derivative by it is that of a longer lag. Where a rate bends without bound, as ``C^1.5`` does at
    zero, the steps are shorter instead.

    References
    ----------
    .. [1] Hairer E, Wanner G (1996). Solving Ordinary Differential Equations II, section IV.7; the method is RODAS5P
       (https://doi.org/10.1007/s10543-023-00967-x), whose step is differentiated exactly.
    .. [2] Hiskens IA, Pai MA (2000). Trajectory sensitivity analysis of hybrid systems. IEEE Transactions on Circuits
       and Systems I 47:204-220. https://doi.org/10.1109/81.828574

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> ds = qsp.sensitivities(qsp.Experiment(model, times=[0, 10]), ["k", "S"])
    >>> ds["S"].sel(time=10, parameter="k").round(4).values.tolist()  # -10*10*exp(-1)
    [-36.7879]

    A dose that is given again whenever a quarter is left, of which the time moves with ``k``:

    >>> model = qsp.read_antimony("model m; S = 8; S' = -k*S; k = 0.1; again: at S < 2: S = S + 6; end")
    >>> ds = qsp.sensitivities(qsp.Experiment(model, times=[10, 20], observables=["S"]), "k")
    >>> ds["S"].values[0, :, 0].round(4).tolist()
    [-29.4304, -86.6146]

    A baseline moves with what it is the balance of:

    >>> model = qsp.read_antimony("model m; species R; J: -> R; ksyn - kdeg*R^2; ksyn = 18; kdeg = 2; end")
    >>> arm = qsp.Experiment(model, times=[0, 5], observables=["R"], start="steady state")
    >>> qsp.sensitivities(arm, ["ksyn", "kdeg"])["R"].sel(time=5).round(9).values.tolist()  # R = (ksyn/kdeg)^0.5
    [[0.083333333, -0.75]]
    """
    people = read_subjects(subjects, (experiment,))
    names = [parameters] if isinstance(parameters, str) else list(parameters)
    arm = Differentiated(experiment, people, names)
    found = arm.run(tolerances=tolerances or KERNEL, threads=threads)
    for row, status in enumerate(found.status.tolist()):
        if status:
            raise SimulationError(
                f"subject {people.ids[row]} failed: {STATUS[status]}: {found.messages[row]}",
                where=f"the sensitivities of '{experiment.id}'",
            )  # fmt: skip
    return _dataset(experiment, people.ids, arm.keys, found)


def _dataset(experiment: Experiment, ids: Sequence[Any], keys: Mapping[str, str], found: Derivatives) -> xr.Dataset:
    import xarray as xr

    model, data = experiment.model, dict[str, Any]()
    for c, o in enumerate(experiment.observables):
        own = o.unit or observable_unit(model, o)
        units = [_per(own, _unit_of(experiment, key)) for key in keys.values()]
        data[o.id] = ("subject", "time", "parameter"), found.slopes[:, :, c], {"units": units}
        data[f"{o.id} (value)"] = ("subject", "time"), found.levels[:, :, c], {"units": own}
    record = provenance.record(
        models={model.id: model.digest}, inputs={"experiment": inputs_of(experiment), "parameters": list(keys)}, seed=0
    )
    ds = xr.Dataset(
        data, {"subject": list(ids), "time": list(experiment.times), "parameter": list(keys)},
        {"experiment": experiment.id, "provenance": provenance.to_json(record)},
    )  # fmt: skip
    ds["time"].attrs["units"] = model.time_unit or ""
    return ds


def _unit_of(experiment: Experiment, key: str) -> str:
    symbol = experiment.model.network.symbols.get(symbol_of(key))
    if symbol is None:
        return ""
    unit = symbol.unit
    if key.startswith("amount("):
        unit = symbol.substance_unit
    elif key.startswith("concentration(") and symbol.amount_only:
        return ""
    return unit.label if unit is not None else ""


def _per(own: str, unit: str) -> str:
    """Return a unit per another, "" where either is not declared."""
    if not own or not unit:
        return ""
    try:
        return parse_unit(f"({own})/({unit})").label
    except UnitError:
        return ""
