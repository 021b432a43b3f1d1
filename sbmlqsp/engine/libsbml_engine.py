"""The document the engine runs: bare, with dosing inlets, and with time conditions turned into switches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sbmlqsp.engine.algebraic import refuse_unsolved
from sbmlqsp.engine.balances import Balance, balances, passive
from sbmlqsp.engine.cuts import Switches
from sbmlqsp.engine.initial import static_symbols
from sbmlqsp.engine.libsbml import lib, node_type, parse, write
from sbmlqsp.engine.libsbml_event import add_parameter, unused
from sbmlqsp.engine.libsbml_formula import to_mathml
from sbmlqsp.engine.libsbml_formulas import write_formulas
from sbmlqsp.engine.libsbml_lookout import Rounded, look_out
from sbmlqsp.engine.libsbml_rename import rename
from sbmlqsp.engine.libsbml_stoichiometry import stoichiometries_to_parameters
from sbmlqsp.engine.network import Network, Symbol
from sbmlqsp.errors import DosingError, ModelError, UnsupportedError
from sbmlqsp.expressions import Expr, num, sym, to_infix

__all__ = ["LAST", "NEVER", "Inlet", "Prepared", "Watch", "dosable", "infuse", "per_symbol", "prepare"]

LAST = -1e9
"""The priority of dose events."""
NEVER = -1e150
"""When an event that has not fired yet fired last."""
SOON = 1e-6
"""At once: this share of the time."""


@dataclass(frozen=True, slots=True)
class Inlet:
    """How doses reach one target: a parameter for the infusion rate and, in models with events, a dose event."""

    target: str
    kind: str
    rate: str
    due: str = ""
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Two parameters that watch an event: when it fired last, and how often at once again."""

    event: str
    last: str
    rush: str


@dataclass(frozen=True)
class Prepared:
    """Engine-ready SBML and what was built into it."""

    sbml: str
    inlets: Mapping[str, Inlet]
    switches: Switches
    eventful: bool
    settable: frozenset[str] = field(default_factory=frozenset)
    watches: tuple[Watch, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    rounded: tuple[Rounded, ...] = ()
    passive: tuple[str, ...] = ()
    balances: tuple[Balance, ...] = ()

    def engine_id(self, name: str) -> str:
        """Return the id by which the engine knows a symbol."""
        return self.renamed.get(name, name)


def prepare(
    sbml: str, network: Network, *, targets: Iterable[str], switches: Switches, values: Mapping[str, Any]
) -> Prepared:
    """Build the engine's document.

    Parameters
    ----------
    sbml : str
        Canonical SBML.
    network : Network
        Its network.
    targets : iterable of str
        Flat ids that doses go into.
    switches : Switches
        Conditions on time, from ``find_switches``.
    values : mapping of str to float
        Initial values that replace initial assignments.
    """
    _refuse_unsupported(network)
    document = parse(sbml, scanned=True)
    model = document.getModel()
    _bare(model)
    if network.from_the_past:
        write_formulas(model, network)
    _assign_determined(model, network)
    stoichiometries_to_parameters(model, network)
    _fix_initial_values(model, network, values)
    eventful = bool(network.events)
    if not eventful:
        _switch(model, switches)
    if any(expr.has("factorial") for _, _, expr in network.formulas()):
        _cap_factorials(model)
    inlets = {t: _inlet(model, network, t, i, eventful) for i, t in enumerate(dict.fromkeys(targets))}
    asked, inflows = Switches() if eventful else switches, {t: i.rate for t, i in inlets.items()}
    rounded = look_out(model, network, asked, inflows)
    judged = passive(network)
    for name, formula in judged.items():
        add_parameter(model, name, 0.0)
        _assign(model, name, formula)
    watches = tuple(_watch(model, network, i) for i in _may_repeat(network))
    renamed = _rename_times(model, network)
    return Prepared(write(document), inlets, switches, eventful, watches=watches, renamed=renamed, rounded=rounded,
                    passive=tuple(judged), balances=balances(network))  # fmt: skip


def _rename_times(model: Any, network: Network) -> dict[str, str]:
    """Rename what is called like time itself, with which the engine confuses it."""
    names = (*network.symbols, *network.reactions)
    renamed = {n: unused(model, f"qsp_symbol_{i}") for i, n in enumerate(names) if n.lower() == "time"}
    if renamed:
        rename(model, ids=lambda name: renamed.get(name, name), units=str, metaids=str)
    return renamed


def _refuse_unsupported(network: Network) -> None:
    refuse_unsolved(network)
    for role, name, expr in network.formulas():
        if expr.has("delay"):
            raise UnsupportedError(
                f"the {role} of '{name}' uses delay(), which the engine cannot solve",
                remedy="replace the delay by a chain of transit compartments",
            )
    for reaction in network.reactions.values():
        if reaction.fast:
            raise UnsupportedError(
                f"the reaction '{reaction.id}' is marked fast, which the engine cannot solve",
                remedy="write the equilibrium as an assignment rule, or clear the flag and give a rate",
            )
        if reaction.law is not None and reaction.id in reaction.law.symbols():
            raise ModelError(f"the rate law of '{reaction.id}' refers to itself")


def _assign_determined(model: Any, network: Network) -> None:
    """Write what algebraic rules determine as assignment rules."""
    for rule in [r for r in model.getListOfRules() if r.isAlgebraic()]:
        rule.removeFromParentAndDelete()
    for name in sorted(network.determined):
        _assign(model, name, network.assignment_rules[name])


def _assign(model: Any, name: str, formula: Expr) -> None:
    rule = model.createAssignmentRule()
    rule.setVariable(name)
    rule.setMath(to_mathml(formula))


def _bare(model: Any) -> None:
    # Long notes and annotations crash the engine (measured) and mean nothing to it.
    for element in [model, *[e for e in model.getListOfAllElements() if hasattr(e, "unsetNotes")]]:
        element.unsetNotes()
        element.unsetAnnotation()
    while model.getNumConstraints():
        model.removeConstraint(0)


def _cap_factorials(model: Any) -> None:
    """Replace ``factorial(x)`` by ``factorial(min(x, 171))``, infinite all the same; the engine counts down from x."""
    for element in model.getListOfAllElements():
        if not hasattr(element, "setMath") or not element.isSetMath():
            continue
        tree = element.getMath().deepCopy()
        stack = [tree]
        while stack:
            node = stack.pop()
            if node_type(node) == lib().AST_FUNCTION_FACTORIAL:
                capped = to_mathml(Expr("min", (num(0.0), num(171.0))))
                capped.replaceChild(0, node.getChild(0).deepCopy(), True)
                node.replaceChild(0, capped, True)
                node = capped
            stack += [node.getChild(i) for i in range(node.getNumChildren())]
        element.setMath(tree)


def _fix_initial_values(model: Any, network: Network, values: Mapping[str, Any]) -> None:
    while model.getNumInitialAssignments():
        model.removeInitialAssignment(0)
    elements = _elements(model)
    for name, s in network.symbols.items():
        if name not in values or name in network.assignment_rules:
            continue
        element, value = elements[name], float(values[name])
        if s.kind == "species":
            element.unsetInitialConcentration()
            element.setInitialAmount(float(values[f"amount({name})"]))
        elif s.kind == "compartment":
            element.setSize(value)
        elif element.getElementName() == "speciesReference":
            element.setStoichiometry(value)
        else:
            element.setValue(value)


def _elements(model: Any) -> dict[str, Any]:
    """Return what has a value, by id; libSBML looks through the whole model for each."""
    lists = [model.getListOfCompartments(), model.getListOfSpecies(), model.getListOfParameters()]
    for reaction in model.getListOfReactions():
        lists += [reaction.getListOfReactants(), reaction.getListOfProducts()]
    return {element.getId(): element for one in lists for element in one}


def _switch(model: Any, switches: Switches) -> None:
    for s in switches.switches:
        add_parameter(model, s.id, 0.0)
    for (role, name), expr in switches.rewritten.items():
        if role == "kinetic law":
            model.getReaction(name).getKineticLaw().setMath(to_mathml(expr))
        else:
            model.getRule(name).setMath(to_mathml(expr))


def _inlet(model: Any, network: Network, target: str, index: int, eventful: bool) -> Inlet:
    symbol = dosable(network, target)
    rate = add_parameter(model, f"qsp_rate_{index}", 0.0)
    infuse(model, network, target, sym(rate), reaction=unused(model, f"qsp_infusion_{index}"))
    floating = symbol.kind == "species" and not symbol.boundary and target not in network.rate_rules
    kind = "floating" if floating else ("species" if symbol.kind == "species" else "parameter")
    if not eventful:
        return Inlet(target, kind, rate)
    due = add_parameter(model, f"qsp_due_{index}", 1e300)
    amount = add_parameter(model, f"qsp_amount_{index}", 0.0)
    _dose_event(model, symbol, due, amount, index)
    return Inlet(target, kind, rate, due, amount)


def dosable(network: Network, target: str) -> Symbol:
    """Return the symbol a dose goes into, or refuse it with the reason."""
    symbol = network.symbols[target]
    if target in network.assignment_rules:
        behind = [n.replace("__", ".") for n in _species_behind(network, target)]
        raise DosingError(
            f"'{target.replace('__', '.')}' is computed by a rule ({to_infix(network.assignment_rules[target])}), so "
            "nothing can be dosed into it",
            remedy=f"dose into what it is computed from: {' or '.join(behind)}"
            if behind
            else "it is not computed from any species, so dose into another quantity",
        )
    if symbol.kind not in {"species", "parameter"} or symbol.constant:
        raise DosingError(
            f"'{target}' is a constant or no amount, so nothing can be dosed into it",
            expected="a species, or a parameter with a rate rule",
        )
    return symbol


def _species_behind(network: Network, name: str) -> list[str]:
    """Return the species that a rule-set quantity is computed from, through other rules too, in the file's order."""
    seen, todo = frozenset[str](), frozenset({name})
    while todo:
        seen |= todo
        rules = [network.assignment_rules[n] for n in todo if n in network.assignment_rules]
        todo = frozenset().union(*(r.symbols() for r in rules)) - seen
    return [s.id for s in network.species if s.id in seen and s.id not in network.assignment_rules and not s.constant]


def per_symbol(symbol: Symbol, amount: Expr) -> Expr:
    """Turn an amount into the meaning of the symbol in formulas."""
    concentration = symbol.kind == "species" and not symbol.amount_only
    return Expr("div", (amount, sym(symbol.compartment))) if concentration else amount


def infuse(model: Any, network: Network, target: str, rate: Expr, *, reaction: str) -> None:
    """Add an inflow of an amount per time: a reaction of this id, or a term of a rate rule."""
    symbol = network.symbols[target]
    if symbol.kind == "species" and not symbol.boundary and target not in network.rate_rules:
        inflow = model.createReaction()
        inflow.setId(reaction)
        inflow.setReversible(False)
        product = inflow.createProduct()
        product.setSpecies(target)
        product.setStoichiometry(1.0)
        product.setConstant(True)
        factor = symbol.conversion_factor
        inflow.createKineticLaw().setMath(to_mathml(Expr("div", (rate, sym(factor))) if factor else rate))
        return
    if symbol.kind == "species" and not symbol.amount_only and symbol.compartment in network.dynamic:
        raise UnsupportedError(f"'{target}' has a rate rule and lives in a changing volume; it cannot be dosed")
    term = to_mathml(per_symbol(symbol, rate))
    rule = model.getRule(target)
    if rule is None:
        rule = model.createRateRule()
        rule.setVariable(target)
        rule.setMath(term)
        return
    node = lib().ASTNode(lib().AST_PLUS)
    node.addChild(rule.getMath().deepCopy())
    node.addChild(term)
    rule.setMath(node)


def _may_repeat(network: Network) -> list[int]:
    """Return the positions of events whose triggers read the state, and so may fire again and again."""
    static = static_symbols(network)
    return [i for i, e in enumerate(network.events) if e.assignments and e.trigger.symbols() - static]


def _watch(model: Any, network: Network, index: int) -> Watch:
    """Let an event count how often it fires at once again: one that repeats without end the engine misses at last."""
    last, rush = add_parameter(model, f"qsp_last_{index}", NEVER), add_parameter(model, f"qsp_rush_{index}", 0.0)
    interval = Expr("sub", (Expr("time"), sym(last)))
    # Zero where the event fires twice at one instant, as in a cascade of events, which is no fault.
    squared = Expr("add", (Expr("mul", (interval, interval)), num(1e-300)))
    ratio = Expr("div", (Expr("mul", (num(SOON), Expr("time"), interval)), squared))
    # An event that sets plain values ends well even so (suite case 374): this only asks for a second opinion.
    reads = frozenset().union(*(e.symbols() for e in network.events[index].assignments.values()))
    weight = num(1.0 if reads - static_symbols(network) else 1e-3)
    again = Expr("mul", (weight, Expr("min", (num(1.0), Expr("floor", (ratio,))))))
    # Within the rounding of time it counts three times.
    closest = Expr("min", (num(3.0), Expr("floor", (Expr("mul", (num(SOON), ratio)),))))
    event = [e for e in model.getListOfEvents() if e.isSetTrigger()][index]
    for name, formula in ((last, Expr("time")), (rush, Expr("add", (sym(rush), again, closest)))):
        assignment = event.createEventAssignment()
        assignment.setVariable(name)
        assignment.setMath(to_mathml(formula))
    return Watch(network.events[index].id, last, rush)


def _dose_event(model: Any, symbol: Symbol, due: str, amount: str, index: int) -> None:
    name = unused(model, f"qsp_dose_{index}")
    event = model.createEvent()
    event.setId(name)
    # Last of all that happens at this instant, and by values of then, so that no event of the model overwrites it.
    event.setUseValuesFromTriggerTime(False)
    event.createPriority().setMath(to_mathml(num(LAST)))
    trigger = event.createTrigger()
    trigger.setInitialValue(False)
    trigger.setPersistent(True)
    trigger.setMath(to_mathml(Expr("ge", (Expr("time"), sym(due)))))
    assignment = event.createEventAssignment()
    assignment.setVariable(symbol.id)
    assignment.setMath(to_mathml(Expr("add", (sym(symbol.id), per_symbol(symbol, sym(amount))))))
