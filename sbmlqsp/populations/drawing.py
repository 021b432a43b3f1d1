"""Random numbers of subjects: each from streams of their own, so that nobody depends on who else is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.errors import DataError
from sbmlqsp.streams import stream

if TYPE_CHECKING:
    from sbmlqsp.populations.population import Population

__all__ = ["by_subject", "cell_scores", "kappas_of", "moved_typical", "own_scores", "scores"]

BLOCK = 512
"""How many subjects share a stream; part of what a seed means, so never to be changed."""


def by_subject(ids: Any, draw: Callable[[int], Any]) -> Any:
    """Return each subject's own numbers: its row of a block that is always drawn whole, whoever else is asked for."""
    blocks, place = np.divmod(ids - 1, BLOCK)
    drawn = {int(b): draw(int(b)) for b in np.unique(blocks)}
    return np.stack([drawn[b][k] for b, k in zip(blocks.tolist(), place.tolist(), strict=True)])


def scores(purpose: str, ids: Any, seed: int, correlation: Any, *, occasion: int | None = None) -> Any:
    """Return correlated standard normal numbers, one row per subject."""
    n = len(correlation)
    if not n:
        return np.empty((len(ids), 0))
    raw = by_subject(ids, lambda b: stream(seed, purpose, subject=b, occasion=occasion).standard_normal((BLOCK, n)))
    return _correlated(raw, correlation)


def own_scores(
    purpose: str, labels: Sequence[Any], seed: int, correlation: Any, *, replicate: int, occasions: Sequence[Any] = ()
) -> Any:
    """Return correlated standard normal numbers of subjects that have names instead of numbers, one row per label."""
    n = len(correlation)
    if not n or not len(labels):
        return np.empty((len(labels), n))
    marks = occasions or [None] * len(labels)
    rows = [
        stream(seed, purpose, subject=who, occasion=occasion, replicate=replicate).standard_normal(n)
        for who, occasion in zip(labels, marks, strict=True)
    ]
    return _correlated(np.array(rows), correlation)


def cell_scores(ids: Sequence[Any], replicates: range, seed: int, correlation: Any) -> Any:
    """Return correlated standard normal numbers for the cells of subjects, one row per subject and replicate."""
    n, number = len(correlation), np.array(replicates)
    blocks, place = np.divmod(number, BLOCK)
    rows = []
    for who in ids:
        drawn = {b: stream(seed, "cells", subject=who, replicate=b).standard_normal((BLOCK, n))
                 for b in np.unique(blocks).tolist()}  # fmt: skip
        rows += [drawn[b][k] for b, k in zip(blocks.tolist(), place.tolist(), strict=True)]
    return _correlated(np.array(rows).reshape(len(rows), n), correlation)


def kappas_of(population: Population, ids: Any, seed: int, occasions: int) -> Any:
    """Return the effects of occasions, of shape (subjects, occasions, effects)."""
    sds = np.array([v.omega for v in population.occasion_variability.values()])
    drawn = [scores("iov", ids, seed, population.occasion_correlation, occasion=k + 1) * sds for k in range(occasions)]
    return np.stack(drawn, axis=1)


def moved_typical(population: Population, seed: int, draw: int | None) -> dict[str, float]:
    """Return the typical values, moved by one draw of their uncertainty where a draw is asked for."""
    if draw is None:
        return dict(population.typical)
    if population.uncertainty_matrix is None:
        raise DataError(
            f"the population '{population.id}' has no uncertainty to draw from", value=draw, remedy="leave draw out"
        )
    z = stream(seed, "uncertainty", replicate=draw).standard_normal(len(population.typical))
    moved = np.array(list(population.typical.values())) + _root(population.uncertainty_matrix) @ z
    return dict(zip(population.typical, moved.tolist(), strict=True))


def _correlated(raw: Any, correlation: Any) -> Any:
    # Term by term, since a matrix product may round otherwise for another number of subjects.
    root, n = _root(correlation), len(correlation)
    out = np.zeros((len(raw), n))
    for i in range(n):
        for j in range(n):
            out[:, i] += root[i, j] * raw[:, j]
    return out


def _root(matrix: Any) -> Any:
    """Return L with L Lᵀ equal to a positive semi-definite matrix, also a singular one."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.clip(values, 0.0, None))
