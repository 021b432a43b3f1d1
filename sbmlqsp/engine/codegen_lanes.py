"""A jump system as two functions over several cells side by side, one after the other in vector instructions.

``leap`` makes the jump that every cell has come to, draws its random numbers, computes all its propensities, and finds
when its next jump is and in which channel; what is put out before that jump still sees the counts. No cell waits for a
branch of another, and no dependency graph is asked: for networks of up to some two hundred channels that is several
times as fast as to update one cell's propensities alone. The arithmetic is that of a cell alone, in the same order.
``display`` gives the outputs of one cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from sbmlqsp.engine.codegen import HEAD, Writer, function, indented
from sbmlqsp.engine.jumps import JumpSystem
from sbmlqsp.engine.rendering import numeric
from sbmlqsp.engine.ssa_status import BLOCK, LANES, ROWS
from sbmlqsp.expressions import Expr

__all__ = ["runs_in_lanes", "source_of_lanes", "table_of", "trusted"]

MOST_CHANNELS = 200


def runs_in_lanes(system: JumpSystem, *, fates: int = 0) -> bool:
    """Return whether cells of a system may run side by side: nothing moves or is watched between jumps."""
    laws = [c.law for c in system.channels]
    return (
        0 < len(system.channels) <= MOST_CHANNELS
        and not (system.flows or system.events or fates or system.moves(*laws))
        and all(size.op == "num" for c in system.channels for size in c.change.values())
    )


def never_negative(system: JumpSystem, law: Expr) -> bool:
    """Return whether a propensity is none below zero, as long as no constant of the model is."""
    if law.op == "num":
        return float(law.value or 0.0) >= 0.0
    if law.op == "sym":
        name = str(law.value)
        rule = system.rules.get(name)
        return name in system.counted or name in system.constants or (rule is not None and never_negative(system, rule))
    return law.op in {"add", "mul", "div"} and all(never_negative(system, a) for a in law.args)


def trusted(system: JumpSystem) -> list[int]:
    """Return the places of the constants that must not be negative for ``never_negative`` to be true."""
    laws = [c.law for c in system.channels if never_negative(system, c.law)]
    read = system.reads(*laws)
    return [i for i, name in enumerate(system.constants) if name in read]


def source_of_lanes(system: JumpSystem, *, outputs: Sequence[str]) -> str:
    """Return the source of a system's functions."""
    writer = _Lanes(system)
    head = HEAD + "from sbmlqsp.engine.ssa_arithmetic import bits_of, exponential, of_bits, philox, pick\n\n"
    return head + "\n\n".join([writer.leap(), writer.laws(), writer.display(outputs)]) + "\n"


def table_of(system: JumpSystem) -> tuple[Any, Any, int]:
    """Return the places in ``w`` that each channel changes, by how much, and how many for each.

    Those of channels that change fewer are filled up with a place that nothing reads.
    """
    first = {name: (len(ROWS) + i) * LANES for i, name in enumerate(system.states)}
    changes = [sorted((first[n], float(d.value or 0)) for n, d in c.change.items()) for c in system.channels]
    most = max(1, *map(len, changes))
    unread = LANES * (len(ROWS) + len(first) + len(system.constants) + -(-len(changes) // BLOCK) * BLOCK)
    filled = [c + [(unread, 0.0)] * (most - len(c)) for c in changes]
    places, sizes = zip(*(pair for c in filled for pair in c), strict=True)
    return np.array(places, dtype=np.uint64), np.array(sizes), most


class _Lanes(Writer):
    """Writes loops over the lanes of ``w``, in which row r of lane l is ``w[r * LANES + l]``."""

    def __init__(self, system: JumpSystem) -> None:
        super().__init__(system)
        self._first = {"x": len(ROWS)}
        self._first["p"] = self._first["x"] + len(self._x)
        self._first["a"] = self._first["p"] + len(self._p)
        self._first["b"] = self._first["a"] + self._blocks * BLOCK

    @staticmethod
    def _at(row: int) -> str:
        return f"w[{row * LANES} + l]"

    def _row(self, name: str) -> str:
        return self._at(ROWS.index(name))

    def _read(self, lines: Iterable[str]) -> list[str]:
        """Let lines read states and constants from locals, which are read once."""
        lines = [re.sub(r"\b([xp])\[(\d+)\]", r"\1\2", line) for line in lines]
        found = {(kind, int(i)) for line in lines for kind, i in re.findall(r"\b([xp])(\d+)\b", line)}
        return [*(f"{kind}{i} = {self._at(self._first[kind] + i)}" for kind, i in sorted(found)), *lines]

    def leap(self) -> str:
        """Write the loops that make the jump each lane has come to, and find when its next is and in which channel."""
        every = range(len(self.system.channels))
        loops = [self._drawn(), [f"{self._row('wait')} = exponential({self._row('wait')})"]]
        if self._blocks == 1:
            loops.append([*self._gone_on(self._fired()), *self._sums(every), *self._next()])
        else:  # in pieces, so that what is at hand fits into registers
            loops[0] += self._gone_on([])
            loops += [*(self._sums(every[k : k + BLOCK]) for k in every[::BLOCK]), self._next()]
        written = [line for lines in loops for line in ("for l in range(n):", *indented(lines))]
        return function("leap", "LEAP", "w, n", written)

    def _sums(self, which: range) -> list[str]:
        """Write the sums of propensities of a block so far."""
        laws = [self.system.channels[k].law for k in which]
        lines = ["t = " + self._row("time"), *self._read([*self._locals(laws), *self._named(which)])]
        for k in which:
            lines.append(f"s{k} = a{k}" if k == which[0] else f"s{k} = s{k - 1} + a{k}")
            if self._blocks > 1:
                lines.append(f"{self._at(self._first['a'] + k)} = s{k}")
        doubtful = [f"a{k}" for k in which if not never_negative(self.system, self.system.channels[k].law)]
        if self._blocks > 1 and doubtful:
            lines += [*_least(doubtful), "fault = " + self._row("fault"),
                      f"{self._row('fault')} = pick(least >= 0.0, fault, 1.0)"]  # fmt: skip
        elif self._blocks == 1:
            lines += _least(["s0", *doubtful])
        return lines

    def laws(self) -> str:
        """Write the propensities of one lane."""
        lines = [f"a[{k}] = a{k}" for k in range(len(self.system.channels))]
        laws = [c.law for c in self.system.channels]
        first = self._read([*self._locals(laws), *self._named(range(len(laws)))])
        return function("laws", "LAWS", "w, l, a", [f"t = {self._row('time')}", *first, *lines])

    def _named(self, which: range) -> list[str]:
        return [f"a{k} = {numeric(self.system.channels[k].law, self._name)}" for k in which]

    def _drawn(self) -> list[str]:
        rows = ("counter", "replicate", "key_0", "key_1")
        return [*(f"{name} = bits_of({self._row(name)})" for name in rows), f"u, v = philox({', '.join(rows)})",
                f"{self._row('counter')} = of_bits(counter + np.uint64(1))", f"{self._row('wait')} = u",
                f"{self._row('which')} = v"]  # fmt: skip

    def _next(self) -> list[str]:
        """Write how the next jump follows from propensities: the channel, or its block where there are several."""
        count, known = len(self.system.channels), {n: n for n in ("wait", "limit", "fault")}
        ends = [min(j * BLOCK + BLOCK, count) - 1 for j in range(self._blocks)]
        known |= {"t": "time", "v": "which"}
        once, lines = self._blocks == 1, [f"{name} = {self._row(row)}" for name, row in known.items()]
        if not once:
            lines += [f"s{k} = {self._at(self._first['a'] + k)}" for k in ends]
            lines.append("least = 0.0")
        lines += [f"every_{j} = {f'every_{j - 1}' if j else '0.0'} + s{k}" for j, k in enumerate(ends)]
        lines += [f"every = every_{self._blocks - 1}", "reach = t + wait / every", "target = v * every",
                  "chosen, before = 0.0, 0.0"]  # fmt: skip
        for size in [f"s{k}" for k in range(count)] if once else [f"every_{j}" for j in range(self._blocks - 1)]:
            lines += [f"on = target >= {size}", "chosen = chosen + pick(on, 1.0, 0.0)"]
            if not once:
                lines.append(f"before = pick(on, {size}, before)")
        lines += ["sound = (least >= 0.0) & (every < math.inf) & (fault == 0.0)",
                  "ok = (reach < limit)" + (f" & (chosen < {float(count)!r})" if once else "")]  # fmt: skip
        rows = {"reach": "reach", "chosen": "chosen", "asks": "pick(sound, pick(ok, 0.0, 1.0), 2.0)"}
        if not once:
            rows["target"] = "target - before"
        return [*lines, *(f"{self._row(row)} = {text}" for row, text in rows.items())]

    def _fired(self) -> list[str]:
        """Write the jump itself."""
        lines = []
        for name, place in self._x.items():
            sizes = {k: c.change[name].value for k, c in enumerate(self.system.channels) if name in c.change}
            if sizes:
                row = self._at(self._first["x"] + place)
                change = " + ".join(f"pick(chosen == {float(k)!r}, {float(d or 0)!r}, 0.0)" for k, d in sizes.items())
                lines += [f"y{place} = {row} + ({change})", f"{row} = y{place}"]
        return lines

    def _gone_on(self, jump: list[str]) -> list[str]:
        """Write the time and number of jumps after one, and whether the cell can go on with its new counts."""
        new = [f"y{place}" for place in self._x.values() if f"y{place}" in " ".join(jump)]
        return [f"chosen = {self._row('chosen')}", *jump, "go = chosen >= 0.0",
                f"{self._row('time')} = pick(go, {self._row('reach')}, {self._row('time')})",
                f"jumps = {self._row('jumps')} + pick(go, 1.0, 0.0)", f"{self._row('jumps')} = jumps",
                *_least(new or ["0.0"]), f"bad = (least < 0.0) | (jumps > {self._row('most')})",
                f"{self._row('fault')} = pick(bad, 1.0, {self._row('fault')})"]  # fmt: skip

    def display(self, outputs: Sequence[str]) -> str:
        """Write the outputs of one lane."""
        names = [n for column in outputs for n in self._needs(Expr("sym", value=column.strip("[]")))]
        homes = [self.system.network.symbols[n].compartment for n in names if n in self.system.network.symbols]
        lines = self._locals((), [*names, *homes])
        lines += [f"out[at + {i}] = {self._selection(column)}" for i, column in enumerate(outputs)]
        return function("display", "DISPLAY", "w, l, t, out, at", self._read(lines) or ["pass"])


def _least(names: list[str]) -> list[str]:
    return [f"least = {names[0]}", *(f"least = pick(least < {n}, least, {n})" for n in names[1:])]
