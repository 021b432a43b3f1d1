"""A jump system as Python source, compiled by numba to four small functions and kept on disk."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, count, groupby
from typing import Any, TypeVar

from sbmlqsp.engine.jumps import Channel, JumpSystem
from sbmlqsp.engine.kept import load
from sbmlqsp.engine.rendering import condition, numeric
from sbmlqsp.engine.ssa_status import BLOCK
from sbmlqsp.expressions import Expr

T = TypeVar("T")
__all__ = ["Writer", "compile_functions", "function", "indented", "read_once", "source_of"]

HEAD = '''"""Generated from a model; made anew where it is missing."""

import math

import numba as nb
import numpy as np

from sbmlqsp.engine.ssa_arithmetic import summed
from sbmlqsp.engine.ssa_model import ACT, DISPLAY, DRIFT, LAWS, LEAP, LOOK, UPDATE

'''
OPTIONS = "cache=True, error_model='numpy'"


def source_of(system: JumpSystem, *, outputs: Sequence[str], fates: Sequence[Expr] = ()) -> str:
    """Return the source of a system's functions.

    Parameters
    ----------
    system : JumpSystem
    outputs : sequence of str
        Engine selections: ``"S"`` is an amount or a value, ``"[S]"`` a concentration.
    fates : sequence of Expr
        Conditions that end a cell.
    """
    writer = Writer(system)
    parts = [writer.update(), writer.drift(), writer.look(outputs, fates), writer.act()]
    return HEAD + "\n\n".join(parts) + "\n"


class Writer:
    """Writes one function after the other."""

    def __init__(self, system: JumpSystem) -> None:
        self.system = system
        self._x = {name: i for i, name in enumerate(system.states)}
        self._p = {name: i for i, name in enumerate(system.constants)}
        self._blocks = -(-len(system.channels) // BLOCK)
        sizes = (len(self._x), len(self._p), self._blocks * BLOCK)
        self._first = dict(zip("xpab", accumulate(sizes, initial=0), strict=True))
        self._tags = count()  # a local that is set in several places takes numba longer than as many locals

    # --------------------------------------------------------------------------------------------------------- reading
    def _name(self, name: str) -> str:
        """Return the source of a symbol in its SBML meaning, or of ``"amount(S)"`` and ``"concentration(S)"``."""
        if name.endswith(")"):
            meaning, bare = name[:-1].split("(")
            return self._selection(bare if meaning == "amount" else f"[{bare}]")
        if name in self.system.rules:
            return f"v{self.system.order[name]}"
        symbol = self.system.network.symbols.get(name)
        if symbol is None or symbol.kind != "species" or name in self._p:
            return self._raw(name)
        return (
            self._amount(name) if symbol.amount_only else f"({self._amount(name)} / {self._name(symbol.compartment)})"
        )

    def _raw(self, name: str) -> str:
        return f"x[{self._x[name]}]" if name in self._x else f"p[{self._p[name]}]"

    def _amount(self, name: str) -> str:
        molecules = self.system.counted.get(name, 1.0)
        return self._raw(name) if molecules == 1.0 else f"({self._raw(name)} * {1.0 / molecules!r})"

    def _selection(self, column: str) -> str:
        """Return the source of an engine selection."""
        bare = column.strip("[]")
        symbol = self.system.network.symbols.get(bare)
        if symbol is None or symbol.kind != "species":
            return self._name(bare)
        if bare in self._p or bare in self.system.rules:  # as in formulas
            value, size = self._name(bare), self._name(symbol.compartment)
            if column.startswith("[") == (not symbol.amount_only):
                return value
            return f"({value} / {size})" if column.startswith("[") else f"({value} * {size})"
        return f"({self._amount(bare)} / {self._name(symbol.compartment)})" if column != bare else self._amount(bare)

    def _locals(self, exprs: Iterable[Expr], names: Iterable[str] = ()) -> list[str]:
        """Return the lines that compute the rules which formulas need, in order."""
        system, needed = self.system, set[str]()
        waiting = [*(n for e in exprs for n in self._needs(e)), *names]
        while waiting:
            name = waiting.pop()
            if name in system.rules and name not in needed:
                needed.add(name)
                waiting += self._needs(system.rules[name])
        return [
            f"v{system.order[n]} = {numeric(system.rules[n], self._name)}"
            for n in sorted(needed, key=system.order.__getitem__)
        ]

    def _needs(self, expr: Expr) -> list[str]:
        out = []
        for name in expr.symbols():
            out.append(name)
            symbol = self.system.network.symbols.get(name)
            if symbol is not None and symbol.kind == "species" and self.system.per_volume(symbol, expr):
                out.append(symbol.compartment)
        return out

    # --------------------------------------------------------------------------------------------------------- writing
    def update(self) -> str:
        """Write what happens in a channel, and which propensities change with it."""
        channels = self.system.channels
        moving = [k for k, c in enumerate(channels) if self.system.moves(c.law)]
        lines = ["if r == -1:", *indented([*self._propensities(range(len(channels))), "return 0"]),
                 "if r == -2:", *indented([*self._propensities(moving), "return 0"])]  # fmt: skip
        lines += self._happenings([list(c) for _, c in groupby(enumerate(channels), lambda c: set(c[1].change))])
        return function("update", "UPDATE", "r, w, t", self._in_one([*lines, "return 0"]))

    def _in_one(self, lines: Iterable[str]) -> list[str]:
        """Let lines read and write states, constants, propensities and their sums in one array, one after the other."""
        put = lambda m: f"w[{self._first[m[1]] + int(m[2])}]"  # noqa: E731
        lines = [re.sub(r"\b([xpab])\[(\d+)\]", put, line) for line in lines]
        return [line.replace("a[k]", f"w[{self._first['a']} + k]") for line in lines]

    def _choice(self, low: int, high: int, bodies: Mapping[int, list[str]] | Sequence[list[str]]) -> list[str]:
        """Write a choice between bodies by halves, so that no chain of conditions is long."""
        if high - low < 1:
            return []
        if high - low == 1:
            return bodies[low]
        middle = (low + high) // 2
        return [f"if r < {middle}:", *indented(self._choice(low, middle, bodies)),
                "else:", *indented(self._choice(middle, high, bodies))]  # fmt: skip

    def _happenings(self, runs: list[list[tuple[int, Channel]]]) -> list[str]:
        """Write a choice between runs of channels that change the same, for each of which what follows is written once.

        The more is written, the longer numba takes: half a minute for sixty channels, were all written for each.
        """
        if not runs:
            return []
        if len(runs) == 1:
            bodies = {k: self._happening(channel) for k, channel in runs[0]}
            lines = self._choice(min(bodies), max(bodies) + 1, bodies)
            return [*lines, *self._propensities(self._readers(runs[0][0][1].change)), "return 0"]
        middle = len(runs) // 2
        return [f"if r < {runs[middle][0][0]}:", *indented(self._happenings(runs[:middle])),
                "else:", *indented(self._happenings(runs[middle:]))]  # fmt: skip

    def _happening(self, channel: Channel) -> list[str]:
        changes = {name: channel.change[name] for name in self._x if name in channel.change}
        computed = {name: size for name, size in changes.items() if size.op != "num"}
        lines = self._locals(computed.values())
        lines += [f"d{self._x[name]} = {numeric(size, self._name)}" for name, size in computed.items()]
        for name, size in changes.items():
            place, by = self._x[name], numeric(size, self._name)
            if name in computed:
                by = f"d{place}"
                lines += [f"if not {by} == np.rint({by}):", f"    return {len(self._x) + place + 1}"]
            new = f"n{place}_{next(self._tags)}"
            lines += [f"{new} = x[{place}] + {by}", f"x[{place}] = {new}"]
            lines += [f"if {new} < 0.0:", f"    return {place + 1}"]
        return lines or ["pass"]

    def _readers(self, changed: Collection[str]) -> list[int]:
        """Return the channels whose propensities change with any of these."""
        return [k for k, c in enumerate(self.system.channels) if not self.system.reads(c.law).isdisjoint(changed)]

    def _propensities(self, which: Iterable[int]) -> list[str]:
        which, tag = list(which), f"_{next(self._tags)}"
        laws, new = [self.system.channels[k].law for k in which], [f"a{k}{tag}" for k in which]
        lines = [*self._locals(laws), *(f"{n} = {numeric(law, self._name)}" for n, law in zip(new, laws, strict=True))]
        lines = [*read_once(lines, tag), *(f"a[{k}] = {n}" for k, n in zip(which, new, strict=True))]
        if which:  # all at once, since numba takes longest for what branches
            lines += [f"if not {' & '.join(f'({n} >= 0.0)' for n in new)}:", f"    for k in {_each(which)}:",
                      "        if not a[k] >= 0.0:", "            return -k - 1"]  # fmt: skip
        for block in sorted({k // BLOCK for k in which}):
            low, high = block * BLOCK, min(block * BLOCK + BLOCK, len(self.system.channels))
            lines.append(f"b[{block}] = summed(w, {self._first['a'] + low}, {self._first['a'] + high})")
        return lines or ["pass"]

    def drift(self) -> str:
        """Write the slopes of what moves continuously."""
        flows = self.system.flows
        lines = self._locals(flows.values())
        lines += [f"dx[{i}] = {numeric(rate, self._name)}" for i, rate in enumerate(flows.values())]
        return function("drift", "DRIFT", "x, p, t, dx", lines or ["pass"])

    def look(self, outputs: Sequence[str], fates: Sequence[Expr]) -> str:
        """Write conditions and outputs."""
        return self._look([*(e.trigger for e in self.system.events), *fates], outputs)

    def _look(
        self,
        checks: Sequence[Expr],
        outputs: Sequence[str],
        *,
        numbers: Collection[Expr] = (),
        more: Sequence[Expr] = (),
    ) -> str:
        """Write conditions, those of them that are ``numbers`` by their value, ``more`` numbers, and outputs."""
        asked = [f"1.0 if {condition(c, self._name)} else 0.0" if c not in numbers else numeric(c, self._name)
                 for c in checks]  # fmt: skip
        asked += [numeric(e, self._name) for e in more]
        first = self._locals([*checks, *more]) + [f"out[{i}] = {text}" for i, text in enumerate(asked)]
        names = [n for column in outputs for n in self._needs(Expr("sym", value=column.strip("[]")))]
        homes = [self.system.network.symbols[n].compartment for n in names if n in self.system.network.symbols]
        second = self._locals((), [*names, *homes])
        second += [f"out[{i}] = {self._selection(column)}" for i, column in enumerate(outputs)]
        lines = ["if what == 0:", *indented(first or ["pass"]), "else:", *indented(second or ["pass"])]
        return function("look", "LOOK", "what, x, p, t, out", lines)

    def act(self) -> str:
        """Write delays, priorities and assignments of events."""
        bodies = [self._event(i) for i in range(len(self.system.events))]
        lines = ["r = e", *self._choice(0, len(bodies), bodies), "return 0"]
        return function("act", "ACT", "what, e, x, p, t, value", lines)

    def _event(self, i: int) -> list[str]:
        event = self.system.events[i]
        lines = ["if what == 0:", *indented(self._single(event.delay, "0.0")),
                 "elif what == 1:", *indented(self._single(event.priority, "-math.inf"))]  # fmt: skip
        values = list(event.assignments.values())
        given = self._locals(values) + [f"value[{k}] = {numeric(v, self._name)}" for k, v in enumerate(values)]
        put: list[str] = []
        species = {s.id for s in self.system.network.species}
        # Before sizes: all is assigned at once, so that a concentration is one of the old size.
        for k, name in sorted(enumerate(event.assignments), key=lambda pair: pair[1] not in species):
            put += self._assignment(k, name)
        homes = [self.system.network.symbols[n].compartment for n in event.assignments]
        return [*lines, "elif what == 2:", *indented(given or ["pass"]), "else:",
                *indented([*self._locals((), homes), *put] or ["pass"]), "return 0"]  # fmt: skip

    def _single(self, expr: Expr | None, default: str) -> list[str]:
        if expr is None:
            return [f"value[0] = {default}"]
        return [*self._locals([expr]), f"value[0] = {numeric(expr, self._name)}"]

    def _assignment(self, k: int, name: str) -> list[str]:
        symbol, place, text = self.system.network.symbols[name], self._x[name], f"value[{k}]"
        if symbol.kind == "species":
            text = text if symbol.amount_only else f"{text} * {self._name(symbol.compartment)}"
            molecules = self.system.counted.get(name, 1.0)
            text = text if molecules == 1.0 else f"{text} * {molecules!r}"
        lines = [f"x[{place}] = {text}"]
        if name in self.system.counted:
            whole = f"if not abs(n - x[{place}]) <= 1e-6 * max(1.0, abs(n)) or n < -1e-6:"
            lines = [f"n = {text}", f"x[{place}] = np.rint(n)", whole, f"    return {place + 1}"]
        return lines


def read_once(lines: Sequence[str], tag: str) -> list[str]:
    """Let lines read every state and constant from a local: numba takes longer for each time that an array is read."""
    found = sorted({m[0] for line in lines for m in re.finditer(r"\b[xp]\[\d+\]", line)})
    local = {name: re.sub(r"[\[\]]", "", name) + tag for name in found}
    lines = [re.sub(r"\b[xp]\[\d+\]", lambda m: local[m[0]], line) for line in lines]
    return [*(f"{new} = {name}" for name, new in local.items()), *lines]


def _each(which: Sequence[int]) -> str:
    """Return the source of some numbers in their order."""
    low, high = which[0], which[-1] + 1
    return f"range({low}, {high})" if len(which) == high - low else f"({', '.join(map(str, which))},)"


def indented(lines: Iterable[str]) -> list[str]:
    """Return lines one level further in."""
    return [f"    {line}" for line in lines]


def function(name: str, signature: str, arguments: str, lines: Sequence[str], *, more: str = "") -> str:
    """Return the source of a compiled function."""
    body = "\n".join(indented(lines))
    return f"@nb.cfunc({signature}, {OPTIONS}{more})\ndef {name}({arguments}):\n{body}\n"


# ----------------------------------------------------------------------------------------------------------- compiling
@lru_cache(maxsize=64)
def compile_functions(source: str, shape: Callable[..., T]) -> T:
    """Return the compiled functions of a source in a named tuple, each from disk where it was compiled before.

    Each is kept alone, so that other outputs of a model, or fates, do not compile again what happens in it.
    """
    head, *texts = re.split(r"^(?=@nb\.cfunc)", source, flags=re.MULTILINE)
    own = {name: text for text in texts for name in re.findall(r"^def (\w+)", text, re.MULTILINE)}
    return shape(*(_compiled(head, own[name], name) for name in shape._fields))  # type: ignore[attr-defined]


def _compiled(head: str, text: str, name: str) -> Any:
    from sbmlqsp.engine.ssa_model import sources

    source = f"{head}{text.rstrip()}\n"
    digest = hashlib.sha256(
        (sources("ssa_*.py", "ode_*.py") + source).encode()
    ).hexdigest()  # what it calls is compiled into it
    return getattr(load(f"sbmlqsp_cells_{digest[:32]}", source), name)
