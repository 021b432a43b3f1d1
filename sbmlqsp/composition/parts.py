"""The parts of a composition: named, found by path, and prepared one by one before they are joined."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sbmlqsp.engine.libsbml_edit import delete, own_units, prepare, set_values, to_time_unit
from sbmlqsp.engine.libsbml_extract import extract
from sbmlqsp.engine.plan import SEPARATOR, Deletion
from sbmlqsp.errors import CompositionError, UnitError, did_you_mean
from sbmlqsp.model import Model, dotted, flat_id
from sbmlqsp.units import Unit, parse_quantity, parse_unit

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from sbmlqsp.engine.network import Network, Symbol

__all__ = ["OWN_UNITS", "Part", "Parts", "Value"]

OWN_UNITS = "own units"
INSTANCE = re.compile(r"[a-z][a-z0-9]*")

Value = float | str | tuple[float, str]


@dataclass(frozen=True)
class Part:
    """One instance: its model, its SBML as prepared, and what is left out of it."""

    name: str
    model: Model
    text: str
    deletions: tuple[Deletion, ...] = ()
    keeps_units: bool = False

    @cached_property
    def network(self) -> Network:
        """The network without what is deleted."""
        return extract(delete(self.text, self.deletions))

    def path(self, symbol: str) -> str:
        """Return the dotted path of a symbol of this part."""
        return f"{self.name}.{dotted(symbol)}"

    def defined_by(self, symbol: str) -> str:
        """Return what sets a symbol inside this part: a rule, an event, reactions, or "" for a plain number."""
        n = self.network
        tables: dict[str, Container[str]] = {"an assignment rule": n.assignment_rules, "a rate rule": n.rate_rules}
        tables |= {"an event": n.changed_by_events, "reactions": n.stoichiometry}
        tables |= {"an initial assignment": n.initial_assignments}
        return next((how for how, table in tables.items() if symbol in table), "")


class Parts(dict[str, Part]):
    """The parts by instance name."""

    @classmethod
    def of(cls, models: Mapping[str, Model]) -> Parts:
        """Name the parts, refusing names from which two symbols could become one."""
        if not models:
            raise CompositionError("there is nothing to compose", expected="at least one part")
        for name, model in models.items():
            if not INSTANCE.fullmatch(name):
                raise CompositionError(
                    "the name of a part is not usable",
                    value=name,
                    expected="a lower-case letter, then lower-case letters and digits (an underscore would let two "
                    "different symbols become one)",
                )
            if not isinstance(model, Model):
                raise CompositionError(
                    f"the part '{name}' is not a model", value=type(model).__name__, remedy="read it with read_antimony"
                )
        return cls({n: Part(n, m, prepare(m.sbml)) for n, m in models.items()})

    def part(self, name: str) -> Part:
        """Return a part, or refuse with the names there are."""
        if name not in self:
            raise CompositionError(f"there is no part '{name}'", remedy=did_you_mean(name, self))
        return self[name]

    def locate(self, path: str) -> tuple[Part, str]:
        """Split ``"pk.central"`` into its part and the flat id inside it."""
        text = path.replace(SEPARATOR, ".") if isinstance(path, str) else ""
        name, dot, rest = text.partition(".")
        if not dot or not rest:
            raise CompositionError(
                "this does not name a symbol of a part", value=path, expected=f"such as '{next(iter(self))}.x'"
            )
        return self.part(name), flat_id(rest)

    def symbol(self, path: str) -> tuple[Part, Symbol]:
        """Return a part and one of its symbols."""
        part, name = self.locate(path)
        found = part.network.symbols.get(name)
        if found is None:
            known = map(dotted, part.network.symbols)
            raise CompositionError(
                f"the part '{part.name}' has no symbol '{dotted(name)}'", remedy=did_you_mean(dotted(name), known)
            )
        return part, found

    # ------------------------------------------------------------------------------------------------ preparing
    def set_values(self, values: Mapping[str, Value]) -> None:
        """Give symbols other values, in the units asked or in their own."""
        for path, value in values.items():
            part, symbol = self.symbol(path)
            how = part.defined_by(symbol.id)
            if how in {"an assignment rule", "an initial assignment"}:
                raise CompositionError(
                    f"'{path}' is computed by {how}, so a number would have no effect",
                    remedy=f"add delete=['{path}'] to drop the formula first",
                )
            number, kind = _number(path, symbol, value)
            text = set_values(part.text, [(symbol.id, kind, number)])
            self[part.name] = replace(part, text=text)

    def delete(self, paths: Iterable[str]) -> None:
        """Leave elements out, refusing where something else still refers to them."""
        paths = [paths] if isinstance(paths, str) else list(dict.fromkeys(paths))
        for path in paths:
            part, name = self.locate(path)
            deletion = Deletion(part.name, _kind_of(part, name), name)
            self[part.name] = replace(part, deletions=(*part.deletions, deletion))
        for path in paths:
            part, name = self.locate(path)
            this = next(d for d in part.deletions if d.id == name)
            rest = replace(part, deletions=tuple(d for d in part.deletions if d is not this))
            users = _users(rest.network, name) if this.kind not in {"rule", "initial assignment"} else []
            if users:
                raise CompositionError(
                    f"'{path}' cannot be deleted: {users[0]} in part '{part.name}' uses it",
                    remedy="delete what uses it as well, or connect it instead",
                )

    def keep_units(self, name: str) -> None:
        """Let a part keep its own units of substance, volume and extent."""
        self[name] = replace(self.part(name), keeps_units=True)

    def write_units(self) -> None:
        """Write every part's default units on its quantities, for a whole that has no such defaults."""
        for part in list(self.values()):
            self[part.name] = replace(part, text=own_units(part.text))

    def to_time_unit(self, name: str, text: str) -> None:
        """Rewrite a part into another unit of time."""
        part, new = self.part(name), _time_unit(name, text)
        rewritten = to_time_unit(part.text, old=part.network.time_unit, new=new, where=f"the part '{name}'")
        self[name] = replace(part, text=rewritten)


def _time_unit(name: str, text: str) -> Unit:
    try:
        unit = parse_unit(text)
    except UnitError as err:
        raise CompositionError(
            f"convert={{'{name}': …}} does not name a unit of time",
            value=text,
            expected=f"such as 'h', or '{OWN_UNITS}'",
        ) from err
    if not unit.same_dimension(parse_unit("s")):
        raise CompositionError(
            f"convert={{'{name}': …}} does not name a unit of time",
            value=text,
            expected=f"such as 'h', or '{OWN_UNITS}'; a connection is converted by the name of its input",
        )
    return unit


def _number(path: str, symbol: Symbol, value: Value) -> tuple[float, str]:
    """Return a number in the symbol's own unit and what it is: value, amount or concentration."""
    kind = "value" if symbol.kind != "species" else ("amount" if symbol.amount_only else "concentration")
    if isinstance(value, int | float):
        return float(value), kind
    number, text = parse_quantity(value) if isinstance(value, str) else value
    unit = parse_unit(text)
    amount = symbol.substance_unit
    if symbol.kind == "species" and kind != "amount" and amount is not None and unit.same_dimension(amount):
        return float(number) * unit.factor_to(amount), "amount"
    if symbol.unit is None:
        raise CompositionError(
            f"'{path}' has no declared unit to convert '{value}' to", remedy="give a plain number, or declare its unit"
        )
    if not unit.same_dimension(symbol.unit):
        raise CompositionError(
            f"'{path}' is in {symbol.unit.label} and cannot be set in '{text}'", remedy="use a unit of that dimension"
        )
    return float(number) * unit.factor_to(symbol.unit), kind


def _kind_of(part: Part, name: str) -> str:
    n = part.network
    if name in n.reactions:
        return "reaction"
    if any(e.id == name for e in n.events):
        return "event"
    ruled, initial = name in n.assignment_rules or name in n.rate_rules, name in n.initial_assignments
    if ruled and initial:
        raise CompositionError(
            f"'{part.path(name)}' has both a rate rule and an initial assignment",
            remedy="change it in the part's own file",
        )
    if ruled or initial:
        return "rule" if ruled else "initial assignment"
    if name in n.symbols:
        return "symbol"
    known = [*n.reactions, *(e.id for e in n.events), *n.assignment_rules, *n.rate_rules, *n.initial_assignments]
    raise CompositionError(
        f"there is nothing called '{part.path(name)}' to delete", remedy=did_you_mean(name, map(dotted, known))
    )


def _users(n: Network, name: str) -> list[str]:
    """Say what refers to an id."""
    found = [f"the {role} of {owner}" for role, owner, formula in n.formulas() if name in formula.symbols()]
    for r in n.reactions.values():
        if name in {*r.modifiers, *(i for p in (*r.reactants, *r.products) for i in (p.species, p.id))}:
            found += [f"the reaction {r.id}"]
    found += [f"the species {s.id}" for s in n.species if name in {s.compartment, s.conversion_factor}]
    return found + [f"the event {e.id}" for e in n.events if name in e.assignments]
