"""Error control of the integrators."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sbmlqsp.errors import ExperimentError

__all__ = ["ABSOLUTE", "Tolerances"]

ABSOLUTE = 1e-40
"""What the error of a state may be where it is zero, as a share of its scale, where nothing else is asked for."""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Error control of the integrator (CVODE, BDF).

    ``absolute`` multiplies each state's own scale: its initial amount or the largest dose into it, or, for states
    that start empty, the smallest scale in the model. So a species in pmol is held as tightly as one in mol. What grows
    out of itself (a tumour, a virus) is held to the relative tolerance alone, unless ``absolute`` is set above its
    default: after a nadir it regrows from what is left of it.
    """

    relative: float = 1e-10
    absolute: float = ABSOLUTE
    maximum_steps: int = 500_000

    def __post_init__(self) -> None:
        for name, span in (("relative", "above 0 and below 1"), ("absolute", "of 0 or more")):
            value: object = getattr(self, name)
            if isinstance(value, int | float | np.number) and not isinstance(value, bool):
                number = float(value)
                if 0 < number < 1 or (name == "absolute" and 0 <= number < math.inf):
                    continue
            raise ExperimentError(f"the {name} tolerance is no number {span}", value=value)
        steps: object = self.maximum_steps
        if not isinstance(steps, int | np.integer) or steps < 1:
            raise ExperimentError("the most steps are no whole number of 1 or more", value=steps)

    def tighter(self) -> Tolerances:
        """Return the tolerances used to confirm a suspicious result."""
        relative = min(self.relative, max(self.relative * 1e-2, 1e-11))
        return Tolerances(relative, self.absolute * 1e-9, self.maximum_steps * 4)
