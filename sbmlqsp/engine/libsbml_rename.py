"""Give every element of a libSBML model new ids, and find and remove elements by what they set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sbmlqsp.engine.libsbml import lib, node_type

__all__ = ["elements", "find", "give_event_ids", "maths", "nodes", "rename"]

Rename = Callable[[str], str]

# The attributes of each element that hold an id of the model's one namespace, and those that hold a unit's id.
_REFERENCES = {
    "compartment": ("Id",),
    "species": ("Id", "Compartment", "ConversionFactor"),
    "parameter": ("Id",),
    "functionDefinition": ("Id",),
    "reaction": ("Id", "Compartment"),
    "speciesReference": ("Id", "Species"),
    "modifierSpeciesReference": ("Id", "Species"),
    "event": ("Id",),
    "initialAssignment": ("Symbol", "IdAttribute"),
    "assignmentRule": ("Variable", "IdAttribute"),
    "rateRule": ("Variable", "IdAttribute"),
    "eventAssignment": ("Variable", "IdAttribute"),
    **dict.fromkeys(("algebraicRule", "constraint", "kineticLaw", "trigger", "delay", "priority"), ("IdAttribute",)),
}
_UNITS = {"compartment": ("Units",), "parameter": ("Units",), "species": ("SubstanceUnits",)}


def elements(model: Any) -> Iterator[Any]:
    """Yield every element below a model, except lists and unit definitions."""
    found = model.getListOfAllElements()
    for i in range(found.getSize()):
        element = found.get(i)
        if element.getElementName() in _REFERENCES and element.getPackageName() == "core":
            yield element


def maths(model: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (element, MathML node) for every formula; change the node in place."""
    for element in elements(model):
        if hasattr(element, "isSetMath") and element.isSetMath():
            yield element, element.getMath()


def nodes(root: Any) -> Iterator[Any]:
    """Yield a MathML node and all below it."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(node.getChild(i) for i in range(node.getNumChildren()))


def rename(model: Any, *, ids: Rename, units: Rename, metaids: Rename) -> None:
    """Rename every id, reference to an id, unit reference and meta id below a model, in place."""
    for element in elements(model):
        name = element.getElementName()
        for attribute in _REFERENCES[name]:
            _apply(element, attribute, ids)
        for attribute in _UNITS.get(name, ()):
            _apply(element, attribute, units)
        if hasattr(element, "isSetMath") and element.isSetMath():
            _rename_math(element.getMath(), ids, units, definition=name == "functionDefinition")
    found = model.getListOfAllElements()
    for i in range(found.getSize()):
        if found.get(i).isSetMetaId():
            found.get(i).setMetaId(metaids(found.get(i).getMetaId()))


def _apply(element: Any, attribute: str, change: Rename) -> None:
    if getattr(element, f"isSet{attribute}")():
        getattr(element, f"set{attribute}")(change(getattr(element, f"get{attribute}")()))


def _rename_math(root: Any, ids: Rename, units: Rename, *, definition: bool) -> None:
    names = {lib().AST_FUNCTION} if definition else {lib().AST_FUNCTION, lib().AST_NAME}
    for node in nodes(root):  # the names inside a function definition are its own arguments
        if node_type(node) in names:
            node.setName(ids(node.getName()))
        if node.isSetUnits():
            node.setUnits(units(node.getUnits()))


def find(model: Any, kind: str, name: str) -> Any:
    """Return the element of one kind that has this id or sets this variable, or None."""
    getter = {
        "reaction": model.getReaction,
        "event": model.getEvent,
        "rule": model.getRuleByVariable,
        "initial assignment": model.getInitialAssignmentBySymbol,
        "symbol": model.getElementBySId,
    }[kind]
    return getter(name)


def give_event_ids(model: Any) -> None:
    """Give an id to every event that has none, so that a part's events can be told apart anywhere."""
    for i, event in enumerate(model.getListOfEvents()):
        name, n = f"event{i + 1}", i + 1
        while not event.isSetId():
            if model.getElementBySId(name) is None:
                event.setId(name)
            n += 1
            name = f"event{n}"
