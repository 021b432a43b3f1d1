"""One self-contained page that says what was run, on which model, and what came out."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.files import written
from sbmlqsp.outcome import integrated_instead
from sbmlqsp.provenance import SINGLE_CELLS
from sbmlqsp.reporting.model import model_context
from sbmlqsp.reporting.runs import run_context

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from sbmlqsp.experiment import Experiment

__all__ = ["Finding", "Picture", "report"]

TEMPLATE = Path(__file__).parent / "templates" / "report.html.j2"
LARGEST_SVG = 2_000_000
MOST_ROWS = 300
NAMED = 10
"""So many subjects are named whom another engine integrated."""


@dataclass(frozen=True)
class Picture:
    """A figure of the page with what stands over and under it; ``svg`` is a file of it, where there is one."""

    figure: Figure
    title: str = ""
    caption: str = ""
    svg: Path | None = None


@dataclass(frozen=True)
class Finding:
    """A picture and a table of the same: so many label columns, then numbers, all as they are to be read."""

    picture: Picture
    labels: int = 0
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def report(
    results: xr.Dataset,
    experiments: Experiment | Sequence[Experiment],
    *,
    path: str | Path,
    title: str = "",
    description: str = "",
    titles: Mapping[str, str] | None = None,
    pictures: Sequence[Picture | Figure] | None = None,
    exposure: pd.DataFrame | None = None,
    findings: Mapping[str, Sequence[Finding]] | None = None,
    card: Mapping[str, Any] | None = None,
    sources: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    lock: Mapping[str, Any] | None = None,
) -> Path:
    """Write a page about a run: model, equations, parameters, doses, figures, exposure, checks, provenance.

    Parameters
    ----------
    results : xarray.Dataset
        What ``simulate`` returned.
    experiments : Experiment or sequence of Experiment
        What was simulated, all arms on one model.
    path : str or Path
        The HTML file; it needs no other file and no network.
    title, description : str, optional
        Over the page. An empty line in the description begins a paragraph.
    titles : mapping of str to str, optional
        A title for each arm.
    pictures : sequence of Picture or Figure, optional
        Time courses of all observables where left out.
    exposure : DataFrame, optional
        What ``exposure`` returned.
    findings : mapping of str to sequence of Finding, optional
        What was found beyond it, by the heading of its section.
    card : mapping, optional
        The card of the model: purpose, assumptions, not_for, references, sources of parameters.
    sources : mapping of str to str, optional
        Where the value of each symbol comes from, by dotted path; those of the card where left out.
    notes : sequence of str, optional
        Warnings of the run.
    lock : mapping, optional
        The lock of a study, for the provenance.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        The page cannot be written there, or the arms are not those of the results.

    Examples
    --------
    >>> import tempfile, sbmlqsp as qsp
    >>> from sbmlqsp.report import report
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> experiment = qsp.Experiment(model, times=[0, 1, 2])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = report(qsp.simulate(experiment), experiment, path=folder + "/page.html", title="Decay")
    ...     print("<title>Decay</title>" in page.read_text(encoding="utf-8"))
    True
    """
    from sbmlqsp.experiment import Experiment

    arms = (experiments,) if isinstance(experiments, Experiment) else tuple(experiments)
    known = [str(e) for e in results["experiment"].to_numpy()]
    if [a.id for a in arms] != known:
        raise DataError("the arms are not those of the results", value=[a.id for a in arms], expected=str(known))
    card = card or {}
    run = run_context(results, arms, titles=titles or {}, exposure=exposure)
    context = {
        "title": title or card.get("title") or arms[0].id,
        "paragraphs": [p.strip() for p in description.split("\n\n") if p.strip()],
        "pictures": [_picture(p) for p in (_default(results) if pictures is None else pictures)],
        "findings": [_found(h, f) for h, f in (findings or {}).items()],
        "most": MOST_ROWS,
        "notes": list(notes),
        "card": _whole(card),
        "provenance": _provenance(results, lock),
        **run,
        **model_context(
            arms, sources=sources or _sources(card), doses=_targets(results),
            individual={row["name"]: row["text"] for row in run["subjects"]["rows"]},
        ),
    }  # fmt: skip
    return _write(Path(path), context)


def _default(results: xr.Dataset) -> list[Picture]:
    from sbmlqsp.plot import time_course
    from sbmlqsp.results import observable_names

    return [Picture(time_course(results, observable_names(results)[:9]), "Time courses")]


def _whole(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card with everything the page may ask it for; what is of another kind than in cards is left out."""
    empty: dict[str, Any] = {"purpose": "", "not_for": "", "assumptions": [], "references": []}
    whole = empty | {k: card[k] for k in empty if isinstance(card.get(k), list | tuple if empty[k] == [] else str)}
    whole["references"] = [
        {"citation": "", "doi": "", "cited_for": "", **r} for r in whole["references"] if isinstance(r, Mapping)
    ]
    return whole | {"status": card.get("status", "provisional") if card.get("title") else ""}


def _sources(card: Mapping[str, Any]) -> dict[str, str]:
    numbers = card.get("parameters")
    numbers = numbers if isinstance(numbers, Mapping) else {}
    return {k: str(v.get("source", "")) for k, v in numbers.items() if isinstance(v, Mapping)}


def _targets(results: xr.Dataset) -> set[str]:
    from sbmlqsp.model import flat_id

    return {flat_id(str(d["target"])) for d in json.loads(results.attrs.get("doses", "[]"))}


def _picture(given: Picture | Figure) -> dict[str, str]:
    picture = given if isinstance(given, Picture) else Picture(given)
    return {"title": picture.title, "caption": picture.caption, "uri": _uri(picture),
            "alt": picture.title or picture.caption or "figure"}  # fmt: skip


def _found(heading: str, findings: Sequence[Finding]) -> dict[str, Any]:
    name = re.sub(r"[^a-z]+", "-", heading.lower()).strip("-")
    parts = [{"picture": _picture(f.picture), "labels": f.labels, "heads": f.heads, "rows": f.rows} for f in findings]
    return {"id": f"found-{name}", "heading": heading, "parts": parts}


def _uri(picture: Picture) -> str:
    """Return a figure as a data address: vector graphics where they are not huge."""
    import matplotlib as mpl

    if picture.svg is not None and picture.svg.stat().st_size < LARGEST_SVG:
        return f"data:image/svg+xml;base64,{base64.b64encode(picture.svg.read_bytes()).decode()}"
    for form, kind in (("svg", "image/svg+xml"), ("png", "image/png")):
        buffer = io.BytesIO()
        meta: dict[str, Any] = {"Date": None} if form == "svg" else {"Software": None}
        with mpl.rc_context({"svg.hashsalt": "sbmlqsp", "svg.fonttype": "path"}):
            picture.figure.savefig(buffer, format=form, dpi=160, metadata=meta)
        if form == "png" or buffer.tell() < LARGEST_SVG:
            return f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
    raise AssertionError


def _provenance(results: xr.Dataset, lock: Mapping[str, Any] | None) -> dict[str, Any]:
    record = json.loads(results.attrs.get("provenance", "{}"))
    versions = dict(record.get("versions", {}))
    settings = {"seed": record.get("seed", 0)}
    inputs = record.get("inputs", {})
    settings |= {f"{k} tolerance": v for k, v in inputs.get("tolerances", {}).items()}
    settings |= _engine(inputs, results)
    if inputs.get("name") in SINGLE_CELLS:
        settings |= {"single cells": SINGLE_CELLS[inputs["name"]], "cells per subject": inputs.get("replicates", 1)}
        settings |= {"epsilon": inputs["epsilon"]} if "epsilon" in inputs else {}
    digests = {f"model {k}": v for k, v in record.get("models", {}).items()}
    if lock is not None:
        digests |= {name: entry["sha256"] for name, entry in lock["files"].items()}
        digests |= dict(lock["results"])
    return {"versions": versions, "settings": settings, "digests": digests, "locked": lock is not None}


def _engine(inputs: Mapping[str, Any], results: xr.Dataset) -> dict[str, str]:
    """Say which engine integrated, and how far it is from the other where that is known."""
    if inputs.get("name") in SINGLE_CELLS:
        return {}
    engine, choice = inputs.get("engine", "roadrunner"), inputs.get("engine_choice", {})
    words = {"roadrunner": "libRoadRunner", "kernel": "the batch kernel", "both": "libRoadRunner and the batch kernel",
             "gpu": "the batch kernel on a GPU"}  # fmt: skip
    out = {"engine": words[engine]}
    apart = "largest difference between the engines"
    if "engine_difference" in results:
        largest = float(results["engine_difference"].max())
        out[apart] = f"{largest:.1e} of a value, in all {results.sizes['subject']} subjects"
    elif "largest_difference" in choice:
        out[apart] = f"{choice['largest_difference']:.1e} of a value, in subjects {', '.join(choice['subjects'])}"
    elif choice:
        out["the batch kernel was not used"] = choice["kernel"]
    return out | _instead(results)


def _instead(results: xr.Dataset) -> dict[str, str]:
    """Say which runs another engine than the chosen one integrated, since that could not."""
    messages, subjects = results["message"].to_numpy(), results["subject"].to_numpy()
    found = integrated_instead(messages.ravel())
    if not found:
        return {}
    ids = list(dict.fromkeys(str(subjects[at[1]]) for at, m in np.ndenumerate(messages) if integrated_instead([m])))
    some = ", ".join(ids[:NAMED]) + (", …" if len(ids) > NAMED else "")
    own, other = ("libRoadRunner", "the batch kernel")[:: 1 if found["engine"] == "kernel" else -1]
    runs = "1 run" if found["runs"] == 1 else f"{found['runs']} runs"
    return {
        "not integrated by that engine": f"{runs} by {other}, as {own} failed (subject{'s' * (len(ids) > 1)} {some})"
    }


def _write(path: Path, context: Mapping[str, Any]) -> Path:
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(context)
    try:
        with written(path) as partial:
            partial.write_text(page, encoding="utf-8", newline="\n")
    except OSError as err:
        raise DataError(f"the report cannot be written: {err.strerror or err}", value=str(path)) from None
    return path
