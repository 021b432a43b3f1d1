"""Steady states of many rows of parameters at once: polished by Newton's method with exact slopes, and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.engine.rate_slopes import rate_slopes
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.model import dotted

__all__ = ["CLOSE", "SURE", "Rest", "at_rows", "conserved_of", "doubts", "left_of", "polished"]

CLOSE = 1e-7
"""From where Newton's method counts: how far, relatively, what is left of the way may be."""
SURE = 1e-9
"""How far it may be in the end."""
ROUNDS = 25
NOISE = 1e-8
"""What part of the fastest rate counts as none, beside its rounding errors."""


@dataclass(frozen=True)
class Rest:
    """Where rows come to rest.

    Parameters
    ----------
    states : ndarray of shape (states, rows)
    moved : ndarray of shape (rows,)
        How far that is, relatively, from where Newton's method began.
    left : ndarray of shape (rows,)
        What is left of the way; infinite where no step makes the rates vanish.
    """

    states: Any
    moved: Any
    left: Any


def conserved_of(side: RightHandSide, rows: int) -> Any:
    """Return what reactions conserve, by row: an array of shape (rows, moieties, states)."""
    factors = {side.network.symbols[n].conversion_factor for n in side.reacting} - {None, ""}
    each = [{str(f): np.broadcast_to(side.base[str(f)], (rows,))[r] for f in factors} for r in range(rows)]
    known: dict[tuple[float, ...], Any] = {}
    for own in each:
        key = tuple(float(v) for v in own.values())
        if key not in known:
            known[key] = RightHandSide(side.network, {**side.base, **own}).conserved()
    return np.stack([known[tuple(float(v) for v in own.values())] for own in each])


def polished(side: RightHandSide, begun: Any, start: Any, kept: Any, peak: Any) -> Rest:
    """Return the steady states near to where rows are, with the conserved totals of their starts.

    Parameters
    ----------
    side : RightHandSide
    begun, start : ndarray of shape (states, rows)
        Where a simulation came to, and from where.
    kept : ndarray of shape (rows, moieties, states)
        What is conserved.
    peak : ndarray of shape (states, rows)
        The largest of each state on the way.
    """
    scale = _scale(begun, peak)
    y, best = begun.copy(), np.full(begun.shape[1], np.inf)
    trial = y
    for _ in range(ROUNDS):
        step, size = _newton(side, trial, start, kept, scale)
        better = size < best
        if not better.any():
            break
        y, best = np.where(better, trial, y), np.where(better, size, best)
        far = better & (size > 1e-15) & np.isfinite(size)
        with np.errstate(all="ignore"):
            damping = np.minimum(1.0, 0.5 / size)
        trial = np.where(far, y + damping * step, y)
    moved = (np.abs(y - begun) / np.where(scale > 0, scale, 1.0)).max(axis=0, initial=0.0)
    # What is left of what has died out, or of an amount its rounding errors, is nothing; so is what never was.
    gone = (np.abs(y) < 1e-20 * peak) | (peak == 0)
    reacting = (np.arange(len(y)) < len(side.reacting))[:, None]
    y = np.where(gone | (reacting & (y < 0) & (y > -1e-9 * scale)), 0.0, y)
    return Rest(y, moved, _newton(side, y, start, kept, scale)[1])


def left_of(side: RightHandSide, y: Any, start: Any, kept: Any) -> Any:
    """Return what is left of the way to the steady state, by row, as `Rest` has it."""
    return _newton(side, y, start, kept, _scale(y, np.abs(y)))[1]


def _scale(y: Any, peak: Any) -> Any:
    """Return the size of each state; of what never was it is 0, so that no step moves it."""
    return np.maximum(np.abs(y), 1e-9 * peak)


def _newton(side: RightHandSide, y: Any, start: Any, kept: Any, scale: Any) -> tuple[Any, Any]:
    """Return the steps that keep what is conserved, and their relative sizes, infinite where none brings to rest."""
    f = side(y).T
    matrix = rate_slopes(side, y) * scale.T[:, None, :]
    good = np.isfinite(f).all(axis=1) & np.isfinite(matrix).all(axis=(1, 2))
    f, matrix = np.where(good[:, None], f, 0.0), np.where(good[:, None, None], matrix, 0.0)
    rows = np.concatenate([matrix, kept * scale.T[:, None, :]], axis=1)
    target = np.concatenate([-f, np.einsum("rkn,nr->rk", kept, start - y)], axis=1)
    weight = np.abs(rows).max(axis=2, initial=0.0)
    weight = np.where(weight > 0, weight, 1.0)
    rows, target = rows / weight[:, :, None], target / weight
    step = np.einsum("rnm,rm->rn", np.linalg.pinv(rows, rcond=1e-12), target)
    missed = np.abs(np.einsum("rmn,rn->rm", rows, step) - target).max(axis=1, initial=0.0)
    size = np.abs(step).max(axis=1, initial=0.0)
    # A rate that no step can bring to zero is growth or loss without end.
    return step.T * scale, np.where(good & (missed <= 0.5 * CLOSE), size, np.inf)


def doubts(side: RightHandSide, rest: Rest, start: Any) -> dict[int, str]:
    """Return by row why the rates vanish there and it is no steady state for a start, where that is so."""
    y, out = rest.states, dict[int, str]()
    reacting = np.arange(len(y)) < len(side.reacting)
    for row in np.flatnonzero(~(rest.left < SURE)).tolist():
        out[row] = "the rates of the model do not vanish where it comes to"
    for row in np.flatnonzero((y[reacting] < 0).any(axis=0)).tolist():
        name = dotted(side.names[int(y[reacting][:, row].argmin())])
        out.setdefault(row, f"'{name}' is negative at the steady state: {y[:, row].min():.6g}")
    here = (y != 0) | (start != 0)  # what was never there cannot be disturbed
    slopes = rate_slopes(side, y)
    for row in [r for r in range(y.shape[1]) if r not in out]:
        why = _unstable(slopes[row][np.ix_(here[:, row], here[:, row])], y[here[:, row], row])
        if why:
            out[row] = why
    return out


def _unstable(matrix: Any, y: Any) -> str:
    """Say why small disturbances do not die out, "" where they do or where nothing moves what they changed."""
    if not matrix.size:
        return ""
    size = np.where(y != 0, np.abs(y), 1.0)
    found = np.linalg.eigvals(matrix * size / size[:, None])
    noise = NOISE * float(np.abs(found).max(initial=0.0))
    if (found.real > noise).any():
        return "small disturbances grow: the model rests there only because it starts there"
    if ((np.abs(found.imag) > noise) & (found.real >= -noise)).any():
        return "small disturbances swing for ever"
    return ""


def at_rows(base: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    """Return the values of symbols at some rows."""
    return {k: np.asarray(v)[rows] if np.ndim(v) else v for k, v in base.items()}
