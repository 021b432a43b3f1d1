"""What the cases of the pk models share: exact areas, and joined models as a user would join them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import sbmlqsp as qsp
from validation.analytic import pk
from validation.cases import Bench, model_of

__all__ = ["area", "effect", "effect_of_infusion", "joined", "levels", "modules", "times_to"]

Array = NDArray[np.float64]
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)


def levels(end: float, *, first: float = 1e-4, count: int = 60) -> Array:
    """Return edges from 0 to ``end`` that are dense at the start: a geometric and an even grid, merged."""
    even = np.linspace(0.0, end, count)
    return np.unique(np.concatenate([even, np.geomspace(first * end, end, count)]))


def area(
    b: Bench,
    observable: str,
    edges: ArrayLike,
    *,
    regimen: Any = None,
    changes: dict[str, float] | None = None,
    moment: int = 0,
) -> float:
    """Return the integral of ``t**moment * observable`` over the edges, by Gauss's rule within each pair of them.

    The rule is exact for polynomials of degree 23 between two edges; every corner of the curve needs an edge.
    """
    edges = np.asarray(edges, dtype=float)
    half = np.diff(edges) / 2.0
    times = (edges[:-1] + half)[:, None] + half[:, None] * NODES
    found = b.run(times.ravel(), observable, regimen=regimen, changes=changes)[observable].reshape(times.shape)
    return float((half[:, None] * WEIGHTS * found * times**moment).sum())


def times_to(rate: float, *, lives: float = 45.0) -> float:
    """Return the time after which exp(-rate t) is below rounding."""
    return lives / rate


MODULES = {
    "oral": {"pk": "one_compartment", "absorption": "first_order_absorption"},
    "infused": {"pk": "one_compartment", "pump": "constant_infusion"},
    "released": {"pk": "one_compartment", "absorption": "zero_order_absorption"},
    "delayed": {"pk": "one_compartment", "absorption": "transit_absorption"},
    "oral2": {"pk": "two_compartment_small_molecule", "absorption": "first_order_absorption"},
    "linked": {
        "pk": "one_compartment", "absorption": "first_order_absorption", "link": "effect_compartment", "pd": "emax",
    },
    "serial": {"pk": "one_compartment", "link": "two_effect_compartments"},
    "direct": {"pk": "one_compartment", "pd": "emax"},
    "pumped": {"mm": "one_compartment_mm", "pump": "constant_infusion"},
    "two_routes": {"pk": "one_compartment", "mm": "michaelis_menten_elimination"},
    "mm2": {"pk": "two_compartment_small_molecule", "mm": "michaelis_menten_elimination"},
    "victim": {"pk": "one_compartment", "absorption": "first_order_absorption", "effect": "clearance_inhibition"},
    "enzyme": {"pk": "one_compartment", "effect": "dynamic_interaction"},
    "injected": {"pk": "two_compartment", "absorption": "subcutaneous_absorption"},
}  # fmt: skip
CONNECTIONS = {
    "oral": {"absorption.central": "pk.central", "absorption.V": "pk.V"},
    "infused": {"pump.central": "pk.central", "pump.V": "pk.V"},
    "released": {"absorption.central": "pk.central", "absorption.V": "pk.V"},
    "delayed": {"absorption.central": "pk.central", "absorption.V": "pk.V"},
    "oral2": {"absorption.central": "pk.central", "absorption.V": "pk.V1"},
    "linked": {
        "absorption.central": "pk.central", "absorption.V": "pk.V", "link.Cp": "pk.C", "pd.Cp": "link.Ce",
    },
    "serial": {"link.Cp": "pk.C"},
    "direct": {"pd.Cp": "pk.C"},
    "pumped": {"pump.central": "mm.central", "pump.V": "mm.V"},
    "two_routes": {"mm.central": "pk.central", "mm.V": "pk.V"},
    "mm2": {"mm.central": "pk.central", "mm.V": "pk.V1"},
    "victim": {"absorption.central": "pk.central", "absorption.V": "pk.V", "pk.CL": "effect.CL"},
    "enzyme": {"pk.CL": "effect.CL"},
    "injected": {"absorption.central": "pk.central", "absorption.V": "pk.V1"},
}  # fmt: skip


@cache
def modules(name: str) -> qsp.Model:
    """Return a model joined from modules of the library, made once."""
    parts = {part: model_of(module) for part, module in MODULES[name].items()}
    return qsp.compose(name, parts, connect=CONNECTIONS[name])


def joined(name: str, **values: float) -> Bench:
    """Return the bench of a joined model; ``pk_CL=3`` sets pk.CL."""
    return Bench(modules(name), {k.replace("_", ".", 1): v for k, v in values.items()})


def effect(disposition: pk.Disposition, t: ArrayLike, *, dose: float, ke0: float) -> Array:
    """Return the concentration in an effect compartment after a bolus: the curve passed on with the rate ke0."""
    t = np.asarray(t, dtype=float)
    return dose * ke0 * sum((w * pk.passage(ke0, k, t) for w, k in disposition.terms()), np.zeros_like(t))


def effect_of_infusion(t: ArrayLike, *, rate: float, duration: float, volume: float, k: float, ke0: float) -> Array:
    """Return the concentration in an effect compartment of one compartment during and after an infusion.

    With p(t) = passage(ke0, k, t), which obeys p' = exp(-k t) - ke0 p, the rise is C_ss (1 - exp(-k t) - k p(t)), and
    the decline from (C1, Ce1) is Ce1 exp(-ke0 s) + C1 ke0 p(s).
    """
    t = np.asarray(t, dtype=float)
    plateau = rate / (volume * k)

    def rise(x: Array) -> Array:
        return plateau * (-np.expm1(-k * x) - k * pk.passage(ke0, k, x))

    during, after = np.minimum(t, duration), np.maximum(t - duration, 0.0)
    top = -plateau * np.expm1(-k * duration)
    left = rise(np.asarray(duration)) * np.exp(-ke0 * after) + top * ke0 * pk.passage(ke0, k, after)
    return np.where(t < duration, rise(during), left)
