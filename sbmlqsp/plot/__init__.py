"""Figures: time courses and exposure, as Matplotlib figures that touch no global state."""

from __future__ import annotations

from sbmlqsp.plot.exposures import exposure_figure
from sbmlqsp.plot.style import save
from sbmlqsp.plot.timecourse import time_course

__all__ = ["exposure_figure", "save", "time_course"]
