"""What a composition consists of, engine-neutral: both SBML forms are written from one plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SEPARATOR", "Deletion", "Join", "Plan"]

SEPARATOR = "__"


@dataclass(frozen=True, slots=True)
class Join:
    """One quantity of the result, owned by the top level, that takes the place of symbols of parts.

    Parameters
    ----------
    id : str
        The flat id in the result.
    members : tuple of (instance, symbol)
        What it replaces, as ids inside the parts.
    """

    id: str
    members: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Deletion:
    """An element of a part that the composition leaves out.

    ``kind`` is ``"reaction"``, ``"event"``, ``"rule"``, ``"initial assignment"`` or ``"symbol"``; ``id`` is its id, or
    the variable that the rule or initial assignment sets.
    """

    instance: str
    kind: str
    id: str


@dataclass(frozen=True)
class Plan:
    """Parts, what the top level owns, and how they are tied.

    Parameters
    ----------
    id : str
        The id of the result.
    parts : mapping of str to str
        Canonical SBML of each instance, with its values set and its time unit converted.
    names : mapping of str to str
        The id of each instance's model.
    top : str
        SBML of the top level: joined and shared quantities, rules that convert, own reactions. It may refer to ids that
        only the whole has.
    joins : tuple of Join
    deletions : tuple of Deletion
    ports : mapping of str to (mapping of str to str)
        Direction by symbol, for each instance.
    open_ports : mapping of str to str
        Direction by flat id in the result.
    """

    id: str
    parts: Mapping[str, str]
    names: Mapping[str, str]
    top: str
    joins: tuple[Join, ...] = ()
    deletions: tuple[Deletion, ...] = ()
    ports: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    open_ports: Mapping[str, str] = field(default_factory=dict)

    def final_id(self, instance: str, symbol: str) -> str:
        """Return the flat id in the result of one symbol of a part."""
        return self.joined.get((instance, symbol), f"{instance}{SEPARATOR}{symbol}")

    @property
    def joined(self) -> dict[tuple[str, str], str]:
        """The flat id by which each replaced symbol is known."""
        return {member: join.id for join in self.joins for member in join.members}
