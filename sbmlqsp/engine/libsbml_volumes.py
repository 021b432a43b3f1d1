"""Which volumes lie inside which: an annotation on the model, since SBML Level 3 has no 'outside'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbmlqsp.engine.libsbml import parse, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["read_volumes", "write_volumes"]

NAMESPACE = "urn:sbmlqsp:volumes"


def read_volumes(text: str) -> dict[str, tuple[str, ...]]:
    """Return the parts of every organ the document states, by flat id of the organ's volume."""
    model = parse(text, scanned=True).getModel() if NAMESPACE in text else None
    block = _block(model) if model is not None else None
    if block is None:
        return {}
    organs = [block.getChild(i) for i in range(block.getNumChildren())]
    return {o.getAttrValue("ref"): tuple(o.getAttrValue("parts").split()) for o in organs if o.getName() == "organ"}


def _block(model: Any) -> Any | None:
    node = model.getAnnotation()
    children = [node.getChild(i) for i in range(node.getNumChildren())] if node is not None else []
    return next((c for c in children if c.getName() == "volumes" and c.getURI() == NAMESPACE), None)


def write_volumes(text: str, organs: Mapping[str, Sequence[str]]) -> str:
    """Return the document with these organs and parts annotated on the model, in place of any it had."""
    document = parse(text, scanned=True)
    model = document.getModel()
    if NAMESPACE in text:
        model.removeTopLevelAnnotationElement("volumes", NAMESPACE)
    if organs:
        rows = "".join(f'<organ ref="{organ}" parts="{" ".join(parts)}"/>' for organ, parts in organs.items())
        model.appendAnnotation(f'<annotation><volumes xmlns="{NAMESPACE}">{rows}</volumes></annotation>')
    return write(document)
