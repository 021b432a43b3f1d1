"""Parameters that accumulate a formula over time, added to a document."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sbmlqsp.engine.libsbml import parse, write
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_units import UnitIds
from sbmlqsp.expressions import Expr
from sbmlqsp.units import Unit

__all__ = ["Accumulator", "add_accumulators"]


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A parameter that starts at zero and grows by a rate, a formula over flat ids."""

    id: str
    rate: Expr
    unit: Unit | None = None
    meaning: str = ""


def add_accumulators(sbml: str, accumulators: Iterable[Accumulator]) -> str:
    """Return the document with one parameter and one rate rule for each accumulator."""
    document = parse(sbml, scanned=True)
    model = document.getModel()
    units = UnitIds(model)
    for a in accumulators:
        parameter = model.createParameter()
        parameter.setId(a.id)
        parameter.setConstant(False)
        parameter.setValue(0.0)
        if a.meaning:
            parameter.setName(a.meaning)
        if a.unit is not None:
            parameter.setUnits(units.of(a.unit))
        rule = model.createRateRule()
        rule.setVariable(a.id)
        rule.setMath(to_mathml(a.rate))
    return write(document)
