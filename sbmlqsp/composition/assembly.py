"""Write the composed model in both forms, and prove that they are one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sbmlqsp.composition.agreement import port_of
from sbmlqsp.composition.links import Link, Share
from sbmlqsp.composition.places import check_places
from sbmlqsp.engine.initial import dependency_order
from sbmlqsp.engine.libsbml import canonical, parse
from sbmlqsp.engine.libsbml_comp import flattened, hierarchical
from sbmlqsp.engine.libsbml_edit import own_units
from sbmlqsp.engine.libsbml_extract import UnitTable, extract
from sbmlqsp.engine.libsbml_merge import merge
from sbmlqsp.engine.libsbml_top import TopLevel
from sbmlqsp.engine.plan import SEPARATOR, Join, Plan
from sbmlqsp.equivalence import prove_equal
from sbmlqsp.errors import CompositionError, ModelError
from sbmlqsp.expressions import Expr
from sbmlqsp.model import Model, dotted
from sbmlqsp.unit_checks import scope_of, unit_issues

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbmlqsp.composition.joints import Joints
    from sbmlqsp.engine.network import Network
    from sbmlqsp.units import Unit

__all__ = ["Glue", "assemble", "join_top"]


@dataclass(frozen=True)
class Glue:
    """Statements of the top level: SBML in which symbols of parts stand under their flat ids.

    Parameters
    ----------
    model : Model
        The top level by itself.
    stand_ins : tuple of (instance, symbol)
        The symbols of parts that it refers to.
    named : tuple of (path, id)
        Ports that are one with a quantity of the top level.
    united : tuple of (path, path)
        Constants of parts that are one.
    """

    model: Model
    stand_ins: tuple[tuple[str, str], ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    united: tuple[tuple[str, str], ...] = ()

    @property
    def replaced(self) -> frozenset[str]:
        """The flat ids that are not the top level's own."""
        return frozenset(f"{instance}{SEPARATOR}{symbol}" for instance, symbol in self.stand_ins)

    def defines(self, name: str) -> bool:
        """Say whether the top level itself gives a quantity a value, or only a name."""
        n = self.model.network
        value = n.symbols[name].value if name in n.symbols else math.nan
        tables = (n.assignment_rules, n.rate_rules, n.initial_assignments)
        return not math.isnan(value) or any(name in table for table in tables)


def assemble(name: str, joints: Joints, *, units: Mapping[str, Unit | None], glue: Glue | None = None) -> Model:
    """Return the composed model."""
    if glue:
        for member in glue.stand_ins:
            joints.check_glue(member, glue.model.network)
            joints.own(*member)
        _refuse_glue_in_other_units(joints, glue, units.get("time"))
    check_places(joints)
    joints.check_values()
    plan = _plan(name, joints, _top(name, joints, units, glue), glue)
    try:
        flat = merge(plan)
        _refuse_circles(extract(flat))
        flat = canonical(flat, where=f"the composed model '{name}'")
        comp = hierarchical(plan)
        again = flattened(comp, where=f"the hierarchical form of '{name}'")
    except ModelError as err:
        raise CompositionError(
            f"the composed model is not valid: {err.what}", where=f"the model '{name}'", remedy=err.remedy
        ) from err
    prove_equal(extract(flat), extract(again), names=("the flat form", "libSBML's flattening of the hierarchical form"))
    return Model(name, flat, sbml_comp=comp, directions=plan.open_ports, source=f"compose('{name}')")


def join_top(joints: Joints, glue: Glue) -> None:
    """Join ports with quantities of the top level: those it defines take their place, the others are names for them."""
    by_name: dict[str, list[str]] = {}
    for path, name in glue.named:
        if not glue.defines(name):
            by_name.setdefault(name, []).append(path)
            continue
        joints.adopt(path, glue.model.network.symbols[name])
    for name, paths in by_name.items():
        outputs = [p for p in paths if port_of(joints.parts, p)[2] == "output"]
        if len(outputs) != 1:
            joints.unite(name, Share(paths))
            continue
        joints.call(outputs[0], name)
        for path in paths:
            if path not in outputs:
                joints.connect(path, Link(outputs[0]))


def _refuse_glue_in_other_units(joints: Joints, glue: Glue, time: Unit | None) -> None:
    """Refuse a formula of the top level that sets a part's symbol in another unit."""
    network = glue.model.network
    mine = {f"{i}{SEPARATOR}{s}": joints.parts[i].network.symbols[s] for i, s in glue.stand_ins}

    def kept(table: Mapping[str, Expr]) -> dict[str, Expr]:
        return {k: v for k, v in table.items() if k in mine}

    settings = replace(
        network,
        symbols={**network.symbols, **{k: replace(s, id=k) for k, s in mine.items() if s.kind != "species"}},
        reactions={},
        initial_assignments=kept(network.initial_assignments),
        assignment_rules=kept(network.assignment_rules),
        rate_rules=kept(network.rate_rules),
        events=tuple(replace(e, trigger=Expr("true"), assignments=kept(e.assignments)) for e in network.events),
        time_unit=network.time_unit or time,
    )
    literal = UnitTable(parse(glue.model.sbml, scanned=True).getModel()).get
    scope = scope_of(settings, literal=literal, values=_constants(joints, network))
    scope = replace(scope, units={**scope.units, **{k: s.unit for k, s in mine.items()}})
    for issue in unit_issues(settings, scope):
        if (issue.severity, issue.code) == ("error", "units"):
            raise CompositionError(dotted(issue.message), where="the top level", remedy=issue.remedy)


def _constants(joints: Joints, network: Network) -> dict[str, float]:
    """Return the plain numbers that a formula of the top level may raise a quantity to."""
    found = {k: s.value for k, s in network.symbols.items() if s.kind == "parameter" and s.value == s.value}
    for part in joints.parts.values():
        values = ((s.id, s.value) for s in part.network.parameters if not part.defined_by(s.id))
        found |= {f"{part.name}{SEPARATOR}{k}": v for k, v in values}
    return found


def _top(name: str, joints: Joints, units: Mapping[str, Unit | None], glue: Glue | None) -> str:
    own = (own_units if None in units.values() else str)(glue.model.sbml) if glue else None
    top = TopLevel(name, own)
    if glue:
        top.replace({old: joints.final_name(old) for old in glue.replaced})
    for kind, unit in units.items():
        top.set_model_unit(kind, unit)
    for part in joints.parts.values():
        top.add_part(part.name, part.text)
    for final, (instance, symbol) in joints.owner.items():
        top.hoist(instance, symbol, final, references=_references(joints, instance))
    for final, value in joints.numbers.items():
        top.set_number(final, value)
    for final, unit in joints.units.items():
        top.set_unit(final, unit)
    for factor in joints.factors:
        top.parameter(factor.id, factor.value, factor.unit, factor.meaning)
    for final, formula in joints.rules.items():
        top.assignment_rule(final, formula)
    if glue:
        top.free_what_changes()
        top.list_modifiers()
    return top.text()


def _references(joints: Joints, instance: str) -> Callable[[str], str]:
    return lambda symbol: joints.final(instance, symbol)


def _plan(name: str, joints: Joints, top: str, glue: Glue | None) -> Plan:
    members: dict[str, list[tuple[str, str]]] = {}
    for member, final in joints.joined.items():
        members.setdefault(final, []).append(member)
    parts = joints.parts.values()
    return Plan(
        id=name,
        parts={p.name: p.text for p in parts},
        names={p.name: p.model.id for p in parts},
        top=top,
        joins=tuple(Join(final, tuple(found)) for final, found in members.items()),
        deletions=tuple(d for p in parts for d in p.deletions),
        ports={p.name: p.model.directions for p in parts},
        open_ports=_open_ports(joints, glue),
    )


def _open_ports(joints: Joints, glue: Glue | None) -> dict[str, str]:
    own = glue.model.directions if glue else {}
    ports = joints.shared | {k: v for k, v in own.items() if glue and k not in glue.replaced}
    for name, (instance, symbol) in joints.owner.items():
        if name in own:  # only a name for a part's port, whose direction is known
            ports[name] = joints.parts[instance].model.directions.get(symbol, own[name])
    for part in joints.parts.values():
        for symbol, direction in part.model.directions.items():
            gone = symbol not in part.network.symbols or (part.name, symbol) in joints.fed
            name = joints.final(part.name, symbol)
            if not gone and name not in ports:
                ports[name] = direction
    return ports


def _refuse_circles(network: Network) -> None:
    """Refuse definitions that need themselves, through rules, initial assignments or rates."""
    formulas = {**network.assignment_rules, **network.initial_assignments}
    formulas |= {r.id: r.law for r in network.reactions.values() if r.law is not None}
    try:
        dependency_order({k: sorted(f.symbols()) for k, f in formulas.items()})
    except ModelError as err:
        raise CompositionError(
            dotted(err.what), remedy="break the circle: feed one of these inputs from a state, or leave it unconnected"
        ) from err
