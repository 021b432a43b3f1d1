"""LSODA from C++ (numbalsoda 0.3.4) on the kernel's own compiled rates, for patients with boluses."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
from numbalsoda import lsoda_sig
from numbalsoda.driver import lsoda_wrapper

from sbmlqsp.arm_start import ArmStart
from sbmlqsp.batch import batch_for
from sbmlqsp.compiled import state_scales


def lsoda(task: Any) -> Any:
    """Return runs of LSODA, restarted at every dose; each dose must be a bolus into a state, the same time for all."""
    start, n = ArmStart.of(task.arm, task.people, None), len(task.people)
    d = start.deliveries
    batch = batch_for(task.arm.model, dict.fromkeys(d.targets, False), task.states)
    least = float(state_scales(batch.states, start.env, d.targets, d.amount, n).min())
    order = [batch.states.index(s) for s in task.states]
    rates = batch.functions.rates

    @nb.cfunc(lsoda_sig)
    def slope(t, u, du, p):  # type: ignore[no-untyped-def]
        rates(u, p, t, du)

    grid, courses = np.asarray(task.arm.times), []
    begins = sorted({0.0, *d.start[0].tolist()})
    for a, b in zip(begins, [*begins[1:], grid[-1]], strict=True):
        given = [(batch.states.index(t), k) for k, t in enumerate(d.targets) if d.start[0, k] == a]
        rows = np.flatnonzero((grid >= a) & ((grid < b) | (b == grid[-1])))
        courses.append((given, rows, np.unique([a, *grid[rows], b])))
    address, success = slope.address, np.array(999, np.int32)

    def run(relative: float) -> Any:
        again = ArmStart.of(task.arm, task.people, None)  # as the others do for every run
        starts, constants = batch.starts(again.env, n)
        out = np.empty((n, len(grid), len(batch.states)))
        for i in range(n):
            x, p = starts[i].copy(), constants[i].copy()
            for given, rows, times in courses:
                for state, k in given:
                    x[state] += d.amount[i, k]
                found = np.empty((len(times), len(x)))
                lsoda_wrapper(
                    address, len(x), x.ctypes.data, p.ctypes.data, len(times), times.ctypes.data, found.ctypes.data,
                    relative, 1e-3 * relative * least, 500_000, success.ctypes.data,
                )  # fmt: skip
                out[i, rows] = found[np.searchsorted(times, grid[rows])]
                x = found[-1].copy()
        return out[:, :, order]

    return run
