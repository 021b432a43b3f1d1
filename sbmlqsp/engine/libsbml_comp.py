"""Write a composition as hierarchical SBML: a model definition per part, joined by the comp package.

What parts share or pass on is owned by the top level and replaces the parts' copies, which every flattener supports
(a symbol of one part that replaces a symbol of another directly is where tools differ).
"""

from __future__ import annotations

from typing import Any

from sbmlqsp.engine.libsbml import flatten, lib, parse, write
from sbmlqsp.engine.libsbml_ports import SBO, inner_ids, write_inner_ids
from sbmlqsp.engine.libsbml_rename import elements, find, rename
from sbmlqsp.engine.plan import SEPARATOR, Plan

__all__ = ["flattened", "hierarchical"]

COMP = "http://www.sbml.org/sbml/level3/version1/comp/version1"


def hierarchical(plan: Plan) -> str:
    """Return the hierarchical SBML of a plan."""
    document = parse(plan.top, scanned=True)
    outer = _outer_ids(document.getModel(), plan)
    rename(document.getModel(), ids=lambda name: outer.get(name, name), units=str, metaids=str)
    owned = {new: name for name, new in outer.items() if document.getModel().getElementBySId(new) is not None}
    write_inner_ids(document.getModel(), owned)
    document.enablePackage(COMP, "comp", True)
    document.setPackageRequired("comp", True)
    definitions = _define(document, plan)
    top = document.getModel().getPlugin("comp")
    for instance, definition in definitions.items():
        submodel = top.createSubmodel()
        submodel.setId(instance)
        submodel.setModelRef(definition.getId())
        _delete(submodel, definition, plan)
    for join in plan.joins:
        owner = document.getModel().getElementBySId(outer.get(join.id, join.id)).getPlugin("comp")
        for instance, symbol in join.members:
            replaced = owner.createReplacedElement()
            replaced.setSubmodelRef(instance)
            _refer(replaced, instance, symbol, plan)
    _open_ports(top, plan, outer)
    return write(document)


def flattened(text: str, *, where: str) -> str:
    """Return libSBML's flattening of a hierarchical document, under the ids of the flat form where it notes them."""
    original = parse(text, where=where)
    inner = inner_ids(original.getModel())
    document = parse(flatten(text, where=where), where=where, scanned=True)
    present = {e.getId() for e in elements(document.getModel()) if e.isSetIdAttribute()}
    unique = len(set(inner.values())) == len(inner)
    if inner and unique and not (set(inner.values()) & (present - set(inner))):
        rename(document.getModel(), ids=lambda name: inner.get(name, name), units=str, metaids=str)
    return write(document)


def _outer_ids(model: Any, plan: Plan) -> dict[str, str]:
    """Return the id in the hierarchical form of each top-level id that begins like a part's (``pk__Cp``).

    libSBML gives a submodel's elements another prefix than its name where the top level uses that prefix already.
    """
    names = dict.fromkeys([*(e.getId() for e in elements(model) if e.isSetIdAttribute()), *plan.open_ports])
    taken, found = {*names, *plan.parts}, {}
    for name in names:
        instance, separator, rest = name.partition(SEPARATOR)
        if not separator or instance not in plan.parts:
            continue
        new = f"{rest}_of_{instance}"
        while new in taken or any(new.startswith(f"{i}{SEPARATOR}") for i in plan.parts):
            new = f"the_{new}"
        taken.add(new)
        found[name] = new
    return found


def _define(document: Any, plan: Plan) -> dict[str, Any]:
    """Add a model definition per distinct part; return the definition of each instance."""
    known: dict[tuple[str, str, tuple[tuple[str, str], ...]], str] = {}
    for instance, text in plan.parts.items():
        ports = plan.ports.get(instance, {})
        key = (text, plan.names[instance], tuple(ports.items()))
        if key not in known:
            taken = {plan.id, *known.values()}
            name = plan.names[instance]
            known[key] = _free(name, f"{name}_{instance}", taken)
            _add_definition(document, known[key], text, ports)
    plugin = document.getPlugin("comp")
    by_key = {i: (t, plan.names[i], tuple(plan.ports.get(i, {}).items())) for i, t in plan.parts.items()}
    return {i: plugin.getModelDefinition(known[k]) for i, k in by_key.items()}


def _free(first: str, second: str, taken: set[str]) -> str:
    name = first if first not in taken else second
    while name in taken:
        name += "_"
    return name


def _add_definition(document: Any, name: str, text: str, ports: Any) -> None:
    part = parse(text, scanned=True)
    part.enablePackage(COMP, "comp", True)
    model = part.getModel()
    # Meta ids are unique in a document, not in a model.
    rename(model, ids=str, units=str, metaids=lambda m: f"{name}{SEPARATOR}{m}")
    model.setId(name)
    if model.isSetMetaId():
        model.setMetaId(f"{name}{SEPARATOR}{model.getMetaId()}")
    definition = lib().ModelDefinition(model)
    for symbol, direction in ports.items():
        port = definition.getPlugin("comp").createPort()
        port.setId(symbol)
        port.setIdRef(symbol)
        port.setSBOTerm(SBO[direction])
    document.getPlugin("comp").addModelDefinition(definition)


def _delete(submodel: Any, definition: Any, plan: Plan) -> None:
    for deletion in plan.deletions:
        if deletion.instance != submodel.getId():
            continue
        element = submodel.createDeletion()
        if deletion.kind in {"rule", "initial assignment"}:
            target = find(definition, deletion.kind, deletion.id)
            if not target.isSetMetaId():
                target.setMetaId(f"{definition.getId()}{SEPARATOR}{deletion.kind.replace(' ', '_')}_of_{deletion.id}")
            element.setMetaIdRef(target.getMetaId())
        else:
            _refer(element, deletion.instance, deletion.id, plan)


def _refer(reference: Any, instance: str, symbol: str, plan: Plan) -> None:
    if symbol in plan.ports.get(instance, {}):
        reference.setPortRef(symbol)
    else:
        reference.setIdRef(symbol)


def _open_ports(top: Any, plan: Plan, outer: dict[str, str]) -> None:
    """Make ports of the result: of what the top level owns directly, of the rest through its submodel."""
    inside = {plan.final_id(i, s): (i, s) for i, ports in plan.ports.items() for s in ports}
    owned = {join.id for join in plan.joins}
    for name, direction in plan.open_ports.items():
        port = top.createPort()
        port.setId(outer.get(name, name))
        port.setSBOTerm(SBO[direction])
        if name in owned or name not in inside:
            port.setIdRef(outer.get(name, name))
        else:
            instance, symbol = inside[name]
            port.setIdRef(instance)
            port.createSBaseRef().setPortRef(symbol)
