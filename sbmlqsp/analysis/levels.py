"""The verbs ``level_for``, ``dose_response`` and ``ec50``: an observable as a function of a constant."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.analysis.answer import Answer, said
from sbmlqsp.analysis.course import finite, value_of
from sbmlqsp.analysis.response import AT_REST, Response
from sbmlqsp.analysis.scan import Scan
from sbmlqsp.dosing import Dose, Regimen
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError
from sbmlqsp.model import Model
from sbmlqsp.observation import Observable
from sbmlqsp.units import convert, parse_quantity

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["dose_response", "ec50", "level_for"]

MAXIMA = ("own maximum", "reference maximum")


def level_for(
    model: Model,
    driver: str,
    *,
    observable: str | Observable,
    target: float | str,
    at: float | str = AT_REST,
    changes: Mapping[str, float | str] | None = None,
    regimen: Regimen | Dose | str | None = None,
    between: tuple[float, float] | None = None,
    tolerances: Tolerances | None = None,
) -> Answer:
    """Return the smallest value of a constant at which an observable meets a target.

    Parameters
    ----------
    model : Model
    driver : str
        The constant, such as an input concentration, by dotted path.
    observable : str or Observable
        A symbol or a formula.
    target : float or str
        In the observable's unit, or a text with a unit.
    at : float or str
        ``"steady state"``, or a time, in the model's unit or as a text (``"5 h"``).
    changes, regimen
        As in ``Experiment``. A steady state has no regimen.
    between : (float, float), optional
        Where to look, in the driver's unit; from 0 to far beyond the model's own values where not given.
    tolerances : Tolerances, optional
        Error control; by default a relative 1e-13.

    Returns
    -------
    Answer
        In the driver's unit, to a relative 1e-9 or better. Impossible with the range that the observable covers.

    Raises
    ------
    ExperimentError
        A driver that is no constant, a target that is no number, an empty range.
    SimulationError
        There is no steady state, or no run succeeds, at any value of the driver.

    Notes
    -----
    The curve is sampled at four points a decade (one, for steady states that must be simulated) and where neighbours
    do not predict the middle of a step to 0.1 %; its turns are refined where they come near the target. A turn that is
    narrower than a step may be missed. A target that is only approached as the driver grows without end has no answer.
    Of several steady states the one that the model comes to from its own start counts.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; E := Emax*C/(EC50 + C); C = 0; Emax = 2; EC50 = 3; end")
    >>> round(float(qsp.level_for(model, "C", observable="E", target=1.5)), 9)
    9.0
    >>> print(qsp.level_for(model, "C", observable="E", target=2.5))
    impossible: E reaches at most 2, as C grows without end; 2.5 is needed
    """
    response = Response(model, driver, observable, at=at, changes=changes, regimen=regimen, tolerances=tolerances)
    goal = value_of(target, response.o, response.unit, "target")
    text = f"the smallest {driver} at which {response.o.id} {response.when} is {said(goal, response.unit)}"
    return Scan(response, between).first(goal, text)


def dose_response(
    model: Model,
    driver: str,
    *,
    observable: str | Observable,
    levels: Iterable[float | str],
    at: float | str = AT_REST,
    changes: Mapping[str, float | str] | None = None,
    regimen: Regimen | Dose | str | None = None,
    tolerances: Tolerances | None = None,
) -> pd.DataFrame:
    """Return an observable at several values of a constant.

    Parameters
    ----------
    model : Model
    driver : str
        The constant, by dotted path.
    observable : str or Observable
        A symbol or a formula.
    levels : iterable of float or str
        Values of the driver, in its unit or as texts with a unit.
    at, changes, regimen, tolerances
        As in ``level_for``.

    Returns
    -------
    pandas.DataFrame
        Columns: the driver and the observable, by their ids; ``attrs["units"]`` has their units.

    Raises
    ------
    ExperimentError
        A driver that is no constant, a level that is no number.
    SimulationError
        There is no steady state at some level, or a run failed.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; E := Emax*C/(EC50 + C); C = 0; Emax = 2; EC50 = 3; end")
    >>> qsp.dose_response(model, "C", observable="E", levels=[0, 3, 9])["E"].tolist()
    [0.0, 1.0, 1.5]
    """
    import pandas as pd

    response = Response(model, driver, observable, at=at, changes=changes, regimen=regimen, tolerances=tolerances)
    if isinstance(levels, str) or not isinstance(levels, Iterable):
        raise ExperimentError("the levels are not a list", value=levels, expected="several values of the driver")
    x = np.array([_level(v, response) for v in levels])
    y = response(x)
    if response.reasons:
        raise response.failure()
    table = pd.DataFrame({driver: x, response.o.id: y})
    table.attrs["units"] = {driver: response.driver_unit, response.o.id: response.unit}
    return table


def _level(value: float | str, response: Response) -> float:
    if isinstance(value, str):
        number, unit = parse_quantity(value)
        if not response.driver_unit:
            raise ExperimentError(f"'{response.driver}' has no declared unit", value=value, remedy="give plain numbers")
        value = convert(number, unit, response.driver_unit)
    return finite(value, "a level")


def ec50(
    model: Model,
    driver: str,
    *,
    observable: str | Observable,
    definition: str = "own maximum",
    reference: Mapping[str, float | str] | None = None,
    fraction: float = 0.5,
    at: float | str = AT_REST,
    changes: Mapping[str, float | str] | None = None,
    regimen: Regimen | Dose | str | None = None,
    between: tuple[float, float] | None = None,
    tolerances: Tolerances | None = None,
) -> Answer:
    """Return the smallest value of a constant at which a response has gone half of its way.

    Parameters
    ----------
    model : Model
    driver : str
        The constant, by dotted path.
    observable : str or Observable
        The response: a symbol or a formula.
    definition : {"own maximum", "reference maximum"}
        Half of the way from the response without driver (at the low end of ``between``, where given) to where the
        response itself goes at most, or to where it goes at most in the reference. The most is what lies farthest from
        the response without driver: the plateau of a curve that levels off, the peak of one that bends back, the
        lowest value of one that falls.
    reference : mapping, optional
        The changes under which the reference maximum is taken, such as the drug-naive state; none where left out.
    fraction : float
        Another part of the way than a half.
    at, changes, regimen, between, tolerances
        As in ``level_for``.

    Returns
    -------
    Answer
        In the driver's unit. ``definition`` states the maximum and how it was found. Impossible where the response
        never levels off, or its own curve never goes so far.

    Raises
    ------
    ExperimentError
        A driver that is no constant, a fraction outside of 0 to 1, an unknown definition.
    SimulationError
        There is no steady state, or no run succeeds, at any value of the driver.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; E := E0 + Emax*C/(K + C); C = 0; E0 = 1; Emax = 2; K = 3; end")
    >>> round(float(qsp.ec50(model, "C", observable="E")), 9)
    3.0
    """
    if definition not in MAXIMA:
        raise ExperimentError("no such definition", value=definition, expected=" or ".join(map(repr, MAXIMA)))
    if not 0 < finite(fraction, "fraction") < 1:
        raise ExperimentError("the fraction is not between 0 and 1", value=fraction)
    if reference is not None and definition != "reference maximum":
        raise ExperimentError("a reference is given but not used", remedy="give definition='reference maximum'")
    options: dict[str, Any] = {"at": at, "regimen": regimen, "tolerances": tolerances}
    own = Scan(Response(model, driver, observable, changes=changes, **options), between)
    scan = own
    if definition == "reference maximum":
        scan = Scan(Response(model, driver, observable, changes=reference, **options), between)
    most, how = scan.most()
    r = own.response
    share = f"{100 * fraction:g} % of the way to its {definition}"
    text = f"the smallest {driver} at which {r.o.id} {r.when} has gone {share}"
    if math.isnan(most):
        return Answer.impossible(text, how, unit=r.driver_unit, at_unit=r.driver_unit)
    goal = own.start + fraction * (most - own.start)
    way = f"{said(goal, r.unit)} on the way from {said(own.start, r.unit)} to {how}"
    return own.first(goal, f"{text}: {way}", jumps=True)
