"""The verb ``predict``: a data set in, one individual prediction per observation record out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.compiled import LOCK, Compiled, compile_for, state_scales
from sbmlqsp.course import Course, DoseValues, plan_course
from sbmlqsp.course_runner import CourseJob, CourseRunner, movable
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DataError, ExperimentError, QSPError, SimulationError, did_you_mean
from sbmlqsp.experiment import symbol_of
from sbmlqsp.model import Model, dotted
from sbmlqsp.prediction.eventful import EventfulRunner
from sbmlqsp.prediction.links import Link, link
from sbmlqsp.prediction.settings import Settings, read_settings
from sbmlqsp.readout import read_out, wanted
from sbmlqsp.records import Records
from sbmlqsp.runner import FAILED, STATUS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PlannedCourse", "Predictor", "predict"]


def predict(
    model: Model,
    data: Records,
    *,
    parameters: Any = None,
    compartments: Mapping[Any, str] | str | None = None,
    observables: Any = None,
    records: str = "observations",
    molar_mass: str | None = None,
    on_failure: str = "raise",
    tolerances: Tolerances | None = None,
) -> pd.DataFrame:
    r"""Predict every observation of a data set, with NONMEM's rules of dosing.

    Parameters
    ----------
    model : Model
    data : Records
        From ``read_nonmem``. Covariates that have the name of a symbol set that symbol.
    parameters : mapping or DataFrame, optional
        In the model's units. Keys are symbol paths; ``"F(target)"``, ``"ALAG(target)"``, ``"R(target)"`` and
        ``"D(target)"`` (bioavailability, lag, modelled rate and duration; also ``"F1"`` … where ``compartments``
        numbers them); and free names for formulas to read. Values are numbers, texts with a unit, formulas over
        covariates such as ``"TVCL*(WT/70)**0.75"``, a Series by subject ID, or an array or a column of ``data.table``
        with one value per record. What changes from record to record changes there and nowhere else: for the way that
        ends at the record, as in NONMEM, unless the data say ``carry="last"``. A DataFrame has one row per subject.
    compartments : mapping or str, optional
        What CMT stands for, such as ``{1: "depot", 2: "central"}``; the first is the default dose compartment. A text
        takes all doses.
    observables : str, Observable or mapping
        What DV observes; by DVID (or CMT) where there are several.
    records : {"observations", "all"}
        Which records to predict; that of a dose record includes the dose.
    molar_mass : str, optional
        To go from doses in mass to amounts of substance.
    on_failure : {"raise", "record"}
        Raise at the first failed subject, or keep its rows as NaN with a status and a message.
    tolerances : Tolerances, optional

    Returns
    -------
    DataFrame
        LINE, ID, TIME, DVID, DV and IPRED (in the unit of DV, where the data give one), ``status`` (0: fine) and
        ``message``; one row per record, in the order of the file. Reading ``attrs["units"]`` gives the units by DVID.

    Raises
    ------
    DataError, DosingError, ExperimentError, UnitError
        The data, a name or a unit do not fit the model.
    SimulationError
        A subject's run failed.

    See Also
    --------
    Predictor : The same for many sets of parameters, prepared once.

    References
    ----------
    NONMEM Users Guide, part VI: PREDPP (ICON). The rules followed are listed in ``validation/nonmem/RULES.md``.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> data = qsp.read_nonmem("ID,TIME,AMT,II,ADDL,DV\n1,0,100,24,1,.\n1,24,.,.,.,9.5\n")
    >>> qsp.predict(model, data, compartments="S", observables="S")["IPRED"].round(4).tolist()
    [109.0718]
    """
    predictor = Predictor(
        model, data, compartments=compartments, observables=observables, records=records, molar_mass=molar_mass
    )
    return predictor.table(parameters, on_failure=on_failure, tolerances=tolerances)


@dataclass(frozen=True)
class PlannedCourse:
    """A subject's course, what would run it, every symbol at the start by row of parameters, and what set them."""

    job: CourseJob
    runner: CourseRunner | EventfulRunner
    env: Mapping[str, Any]
    overrides: Mapping[str, Any]


class Predictor:
    r"""A model and a data set made ready once, to be predicted with many sets of parameters.

    Parameters
    ----------
    model, data, compartments, observables, records, molar_mass
        As in ``predict``.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> data = qsp.read_nonmem("ID,TIME,AMT,DV\n1,0,100,.\n1,10,.,9.5\n")
    >>> ready = qsp.Predictor(model, data, compartments="S", observables="S")
    >>> [float(ready({"k": k})[0].round(3)) for k in (0.1, 0.2)]
    [36.788, 13.534]
    """

    def __init__(
        self,
        model: Model,
        data: Records,
        *,
        compartments: Mapping[Any, str] | str | None = None,
        observables: Any = None,
        records: str = "observations",
        molar_mass: str | None = None,
    ) -> None:
        if not isinstance(model, Model):
            raise ExperimentError(
                "predict needs a model", value=type(model).__name__, expected="a Model, as load or read_antimony return"
            )
        if not isinstance(data, Records):
            raise ExperimentError(
                "predict needs a data set", value=type(data).__name__, expected="Records, as read_nonmem returns"
            )
        self.model, self.data, self._compartments = model, data, compartments
        self.link: Link = link(
            model, data, compartments=compartments, observables=observables, records=records, molar_mass=molar_mass
        )
        self._movable = movable(model.network)
        self._courses: list[OrderedDict[Any, Course]] = [OrderedDict() for _ in self.link.entries]

    def __call__(self, parameters: Any = None) -> Any:
        """Return the predictions as an array, one per output record; a failed subject raises."""
        values, status, messages = self.run(parameters)
        self._raise_first(status, messages)
        return values

    def table(
        self, parameters: Any = None, *, on_failure: str = "raise", tolerances: Tolerances | None = None
    ) -> pd.DataFrame:
        """Return the predictions as ``predict`` does."""
        if on_failure not in {"raise", "record"}:
            raise ExperimentError("no such way to handle failures", value=on_failure, expected="'raise' or 'record'")
        values, status, messages = self.run(parameters, tolerances=tolerances, record=on_failure == "record")
        if on_failure == "raise":
            self._raise_first(status, messages)
        out: pd.DataFrame = self.data.table.iloc[self.link.outputs][["LINE", "ID", "TIME", "DVID", "DV"]].reset_index(
            drop=True
        )
        subject = np.concatenate([np.full(len(p), k) for k, p in enumerate(self.link.places)])[self.link.outputs]
        out["IPRED"] = values
        out["status"] = status[subject] if len(subject) else np.array([], dtype=int)
        out["message"] = [messages[k] for k in subject]
        out.attrs["units"] = {o.id: o.unit or "" for o in self.link.observables}
        return out

    def _raise_first(self, status: Any, messages: Sequence[str]) -> None:
        if status.any():
            k = int(np.argmax(status > 0))
            raise SimulationError(
                f"subject {self.data.subjects[k]} failed: {STATUS[int(status[k])]}; {messages[k]}",
                remedy="check that subject's parameters, or keep the others with on_failure='record'",
            )

    def run(
        self, parameters: Any = None, *, tolerances: Tolerances | None = None, record: bool = False
    ) -> tuple[Any, Any, list[str]]:
        """Return predictions, and status and message of each subject."""
        settings = self._settings(parameters)
        count = len(self.link.entries)
        status, messages = np.zeros(count, dtype=np.int8), [""] * count
        with LOCK, quiet():
            compiled, runner, scales = self._runner(settings)
            block = np.full((len(self.link.outputs), len(compiled.columns)), np.nan)
            output = 0
            for k in range(count):
                used = sum(e.output >= 0 for e in self.link.entries[k])
                out = block[output : output + used]
                try:
                    course, rows = self._course(k, settings, self._switches(runner, settings, k))
                    job = CourseJob(course, rows, scales(k))
                    status[k], messages[k] = runner.subject(job, out, tolerances or Tolerances())
                except QSPError as err:
                    if not record:
                        raise
                    status[k], messages[k] = FAILED, str(err)
                if status[k]:
                    out[:] = np.nan
                output += used
        return self._observed(compiled.columns, block), status, messages

    def courses(self, parameters: Any = None, *, subjects: Sequence[Any] | None = None) -> dict[Any, PlannedCourse]:
        """Return the courses of subjects, by ID, instead of running them, for those who write them down.

        Discontinuities of the model itself do not cut them.
        """
        known = {s: k for k, s in enumerate(self.data.subjects)}
        for s in subjects or ():
            if s not in known:
                raise DataError("the data have no such subject", value=s, remedy=did_you_mean(str(s), map(str, known)))
        settings = self._settings(parameters)
        out = {}
        with LOCK, quiet():
            compiled, runner, scales = self._runner(settings)
            for s in known if subjects is None else subjects:
                course, rows = self._course(known[s], settings, ())
                out[s] = PlannedCourse(
                    CourseJob(course, rows, scales(known[s])), runner, compiled.env, settings.overrides
                )
        return out

    def _refuse_unmovable(self, settings: Settings) -> None:
        """Refuse what changes from record to record although only the start of a subject reads it."""
        fixed = [k for k in settings.overrides if symbol_of(k) not in self._movable]
        for key in fixed:
            for places in self.link.places:
                values = settings.overrides[key][settings.row[places]]
                if np.ptp(values) > 0:
                    raise ExperimentError(
                        f"'{dotted(symbol_of(key))}' changes from record to record, but the model moves it by itself",
                        where=f"subject {self.data.table['ID'].iloc[places[0]]}",
                        remedy="give it one value per subject, which is where it starts",
                    )

    # ------------------------------------------------------------------------------------------------------- preparing
    def _settings(self, parameters: Any) -> Settings:
        settings = read_settings(parameters, self.model, self.data, compartments=self._compartments)
        self._refuse_unmovable(settings)
        return settings

    def _runner(self, settings: Settings) -> tuple[Compiled, CourseRunner | EventfulRunner, Any]:
        env = initial_state(self.model.network, settings.overrides)
        outputs = wanted(self.model, self.link.observables)
        compiled = compile_for(self.model, targets=self.link.targets, outputs=outputs, env=env, size=settings.size)
        runner = EventfulRunner(compiled) if self.model.network.events else CourseRunner(compiled)
        scales = self._scales(compiled.machine, env, settings)
        return compiled, runner, lambda k: dict(zip(compiled.machine.states, scales[k], strict=True))

    def _scales(self, machine: Any, env: Mapping[str, Any], settings: Settings) -> Any:
        """Return each state's own scale for each subject, from its first row of parameters and its largest doses."""
        firsts = settings.row[[p[0] for p in self.link.places]]
        mine = {n: v[firsts] if np.ndim(v) else v for n, v in env.items()}
        largest = np.zeros((len(firsts), len(self.link.targets)))
        for k, entries in enumerate(self.link.entries):
            for e in entries:
                if e.target in self.link.targets:
                    j = self.link.targets.index(e.target)
                    largest[k, j] = max(largest[k, j], e.amount)
        return state_scales(machine.states, mine, self.link.targets, largest, len(firsts))

    def _course(self, k: int, settings: Settings, switches: Sequence[Any]) -> tuple[Course, list[int]]:
        """Return a subject's course, planned anew only where something that shapes it has changed."""
        rows = settings.row[self.link.places[k]].tolist()
        local = list(dict.fromkeys(rows))
        dosing = tuple((key, tuple(np.asarray(v)[local].tolist())) for key, v in settings.dosing.items())
        key = (tuple(local.index(r) for r in rows) if len(local) > 1 else (), dosing, repr(switches))
        known = self._courses[k]
        if key not in known:
            entries = [replace(e, row=local.index(r)) for e, r in zip(self.link.entries[k], rows, strict=True)]
            known[key] = self._planned(entries, local, settings, switches)
            while len(known) > 4:
                known.popitem(last=False)
        return known[key], local

    def _switches(
        self, runner: CourseRunner | EventfulRunner, settings: Settings, k: int
    ) -> Sequence[tuple[float, Mapping[str, float]]]:
        times = [e.time * self.link.scale for e in self.link.entries[k]]
        return runner.switches(settings.row[self.link.places[k]], min(times), max(times))

    def _planned(self, entries: Any, local: list[int], settings: Settings, switches: Sequence[Any]) -> Course:
        scale, first = self.link.scale, min(e.output for e in entries if e.output >= 0) if entries else 0
        own = [replace(e, output=e.output - first if e.output >= 0 else -1) for e in entries]

        def values(row: int, target: str) -> DoseValues:
            v = settings.dose_values(local[row], target)
            return replace(v, lag=v.lag / scale, rate=v.rate * scale, duration=v.duration / scale)

        timed = [(t / scale, v) for t, v in switches]
        return plan_course(own, values, carry=self.data.carry, switches=timed, scale=scale)

    def _observed(self, names: Sequence[str], block: Any) -> Any:
        columns = {c: block[:, i] for i, c in enumerate(names)}
        time = self.data.table["TIME"].to_numpy(dtype=float)[self.link.outputs] * self.link.scale
        out = np.full(len(block), np.nan)
        for i, o in enumerate(self.link.observables):
            mine = self.link.which == i
            picked = {c: v[mine] for c, v in columns.items()}
            out[mine] = read_out(o, self.model, columns=picked, time=time[mine], shape=(int(mine.sum()),))
        return out
