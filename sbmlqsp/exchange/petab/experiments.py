"""A data set as PEtab version 2 experiments: conditions that doses and covariates set, periods, measurements."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sbmlqsp.course_runner import movable
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.libsbml import canonical
from sbmlqsp.engine.libsbml_doses import Inflow, write_doses
from sbmlqsp.engine.libsbml_starts import set_starts
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import DataError, UnsupportedError
from sbmlqsp.exchange.course_changes import Moment, Part, moments, parts, same_number, same_time
from sbmlqsp.exchange.petab.grammar import to_petab
from sbmlqsp.exchange.petab.observing import ObservableRows, observable_rows
from sbmlqsp.exchange.record_events import assignments, infusion_rate, rate_names, start_values
from sbmlqsp.exchange.saving import save
from sbmlqsp.expressions import sym
from sbmlqsp.model import Model, dotted
from sbmlqsp.prediction.predictor import PlannedCourse, Predictor
from sbmlqsp.records import Records

__all__ = ["APART", "HEADS", "experiment_tables", "write_petab_experiments"]

APART = 1e-9
"""How far apart, as a share of the time (or of 1), what happens at one time is put to keep its order."""

HEADS = {
    "conditions": ("conditionId", "targetId", "targetValue"),
    "experiments": ("experimentId", "time", "conditionId"),
    "observables": ("observableId", "observableFormula", "noiseFormula", "noiseDistribution"),
    "measurements": ("observableId", "experimentId", "time", "measurement"),
    "parameters": ("parameterId", "lowerBound", "upperBound", "nominalValue", "estimate"),
}


def write_petab_experiments(
    model: Model,
    data: Records,
    *,
    folder: str | os.PathLike[str],
    observables: Any,
    parameters: Any = None,
    compartments: Mapping[Any, str] | str | None = None,
    molar_mass: str | None = None,
) -> Path:
    r"""Write a data set and its model as a PEtab version 2 problem, by NONMEM's rules of dosing.

    Each subject is an experiment. Its periods begin where doses, infusions, resets or parameters change something, and
    their conditions say what: ``S + 5`` for a bolus, the rate of an infusion, the numbers of a steady state. Where
    resets set time back, each part of a subject is an experiment of its own.

    PEtab reads a measurement at the beginning of a period after its changes. Where the data observe before a dose of
    the same time, the order is kept by small distances: the last changes of a time happen at that time, and what comes
    before them in the data earlier by 1e-9 (of the time, or of 1 where it is less) per step.

    Parameters
    ----------
    model : Model
    data : Records
    folder : path
        Made if missing. Written are ``problem.yaml``, ``model.xml``, ``conditions.tsv``, ``experiments.tsv``,
        ``observables.tsv``, ``measurements.tsv`` and ``parameters.tsv``.
    observables : str, Observable or mapping
        What DV observes, as in `predict`. The error model of an ``Observable`` becomes its noise; without one the
        noise is a standard deviation named ``sd_…`` in ``parameters.tsv``, 1 in the unit of DV.
    parameters, compartments, molar_mass
        As in `predict`. What is the same for all becomes the model's value; all else is set by conditions.

    Returns
    -------
    Path
        That of ``problem.yaml``. In ``parameters.tsv`` every constant of the model that no condition sets has its
        value and ``estimate`` ``false``: which to estimate, and within what bounds, is yours to say. Conditions hold
        numbers, so that a steady state or a bioavailability does not follow a parameter that is estimated.

    Raises
    ------
    DataError
        No observation has a value, or one is censored, which PEtab cannot say.
    UnsupportedError
        A volume changes during an experiment although it holds concentrations, on which versions of PEtab differ.
    DosingError, ExperimentError, UnitError
        As in `predict`.

    References
    ----------
    PEtab data format specification, version 2: https://petab.readthedocs.io/en/latest/v2/documentation_data_format.html

    Examples
    --------
    >>> import tempfile
    >>> import pandas as pd
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> data = qsp.read_nonmem("ID,TIME,AMT,DV\n1,0,100,.\n1,8,50,.\n1,9,.,9.5\n")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_petab_experiments(model, data, folder=folder, compartments="S", observables="amount(S)")
    ...     tables = [pd.read_csv(path.parent / f"{n}.tsv", sep="\t") for n in ("experiments", "conditions")]
    >>> [table.to_numpy().tolist() for table in tables]  # doctest: +NORMALIZE_WHITESPACE
    [[['subject_1', 0.0, 'condition_1'], ['subject_1', 8.0, 'condition_2']],
     [['condition_1', 'S', '100.0'], ['condition_2', 'S', 'S + 50/default_compartment']]]
    """
    ready = Predictor(model, data, compartments=compartments, observables=observables, molar_mass=molar_mass)
    tables, sbml = experiment_tables(ready, parameters)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        save("".join("\t".join(row) + "\n" for row in [HEADS[name], *rows]), target / f"{name}.tsv")
    save(sbml, target / "model.xml")
    return save(_YAML, target / "problem.yaml")


def experiment_tables(
    ready: Predictor, parameters: Any, *, at_rest: bool = False
) -> tuple[dict[str, list[tuple[str, ...]]], str]:
    """Return the rows of every table under the columns `HEADS`, and the model's SBML.

    Where subjects start at steady state, each has a first period at time -inf, in which it comes to rest.
    """
    _refuse_censored(ready.data, ready.link.outputs)
    if at_rest:
        _refuse_at_rest(ready)
    planned = ready.courses(parameters)
    problem = _Problem(ready.model, ready, _common(ready.model.network, planned), at_rest=at_rest)
    for subject, course in planned.items():
        problem.enter(str(subject), course)
    return problem.tables(), problem.sbml()


_YAML = """format_version: 2.0.0
parameter_files: [parameters.tsv]
model_files:
  model:
    location: model.xml
    language: sbml
measurement_files: [measurements.tsv]
condition_files: [conditions.tsv]
experiment_files: [experiments.tsv]
observable_files: [observables.tsv]
"""


def _refuse_censored(data: Records, outputs: Any) -> None:
    table = data.table.iloc[outputs]
    censored = table[table["CENS"] != 0]
    if len(censored):
        row = censored.iloc[0]
        raise DataError(
            "an observation is censored, which PEtab cannot say",
            value=f"CENS {row['CENS']}",
            where=f"line {row['LINE']}, subject {row['ID']}",
            remedy="leave such records out when reading the data",
        )
    if not np.isfinite(table["DV"].to_numpy(dtype=float)).any():
        raise DataError("no observation has a value, and PEtab describes measurements", where=data.source or None)


def _refuse_at_rest(ready: Predictor) -> None:
    network, doses = ready.model.network, ready.data.table
    moving = frozenset(network.symbols) - network.static
    frozen = [n for n, e in network.initial_assignments.items() if n in network.static and e.symbols() & moving]
    what = f"'{dotted(frozen[0])}', which is computed from where the model starts," if frozen else ""
    what = what or ("a dose at steady state" if "SS" in doses and (doses["SS"] > 0).any() else "")
    if what:
        raise UnsupportedError(
            f"PEtab cannot say what {what} is beside a start at steady state", where=f"'{ready.model.id}'",
            remedy="write it as a rule over parameters" if frozen else "give the doses one by one",
        )  # fmt: skip


def _common(network: Network, planned: Mapping[Any, PlannedCourse]) -> dict[tuple[str, str], float]:
    """Return what is set to the same value for every subject and record, by symbol and kind of value."""
    one = next(iter(planned.values()))
    same = {k: v for k, v in one.overrides.items() if np.ptp(v) == 0.0}
    return start_values(PlannedCourse(one.job, one.runner, one.env, same), network, one.job.course.row)


@dataclass
class _Experiment:
    """Periods as (time, condition) and where its outputs are measured."""

    id: str
    periods: list[tuple[float, str]] = field(default_factory=list)
    seen: list[tuple[float, int]] = field(default_factory=list)


class _Problem:
    """Collects the tables of a problem."""

    def __init__(
        self, model: Model, ready: Predictor, common: Mapping[tuple[str, str], float], *, at_rest: bool
    ) -> None:
        self._at_rest = at_rest
        self._model, self._network, self._link = model, model.network, ready.link
        self._values = ready.data.table["DV"].to_numpy(dtype=float)[ready.link.outputs]
        self._common = common
        keys = {n if kind == "value" else f"{kind}({n})": v for (n, kind), v in common.items()}
        self._base = {k: float(v) for k, v in initial_state(self._network, keys).items()}
        self._rates = rate_names(self._network, self._link.targets)
        self._conditions: dict[tuple[tuple[str, str], ...], str] = {}
        self._experiments: list[_Experiment] = []
        self._measured: list[tuple[str, ...]] = []
        self._output = 0
        self._periods: list[tuple[float, tuple[tuple[str, str], ...]]] = []
        self._seen: ObservableRows = observable_rows(model, self._link.observables)

    # -------------------------------------------------------------------------------------------------------- entering
    def enter(self, subject: str, planned: PlannedCourse) -> None:
        """Enter the experiments of one subject."""
        course = planned.job.course
        all_parts = parts(course.stretches, course.row)
        own = re.sub(r"\W", "_", subject, flags=re.ASCII)
        stem = _free(f"subject_{own}", {e.id for e in self._experiments})
        for number, part in enumerate(all_parts, 1):
            name = stem if len(all_parts) == 1 else f"{stem}_part_{number}"
            experiment = self._experiment(name, planned, part)
            rows = list(self._measurements(experiment))
            if rows:  # what nothing is measured in is no part of the problem
                self._measured += rows
                self._experiments.append(experiment)
                for time, key in self._periods:
                    experiment.periods.append((time, self._condition(key)))
        self._output += sum(len(s.output) for s in course.stretches)

    def _experiment(self, name: str, planned: PlannedCourse, part: Part) -> _Experiment:
        out = _Experiment(name)
        self._periods = []
        for number, (time, moment) in enumerate(spread(moments(planned, self._network, part), name)):
            values = self._change(moment, name)
            if number == 0 and not self._at_rest:
                values = self._start(planned, part.row, moment)
            elif number == 0:
                rest = self._start(planned, part.row, replace(moment, states={}))
                self._periods.append((-math.inf, tuple(sorted(rest.items()))))
                values = self._change(replace(moment, values={}), name)
            values |= {self._rates[t]: repr(r) for t, r in moment.rates.items()}
            self._periods.append((time, tuple(sorted(values.items()))))
            out.seen += moment.seen
        return out

    def _condition(self, key: tuple[tuple[str, str], ...]) -> str:
        return self._conditions.setdefault(key, f"condition_{len(self._conditions) + 1}") if key else ""

    def _measurements(self, experiment: _Experiment) -> Iterator[tuple[str, ...]]:
        for time, output in experiment.seen:
            at = self._output + output
            if math.isfinite(self._values[at]):
                yield self._seen.ids[self._link.which[at]], experiment.id, repr(time), repr(float(self._values[at]))

    def _start(self, planned: PlannedCourse, row: int, moment: Moment) -> dict[str, str]:
        """Return all in which a beginning differs from the model's, in numbers: PEtab allows no more there."""
        network, at = self._network, planned.job.rows[row]
        env = {k: float(v[at] if getattr(v, "ndim", 0) else v) for k, v in planned.env.items()} | moment.values
        out = {n: repr(env[n]) for n in sorted(movable(network)) if not same_number(env[n], self._base[n])}
        states = [n for n in (*network.dynamic, *moment.states) if n not in network.assignment_rules]
        for name in dict.fromkeys(states):
            symbol = network.symbols[name]
            key = f"amount({name})" if symbol.kind == "species" else name
            number = env[key]
            if name in moment.states:
                shift = moment.states[name]
                number = number + shift.number if shift.adds else shift.number
            apart, before = symbol.kind == "species" and not symbol.amount_only, self._base[name]
            value = number / env[symbol.compartment] if apart else number
            if not same_number(value, before) or (apart and symbol.compartment in out and value):
                out[name] = repr(value)
        return out

    def _change(self, moment: Moment, where: str) -> dict[str, str]:
        changed = assignments(self._network, moment)
        for name in changed:
            if self._network.symbols[name].kind == "compartment":
                self._refuse_volume(name, where)
        return {n: to_petab(e) for n, e in changed.items()}

    def _refuse_volume(self, name: str, where: str) -> None:
        inside = [s.id for s in self._network.species if s.compartment == name and not s.amount_only]
        if inside:
            raise UnsupportedError(
                f"the volume '{dotted(name)}' changes while it holds '{dotted(inside[0])}', a concentration: versions "
                "of PEtab differ in what is kept then",
                where=where,
                remedy=f"declare '{dotted(inside[0])}' as an amount (substanceOnly in Antimony)",
            )

    # --------------------------------------------------------------------------------------------------------- writing
    def tables(self) -> dict[str, list[tuple[str, ...]]]:
        """Return the rows of every table."""
        return {
            "conditions": [(c, target, value) for key, c in self._conditions.items() for target, value in key],
            "experiments": [(e.id, repr(time), c) for e in self._experiments for time, c in e.periods],
            "observables": list(self._seen.rows),
            "measurements": self._measured,
            "parameters": [*self._constants(), *((n, "0.0", "inf", "1.0", "false") for n in self._seen.deviations)],
        }

    def _constants(self) -> Iterator[tuple[str, ...]]:
        n = self._network
        fixed = {target for key in self._conditions for target, _ in key} | n.dynamic
        fixed |= {*n.assignment_rules, *(n.initial_assignments.keys() - {name for name, _ in self._common})}
        for p in n.parameters:
            if p.id not in fixed and p.constant and math.isfinite(self._base[p.id]):
                yield p.id, "", "", repr(self._base[p.id]), "false"

    def sbml(self) -> str:
        """Return the model with what is common to all, and with an inflow into each target that is infused."""
        set_here = {target for key in self._conditions for target, _ in key}
        used = {t: name for t, name in self._rates.items() if name in set_here}
        text = write_doses(
            set_starts(self._model.sbml, self._common),
            self._network,
            quantities=[infusion_rate(self._network, t, name) for t, name in used.items()],
            inflows=[Inflow(name.removesuffix("_rate"), t, sym(name)) for t, name in used.items()],
            changes=[],
        )
        return canonical(text, where=f"'{self._model.id}' for PEtab")


def _free(name: str, taken: Iterable[str]) -> str:
    known = {re.sub(r"_part_\d+$", "", t) for t in taken} | set(taken)
    out, n = name, 2
    while out in known:
        out, n = f"{name}_{n}", n + 1
    return out


def spread(all_of_them: Iterable[Moment], where: str) -> list[tuple[float, Moment]]:
    """Return moments with times that keep their order, and their observations put where they belong.

    The first is the beginning; of the others those that change nothing are left out.
    """
    kept: list[Moment] = []
    for moment in all_of_them:
        if kept and not moment.changes():
            kept[-1].seen += moment.seen
        else:
            kept.append(moment)
    times = _times([m.time for m in kept])
    for k, moment in enumerate(kept):
        own, following = times[k], times[k + 1] if k + 1 < len(kept) else math.inf
        placed = []
        for time, output in moment.seen:
            if same_time(time, moment.time):
                placed.append((own, output))
            elif k + 1 < len(kept) and same_time(time, kept[k + 1].time):
                placed.append((following - _step(following), output))
            else:
                placed.append((time, output))
        moment.seen = placed
        if not all(own <= time < following for time in (own, *(t for t, _ in placed))):
            raise UnsupportedError("records lie too close together to keep their order", value=moment.time, where=where)
    return list(zip(times, kept, strict=True))


def _times(given: Sequence[float]) -> list[float]:
    out = list(given)
    for k in reversed(range(len(out) - 1)):
        if same_time(given[k], given[k + 1]):
            out[k] = out[k + 1] - _step(given[k])
    return out


def _step(time: float) -> float:
    return APART * max(1.0, abs(time))
