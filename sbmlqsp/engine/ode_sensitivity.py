"""The derivatives that sensitivities need, as Python source for numba.

With x' = f(x, p, t), the derivative S of x along a direction of parameters, in which p changes by q, follows
S' = f_x S + f_p q. ``partials`` gives the entries of [f_x | f_p], and ``bends`` what they change by along the states
and time; both are computed once for all directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sbmlqsp.engine.codegen import function, read_once
from sbmlqsp.engine.derivatives import Gradient, gradient, negative, over, plus, times
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.ode_codegen import ONE, TIME, Equations, Slopes, _Writer
from sbmlqsp.engine.rendering import numeric
from sbmlqsp.expressions import Expr, sym

__all__ = ["ALONG", "Along", "Partials", "packed", "source_of_sensitivities"]

HEAD = '''"""Generated from a model; made anew where it is missing."""

import math

import numba as nb
import numpy as np

from sbmlqsp.engine.ode_model import RATES
from sbmlqsp.engine.ode_sensitivity_model import BENDS

'''
ALONG = "along"
Entries = dict[tuple[int, str], Expr]


class Partials(Slopes):
    """The derivatives of rates and of observed formulas by states and by some constants.

    Parameters
    ----------
    system : JumpSystem
    constants : sequence of str
        Those that change with the parameters.
    observed : sequence of Expr
        Formulas over flat ids.
    """

    def __init__(self, system: JumpSystem, constants: Sequence[str], observed: Sequence[Expr]) -> None:
        self._system, self._constants = system, frozenset(constants)
        self._of_rule: dict[str, Gradient] = {}
        self.named: dict[str, Expr] = {}
        self.variables = (*system.states, *constants)
        self.rates = self._entries(system.flows.values())
        self.observed = self._entries(observed)
        along = Along(system, self.named)
        bends = {where: along.of(entry) for where, entry in self.rates.items()}
        self.bends: Entries = {where: e for where, e in bends.items() if e is not None}
        self.bent = along.named

    def _entries(self, formulas: Iterable[Expr]) -> Entries:
        """Return the derivatives by row and variable, those by one variable together."""
        rows = [gradient(f, self._leaf) for f in formulas]
        found = {(i, name): e for i, g in enumerate(rows) for name, e in g.items() if name != TIME}
        place = {name: k for k, name in enumerate(self.variables)}
        return {where: found[where] for where in sorted(found, key=lambda w: (place[w[1]], w[0]))}

    def _symbol(self, name: str) -> Gradient:
        return {name: ONE} if name in self._constants else super()._symbol(name)


class Along:
    """The derivative of formulas along a direction of the states and of time, each rule's under a name of its own.

    Parameters
    ----------
    system : JumpSystem
    formulas : dict of str to Expr
        What names beside the system's own stand for.
    constants : sequence of str
        Those that change along it as well.
    """

    def __init__(self, system: JumpSystem, formulas: dict[str, Expr], constants: Sequence[str] = ()) -> None:
        self._system, self._formulas, self._constants = system, formulas, frozenset(constants)
        self._known: dict[str, Gradient] = {}
        self.named: dict[str, Expr] = {}

    def of(self, expr: Expr) -> Expr | None:
        """Return the derivative of a formula, or None where it does not change."""
        return gradient(expr, self._leaf).get(ALONG)

    def _leaf(self, expr: Expr) -> Gradient:
        if expr.op == "time":
            return {ALONG: sym(f"{ALONG}({TIME})")}
        if expr.op in {"amount", "concentration"}:
            return self._meaning(expr.op, str(expr.args[0].value))
        return self._symbol(str(expr.value))

    def _symbol(self, name: str) -> Gradient:
        system = self._system
        formula = self._formulas.get(name) or system.rules.get(name)
        if formula is not None:
            return self._formula(name, formula)
        if name not in system.flows:
            return {ALONG: sym(f"{ALONG}({name})")} if name in self._constants else {}
        symbol = system.network.symbols[name]
        if symbol.kind != "species" or symbol.amount_only:
            return {ALONG: sym(f"{ALONG}({name})")}
        return self._meaning("concentration", name)

    def _formula(self, name: str, formula: Expr) -> Gradient:
        if name not in self._known:
            slope = self.of(formula)
            if slope is not None and slope.op not in {"num", "sym"}:
                local = f"{ALONG}({name})"
                self.named[local] = slope
                slope = sym(local)
            self._known[name] = {} if slope is None else {ALONG: slope}
        return self._known[name]

    def _meaning(self, op: str, name: str) -> Gradient:
        symbol = self._system.network.symbols[name]
        size, own = sym(symbol.compartment), sym(f"{ALONG}({name})")
        if name not in self._system.flows:  # in formulas it is what it says, as in a rule
            if (op == "amount") == symbol.amount_only:
                return self._symbol(name)
            return gradient(Expr("mul" if op == "amount" else "div", (sym(name), size)), self._leaf)
        if op == "amount":
            return {ALONG: own}
        out, of_size = over(own, size), self._symbol(symbol.compartment).get(ALONG)
        if of_size is not None:
            share = over(Expr("concentration", (sym(name),)), size)
            out = plus(out, negative(times(share, of_size)))
        return {ALONG: out}


def packed(entries: Iterable[tuple[int, str]], states: Sequence[str], constants: Sequence[str]) -> Any:
    """Return where entries are: how many, their rows, their columns, and where those of each constant begin."""
    where = list(entries)
    place = {name: k for k, name in enumerate(states)}
    begins = [sum(name in place for _, name in where)]
    for constant in constants:
        begins.append(begins[-1] + sum(name == constant for _, name in where))
    rows, columns = [i for i, _ in where], [place.get(name, 0) for _, name in where]
    return np.array([len(where), *rows, *columns, *begins], dtype=np.int64)


def source_of_sensitivities(equations: Equations, partials: Partials, observed: Sequence[Expr]) -> str:
    """Return the source of what the sensitivities need beside the equations' own functions."""
    writer = _Sensitive(equations, partials)
    return HEAD + "\n\n".join([writer.partials(), writer.bends(), writer.glance(observed)]) + "\n"


class _Sensitive(_Writer):
    def __init__(self, equations: Equations, partials: Partials) -> None:
        super().__init__(equations)
        self._partials = partials
        self._all = {name: f"g{k}" for k, name in enumerate(partials.named)}
        self._bent = {name: f"h{k}" for k, name in enumerate(partials.bent)}
        given = {f"{ALONG}({name})": f"v[{i}]" for i, name in enumerate(self.system.states)}
        self._named = self._all | given | self._bent | {f"{ALONG}({TIME})": "tau"}

    def partials(self) -> str:
        """Write the entries of the derivatives of the rates."""
        lines = self._computed(self._partials.rates.values())
        return function("partials", "RATES", "x, p, t, out", read_once(lines, "") or ["pass"])

    def bends(self) -> str:
        """Write what those entries change by along the states and time."""
        lines = self._computed(self._partials.bends.values())
        return function("bends", "BENDS", "x, p, t, v, tau, out", read_once(lines, "") or ["pass"])

    def glance(self, observed: Sequence[Expr]) -> str:
        """Write the values of what is observed, and the entries of their derivatives."""
        lines = self._computed([*observed, *self._partials.observed.values()])
        return function("glance", "RATES", "x, p, t, out", read_once(lines, "") or ["pass"])

    def _computed(self, exprs: Iterable[Expr]) -> list[str]:
        exprs = list(exprs)
        formulas = self._partials.named | self._partials.bent
        needed, waiting = set[str](), list(exprs)
        while waiting:
            for name in waiting.pop().symbols() & formulas.keys() - needed:
                needed.add(name)
                waiting.append(formulas[name])
        local = {name: e for name, e in formulas.items() if name in needed}
        lines = self._locals([*exprs, *local.values()])
        lines += [f"{self._named[name]} = {numeric(e, self._name)}" for name, e in local.items()]
        return lines + self._put("out", 0, exprs)
