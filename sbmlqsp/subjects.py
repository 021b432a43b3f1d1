"""The table of subjects: one row each, columns of parameters, initial values and covariates."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.course_runner import movable
from sbmlqsp.engine.network import Network
from sbmlqsp.errors import DataError, ExperimentError, ModelError, QSPError, did_you_mean
from sbmlqsp.experiment import Experiment, resolve_setting, symbol_of
from sbmlqsp.expressions import parse_formula
from sbmlqsp.model import dotted, flat_id
from sbmlqsp.occasions import LEVELS, Rows
from sbmlqsp.populations import Population

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Subjects", "SubjectsWarning", "dose_symbols", "individual_of", "read_subjects", "without_volume"]

ID_COLUMNS = ("subject", "id")


class SubjectsWarning(UserWarning):
    """A column of the subjects does nothing to the model."""


@dataclass(frozen=True)
class Subjects:
    """Ids, the table as given (without its id column), and the columns that set the model.

    Where subjects change on the way, ``rows`` says which rows are whose, and table and numbers have one entry per row.
    """

    ids: tuple[Any, ...]
    table: pd.DataFrame | None
    numbers: Mapping[str, Any]
    rows: Rows | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def overrides(self, experiment: Experiment) -> dict[str, Any]:
        """Return the columns that are symbols of the experiment's model, by flat key."""
        network = experiment.model.network
        return {
            resolve_setting(experiment.model, c): v
            for c, v in self.numbers.items()
            if flat_id(symbol_of(c)) in network.symbols
        }

    def some(self, positions: Any) -> Subjects:
        """Return the subjects at some positions."""
        rows, places = (None, positions) if self.rows is None else self.rows.some(positions)
        table = None if self.table is None else self.table.iloc[places]
        numbers = {k: np.asarray(v)[places] for k, v in self.numbers.items()}
        return Subjects(tuple(self.ids[i] for i in positions), table, numbers, rows)

    def changing(self, values: Any) -> Any:
        """Return the first subject within whom one value per row is not the same throughout, or None."""
        if self.rows is None or not np.ndim(values):
            return None
        first = np.repeat(self.rows.first[:-1], np.diff(self.rows.first))
        other = np.asarray(values) != np.asarray(values)[first]
        if not other.any():
            return None
        return self.ids[int(np.searchsorted(self.rows.first, np.argmax(other), side="right")) - 1]

    def described(self) -> tuple[pd.DataFrame | None, dict[str, Any]]:
        """Return the table of what each subject keeps, and what varies within subjects, of shape (subjects, rows)."""
        if self.rows is None or self.table is None:
            return self.table, {}
        kept = self.table.iloc[self.rows.first[:-1]]
        kept = kept[[c for c in kept.columns if c in self.rows.fixed]].droplevel(1)
        moving = [c for c in self.table.columns if c not in self.rows.fixed]
        return kept, {c: self.rows.padded(self.table[c].to_numpy()) for c in moving}


def read_subjects(table: Any, experiments: tuple[Experiment, ...], *, drawn: Population | None = None) -> Subjects:
    """Check a table of subjects against the models it is for.

    Parameters
    ----------
    table : DataFrame, mapping or None
        The index, or a column ``subject`` or ``ID``, names the subjects. None is one subject with the model's values.
        Where it has a second level, or subjects repeat beside a column, ``time`` or ``occasion``, a subject has several
        rows, each of which holds from that time (in the model's unit) or from the beginning of that occasion on.
    drawn : Population, optional
        Where the table was drawn from: its parameters must be symbols of the model, its covariates need not be.

    Raises
    ------
    DataError
        The table is empty, ids repeat, a value is missing, or a column is nearly but not quite a symbol.
    """
    if table is None:
        return Subjects((1,), None, {})
    import pandas as pd

    frame = _indexed(pd.DataFrame(table).copy())
    if frame.empty and not len(frame.index):
        raise DataError("the table of subjects is empty", expected="one row per subject")
    several = isinstance(frame.index, pd.MultiIndex)
    named = frame.index.get_level_values(0) if several else frame.index
    ids = tuple(i.item() if isinstance(i, np.generic) else i for i in named)
    rows = None
    if several:
        ids = tuple(dict.fromkeys(ids))
        frame = frame.loc[list(ids)] if list(named) != sorted(named, key=ids.index) else frame
        rows = Rows.of(frame, ids)
    elif len(set(ids)) != len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise DataError(
            "a subject appears twice", value=twice, where="the table of subjects",
            remedy="give one row per subject, or say by a column 'time' or 'occasion' when each row begins",
        )  # fmt: skip
    frame.columns = frame.columns.map(str)
    sampled = "population" in getattr(table, "attrs", {})
    numbers = _numbers(frame, experiments, drawn, sampled=sampled)
    settings = [symbol_of(c) for c in numbers]
    for name in settings:
        if settings.count(name) > 1:
            raise DataError(
                f"two columns set '{name}', in two meanings", value=list(numbers), remedy="keep one of them"
            )
    return Subjects(ids, frame, numbers, rows)


def _indexed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table indexed by subject, and by time or occasion where a subject has several rows."""
    import pandas as pd

    if isinstance(frame.index, pd.MultiIndex):
        level = str(frame.index.names[1]).lower()
        if frame.index.nlevels != 2 or level not in LEVELS:
            raise DataError("the index of the subjects cannot be read", value=list(frame.index.names),
                            expected="subject, and 'time' or 'occasion' where there are several rows")  # fmt: skip
        return frame.rename_axis(index=["subject", level])
    for column in [c for c in frame.columns if str(c).lower() in ID_COLUMNS][:1]:
        frame = frame.set_index(column)
    if frame.index.is_unique:
        return frame
    for column in [c for c in frame.columns if str(c).lower() in LEVELS][:1]:
        frame = frame.set_index(column, append=True).rename_axis(index=["subject", str(column).lower()])
    return frame


def _numbers(
    frame: pd.DataFrame, experiments: tuple[Experiment, ...], drawn: Population | None, *, sampled: bool
) -> dict[str, Any]:
    symbols = {s for e in experiments for s in e.model.network.symbols}
    read = {n for e in experiments for n in dose_symbols(e)}
    out, unused = {}, []
    for column in frame.columns:
        used = flat_id(symbol_of(column)) in symbols
        if not used and column not in read:
            if drawn is None and not sampled:
                _refuse_near_miss(column, symbols)
                unused.append(column)
            elif drawn is not None and column in drawn.parameters:
                raise DataError(
                    f"the population '{drawn.id}' has a parameter '{column}', which is no symbol of the model",
                    remedy=did_you_mean(column, map(dotted, symbols)),
                )
            continue
        try:
            values = frame[column].to_numpy(dtype=float)
        except (TypeError, ValueError):
            raise DataError(f"the column '{column}' is not numeric", where="the table of subjects") from None
        bad = ~np.isfinite(values)
        if bad.any():
            raise DataError(
                f"the column '{column}' has a missing or infinite value",
                where=f"subject {frame.index[int(np.argmax(bad))]}",
                remedy="fill it in, or leave the subject out",
            )
        out[column] = values
    numeric = [c for c in unused if frame[c].dtype.kind in "fiu"]
    if numeric:
        warnings.warn(
            f"the columns {', '.join(numeric)} of the subjects set nothing in the model and are only carried along. "
            f"{did_you_mean(numeric[0], map(dotted, symbols))}",
            SubjectsWarning,
            stacklevel=4,
        )
    return out


def individual_of(experiment: Experiment, subjects: Subjects) -> dict[str, Any]:
    """Return what the subjects set, by flat key; refuse what cannot be set, or not so."""
    individual = subjects.overrides(experiment)
    for name in sorted({symbol_of(k) for k in individual} & {symbol_of(k) for k in experiment.overrides}):
        raise ExperimentError(
            f"'{dotted(name)}' is both changed by the experiment '{experiment.id}' and a column of the subjects",
            remedy="keep one of the two",
        )
    if subjects.rows is not None:
        may = movable(experiment.model.network)
        for key in individual:
            changing = subjects.changing(individual[key])
            if changing is not None and symbol_of(key) not in may:
                raise ExperimentError(
                    f"'{dotted(symbol_of(key))}' changes within a subject, but the model moves it by itself",
                    where=f"subject {changing}", remedy="give it one value per subject, which is where it starts",
                )  # fmt: skip
    return individual


def without_volume(network: Network, env: Mapping[str, Any], rows: int) -> dict[int, QSPError]:
    """Return the rows of parameters with a compartment of no positive size, where concentrations would mean nothing."""
    out: dict[int, QSPError] = {}
    for c in network.compartments:
        size = np.broadcast_to(np.asarray(env[c.id], dtype=float), (rows,))
        for row in np.flatnonzero(~(size > 0)).tolist():
            error = ModelError(f"the size of '{dotted(c.id)}' is not positive", value=float(size[row]))
            out.setdefault(row, error)
    return out


def dose_symbols(experiment: Experiment) -> set[str]:
    """Return the names that the formulas of a regimen read."""
    texts = [
        v for d in experiment.regimen for v in (d.amount, d.rate, d.duration, d.lag, d.bioavailability)
        if isinstance(v, str)
    ]  # fmt: skip
    return {n for t in texts for n in parse_formula(t).symbols()}


def _refuse_near_miss(column: str, symbols: set[str]) -> None:
    if symbol_of(column) != column:
        raise DataError(
            f"the column '{column}' of the subjects sets no symbol of the model",
            remedy=did_you_mean(symbol_of(column), map(dotted, symbols)),
        )
    lower = {dotted(s).lower(): dotted(s) for s in symbols}
    near = difflib.get_close_matches(column.lower(), list(lower), n=1, cutoff=0.85)
    if near:
        raise DataError(
            f"the column '{column}' of the subjects is no symbol of the model",
            remedy=f"did you mean '{lower[near[0]]}'? Rename the column, or rename it further away to carry it along",
        )
