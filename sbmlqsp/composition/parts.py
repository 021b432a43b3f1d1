"""The parts of a composition: named, found by path, and prepared one by one before they are joined."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Real
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

    def starts_by_formula(self, symbol: str) -> bool:
        """Say whether an initial assignment sets the symbol at time 0, whatever changes it later."""
        return symbol in self.network.initial_assignments

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
        if found is None and any(d.id == name for d in part.deletions):
            raise CompositionError(f"'{path}' is deleted, and named elsewhere", remedy="drop one of the two")
        if found is None and name in part.network.reactions:
            raise CompositionError(
                f"'{path}' is a reaction, not a quantity", remedy="name what its rate reads, or delete the reaction"
            )
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
            _refuse_computed(path, part, symbol.id)
            number, kind = _number(path, symbol, value)
            if symbol.kind == "compartment" and number <= 0:
                raise CompositionError(f"the volume '{path}' is not positive", value=value, where="set")
            text = set_values(part.text, [(symbol.id, kind, number)])
            self[part.name] = replace(part, text=text)

    def delete(self, paths: Iterable[str]) -> None:
        """Leave elements out, refusing where something else still refers to them."""
        paths = [paths] if isinstance(paths, str) else paths
        paths = list(dict.fromkeys(path.replace(SEPARATOR, ".") for path in paths))
        chosen = [(part, name, _kind_of(part, name)) for part, name in map(self.locate, paths)]
        for part, name, kind in chosen:
            deletions = (*self[part.name].deletions, Deletion(part.name, kind, name))
            self[part.name] = replace(part, deletions=deletions)
        for path in paths:
            part, name = self.locate(path)
            this = next(d for d in part.deletions if d.id == name)
            symbols = {d.id for d in part.deletions if d.kind == "symbol"}
            rest = replace(part, deletions=tuple(d for d in part.deletions if d.kind != "symbol"))
            checked = this.kind not in {"rule", "initial assignment"}
            users = _users(rest.network, name, gone=symbols) if checked else []
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


def _refuse_computed(path: str, part: Part, symbol: str) -> None:
    how, initial = part.defined_by(symbol), part.starts_by_formula(symbol)
    if how == "an assignment rule" or initial:
        both = initial and how == "a rate rule"
        raise CompositionError(
            f"'{path}' is computed by {'an initial assignment' if initial else how}, so a number would have no effect",
            remedy="change what that formula reads, or the formula in the part's own file"
            if both
            else f"set what that formula reads, or drop it with delete=['{path}'] (in Antimony 'delete {path}')",
        )


def _quantity(path: str, value: Value) -> tuple[float, str | None]:
    """Read a plain number, a text with a unit, or a number and a unit."""
    where, expected = f"set['{path}']", "a finite number, or one with a unit such as '2 nM'"
    number: object = value
    unit: str | None = None
    if isinstance(value, tuple) and len(value) == 2:
        number, unit = value
    elif isinstance(value, str):
        try:
            number, unit = parse_quantity(value)
        except UnitError as err:
            raise err.changed(CompositionError, value=value, where=where, expected=expected, remedy=None) from err
    if isinstance(number, bool) or not isinstance(number, Real) or not math.isfinite(number):
        raise CompositionError("this is not a value", value=value, where=where, expected=expected)
    return float(number), unit


def _number(path: str, symbol: Symbol, value: Value) -> tuple[float, str]:
    """Return a number in the symbol's own unit and what it is: value, amount or concentration."""
    kind = "value" if symbol.kind != "species" else ("amount" if symbol.amount_only else "concentration")
    number, text = _quantity(path, value)
    if text is None:
        return number, kind
    unit = parse_unit(text)
    amount = symbol.substance_unit
    if symbol.kind == "species" and kind != "amount" and amount is not None and unit.same_dimension(amount):
        return number * unit.factor_to(amount), "amount"
    if symbol.unit is None:
        raise CompositionError(
            f"'{path}' has no declared unit to convert '{value}' to", remedy="give a plain number, or declare its unit"
        )
    if not unit.same_dimension(symbol.unit):
        raise CompositionError(
            f"'{path}' is in {symbol.unit.label} and cannot be set in '{text}'", remedy="use a unit of that dimension"
        )
    return number * unit.factor_to(symbol.unit), kind


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


def _users(n: Network, name: str, *, gone: Container[str]) -> list[str]:
    """Say what refers to an id, other than symbols that go as well."""
    found = [f"the {role} of {owner}" for role, owner, formula in n.formulas() if name in formula.symbols()]
    for r in n.reactions.values():
        if name in {*r.modifiers, *(i for p in (*r.reactants, *r.products) for i in (p.species, p.id))}:
            found += [f"the reaction {r.id}"]
    kept = [s for s in n.species if s.id not in gone]
    found += [f"the species {s.id}" for s in kept if name in {s.compartment, s.conversion_factor}]
    return found + [f"the event {e.id}" for e in n.events if name in e.assignments]
