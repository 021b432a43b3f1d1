"""The verbs ``accumulate`` and ``integral``: areas under curves as states of the model, not by trapezoids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sbmlqsp.analysis.answer import Answer
from sbmlqsp.analysis.course import Course, model_time, one_observable
from sbmlqsp.engine.libsbml import canonical
from sbmlqsp.engine.libsbml_accumulate import Accumulator, add_accumulators
from sbmlqsp.engine.network import Network
from sbmlqsp.engine.tolerances import Tolerances
from sbmlqsp.errors import ExperimentError, ModelError
from sbmlqsp.experiment import Experiment, observable_unit
from sbmlqsp.expressions import Expr, sym
from sbmlqsp.model import Model, flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.units import convert, parse_unit

__all__ = ["accumulate", "integral"]

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def accumulate(model: Model, formulas: Mapping[str, str | Observable] | None = None, /, **more: str) -> Model:
    """Return the model with parameters that accumulate formulas over time from 0 on.

    Parameters
    ----------
    model : Model
    formulas : mapping of str to str, optional
        Formula by the id of the new parameter, over symbols by dotted path; also as keywords.

    Returns
    -------
    Model
        Flat, with the same ports. Each new parameter is zero at time 0 and has a rate rule; its unit is the formula's
        times that of time, where the model declares enough.

    Raises
    ------
    ModelError
        An id that is taken or no id.
    ExperimentError
        A formula reads what the model lacks, or mixes units.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> longer = qsp.accumulate(model, area="S", lost="k*S")
    >>> ds = qsp.simulate(qsp.Experiment(longer, times=[0, 1000], observables=["area", "lost"]))
    >>> round(float(ds["area"][0, 0, 0, -1]), 6), round(float(ds["lost"][0, 0, 0, -1]), 6)
    (100.0, 10.0)
    """
    asked = {**(formulas or {}), **more}
    if not asked:
        raise ModelError("there is nothing to accumulate", expected="a formula by id, such as area='C'")
    new = []
    for name, formula in asked.items():
        _refuse_taken(model.network, name)
        arm = Experiment(model, times=[0.0], observables=(formula,))  # type: ignore[arg-type]
        [o] = arm.observables
        unit = observable_unit(model, o)
        per = parse_unit(unit) * parse_unit(model.time_unit) if unit and model.time_unit else None
        new.append(Accumulator(name, in_flat_symbols(o.expr, model.network), per, f"∫ {o.formula} dt"))
    sbml = canonical(add_accumulators(model.sbml, new), where=f"'{model.id}' with accumulators")
    return model.rewritten(sbml)


def _refuse_taken(network: Network, name: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ModelError("this is no id for a parameter", value=name, expected="letters, digits and underscores")
    if name in {*network.symbols, *network.reactions, *(e.id for e in network.events)}:
        raise ModelError(f"the model '{network.id}' has a '{name}' already", remedy="choose another id")


def in_flat_symbols(expr: Expr, network: Network) -> Expr:
    """Return a formula over flat ids, with ``amount()`` and ``concentration()`` written out."""
    if expr.op == "sym":
        return sym(flat_id(str(expr.value)))
    if expr.op in {"amount", "concentration"}:
        s = network.symbols[flat_id(str(expr.args[0].value))]
        if s.amount_only == (expr.op == "amount"):
            return sym(s.id)
        return Expr("mul" if expr.op == "amount" else "div", (sym(s.id), sym(s.compartment)))
    if not expr.args:
        return expr
    return Expr(expr.op, tuple(in_flat_symbols(a, network) for a in expr.args), expr.value, expr.unit)


def integral(
    experiment: Experiment,
    formula: str | Observable,
    *,
    from_: float | str | None = None,
    to: float | str | None = None,
    tolerances: Tolerances | None = None,
) -> Answer:
    """Return the integral of a formula over a run.

    Parameters
    ----------
    experiment : Experiment
        Its first and last output times are the bounds where none are given.
    formula : str or Observable
        Over symbols by dotted path.
    from_, to : float or str, optional
        Bounds, from 0 on, in the model's unit or as texts (``"5 h"``).
    tolerances : Tolerances, optional
        Error control; by default a relative 1e-13.

    Returns
    -------
    Answer
        In the unit of the formula times that of time. It is a state of the model that is integrated along with the
        others, doses included, so it is as exact as they are: 1e-9 of the integral from time 0 on.

    Raises
    ------
    ExperimentError
        Bounds out of order, a name that the model lacks, units that clash.
    SimulationError
        The run failed.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> arm = qsp.Experiment(model, times=[0, 500], regimen="10 into S every 24 x 3")
    >>> round(float(qsp.integral(arm, "S")), 6)
    300.0
    """
    arm, o, unit = one_observable(experiment, formula)
    model = arm.model
    low = arm.times[0] if from_ is None else model_time(from_, model, "from_")
    high = arm.times[-1] if to is None else model_time(to, model, "to")
    if not 0 <= low <= high:
        raise ExperimentError("the bounds are out of order", value=(low, high), expected="0 ≤ from_ ≤ to")
    total = _total(arm, o, low, high, tolerances)
    whole = (parse_unit(unit) * parse_unit(model.time_unit)).label if unit and model.time_unit else ""
    return Answer(total, whole, f"the integral of {o.id} over time from {low:g} to {high:g}")


def _total(arm: Experiment, o: Observable, low: float, high: float, tolerances: Tolerances | None) -> float:
    if low == high:
        return 0.0
    longer, name, factor = with_integral(arm, o)
    first, last = Course(replace(longer, times=[low, high]), name, tolerances).values([low, high]).tolist()
    return float(factor * (last - first))


def with_integral(arm: Experiment, o: Observable) -> tuple[Experiment, str, float]:
    """Return the experiment on a model that accumulates an observable, the id of the state that does, and a factor.

    The state is in the model's own units; the factor turns it into those that the observable asks for.
    """
    name = "qsp_integral"
    while name in arm.model.network.symbols:
        name += "_"
    own = observable_unit(arm.model, o)
    factor = convert(1.0, own, o.unit, molar_mass=o.molar_mass) if o.unit is not None and own else 1.0
    longer = accumulate(arm.model, {name: Observable(name, o.formula, own_names=o.own_names)})
    return replace(arm, model=longer, observables=(Observable(name),)), name, factor
