"""Which inputs of a composition were given a value on purpose: an annotation on the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbmlqsp.engine.libsbml import parse, write

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["read_given", "write_given"]

NAMESPACE = "urn:sbmlqsp:given"


def read_given(text: str) -> tuple[str, ...]:
    """Return the flat ids of the inputs whose values were set when the model was composed."""
    model = parse(text, scanned=True).getModel() if NAMESPACE in text else None
    node = model.getAnnotation() if model is not None else None
    blocks = [node.getChild(i) for i in range(node.getNumChildren())] if node is not None else []
    return next((tuple(b.getAttrValue("refs").split()) for b in blocks if b.getURI() == NAMESPACE), ())


def write_given(text: str, names: Collection[str]) -> str:
    """Return the document with these inputs annotated on the model, in place of any it had."""
    document = parse(text, scanned=True)
    model = document.getModel()
    if NAMESPACE in text:
        model.removeTopLevelAnnotationElement("given", NAMESPACE)
    if names:
        model.appendAnnotation(f'<annotation><given xmlns="{NAMESPACE}" refs="{" ".join(names)}"/></annotation>')
    return write(document)
