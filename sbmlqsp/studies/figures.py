"""``[[figures]]``: what each figure of a study shows, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sbmlqsp.errors import StudyError
from sbmlqsp.studies.keys import ID, Keys

__all__ = ["PANELS", "FigureSpec", "read_figures"]

KINDS = ("curves", "cells")
PANELS = {"observable": "observable", "arm": "experiment", "subject": "subject"}


@dataclass(frozen=True)
class FigureSpec:
    """One figure: ``kind`` is "curves", or "cells" for lines of single cells with their mean."""

    id: str
    observables: tuple[str, ...]
    title: str = ""
    caption: str = ""
    log: bool = False
    individuals: bool | int | str = "auto"
    bands: tuple[tuple[float, float], ...] = ((5, 95),)
    panels: str = "observable"
    arms: tuple[str, ...] = ()
    data: bool = True
    time_unit: str = ""
    kind: str = "curves"
    threshold: float | None = None


def read_figures(top: Keys) -> tuple[FigureSpec, ...]:
    """Return the figures that a study file asks for.

    Raises
    ------
    StudyError
        A key is unknown, of the wrong kind, or says nothing for its kind of figure.
    """
    out = []
    for i, keys in enumerate(top.tables("figures"), 1):
        kind = keys.take("kind", str, "curves")
        if kind not in KINDS:
            raise StudyError("no such kind of figure", value=kind, where=keys.where, expected=" or ".join(KINDS))
        common: dict[str, Any] = {
            "id": keys.take("id", str, f"figure_{i}"), "observables": keys.texts("observables"),
            "title": keys.take("title", str, ""), "caption": keys.take("caption", str, ""), "kind": kind,
            "individuals": keys.take("individuals", (bool, int, str), "auto"), "arms": keys.texts("arms"),
        }  # fmt: skip
        spec = FigureSpec(**common, **(_of_cells if kind == "cells" else _of_curves)(keys))
        keys.done()
        if not ID.fullmatch(spec.id):
            raise StudyError("the id of a figure cannot name a file", value=spec.id, where=keys.where)
        _check(spec, keys.where)
        out.append(spec)
    return tuple(out)


def _of_curves(keys: Keys) -> dict[str, Any]:
    return {
        "log": keys.take("log", bool, False), "bands": _bands(keys), "panels": keys.take("panels", str, "observable"),
        "data": keys.take("data", bool, True), "time_unit": keys.take("time_unit", str, ""),
    }  # fmt: skip


def _of_cells(keys: Keys) -> dict[str, Any]:
    return {"threshold": keys.take("threshold", float)}


def _check(spec: FigureSpec, where: str) -> None:
    few = not isinstance(spec.individuals, bool | str) and spec.individuals < 1
    if few or (isinstance(spec.individuals, str) and spec.individuals != "auto"):
        expected = 'true, false, "auto" or how many'
        raise StudyError("no such choice", value=spec.individuals, where=where, expected=expected)
    if spec.panels not in PANELS:
        raise StudyError("no such panels", value=spec.panels, where=where, expected=" or ".join(PANELS))
    if spec.kind == "cells" and (isinstance(spec.individuals, bool)):
        raise StudyError("it is not said how many cells are drawn", value=spec.individuals, where=where,
                         expected='how many, or "auto"')  # fmt: skip
    if spec.kind == "cells" and len(spec.observables) > 1:
        raise StudyError("a figure of cells shows one observable", value=list(spec.observables), where=where,
                         remedy="write a figure for each")  # fmt: skip


def _bands(keys: Keys) -> tuple[tuple[float, float], ...]:
    """Return the bands between percentiles that lie around the median, the widest first."""
    given = keys.take("percentiles", list, [5, 50, 95])
    half = len(given) // 2
    numbers = all(isinstance(p, int | float) and not isinstance(p, bool) and 0 <= p <= 100 for p in given)
    if not numbers or half < 1 or sorted(set(given)) != given or len(given) % 2 == 0 or given[half] != 50:
        raise StudyError("the percentiles do not lie around the median", value=given, where=keys.where,
                         expected="as in [5, 50, 95] or [5, 25, 50, 75, 95]")  # fmt: skip
    return tuple(zip(given[:half], given[:half:-1], strict=True))
