"""The top level of a composed model: the quantities it owns and the rules and reactions it adds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbmlqsp.engine.libsbml import lib, parse, write
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_rename import nodes, rename
from sbmlqsp.engine.libsbml_units import UnitIds
from sbmlqsp.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbmlqsp.expressions import Expr
    from sbmlqsp.units import Unit

__all__ = ["TopLevel", "add"]

_MODEL_UNITS = {"time": "Time", "substance": "Substance", "volume": "Volume", "extent": "Extent"}


def add(model: Any, element: Any) -> None:
    """Add a copy of an element to the list of a model that it belongs to.

    Raises
    ------
    ModelError
        libSBML refuses it.
    """
    name = element.getElementName()
    kind = "Rule" if name in {"assignmentRule", "rateRule", "algebraicRule"} else name[0].upper() + name[1:]
    code = getattr(model, f"add{kind}")(element)
    if code != lib().LIBSBML_OPERATION_SUCCESS:
        raise ModelError(
            f"the {name} '{element.getId()}' cannot be added to the composed model",
            value=lib().OperationReturnValue_toString(code),
        )


class TopLevel:
    """Builds the top level of a composed model.

    Parameters
    ----------
    name : str
        The id of the result.
    text : str, optional
        SBML to start from: own symbols, rules and reactions of the top level.
    """

    def __init__(self, name: str, text: str | None = None) -> None:
        self._document = lib().SBMLDocument(3, 2) if text is None else parse(text, scanned=True)
        self._model = self._document.createModel() if text is None else self._document.getModel()
        self._model.setId(name)
        self._units = UnitIds(self._model)
        self._parts: dict[str, tuple[Any, Callable[[str], str]]] = {}

    def replace(self, names: Mapping[str, str]) -> None:
        """Drop the elements that stand in for those of parts, and let all that refers to them use the final ids."""
        for name in names:
            element = self._model.getElementBySId(name)
            if element is not None:
                element.removeFromParentAndDelete()
        rename(self._model, ids=lambda name: names.get(name, name), units=str, metaids=str)

    def add_part(self, instance: str, text: str) -> None:
        """Make a part's elements available to ``hoist``."""
        document = parse(text, scanned=True)
        self._parts[instance] = (document, self._units.adopter(document.getModel()))

    def hoist(self, instance: str, symbol: str, name: str, *, references: Callable[[str], str]) -> None:
        """Own a copy of a part's symbol under a new id; ``references`` gives the ids of what it refers to."""
        part, units = self._parts[instance]
        alone = lib().SBMLDocument(3, 2)
        only = alone.createModel()
        add(only, part.getModel().getElementBySId(symbol))
        rename(only, ids=references, units=units, metaids=lambda _: _)
        element = only.getElementBySId(references(symbol))
        element.setId(name)
        element.setMetaId(f"meta_{name}")
        stand_in = self._model.getElementBySId(name)
        if stand_in is not None:
            stand_in.removeFromParentAndDelete()
        add(self._model, element)

    def parameter(self, name: str, value: float, unit: Unit | None, meaning: str = "") -> None:
        """Own a new constant parameter."""
        parameter = self._model.createParameter()
        parameter.setId(name)
        parameter.setMetaId(f"meta_{name}")
        parameter.setValue(value)
        parameter.setConstant(True)
        if meaning:
            parameter.setName(meaning)
        if unit is not None:
            parameter.setUnits(self._units.of(unit))

    def set_number(self, name: str, value: float, *, amount: bool = False) -> None:
        """Set the value of an owned quantity, for a species its initial amount or concentration."""
        element = self._model.getElementBySId(name)
        kind = element.getElementName()
        if kind != "species":
            (element.setSize if kind == "compartment" else element.setValue)(value)
        elif amount:
            element.unsetInitialConcentration()
            element.setInitialAmount(value)
        else:
            element.unsetInitialAmount()
            element.setInitialConcentration(value)

    def set_unit(self, name: str, unit: Unit) -> None:
        """Set the unit of an owned parameter or compartment."""
        self._model.getElementBySId(name).setUnits(self._units.of(unit))

    def assignment_rule(self, name: str, formula: Expr) -> None:
        """Let a formula set an owned quantity at all times; its own value vanishes."""
        self._model.getElementBySId(name).setConstant(False)
        self._unset(name)
        rule = self._model.createAssignmentRule()
        rule.setVariable(name)
        rule.setMath(to_mathml(formula))

    def _unset(self, name: str) -> None:
        """Drop the value of a quantity that a rule sets at all times."""
        element = self._model.getElementBySId(name)
        for attribute in ("Value", "Size", "InitialAmount", "InitialConcentration"):
            if hasattr(element, f"unset{attribute}"):
                getattr(element, f"unset{attribute}")()

    def set_model_unit(self, kind: str, unit: Unit | None) -> None:
        """Declare the model's unit of time, substance, volume or extent, or take the declaration back (None)."""
        if unit is None:
            getattr(self._model, f"unset{_MODEL_UNITS[kind]}Units")()
            return
        getattr(self._model, f"set{_MODEL_UNITS[kind]}Units")(self._units.of(unit, like=f"{kind}_unit"))

    def free_what_changes(self) -> None:
        """Let every quantity that a rule, event or reaction of the top level changes be variable."""
        changed = [r.getVariable() for r in self._model.getListOfRules() if r.getVariable()]
        changed += [a.getVariable() for e in self._model.getListOfEvents() for a in e.getListOfEventAssignments()]
        for name in changed:
            element = self._model.getElementBySId(name)
            if element is not None:
                element.setConstant(False)
        for rule in self._model.getListOfRules():
            if rule.isAssignment() and rule.getVariable():
                self._unset(rule.getVariable())

    def list_modifiers(self) -> None:
        """Let every reaction of the top level list the species that its rate reads, also where they came by a join."""
        species = {s.getId() for s in self._model.getListOfSpecies()}
        for reaction in self._model.getListOfReactions():
            law = reaction.getKineticLaw()
            sides = (reaction.getListOfReactants(), reaction.getListOfProducts(), reaction.getListOfModifiers())
            listed = {reference.getSpecies() for side in sides for reference in side}
            read = (node.getName() for node in nodes(law.getMath())) if law is not None and law.isSetMath() else ()
            for name in dict.fromkeys(n for n in read if n in species - listed):
                reaction.createModifier().setSpecies(name)

    def text(self) -> str:
        """Return the SBML of the top level; it may refer to ids that only the whole has."""
        return write(self._document)
