"""Measured data from the literature, read as the files are: the calls, and where the files are looked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sbmlqsp import Records, read_nonmem

VARIABLE = "SBMLQSP_DATA"
"""The environment variable that names the folder of the files."""


def folder() -> Path | None:
    """Return the folder of the data: the one named in the environment, else shared/data beside the project."""
    named = os.environ.get(VARIABLE)
    found = Path(named) if named else Path(__file__).parents[2].parent / "shared" / "data"
    return found if found.is_dir() else None


def theophylline(data: Path) -> Records:
    """12 subjects, one oral dose per kg, stated on every row; the sample at time 0 comes before the dose."""
    return read_nonmem(
        data / "theophylline.csv",
        columns={"ID": "subject", "TIME": "time_h", "DV": "conc_mg_per_L"},
        derive={"AMT": "piecewise(dose_mg_per_kg*weight_kg, TIME == 0, 0)"},
        units={"TIME": "h", "AMT": "mg", "DV": "mg/L", "weight_kg": "kg", "dose_mg_per_kg": "mg/kg"},
    )


def warfarin(data: Path) -> Records:
    """32 subjects, one oral dose; concentration (DVID 1) and prothrombin complex activity (DVID 2)."""
    return read_nonmem(
        data / "warfarin.csv",
        units={"TIME": "h", "AMT": "mg", "DV:1": "mg/L", "DV:2": "%", "wt": "kg", "age": "yr"},
    )


def phenobarbital(data: Path) -> Records:
    """59 neonates, repeated intravenous doses."""
    return read_nonmem(
        data / "phenobarbital.csv",
        columns={"ID": "subject", "TIME": "time_h", "AMT": "dose_mg", "DV": "conc_mcg_per_mL"},
        units={"TIME": "h", "AMT": "mg", "DV": "ug/mL", "weight_kg": "kg"},
    )


def quinidine(data: Path) -> Records:
    """136 patients in routine care; a dose with an interval is one at steady state, and other rows tell covariates."""
    return read_nonmem(
        data / "quinidine.csv",
        columns={"ID": "Subject", "TIME": "time", "AMT": "dose", "II": "interval", "DV": "conc"},
        derive={"SS": "II > 0", "MDV": "missing(conc)"},
        units={"TIME": "h", "AMT": "mg", "DV": "mg/L", "Weight": "kg", "Age": "yr"},
    )


def indomethacin(data: Path) -> Records:
    """6 subjects, one intravenous bolus of 25 mg at time 0, which the file does not hold."""
    read = read_nonmem(
        data / "indomethacin.csv",
        columns={"ID": "subject", "TIME": "time_h", "DV": "conc_mcg_per_mL"},
        units={"TIME": "h", "DV": "ug/mL"},
    )
    return read.with_doses("25 mg into central")


LOADERS: dict[str, Callable[[Path], Records]] = {
    f.__name__: f for f in (theophylline, warfarin, phenobarbital, quinidine, indomethacin)
}
"""By name, a function that reads the data set from the folder."""
