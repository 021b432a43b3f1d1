"""What is written as one repeated task: arms, subjects and cells that differ in values of parameters alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sbmlqsp.dosing import Dose, Regimen
from sbmlqsp.errors import ExperimentError, UnsupportedError
from sbmlqsp.exchange.sedml.preparing import Prepared, prepare, settable
from sbmlqsp.experiment import Experiment, symbol_of
from sbmlqsp.expressions import Expr, evaluate, num, parse_formula, substitute, to_infix
from sbmlqsp.model import dotted
from sbmlqsp.subjects import Subjects, dose_symbols, read_subjects

__all__ = ["MOST_FILES", "Group", "groups_of"]

MOST_FILES = 200
"""So many model files are written at most."""


@dataclass(frozen=True, slots=True)
class Group:
    """A model run once, or once for each of several values of parameters; ``labels`` name these runs."""

    id: str
    prepared: Prepared
    settings: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()

    def times(self, replicates: int) -> Group:
        """Return the group with every run made several times."""
        labels = self.labels or (self.id,)
        values = {k: tuple(x for x in v for _ in range(replicates)) for k, v in self.settings.items()}
        cells = tuple(f"{name}, cell {i}" for name in labels for i in range(1, replicates + 1))
        return replace(self, settings=values or {"": tuple(range(1, replicates + 1))}, labels=cells)


def groups_of(experiments: Sequence[Experiment], subjects: Any, replicates: int) -> list[Group]:
    """Return what is written, in the order of the experiments.

    Raises
    ------
    UnsupportedError
        More than 200 model files would be needed.
    """
    found = list(_of_subjects(experiments, subjects) if subjects is not None else _of_arms(experiments))
    if len(found) > MOST_FILES:
        raise UnsupportedError(
            f"the experiments need {len(found)} model files, one for each value of what tools would not follow",
            expected=f"at most {MOST_FILES}",
            remedy="vary parameters that neither initial values nor doses are computed from, or write fewer subjects",
        )  # fmt: skip
    return [g.times(replicates) for g in found] if replicates > 1 else found


# --------------------------------------------------------------------------------------------------------------- arms
def _of_arms(experiments: Sequence[Experiment]) -> Iterator[Group]:
    waiting = list(experiments)
    while waiting:
        first = waiting.pop(0)
        alike = [e for e in waiting if _same_but_values(first, e)]
        group = _together([first, *alike]) if alike else None
        if group is None:
            yield Group(first.id, prepare(first))
            continue
        waiting = [e for e in waiting if not any(e is a for a in alike)]
        yield group


def _same_but_values(a: Experiment, b: Experiment) -> bool:
    same = ("times", "regimen", "observables", "at_dose", "fates", "start")
    return (
        a.model.digest == b.model.digest
        and all(getattr(a, n) == getattr(b, n) for n in same)
        and a.overrides.keys() == b.overrides.keys()
    )


def _together(arms: Sequence[Experiment]) -> Group | None:
    """Return arms as one group, or None where tools would differ in what follows from their values."""
    differing = [k for k in arms[0].overrides if len({a.overrides[k] for a in arms}) > 1]
    common = {k: v for k, v in arms[0].overrides.items() if k not in differing}
    prepared = prepare(replace(arms[0], changes=common))
    if not differing or prepared.begins_late or any(_reason(prepared, k) for k in differing):
        return None
    values = {k: tuple(a.overrides[k] for a in arms) for k in differing}
    return Group(" ".join(a.id for a in arms), prepared, values, tuple(a.id for a in arms))


def _reason(prepared: Prepared, key: str) -> str:
    return settable(prepared.model.network, symbol_of(key))


# ----------------------------------------------------------------------------------------------------------- subjects
def _of_subjects(experiments: Sequence[Experiment], table: Any) -> Iterator[Group]:
    people = read_subjects(table, tuple(experiments))
    if people.rows is not None:
        raise UnsupportedError("SED-ML has no subjects that change on the way", where="the table of subjects",
                               remedy="give one row per subject")  # fmt: skip
    for experiment in experiments:
        own = {k: [float(x) for x in v] for k, v in people.overrides(experiment).items()}
        for key in own.keys() & experiment.overrides.keys():
            raise ExperimentError(f"'{dotted(key)}' is both changed by the experiment and a column of the subjects",
                                  where=f"the experiment '{experiment.id}'")  # fmt: skip
        columns = dose_symbols(experiment) & people.numbers.keys()
        if own and not columns:
            prepared = prepare(experiment)
            if not (prepared.begins_late or any(_reason(prepared, k) for k in own)):
                labels = tuple(f"{experiment.id}, subject {i}" for i in people.ids)
                yield Group(experiment.id, prepared, {k: tuple(v) for k, v in own.items()}, labels)
                continue
        yield from _one_by_one(experiment, people, own, columns)


def _one_by_one(
    experiment: Experiment, people: Subjects, own: Mapping[str, Sequence[float]], columns: Iterable[str]
) -> Iterator[Group]:
    if len(people) > MOST_FILES:
        raise UnsupportedError(
            f"the {len(people)} subjects need a model file each", where=f"the experiment '{experiment.id}'",
            value=sorted(map(dotted, own)), expected=f"at most {MOST_FILES}",
            remedy="vary parameters that neither initial values nor doses are computed from, or write fewer subjects",
        )  # fmt: skip
    for row, subject in enumerate(people.ids):
        changes = dict(experiment.changes) | {dotted(k): v[row] for k, v in own.items()}
        name = f"{experiment.id}, subject {subject}"
        given = {c: num(float(people.numbers[c][row])) for c in columns}
        regimen = Regimen(tuple(_given(dose, given) for dose in experiment.regimen))
        yield Group(name, prepare(replace(experiment, changes=changes, regimen=regimen, id=name)))


def _given(dose: Dose, numbers: Mapping[str, Expr]) -> Dose:
    """Return a dose with one subject's numbers in its formulas."""
    formulas = ("amount", "rate", "duration", "lag", "bioavailability")
    filled: dict[str, Any] = {n: _filled(v, numbers) for n in formulas if isinstance(v := getattr(dose, n), str)}
    return replace(dose, **filled) if filled else dose


def _filled(text: str, numbers: Mapping[str, Expr]) -> float | str:
    expr = substitute(parse_formula(text), numbers)
    return to_infix(expr) if expr.symbols() else float(evaluate(expr, {}))
