"""What a report says about the runs: arms, subjects, outputs, doses, exposure and failures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sbmlqsp.dosing import calendar, in_words
from sbmlqsp.reporting.model import number, shown_unit

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from sbmlqsp.experiment import Experiment

__all__ = ["run_context"]

MOST_DOSES = 24
MOST_ROWS = 24
_MEASURES = (
    ("cmax", "Cmax", "conc_unit"), ("tmax", "Tmax", "time_unit"), ("auc_last", "AUC to last", "auc_unit"),
    ("auc_inf", "AUC to ∞", "auc_unit"), ("half_life", "Half-life", "time_unit"), ("auc_tau", "AUC over τ", "auc_unit"),
    ("cavg", "Caverage", "conc_unit"), ("ctrough", "Ctrough", "conc_unit"), ("accumulation", "Accumulation", ""),
)  # fmt: skip


def run_context(
    results: xr.Dataset, arms: Sequence[Experiment], *, titles: Mapping[str, str], exposure: pd.DataFrame | None
) -> dict[str, Any]:
    """Return what the page says about the runs."""
    failures = _failures(results)
    unit = str(results["time"].attrs.get("units", ""))
    return {
        "arms": [_arm(a, titles.get(a.id, "")) for a in arms],
        "subjects": _subjects(results),
        "outputs": _outputs(results, arms),
        "fates": _fates(arms, titles),
        "doses": [d for d in (_doses(a, titles.get(a.id, "") or a.id) for a in arms) if d],
        "exposure": _exposure(exposure, results, titles) if exposure is not None and len(exposure) else [],
        "failures": failures,
        "facts": _facts(results, arms, len(failures), unit),
        "time_unit": unit,
    }


def _facts(results: xr.Dataset, arms: Sequence[Experiment], failed: int, unit: str) -> list[tuple[str, str]]:
    each = results.sizes["replicate"]
    runs = results.sizes["experiment"] * results.sizes["subject"] * each
    first, last = min(a.times[0] for a in arms), max(a.times[-1] for a in arms)
    return [
        ("Model", arms[0].model.id), ("Arms", str(len(arms))), ("Subjects", str(results.sizes["subject"])),
        *([("Cells per subject", f"{each:,}")] if each > 1 else []),
        ("Time", f"{first:g} to {last:g} {unit}".rstrip()), ("Runs", str(runs)),
        ("Failed runs", str(failed) if failed else "none"),
    ]  # fmt: skip


def _arm(arm: Experiment, title: str) -> dict[str, Any]:
    unit = arm.model.time_unit or ""
    return {
        "id": arm.id, "title": title if title != arm.id else "",
        "regimen": in_words(arm.regimen) if len(arm.regimen) else "No doses.",
        "changes": [f"{k} = {v}" if isinstance(v, str) else f"{k} = {v:g}" for k, v in arm.changes.items()],
        "times": f"{len(arm.times)} times, {arm.times[0]:g} to {arm.times[-1]:g} {unit}".rstrip(),
        "at_dose": arm.at_dose, "at_rest": arm.at_rest,
    }  # fmt: skip


def _fates(arms: Sequence[Experiment], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what ends cells, in all arms or arm by arm."""
    said = [{"arm": titles.get(a.id) or a.id, "ends": [(k, str(v)) for k, v in a.fates.items()]} for a in arms]
    if all(s["ends"] == said[0]["ends"] for s in said):
        said = [{"arm": "", "ends": said[0]["ends"]}]
    return [s for s in said if s["ends"]]


def _subjects(results: xr.Dataset) -> dict[str, Any]:
    """Return number and covariates of the subjects: smallest, median and largest, or counts of texts."""
    import numpy as np

    from sbmlqsp.results import covariate_names

    rows = []
    for name in covariate_names(results):
        if name.startswith(("ETA(", "KAPPA(")):
            continue  # the parameters they make are there
        values = results[name].to_numpy()
        if values.dtype.kind in "iuf":
            low, mid, high = (number(float(f(values))) for f in (np.nanmin, np.nanmedian, np.nanmax))
            rows.append({"name": name, "text": f"{mid} ({low} to {high})" if low != high else mid})
        else:
            texts, counts = np.unique(values.astype(str), return_counts=True)
            shown = [f"{t}: {n}" for t, n in zip(texts, counts, strict=True)]
            rows.append({"name": name, "text": ", ".join(shown[:8]) + (" …" if len(shown) > 8 else "")})
    inputs = json.loads(results.attrs.get("provenance", "{}")).get("inputs", {})
    return {"n": results.sizes["subject"], "rows": rows, "by_cell": list(inputs.get("between_cells") or ())}


def _outputs(results: xr.Dataset, arms: Sequence[Experiment]) -> list[dict[str, str]]:
    observables = {o.id: o for a in arms for o in a.observables}
    return [
        {
            "id": o.id, "formula": o.formula, "unit": shown_unit(str(results[o.id].attrs.get("units", ""))),
            "meaning": str(results[o.id].attrs.get("long_name", "")), "molar_mass": o.molar_mass or "",
        }
        for o in observables.values()
    ]  # fmt: skip


def _doses(arm: Experiment, title: str) -> dict[str, Any] | None:
    if not len(arm.regimen):
        return None
    table = calendar(arm.regimen, time_unit=arm.model.time_unit)
    rows = [_dose(row) for row in table.head(MOST_DOSES).to_dict("records")]
    extras = [name for name in ("lag", "F") if any(r[name] for r in rows)]
    return {"title": title, "rows": rows, "more": max(0, len(table) - MOST_DOSES), "extras": extras}


def _dose(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "time": number(float(row["time"]), 6), "target": str(row["target"]), "how": str(row["how"]),
        "amount": _plain(row["amount"]), "unit": shown_unit(str(row["unit"] or "")),
        "lag": _plain(row["lag"]) if row["lag"] != 0 else "",
        "F": _plain(row["bioavailability"]) if row["bioavailability"] != 1 else "",
    }  # fmt: skip


def _plain(value: float | str) -> str:
    return value if isinstance(value, str) else number(float(value), 6)


def _exposure(table: pd.DataFrame, results: xr.Dataset, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one table per observable: each subject where they are few, else a column of percentiles per arm."""
    several_arms, several = results.sizes["experiment"] > 1, results.sizes["subject"] > 1
    tables = []
    for name, part in table.groupby("observable", sort=False):
        measures = [m for m in _MEASURES if m[0] in part and part[m[0]].notna().any()]
        heads = [(label, shown_unit(str(part[unit].iloc[0])) if unit else "") for _, label, unit in measures]
        if several and len(part) > MOST_ROWS:
            tables.append(_crowd(str(name), part, measures, heads, titles))
            continue
        rows = []
        for arm, group in part.groupby("experiment", sort=False):
            labels = [str(arm)] if several_arms else []
            if several:
                rows.append({"labels": [*labels, f"median of {len(group)} (range)"], "summary": True,
                             "cells": [_spread(group[m]) for m, _, _ in measures]})  # fmt: skip
            rows += [
                {"labels": [*labels, *([str(s)] if several else [])], "summary": False,
                 "cells": [number(float(r[m])) for m, _, _ in measures]}
                for s, (_, r) in zip(group["subject"], group.iterrows(), strict=True)
            ]  # fmt: skip
        names = (["Arm"] if several_arms else []) + (["Subject"] if several else [])
        tables.append({"observable": str(name), "names": names, "heads": heads, "rows": rows})
    return tables


def _crowd(
    name: str, part: pd.DataFrame, measures: Sequence[tuple[str, str, str]], heads: Sequence[tuple[str, str]],
    titles: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    """Return a table of many subjects: a row per measure, and per arm its median and percentiles."""
    groups = [(titles.get(str(a)) or str(a), g) for a, g in part.groupby("experiment", sort=False)]
    rows = [
        {"labels": [label, unit], "summary": False, "cells": [_percentiles(g[measure]) for _, g in groups]}
        for (measure, _, _), (label, unit) in zip(measures, heads, strict=True)
    ]
    columns = [(title, f"{len(g)} runs: median (5th–95th percentile)") for title, g in groups]
    return {"observable": name, "names": ["Measure", "Unit"], "heads": columns, "rows": rows}


def _percentiles(values: pd.Series[Any]) -> str:
    kept = values.dropna()
    if kept.empty:
        return "–"
    low, middle, high = (number(float(kept.quantile(q)), 3) for q in (0.05, 0.5, 0.95))
    few = f"; of {len(kept)}" if len(kept) < len(values) else ""
    return f"{middle} ({low}–{high}){few}"


def _spread(values: pd.Series[Any]) -> str:
    kept = values.dropna()
    if kept.empty:
        return "–"
    middle, low, high = (number(float(v), 3) for v in (kept.median(), kept.min(), kept.max()))
    return f"{middle} ({low}–{high})"


def _failures(results: xr.Dataset) -> list[dict[str, str]]:
    status, message = results["status"].to_numpy(), results["message"].to_numpy()
    arms, subjects = results["experiment"].to_numpy(), results["subject"].to_numpy()
    cells = results["replicate"].to_numpy() if results.sizes["replicate"] > 1 else None
    return [
        {
            "arm": str(arms[e]),
            "message": str(message[e, s, r]),
            "subject": str(subjects[s]) + ("" if cells is None else f", cell {cells[r]}"),
        }
        for e, s, r in zip(*status.nonzero(), strict=True)
    ]
