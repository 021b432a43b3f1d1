"""Single cells in a study: ``method = "ssa"``, ``[fates]``, what cannot go with them, and the same cells once more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sbmlqsp.dosing import Regimen
from sbmlqsp.engine.ssa_status import MOST_JUMPS
from sbmlqsp.errors import QSPError, StudyError
from sbmlqsp.expressions import parse_formula

if TYPE_CHECKING:
    import xarray as xr

    from sbmlqsp.observation import Observable
    from sbmlqsp.studies.keys import Keys
    from sbmlqsp.studies.running import Outcome
    from sbmlqsp.studies.spec import Arm, Study

__all__ = ["SingleCells", "cells_again", "check_cells", "fates_of", "read_fates", "read_method"]

FATES = '[fates] with apoptosis = "signal > 100"'
SSA = 'method = "ssa" in [simulation]'


@dataclass(frozen=True)
class SingleCells:
    """How the single cells of a study are run: so many of each subject, and which species are not counted."""

    replicates: int = 1
    continuous: tuple[str, ...] = ()
    max_jumps: int = MOST_JUMPS

    @property
    def arguments(self) -> dict[str, Any]:
        """What tells ``simulate`` of them."""
        return {"method": "ssa", "replicates": self.replicates, "continuous": list(self.continuous),
                "max_jumps": self.max_jumps}  # fmt: skip


def read_method(keys: Keys) -> SingleCells | None:
    """Return how single cells are run, None for differential equations.

    Raises
    ------
    StudyError
        No such method, a number that is none, or a key that the method has no use for.
    """
    method = keys.take("method", str, "ode")
    given = {"replicates": keys.take("replicates", int), "max_jumps": keys.take("max_jumps", int)}
    continuous = keys.texts("continuous")
    if method not in {"ode", "ssa"}:
        raise StudyError(
            "no such method", value=method, where=keys.where,
            expected="'ode' for differential equations or 'ssa' for single cells",
        )  # fmt: skip
    if method == "ode":
        for key, value in {**given, "continuous": continuous or None}.items():
            if value is not None:
                raise StudyError(
                    f"'{key}' is for single cells, and the study runs differential equations", where=keys.where,
                    remedy=f'write method = "ssa" as well, or leave {key} out',
                )  # fmt: skip
        return None
    for key, value in given.items():
        if value is not None and value < 1:
            raise StudyError(f"'{key}' is not usable", value=value, where=keys.where, expected="1 or more")
    return SingleCells(given["replicates"] or 1, continuous, given["max_jumps"] or MOST_JUMPS)


def read_fates(keys: Keys) -> dict[str, str]:
    """Return the conditions that end a cell, by name.

    Raises
    ------
    StudyError, ObservableError
        A condition that is no text, or cannot be read.
    """
    out = {}
    for name, condition in keys.rest().items():
        if not isinstance(condition, str) or not condition.strip():
            raise StudyError(f"the condition of the fate '{name}' is no text", value=condition, where=keys.where,
                             expected='a condition such as "signal > 100"')  # fmt: skip
        if name == "alive" or not name.strip():
            raise StudyError("a fate cannot have this name, which is that of cells that nothing ended", value=name,
                             where=keys.where, remedy="rename it")  # fmt: skip
        try:
            parse_formula(condition)
        except QSPError as err:
            raise err.changed(where=f"the fate '{name}' of {keys.where}") from None
        out[name] = condition
    return out


def fates_of(study: Study, arm: Arm) -> dict[str, str]:
    """Return what ends the cells of an arm: the fates of the study, and its own."""
    return {**study.fates, **arm.fates}


def check_cells(study: Study) -> None:
    """Refuse what single cells cannot do, and what only they can, before a model is read.

    Raises
    ------
    StudyError
        Which key, and what to write instead.
    """
    for analysis in study.analyses:
        if study.method not in analysis.METHODS:
            what = "whole courses" if study.cells else "single cells"
            only = f"write {SSA}" if study.cells is None else "ask for it in a study of its own, without method"
            raise StudyError(f"[[{analysis.SECTION}]] is about {what}, which the study does not run",
                             where=f"[[{analysis.SECTION}]] '{analysis.id}'", remedy=only)  # fmt: skip
    (_check_curves if study.cells is None else _check_cells)(study)


def _check_curves(study: Study) -> None:
    """Refuse what only single cells can have."""
    for figure in study.figures:
        if figure.kind == "cells":
            raise StudyError("there are no single cells to draw", where=f"the figure '{figure.id}'",
                             remedy=f'write {SSA}, or leave kind = "cells" out')  # fmt: skip
    for where, fates in (("[fates]", study.fates), *((f"the arm '{a.id}'", a.fates) for a in study.arms)):
        if fates:
            raise StudyError("fates end single cells, and the study runs differential equations", where=where,
                             value=list(fates), remedy=f"write {SSA}, or leave the fates out")  # fmt: skip


def _check_cells(study: Study) -> None:
    """Refuse what single cells cannot do yet, and what would say nothing about them."""
    if study.occasions:
        raise StudyError("single cells cannot have occasions yet", value=study.occasions, where="[simulation]",
                         remedy='leave occasions out, or method = "ssa"')  # fmt: skip
    for figure in study.figures:
        if figure.individuals is True and study.cells is not None and study.cells.replicates > 1:
            raise StudyError("a line for every cell is more than can be seen", where=f"the figure '{figure.id}'",
                             remedy="write how many, as in individuals = 30, or leave it out")  # fmt: skip
    if study.exposure.observables:
        raise StudyError("exposure needs whole courses, and single cells may end", where="[exposure]",
                         remedy='ask for it in a study of the same arms without method = "ssa"')  # fmt: skip
    for arm in study.arms:
        if any(dose.steady_state for dose in Regimen.parse(arm.regimen)):
            raise StudyError(
                "single cells cannot start from the steady state of doses", value=arm.regimen,
                where=f"the arm '{arm.id}'", remedy="give the doses one by one, as in x 10, and look late enough",
            )  # fmt: skip


def cells_again(
    outcome: Outcome,
    observables: Sequence[Observable],
    *,
    arms: Sequence[str],
    times: Mapping[str, Any],
    fates: bool = False,
    subject: Any = None,
    replicates: int | None = None,
) -> xr.Dataset:
    """Run the cells of some arms once more: without their fates, or more of one subject.

    They are the same cells: each has its random numbers by seed, subject and replicate, so that it does what it did
    until a fate ended it.
    """
    from sbmlqsp.simulate import simulate

    study = outcome.study
    assert study.cells is not None
    kept = [
        replace(e, fates=e.fates if fates else {}, observables=tuple(observables), times=times[e.id])
        for e in outcome.experiments if e.id in arms
    ]  # fmt: skip
    how = study.cells.arguments | ({} if replicates is None else {"replicates": replicates})
    ds: xr.Dataset = simulate(
        kept, seed=study.seed, on_failure=study.on_failure, max_failed=study.max_failed, progress=False,
        workers=outcome.workers, **how, **_people(outcome, subject),
    )  # fmt: skip
    return ds if subject is None else ds.sel(subject=[subject])


def _people(outcome: Outcome, subject: Any) -> dict[str, Any]:
    """Return what tells ``simulate`` of one subject, or of all."""
    people = dict(outcome.people)
    if subject is None:
        return people
    if people.get("population") is not None:
        # Each subject of a population is the same whoever else is drawn; those after it are not needed.
        return people | {"size": outcome.results["subject"].to_numpy().tolist().index(subject) + 1}
    table = people.get("subjects")
    return people if table is None else people | {"subjects": table.loc[[subject]]}
