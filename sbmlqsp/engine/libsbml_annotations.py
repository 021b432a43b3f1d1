"""What a document says of its elements beside their mathematics: MIRIAM annotations, SBO terms, notes, history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sbmlqsp.engine.libsbml import lib, parse

__all__ = ["Said", "copy_annotations", "said"]

_URN = re.compile(r"urn:miriam:([^:]+):(.+)")
_HTTP = re.compile(r"https?://(?:www\.)?identifiers\.org/(.+)")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Said:
    """One statement on an element; of several on one element each repeats its SBO term and notes."""

    element: str
    kind: str
    qualifier: str = ""
    resource: str = ""
    sbo: str = ""
    notes: str = ""


def said(text: str) -> list[Said]:
    """Return all statements of a document, in its order.

    Elements without an id are known by what they set or belong to. Resources are given as identifiers.org URIs where
    they are MIRIAM URNs or such URIs of any age; the parts of a nested annotation have qualifiers like
    ``bqbiol:hasPart/bqbiol:is``.
    """
    model = parse(text, scanned=True).getModel()
    found = model.getListOfAllElements()
    rows: list[Said] = []
    for element in (model, *(found.get(i) for i in range(found.getSize()))):
        rows += _of(element)
    return rows


def _of(element: Any) -> list[Said]:
    sbo = str(element.getSBOTermID()) if element.isSetSBOTerm() else ""
    notes = _plain(element.getNotesString()) if element.isSetNotes() else ""
    statements = list(dict.fromkeys((*_history(element), *_terms(element))))
    if not (sbo or notes or statements):
        return []
    name, kind = _name(element), element.getElementName()
    return [Said(name, kind, q, r, sbo, notes) for q, r in statements or [("", "")]]


def _terms(element: Any) -> Iterator[tuple[str, str]]:
    if element.isSetAnnotation():
        for i in range(element.getNumCVTerms()):
            yield from _term(element.getCVTerm(i), "")


def _term(term: Any, above: str) -> Iterator[tuple[str, str]]:
    sbml = lib()
    if term.getQualifierType() == sbml.MODEL_QUALIFIER:
        qualifier = f"bqmodel:{sbml.ModelQualifierType_toString(term.getModelQualifierType())}"
    else:
        qualifier = f"bqbiol:{sbml.BiolQualifierType_toString(term.getBiologicalQualifierType())}"
    for i in range(term.getNumResources()):
        yield above + qualifier, _identifier(term.getResourceURI(i))
    for i in range(term.getNumNestedCVTerms()):
        yield from _term(term.getNestedCVTerm(i), f"{above}{qualifier}/")


def _identifier(resource: str) -> str:
    urn, http = _URN.fullmatch(resource), _HTTP.fullmatch(resource)
    if urn:
        return f"https://identifiers.org/{urn[1]}/{unquote(urn[2])}"
    return f"https://identifiers.org/{http[1]}" if http else resource


def _history(element: Any) -> Iterator[tuple[str, str]]:
    if not element.isSetModelHistory():
        return
    history = element.getModelHistory()
    for i in range(history.getNumCreators()):
        person = history.getCreator(i)
        name = " ".join(filter(None, (person.getGivenName(), person.getFamilyName()))) or person.getName()
        email, place = person.getEmail(), person.getOrganization()
        yield "dcterms:creator", ", ".join(filter(None, (name, email and f"<{email}>", place)))
    if history.isSetCreatedDate():
        yield "dcterms:created", history.getCreatedDate().getDateAsString()
    for i in range(history.getNumModifiedDates()):
        yield "dcterms:modified", history.getModifiedDate(i).getDateAsString()


def _name(element: Any) -> str:
    """Return the id of an element, or what it belongs to where it has none."""
    kind = element.getElementName()
    for attribute in ("Variable", "Symbol"):
        if hasattr(element, f"isSet{attribute}") and getattr(element, f"isSet{attribute}")():
            name = str(getattr(element, f"get{attribute}")())
            return f"{_name(_owner(element))}: {name}" if kind == "eventAssignment" else name
    if element.isSetIdAttribute():
        return str(element.getIdAttribute())
    if kind in {"speciesReference", "modifierSpeciesReference"}:
        return f"{_name(_owner(element))}: {element.getSpecies()}"
    owner = _owner(element)
    return _name(owner) if owner is not None else ""


def _owner(element: Any) -> Any:
    parent = element.getParentSBMLObject()
    while parent is not None and parent.getElementName().startswith("listOf"):
        parent = parent.getParentSBMLObject()
    return None if parent is None or parent.getElementName() == "sbml" else parent


def _plain(notes: str) -> str:
    """Return the text of notes without their markup, paragraphs apart by line breaks."""
    from html import unescape

    broken = re.sub(r"<(?:br\s*/?|/p|/h\d|/li|/tr)\s*>", "\n", notes)
    lines = (" ".join(line.split()) for line in unescape(_TAG.sub("", broken)).split("\n"))
    return "\n".join(line for line in lines if line)


def copy_annotations(source: Any, target: Any) -> None:
    """Give an element the meta id, SBO term, annotation and notes of another that it stands for."""
    if source.isSetMetaId():
        target.setMetaId(source.getMetaId())
    if source.isSetSBOTerm():
        target.setSBOTerm(source.getSBOTerm())
    if source.isSetAnnotation():
        target.setAnnotation(source.getAnnotation())
    if source.isSetNotes():
        target.setNotes(source.getNotes())
