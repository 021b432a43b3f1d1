"""A flat, engine-neutral description of a model, extracted once from SBML.

Every formula is an ``Expr`` in SBML's own meaning: a species symbol is its concentration unless the species has
only substance units; function definitions are expanded and local parameters carry their reaction's id.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr
from sbmlqsp.units import Unit

__all__ = ["Event", "Network", "Participant", "Reaction", "Symbol"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """One quantity of a model: a compartment, species, parameter or named stoichiometry.

    ``value`` is the number written in the file (NaN where none is); for a species it is an amount or a
    concentration as ``value_is_amount`` says; ``missing`` tells a value that is not written from one written as NaN.
    ``unit`` is the unit of the symbol *in formulas*, ``None`` where the file declares none.
    """

    id: str
    kind: str
    value: float
    unit: Unit | None = None
    name: str = ""
    constant: bool = False
    compartment: str = ""
    boundary: bool = False
    amount_only: bool = False
    value_is_amount: bool = True
    substance_unit: Unit | None = None
    conversion_factor: str = ""
    dimensions: float = 3.0
    sbo: str = ""
    local_to: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Participant:
    """A reactant or product: its species and how much of it one unit of extent takes or makes."""

    species: str
    stoichiometry: float
    id: str = ""
    formula: Expr | None = None


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction; ``law`` is its rate in extent per time."""

    id: str
    reactants: tuple[Participant, ...]
    products: tuple[Participant, ...]
    modifiers: tuple[str, ...]
    law: Expr | None
    reversible: bool
    name: str = ""
    fast: bool = False
    sbo: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """A discontinuous change of state."""

    id: str
    trigger: Expr
    assignments: Mapping[str, Expr]
    delay: Expr | None = None
    priority: Expr | None = None
    persistent: bool = True
    initial_value: bool = True
    values_from_trigger: bool = True
    name: str = ""


@dataclass(frozen=True)
class Network:
    """A whole model. Mappings keep the order of the file.

    ``determined`` are the symbols for which an algebraic rule was solved; their formulas are among
    ``assignment_rules``. Where the algebraic rules cannot be solved, ``unsolved`` says why. ``from_the_past`` says that
    some ``delay`` was written out, which holds only while nothing but the model itself changes what is
    ``remembered``.
    """

    id: str
    name: str
    symbols: Mapping[str, Symbol]
    reactions: Mapping[str, Reaction]
    initial_assignments: Mapping[str, Expr] = field(default_factory=dict)
    assignment_rules: Mapping[str, Expr] = field(default_factory=dict)
    rate_rules: Mapping[str, Expr] = field(default_factory=dict)
    algebraic_rules: tuple[Expr, ...] = ()
    events: tuple[Event, ...] = ()
    constraints: tuple[Expr, ...] = ()
    time_unit: Unit | None = None
    substance_unit: Unit | None = None
    volume_unit: Unit | None = None
    extent_unit: Unit | None = None
    level: int = 3
    version: int = 2
    dosed: frozenset[str] = frozenset()
    determined: frozenset[str] = frozenset()
    unsolved: str = ""
    from_the_past: bool = False
    remembered: frozenset[str] = frozenset()

    def dosed_into(self, targets: Iterable[str]) -> Network:
        """Return the network with targets that doses change in mid-run, which may be what nothing else changes.

        Raises
        ------
        UnsupportedError
            A ``delay`` looks at the past of one.
        """
        names = frozenset(targets)
        if names & self.remembered:
            raise UnsupportedError(
                f"'{min(names & self.remembered)}' cannot be dosed, since delay() looks at what it was before",
                where=f"'{self.id}'",
                remedy="dose into another quantity, or replace the delay by a chain of transit compartments",
            )
        return replace(self, dosed=self.dosed | names)

    def of_kind(self, kind: str) -> tuple[Symbol, ...]:
        """Return the symbols of one kind, in file order."""
        return tuple(s for s in self.symbols.values() if s.kind == kind)

    @property
    def species(self) -> tuple[Symbol, ...]:
        """The species."""
        return self.of_kind("species")

    @property
    def parameters(self) -> tuple[Symbol, ...]:
        """The global parameters."""
        return tuple(s for s in self.of_kind("parameter") if not s.local_to)

    @property
    def compartments(self) -> tuple[Symbol, ...]:
        """The compartments."""
        return self.of_kind("compartment")

    @cached_property
    def stoichiometry(self) -> dict[str, dict[str, float]]:
        """Net change of each floating species per unit of extent of each reaction (NaN where it varies)."""
        net: dict[str, dict[str, float]] = {}
        for reaction in self.reactions.values():
            for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
                for p in side:
                    if self.symbols[p.species].boundary:
                        continue
                    row = net.setdefault(p.species, {})
                    row[reaction.id] = row.get(reaction.id, 0.0) + sign * (math.nan if p.formula else p.stoichiometry)
        return net

    @cached_property
    def changed_by_events(self) -> frozenset[str]:
        """Ids that some event assigns."""
        return frozenset(v for e in self.events for v in e.assignments)

    @cached_property
    def dynamic(self) -> frozenset[str]:
        """Ids that reactions, rate rules or events change over time (not assignment rules)."""
        return frozenset(self.stoichiometry) | frozenset(self.rate_rules) | self.changed_by_events

    @cached_property
    def without_integrals(self) -> Network:
        """The network without the rate rules of quantities that nothing reads, such as areas under a curve.

        They count from where they start, and never come to rest.
        """
        from sbmlqsp.engine.linearity import unread_states

        kinds = {n for n in unread_states(self) & self.rate_rules.keys() if self.symbols[n].kind != "compartment"}
        return replace(self, rate_rules={n: e for n, e in self.rate_rules.items() if n not in kinds}) if kinds else self

    @cached_property
    def static(self) -> frozenset[str]:
        """Ids whose value never changes during a run (assignment rules of constants included)."""
        moving = set(self.dynamic) | set(self.reactions) | self.dosed
        moving |= {s.id for s in self.species if s.compartment in moving and not s.amount_only}
        moving |= {k for k, rule in self.assignment_rules.items() if rule.has("time", "delay", "rateOf")}
        waiting = {k: rule.symbols() for k, rule in self.assignment_rules.items() if k not in moving}
        changed = True
        while changed:
            changed = False
            for name, reads in waiting.items():
                if name not in moving and reads & moving:
                    moving.add(name)
                    changed = True
        return frozenset(self.symbols) - moving

    @cached_property
    def not_finite(self) -> frozenset[str]:
        """Parameters that never change and that the file itself writes as infinite or not a number."""
        found = set()
        for s in self.of_kind("parameter"):
            formula = self.assignment_rules.get(s.id) or self.initial_assignments.get(s.id)
            number = formula.value if formula is not None and formula.op == "num" else s.value
            written = formula.op == "num" if formula is not None else not s.missing
            if written and s.id in self.static and not math.isfinite(float(number or 0.0)):
                found.add(s.id)
        return frozenset(found)

    @cached_property
    def start_operators(self) -> frozenset[str]:
        """The operators in what defines the state at the start: initial assignments, assignment rules, rates."""
        laws = (r.law for r in self.reactions.values() if r.law is not None)
        formulas = (*self.initial_assignments.values(), *self.assignment_rules.values(), *laws)
        return frozenset(node.op for formula in formulas for node in formula.walk())

    def formulas(self) -> Iterator[tuple[str, str, Expr]]:
        """Yield every formula as (role, id, formula): rules, initial assignments, laws, events."""
        yield from (("initial assignment", k, v) for k, v in self.initial_assignments.items())
        yield from (("assignment rule", k, v) for k, v in self.assignment_rules.items())
        yield from (("rate rule", k, v) for k, v in self.rate_rules.items())
        yield from (("algebraic rule", str(i + 1), v) for i, v in enumerate(self.algebraic_rules))
        yield from (("kinetic law", k, r.law) for k, r in self.reactions.items() if r.law is not None)
        for reaction in self.reactions.values():
            for p in (*reaction.reactants, *reaction.products):
                if p.formula is not None:
                    yield "stoichiometry", reaction.id, p.formula
        for event in self.events:
            yield "event trigger", event.id, event.trigger
            yield from (("event assignment", f"{event.id}:{k}", v) for k, v in event.assignments.items())
            yield from (("event delay", event.id, e) for e in (event.delay,) if e is not None)
            yield from (("event priority", event.id, e) for e in (event.priority,) if e is not None)
