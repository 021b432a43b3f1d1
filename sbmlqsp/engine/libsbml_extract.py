"""Extract the network of a canonical SBML document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sbmlqsp.engine.algebraic import solved
from sbmlqsp.engine.delays import without_delays
from sbmlqsp.engine.libsbml import lib, parse
from sbmlqsp.engine.libsbml_math import Formulas
from sbmlqsp.engine.network import Event, Network, Participant, Reaction, Symbol
from sbmlqsp.errors import UnitError
from sbmlqsp.expressions import Expr
from sbmlqsp.units import Unit, unit_from_sbml

__all__ = ["UnitTable", "extract"]

MAX_KEPT = 300_000  # characters of a document that is kept with its network


def extract(text: str) -> Network:
    """Extract the network of a canonical document.

    The last ones are kept, since reading, composing and writing meet one document many times. Symbols, reactions and
    formulas cannot be changed; the tables that hold them are the caller's own.
    """
    found = _extracted(text) if len(text) <= MAX_KEPT else _extracted.__wrapped__(text)
    return replace(
        found,
        symbols=dict(found.symbols),
        reactions=dict(found.reactions),
        initial_assignments=dict(found.initial_assignments),
        assignment_rules=dict(found.assignment_rules),
        rate_rules=dict(found.rate_rules),
        events=tuple(replace(e, assignments=dict(e.assignments)) for e in found.events),
    )


@lru_cache(maxsize=64)
def _extracted(text: str) -> Network:
    document = parse(text, scanned=True)
    model = document.getModel()
    units = UnitTable(model)
    reader = Formulas(model)
    symbols: dict[str, Symbol] = {}
    for c in model.getListOfCompartments():
        symbols[c.getId()] = _compartment(c, units)
    for s in model.getListOfSpecies():
        symbols[s.getId()] = _species(s, symbols, units)
    for p in model.getListOfParameters():
        value = p.getValue() if p.isSetValue() else math.nan
        symbols[p.getId()] = Symbol(
            p.getId(), "parameter", value, units.get(p.getUnits()), p.getName(), p.getConstant(), sbo=_sbo(p),
            missing=not p.isSetValue(),
        )  # fmt: skip
    reactions = {r.getId(): _reaction(r, reader, symbols) for r in model.getListOfReactions()}
    rules = _rules(model, reader)
    network = Network(
        id=model.getId(),
        name=model.getName(),
        symbols=symbols,
        reactions=reactions,
        initial_assignments={
            a.getSymbol(): reader.read(a.getMath()) for a in model.getListOfInitialAssignments() if a.isSetMath()
        },
        assignment_rules=rules[0],
        rate_rules=rules[1],
        algebraic_rules=rules[2],
        events=tuple(_event(e, i, reader) for i, e in enumerate(model.getListOfEvents()) if e.isSetTrigger()),
        constraints=tuple(reader.read(c.getMath()) for c in model.getListOfConstraints() if c.isSetMath()),
        time_unit=units.get(model.getTimeUnits()),
        substance_unit=units.get(model.getSubstanceUnits()),
        volume_unit=units.get(model.getVolumeUnits()),
        extent_unit=units.get(model.getExtentUnits()),
        level=document.getLevel(),
        version=document.getVersion(),
    )
    return solved(without_delays(network))


def _sbo(element: Any) -> str:
    return str(element.getSBOTermID()) if element.isSetSBOTerm() else ""


def _unit_or_none(parts: list[tuple[str, float, int, float]]) -> Unit | None:
    # An incomplete unit in a stranger's file leaves its symbols undeclared; validation reports the unit itself.
    try:
        return unit_from_sbml(parts)
    except UnitError:
        return None


class UnitTable:
    """Looks up unit ids of one model as ``Unit`` values; ``empty`` lists the ids that are named but not defined."""

    def __init__(self, model: Any) -> None:
        self._cache: dict[str, Unit | None] = {"": None}
        self.empty: list[str] = []
        self._model = model
        for definition in model.getListOfUnitDefinitions():
            parts = [
                (lib().UnitKind_toString(u.getKind()), u.getExponentAsDouble(), u.getScale(), u.getMultiplier())
                for u in definition.getListOfUnits()
            ]
            # A definition without parts is undefined, not dimensionless; Antimony writes one for a misspelt unit.
            self._cache[definition.getId()] = _unit_or_none(parts) if parts else None
            if not parts:
                self.empty.append(definition.getId())

    def get(self, unit_id: str) -> Unit | None:
        """Return the unit, or None where the id is empty or unknown."""
        if unit_id not in self._cache:
            known = lib().UnitKind_forName(unit_id) != lib().UNIT_KIND_INVALID
            self._cache[unit_id] = unit_from_sbml([(unit_id, 1.0, 0, 1.0)]) if known else None
        return self._cache[unit_id]

    def of_size(self, dimensions: float) -> Unit | None:
        """Return the model's default unit of a compartment with so many dimensions."""
        m = self._model
        ids = {3.0: m.getVolumeUnits(), 2.0: m.getAreaUnits(), 1.0: m.getLengthUnits(), 0.0: "dimensionless"}
        return self.get(ids.get(dimensions, ""))

    def substance(self) -> Unit | None:
        """Return the model's default unit of substance."""
        return self.get(self._model.getSubstanceUnits())


def _compartment(c: Any, units: UnitTable) -> Symbol:
    dimensions = c.getSpatialDimensionsAsDouble() if c.isSetSpatialDimensions() else 3.0
    unit = units.get(c.getUnits()) if c.isSetUnits() else units.of_size(dimensions)
    value = c.getSize() if c.isSetSize() else math.nan
    return Symbol(
        c.getId(), "compartment", value, unit, c.getName(), c.getConstant(), dimensions=dimensions, sbo=_sbo(c),
        missing=not c.isSetSize(),
    )  # fmt: skip


def _species(s: Any, symbols: Mapping[str, Symbol], units: UnitTable) -> Symbol:
    substance = units.get(s.getSubstanceUnits()) if s.isSetSubstanceUnits() else units.substance()
    compartment = symbols[s.getCompartment()]
    amount_only = s.getHasOnlySubstanceUnits() or compartment.dimensions == 0
    unit = substance if amount_only or substance is None else (compartment.unit and substance / compartment.unit)
    is_amount = not s.isSetInitialConcentration()
    value = s.getInitialAmount() if s.isSetInitialAmount() else math.nan
    return Symbol(
        id=s.getId(),
        kind="species",
        value=value if is_amount else s.getInitialConcentration(),
        unit=unit,
        name=s.getName(),
        constant=s.getConstant(),
        compartment=s.getCompartment(),
        boundary=s.getBoundaryCondition(),
        amount_only=amount_only,
        value_is_amount=is_amount,
        substance_unit=substance,
        conversion_factor=s.getConversionFactor() or s.getModel().getConversionFactor(),
        sbo=_sbo(s),
        missing=is_amount and not s.isSetInitialAmount(),
    )


def _reaction(r: Any, reader: Formulas, symbols: dict[str, Symbol]) -> Reaction:
    law = r.getKineticLaw()
    expr = reader.read(law.getMath()) if law is not None and law.isSetMath() else None
    return Reaction(
        id=r.getId(),
        reactants=tuple(_participant(p, reader, symbols) for p in r.getListOfReactants()),
        products=tuple(_participant(p, reader, symbols) for p in r.getListOfProducts()),
        modifiers=tuple(m.getSpecies() for m in r.getListOfModifiers()),
        law=expr,
        reversible=r.getReversible(),
        name=r.getName(),
        fast=r.isSetFast() and r.getFast(),
        sbo=_sbo(r),
    )


def _participant(p: Any, reader: Formulas, symbols: dict[str, Symbol]) -> Participant:
    value = p.getStoichiometry() if p.isSetStoichiometry() else math.nan
    formula = None
    if p.isSetId():
        symbols[p.getId()] = Symbol(p.getId(), "stoichiometry", value, unit_from_sbml([]), constant=p.getConstant())
        if not p.getConstant() or p.getId() in reader.computed:
            formula = Expr("sym", value=p.getId())
    return Participant(p.getSpecies(), value, p.getId(), formula)


def _rules(model: Any, reader: Formulas) -> tuple[dict[str, Expr], dict[str, Expr], tuple[Expr, ...]]:
    assignment, rate, algebraic = {}, {}, []
    for rule in model.getListOfRules():
        if not rule.isSetMath():
            continue
        formula = reader.read(rule.getMath())
        if rule.isAssignment():
            assignment[rule.getVariable()] = formula
        elif rule.isRate():
            rate[rule.getVariable()] = formula
        else:
            algebraic.append(formula)
    return assignment, rate, tuple(algebraic)


def _event(e: Any, index: int, reader: Formulas) -> Event:
    trigger = e.getTrigger()

    def optional(part: Any) -> Expr | None:
        return reader.read(part.getMath()) if part is not None and part.isSetMath() else None

    return Event(
        id=e.getId() or f"event{index + 1}",
        trigger=reader.read(trigger.getMath()) if trigger.isSetMath() else Expr("false"),
        assignments={a.getVariable(): reader.read(a.getMath()) for a in e.getListOfEventAssignments() if a.isSetMath()},
        delay=optional(e.getDelay()),
        priority=optional(e.getPriority()),
        persistent=trigger.getPersistent(),
        initial_value=trigger.getInitialValue(),
        values_from_trigger=e.getUseValuesFromTriggerTime(),
        name=e.getName(),
    )
