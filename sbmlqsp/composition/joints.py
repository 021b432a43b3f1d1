"""Decide what each symbol of each part becomes: kept, joined to another, shared, or set by a rule."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sbmlqsp.composition.agreement import agree_in_units, agree_in_value, fitting, port_of
from sbmlqsp.composition.formulas import source_formula, unit_of_formula
from sbmlqsp.composition.links import Link, Share, factor_of
from sbmlqsp.composition.places import refuse_other_place
from sbmlqsp.engine.network import Network, Symbol
from sbmlqsp.engine.plan import SEPARATOR, Deletion
from sbmlqsp.equivalence import same_number, same_unit
from sbmlqsp.errors import CompositionError
from sbmlqsp.expressions import Expr, substitute, sym
from sbmlqsp.model import flat_id
from sbmlqsp.units import Unit, parse_quantity, parse_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbmlqsp.composition.parts import Part, Parts

__all__ = ["Factor", "Joints"]

RESERVED = frozenset({"time", "avogadro", "pi", "exponentiale", "true", "false", "inf", "infinity", "nan"})
SHARED_ID = re.compile(r"(?!.*__)[A-Za-z][A-Za-z0-9_]*")
Member = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Factor:
    """A constant that converts one unit to another."""

    id: str
    value: float
    unit: Unit | None
    meaning: str


class Joints:
    """Collects the joins of a composition while it checks them.

    ``joined`` gives the flat id in the result of every symbol that the top level owns, ``owner`` the member whose
    definition is copied for it.
    """

    def __init__(self, parts: Parts, links: Mapping[str, Link] | None = None) -> None:
        self.parts = parts
        self.links = links or {}
        self.joined: dict[Member, str] = {}
        self.owner: dict[str, Member] = {}
        self.rules: dict[str, Expr] = {}
        self.factors: list[Factor] = []
        self.numbers: dict[str, float] = {}
        self.units: dict[str, Unit] = {}
        self.fed: dict[Member, str] = {}
        self.shared: dict[str, str] = {}
        self.top: dict[str, Symbol] = {}

    # ---------------------------------------------------------------------------------------------- what becomes what
    def final(self, instance: str, symbol: str) -> str:
        """Return the flat id in the result."""
        return self.joined.get((instance, symbol), f"{instance}{SEPARATOR}{symbol}")

    def final_of(self, path: str) -> str:
        """Return the flat id in the result of a dotted path."""
        part, symbol = self.parts.symbol(path)
        return self.final(part.name, symbol.id)

    def final_name(self, name: str) -> str:
        """Return the flat id in the result of a flat id as the top level writes it."""
        instance, separator, symbol = name.partition(SEPARATOR)
        return self.final(instance, symbol) if separator and instance in self.parts else name

    def own(self, instance: str, symbol: str) -> str:
        """Let the top level own a symbol, and what its definition refers to; return its flat id."""
        name = self.final(instance, symbol)
        self.joined[instance, symbol] = name
        if name in self.top:
            return name
        instance, symbol = self.owner.setdefault(name, (instance, symbol))
        definition = self.parts[instance].network.symbols[symbol]
        for reference in (definition.compartment, definition.conversion_factor):
            if reference:
                self.own(instance, reference)
        return name

    def _release(self, instance: str, symbol: str) -> None:
        """Take back that the top level owns an input only because a species that it owns refers to it."""
        member, name = (instance, symbol), f"{instance}{SEPARATOR}{symbol}"
        if self.joined.get(member) == name and self.owner.get(name) == member and name not in self.rules:
            del self.joined[member], self.owner[name]

    def adopt(self, path: str, mine: Symbol) -> None:
        """Let a quantity that the top level defines itself take the place of a port of a part."""
        part, symbol, direction = port_of(self.parts, path)
        if (part.name, symbol.id) in self.joined:
            raise CompositionError(f"'{path}' is joined twice", remedy="keep one of the two")
        link = Link(mine.id, wins="source")
        how = part.defined_by(symbol.id)
        if part.starts_by_formula(symbol.id):
            how = "an initial assignment"
        if direction == "output" and (how == "an initial assignment" or (how and symbol.kind != "species")):
            raise CompositionError(
                f"'{path}' is set by {how} of its own part, and '{mine.id}' by the top level",
                remedy=f"delete one of them ('delete {path}')",
            )
        fit = fitting((part, symbol), (part, mine), link)
        if fit != "merge" and symbol.kind == "species":
            raise CompositionError(
                f"the species '{path}' cannot be the {mine.kind} '{mine.id}'", remedy="make both species"
            )
        agree_in_units((path, symbol.unit), (mine.id, mine.unit))
        self.top[mine.id] = mine
        if fit == "rule":
            self._set_by(part, symbol, sym(mine.id))
        else:
            self.joined[part.name, symbol.id] = mine.id
        self.fed[part.name, symbol.id] = mine.id
        self._drop_initial_assignment(part.name, symbol.id)

    def call(self, path: str, name: str) -> None:
        """Give a part's symbol a name of the top level's choice."""
        part, symbol, _ = port_of(self.parts, path)
        self.joined[part.name, symbol.id] = name
        self.own(part.name, symbol.id)

    def _drop_initial_assignment(self, instance: str, symbol: str) -> None:
        part = self.parts[instance]
        if symbol in part.network.initial_assignments:
            deletion = Deletion(instance, "initial assignment", symbol)
            self.parts[instance] = replace(part, deletions=(*part.deletions, deletion))

    # -------------------------------------------------------------------------------------------------------- sharing
    def share(self, name: str, share: Share | Sequence[str]) -> None:
        """Give several constant quantities of parts one value under one id."""
        terms = share if isinstance(share, Share) else Share(share)
        if not SHARED_ID.fullmatch(name) or name in self.parts or name.lower() in RESERVED:
            raise CompositionError(
                "a shared quantity cannot have this id",
                value=name,
                expected="letters, digits and single underscores, not the name of a part or of a constant",
            )
        if isinstance(terms.members, str) or len(terms.members) < 1:
            raise CompositionError(f"'{name}' shares nothing", value=terms.members, expected="a list of symbols")
        self.unite(name, terms)
        members = [self.parts.locate(path) for path in terms.members]
        if any(symbol in part.model.directions for part, symbol in members):
            self.shared[name] = "input"

    def unite(self, name: str, terms: Share) -> None:
        """Let constants of parts be one quantity, called by a flat id."""
        members = [self._shareable(name, path) for path in terms.members]
        owner = _owner_of_shared(name, members, terms)
        for part, symbol in members:
            self._agree_in_share(name, terms, (part, symbol), owner)
            self.joined[part.name, symbol.id] = name
        self.owner[name] = (owner[0].name, owner[1].id)
        if terms.value is not None:
            self.numbers[name] = _in_unit(name, terms.value, owner[1].unit)

    def _agree_in_share(self, name: str, terms: Share, member: tuple[Part, Symbol], owner: tuple[Part, Symbol]) -> None:
        symbol, path, stands = member[1], member[0].path(member[1].id), owner[0].path(owner[1].id)
        remedy = f"share={{'{name}': Share([…], wins='{path}')}}"
        agree_in_units((path, symbol.unit), (stands, owner[1].unit), settled=terms.wins is not None, remedy=remedy)
        if terms.value is None and terms.wins is None:
            agree_in_value((path, symbol.value), (stands, owner[1].value), remedy=f"{remedy}, or value=…")
        if (symbol.kind, symbol.dimensions) != (owner[1].kind, owner[1].dimensions) and symbol.kind != "parameter":
            raise CompositionError(f"'{name}' mixes kinds", value=(symbol.kind, owner[1].kind))

    def _shareable(self, name: str, path: str) -> tuple[Part, Symbol]:
        part, symbol = self.parts.symbol(path)
        how = part.defined_by(symbol.id)
        if symbol.kind not in {"parameter", "compartment"} or how:
            why = f"set by {how}" if how else f"a {symbol.kind}"
            raise CompositionError(
                f"'{path}' cannot be shared as '{name}': it is {why}, not a constant",
                remedy="connect an input to it instead" if how or symbol.kind == "species" else "",
            )
        if (part.name, symbol.id) in self.joined:
            raise CompositionError(f"'{path}' is shared twice", where=f"share['{name}']")
        return part, symbol

    # ----------------------------------------------------------------------------------------------------- connecting
    def connect(self, target: str, link: Link) -> None:
        """Feed an input."""
        part, t, direction = port_of(self.parts, target)
        if direction != "input":
            raise CompositionError(
                f"'{target}' is an output and cannot be fed",
                remedy=f"swap the sides, or make it an input: expose(model, {t.id}='input'), in Antimony a line "
                f"'// @input {t.id}' in its model",
            )
        self._release(part.name, t.id)
        if (part.name, t.id) in self.joined:
            raise CompositionError(f"the input '{target}' is both shared and fed", remedy="keep one of the two")
        if link.is_path:
            self._connect_to_output(part, t, link)
        else:
            self._connect_to_formula(part, t, link)
        self._drop_initial_assignment(part.name, t.id)
        self.fed[part.name, t.id] = link.source

    def _connect_to_output(self, part: Part, t: Symbol, link: Link) -> None:
        feeding, s, direction = port_of(self.parts, link.source)
        path = part.path(t.id)
        if direction != "output":
            owner = self.fed.get((feeding.name, s.id)) or ("the output that owns it" if s.kind == "species" else "")
            share = f"share={{'{s.id}': ['{path}', '{link.source}']}} if both are one constant"
            raise CompositionError(
                f"'{link.source}' is an input as well and cannot feed '{path}'",
                remedy=f"feed both from {owner}" if owner else f"{share}, or feed it from an output",
            )
        self._refuse_loop(part, feeding, path, link)
        how = fitting((part, t), (feeding, s), link)
        factor = self._agree(part, t, feeding, s, link)
        name = self.own(feeding.name, s.id)
        if how == "merge" and factor is None:
            self.joined[part.name, t.id] = name
            return
        self._set_by(part, t, self._scaled(sym(name), factor, part, t, s.unit))
        if link.convert is None and t.unit is None and s.unit is not None:
            self.units[self.final(part.name, t.id)] = s.unit  # the user let the source's unit stand

    def _refuse_loop(self, part: Part, feeding: Part, path: str, link: Link) -> None:
        if part.name == feeding.name:
            raise CompositionError(
                f"'{path}' would be fed by its own part",
                value=link.source,
                remedy="join them inside the part's own file",
            )

    def _agree(self, part: Part, t: Symbol, feeding: Part, s: Symbol, link: Link) -> float | None:
        """Check units and values; return the factor of a conversion."""
        path, source = part.path(t.id), feeding.path(s.id)
        if link.convert is not None:
            return factor_of(link.convert, s.unit, t.unit, where=f"the connection of '{path}'")
        remedy = f"connect={{'{path}': Link('{source}', wins='source')}}"
        agree_in_units((path, t.unit), (source, s.unit), settled=link.wins is not None, remedy=remedy, factor=True)
        if t.kind == s.kind == "species":
            agree_in_units((path, t.substance_unit), (source, s.substance_unit), settled=link.wins is not None)
            self._agree_in_extent(part, feeding)
        name = self.final(feeding.name, s.id)
        if link.wins == "target" and s.unit is None and t.unit is not None and s.kind == "parameter":
            self.units[name] = t.unit
        if s.kind != "species" and not feeding.defined_by(s.id):
            self._agree_in_number(path, t, source, s, link)
        return None

    def _agree_in_number(self, path: str, t: Symbol, source: str, s: Symbol, link: Link) -> None:
        part, name = self.parts.symbol(path)[0], self.final(*_member(source))
        if name in self.top:
            return  # the top level's own value stands
        if link.wins == "target":
            if part.defined_by(t.id):
                raise CompositionError(
                    f"'{path}' is computed by {part.defined_by(t.id)}, so it cannot win over '{source}'",
                    remedy="let the source win",
                )
            self.numbers[name] = t.value
        elif link.wins is None:
            feeding = self.parts.symbol(source)[0].model.network
            if same_number(feeding.symbols[s.id].value, t.value):
                return  # the parts agree; a value that the user sets on the source is meant for the whole
            refuse_other_place(self.parts, self.links, path, source)
            remedy = f"connect={{'{path}': Link('{source}', wins='source')}} or wins='target'"
            if part.defined_by(t.id) == "an initial assignment":
                raise CompositionError(
                    f"'{path}' is computed by an initial assignment and '{source}' is the number {s.value:g}",
                    remedy="say which stands: " + remedy.replace(" or wins='target'", ""),
                )
            remedy += f", in Antimony one of the top level that both are ('x = …; {path} is x; {source} is x')"
            agree_in_value((path, t.value), (source, self.numbers.get(name, s.value)), remedy=remedy)

    def _agree_in_extent(self, part: Part, feeding: Part) -> None:
        a, b = part.network, feeding.network
        units = [n.extent_unit for n in (a, b)]
        if a.reactions and b.reactions and not same_unit(*units):
            labels = " and ".join(u.label if u else "no declared unit" for u in units)
            raise CompositionError(
                f"the parts '{part.name}' and '{feeding.name}' change one species but differ in their unit of extent: "
                f"{labels}",
                remedy="declare the same unit of extent in both files",
            )

    def _set_by(self, part: Part, t: Symbol, formula: Expr) -> None:
        name = self.own(part.name, t.id)
        self.rules[name] = formula

    def _scaled(self, formula: Expr, factor: float | None, part: Part, t: Symbol, unit: Unit | None) -> Expr:
        same = same_unit(t.unit, unit) or t.unit is None or unit is None
        if factor is None or (factor == 1.0 and same):
            return formula
        name = f"{part.name}{SEPARATOR}{t.id}{SEPARATOR}factor"
        ratio = t.unit / unit if t.unit is not None and unit is not None else None
        meaning = f"{t.unit.label} per {unit.label}" if t.unit is not None and unit is not None else "conversion factor"
        self.factors.append(Factor(name, factor, ratio, meaning))
        return Expr("mul", (formula, sym(name)))

    def _connect_to_formula(self, part: Part, t: Symbol, link: Link) -> None:
        path = part.path(t.id)
        formula = source_formula(link, path)
        if not formula.symbols() and not formula.has("time"):
            raise CompositionError(
                f"'{path}' is fed by a number", value=link.source, remedy=f"set it: set={{'{path}': {link.source}}}"
            )
        symbols = {name: port_of(self.parts, name)[:2] for name in sorted(formula.symbols())}
        for feeding, _ in symbols.values():
            self._refuse_loop(part, feeding, path, link)
        unit = unit_of_formula(self.parts, formula, symbols, path)
        if link.convert is None:
            remedy = f"Link('{link.source}', wins='target')"
            settled = link.wins is not None or (unit is None and t.unit is None)
            agree_in_units((path, t.unit), (link.source, unit), settled=settled, remedy=remedy, factor=True)
            factor = None
        else:
            factor = factor_of(link.convert, unit, t.unit, where=f"the connection of '{path}'")
        source = Symbol("formula", "parameter", float("nan"))
        fitting((part, t), (part, source), replace(link, convert=1.0))
        mapping = {name: sym(self.own(p.name, s.id)) for name, (p, s) in symbols.items()}
        self._set_by(part, t, self._scaled(substitute(formula, mapping), factor, part, t, unit))

    # ----------------------------------------------------------------------------------------------- after everything
    def check_glue(self, member: Member, top: Network) -> None:
        """Refuse a symbol that both its own part and a statement of the top level define."""
        instance, symbol = member
        written, part = f"{instance}{SEPARATOR}{symbol}", self.parts[instance]
        tables = (top.assignment_rules, top.rate_rules, top.initial_assignments)
        if not any(written in table for table in tables):
            return
        path, how = part.path(symbol), part.defined_by(symbol)
        if member in self.fed:
            raise CompositionError(f"'{path}' is fed by '{self.fed[member]}' and set by a statement of the top level")
        if written in top.initial_assignments and written not in {**top.assignment_rules, **top.rate_rules}:
            how = "an initial assignment" if part.starts_by_formula(symbol) else how
            how = how if how in {"an assignment rule", "an initial assignment"} else ""
        if how == "an initial assignment" and part.model.directions.get(symbol) == "input":
            self._drop_initial_assignment(instance, symbol)
        elif how:
            what = f"('delete {path}')" if "rule" in how or "assignment" in how else "(by their own ids)"
            raise CompositionError(
                f"'{path}' is set by {how} of its own part and by a statement of the top level",
                remedy=f"delete the first {what}, or drop the second",
            )
        self.fed[member] = "the top level"

    def check_values(self) -> None:
        """Refuse a quantity that has lost its formula by a deletion and has nothing in its place."""
        for part in self.parts.values():
            for name in (d.id for d in part.deletions if d.kind in {"rule", "initial assignment"}):
                symbol = part.network.symbols.get(name)
                member = (part.name, name)
                if symbol is None or symbol.value == symbol.value or member in self.fed:
                    continue
                if part.defined_by(name) == "an assignment rule" or part.starts_by_formula(name):
                    continue
                if self.owner.get(self.final(*member), member) == member and self.final(*member) not in self.numbers:
                    path = part.path(name)
                    raise CompositionError(
                        f"'{path}' has no value once its formula is deleted",
                        remedy=f"set={{'{path}': …}}, or connect an output to it",
                    )


def _owner_of_shared(name: str, members: Sequence[tuple[Part, Symbol]], terms: Share) -> tuple[Part, Symbol]:
    if terms.wins is None:
        # A compartment can stand for a parameter but not the reverse; a value for one that is missing.
        return min(members, key=lambda m: (m[1].kind != "compartment", m[1].value != m[1].value))
    for part, symbol in members:
        if part.path(symbol.id) == terms.wins.replace(SEPARATOR, "."):
            return part, symbol
    paths = ", ".join(p.path(s.id) for p, s in members)
    raise CompositionError(f"the winner of '{name}' is not one of its members", value=terms.wins, expected=paths)


def _member(path: str) -> Member:
    instance, _, rest = path.partition(".")
    return instance, flat_id(rest)


def _in_unit(name: str, value: float | str, unit: Unit | None) -> float:
    if not isinstance(value, str):
        return float(value)
    number, text = parse_quantity(value)
    given = parse_unit(text)
    if unit is None or not given.same_dimension(unit):
        shown = unit.label if unit else "no declared unit"
        raise CompositionError(f"'{name}' has {shown} and cannot be set to '{value}'", remedy="give a plain number")
    return number * given.factor_to(unit)
