"""The part of XPath with which SED-ML points into SBML: steps of elements, attributes that tell them apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from sbmlqsp.errors import DataError, UnsupportedError

__all__ = ["Path", "Place", "locate", "parse_path", "symbol_of_target"]

_NAME = r"(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)"
_STEP = re.compile(rf"(//?)(?:(descendant)::)?(?:{_NAME}|(\*))((?:\[[^\]]*\])*)")
_PREDICATE = re.compile(rf"\[\s*@{_NAME}\s*=\s*(?:'([^']*)'|\"([^\"]*)\")\s*\]")
_ATTRIBUTE = re.compile(rf"/@{_NAME}$")
_HOLDERS = frozenset({"species", "parameter", "compartment", "reaction", "localParameter", "speciesReference"})


@dataclass(frozen=True, slots=True)
class Step:
    """One step down: to children or to anything below, of a name or any, with attributes."""

    deep: bool
    name: str
    attributes: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Path:
    """The steps to one element, and perhaps an attribute of it."""

    text: str
    steps: tuple[Step, ...]
    attribute: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """An element that a path leads to, with the elements around it, outermost first."""

    element: Element
    around: tuple[Element, ...]

    @property
    def tag(self) -> str:
        """Its name, without a namespace."""
        return _local(self.element)

    @property
    def id(self) -> str:
        """Its id (in SBML Level 1 its name)."""
        return self.element.get("id") or self.element.get("name") or ""

    def inside(self, tag: str) -> Element | None:
        """Return the innermost element around it of a name."""
        return next((e for e in reversed(self.around) if _local(e) == tag), None)


def _local(e: Element) -> str:
    return str(e.tag).rpartition("}")[2]


def parse_path(text: str, *, where: str) -> Path:
    """Read a path. Prefixes are not told apart: SED-ML files often leave them undeclared.

    Raises
    ------
    UnsupportedError
        It is more than steps with names and ``[@id='…']``.

    Examples
    --------
    >>> parse_path("/sbml:sbml/sbml:model/sbml:listOfParameters/sbml:parameter[@id='k']/@value", where="here").attribute
    'value'
    """
    rest, attribute = text.strip(), ""
    found = _ATTRIBUTE.search(rest)
    if found is not None:
        rest, attribute = rest[: found.start()], found[1]
    steps, at = [], 0
    while at < len(rest):
        step = _STEP.match(rest, at)
        if step is None:
            break
        predicates = _PREDICATE.findall(step[5])
        if len(predicates) != step[5].count("["):
            break
        attributes = tuple((name, single or double) for name, single, double in predicates)
        steps.append(Step(step[1] == "//" or step[2] is not None, step[3] or "*", attributes))
        at = step.end()
    if at < len(rest) or not steps:
        raise UnsupportedError(
            "the path into the model is of a kind that is not read", value=text, where=where,
            expected="such as /sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S1']",
        )  # fmt: skip
    return Path(text, tuple(steps), attribute)


def locate(root: Element, path: Path, *, where: str) -> Place:
    """Return the one element that a path leads to.

    Raises
    ------
    DataError
        There is none, or there are several.
    """
    found = [Place(root, ())] if _fits(root, path.steps[0]) else []
    if path.steps[0].deep:
        found += list(_below(Place(root, ()), path.steps[0]))
    for step in path.steps[1:]:
        found = [p for place in found for p in (_below if step.deep else _children)(place, step)]
    places = list({id(p.element): p for p in found}.values())
    if len(places) != 1:
        raise DataError(
            f"the path leads to {len(places) or 'no'} element{'s' if len(places) != 1 else ''} of the model",
            value=path.text, where=where, expected="one",
        )  # fmt: skip
    return places[0]


def _fits(e: Element, step: Step) -> bool:
    return step.name in {"*", _local(e)} and all(e.get(k) == v for k, v in step.attributes)


def _children(place: Place, step: Step) -> Iterator[Place]:
    around = (*place.around, place.element)
    yield from (Place(e, around) for e in place.element if _fits(e, step))


def _below(place: Place, step: Step) -> Iterator[Place]:
    stack = [Place(e, (*place.around, place.element)) for e in reversed(place.element)]
    while stack:
        here = stack.pop()
        if _fits(here.element, step):
            yield here
        stack.extend(Place(e, (*here.around, here.element)) for e in reversed(here.element))


def symbol_of_target(root: Element, target: str, known: Mapping[str, object], *, where: str) -> str:
    """Return the symbol of the flat model that a path into its file stands for.

    Raises
    ------
    DataError
        The path leads to an attribute, or to what has no value.
    """
    path = parse_path(target, where=where)
    if path.attribute:
        raise UnsupportedError("a variable is an attribute, not an element, of the model", value=target, where=where,
                               remedy=f"point to the element: leave '/@{path.attribute}' out")  # fmt: skip
    place = locate(root, path, where=where)
    name, reaction = place.id, place.inside("reaction")
    if place.tag not in _HOLDERS:
        raise DataError(f"the path leads to a <{place.tag}>, which has no value", value=target, where=where)
    if place.inside("kineticLaw") is not None and reaction is not None:
        name = f"{reaction.get('id') or reaction.get('name')}__{name}"
    if name not in known:
        raise DataError(f"'{name}' is no symbol of the model that is run", value=target, where=where)
    return name
