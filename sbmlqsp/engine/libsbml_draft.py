"""A document that is being rewritten: its formulas are read and written as trees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sbmlqsp.engine.libsbml import parse, write
from sbmlqsp.engine.libsbml_extract import extract
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_math import Formulas
from sbmlqsp.engine.libsbml_rename import give_event_ids, maths
from sbmlqsp.engine.network import Network
from sbmlqsp.expressions import Expr

__all__ = ["Draft", "place"]

_ROLES = {
    "kineticLaw": "kinetic law", "assignmentRule": "assignment rule", "rateRule": "rate rule", "trigger": "trigger",
    "initialAssignment": "initial assignment", "eventAssignment": "event assignment", "delay": "delay",
    "priority": "priority", "algebraicRule": "algebraic rule", "constraint": "constraint",
}  # fmt: skip


class Draft:
    """A flat document without function definitions, to be changed in place.

    Parameters
    ----------
    sbml : str
        Canonical SBML.
    """

    def __init__(self, sbml: str) -> None:
        self._document = parse(sbml, scanned=True)
        self.model = self._document.getModel()
        self.functions = [f.getId() for f in self.model.getListOfFunctionDefinitions()]
        if self.functions:
            self._document.expandFunctionDefinitions()
        give_event_ids(self.model)

    @property
    def network(self) -> Network:
        """The network of the document as it is now."""
        return extract(self.text())

    def text(self) -> str:
        """Return the document."""
        return write(self._document)

    def formulas(self) -> Iterator[tuple[Any, Expr]]:
        """Yield (element, tree) for every formula."""
        reader = Formulas(self.model)
        for element, node in list(maths(self.model)):
            yield element, reader.read(node)

    def rewrite(self, change: Callable[[Expr], Expr], *, only: frozenset[str] | None = None) -> list[str]:
        """Replace formulas by what a function makes of them; return the places that changed.

        ``only`` names kinds of elements, such as ``"kineticLaw"``.
        """
        changed = []
        for element, old in self.formulas():
            if only is not None and element.getElementName() not in only:
                continue
            new = change(old)
            if new is not old and new != old:
                element.setMath(to_mathml(new))
                changed.append(place(element))
        return changed

    def fresh(self, wish: str) -> str:
        """Return an id that nothing has yet."""
        name = wish
        while self.model.getElementBySId(name) is not None:
            name += "_"
        return name

    def parameter(
        self, wish: str, value: float | None, *, name: str = "", unit: str = "", constant: bool = False
    ) -> str:
        """Add a parameter and return its id."""
        parameter = self.model.createParameter()
        parameter.setId(self.fresh(wish))
        parameter.setConstant(constant)
        if value is not None:
            parameter.setValue(value)
        if name:
            parameter.setName(name)
        if unit:
            parameter.setUnits(unit)
        return str(parameter.getId())

    def assign(self, variable: str, expr: Expr) -> None:
        """Give a symbol an assignment rule."""
        rule = self.model.createAssignmentRule()
        rule.setVariable(variable)
        rule.setMath(to_mathml(expr))

    def declare_modifiers(self) -> list[str]:
        """Name in each reaction the species that its law reads, and forget those that it no longer does."""
        species = {s.getId() for s in self.model.getListOfSpecies()}
        changed = []
        for reaction in self.model.getListOfReactions():
            law = reaction.getKineticLaw()
            reads = _names(law.getMath()) & species if law is not None and law.isSetMath() else set()
            partners = {p.getSpecies() for p in (*reaction.getListOfReactants(), *reaction.getListOfProducts())}
            present = {m.getSpecies() for m in reaction.getListOfModifiers()}
            for gone in sorted(present - species):
                reaction.removeModifier(gone)
            for name in sorted(reads - partners - present):
                reaction.createModifier().setSpecies(name)
                changed.append(reaction.getId())
        return list(dict.fromkeys(changed))


def _names(root: Any) -> set[str]:
    from sbmlqsp.engine.libsbml import lib, node_type
    from sbmlqsp.engine.libsbml_rename import nodes

    return {node.getName() for node in nodes(root) if node_type(node) == lib().AST_NAME}


def place(element: Any) -> str:
    """Return where a formula stands, in words: ``"kinetic law of J"``."""
    kind = element.getElementName()
    role = _ROLES.get(kind, kind)
    owner = _owner(element, kind)
    return f"{role} of {owner}" if owner else role


def _owner(element: Any, kind: str) -> str:
    if kind == "kineticLaw":
        return str(element.getParentSBMLObject().getId())
    if kind in {"assignmentRule", "rateRule"}:
        return str(element.getVariable())
    if kind == "initialAssignment":
        return str(element.getSymbol())
    return f"{element.getVariable()} in {_event_of(element)}" if kind == "eventAssignment" else _event_of(element)


def _event_of(element: Any) -> str:
    event = element.getAncestorOfType(_event_code())
    return str(event.getId()) if event is not None else ""


def _event_code() -> int:
    from sbmlqsp.engine.libsbml import lib

    return int(lib().SBML_EVENT)
