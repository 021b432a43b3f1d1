"""Stoichiometries that vary, as parameters of the engine's document.

The engine cannot reset them, cannot set them for a subject, and does not converge where two of one species vary
(measured). ``J: -> n S; v`` means the same as ``J: -> ; v`` beside ``J_n: -> S; n*J`` with a parameter ``n``.
"""

from __future__ import annotations

from typing import Any

from sbmlqsp.engine.libsbml_event import unused
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.network import Network
from sbmlqsp.expressions import Expr, sym

__all__ = ["stoichiometries_to_parameters"]

PREFIX = "qsp_part_"


def stoichiometries_to_parameters(model: Any, network: Network) -> None:
    """Give every stoichiometry that a rule, an event or an initial assignment sets a reaction of its own."""
    count = 0
    for reaction in network.reactions.values():
        element = model.getReaction(reaction.id)
        for participants, side in ((reaction.reactants, "Reactant"), (reaction.products, "Product")):
            for p in participants:
                if p.formula is None or reaction.law is None:
                    continue
                references = getattr(element, f"getListOf{side}s")()
                references.get(p.id).removeFromParentAndDelete()
                _parameter(model, p.id)
                _part(model, f"{PREFIX}{count}", side, p.species, Expr("mul", (sym(p.id), sym(reaction.id))))
                count += 1


def _parameter(model: Any, name: str) -> None:
    parameter = model.createParameter()
    parameter.setId(name)
    parameter.setConstant(False)


def _part(model: Any, name: str, side: str, species: str, law: Expr) -> None:
    unused(model, name)
    reaction = model.createReaction()
    reaction.setId(name)
    reaction.setReversible(True)
    reference = getattr(reaction, f"create{side}")()
    reference.setSpecies(species)
    reference.setStoichiometry(1.0)
    reference.setConstant(True)
    reaction.createKineticLaw().setMath(to_mathml(law))
