"""``[[vpc]]``: measured data beside replicates of them, drawn from the study's population."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from sbmlqsp.errors import QSPError, StudyError, did_you_mean
from sbmlqsp.studies.analyses import Analysis, known_name, need_population

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure

    from sbmlqsp.observation import ErrorModel, Observable
    from sbmlqsp.records import Records
    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import Study
    from sbmlqsp.vpc import VPC

__all__ = ["Vpc"]

READING = ("columns", "units", "derive")
PERCENTILES = (5.0, 50.0, 95.0)


@dataclass(frozen=True)
class Vpc(Analysis):
    """A visual predictive check; ``reading`` goes to ``read_nonmem``, ``checking`` to ``vpc``."""

    SECTION: ClassVar[str] = "vpc"
    HEADING: ClassVar[str] = "Visual predictive check"

    file: str = ""
    reading: tuple[tuple[str, Any], ...] = ()
    compartments: Any = None
    observables: str | tuple[tuple[Any, str], ...] = ""
    errors: tuple[tuple[str, ErrorModel], ...] = ()
    occasion: str | None = None
    replicates: int = 200
    uncertainty: bool = False
    checking: tuple[tuple[str, Any], ...] = ()
    log: bool = False

    @classmethod
    def read(cls, keys: Keys, **common: Any) -> Self:
        """Return the analysis that the keys state."""
        return cls(
            **common, file=keys.need("file", str, example='"data.csv"'), reading=_reading(keys),
            compartments=_by_number(keys, "compartments"), observables=_observables(keys), errors=_errors(keys),
            occasion=keys.take("occasion", str), replicates=keys.take("replicates", int, 200),
            uncertainty=keys.take("uncertainty", bool, False), checking=_checking(keys),
            log=keys.take("log", bool, False),
        )  # fmt: skip

    def files(self) -> tuple[str, ...]:
        """Return the file of the measured data."""
        return (self.file,)

    def moved(self, names: Mapping[str, str]) -> Self:
        """Return the analysis with its file under another name."""
        return replace(self, file=names.get(self.file, self.file))

    def check(self, study: Study) -> None:
        """Refuse an observable there is not, and a study without a population."""
        where, ids = f"[[vpc]] '{self.id}'", [o.id for o in study.observables]
        for name in [*self._names(ids), *(n for n, _ in self.errors)]:
            known_name(self, name, ids, "observable")
        if not self.observables and len(ids) != 1:
            raise StudyError("it is not said what the data observe", where=where,
                             remedy='write observables = "C", or by DVID observables = {1 = "C", 2 = "R"}')  # fmt: skip
        for name in self._names(ids):
            if name not in dict(self.errors):
                raise StudyError(f"the observable '{name}' has no residual error", where=where,
                                 remedy=f"write errors = {{{name} = {{proportional = 0.1}}}}")  # fmt: skip
        if study.population is None:
            raise StudyError("a visual predictive check needs a population", where=where,
                             remedy='write [population] with file = "population.toml" and size = 1000')  # fmt: skip

    def _names(self, ids: Sequence[str]) -> list[str]:
        if isinstance(self.observables, tuple):
            return [name for _, name in self.observables]
        return [self.observables] if self.observables else list(ids[:1])

    def table(self, outcome: Outcome) -> pd.DataFrame:
        """Return observed percentiles beside those of the replicates; the whole check is in its ``attrs``."""
        from sbmlqsp.vpc import simulate_records, vpc

        study, data = outcome.study, self._data(outcome)
        population, fixed = need_population(self, outcome), dict(study.changes)
        seen, errors = self._observed(outcome)
        replicates = simulate_records(
            outcome.model, data, population=population, errors=errors, observables=seen, compartments=self.compartments,
            parameters={k: v for k, v in fixed.items() if k not in population.parameters}, occasion=self.occasion,
            replicates=self.replicates, seed=study.seed, uncertainty=self.uncertainty, on_failure=study.on_failure,
            tolerances=study.tolerances,
        )  # fmt: skip
        found = vpc(data, replicates, **dict(self.checking))
        table = found.percentiles.copy()
        table.attrs["vpc"] = found
        return table

    def _data(self, outcome: Outcome) -> Records:
        from sbmlqsp.exchange.nonmem import read_nonmem

        return read_nonmem(outcome.study.path(self.file), **dict(self.reading))

    def _observed(self, outcome: Outcome) -> tuple[Any, Any]:
        """Return observables and errors as ``simulate_records`` takes them."""
        known: dict[str, Observable] = {o.id: o for o in outcome.experiments[0].observables}
        errors = dict(self.errors)
        if isinstance(self.observables, tuple):
            return {d: known[n] for d, n in self.observables}, {d: errors[n] for d, n in self.observables}
        (name,) = self._names(list(known))
        return known[name], errors[name]

    def figure(self, table: pd.DataFrame, outcome: Outcome) -> Figure:
        """Draw the check."""
        from sbmlqsp.plot.vpc import vpc

        known = {o.id: o.meaning or o.id for o in outcome.experiments[0].observables}
        names: Any = known[self._names(list(known))[0]]
        if isinstance(self.observables, tuple):
            names = {d: known[n] for d, n in self.observables}
        return vpc(_check(table), log=self.log, title=self.title or None, ylabel=names)

    def note(self, table: pd.DataFrame, outcome: Outcome) -> str:  # noqa: ARG002
        """Return how many percentiles lie outside."""
        return _check(table).in_words()


def _check(table: pd.DataFrame) -> VPC:
    found: VPC = table.attrs["vpc"]
    return found


# ---------------------------------------------------------------------------------------------------------------- keys
def _reading(keys: Keys) -> tuple[tuple[str, Any], ...]:
    """Return what the reader of the data is told."""
    out: dict[str, Any] = {name: dict(keys.table(name).rest()) or None for name in READING}
    out |= {"ignore": keys.take("ignore", (str, list)), "cens": keys.take("cens", str)}
    return tuple((k, v) for k, v in out.items() if v is not None)


def _by_number(keys: Keys, name: str) -> Any:
    """Return a text, or a table whose keys may be numbers, which TOML writes as texts."""
    given = keys.take(name, (str, dict))
    return {_numbered(k): v for k, v in given.items()} if isinstance(given, Mapping) else given


def _numbered(key: str) -> int | str:
    return int(key) if re.fullmatch(r"\d+", key) else key


def _observables(keys: Keys) -> str | tuple[tuple[Any, str], ...]:
    given = _by_number(keys, "observables")
    if isinstance(given, Mapping):
        return tuple((k, str(v)) for k, v in given.items())
    return str(given or "")


def _errors(keys: Keys) -> tuple[tuple[str, ErrorModel], ...]:
    from sbmlqsp.observation import ErrorModel

    known = ("additive", "proportional", "scale")
    out = []
    for name, given in keys.table("errors").rest().items():
        where = f"errors of '{name}' of {keys.where}"
        if not isinstance(given, Mapping):
            raise StudyError("a residual error is no table", value=given, where=where, expected="{proportional = 0.1}")
        if strange := [k for k in given if k not in known]:
            raise StudyError(f"there is no key '{strange[0]}'", where=where, remedy=did_you_mean(strange[0], known))
        try:
            out.append((name, ErrorModel(**given)))
        except (QSPError, TypeError) as err:
            what = err.what if isinstance(err, QSPError) else "a residual error is no number"
            raise StudyError(what, value=dict(given), where=where, expected="{proportional = 0.1}") from None
    return tuple(out)


def _checking(keys: Keys) -> tuple[tuple[str, Any], ...]:
    """Return what the check is told."""
    out: dict[str, Any] = {
        "bins": keys.take("bins", (str, int, list), "auto"), "time": keys.take("time", str, "TIME"),
        "strata": keys.texts("strata"), "percentiles": tuple(keys.take("percentiles", list, list(PERCENTILES))),
        "confidence": keys.take("confidence", float, 0.95), "corrected": keys.take("corrected", (bool, str), False),
    }  # fmt: skip
    for name in ("lloq", "uloq"):
        given = keys.take(name, (float, dict))
        out[name] = {_numbered(k): v for k, v in given.items()} if isinstance(given, Mapping) else given
    return tuple(out.items())
