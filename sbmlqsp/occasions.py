"""When the parameters of a subject change: the stretches of a run, each with a row of parameters of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError, ExperimentError
from sbmlqsp.experiment import Experiment

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEVELS", "Rows", "Stretches"]

LEVELS = ("time", "occasion")


@dataclass(frozen=True)
class Rows:
    """The rows of a table in which a subject has several.

    Parameters
    ----------
    level : {"time", "occasion"}
        What tells the rows of a subject apart.
    first : ndarray of int, shape (subjects + 1,)
        Where each subject's rows begin, and where the last one's end.
    marks : ndarray, shape (rows,)
        Time from which a row holds, in the model's unit, or the number of its occasion.
    fixed : frozenset of str
        The columns that are the same in all rows of every subject of the whole table.
    width : int
        The most rows that a subject of the whole table has.
    """

    level: str
    first: Any
    marks: Any
    fixed: frozenset[str] = frozenset()
    width: int = 1

    @classmethod
    def of(cls, table: pd.DataFrame, ids: Sequence[Any]) -> Rows:
        """Return the rows of a table that is indexed by subject and time or occasion, subjects in order."""
        index = table.index
        level = str(index.names[1])
        marks = index.get_level_values(1).to_numpy(dtype=float)
        position = {who: k for k, who in enumerate(ids)}
        owner = np.array([position[who] for who in index.get_level_values(0)])
        first = np.searchsorted(owner, np.arange(len(ids) + 1))
        begin = 0.0 if level == "time" else 1.0
        for k, who in enumerate(ids):
            own = marks[first[k] : first[k + 1]]
            good = own[0] == begin and (np.diff(own) > 0).all() if level == "time" else _counted(own)
            if not good:
                raise DataError(
                    f"the {level}s of subject {who} do not begin at {begin:g} and rise", value=own.tolist()[:8],
                    where="the table of subjects", expected="1, 2, 3, …" if level == "occasion" else "0, then later",
                )  # fmt: skip
        start = np.repeat(first[:-1], np.diff(first))
        fixed = [str(c) for c in table.columns if _same(table[c].to_numpy(), table[c].to_numpy()[start])]
        return cls(level, first, marks, frozenset(fixed), int(np.diff(first).max()))

    def some(self, positions: Any) -> tuple[Rows, Any]:
        """Return the rows of some subjects, and their places among all rows."""
        spans = [np.arange(self.first[i], self.first[i + 1]) for i in positions]
        places = np.concatenate(spans) if spans else np.empty(0, dtype=int)
        first = np.concatenate([[0], np.cumsum([len(s) for s in spans])]).astype(int)
        return replace(self, first=first, marks=self.marks[places]), places

    def padded(self, values: Any) -> Any:
        """Return values by row as an array of shape (subjects, width); where a subject has fewer, the last again."""
        people = len(self.first) - 1
        place = self.first[:-1, None] + np.arange(self.width)[None, :]
        return np.asarray(values)[np.minimum(place, self.first[1:, None] - 1)].reshape(people, self.width)

    @property
    def there(self) -> Any:
        """Which of the padded values a subject has."""
        return np.arange(self.width)[None, :] < np.diff(self.first)[:, None]

    def starts(self, experiment: Experiment) -> Any:
        """Return from which time of an experiment each row holds; infinity for occasions that it does not have."""
        if self.level == "time":
            return self.marks
        begins = np.array([*_occasions(experiment), *[np.inf] * int(self.marks.max())])
        lacking = len(experiment.occasions) - int(min(self.marks[self.first[1:] - 1]))
        if lacking > 0:
            raise DataError(
                f"the experiment '{experiment.id}' has {len(experiment.occasions)} occasions, and a subject has fewer",
                remedy="give every subject a row for each occasion",
            )
        return begins[self.marks.astype(int) - 1]


@dataclass(frozen=True)
class Stretches:
    """The rows of parameters of each subject in one experiment, and from when on they hold."""

    first: Any
    starts: Any

    @classmethod
    def of(cls, rows: Rows | None, experiment: Experiment, size: int) -> Stretches:
        """Return the stretches of an experiment; without rows every subject has one."""
        if rows is None:
            return cls(np.arange(size + 1), np.zeros(size))
        return cls(rows.first, rows.starts(experiment))

    @property
    def size(self) -> int:
        """How many rows there are."""
        return len(self.starts)

    def rows(self, i: int) -> Any:
        """Return the numbers of a subject's rows that the experiment reaches."""
        own = np.arange(self.first[i], self.first[i + 1])
        return own[np.isfinite(self.starts[own])]

    def begins(self, i: int) -> list[float]:
        """Return when a subject's rows begin."""
        begins: list[float] = self.starts[self.rows(i)].tolist()
        return begins

    def at(self, i: int, times: Sequence[float]) -> Any:
        """Return which of a subject's rows holds at each time."""
        return np.maximum(np.searchsorted(self.begins(i), times, side="right") - 1, 0)

    def choice(self, times: Sequence[float]) -> Any:
        """Return the number of the row that holds at each time, of shape (subjects, times)."""
        people = len(self.first) - 1
        if people == self.size:
            return np.repeat(self.first[:-1, None], len(times), axis=1)
        out = np.empty((people, len(times)), dtype=int)
        for i in range(people):
            out[i] = self.first[i] + self.at(i, times)
        return out

    @property
    def owners(self) -> Any:
        """The subject of each row."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))


def _same(values: Any, others: Any) -> bool:
    return all(a == b or (a != a and b != b) for a, b in zip(values.tolist(), others.tolist(), strict=True))  # noqa: PLR0124


def _counted(marks: Any) -> bool:
    return bool(np.array_equal(marks, np.arange(1, len(marks) + 1)))


def _occasions(experiment: Experiment) -> tuple[float, ...]:
    if not experiment.occasions:
        raise ExperimentError(
            f"the subjects vary between occasions, and the experiment '{experiment.id}' does not say when these begin",
            remedy="give Experiment(…, occasions=\"0:84 day by 28\"), occasions=\"doses\", or occasions=[0] for one",
        )  # fmt: skip
    return tuple(experiment.occasions)
