"""What engines get wrong without a word: missing values, divisions by zero, narrow windows, events at the start."""

from __future__ import annotations

import keyword
import math
from typing import TYPE_CHECKING

from sbmlqsp.engine.cuts import find_switches
from sbmlqsp.errors import QSPError
from sbmlqsp.expressions import FUNCTIONS, Expr, to_infix
from sbmlqsp.issues import Case, Issue, listed
from sbmlqsp.structure import find_cycle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbmlqsp.engine.network import Event

__all__ = ["HAZARDS"]

NARROW = 1e-3
RESERVED = frozenset({"time", "avogadro", "true", "false", "inf", "infinity", "INF"})
ENGINE_WORDS = FUNCTIONS | frozenset(
    {"simulate", "reset", "resetAll", "resetToOrigin", "steadyState", "model", "integrator", "plot", "load", "oneStep"}
    | {"selections", "conservedMoietyAnalysis", "getValue", "setValue", "gillespie", "setSeed", "getSBML", "id"}
)
FLIP = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


def circles(case: Case) -> Iterator[Issue]:
    """Definitions that need each other, which crash engines."""
    network = case.network
    needs: dict[str, set[str]] = {k: set(e.symbols()) for k, e in network.initial_assignments.items()}
    needs |= {k: set(e.symbols()) for k, e in network.assignment_rules.items()}
    needs |= {k: set(r.law.symbols()) - {k} for k, r in network.reactions.items() if r.law is not None}
    while (circle := find_cycle(needs)) is not None:
        way = " → ".join(circle)
        yield Issue("error", "circular", circle[0], f"the definitions run in a circle: {way}", "give one its own value")
        del needs[circle[0]]


def self_reference(case: Case) -> Iterator[Issue]:
    """A rate law that reads its own rate crashes libRoadRunner."""
    for r in case.network.reactions.values():
        if r.law is not None and r.id in r.law.symbols():
            message = f"the rate law of {r.id} reads its own rate"
            yield Issue("error", "self-reference", r.id, message, "write the rate without naming the reaction")


def unsupported(case: Case) -> Iterator[Issue]:
    """Constructs that no engine of this package runs."""
    network = case.network
    if network.unsolved:
        remedy = "solve it for one symbol and write an assignment rule"
        yield _refused("algebraic rules", f"an algebraic rule that is not solved ({network.unsolved})", remedy)
    for role, name, expr in network.formulas():
        if expr.has("delay"):
            remedy = "replace the delay by a chain of transit compartments"
            yield _refused(name, f"the {role} of {name} uses delay()", remedy)
    for r in network.reactions.values():
        if r.fast:
            yield _refused(r.id, f"{r.id} is a fast reaction", "give it a large rate, or eliminate it by hand")


def _refused(where: str, message: str, remedy: str) -> Issue:
    return Issue("error", "unsupported", where, f"{message}, which is not supported", remedy)


def missing_values(case: Case) -> Iterator[Issue]:
    """Symbols without a first value."""
    read = {s for _, _, formula in case.network.formulas() for s in formula.symbols()} | set(case.model.directions)
    solved = {s for rule in case.network.algebraic_rules for s in rule.symbols()}
    for s in case.network.symbols.values():
        if case.has_definition(s.id) or s.id in solved or (case.is_input(s.id) and s.kind == "parameter"):
            continue
        if s.kind == "compartment":
            severity, message = "warning", f"the compartment {s.id} has no size; it is taken as 1"
        elif s.kind == "species":
            severity, message = "warning", f"the species {s.id} has no initial value; it is taken as 0"
        else:
            severity = "error" if s.id in read - case.network.changed_by_events else "warning"
            message = f"the {s.kind} {s.id} has no value at time 0 and no rule"
        yield Issue(severity, "missing-value", s.id, message, f"give it a value: `{s.id} = …`")
    lawless = [r.id for r in case.network.reactions.values() if r.law is None]
    if lawless:
        message = f"{listed(lawless)} {'has' if len(lawless) == 1 else 'have'} no rate law, so nothing happens there"
        yield Issue("warning", "missing-law", listed(lawless), message, "give each reaction a rate law")


def impossible_values(case: Case) -> Iterator[Issue]:
    """Negative amounts and volumes that are not positive."""
    for s in case.network.species:
        amount = case.start.get(f"amount({s.id})", 0.0)
        if amount < 0:
            message = f"{s.id} starts at the negative amount {amount:g}"
            yield Issue("warning", "negative-amount", s.id, message, "correct its initial value")
    for c in case.network.compartments:
        size = case.start.get(c.id, 1.0)
        if size <= 0 and c.dimensions > 0:
            message = f"the size of {c.id} at time 0 is {size:g}"
            yield Issue("error", "volume-not-positive", c.id, message, "give it a positive size")


def not_finite(case: Case) -> Iterator[Issue]:
    """Formulas that are infinite or undefined at time 0, though all they read is finite."""
    for role, name, expr in case.network.formulas():
        if role.startswith(("event", "algebraic")) or not all(math.isfinite(v) for v in _inputs(case, expr)):
            continue
        value = case.value(expr)
        if value is not None and not math.isfinite(value):
            cause = _cause(case, expr)
            message = f"the {role} of {name} is {value:g} at time 0{cause}: `{to_infix(expr)}`"
            yield Issue("error", "not-finite", name, message, "correct the values, or guard the formula with piecewise")


def _inputs(case: Case, expr: Expr) -> list[float]:
    literals = [float(n.value or 0.0) for n in expr.walk() if n.op == "num"]
    return [*literals, *(case.start.get(s, math.nan) for s in expr.symbols())]


def _cause(case: Case, expr: Expr) -> str:
    for node in expr.walk():
        if node.op == "div" and case.value(node.args[1]) == 0:
            return f", as it divides by `{to_infix(node.args[1])}`, which is 0"
        if node.op in {"ln", "log", "log10"} and (case.value(node.args[-1]) or 0.0) <= 0:
            return f", as it takes the logarithm of `{to_infix(node.args[-1])}`, which is not positive"
    return ""


def time_switches(case: Case) -> Iterator[Issue]:
    """Conditions on time, which solvers step over."""
    switches = find_switches(case.network)
    places = sorted({name for _, name in switches.rewritten})
    if places:
        yield Issue(
            "info",
            "time-switch",
            listed(places),
            f"{listed(places)} switch{'es' if len(places) == 1 else ''} at set times; runs are cut there exactly",
            "other engines may step over a switch: export doses as events",
        )
    for text in switches.left_to_engine:
        message = f"`{text}` depends on time and on the state, so the run cannot be cut where it changes"
        yield Issue("warning", "inexact-switch", case.network.id, message, "write it as an event")


def narrow_windows(case: Case) -> Iterator[Issue]:
    """Windows of time much shorter than the time at which they open."""
    for role, name, expr in case.network.formulas():
        for node in expr.walk():
            bounds = _window(case, node) if node.op == "and" else None
            if bounds and 0 < bounds[1] - bounds[0] < NARROW * bounds[1]:
                width = bounds[1] - bounds[0]
                yield Issue(
                    "warning",
                    "narrow-window",
                    name,
                    f"the {role} of {name} is on for only {width:.3g} before time {bounds[1]:g}: `{to_infix(node)}`; "
                    "a solver that is not stopped there steps over it",
                    "give the input as a dose, or write it as an event",
                )


def _window(case: Case, node: Expr) -> tuple[float, float] | None:
    found: dict[str, float] = {}
    for relation in node.args:
        if relation.op not in FLIP or len(relation.args) != 2:
            continue
        left, right = relation.args
        op, bound = (relation.op, right) if left.op == "time" else (FLIP[relation.op], left)
        value = case.value(bound)
        if "time" in {left.op, right.op} and not bound.has("time") and value is not None:
            found["upper" if op in {"lt", "le"} else "lower"] = value
    return (found["lower"], found["upper"]) if len(found) == 2 else None


def events_at_start(case: Case) -> Iterator[Issue]:
    """Events whose trigger is true from the start, and so does not become true."""
    for event in case.network.events:
        if event.initial_value and case.value(event.trigger) == 1.0:
            yield _event_issue(case, event)


def _event_issue(case: Case, event: Event) -> Issue:
    trigger = to_infix(event.trigger)
    if event.trigger.symbols() <= case.static.keys():
        message = f"the event {event.id} never fires at time 0: its trigger `{trigger}` is true from the start"
        severity = "warning"
    else:
        message = f"the event {event.id} does not fire at time 0, although its trigger `{trigger}` is true then"
        severity = "info"
    return Issue(
        severity, "event-at-start", event.id, message, "set the trigger's initial value to false: `t0 = false`"
    )


def reversible_laws(case: Case) -> Iterator[Issue]:
    """Rate laws that are a difference of two directions, which a stochastic run has to split."""
    from sbmlqsp.baselines import signed_terms

    reversible = [r for r in case.network.reactions.values() if r.reversible and r.law is not None]
    names = [r.id for r in reversible if r.law is not None and len({s for s, _ in signed_terms(r.law)}) > 1]
    if names:
        yield Issue(
            "info",
            "net-rate",
            listed(names),
            f"one law holds both directions of {listed(names)}; a stochastic run needs the directions apart",
            "write two reactions if you plan stochastic runs",
        )


def shadowed_names(case: Case) -> Iterator[Issue]:
    """Names that formulas or engines use for something else."""
    for name in (*case.network.symbols, *case.network.reactions):
        captured = name in RESERVED or name.lower() in {"pi", "exponentiale"}
        if captured or any(keyword.iskeyword(part) for part in name.split("__")):
            message = (
                f"'{name}' cannot be named in a formula such as an observable, where the word means something else"
            )
            yield Issue("warning", "reserved-name", name, message, "rename it")
        elif name in ENGINE_WORDS:
            message = f"'{name}' is also the name of a function, which confuses some engines"
            yield Issue("info", "reserved-name", name, message, "rename it if you share the model")


def buffered(case: Case) -> Iterator[Issue]:
    """Species that reactions consume but do not deplete."""
    network = case.network
    consumers: dict[str, dict[str, None]] = {}
    for r in network.reactions.values():
        for p in r.reactants:
            held = network.symbols[p.species].boundary or network.symbols[p.species].constant
            if held and p.species not in {q.species for q in r.products}:
                consumers.setdefault(p.species, {})[r.id] = None
    for name, reactions in consumers.items():
        ruled = name in network.assignment_rules or name in network.rate_rules
        why = "a rule sets it" if ruled else "it is a boundary species"
        message = f"{name} is consumed by {listed(reactions)} but not depleted, as {why}"
        yield Issue("info", "buffered", name, message, "nothing if meant; otherwise declare it without `$`")


def switches_or_refusal(case: Case) -> Iterator[Issue]:
    """Time switches, where the network can be cut at all."""
    try:
        yield from time_switches(case)
    except QSPError as err:
        yield Issue("error", "time-switch", case.network.id, err.what, err.remedy or "simplify the condition")


HAZARDS = (
    circles, self_reference, unsupported, missing_values, impossible_values, not_finite, narrow_windows,
    switches_or_refusal, events_at_start, reversible_laws, shadowed_names, buffered,
)  # fmt: skip
