"""Processes described twice: two routes by which one substance leaves that may be the same route."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sbmlqsp.engine.network import Network, Reaction
    from sbmlqsp.expressions import Expr

__all__ = ["CompositionWarning", "DuplicatedProcess", "duplicated_processes", "warn_of_duplicates"]

SEPARATOR = "__"


class CompositionWarning(UserWarning):
    """Two parts of a composed model may describe the same process."""


@dataclass(frozen=True, slots=True)
class DuplicatedProcess:
    """A substance that several parts eliminate in proportion to how much there is.

    Parameters
    ----------
    species : str
        Flat id.
    reactions : tuple of str
        Flat ids of the reactions, in file order.
    """

    species: str
    reactions: tuple[str, ...]

    def __str__(self) -> str:
        names, species = [r.replace(SEPARATOR, ".") for r in self.reactions], self.species.replace(SEPARATOR, ".")
        message = f"'{species}' is eliminated by {' and '.join(names)}, which belong to different parts and may be one"
        return f"{message} process described twice. Remedy: if so, delete one, such as delete=['{names[0]}']"


def duplicated_processes(network: Network) -> list[DuplicatedProcess]:
    """Return the substances that at least two parts eliminate by a first-order process.

    An elimination takes a species and makes no other that is tracked. It counts as first-order where the formula of its
    rate has the species as a factor and nowhere below a division or inside a function. Reactions belong to the part
    that their flat id begins with; those of the top level are a part of their own.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 9; a__J: S -> ; a*S; b__J: S -> ; b*S; a = 1; b = 2; end")
    >>> [d.reactions for d in duplicated_processes(model.network)]
    [('a__J', 'b__J')]
    """
    by_species: dict[str, list[str]] = {}
    for reaction in network.reactions.values():
        species = _eliminated(reaction, network)
        if species and reaction.law is not None and _degree(reaction.law, species, network, 0) == 1:
            by_species.setdefault(species, []).append(reaction.id)
    return [
        DuplicatedProcess(species, tuple(reactions))
        for species, reactions in by_species.items()
        if len({_part(r) for r in reactions}) > 1
    ]


def warn_of_duplicates(network: Network) -> None:
    """Warn of every process that two parts seem to describe."""
    for found in duplicated_processes(network):
        warnings.warn(str(found), CompositionWarning, stacklevel=3)


def _part(reaction: str) -> str:
    return reaction.split(SEPARATOR, maxsplit=1)[0] if SEPARATOR in reaction else ""


def _eliminated(reaction: Reaction, network: Network) -> str:
    """Return the one species a reaction takes without making another, or ""."""
    floating = [p.species for p in reaction.reactants if not network.symbols[p.species].boundary]
    made = [p.species for p in reaction.products if not network.symbols[p.species].boundary]
    return floating[0] if len(floating) == 1 and not made else ""


def _degree(expr: Expr, species: str, network: Network, depth: int) -> float | None:
    """Return the power in which a formula has a species, or None where it is not a power."""
    if expr.op == "sym":
        name = str(expr.value)
        rule = network.assignment_rules.get(name) if depth < 50 and name != species else None
        return float(name == species) if rule is None else _degree(rule, species, network, depth + 1)
    below = [_degree(a, species, network, depth) for a in expr.args]
    known = [d for d in below if d is not None]
    if len(known) < len(below) or not any(known):
        return None if len(known) < len(below) else 0.0
    if expr.op == "mul":
        return sum(known)
    same = expr.op in {"add", "sub", "neg"} and len(set(known)) == 1
    return known[0] if same or (expr.op == "div" and known[1] == 0) else None
