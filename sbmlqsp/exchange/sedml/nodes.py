"""XML elements read strictly: whatever is not asked for is refused, by the name and id of its element."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from xml.etree import ElementTree as ET

from sbmlqsp.engine.prescan import decode, prescan
from sbmlqsp.errors import DataError, ModelError, UnsupportedError, did_you_mean
from sbmlqsp.exchange.sedml.mathml import MATHML

__all__ = ["Node", "parse_xml"]

_ALWAYS = frozenset({"id", "name", "metaid"})
_SILENT = frozenset({"notes", "annotation"})
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def parse_xml(source: str | bytes, *, where: str, root: str) -> Node:
    """Return the root element of a document that has been scanned for what could exhaust a machine.

    Raises
    ------
    DataError
        It is malformed, hostile, or has another root element.
    """
    try:
        text = prescan(decode(source, where=where) if isinstance(source, bytes) else source, where=where, root=root)
    except ModelError as err:
        raise err.changed(DataError) from None
    return Node(ET.fromstring(text.encode()), where)  # noqa: S314 - scanned for entities, depth and size


class Node:
    """One element; ``where`` says which, in messages."""

    def __init__(self, element: ET.Element, where: str) -> None:
        self.element = element
        self.space, _, self.tag = str(element.tag).rpartition("}")
        self.space = self.space.removeprefix("{")
        name = element.get("id") or element.get("name") or ""
        skipped = self.tag.startswith("listOf") or self.tag in {"sedML", "sbml"}
        self.where = where if skipped else f"{where}, <{self.tag}{f' {name}' if name else ''}>"
        self.attributes = {k: v for k, v in element.attrib.items() if not k.startswith("{")}

    # -------------------------------------------------------------------------------------------------------- checking
    def only(self, attributes: str = "", children: str = "") -> Node:
        """Refuse attributes and children other than these (and ids, names, notes and annotations)."""
        known = {*_ALWAYS, *attributes.split()}
        for name in self.attributes:
            if name not in known:
                raise UnsupportedError(f"the attribute '{name}' is not read here", value=self.attributes[name],
                                       where=self.where, remedy=did_you_mean(name, known))  # fmt: skip
        allowed = set(children.split())
        for child in self:
            if child.tag not in allowed:
                raise UnsupportedError(f"the element <{child.tag}> is not read here", where=child.where,
                                       expected=", ".join(f"<{c}>" for c in sorted(allowed)) or "nothing")  # fmt: skip
        return self

    def __iter__(self) -> Iterator[Node]:
        for element in self.element:
            child = Node(element, self.where)
            if child.tag not in _SILENT:
                yield child

    # --------------------------------------------------------------------------------------------------------- reading
    def child(self, tag: str) -> Node | None:
        """Return the one child of this name, or None; two are refused."""
        found = [c for c in self if c.tag == tag]
        if len(found) > 1:
            raise DataError(f"there are {len(found)} elements <{tag}>", where=self.where, expected="one")
        return found[0] if found else None

    def items(self, tag: str, allowed: str) -> Iterator[Node]:
        """Yield the elements of a list, which may be missing."""
        listed = self.child(tag)
        if listed is not None:
            yield from listed.only(children=allowed)

    def text(self, name: str, default: str | None = None) -> str:
        """Return an attribute."""
        value = self.attributes.get(name, default)
        if value is None:
            raise DataError(f"the attribute '{name}' is missing", where=self.where)
        return value.strip()

    def optional(self, name: str) -> str:
        """Return an attribute, ``""`` where it is missing."""
        return self.text(name, "")

    def number(self, name: str) -> float:
        """Return an attribute that is a finite number."""
        return self.finite(self.text(name), f"the attribute '{name}'")

    def finite(self, text: str, what: str) -> float:
        """Return a finite number."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f"{what} is not a finite number", value=text, where=self.where)
        return value

    def whole(self, names: Iterable[str]) -> int:
        """Return the whole number under one of several names, of which the later are older."""
        given = [n for n in names if n in self.attributes]
        if len(given) != 1:
            raise DataError("a number of steps is not given once", value=given or None, where=self.where,
                            expected=f"the attribute '{next(iter(names))}'")  # fmt: skip
        value = self.number(given[0])
        if value != int(value) or value < 0:
            raise DataError(f"the attribute '{given[0]}' is no whole number", value=value, where=self.where)
        return int(value)

    def truth(self, name: str, default: bool | None = None) -> bool | None:
        """Return an attribute that is true or false."""
        if name not in self.attributes:
            return default
        value = _TRUTH.get(self.text(name).lower())
        if value is None:
            raise DataError(f"the attribute '{name}' is neither true nor false", value=self.text(name),
                            where=self.where)  # fmt: skip
        return value

    def math(self) -> ET.Element:
        """Return the ``math`` element."""
        found = [c for c in self.element if c.tag == f"{{{MATHML}}}math"]
        if len(found) != 1:
            raise DataError(f"there are {len(found)} formulas", where=self.where, expected="one <math> element")
        return found[0]
