"""How a patient's run on the batch kernel may end; needs no compiler."""

from __future__ import annotations

__all__ = ["FINE", "LANES", "NOT_FINITE", "ODE_STATUS", "TOO_MANY", "TOO_SMALL"]

FINE, NOT_FINITE, TOO_MANY, TOO_SMALL = range(4)

ODE_STATUS = {
    NOT_FINITE: "a rate is not finite",
    TOO_MANY: "the integrator used up its steps; the model is stiff or grows without bound here",
    TOO_SMALL: "the integrator could not meet its tolerance; a rate is not smooth or not finite here",
}

LANES = 16
"""How many patients are integrated side by side."""
