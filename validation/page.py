"""The results of a validation run as JSON and as one self-contained page with figures."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

import sbmlqsp as qsp
from validation.cases import Comparison
from validation.run import CaseResult, Verdict, claims
from validation.studies import STUDIES, StudyResult

__all__ = ["write"]

TEMPLATE = Path(__file__).with_name("page.html.j2")


def write(
    folder: Path,
    results: Sequence[CaseResult],
    studies: dict[str, StudyResult],
    found: Sequence[Verdict],
    *,
    when: str,
) -> Path:
    """Write ``validation.json`` and ``validation.html``; return the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    data = as_data(results, studies, found, when=when)
    (folder / "validation.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        data=data, claims=claims(), figures=figures(results)
    )
    target = folder / "validation.html"
    target.write_text(page, encoding="utf-8")
    return target


def as_data(
    results: Sequence[CaseResult], studies: dict[str, StudyResult], found: Sequence[Verdict], *, when: str
) -> dict[str, Any]:
    """Return everything that the page and the JSON say."""
    return {
        "version": qsp.__version__,
        "date": when,
        "claims": [
            {
                "row": v.row, "claim": claims()[v.row]["claim"], "outcome": v.outcome, "models": list(v.models),
                "cases": v.cases, "comparisons": v.comparisons, "note": v.note,
                "error": v.error if v.comparisons else None,
            }
            for v in found
        ],
        "cases": [
            {
                "id": r.case.id, "model": r.case.model, "rows": list(r.case.rows), "set": r.set, "claim": r.case.claim,
                "ok": r.ok, "error": r.error if math.isfinite(r.error) else None, "seconds": round(r.seconds, 3),
                "wrong": r.wrong,
                "comparisons": [{"label": c.label, "error": c.error if math.isfinite(c.error) else None, "ok": c.ok}
                                for c in r.comparisons],
            }
            for r in results
        ],
        "studies": [
            {"id": s.id, "about": s.about, "rows": list(s.rows), "outcome": studies[s.id].outcome,
             "seconds": round(studies[s.id].seconds, 1), "text": studies[s.id].text}
            for s in STUDIES if s.id in studies
        ],
    }  # fmt: skip


def figures(results: Sequence[CaseResult]) -> dict[str, str]:
    """Return one figure per case that compares a curve, as data addresses."""
    drawn: dict[str, str] = {}
    for r in results:
        curve = next((c for c in r.comparisons if c.at is not None and c.at.size > 2), None)
        if curve is not None and r.case.id not in drawn:
            drawn[r.case.id] = _figure(curve)
    return drawn


def _figure(curve: Comparison) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2, 2.0), dpi=80, layout="constrained")
    axes = figure.subplots()
    axes.plot(curve.at, curve.got, color="#1f5fa8", linewidth=1.4, label="simulated")
    every = max(1, len(curve.expected) // 14)
    axes.plot(curve.at[::every], curve.expected[::every], "o", color="#c2452d", markersize=3.2, label="expected")
    axes.set_title(curve.label, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    held = io.BytesIO()
    figure.savefig(held, format="png")
    return "data:image/png;base64," + base64.b64encode(held.getvalue()).decode("ascii")
