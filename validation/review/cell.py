"""Fates of cells, written from their cards."""

from __future__ import annotations

from validation.reviewing import Rewritten, review


@review("threshold_kill")
def threshold_kill(p, start):
    """From the card's equations (log-logistic thresholds; Spencer et al. 2009 for why cells differ)."""
    ratio = (p.signal / p.threshold) ** p.steepness
    share = ratio / (1.0 + ratio)
    net = p.kgrow - p.kkill * share
    out = {"fraction_killed": share, "net_growth": net}
    return Rewritten(("cells",), [start.cells], lambda _t, y: [net * y[0]], lambda _t, _y: out, end=20.0)
