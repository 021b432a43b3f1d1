"""Figures of runs, populations and what follows from them, as Matplotlib figures that touch no global state."""

from __future__ import annotations

from sbmlqsp.plot.attainment import attainment
from sbmlqsp.plot.by_covariate import exposure_by
from sbmlqsp.plot.cells import cells
from sbmlqsp.plot.ensembles import distribution, dose_kill, survival
from sbmlqsp.plot.exposures import exposure_figure
from sbmlqsp.plot.forest import forest
from sbmlqsp.plot.population import population
from sbmlqsp.plot.steps import steps
from sbmlqsp.plot.style import save
from sbmlqsp.plot.timecourse import time_course
from sbmlqsp.plot.vpc import vpc

__all__ = [
    "attainment",
    "cells",
    "distribution",
    "dose_kill",
    "exposure_by",
    "exposure_figure",
    "forest",
    "population",
    "save",
    "steps",
    "survival",
    "time_course",
    "vpc",
]
