"""Questions about many cells: how noisy, how many survive, what ended them, which law their counts follow.

Pure functions on the Dataset of a simulation with ``method="ssa"``. Cells of one subject are independent of each other;
cells of several subjects are not, so that what is pooled over subjects has intervals from the differences between them.
Runs that failed are counted wherever a number leaves them out.
"""

from __future__ import annotations

from sbmlqsp.ensembles.fates import by_fate, dose_kill_curve, killed, survival
from sbmlqsp.ensembles.fitting import Fit, fit_distribution
from sbmlqsp.ensembles.moments import fano, moments
from sbmlqsp.ensembles.noise import noise

__all__ = ["Fit", "by_fate", "dose_kill_curve", "fano", "fit_distribution", "killed", "moments", "noise", "survival"]
