"""A network read as a jump process: what is counted in whole molecules, what moves continuously, what happens when.

Laws are propensities as they are written, in events per unit of time: ``k*X*(X - 1)/2`` is a dimerisation of counted
molecules, and ``k*X*X`` is not. A reversible law is split at its minus into a forward and a backward channel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from sbmlqsp.engine.algebraic import refuse_unsolved
from sbmlqsp.engine.cuts import Switches, find_conditions, find_switches
from sbmlqsp.engine.initial import dependency_order
from sbmlqsp.engine.network import Event, Network, Participant, Reaction, Symbol
from sbmlqsp.engine.signs import AmbiguousSignError, signed_parts
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr, num, sym
from sbmlqsp.units import Unit

__all__ = ["INFLOW", "Channel", "JumpSystem", "jump_system"]

AVOGADRO = 6.02214076e23
RESERVED = re.compile(r"qsp_(inflow_.+|(bend|held|on|root|switch|trigger|wave)_\d+)")
"""What is added to a system goes by such names."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Something that happens in whole events: its propensity, and by how many molecules it changes each state."""

    id: str
    law: Expr
    change: Mapping[str, Expr]


@dataclass(frozen=True)
class JumpSystem:
    """A network as a jump process.

    Parameters
    ----------
    network : Network
    states : tuple of str
        What changes: amounts of species, values of parameters and sizes, and switches of the model's formulas in time.
    counted : mapping of str to float
        The states that are whole numbers of molecules, and how many molecules a unit of each is.
    constants : tuple of str
    rules : mapping of str to Expr
        What is computed from the states: assignment rules, and the laws of reactions that formulas read.
    channels : tuple of Channel
    flows : mapping of str to Expr
        Rates of change of the states that move continuously; of species in amounts.
    events : tuple of Event
        With triggers over switches instead of time.
    switches : Switches
    """

    network: Network
    states: tuple[str, ...]
    counted: Mapping[str, float]
    constants: tuple[str, ...]
    rules: Mapping[str, Expr]
    channels: tuple[Channel, ...]
    flows: Mapping[str, Expr]
    events: tuple[Event, ...]
    switches: Switches

    @cached_property
    def order(self) -> dict[str, int]:
        """The place of each rule among those that need each other."""
        names = dependency_order({k: v.symbols() & self.rules.keys() for k, v in self.rules.items()})
        return {name: k for k, name in enumerate(names)}

    def reads(self, *exprs: Expr) -> frozenset[str]:
        """Return the states, constants and ``"time"`` that formulas read in the end, through rules and volumes."""
        seen: set[str] = set()
        waiting = list(exprs)
        while waiting:
            expr = waiting.pop()
            if expr.has("time"):
                seen.add("time")
            for name in expr.symbols() - seen:
                seen.add(name)
                if name in self.rules:
                    waiting.append(self.rules[name])
                symbol = self.network.symbols.get(name)
                if symbol is not None and symbol.kind == "species" and self.per_volume(symbol, expr):
                    waiting.append(sym(symbol.compartment))
        return frozenset(seen)

    @staticmethod
    def per_volume(symbol: Symbol, expr: Expr) -> bool:
        """Return whether a formula may read a species per volume."""
        return not symbol.amount_only or expr.has("concentration")

    def moves(self, *exprs: Expr) -> bool:
        """Return whether formulas change between events, with time or with what moves continuously."""
        return bool(self.reads(*exprs) & {"time", *self.flows})


INFLOW = "qsp_inflow_"
"""The state that is the rate of an infusion into a species, before the species' id."""


def jump_system(
    network: Network,
    *,
    continuous: Iterable[str] = (),
    dosed: Mapping[str, bool] | None = None,
    watched: bool = False,
) -> JumpSystem:
    """Read a network as a jump process.

    Parameters
    ----------
    network : Network
    continuous : iterable of str
        Species that reactions change but that are not counted, beside those that have units of mass or moles where
        others are counted in items.
    dosed : mapping of str to bool, optional
        What doses change, and whether it is infused.
    watched : bool
        Whether conditions may read time together with what changes during the run, since all are watched then.

    Raises
    ------
    UnsupportedError
        Something that cannot be run so: which, and what to do.
    """
    network = network.dosed_into(dosed or ())
    _refuse(network)
    switches = find_switches(network)
    counted = _counted(network, frozenset(continuous))
    rewritten = switches.rewritten
    rules = {k: rewritten.get(("assignment rule", k), v) for k, v in network.assignment_rules.items()
             if k not in network.static}  # fmt: skip
    laws = {k: rewritten.get(("kinetic law", k), r.law) for k, r in network.reactions.items() if r.law is not None}
    rules |= {k: v for k, v in laws.items() if v is not None}
    channels, flows = _split_reactions(network, laws, rules, counted)
    given = {k: rewritten.get(("rate rule", k), v) for k, v in network.rate_rules.items()}
    flows |= {k: _in_amounts(network, k, given) for k in given}
    conditions, more, left = find_conditions(network)
    _refuse_left(() if watched else (*switches.left_to_engine, *left))
    events = tuple(replace(e, trigger=c) for e, c in zip(network.events, conditions, strict=True))
    switches = replace(switches, triggers=more)
    infused = _infused(dosed or {}, counted, flows)
    states = _states(network, {*counted, *flows, *(dosed or {})})
    states += tuple(s.id for s in (*switches.switches, *switches.triggers)) + infused
    constants = tuple(s for s in network.symbols if s not in states and s not in rules)
    return JumpSystem(network, states, counted, constants, rules, channels, flows, events, switches)


def _infused(dosed: Mapping[str, bool], counted: Mapping[str, float], flows: dict[str, Expr]) -> tuple[str, ...]:
    """Let infusions flow into their targets; return the states that are their rates."""
    out = []
    for target, infused in dosed.items():
        if not infused:
            continue
        if target in counted:
            raise UnsupportedError(
                f"'{target}' is counted, so nothing can be infused into it",
                remedy=f"name it in continuous=['{target}'], or give boluses of whole molecules",
            )
        out.append(INFLOW + target)
        inflow = sym(INFLOW + target)
        flows[target] = Expr("add", (flows[target], inflow)) if target in flows else inflow
    return tuple(out)


def _states(network: Network, moving: set[str]) -> tuple[str, ...]:
    moving = {*moving, *network.changed_by_events, *network.dynamic}
    moving |= {s.id for s in network.species if s.compartment not in network.static and not s.amount_only}
    return tuple(s for s in network.symbols if s in moving and s not in network.assignment_rules)


# ------------------------------------------------------------------------------------------------------------ refusing
def _refuse(network: Network) -> None:
    refuse_unsolved(network)
    for name in filter(RESERVED.fullmatch, (*network.symbols, *network.reactions)):
        raise UnsupportedError("the model uses a name that is reserved", value=name, remedy="rename it")
    for reaction in network.reactions.values():
        if reaction.fast:
            raise UnsupportedError(f"the reaction '{reaction.id}' is fast, which cannot be run stochastically")
        if reaction.law is None and (reaction.reactants or reaction.products):
            raise UnsupportedError(f"the reaction '{reaction.id}' has no kinetic law")
    for role, name, expr in network.formulas():
        for op in ("delay", "rateOf"):
            if role != "initial assignment" and expr.has(op):
                raise UnsupportedError(f"the {role} of '{name}' uses {op}(), which cannot be run stochastically")


def _refuse_left(left: tuple[str, ...]) -> None:
    for text in left:
        raise UnsupportedError(
            "a condition on time reads what changes during the run, so its instant is not known beforehand",
            value=text, remedy="write it over time and constants",
        )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ counting
def _counted(network: Network, continuous: frozenset[str]) -> dict[str, float]:
    """Return the species that are whole numbers of molecules, with how many molecules are one of their unit."""
    for name in continuous:
        if name not in network.symbols or network.symbols[name].kind != "species":
            raise UnsupportedError("what is to be continuous is no species of the model", value=name)
    moved = [network.symbols[s] for s in network.stoichiometry if s not in network.rate_rules]
    moved += [network.symbols[s] for s in network.changed_by_events
              if network.symbols[s].kind == "species" and s not in network.stoichiometry
              and s not in network.rate_rules]  # fmt: skip
    moved = [s for s in moved if s.id not in continuous]
    in_items = [s for s in moved if _is_count(s.substance_unit)]
    chosen = in_items or moved
    return {s.id: _molecules(s) for s in chosen}


def _is_count(unit: Unit | None) -> bool:
    return unit is None or not unit.dims or unit.dims == (("item", 1.0),)


def _molecules(species: Symbol) -> float:
    unit = species.substance_unit
    if unit is None or not unit.dims:
        return 1.0
    if unit.dims == (("item", 1.0),):
        return unit.factor
    if unit.dims == (("mole", 1.0),):
        return unit.factor * AVOGADRO
    raise UnsupportedError(
        f"the species '{species.id}' is in '{unit.label}', which does not say how many molecules it is",
        remedy=f"name it in continuous=['{species.id}'], or give it a unit of items or moles",
    )


# ----------------------------------------------------------------------------------------------------------- reactions
def _split_reactions(
    network: Network, laws: Mapping[str, Expr | None], rules: Mapping[str, Expr], counted: Mapping[str, float]
) -> tuple[tuple[Channel, ...], dict[str, Expr]]:
    channels: list[Channel] = []
    flows: dict[str, list[Expr]] = {}
    for reaction in network.reactions.values():
        law, change = laws.get(reaction.id), _change(network, reaction)
        if law is None or not change:
            continue
        whole = [s for s in change if s in counted]
        if not whole:
            for species, size in change.items():
                flows.setdefault(species, []).append(Expr("mul", (size, sym(reaction.id))))
        elif len(whole) < len(change):
            other = next(s for s in change if s not in counted)
            raise UnsupportedError(
                f"the reaction '{reaction.id}' changes '{whole[0]}', which is counted, and '{other}', which is not",
                remedy="write it as two reactions, or let both be counted or both be continuous",
            )
        else:
            channels += _channels(reaction, law, change, counted, rules)
    return tuple(channels), {k: Expr("add", tuple(v)) for k, v in flows.items()}


def _change(network: Network, reaction: Reaction) -> dict[str, Expr]:
    """Return the net change of each species per unit of extent, in its own unit of amount."""
    parts: dict[str, list[Expr]] = {}
    for sign, side in ((-1.0, reaction.reactants), (1.0, reaction.products)):
        for p in side:
            s = network.symbols[p.species]
            if not (s.boundary or s.constant):
                parts.setdefault(p.species, []).append(_amount(network, p, sign, s.conversion_factor))
    out = {}
    for name, terms in parts.items():
        fixed = [float(t.value or 0.0) for t in terms if t.op == "num"]
        total = num(sum(fixed)) if len(fixed) == len(terms) else Expr("add", tuple(terms))
        if total.op != "num" or total.value:
            out[name] = total
    return out


def _amount(network: Network, p: Participant, sign: float, factor: str) -> Expr:
    """Return the signed size of one participant; a stoichiometry that has a name can be changed under it."""
    formula = sym(p.id) if p.formula is None and p.id in network.symbols else p.formula
    size = num(sign * p.stoichiometry) if formula is None else Expr("mul", (num(sign), formula))
    return Expr("mul", (size, sym(factor))) if factor else size


def _channels(
    reaction: Reaction, law: Expr, change: Mapping[str, Expr], counted: Mapping[str, float], rules: Mapping[str, Expr]
) -> Iterable[Channel]:
    """Return the one-way channels of a reaction, in molecules and events."""
    per_unit = {counted[s] for s in change}
    if len(per_unit) > 1:
        raise UnsupportedError(f"the species of the reaction '{reaction.id}' are counted in different units")
    [molecules] = per_unit
    _refuse_fractions(reaction, change)
    forward, backward = _ways(reaction, law, change, rules) if reaction.reversible else (law, None)
    ways = [(reaction.id, forward, 1.0)]
    if backward is not None:
        ways.append((f"{reaction.id} backward", backward, -1.0))
    for name, rate, sign in ways:
        events = rate if molecules == 1.0 else Expr("mul", (num(molecules), rate))
        yield Channel(name, events, {s: _times(sign, size) for s, size in change.items()})


def _refuse_fractions(reaction: Reaction, change: Mapping[str, Expr]) -> None:
    for name, size in change.items():
        if size.op == "num" and not float(size.value or 0.0).is_integer():
            raise UnsupportedError(
                f"the reaction '{reaction.id}' changes '{name}', which is counted, by no whole number of molecules",
                value=size.value,
                remedy=f"give whole stoichiometries, or name it in continuous=['{name}']",
            )


def _ways(
    reaction: Reaction, law: Expr, change: Mapping[str, Expr], rules: Mapping[str, Expr]
) -> tuple[Expr, Expr | None]:
    """Return the forward and the backward law of a reversible reaction."""
    products = {p.species for p in reaction.products}
    consumed = {p.species for p in reaction.reactants if p.species not in products}
    consumed |= {s for s, size in change.items() if size.op == "num" and float(size.value or 0.0) < 0}
    try:
        return signed_parts(law, rules=rules, reactants=consumed)
    except AmbiguousSignError as err:
        raise UnsupportedError(
            f"the reaction '{reaction.id}' is reversible, and its law does not say what its reverse rate is",
            value=str(err),
            remedy="write it as two reactions, as a rate forward minus a rate backward, or say that it is irreversible "
            "(in Antimony '=>')",
        ) from None


def _times(sign: float, size: Expr) -> Expr:
    if size.op == "num":
        return num(sign * float(size.value or 0.0))
    return size if sign > 0 else Expr("neg", (size,))


def _in_amounts(network: Network, name: str, rates: Mapping[str, Expr]) -> Expr:
    """Return the rate of change of a state: of a species in concentration, that of its amount."""
    symbol = network.symbols[name]
    if symbol.kind != "species" or symbol.amount_only:
        return rates[name]
    home = symbol.compartment
    amount = Expr("mul", (rates[name], sym(home)))
    if home in network.static:
        return amount
    if home in rates and home not in network.changed_by_events:
        return Expr("add", (amount, Expr("mul", (sym(name), rates[home]))))
    raise UnsupportedError(
        f"the species '{name}' has a rate rule in a compartment whose size is changed by a rule or an event",
        remedy="give the species a reaction, or only substance units",
    )
