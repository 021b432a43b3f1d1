"""Steady states of many rows of parameters at once: polished by Newton's method with exact slopes, and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.engine.hidden_flows import HIDDEN, hidden
from sbmlqsp.engine.rate_slopes import rate_slopes
from sbmlqsp.engine.rates import RightHandSide
from sbmlqsp.model import dotted

__all__ = [
    "CLOSE",
    "SURE",
    "Rest",
    "alike",
    "arrived",
    "at_rows",
    "conserved_of",
    "doubts",
    "eigenvalues",
    "left_of",
    "polished",
]

CLOSE = 1e-7
"""From where Newton's method counts: how far, relatively, what is left of the way may be."""
SURE = 1e-9
"""How far it may be in the end."""
ROUNDS = 25
NOISE = 1e-8
"""What part of the fastest rate counts as none, beside its rounding errors."""
ROUNDING = 1e-13
"""The same where how much rounding errors change each is known."""
DRIFT, FLOW = 1e-3, 1e-17
"""By what part of the rates of change, and of all that flows, what is conserved may seem to move."""
THIN = 1e-14
"""What part of the largest singular value of the slopes counts as none: rests next to each other in that direction."""
POOR, STILL = 1e-10, 1e-8
"""What part of it is nearly none, and by what part of each state half of a course may then still have moved."""
ARRIVED, GONE = 1e-6, 1e-12
"""How near a course must come to a rest, as a part of each state and of the largest that it was."""
ALIKE = 1e-7
"""How well what a course shows of which of many rests it goes to must agree on the way."""


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
    many : ndarray of bool, of shape (rows,)
        Whether it is one of many next to each other with the same conserved totals: the way decides which.
    poor : ndarray of bool, of shape (rows,)
        Whether it nearly is, so that what Newton's method says in that direction may be rounding errors.
    drifts : ndarray of bool, of shape (rows,)
        Whether where Newton's method began moves in what would decide that: it is no such thing, only slow.
    """

    states: Any
    moved: Any
    left: Any
    many: Any
    poor: Any
    drifts: Any


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
    scale, targets = _scale(begun, peak), np.einsum("rkn,nr->rk", kept, start)
    y = _iterated(side, begun, kept, targets, scale)
    ways, poor = _ways(side, y, kept, scale)
    many = ways.any(axis=(1, 2))
    if many.any():  # of many rests that one to which the linearised model goes on from here
        kept, targets = (
            np.concatenate([kept, ways], axis=1),
            np.concatenate([targets, np.einsum("rkn,nr->rk", ways, begun)], axis=1),
        )
        y = np.where(many, _iterated(side, begun, kept, targets, scale), y)
    moved = (np.abs(y - begun) / np.where(scale > 0, scale, 1.0)).max(axis=0, initial=0.0)
    # What is left of what has died out, or of an amount its rounding errors, is nothing; so is what never was.
    gone = (np.abs(y) < 1e-20 * peak) | (peak == 0)
    reacting = (np.arange(len(y)) < len(side.reacting))[:, None]
    y = np.where(gone | (reacting & (y < 0) & (y > -1e-9 * scale)), 0.0, y)
    return Rest(y, moved, _newton(side, y, kept, targets, scale)[1], many, poor & ~many, _drifts(side, begun, ways))


def _iterated(side: RightHandSide, begun: Any, kept: Any, targets: Any, scale: Any) -> Any:
    """Return where damped Newton steps lead."""
    y, best = begun.copy(), np.full(begun.shape[1], np.inf)
    trial = y
    for _ in range(ROUNDS):
        step, size = _newton(side, trial, kept, targets, scale)
        better = size < best
        if not better.any():
            break
        y, best = np.where(better, trial, y), np.where(better, size, best)
        far = better & (size > 1e-15) & np.isfinite(size)
        with np.errstate(all="ignore"):
            damping = np.minimum(1.0, 0.5 / size)
        trial = np.where(far, y + damping * step, y)
    return y


def _ways(side: RightHandSide, y: Any, kept: Any, scale: Any) -> tuple[Any, Any]:
    """Return what small disturbances of rests conserve beside what reactions do: shape (rows, at most states, states).

    Where nothing is, rows are zero. Each is a direction in which one rest lies next to another. And say which rows have
    a direction that is nearly so.
    """
    n, rows = y.shape
    matrix = slopes_felt(side, y, rate_slopes(side, y)) * scale.T[:, None, :]
    matrix = np.where(np.isfinite(matrix), matrix, 0.0)
    there = scale.T > 0  # what never was nothing disturbs
    matrix = np.where(there[:, :, None], matrix, 0.0)
    weight = np.abs(matrix).max(axis=2, initial=0.0)
    weight = np.where(weight > 0, weight, 1.0)
    left, sizes, _ = np.linalg.svd(matrix / weight[:, :, None])
    largest = sizes.max(axis=1, initial=0.0, keepdims=True)
    idle = (~there).sum(axis=1) + (np.linalg.matrix_rank(kept * there[:, None, :]) if kept.size else 0)
    none, poor = sizes <= THIN * largest, (sizes <= POOR * largest).sum(axis=1) > idle
    out = np.zeros((rows, n, n))
    for row in np.flatnonzero(none.sum(axis=1) > idle).tolist():
        own = left[row][:, none[row]].T * there[row]
        found = _beside(own, kept[row] * weight[row] * there[row]) / weight[row]
        out[row, : len(found)] = found
    return out[:, : int(out.any(axis=2).sum(axis=1).max(initial=0))], poor


def _drifts(side: RightHandSide, y: Any, ways: Any) -> Any:
    """Say which rows move in a way that seems to be conserved, by more than their rates' rounding errors."""
    if not ways.any():
        return np.zeros(y.shape[1], dtype=bool)
    f, flows = side(y).T, np.einsum("rij,jr->ri", np.abs(rate_slopes(side, y)), np.abs(y))
    f, flows = np.where(np.isfinite(f), f, 0.0), np.where(np.isfinite(flows), flows, 0.0)
    moved = np.abs(np.einsum("rkn,rn->rk", ways, f))
    allowed = np.einsum("rkn,rn->rk", np.abs(ways), DRIFT * np.abs(f) + FLOW * flows)
    return (moved > allowed).any(axis=1)


def _beside(rows: Any, others: Any) -> Any:
    """Return rows that span what some span beyond what others do."""
    if not len(rows):
        return rows
    if len(others):
        _, sizes, basis = np.linalg.svd(others, full_matrices=False)
        basis = basis[sizes > 1e-12 * max(float(sizes.max(initial=0.0)), 1e-300)]
        rows = rows - rows @ basis.T @ basis
    _, sizes, span = np.linalg.svd(rows, full_matrices=False)
    return span[sizes > 1e-6]


def arrived(y: Any, end: Any, peak: Any) -> Any:
    """Say of a rest whether a course has come so near that nothing on the rest of the way can turn it elsewhere."""
    return (np.abs(y - end) <= ARRIVED * np.maximum(np.abs(y), np.abs(end)) + GONE * peak).all(axis=0)


def alike(side: RightHandSide, rest: Rest, middle: Any, end: Any, *, start: Any, kept: Any, peak: Any) -> Any:
    """Say of which rows a course is at rest so that it can be said which of many rests it is.

    Parameters
    ----------
    side : RightHandSide
    rest : Rest
        What is polished from the end of the course.
    middle, end : ndarray of shape (states, rows)
        Of the course.
    start, kept, peak : ndarray
        As `polished` has them.
    """
    size = np.maximum(np.abs(rest.states), ARRIVED * peak)
    size = np.where(size > 0, size, 1.0)
    near = (np.abs(rest.states - end) <= ARRIVED * size).all(axis=0) & ~rest.drifts
    still = near & (np.abs(middle - end) <= STILL * size).all(axis=0)
    if not (near & rest.many).any():
        return np.where(rest.many, near, still | ~rest.poor)
    before = polished(side, middle, start, kept, peak)
    agree = (np.abs(rest.states - before.states) <= ALIKE * size).all(axis=0)
    return np.where(rest.many, near & agree, still | ~rest.poor)


def left_of(side: RightHandSide, y: Any, start: Any, kept: Any) -> Any:
    """Return what is left of the way to the steady state, by row, as `Rest` has it."""
    return _newton(side, y, kept, np.einsum("rkn,nr->rk", kept, start), _scale(y, np.abs(y)))[1]


def slopes_felt(side: RightHandSide, y: Any, matrix: Any) -> Any:
    """Return slopes of shape (rows, states, states) without infinite ones by what is zero and stays so.

    A power below 1 of a drug that is not there has no slope there, and nothing brings the drug.
    """
    out = matrix
    for row in np.flatnonzero(~np.isfinite(matrix).all(axis=(1, 2))).tolist():
        own, at = RightHandSide(side.network, at_rows(side.base, np.array([row]))), y[:, [row]]
        fed = (matrix[row] != 0) & ~np.eye(len(y), dtype=bool)
        still = (at[:, 0] == 0) & (own(at)[:, 0] == 0)
        for _ in y:  # what only such states feed stays so as well
            still &= ~(fed & ~still).any(axis=1)
        held = frozenset(n for n, s in zip(side.names, still.tolist(), strict=True) if s)
        felt = rate_slopes(own, at, held=held)[0]
        felt[still] = matrix[row][still]
        out = np.where((np.arange(len(out)) == row)[:, None, None], felt, out)
    return out


def _scale(y: Any, peak: Any) -> Any:
    """Return the size of each state; of what never was it is 0, so that no step moves it."""
    return np.maximum(np.abs(y), 1e-9 * peak)


def _newton(side: RightHandSide, y: Any, kept: Any, targets: Any, scale: Any) -> tuple[Any, Any]:
    """Return the steps that keep what is conserved, and their relative sizes, infinite where none brings to rest."""
    f = side(y).T
    matrix = slopes_felt(side, y, rate_slopes(side, y)) * scale.T[:, None, :]
    good = np.isfinite(f).all(axis=1) & np.isfinite(matrix).all(axis=(1, 2))
    f, matrix = np.where(good[:, None], f, 0.0), np.where(good[:, None, None], matrix, 0.0)
    rows = np.concatenate([matrix, kept * scale.T[:, None, :]], axis=1)
    target = np.concatenate([-f, targets - np.einsum("rkn,nr->rk", kept, y)], axis=1)
    weight = np.abs(rows).max(axis=2, initial=0.0)
    weight = np.where(weight > 0, weight, 1.0)
    rows, target = rows / weight[:, :, None], target / weight
    step = np.einsum("rnm,rm->rn", np.linalg.pinv(rows, rcond=THIN), target)
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
    for row in [r for r in np.flatnonzero(rest.many | rest.poor).tolist() if r not in out]:
        name = hidden(RightHandSide(side.network, at_rows(side.base, np.array([row]))), y[:, row])
        if name:
            out[row] = HIDDEN.format(dotted(name))
    slopes = slopes_felt(side, y, rate_slopes(side, y))
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
    found, noises = eigenvalues(matrix * size / size[:, None])
    noise = NOISE * float(np.abs(found).max(initial=0.0))
    if (found.real > np.minimum(noise, noises)).any():
        return "small disturbances grow: the model rests there only because it starts there"
    if ((np.abs(found.imag) > noise) & (found.real >= -noise)).any():
        return "small disturbances swing for ever"
    return ""


def eigenvalues(matrix: Any) -> tuple[Any, Any]:
    """Return the eigenvalues of a matrix, and what of each may be its rounding errors."""
    found, vectors = np.linalg.eig(matrix)
    try:
        with np.errstate(all="ignore"):  # where vectors nearly coincide, nothing is known
            condition = np.linalg.norm(vectors, axis=0) * np.linalg.norm(np.linalg.inv(vectors), axis=1)
    except np.linalg.LinAlgError:
        return found, np.full(len(found), np.inf)
    known, largest = np.isfinite(condition), float(np.abs(found).max(initial=0.0))
    return found, np.where(known, ROUNDING * largest * np.where(known, condition, 0.0), np.inf)


def at_rows(base: Mapping[str, Any], rows: Any) -> dict[str, Any]:
    """Return the values of symbols at some rows."""
    return {k: np.asarray(v)[rows] if np.ndim(v) else v for k, v in base.items()}
