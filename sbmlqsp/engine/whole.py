"""Whether amounts are whole numbers of molecules, as what is counted must be."""

from __future__ import annotations

from typing import Any

import numpy as np

from sbmlqsp.errors import UnsupportedError

__all__ = ["uneven", "uneven_start"]

NEAR = 1e-6  # how far from a whole number an amount may be, of one and of itself


def uneven(molecules: Any) -> Any:
    """Return which numbers of molecules are negative or not whole, but for rounding."""
    molecules = np.asarray(molecules, dtype=float)
    known = np.isfinite(molecules)
    whole = np.rint(np.where(known, molecules, -1.0))
    near = np.abs(np.where(known, molecules, 0.0) - whole) <= NEAR * np.maximum(1.0, np.abs(whole))
    return ~near | (whole < 0)


def uneven_start(name: str, molecules: float) -> UnsupportedError:
    """Return the error of a species that starts so."""
    return UnsupportedError(
        f"'{name}' is counted, and starts with no whole number of molecules", value=molecules,
        remedy=f"give it a whole number, or name it in continuous=['{name}']",
    )  # fmt: skip
