"""Measured data against published parameters: nothing is fitted, so doses, units and covariates must all be right.

Most of the parameters were estimated from these very data, by others and elsewhere. So agreement is no test of the
parameters, but one of all that lies between a file and a prediction. Each value says where it stands.

``python -m validation.literature.simulated [NAME …] [--output FOLDER]`` prints a table by data set and DVID and exits 1
where one falls outside its bounds, or where the control (a clearance three times too high) stays inside.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from validation.literature import data_sets

CONTROL = 3.0
"""What the control multiplies clearance by."""


@dataclass(frozen=True)
class Value:
    """A published value and where it stands; ``seen`` says in what, where it is not the source itself."""

    symbol: str
    value: Any
    unit: str
    source: str
    seen: str = ""


@dataclass(frozen=True)
class Bounds:
    """What a DVID must reach: median of DV/IPRED, share of samples within twofold, correlation of logarithms."""

    low: float = 0.7
    high: float = 1.4
    twofold: float = 0.8
    correlation: float = 0.5


@dataclass(frozen=True)
class Case:
    """A data set, the model of the library for it and what is published of its parameters."""

    name: str
    title: str
    model: Callable[[], qsp.Model]
    dosed: str
    observables: Mapping[Any, Any]
    axes: Mapping[Any, str]
    values: tuple[Value, ...]
    clearance: str
    bounds: Bounds = Bounds()

    def parameters(self, *, control: bool = False) -> dict[str, Any]:
        """Return what predict takes; the control has a clearance that is too high."""
        given = {v.symbol: v.value for v in self.values}
        if control:
            given[self.clearance] = f"{CONTROL}*({given[self.clearance]})"
        return given


# -------------------------------------------------------------------------------------------------------------- models
ORAL = {"absorption.central": "pk.central", "absorption.V": "pk.V"}
WARFARIN_MOLAR_MASS = "308.33 g/mol"


def _oral() -> qsp.Model:
    parts = {"pk": qsp.load("one_compartment"), "absorption": qsp.load("first_order_absorption")}
    return qsp.compose("oral", parts, connect=ORAL)


def _oral_response() -> qsp.Model:
    parts = {
        "pk": qsp.load("one_compartment"),
        "absorption": qsp.load("first_order_absorption"),
        "pca": qsp.load("indirect_response"),
    }
    convert = {"pca": "h", "pca.Cp": WARFARIN_MOLAR_MASS}
    return qsp.compose("warfarin", parts, connect={**ORAL, "pca.Cp": "pk.C"}, convert=convert)


# --------------------------------------------------------------------------------------------------------------- cases
NLMIXED = "Pinheiro, Bates 1995, from these data"
SAS = "starting values of example 1 of SAS PROC NLMIXED, by whole dose per kg"
GRASELA = "Grasela, Donn 1985, Dev Pharmacol Ther 8:374 (abstract), from these data"
HOLFORD = "Funaki, Holford, Fujita 2018 (PAGJA), from these data"
POSOLOGYR = "rounded; the estimates in posologyr's tests differ by less than a fifth"
QUINIDINE = "Pinheiro, Bates 2000, section 8.2, from these data"
NLME = "start values of nlme's own script of that section, exp(5.4) and exp(-0.2)"
UNCHECKED = "second-hand: not checked in print"
KWAN = "Kwan et al. 1976"
SSBIEXP = "3 exp(-e t) + 0.6 exp(-0.2725 t) mg/L after 25 mg, as in the example of R's SSbiexp"


CASES = {
    case.name: case
    for case in (
        Case(
            "theophylline", "Theophylline, one oral dose", lambda: qsp.load("theophylline"), "absorption.depot",
            {1: "pk.C"}, {1: "Theophylline [mg/L]"},
            (
                Value("WT", "weight_kg", "kg", "the data"),
                Value("ka", 1.60, "1/h", NLMIXED, SAS),
                Value("CL_kg", 0.0400, "L/(h*kg)", NLMIXED, SAS),
                Value("V_kg", 0.463, "L/kg", NLMIXED, SAS),
            ),
            "CL_kg", Bounds(correlation=0.8),
        ),
        Case(
            "warfarin", "Warfarin, one oral dose", _oral_response, "absorption.depot",
            {1: "pk.C", 2: "0.97*pca.response*pca.kout/pca.kin"},
            {1: "Warfarin [mg/L]", 2: "Prothrombin complex activity [%]"},
            (
                Value("pk.CL", "0.13*(wt/70)**0.75", "L/h", HOLFORD, POSOLOGYR),
                Value("pk.V", "8*wt/70", "L", HOLFORD, POSOLOGYR),
                Value("absorption.ka", 1.0, "1/h", HOLFORD, POSOLOGYR),
                Value("ALAG(absorption.depot)", 0.9, "h", HOLFORD, UNCHECKED),
                Value("pca.Imax", 1.0, "", HOLFORD, POSOLOGYR),
                Value("pca.IC50", "3.892 umol/L", "", HOLFORD, f"1.2 mg/L; {POSOLOGYR}; Holford 1986 has 1.5 mg/L"),
                Value("pca.kout", "0.054 1/h", "", HOLFORD, f"18.5 h of turnover; {POSOLOGYR}"),
            ),
            "pk.CL", Bounds(correlation=0.6),
        ),
        Case(
            "phenobarbital", "Phenobarbital in neonates, repeated doses", lambda: qsp.load("one_compartment"),
            "central", {1: "C"}, {1: "Phenobarbital [µg/mL]"},
            (
                Value("CL", "0.0047*weight_kg", "L/h", GRASELA),
                Value("V", "0.96*weight_kg*piecewise(1.13, apgar < 5, 1)", "L", GRASELA),
            ),
            "CL", Bounds(twofold=0.9),
        ),
        Case(
            "quinidine", "Quinidine in routine care", _oral, "absorption.depot", {1: "pk.C"},
            {1: "Quinidine [mg/L]"},
            (
                Value("pk.CL", "exp(3.1067 - 0.4914*glyco)", "L/h", QUINIDINE,
                      f"{UNCHECKED}; 12.2 at the median glyco, as exp(2.5) in nlme's script"),
                Value("pk.V", 221.0, "L", QUINIDINE, NLME),
                Value("absorption.ka", 0.82, "1/h", QUINIDINE, NLME),
            ),
            "pk.CL", Bounds(twofold=0.7, correlation=0.3),
        ),
        Case(
            "indomethacin", "Indomethacin, 25 mg into a vein", lambda: qsp.load("two_compartment_small_molecule"),
            "central", {1: "C"}, {1: "Indomethacin [µg/mL]"},
            (
                Value("V1", 6.94, "L", KWAN, SSBIEXP),
                Value("CL", 7.56, "L/h", KWAN, f"{SSBIEXP}; Helleberg 1981 has 1 to 2.5 mL/(min kg)"),
                Value("Q", 8.48, "L/h", KWAN, SSBIEXP),
                Value("V2", 12.5, "L", KWAN, SSBIEXP),
            ),
            "CL", Bounds(correlation=0.8),
        ),
    )
}  # fmt: skip
"""By name."""


# ------------------------------------------------------------------------------------------------------------- figures
@dataclass(frozen=True)
class Agreement:
    """How one DVID of a data set agrees with its predictions.

    Parameters
    ----------
    name, dvid
    subjects, samples : int
        Who was measured, and how many samples have a value.
    median : float
        Of DV/IPRED, where both are positive.
    twofold : float
        Share of all samples between half and twice the prediction; 0 for a prediction of 0 is within.
    correlation : float
        Of the logarithms, where both are positive.
    within : bool
        Whether the bounds hold.
    """

    name: str
    dvid: Any
    subjects: int
    samples: int
    median: float
    twofold: float
    correlation: float
    within: bool


def predicted(case: Case, data: qsp.Records, *, control: bool = False) -> pd.DataFrame:
    """Return the predictions of the samples that have a value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", qsp.ProvisionalModelWarning)
        model = case.model()
    observables = case.observables if len(case.observables) > 1 else next(iter(case.observables.values()))
    table = qsp.predict(
        model, data, parameters=case.parameters(control=control), compartments=case.dosed, observables=observables
    )
    return table[data.observations["MDV"].to_numpy() == 0].reset_index(drop=True)


def agreement(case: Case, table: pd.DataFrame) -> list[Agreement]:
    """Return how each DVID agrees."""
    found = []
    for dvid, rows in table.groupby("DVID", sort=True):
        seen, shown = rows["DV"].to_numpy(dtype=float), rows["IPRED"].to_numpy(dtype=float)
        both = (seen > 0) & (shown > 0)
        median = float(np.median(seen[both] / shown[both]))
        twofold = float(np.mean((seen >= shown / 2) & (seen <= 2 * shown)))
        correlation = float(np.corrcoef(np.log(seen[both]), np.log(shown[both]))[0, 1])
        b = case.bounds
        within = b.low <= median <= b.high and twofold >= b.twofold and correlation >= b.correlation
        found.append(
            Agreement(case.name, dvid, rows["ID"].nunique(), len(rows), median, twofold, correlation, bool(within))
        )
    return found


def study(name: str, folder: Path) -> tuple[pd.DataFrame, list[Agreement], list[Agreement]]:
    """Return the predictions of a data set, how they agree, and how those of the control do."""
    case, data = CASES[name], data_sets.LOADERS[name](folder)
    table = predicted(case, data)
    return table, agreement(case, table), agreement(case, predicted(case, data, control=True))


def as_table(found: list[Agreement], controls: list[Agreement]) -> pd.DataFrame:
    """Return the agreement and that of the control, one row by data set and DVID."""
    rows = [
        {
            "data": a.name, "DVID": a.dvid, "subjects": a.subjects, "samples": a.samples, "DV/IPRED": a.median,
            "within twofold": a.twofold, "r of logs": a.correlation, "bounds": "hold" if a.within else "FAIL",
            "control DV/IPRED": c.median, "control twofold": c.twofold,
            "control": "STAYS INSIDE" if c.within else "refused",
        }
        for a, c in zip(found, controls, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows).round(3)


def draw(case: Case, table: pd.DataFrame, folder: Path) -> Path:
    """Write observed against predicted and a few profiles, one row of panels by DVID."""
    import matplotlib.pyplot as plt

    dvids = sorted(table["DVID"].unique())
    people = [s for s, _ in sorted(table.groupby("ID"), key=lambda g: -len(g[1]))[:4]]
    widths = (1.5, 1, 1, 1, 1)
    figure, axes = plt.subplots(
        len(dvids),
        5,
        figsize=(16, 3.6 * len(dvids)),
        squeeze=False,
        width_ratios=widths,
        layout="constrained",
    )
    for row, dvid in zip(axes, dvids, strict=True):
        rows = table[table["DVID"] == dvid]
        _scatter(row[0], rows, case.axes[dvid])
        for axis, person in zip(row[1:], people, strict=True):
            _profile(axis, rows[rows["ID"] == person], f"subject {person}")
        row[1].set_ylabel(case.axes[dvid])
        row[1].legend(frameon=False, fontsize=8)
    figure.suptitle(f"{case.title}: measured, and predicted from published parameters")
    path = folder / f"{case.name}.png"
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _scatter(axis: Any, rows: pd.DataFrame, label: str) -> None:
    both = rows[(rows["DV"] > 0) & (rows["IPRED"] > 0)]
    low = min(both["DV"].min(), both["IPRED"].quantile(0.02)) / 1.3
    high = max(both["DV"].max(), both["IPRED"].max()) * 1.3
    line = np.array([low, high])
    axis.fill_between(line, line / 2, line * 2, color="0.9", label="twofold")
    axis.plot(line, line, color="0.4", lw=1)
    axis.loglog(both["IPRED"], both["DV"], "o", ms=3.5, alpha=0.55, color="#0072B2", mew=0)
    axis.set(xlim=(low, high), ylim=(low, high), xlabel=f"Predicted: {label}", ylabel=f"Measured: {label}")
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter("{x:g}")
        side.set_minor_formatter(_few(high / low))
        side.set_tick_params(which="both", labelsize=8)
    axis.legend(frameon=False, loc="upper left", fontsize=8)


def _few(span: float) -> Any:
    """Return a formatter that names 2 and 5 of a decade too where the axis spans few decades."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda x, _: f"{x:g}" if span < 100 and f"{x:e}"[0] in "25" else "")


def _profile(axis: Any, rows: pd.DataFrame, title: str) -> None:
    axis.plot(rows["TIME"], rows["DV"], "o", ms=4, color="#D55E00", label="measured")
    axis.plot(rows["TIME"], rows["IPRED"], ":_", lw=1, ms=9, mew=1.6, color="#0072B2", label="predicted, joined")
    axis.set_ylim(bottom=0)
    axis.set_title(title, fontsize=9)
    axis.set_xlabel("Time [h]")
    axis.tick_params(labelsize=8)


def main(arguments: list[str] | None = None) -> int:
    """Print the table, write figures, return 1 where bounds fail or a control does not."""
    parser = argparse.ArgumentParser(prog="python -m validation.literature.simulated", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; all by default")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write table.csv and a figure per data set")
    given = parser.parse_args(arguments)
    if unknown := [n for n in given.names if n not in CASES]:
        parser.error(f"no such data set: {', '.join(unknown)}; there are {', '.join(CASES)}")
    folder = data_sets.folder()
    if folder is None:
        sys.stdout.write(f"absent: the measured data are not there; name their folder in {data_sets.VARIABLE}\n")
        return 1
    found, controls, tables = [], [], {}
    for name in given.names or CASES:
        tables[name], here, wrong = study(name, folder)
        found += here
        controls += wrong
    table = as_table(found, controls)
    sys.stdout.write(table.to_string(index=False) + "\n")
    if given.output:
        given.output.mkdir(parents=True, exist_ok=True)
        table.to_csv(given.output / "table.csv", index=False, lineterminator="\n")
        for name, rows in tables.items():
            sys.stdout.write(f"{draw(CASES[name], rows, given.output)}\n")
    refused = {c.name for c in controls if not c.within}
    return 0 if all(a.within for a in found) and refused == {a.name for a in found} else 1


if __name__ == "__main__":
    sys.exit(main())
