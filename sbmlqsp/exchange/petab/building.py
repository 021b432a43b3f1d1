"""The verb ``petab_problem``: a data set and its model as a PEtab problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean
from sbmlqsp.exchange.petab.experiments import HEADS, experiment_tables
from sbmlqsp.exchange.petab.nouns import PetabParameter
from sbmlqsp.exchange.petab.problem import PetabProblem
from sbmlqsp.exchange.petab.reading_second import problem_of
from sbmlqsp.exchange.petab.sheets import Row
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import Model, flat_id
from sbmlqsp.populations import Population
from sbmlqsp.prediction.predictor import Predictor
from sbmlqsp.reading import read_sbml
from sbmlqsp.records import Records
from sbmlqsp.records.doses_of import left_to_predict
from sbmlqsp.subjects import dose_symbols

__all__ = ["petab_problem"]


def petab_problem(
    model: Model | Experiment,
    data: Records,
    *,
    observables: Any = None,
    parameters: Any = None,
    compartments: Mapping[Any, str] | str | None = None,
    molar_mass: str | None = None,
    estimate: Iterable[PetabParameter] = (),
    population: Population | None = None,
    name: str = "",
) -> PetabProblem:
    r"""Make a PEtab problem of measured data and a model, for tools that estimate.

    Doses become conditions and their times periods, as `write_petab_experiments` has them; the error model of an
    observable becomes its noise.

    Parameters
    ----------
    model : Model or Experiment
        An experiment brings its model, changes, observables and regimen; the regimen is given to every subject of data
        that have no doses of their own. Where it starts at steady state, each subject has a first period at time -inf,
        so that its baseline follows the parameters that are estimated.
    data : Records
        What was measured.
    observables, parameters, compartments, molar_mass
        As in `predict`. An observable without an error model has a standard deviation that is a parameter, ``sd_…``.
    estimate : iterable of PetabParameter
        What is to be estimated, with bounds and priors. Where they give no value, that of the model stays.
    population : Population, optional
        How subjects differ, for the extension of version 2.
    name : str
        The id of the problem.

    Returns
    -------
    PetabProblem

    Raises
    ------
    DataError
        A parameter is no constant of the model that is the same for all, or what `write_petab_experiments` refuses.
    DosingError, ExperimentError, UnitError, UnsupportedError
        As in `write_petab_experiments`.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> arm = qsp.Experiment(
    ...     model, times=[0, 8], regimen="100 into S",
    ...     observables=qsp.Observable("amount(S)", error=qsp.ErrorModel(proportional=0.1)),
    ... )
    >>> data = qsp.read_nonmem("ID,TIME,DV\n1,1,88\n1,8,47\n")
    >>> problem = petab_problem(arm, data, estimate=[qsp.PetabParameter("k", lower=0.01, upper=1, scale="log10")])
    >>> problem.estimated, problem.parameters["k"].value
    (('k',), 0.1)
    """
    at_rest = False
    if isinstance(model, Experiment):
        arm, model = model, model.model
        at_rest = arm.at_rest
        if at_rest:
            _refuse_read(arm)
        observables = _observables(arm) if observables is None else observables
        data, own = _dosed(arm, data)
        named = own.pop("molar_mass", None)
        molar_mass = named if molar_mass is None else molar_mass
        parameters = (
            {**arm.changes, **own, **(parameters or {})} if isinstance(parameters, Mapping | None) else parameters
        )
    ready = Predictor(model, data, compartments=compartments, observables=observables, molar_mass=molar_mass)
    tables, sbml = experiment_tables(ready, parameters, at_rest=at_rest)
    rows = {name.removesuffix("s"): _rows(name, cells) for name, cells in tables.items()}
    problem = problem_of(rows, {"model": read_sbml(sbml)}, population=population, id=name)
    return problem.with_parameters([_chosen(problem, p) for p in estimate])


def _refuse_read(arm: Experiment) -> None:
    """Refuse doses that read where subjects rest, which data do not have."""
    network = arm.model.network
    read = [n for n in sorted(dose_symbols(arm)) if flat_id(n) in network.symbols and flat_id(n) not in network.static]
    if read:
        raise UnsupportedError(
            f"a dose reads '{read[0]}', which is where subjects rest, and data say nothing of it",
            where=f"'{arm.id}'", remedy="give the amounts as numbers, or by covariates",
        )  # fmt: skip


def _dosed(arm: Experiment, data: Records) -> tuple[Records, dict[str, Any]]:
    """Return data with the doses of an arm, and what of these a data set has no column for, as `predict` takes it."""
    if not len(arm.regimen):
        return data, {}
    names = ("lag", "bioavailability", "molar_mass")
    left = dict(left_to_predict(arm.regimen, names, data.units.get("TIME")))
    return data.with_doses(arm.regimen, leave_out=names), left


def _observables(arm: Experiment) -> Any:
    seen = arm.observables
    return seen[0] if len(seen) == 1 else dict(enumerate(seen, 1))


def _rows(name: str, cells: Iterable[tuple[str, ...]]) -> list[Row]:
    what = name.removesuffix("s")
    return [Row(dict(zip(HEADS[name], row, strict=True)), f"{what} {k + 1}") for k, row in enumerate(cells)]


def _chosen(problem: PetabProblem, p: PetabParameter) -> PetabParameter:
    """Return a parameter to estimate, with the model's value where it has none."""
    name = p.id
    if name not in problem.parameters:
        conditions = [c.id for c in problem.conditions.values() if name in c.changes]
        raise DataError(
            f"'{p.id}' is set for each subject on its own, so it cannot be estimated for all" if conditions
            else f"'{p.id}' is no parameter that could be estimated", where=conditions[0] if conditions else None,
            remedy="give it one value for all" if conditions else did_you_mean(name, problem.parameters),
        )  # fmt: skip
    known = problem.parameters[name]
    return replace(p, value=known.value if p.value is None else p.value)
