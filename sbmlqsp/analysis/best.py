"""The verb ``optimum``: the value of a constant at which an observable is highest or lowest."""

from __future__ import annotations

from collections.abc import Mapping

from sbmlqsp.analysis.answer import Answer, said
from sbmlqsp.analysis.extremes import KINDS
from sbmlqsp.analysis.response import AT_REST, Response
from sbmlqsp.analysis.scan import Scan
from sbmlqsp.dosing import Dose, Regimen
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError
from sbmlqsp.model import Model
from sbmlqsp.observation import Observable

__all__ = ["optimum"]


def optimum(
    model: Model,
    driver: str,
    *,
    observable: str | Observable,
    kind: str = "max",
    at: float | str = AT_REST,
    changes: Mapping[str, float | str] | None = None,
    regimen: Regimen | Dose | str | None = None,
    between: tuple[float, float] | None = None,
    tolerances: Tolerances | None = None,
) -> Answer:
    """Return the highest or the lowest value of an observable over all values of a constant, and where it is.

    Parameters
    ----------
    model : Model
    driver : str
        The constant, such as an input concentration, by dotted path.
    observable : str or Observable
        The response: a symbol or a formula.
    kind : {"max", "min"}
    at, changes, regimen, between, tolerances
        As in ``level_for``.

    Returns
    -------
    Answer
        As of ``extremum``: the response there, in the observable's unit, to a relative 1e-9; ``at`` is the best value
        of the driver, in ``at_unit``, to a relative 1e-5 or better, for a top is flat. Of equal tops the one with the
        smallest driver. The best may lie at an end of the range, which ``definition`` then says. Impossible where the
        response does not depend on the driver, or is best only as the driver grows without end.

    Raises
    ------
    ExperimentError
        A driver that is no constant, no such kind, an empty range.
    SimulationError
        There is no steady state, or no run succeeds, at any value of the driver.

    Notes
    -----
    The curve is sampled as in ``level_for``; a top that is narrower than a step may be missed.

    Examples
    --------
    A bivalent molecule joins two receptors best at the geometric mean of its two dissociation constants:

    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; T := L/((1 + L/KA)*(1 + L/KB)); L = 0; KA = 0.5; KB = 8; end")
    >>> best = qsp.optimum(model, "L", observable="T")
    >>> round(best.at, 5), round(float(best), 9)
    (2.0, 0.32)
    """
    if kind not in KINDS:
        raise ExperimentError("no such optimum", value=kind, expected="'max' or 'min'")
    response = Response(model, driver, observable, at=at, changes=changes, regimen=regimen, tolerances=tolerances)
    found = Scan(response, between).best(KINDS[kind])
    name = "highest" if kind == "max" else "lowest"
    text = f"the {name} value of {response.o.id} {response.when} over all values of {driver}"
    if between is not None:
        text += f" from {between[0]:g} to {between[1]:g}"
    if found.reason:
        return Answer.impossible(text, found.reason, unit=response.unit, at_unit=response.driver_unit)
    place = f"it is at {driver} = {said(found.place, response.driver_unit)}"
    text = "; ".join(filter(None, (text, place + found.note, found.missing)))
    return Answer(found.value, response.unit, text, at=found.place, at_unit=response.driver_unit)
