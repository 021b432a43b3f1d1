"""Port directions inside SBML: an annotation on the flat model, SBO terms on comp ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbmlqsp.engine.libsbml import parse, write

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["inner_ids", "read_ports", "without_ports", "write_inner_ids", "write_ports"]

NAMESPACE = "urn:sbmlqsp:ports"
IDS = "urn:sbmlqsp:ids"
SBO = {"input": "SBO:0000600", "output": "SBO:0000601"}
_DIRECTION = {v: k for k, v in SBO.items()}


def read_ports(text: str, *, flat: str | None = None) -> dict[str, str]:
    """Return the direction of every port the document states, by symbol id of its flat form.

    Parameters
    ----------
    text : str
        SBML, flat or hierarchical.
    flat : str, optional
        The flat form of a hierarchical document; by default the text itself.
    """
    document = parse(text, scanned=True)
    model = document.getModel()
    found = dict(_annotated(model))
    plugin = model.getPlugin("comp")
    if plugin is not None:
        inner = inner_ids(model)
        for port in plugin.getListOfPorts():
            name = _refers_to(port)
            found.setdefault(inner.get(name, name), _DIRECTION.get(port.getSBOTermID(), "output"))
    whole = parse(flat or text, scanned=True)
    elements = {k: whole.getModel().getElementBySId(k) for k in found}
    kinds = {"compartment", "species", "parameter"}
    return {k: v for k, v in found.items() if elements[k] is not None and elements[k].getElementName() in kinds}


def _refers_to(port: Any) -> str:
    """Return the id that a port's element has after flattening."""
    names, step = [], port
    while step is not None:
        names.append(step.getIdRef() or step.getPortRef())
        step = step.getSBaseRef() if step.isSetSBaseRef() else None
    return "__".join(names)


def inner_ids(model: Any) -> dict[str, str]:
    """Return the flat id of each top-level id that a composed model's hierarchical form had to name otherwise."""
    return {a: b for a, b in _rows(model, "ids", IDS, ("outer", "inner")) if a and b}


def _annotated(model: Any) -> list[tuple[str, str]]:
    return [(ref, d) for ref, d in _rows(model, "ports", NAMESPACE, ("ref", "direction")) if ref and d in SBO]


def _rows(model: Any, name: str, namespace: str, attributes: tuple[str, str]) -> list[tuple[str, str]]:
    node = model.getAnnotation()
    if node is None:
        return []
    found = []
    for i in range(node.getNumChildren()):
        block = node.getChild(i)
        if block.getName() == name and block.getURI() == namespace:
            rows = (block.getChild(j) for j in range(block.getNumChildren()))
            found += [(row.getAttrValue(attributes[0]), row.getAttrValue(attributes[1])) for row in rows]
    return found


def write_inner_ids(model: Any, inner: Mapping[str, str]) -> None:
    """Note on a hierarchical model which flat ids its top-level ids stand for."""
    if inner:
        rows = "".join(f'<id outer="{outer}" inner="{name}"/>' for outer, name in inner.items())
        model.appendAnnotation(f'<annotation><ids xmlns="{IDS}">{rows}</ids></annotation>')


def without_ports(text: str) -> str:
    """Return the document without the annotation of its ports, which live beside the canonical text."""
    if NAMESPACE not in text:
        return text
    document = parse(text, scanned=True)
    document.getModel().removeTopLevelAnnotationElement("ports", NAMESPACE)
    return write(document)


def write_ports(text: str, directions: Mapping[str, str]) -> str:
    """Return the document with its ports annotated on the model (nothing changes where there are none)."""
    if not directions:
        return text
    document = parse(text, scanned=True)
    model = document.getModel()
    rows = "".join(f'<port ref="{ref}" direction="{d}"/>' for ref, d in directions.items())
    model.appendAnnotation(f'<annotation><ports xmlns="{NAMESPACE}">{rows}</ports></annotation>')
    return write(document)
