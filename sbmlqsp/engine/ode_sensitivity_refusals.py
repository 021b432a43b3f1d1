"""Refuse models whose rates jump where a state crosses a threshold: their sensitivities would jump there as well.

What is continuous there, such as ``piecewise(x - a, x > a, 0)``, has sensitivities without a jump.
"""

from __future__ import annotations

from sbmlqsp.engine.derivatives import STEPS
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.ode_jumps import COMPARISONS, ROUNDED, continuous
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.expressions import Expr

__all__ = ["refuse_jumps", "refuse_triggers"]

LOGICAL = frozenset({"and", "or", "xor", "not", "implies"})


def refuse_jumps(system: JumpSystem) -> None:
    """Refuse rates that jump where something that moves crosses a threshold.

    Raises
    ------
    UnsupportedError
        Names the formula and the condition.
    """
    read = system.reads(*system.flows.values())
    rules = {name: rule for name, rule in system.rules.items() if name in read}
    for name, formula in {**rules, **system.flows}.items():
        condition = _jump(system, formula)
        if condition is not None:
            raise UnsupportedError(
                "a rate jumps where something that moves crosses a threshold, where its sensitivities would jump too",
                value=str(condition), where=f"the formula of '{name}'",
                remedy="let it change smoothly, such as by a Hill function, or take differences of simulations",
            )  # fmt: skip


def refuse_triggers(system: JumpSystem) -> None:
    """Refuse events of which it is not known how their time or their values change with parameters.

    Raises
    ------
    UnsupportedError
        A trigger that is not made of comparisons of two formulas, or whose formulas jump; a delay or a value that is
        rounded: names the event and the formula.
    """
    for event in system.events:
        for node in _leaves(event.trigger):
            if node.op not in COMPARISONS | {"eq", "ne", "true", "false", "num"} or len(node.args) not in {0, 2}:
                _refuse_event(event.id, "its trigger is not made of comparisons of two formulas", node)
            for part in _with_rules(system, *node.args):
                jump = _jump(system, part)
                if jump is not None:
                    _refuse_event(event.id, "what its trigger compares jumps where something that moves does", jump)
        given = [*event.assignments.values(), *([] if event.delay is None else [event.delay])]
        for part in _with_rules(system, *given):
            for node in part.walk():
                if node.op in ROUNDED and system.reads(node) & {"time", *system.flows, *_assigned(system)}:
                    _refuse_event(event.id, "its delay or a value that it assigns is rounded", node)


def _refuse_event(name: str, why: str, what: Expr) -> None:
    raise UnsupportedError(
        f"{why}, so that sensitivities cannot go through it", value=str(what),
        where="the event '{}'".format(name.replace("__", ".")),
        remedy="write it as comparisons of what changes smoothly, or take differences of simulations",
    )  # fmt: skip


def _assigned(system: JumpSystem) -> frozenset[str]:
    return system.network.changed_by_events


def _with_rules(system: JumpSystem, *exprs: Expr) -> list[Expr]:
    """Return formulas with the rules that they read."""
    return [*exprs, *(system.rules[n] for n in sorted(system.reads(*exprs) & system.rules.keys()))]


def _leaves(trigger: Expr) -> list[Expr]:
    """Return what a trigger combines by and, or, and the like."""
    if trigger.op in LOGICAL:
        return [leaf for a in trigger.args for leaf in _leaves(a)]
    return [trigger]


def _jump(system: JumpSystem, expr: Expr) -> Expr | None:
    if expr.op == "piecewise":
        for part in (*expr.args[0::2], *expr.args[-1:]):
            found = _jump(system, part)
            if found is not None:
                return found
        moving = [c for c in expr.args[1::2] if system.moves(c)]
        return None if not moving or continuous(system, expr, moving) else moving[0]
    if expr.op in STEPS or expr.op == "rem":
        return expr if system.moves(expr) else None
    return next((f for f in (_jump(system, a) for a in expr.args) if f is not None), None)
