"""What is observed of a model, written into its document for tools that compute less than SBML engines do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sbmlqsp.engine.libsbml import parse, write
from sbmlqsp.engine.libsbml_doses import no_later
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_units import UnitIds
from sbmlqsp.expressions import Expr, num
from sbmlqsp.units import Unit

__all__ = ["Observed", "add_observed", "set_event_times"]


@dataclass(frozen=True, slots=True)
class Observed:
    """A parameter that a rule computes from a formula over flat ids."""

    id: str
    formula: Expr
    unit: Unit | None = None
    meaning: str = ""


def add_observed(sbml: str, observed: Iterable[Observed]) -> str:
    """Return the document with one parameter and one assignment rule for each."""
    document = parse(sbml, scanned=True)
    model = document.getModel()
    units = UnitIds(model)
    for o in observed:
        parameter = model.createParameter()
        parameter.setId(o.id)
        parameter.setConstant(False)
        if o.meaning:
            parameter.setName(o.meaning)
        if o.unit is not None:
            parameter.setUnits(units.of(o.unit))
        rule = model.createAssignmentRule()
        rule.setVariable(o.id)
        rule.setMath(to_mathml(o.formula))
    return write(document)


def set_event_times(sbml: str, times: Mapping[str, float]) -> str:
    """Return the document with new times of events that happen from a time on (``time >= number``).

    They are written no later than given: a file holds 15 digits.
    """
    document = parse(sbml, scanned=True)
    for name, time in times.items():
        event = document.getModel().getEvent(name)
        event.getTrigger().setMath(to_mathml(Expr("ge", (Expr("time"), num(no_later(time))))))
    return write(document)
