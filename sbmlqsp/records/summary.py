"""What a data set holds, in counts and ranges."""

from __future__ import annotations

import html
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.records.legality import starts
from sbmlqsp.records.values import is_missing, native

if TYPE_CHECKING:
    import pandas as pd

    from sbmlqsp.records.dataset import Records

__all__ = ["Summary", "summarised"]


@dataclass(frozen=True, repr=False, eq=False)
class Summary:
    """Counts and ranges of a data set.

    Parameters
    ----------
    subjects, records : int
    doses : int
        Records that give a dose (EVID 1 or 4).
    administrations : int
        Doses given, additional ones (ADDL) included.
    resets, others : int
        Records with EVID 3 or 4, and with EVID 2.
    samples : dict
        By DVID, observations with a value, those below or above a limit included.
    missing : dict
        By DVID, observations without a value that counts (MDV 1).
    below, above : dict
        By DVID, values below (CENS 1) and above (CENS -1) a limit.
    times : tuple of float
        First and last time.
    covariates : DataFrame
        One row each: kind, levels or range, "constant" or "varies" within subjects, missing values, subjects without.
    changes : dict
        How many records were dropped, ignored, split, filled or reinterpreted.
    units : dict
    """

    subjects: int
    records: int
    doses: int
    administrations: int
    resets: int
    others: int
    samples: dict[Any, int]
    missing: dict[Any, int]
    below: dict[Any, int]
    above: dict[Any, int]
    times: tuple[float, float]
    covariates: pd.DataFrame
    changes: dict[str, int]
    units: dict[str, str]

    def _lines(self) -> list[tuple[str, str]]:
        unit = f" {self.units['TIME']}" if "TIME" in self.units else ""
        lines = [
            ("subjects", str(self.subjects)),
            ("records", str(self.records)),
            ("doses", f"{self.doses} records, {self.administrations} given"),
            ("samples", _by_dvid(self.samples)),
            ("missing DV", _by_dvid(self.missing) if any(self.missing.values()) else ""),
            ("below the limit", _by_dvid(self.below) if any(self.below.values()) else ""),
            ("above the limit", _by_dvid(self.above) if any(self.above.values()) else ""),
            ("resets", str(self.resets) if self.resets else ""),
            ("other records", str(self.others) if self.others else ""),
            ("time", f"{native(self.times[0])} to {native(self.times[1])}{unit}"),
            ("changes", ", ".join(f"{n} {what}" for what, n in self.changes.items())),
        ]
        return [(name, text) for name, text in lines if text]

    def __repr__(self) -> str:
        head = "\n".join(f"{name:<16}{text}" for name, text in self._lines())
        return f"{head}\n{self.covariates.to_string()}" if len(self.covariates) else head

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{html.escape(n)}</th><td>{html.escape(t)}</td></tr>" for n, t in self._lines())
        table = self.covariates.to_html() if len(self.covariates) else ""
        return f"<table>{rows}</table>{table}"


def _by_dvid(counts: dict[Any, int]) -> str:
    if len(counts) == 1:
        return str(next(iter(counts.values())))
    return ", ".join(f"{n} (DVID {dvid})" for dvid, n in counts.items()) or "0"


def summarised(records: Records) -> Summary:
    """Return the summary of a data set."""
    table = records.table
    seen, doses = records.observations, records.doses
    by = {dvid: seen[seen["DVID"] == dvid] for dvid in sorted(set(seen["DVID"]), key=lambda d: (isinstance(d, str), d))}
    return Summary(
        subjects=len(records.subjects),
        records=len(table),
        doses=len(doses),
        administrations=int((doses["ADDL"] + 1).sum()),
        resets=int(table["EVID"].isin([3, 4]).sum()),
        others=int((table["EVID"] == 2).sum()),
        samples={d: int((t["MDV"] == 0).sum()) for d, t in by.items()},
        missing={d: int((t["MDV"] == 1).sum()) for d, t in by.items()},
        below={d: int(((t["CENS"] == 1) & (t["MDV"] == 0)).sum()) for d, t in by.items()},
        above={d: int(((t["CENS"] == -1) & (t["MDV"] == 0)).sum()) for d, t in by.items()},
        times=(float(table["TIME"].min()), float(table["TIME"].max())),
        covariates=_covariates(table, records.covariates, dict(records.units)),
        changes={str(k): int(v) for k, v in records.changes["what"].value_counts().items()},
        units=dict(records.units),
    )


def _covariates(table: pd.DataFrame, names: tuple[str, ...], units: dict[str, str]) -> pd.DataFrame:
    import pandas as pd

    first = [*starts(table["ID"]), len(table)]
    rows = {}
    for name in names:
        cells = table[name].tolist()
        gone = np.array([is_missing(v) for v in cells], dtype=bool)
        blocks = [[v for v in cells[a:b] if not is_missing(v)] for a, b in pairwise(first)]
        text = table[name].dtype.kind == "O"
        rows[name] = {
            "kind": "category" if text else "number",
            "values": _span([v for v in cells if not is_missing(v)], text=text, unit=units.get(name)),
            "in time": "varies" if any(len(set(b)) > 1 for b in blocks) else "constant",
            "missing": int(gone.sum()),
            "subjects without": sum(not b for b in blocks),
        }
    columns = ["kind", "values", "in time", "missing", "subjects without"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _span(values: list[Any], *, text: bool, unit: str | None) -> str:
    if not values:
        return "none"
    levels = sorted(set(values))
    if text:
        shown = ", ".join(levels[:8])
        return shown + (f", … ({len(levels)} in all)" if len(levels) > 8 else "")
    low, high = f"{levels[0]:.6g}", f"{levels[-1]:.6g}"
    return (low if len(levels) == 1 else f"{low} to {high}") + (f" {unit}" if unit else "")
