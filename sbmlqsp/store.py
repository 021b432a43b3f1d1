"""Results on disk: a part per piece of subjects, each written whole or not at all, so that a run can be resumed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DataError
from sbmlqsp.experiment import Experiment
from sbmlqsp.files import read_plain, written
from sbmlqsp.outcome import Outcome
from sbmlqsp.provenance import SINGLE_CELLS
from sbmlqsp.runner import STATUS
from sbmlqsp.scaling import Piece, Sink
from sbmlqsp.scaling.folder import LOCK, Sums, locked, unwritable
from sbmlqsp.scaling.sinks import empty_outcome
from sbmlqsp.scaling.summing import filled, summary_of, with_values
from sbmlqsp.subjects import Subjects, read_subjects

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Filed", "Store", "locked", "open_store", "prepare"]

FORMAT = 1
PLAN = "plan.json"
LEDGER = ["experiment", "subject", "status", "reason", "message"]
PEOPLE = "subjects.parquet"
PER_RUN = {"experiment", "subject", "replicate"}
MOST, MOST_PIECES = 10**9, 10**6

Build = Callable[[Sequence[Outcome], Subjects, range], "xr.Dataset"]


@dataclass(frozen=True)
class Store:
    """A folder of results, read part by part.

    Parameters
    ----------
    path : Path
    plan : mapping
        What was asked for: subjects, pieces, arms and a digest of all inputs.
    """

    path: Path
    plan: dict[str, Any]

    @property
    def missing(self) -> list[int]:
        """The numbers of the parts that are not there, or not whole."""
        kept = Sums(self.path).read()
        return [k for k in range(self.plan["pieces"]) if not (self._part(k).name in kept and _whole(self._part(k)))]

    @property
    def damaged(self) -> list[int]:
        """The numbers of the parts that are not what was written, every byte of which is read."""
        sums = Sums(self.path)
        noted = sums.read()
        return [k for k in range(self.plan["pieces"]) if not sums.right(self._part(k), noted=noted)]

    def _part(self, number: int) -> Path:
        return part_path(self.path, number)

    def parts(self) -> Iterator[xr.Dataset]:
        """Yield the results part by part, each a Dataset as ``simulate`` returns.

        Raises
        ------
        DataError
            The store is not complete, or a part is not what was written.
        """
        lost = self.missing
        if lost:
            raise DataError(
                f"the store lacks {len(lost)} of {self.plan['pieces']} parts",
                where=str(self.path),
                remedy="run the same simulation again with resume=True",
            )
        noted = Sums(self.path).read()
        for k in range(self.plan["pieces"]):
            yield self._read(k, noted)

    def _read(self, number: int, noted: Mapping[str, str] | None = None) -> xr.Dataset:
        from sbmlqsp.results import read_results

        part = self._part(number)
        if not Sums(self.path).right(part, noted=noted):
            raise DataError(
                "a part of the store is not what was written", value=part.name, where=str(self.path),
                remedy="run the same simulation again with resume=True, which does this part again",
            )  # fmt: skip
        found = read_results(part)
        if not (set(found.dims) >= PER_RUN and {"status", "message"} <= set(found.data_vars)):
            raise DataError("a part of the store holds no results of runs", value=part.name, where=str(self.path))
        return found

    def read(self, *, subjects: Sequence[Any] | None = None, observables: Sequence[str] | None = None) -> xr.Dataset:
        """Return the results, or those of some subjects or observables, as one Dataset in memory."""
        chosen, wanted = [], None if subjects is None else set(subjects)
        for part in self.parts():
            about = [n for n in ("status", "message", "fate", "fate_time") if n in part]
            some = part if observables is None else part[[*observables, *about]]
            if wanted is not None:
                some = some.sel(subject=[s for s in part["subject"].to_numpy().tolist() if s in wanted])
            if some.sizes["subject"]:
                chosen.append(some)
        if not chosen:
            raise DataError("the store holds none of these subjects", value=subjects, where=str(self.path))
        return _joined(chosen)

    def summarise(self, **options: Any) -> pd.DataFrame:
        """Return ``summarise`` of everything, one observable in memory at a time, of which a few times are at work."""
        import pandas as pd

        some, light = [], []
        for part in self.parts():
            some.append(with_values(part))
            light.append(part.drop_vars([n for n, v in part.data_vars.items() if "time" in v.dims]))
        asked = np.any(some, axis=0)
        asked |= ~asked.any(axis=1, keepdims=True)
        whole = _joined(light)
        names = self.plan["observables"]
        tables = [summary_of(filled(whole, name, self.parts()), asked, **options) for name in names]
        rows = pd.concat(tables, ignore_index=True)
        return rows[(rows["n"] > 0) | (rows["n_failed"] > 0)].reset_index(drop=True)

    def rerun(self, experiments: Experiment | Sequence[Experiment], subject: Any) -> xr.Dataset:
        """Run one subject again, alone, with the parameters of the store.

        Parameters
        ----------
        experiments : Experiment or sequence of Experiment
            Those of the store: it holds results, not models.
        subject : int or str

        Returns
        -------
        xarray.Dataset
            Equal to the subject's part of the store.

        Raises
        ------
        DataError
            The store has no such subject, or the experiments are not its own.
        """
        from sbmlqsp.populations import Population
        from sbmlqsp.simulate import simulate

        arms = [experiments] if isinstance(experiments, Experiment) else list(experiments)
        if [a.id for a in arms] != self.plan["arms"]:
            raise DataError("these are not the experiments of the store", value=[a.id for a in arms],
                            expected=", ".join(self.plan["arms"]))  # fmt: skip
        rows, number = self._rows_of(subject)
        # What nothing reads is left out: beside a model it would be taken for a misspelt name.
        rows = rows[list(read_subjects(rows, tuple(arms), drawn=Population({})).numbers)]
        about = json.loads(self._read(number).attrs["provenance"])
        how = _method(about["inputs"])
        again = simulate(arms, subjects=rows, seed=about["seed"], on_failure="record", **how)
        now = json.loads(again.attrs["provenance"])
        if (now["models"], now["inputs"]["experiments"]) != (about["models"], about["inputs"]["experiments"]):
            raise DataError(
                "these are not the experiments of the store, although they bear the same names", where=str(self.path),
                remedy="give the same models, changes, regimens, times and observables",
            )  # fmt: skip
        if "method" in how and not again.drop_attrs().equals(self.read(subjects=[subject]).drop_attrs()[[*again]]):
            raise DataError(
                "these cells do not come back alone: they were drawn from a population, which the store does not hold",
                value=subject, where=str(self.path), remedy="simulate with population= again, with the same seed",
            )  # fmt: skip
        return again  # type: ignore[no-any-return]

    def _rows_of(self, subject: Any) -> tuple[pd.DataFrame, int]:
        """Return what is known of a subject, just as it was given, and the part that it is in."""
        import pandas as pd

        path = self.path / PEOPLE
        if not path.is_file():
            raise DataError("the store does not hold its subjects", where=str(self.path),
                            remedy="run the same simulation again with resume=True")  # fmt: skip
        if not Sums(self.path).right(path):
            raise DataError("the subjects of the store are not what was written", where=str(path),
                            remedy="run the same simulation again with resume=True")  # fmt: skip
        table = pd.read_parquet(path)
        ids = list(dict.fromkeys(table.index.get_level_values(0).tolist()))
        if subject not in ids:
            raise DataError("the store holds none of these subjects", value=[subject], where=str(self.path))
        rows = table[table.index.get_level_values(0) == subject]
        return rows, ids.index(subject) // self.plan["piece_size"]

    @property
    def ledger(self) -> pd.DataFrame:
        """The runs that failed: experiment, subject, status, reason, message, and what describes the subject.

        ``attrs`` count runs and failures. Of what varies within a subject it shows the first occasion.
        """
        return self._ledger(self.parts())

    @property
    def failed(self) -> pd.DataFrame:
        """The ledger of what is there so far."""
        lost, noted = set(self.missing), Sums(self.path).read()
        return self._ledger(self._read(k, noted) for k in range(self.plan["pieces"]) if k not in lost)

    def _ledger(self, parts: Iterable[xr.Dataset]) -> pd.DataFrame:
        import pandas as pd

        tables, runs = [pd.DataFrame(columns=LEDGER)], 0
        for part in parts:
            runs += part["status"].size
            tables += [_failures(part)] if (part["status"] > 0).any() else []
        table = pd.concat(tables[1:] or tables, ignore_index=True)
        table.attrs |= {"runs": runs, "failed": len(table)}
        return table

    def __repr__(self) -> str:
        lost = len(self.missing)
        state = "complete" if not lost else f"{lost} of {self.plan['pieces']} parts missing"
        arms = ", ".join(self.plan["arms"])
        return f"<store {self.path}: {self.plan['subjects']} subjects, arms {arms}; {state}>"


def _method(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a simulation was run, as arguments, from what its provenance says of it."""
    if inputs.get("name") in SINGLE_CELLS:
        counts = {"replicates": inputs["replicates"], "max_jumps": inputs["most_jumps"]}
        leaps = {"epsilon": inputs["epsilon"]} if "epsilon" in inputs else {}
        return {"method": inputs["name"], "continuous": inputs["continuous"], **counts, **leaps}
    engine = inputs.get("engine", "roadrunner")
    if engine == "roadrunner" and "integrated_instead" in inputs:  # the kernel may stand in again
        engine = "auto"
    return {"tolerances": Tolerances(**inputs["tolerances"]), "engine": engine}


def _joined(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    import xarray as xr

    how: dict[str, Any] = {"combine_attrs": "override", "data_vars": "minimal", "coords": "minimal",
                           "compat": "override", "join": "override"}  # fmt: skip
    people: dict[Any, list[xr.Dataset]] = {}
    for part in parts:  # who was cut by replicates is put together first
        people.setdefault(tuple(part["subject"].to_numpy().tolist()), []).append(part)
    whole = [p[0] if len(p) == 1 else xr.concat(p, dim="replicate", **how) for p in people.values()]
    return xr.concat(whole, dim="subject", **how)


def _failures(part: xr.Dataset) -> pd.DataFrame:
    """Return the failed runs of a part, with what describes their subjects."""
    import pandas as pd

    from sbmlqsp.results.occasions import varying_names

    e, s, r = np.nonzero(part["status"].to_numpy() > 0)
    code = part["status"].to_numpy()[e, s, r]
    columns = [part["experiment"].to_numpy()[e], part["subject"].to_numpy()[s], code, [STATUS[int(c)] for c in code],
               part["message"].to_numpy()[e, s, r]]  # fmt: skip
    table = pd.DataFrame(dict(zip(LEDGER, columns, strict=True)))
    plain = [str(n) for n, c in part.coords.items() if c.dims == ("subject",) and n not in LEDGER]
    about = {n: part[n].to_numpy()[s] for n in plain}
    about |= {n: part[n].transpose("subject", "occasion").to_numpy()[s, 0] for n in varying_names(part)}
    return table.assign(**about)


def open_store(path: str | Path) -> Store:
    """Open a folder that ``simulate(…, store=…)`` wrote, without reading the results.

    Raises
    ------
    DataError
        The folder is no store, or of a later version.
    """
    folder = Path(path)
    plan = folder / PLAN
    if not plan.is_file():
        raise DataError("this folder is no store of results", value=str(path), expected=f"a folder with {PLAN}")
    try:
        content = json.loads(read_plain(plan, what="the plan of a store"))
        known = content["format"] <= FORMAT
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        if isinstance(err, DataError):
            raise
        raise DataError("the plan of the store cannot be read", value=str(plan), where=str(err)) from None
    if not known:
        raise DataError("the store was written by a later version", value=str(path), remedy="update sbmlqsp")
    if not _is_plan(content):
        raise DataError("the plan of the store is damaged", value=str(plan), remedy="run the simulation again")
    return Store(folder, content)


def _is_plan(content: dict[str, Any]) -> bool:
    """Whether every part of a plan is of its kind, and there can be so many parts."""
    counts = [content.get(name) for name in ("pieces", "subjects", "piece_size")]
    whole = all(type(n) is int and 0 < n <= MOST for n in counts) and content["pieces"] <= MOST_PIECES
    names = [content.get(name) for name in ("arms", "observables")]
    return (
        whole
        and isinstance(content.get("inputs"), str)
        and all(isinstance(each, list) and all(isinstance(n, str) for n in each) for each in names)
    )


def prepare(path: str | Path, plan: dict[str, Any], *, resume: bool) -> Store:
    """Make a new store, or go on with one of the same plan.

    Raises
    ------
    DataError
        The folder holds something else, another plan, or results and ``resume`` is not asked for.
    """
    folder = Path(path)
    new = {"format": FORMAT, **plan}
    sums = Sums(folder)
    if (folder / PLAN).is_file():
        store = open_store(folder)
        if store.plan != new:
            differs = next(k for k in new if store.plan.get(k) != new[k])
            raise DataError(
                "the store is of another simulation", value=f"its {differs} differs", where=str(folder),
                remedy="give another folder",
            )  # fmt: skip
        if not resume:
            raise DataError("the store holds results already", where=str(folder), remedy="give resume=True to go on")
        for torn in (folder / "parts").glob(".*.part"):  # of a run that was killed
            torn.unlink(missing_ok=True)
        sums.keep([folder / PEOPLE, *(part_path(folder, k) for k in range(plan["pieces"]))])
        return store
    if folder.exists() and (not folder.is_dir() or any(p.name != LOCK for p in folder.iterdir())):
        raise DataError("this is no empty folder and no store", value=str(folder), remedy="give a new folder")
    with unwritable(folder):
        (folder / "parts").mkdir(parents=True, exist_ok=True)
        with written(folder / PLAN) as partial:
            partial.write_text(json.dumps(new, indent=1), encoding="utf-8")
    return Store(folder, new)


def part_path(folder: Path, number: int) -> Path:
    """Return the file of a part."""
    return folder / "parts" / f"part-{number:06d}.parquet"


def _whole(path: Path) -> bool:
    """Whether a part is there and was written to its end; a Parquet file ends with its own footer."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return path.is_file() and pq.read_metadata(path).num_rows > 0
    except (pa.ArrowException, OSError):
        return False


class Filed(Sink):
    """Writes each piece as a part, as soon as it is done.

    Parameters
    ----------
    store : Store
    arms, people, tick
        As for `Sink`.
    build : callable
        Makes the Dataset of a piece.
    """

    def __init__(
        self,
        store: Store,
        arms: Sequence[Experiment],
        people: Subjects,
        tick: Callable[[int, int], None],
        *,
        build: Build,
    ) -> None:
        super().__init__(arms, people, tick)
        self._store, self._build, self._sums = store, build, Sums(store.path)
        self._keep_people(store.path / PEOPLE)
        self._named: dict[int, dict[int, tuple[int, str]]] = {}

    def _keep_people(self, path: Path) -> None:
        """Keep the table of subjects as it was given, from which each can be run again alone."""
        import pandas as pd
        import pyarrow as pa

        if self._sums.right(path):
            return
        table = self.people.table
        whole = pd.DataFrame(index=pd.Index(self.people.ids, name="subject")) if table is None else table
        try:
            with unwritable(path):
                with written(path) as partial:
                    whole.to_parquet(partial)
                self._sums.add(path)
        except pa.ArrowException as err:
            raise DataError(f"the table of subjects cannot be kept: {err}", where=str(path),
                            expected="columns of numbers or of text, not of both")  from None  # fmt: skip

    def name(self, piece: Piece, position: int, status: int, message: str) -> None:
        """Note that a subject has no result; where nobody is left, the part is written of nothing else."""
        self._named.setdefault(piece.number, {})[position] = (status, message)
        if len(piece.positions) == 1:
            nobody = Piece(piece.number, piece.positions[:0], piece.people, piece.replicates)
            self.keep(nobody, [empty_outcome(a, 0) for a in self.arms])

    def keep(self, piece: Piece, outcomes: Sequence[Outcome]) -> None:
        """Write the part.

        Raises
        ------
        DataError
            It cannot be written; what was written before stays.
        """
        from sbmlqsp.results import write_results

        named = self._named.pop(piece.number, {})
        positions = np.array(sorted([*piece.positions.tolist(), *named]), dtype=int)
        place = np.searchsorted(positions, piece.positions)
        whole = []
        for arm, part in zip(self.arms, outcomes, strict=True):
            out = empty_outcome(arm, len(positions) * len(piece.replicates))
            out.take(part, piece.rows(place))
            for position, (status, message) in named.items():
                out.lose(piece.rows([np.searchsorted(positions, position)]), status, message)
            whole.append(replace(out, doses=part.doses))
        target = part_path(self._store.path, piece.number)
        with unwritable(target):
            write_results(self._build(whole, self.people.some(positions), piece.replicates), target)
            self._sums.add(target)
