"""The ``PetabProblem`` noun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sbmlqsp.errors import DataError, did_you_mean
from sbmlqsp.exchange.petab.checking import check_problem
from sbmlqsp.exchange.petab.nouns import Condition, Period, PetabObservable, PetabParameter
from sbmlqsp.exchange.petab.runs import Runs
from sbmlqsp.exchange.petab.scoring import PetabScore, scored
from sbmlqsp.model import Model, flat_id
from sbmlqsp.populations import Population

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PetabProblem"]


@dataclass(frozen=True, repr=False, eq=False)
class PetabProblem:
    r"""A model, what was measured under which conditions, and which parameters are unknown.

    Read one with ``read_petab``, or make one with ``petab_problem``. Whatever version was read, it is held in the
    notions of version 2.

    Parameters
    ----------
    models : mapping of str to Model
        By id.
    observables, conditions, parameters : mapping
        By id.
    experiments : mapping of str to tuple of Period
        By id, in order of time; the time of a steady state before is minus infinity.
    measurements : DataFrame
        One row per measurement: ``observableId``, ``experimentId`` (``""``: the model as it is), ``time`` (inf: at
        steady state), ``measurement``, ``observableParameters``, ``noiseParameters``, ``modelId``, and what else the
        file has.
    mapping : mapping of str to str
        Ids of model entities by the ids that stand for them.
    version : {1, 2}
        The version of PEtab that it was read from.
    columns : tuple of str
        Those of the measurement table as read.
    places : tuple of str
        Where each measurement is, for messages.
    population : Population, optional
        How subjects differ, from the extension ``sbmlqsp_population``.
    ignored : tuple of str
        Names of extensions that the problem does not require and that are not known here.
    id : str

    Raises
    ------
    DataError
        Something refers to what is not there, or contradicts itself: file, line and remedy.
    UnsupportedError
        Something has a meaning that cannot be given to it here.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> data = qsp.read_nonmem("ID,TIME,DV\n1,0,9.5\n1,5,6.5\n")
    >>> problem = qsp.petab_problem(
    ...     model, data, observables=qsp.Observable("S", error=qsp.ErrorModel(additive=0.5)),
    ...     estimate=[qsp.PetabParameter("k", 0.1, lower=0.01, upper=1)],
    ... )
    >>> problem.simulate()["simulation"].round(4).tolist()
    [10.0, 6.0653]
    >>> round(problem.score({"k": 0.1}).chi2, 4)
    1.7558
    """

    models: Mapping[str, Model]
    observables: Mapping[str, PetabObservable]
    measurements: pd.DataFrame
    parameters: Mapping[str, PetabParameter]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    experiments: Mapping[str, tuple[Period, ...]] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    version: int = 2
    columns: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    population: Population | None = None
    ignored: tuple[str, ...] = ()
    id: str = ""

    def __post_init__(self) -> None:
        check_problem(self)

    @cached_property
    def _runs(self) -> Runs:
        return Runs(self)

    @property
    def estimated(self) -> tuple[str, ...]:
        """The ids of the parameters to estimate, in the order of the table."""
        return tuple(p.id for p in self.parameters.values() if p.estimate)

    def values(self, parameters: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the value of every parameter: those given, and the nominal values of the others.

        Raises
        ------
        DataError
            A parameter is unknown, or has no value.
        """
        given = {flat_id(k): v for k, v in (parameters or {}).items()}
        for name in given:
            if name not in self.parameters:
                raise DataError(
                    "the problem has no such parameter", value=name, remedy=did_you_mean(name, self.parameters)
                )
        out = {n: given.get(n, p.value) for n, p in self.parameters.items()}
        for name, value in out.items():
            if value is None:
                raise DataError(
                    f"the parameter '{name}' has no nominal value", where=self.parameters[name].where or None,
                    remedy=f"give it one: parameters={{'{name}': …}}",
                )  # fmt: skip
        return {n: float(v) for n, v in out.items() if v is not None}

    def simulate(self, parameters: Mapping[str, float] | None = None) -> pd.DataFrame:
        """Simulate every measurement.

        Parameters
        ----------
        parameters : mapping of str to float, optional
            Values by id, as the model has them whatever the scale; nominal values for the others.

        Returns
        -------
        DataFrame
            PEtab's table of simulations: the columns and rows of the measurements, with ``simulation`` in place of
            ``measurement``.

        Raises
        ------
        DataError
            A parameter is unknown or has no value.
        SimulationError
            A run failed, or a steady state is not reached: which experiment, when and why.
        """
        table = self.measurements[list(self.columns)].copy()
        simulated = self._runs(self.values(parameters)).simulated
        table.insert(list(self.columns).index("measurement"), "simulation", simulated)
        return table.drop(columns="measurement")

    def score(self, parameters: Mapping[str, float] | None = None) -> PetabScore:
        """Compare simulations with measurements.

        Parameters
        ----------
        parameters : mapping of str to float, optional
            As in `simulate`.

        Returns
        -------
        PetabScore
            χ², log-likelihood and log-prior.

        Raises
        ------
        DataError, SimulationError
            As in `simulate`; or a noise is not positive, or a logarithm has no value: which measurement.
        """
        values = self.values(parameters)
        return scored(self, self._runs(values), values)

    def with_parameters(self, parameters: Iterable[PetabParameter]) -> PetabProblem:
        """Return the problem with some parameters replaced or added."""
        return replace(self, parameters={**self.parameters, **{p.id: p for p in parameters}})

    def __repr__(self) -> str:
        name = f" '{self.id}'" if self.id else ""
        models = ", ".join(f"'{m.id}'" for m in self.models.values())
        return (
            f"<PEtab problem{name} of version {self.version} on {models}: measurements {len(self.measurements)}, "
            f"observables {len(self.observables)}, experiments {self.measurements['experimentId'].nunique()}, "
            f"parameters {len(self.parameters)} ({len(self.estimated)} estimated)>"
        )
