"""Port directions inside SBML: an annotation on the flat model, SBO terms on comp ports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sbmlqsp.engine.libsbml import parse, write

__all__ = ["read_ports", "write_ports"]

NAMESPACE = "urn:sbmlqsp:ports"
SBO = {"input": "SBO:0000600", "output": "SBO:0000601"}
_DIRECTION = {v: k for k, v in SBO.items()}


def read_ports(text: str) -> dict[str, str]:
    """Return the direction of every port the document states, by symbol id."""
    model = parse(text, scanned=True).getModel()
    found = dict(_annotated(model))
    plugin = model.getPlugin("comp")
    if plugin is not None:
        for port in plugin.getListOfPorts():
            if port.isSetIdRef():
                found.setdefault(port.getIdRef(), _DIRECTION.get(port.getSBOTermID(), "output"))
    return {k: v for k, v in found.items() if model.getElementBySId(k) is not None}


def _annotated(model: Any) -> list[tuple[str, str]]:
    node = model.getAnnotation()
    if node is None:
        return []
    found = []
    for i in range(node.getNumChildren()):
        block = node.getChild(i)
        if block.getName() == "ports" and block.getURI() == NAMESPACE:
            for j in range(block.getNumChildren()):
                port = block.getChild(j)
                found.append((port.getAttrValue("ref"), port.getAttrValue("direction")))
    return [(ref, d) for ref, d in found if ref and d in SBO]


def write_ports(text: str, directions: Mapping[str, str]) -> str:
    """Return the document with its ports annotated on the model (nothing changes where there are none)."""
    if not directions:
        return text
    document = parse(text, scanned=True)
    model = document.getModel()
    rows = "".join(f'<port ref="{ref}" direction="{d}"/>' for ref, d in directions.items())
    model.appendAnnotation(f'<annotation><ports xmlns="{NAMESPACE}">{rows}</ports></annotation>')
    return write(document)
