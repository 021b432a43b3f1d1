"""Edit one part before it is joined: values, deletions, the unit of time, volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbmlqsp.engine.libsbml import lib, node_type, parse, write
from sbmlqsp.engine.libsbml_rename import find, give_event_ids, maths, nodes
from sbmlqsp.engine.libsbml_units import UnitIds
from sbmlqsp.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sbmlqsp.engine.plan import Deletion
    from sbmlqsp.units import Unit

__all__ = ["delete", "own_units", "prepare", "scale_volumes", "set_values", "to_time_unit"]

TIME_FACTOR = "time_factor"


def prepare(text: str) -> str:
    """Return a part's SBML ready to be merged: core only, events with ids, conversion factors on the species."""
    document = parse(text, scanned=True)
    for plugin in [document.getPlugin(i) for i in range(document.getNumPlugins())]:
        document.enablePackage(plugin.getURI(), plugin.getPrefix(), False)
    model = document.getModel()
    for event in [e for e in model.getListOfEvents() if not e.isSetTrigger()]:
        event.removeFromParentAndDelete()  # without a trigger it never happens
    give_event_ids(model)
    if _functions_call_functions(model):
        document.expandFunctionDefinitions()  # libSBML's flattening gives such calls wrong names (measured)
    sizes = {2.0: model.getAreaUnits(), 1.0: model.getLengthUnits()}
    for compartment in model.getListOfCompartments():
        default = sizes.get(compartment.getSpatialDimensionsAsDouble())
        if default and not compartment.isSetUnits():
            compartment.setUnits(default)
    if model.isSetConversionFactor():
        for species in model.getListOfSpecies():
            if not species.isSetConversionFactor():
                species.setConversionFactor(model.getConversionFactor())
        model.unsetConversionFactor()
    return write(document)


def _functions_call_functions(model: Any) -> bool:
    return any(
        node_type(node) == lib().AST_FUNCTION
        for f in model.getListOfFunctionDefinitions()
        if f.isSetMath()
        for node in nodes(f.getMath())
    )


def set_values(text: str, values: Iterable[tuple[str, str, float]]) -> str:
    """Return the part with values set; each is (symbol, "value" or "amount" or "concentration", number)."""
    document = parse(text, scanned=True)
    for name, kind, value in values:
        element = document.getModel().getElementBySId(name)
        setter = {"amount": "setInitialAmount", "concentration": "setInitialConcentration"}.get(kind, "setValue")
        setter = {"compartment": "setSize", "speciesReference": "setStoichiometry"}.get(
            element.getElementName(), setter
        )
        if setter == "setInitialAmount":
            element.unsetInitialConcentration()
        elif setter == "setInitialConcentration":
            element.unsetInitialAmount()
        getattr(element, setter)(value)
    return write(document)


def delete(text: str, deletions: Iterable[Deletion]) -> str:
    """Return the part without some of its elements."""
    document = parse(text, scanned=True)
    for deletion in deletions:
        find(document.getModel(), deletion.kind, deletion.id).removeFromParentAndDelete()
    return write(document)


def scale_volumes(text: str, compartments: Iterable[str], factor: float, *, hold: str) -> str:
    """Return the part with compartments scaled, holding initial ``"concentrations"`` or ``"amounts"``."""
    document = parse(text, scanned=True)
    model = document.getModel()
    chosen = set(compartments)
    for name in chosen:
        compartment = model.getCompartment(name)
        compartment.setSize(compartment.getSize() * factor)
    for species in model.getListOfSpecies():
        if species.getCompartment() not in chosen:
            continue
        if hold == "concentrations" and species.isSetInitialAmount():
            species.setInitialAmount(species.getInitialAmount() * factor)
        elif hold == "amounts" and species.isSetInitialConcentration():
            species.setInitialConcentration(species.getInitialConcentration() / factor)
    return write(document)


def own_units(text: str) -> str:
    """Return the part with the model's default units written on every species and compartment."""
    document = parse(text, scanned=True)
    model = document.getModel()
    for species in model.getListOfSpecies():
        if not species.isSetSubstanceUnits() and model.isSetSubstanceUnits():
            species.setSubstanceUnits(model.getSubstanceUnits())
    for compartment in model.getListOfCompartments():
        if (
            compartment.getSpatialDimensionsAsDouble() == 3
            and not compartment.isSetUnits()
            and model.isSetVolumeUnits()
        ):
            compartment.setUnits(model.getVolumeUnits())
    return write(document)


def to_time_unit(text: str, *, old: Unit | None, new: Unit, where: str) -> str:
    """Return the part rewritten into another unit of time, its parameters untouched.

    Rates per old unit are multiplied by the number of old units in a new one, ``time`` and delays keep their
    meaning. Where the part declares no unit of time (``old`` is None) the unit is only declared.
    """
    document = parse(text, scanned=True)
    model = document.getModel()
    factor = 1.0 if old is None else new.factor_to(old)
    units = UnitIds(model)
    model.setTimeUnits(units.of(new))
    if old is not None and factor != 1.0:
        _rewrite(model, _time_factor(model, units.of(old / new), factor, f"{old.label} per {new.label}"), where)
    return write(document)


def _time_factor(model: Any, unit: str, value: float, name: str) -> str:
    new = TIME_FACTOR
    while model.getElementBySId(new) is not None:
        new += "_"
    parameter = model.createParameter()
    parameter.setId(new)
    parameter.setName(name)
    parameter.setValue(value)
    parameter.setUnits(unit)
    parameter.setConstant(True)
    return new


def _rewrite(model: Any, factor: str, where: str) -> None:
    _refuse_time_in_functions(model, where)
    reactions = {r.getId() for r in model.getListOfReactions()}
    for element, math_ in list(maths(model)):
        if element.getElementName() == "functionDefinition":
            continue
        new = _in_new_time(math_.deepCopy(), factor, reactions)
        if element.getElementName() in {"kineticLaw", "rateRule"}:
            new = _binary(lib().AST_TIMES, _name(factor), new)
        elif element.getElementName() == "delay":
            new = _binary(lib().AST_DIVIDE, new, _name(factor))
        element.setMath(new)


def _refuse_time_in_functions(model: Any, where: str) -> None:
    special = {lib().AST_NAME_TIME, lib().AST_FUNCTION_DELAY, lib().AST_FUNCTION_RATE_OF}
    for f in model.getListOfFunctionDefinitions():
        if f.isSetMath() and any(node_type(node) in special for node in nodes(f.getMath())):
            raise UnsupportedError(
                f"the function '{f.getId()}' uses time itself, so its unit of time cannot be converted",
                where=where,
                remedy="pass time to the function as an argument",
            )


def _in_new_time(node: Any, factor: str, reactions: set[str]) -> Any:
    """Return a formula that means in the new unit of time what it meant in the old."""
    kind = node_type(node)
    for i in range(node.getNumChildren()):
        node.replaceChild(i, _in_new_time(node.getChild(i).deepCopy(), factor, reactions), True)
    if kind == lib().AST_NAME_TIME:
        return _binary(lib().AST_TIMES, node, _name(factor))
    # A reaction's id in a formula is its rate, which is now per new unit of time.
    if kind == lib().AST_FUNCTION_RATE_OF or (kind == lib().AST_NAME and node.getName() in reactions):
        return _binary(lib().AST_DIVIDE, node, _name(factor))
    if kind == lib().AST_FUNCTION_DELAY:
        node.replaceChild(1, _binary(lib().AST_DIVIDE, node.getChild(1).deepCopy(), _name(factor)), True)
    return node


def _name(name: str) -> Any:
    node = lib().ASTNode(lib().AST_NAME)
    node.setName(name)
    return node


def _binary(kind: int, left: Any, right: Any) -> Any:
    node = lib().ASTNode(kind)
    node.addChild(left)
    node.addChild(right)
    return node
