"""Terms of the KiSAO ontology: which algorithms and settings are run, and as what."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import DataError, UnsupportedError
from sbmlqsp.exchange.sedml.document import Algorithm, Setting

__all__ = ["AMOUNT", "CONCENTRATION", "NAMES", "TIME", "Method", "method_of", "term"]

TIME, AMOUNT, CONCENTRATION = "KISAO:0000832", "KISAO:0000836", "KISAO:0000838"

# What approximates the solution of differential equations; CVODE finds it to tolerances at least as tight as asked.
_ODE = {
    19: "CVODE", 20: "PVODE", 30: "Euler forward method", 31: "Euler backward method",
    32: "explicit fourth-order Runge-Kutta method", 33: "Rosenbrock method", 64: "Runge-Kutta based method",
    71: "LSODE", 86: "Fehlberg method", 87: "Dormand-Prince method", 88: "LSODA", 89: "LSODAR", 90: "LSODI",
    93: "LSODPK", 94: "Livermore solver", 233: "LSODES", 261: "Euler method", 276: "Gill method",
    279: "Adams-Bashforth method", 280: "Adams-Moulton method", 288: "backward differentiation formula",
    289: "Adams method", 290: "Merson method", 301: "Heun method", 302: "embedded Runge-Kutta method",
    304: "Radau method", 321: "Cash-Karp method", 379: "Bulirsch-Stoer algorithm", 381: "midpoint method",
    433: "CVODE-like method", 434: "Higham-Hall method", 435: "embedded Runge-Kutta 5(4) method",
    436: "Dormand-Prince 8(5,3) method", 496: "CVODES", 535: "VODE", 536: "ZVODE",
    537: "explicit Runge-Kutta method of order 3(2)", 560: "LSODA/LSODAR hybrid method",
    609: "embedded Runge-Kutta Prince-Dormand (8,9) method", 694: "ODE solver",
}  # fmt: skip
# Exact methods draw from the law of the direct one; the generic term is what phraSED-ML writes.
_EXACT = {
    15: "Gillespie first reaction algorithm", 27: "Gibson-Bruck next reaction algorithm",
    29: "Gillespie direct algorithm", 38: "sorting stochastic simulation algorithm", 241: "Gillespie-like method",
    331: "exact R-leaping algorithm", 586: "Gibson-Bruck next reaction algorithm with indexed priority queue",
    610: "composite-rejection stochastic simulation algorithm",
}  # fmt: skip
_LEAPS = {39: "tau-leaping method", 40: "Poisson tau-leaping method", 84: "nonnegative Poisson tau-leaping method"}
_STEADY = {
    282: "KINSOL", 407: "steady state method", 408: "Newton-type method", 409: "ordinary Newton method",
    410: "simplified Newton method", 411: "Newton-like method", 412: "inexact Newton method",
    413: "exact Newton method", 568: "NLEQ1", 569: "NLEQ2", 99: "a steady state method", 283: "IDA",
}  # fmt: skip
_OURS = {"ode": 19, "ssa": 29, "tau-leaping": 39, "steady": 407}

# Of how a method steps: none of them changes what it approximates.
_STEPPING = {
    107: "progression with adaptive time step", 216: "use reduced model", 219: "maximum Adams order",
    220: "maximum BDF order", 332: "initial step", 467: "maximum step size", 475: "integration method",
    476: "iteration type", 477: "linear solver", 478: "preconditioner", 479: "upper half-bandwidth",
    480: "lower half-bandwidth", 481: "interpolate solution", 483: "step size", 484: "maximum order",
    485: "minimum step size", 486: "maximum iterations", 487: "minimum damping", 541: "beta parameter",
    542: "internally generated Jacobian", 543: "stability limit detection", 557: "absolute steady-state tolerance",
    558: "relative steady-state tolerance", 559: "initial step size", 565: "tolerance for root finding",
    570: "auto reduce tolerances", 571: "absolute tolerance adjustment factor", 597: "tolerance",
    656: "use adaptive time steps", 665: "maximum number of iterations", 666: "Jacobian epsilon",
    670: "use multiple steps", 671: "use stiff method", 673: "no negative amounts", 674: "presimulate",
    675: "Broyden method", 676: "degree of linearity", 677: "maximum number of steps for presimulation",
    678: "maximum number of steps for approximation", 679: "maximum time for approximation", 680: "duration",
    681: "maximum time", 682: "allow approximation", 683: "relative tolerance for approximation",
}  # fmt: skip
_RELATIVE, _ABSOLUTE, _STEPS, _SEED, _EPSILON, _NULL = 209, 211, 415, 488, 228, 629
NAMES = {**_ODE, **_EXACT, **_LEAPS, **_STEADY, **_STEPPING, _RELATIVE: "relative tolerance",
         _ABSOLUTE: "absolute tolerance", _STEPS: "maximum number of steps", _SEED: "seed",
         _EPSILON: "tau-leaping epsilon"}  # fmt: skip
"""Names of the terms that are known here, by number."""


@dataclass(frozen=True)
class Method:
    """How a simulation is run: ``"ode"``, ``"ssa"``, ``"tau-leaping"`` or ``"steady"``, and what was read otherwise."""

    kind: str
    tolerances: Tolerances = field(default_factory=Tolerances)
    seed: int | None = None
    epsilon: float | None = None
    notes: tuple[str, ...] = ()


def term(text: str, where: str) -> int:
    """Return the number of a term, written ``KISAO:0000019`` or ``KISAO_0000019``.

    Raises
    ------
    DataError
        It is not written so.
    """
    found = re.fullmatch(r"(?:urn:miriam:biomodels\.kisao:)?KISAO[:_]0*(\d{1,7})", text.strip(), re.IGNORECASE)
    if found is None:
        raise DataError("this is no KiSAO term", value=text, where=where, expected="such as KISAO:0000019")
    return int(found[1])


def method_of(algorithm: Algorithm, shared: Iterable[Setting], *, steady: bool, where: str) -> Method:
    """Return how an algorithm is run, with settings of its own and those shared by the whole document.

    Raises
    ------
    UnsupportedError
        An algorithm or a setting that is not known here, or not of that kind of simulation.
    """
    number = term(algorithm.kisao, where)
    kind = next((k for k, known in zip(_OURS, (_ODE, _EXACT, _LEAPS, _STEADY), strict=True) if number in known), None)
    if kind is None or (kind == "steady") != steady:
        what = "no steady-state method" if steady else "no simulation over time"
        raise UnsupportedError(
            "the algorithm is not known here" if kind is None else f"the algorithm is {what}",
            value=f"{algorithm.kisao} {algorithm.name or NAMES.get(number, '')}".strip(), where=where,
            remedy="name a method for ordinary differential equations (KISAO:0000019), the stochastic direct method "
            "(KISAO:0000029) or a steady state (KISAO:0000407)",
        )  # fmt: skip
    notes: tuple[str, ...] = ()
    if number not in {_OURS[kind], 241, 694, 433}:
        notes = (f"{where}: {NAMES[number]} is replaced by {NAMES[_OURS[kind]]}",)
    method = Method(kind, epsilon=0.03 if kind == "tau-leaping" else None, notes=notes)
    own = {term(s.kisao, where) for s in algorithm.settings}
    for setting in (*(s for s in shared if term(s.kisao, where) not in own), *algorithm.settings):
        method = _with(method, setting, where)
    return method


def _with(method: Method, setting: Setting, where: str) -> Method:
    number = term(setting.kisao, where)
    text = setting.value.strip()
    if re.fullmatch(r"KISAO[:_]0*629", text) or number in _STEPPING:
        return replace(method, notes=(*method.notes, f"{where}: {NAMES.get(number, setting.kisao)} is not needed"))
    if number not in NAMES:
        raise UnsupportedError("the setting of the algorithm is not known here", where=where,
                               value=f"{setting.kisao} {setting.name}".strip())  # fmt: skip
    value = _positive(text, f"{NAMES[number]}", where, zero=number == _SEED)
    held = method.tolerances
    if number == _RELATIVE:
        return replace(method, tolerances=replace(held, relative=min(held.relative, value)))
    if number == _STEPS:
        return replace(method, tolerances=replace(held, maximum_steps=max(held.maximum_steps, int(value))))
    if number == _SEED:
        return replace(method, seed=int(value))
    if number == _EPSILON and method.kind == "tau-leaping":
        return replace(method, epsilon=value)
    return method  # an absolute tolerance: that of every state is below it, relative to its own scale


def _positive(text: str, what: str, where: str, *, zero: bool) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and (value > 0 or (zero and value >= 0))):
        raise DataError(f"the {what} is not usable", value=text, where=where, expected="a positive number")
    return value
