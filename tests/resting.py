"""A model with a baseline, a switch of two branches, a conserved total and a volume, and its closed forms."""

import numpy as np

RESTING = """
model resting
  compartment blood = 2
  species R in blood = 1, A in blood = 3, B in blood = 0, X in blood = 0.1
  substanceOnly species drug in blood = 0, gone in blood = 0
  synthesis: -> R; ksyn*blood
  loss: R -> ; kdeg*R*blood*(1 + drug)
  forth: A -> B; kf*A*blood
  back: B -> A; kb*B*blood
  switch: -> X; blood*X*(1 - X)*(X - a)
  out: drug -> gone; ke*drug
  ksyn = 2; kdeg = 0.5; kf = 0.3; kb = 0.1; a = 0.5; ke = 1
  baseline = R
  change := R - baseline
end
"""

OBSERVED = ["R", "A", "B", "X", "drug", "gone", "change"]


def at_rest(*, ksyn=2.0, kdeg=0.5, kf=0.3, kb=0.1, a0=3.0, x0=0.1, a=0.5):
    """Return R, A, B and X at rest."""
    return np.array([ksyn / kdeg, a0 * kb / (kf + kb), a0 * kf / (kf + kb), float(x0 > a)])
