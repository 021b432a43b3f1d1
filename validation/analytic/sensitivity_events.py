"""Sensitivities through events, and rates that jump at a threshold, against differences of fine simulations.

``python -m validation.analytic.sensitivity_events [WORD ...]`` prints by model (those whose name holds a word, where
words are given) and parameter the largest relative error, as ``validation.analytic.sensitivities`` does, then negative
controls, in which one part of the rule for events is left out, and what further parameters cost.
"""

from __future__ import annotations

import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np

import sbmlqsp as qsp
from sbmlqsp import sensitivity_run
from sbmlqsp.engine import ode_sensitivity_batch, ode_sensitivity_turns
from sbmlqsp.subjects import read_subjects
from validation.analytic.sensitivities import REQUIRED, Row, differences, errors

__all__ = ["main"]

REDOSED = """compartment V; V = 20; species C in V; C = D0/V; D0 = 100; D1 = 60; k = 0.2; ke = 0.7; low = 1.3; n = 0
  J: C -> ; k*C*V + ke*C; again: at (C < low): C = C + D1/V, n = n + 1"""
DELAYED = """x = 3; x' = -k*x; k = 0.4; a = 1.2; lag = 0.7; g = 0.15; y = 0; y' = x - 0.1*y; w = 0.3
  early: at lag + g*x after (x < a): y = y + 2*x
  late: at lag*1.5 after (x < a), fromTrigger=false: y = y*0.5 + x^2, w = w + x*lag"""
TIMED = """x = 3; x' = -k*x + u; k = 0.4; T = 2.1; d = 1.3; u = 0; u0 = 0.8
  on: at (time > T): u = u0*x; off: at (time >= T + d): u = 0"""
TRIGGERED = """compartment V; V = 5; species A in V; substanceOnly species A; k = 0.3; J: A -> ; k*A
  m = 0; m' = f*A; f = 0.1; hi = 8; q = 0.4; tl = 0.3; Fb = 0.9; Du = 2.1
  high: at (A/V > hi): f = f*q, A = A*0.9; low: at (A/V < 2): f = 0.1 + 0.01*A"""
CLOCK = "x = 1; x' = r*x; r = 0.3; last = 0; P = 1.4; c = 0.5; tick: at (time - last >= P): last = time, x = x*c"
VOLUMES = """compartment V; V = 2; species S in V, T in V; S = 3; T = 1; k = 0.3; J: S -> T; k*S*V; thr = 1.4; f = 2.5
  grow: at (S < thr): V = V*f, S = S + 0.2; later: at 0.5 after (S < thr): T = T*V"""
GROWING = """compartment V; V = 2; V' = g*V; g = 0.1; species S in V; S = 3; k = 0.2; J: S -> ; k*S^2*V; thr = 1.1
  one: at (S < thr): S = S + 1.3, V = V*0.8; two: at 1.5 after (V > 2.9): S = S*V"""
LOGIC = """x = 0; x' = v; v = 1.1; y = 5; y' = -k*y; k = 0.3; z = 1; z' = -0.1*z; a = 1.7; b = 2.2
  first: at (x > a && y < 4), priority = 2: z = z + x; second: at (x > a && y < 4), priority = 1: z = z*2
  either: at (x > b || y < 1.5): y = y + b, z = z + y"""
PERSISTENT = """x = 0; x' = v*cos(w*time); v = 1; w = 1.5; a = 0.4; y = 0; y' = -0.3*y
  firm: at 0.9 after (x > a): y = y + x; lost: at 2.0 after (x > a), persistent=false: y = y + 100
  kept: at 0.5 after (x > a), persistent=false, fromTrigger=false: y = y + x^2"""
ADJUSTED = """compartment V; V = 5; species C in V; C = 0; k = 0.3; J: C -> ; k*C*V; D0 = 20; f = 0.75; cut = 2
  give: at (time >= 4): C = C + D0/V*piecewise(f, C > cut, 1), D0 = D0*f; next: at (time >= 8): C = C + D0/V"""
STARTING = """x = 3; x' = -k*x; k = 0.4; T = 1
  first: at (x > 2), t0=false: x = x*k + 1; second: at (time >= 0), t0=false: x = x + T"""
WINDOWS = """P = 2; w = 0.5; z = 1; z' = -z
  begin: at (time - P*floor(time/P) < w): z = z + w*time; stop: at (time - P*floor(time/P) >= w): z = z*0.9"""
GIVEN = "u = 0; z = 1; z' = u - z; k = 2; L = 0.5; am = 3; e: at (time >= 1): u = u*k"
WAVES = "a = 1; w = 3; z = 0; z' = 0; e: at (sin(w*time) > 0.5): z = z + a*time*w"
CURVED = """x = 1; x' = -k*x; k = 0.3; T = 1; z = 1
  one: at (time > T + x): z = z*2*time; two: at (time^2 > T*6 + x): z = z + time, x = x + 1"""
BOUNDARY = """compartment V; V = 3; species $B in V, A in V; B = b; b = 2; A = 1; J: A -> ; k*A*B*V; k = 0.4; f = 0.6
  more = 0.9; e: at (A < 0.3): B = B*f, A = A + more"""
RULES = """x = 2; x' = -k*x^1.2; k = 0.5; h := x^2/(1 + x) + 0.1*time; y := h*k; lim := 2*c; c = 0.3; z = 0; z' = h
  e: at y/3 after (h < lim + y/5): x = x + y, k = k*h"""
FIXED = """x = 2; x' = -k*x; k = 0.5; d = 1.5
  one: at (time >= 2): x = x + d; two: at (time >= 4 && x > 0.5): x = x*d, k = k + d/10"""
BALL = """y = h; h = 1; v = 0; g = 9.81; e = 0.8; y' = v; v' = -g; n = 0
  bounce: at (y < 0 && v < 0): v = -e*v, n = n + 1"""

HALVED = "S = 10; k = 1; c = 5; on = 1; S' = -k*piecewise(S, {}, 0.5*S)"
PUSHED = "x = 1; v = 0; x' = v; v' = -w*x + e*piecewise(1, {}, 0) - d*v; w = 2; e = 0.5; c = 0.2; d = 0.1; on = 1"
LEVELS = """compartment V; V = 5; species A in V; substanceOnly species A; k = 0.3; hi = 4; lo = 2; Du = 2.2
  on = 0; s = 0; J: A -> ; piecewise(2*k*A, {}, k*A, {}, 0.3*k*A)"""
RULED = """x = 0; x' = a - b*x; a = 2; b = 0.4; c = 3; f := piecewise(g, {}, h); g = 0.5; h = 1.7; on = 0
  y = 1; y' = f*x - 0.2*y"""
EATEN = "x = 3; x' = -k*piecewise(x, {}, c); k = 0.5; c = 2; on = 1; again: at (x < 0.5): x = x + u; u = 2.7"
SET = "; rise{}: at ({}): {} = 1; fall{}: at (!({})): {} = 0"


def rooted(text: str, *conditions: str) -> tuple[str, str]:
    """Return a model whose rates jump at conditions on states, and the same with events that set which side holds.

    Differences of the second are finer: a solver that runs into a jump without warning is off by its tolerance.
    """
    names = ("on", "s")[: len(conditions)]
    events = "".join(SET.format(k, c, n, k, c, n) for k, (c, n) in enumerate(zip(conditions, names, strict=True)))
    return text.format(*conditions), text.format(*(f"{n} > 0.5" for n in names)) + events


def rows() -> Iterator[tuple[Row, Row]]:
    """Return what is compared, and of what the differences are taken."""
    dose = qsp.Dose

    def row(
        name: str, text: str | tuple[str, str], parameters: str, times: tuple[float, ...], shown: str, *regimen: Any
    ) -> tuple[Row, Row]:
        made = []
        for own in (text, text) if isinstance(text, str) else text:
            model = qsp.read_antimony(f"model {name.split()[0]}\n  {own}\nend")
            made.append(Row(name, model, tuple(parameters.split()), times, tuple(shown.split()), list(regimen) or None))
        return made[0], made[1]

    yield row("bouncing ball", BALL, "h g e", (0, 0.3, 0.5, 0.9, 1.1, 1.4), "y v n")
    yield row("redosed below a threshold", REDOSED, "V D0 D1 k ke low", (0.5, 3, 8, 15, 30), "C n")
    yield row("delayed", DELAYED, "k a lag g x", (1, 2.2, 3.5, 6), "x y w y*w")
    yield row("timed by parameters", TIMED, "k T d u0 x", (1, 2.5, 3.0, 5, 7), "x u")
    yield row("triggered by doses", TRIGGERED, "V k hi q tl Fb f", (1, 2.2, 4.5, 7, 11), "A m f",
              dose("50*Fb", "A", lag="tl", interval=4, count=3))  # fmt: skip
    yield row("infused over thresholds", TRIGGERED, "V k hi Du tl q", (1, 2.2, 4.5, 7, 11), "A m f",
              dose("90*V/5", "A", lag="tl", duration="Du", interval=6, count=2))  # fmt: skip
    yield row("clock that is set by its events", CLOCK, "r P c x", (1, 2, 3.5, 5, 9), "x last")
    yield row("sizes", VOLUMES, "V S T k thr f amount(S)", (1, 2.2, 3.5, 5, 9), "S T V amount(S) amount(T)")
    yield row("growing_volume", GROWING, "g k V S thr", (1, 2.2, 3.5, 5, 9), "S V amount(S)")
    yield row("priorities and logic", LOGIC, "v y k a b", (1, 1.8, 2.5, 3, 4.5, 8), "x y z")
    yield row("persistence", PERSISTENT, "v w a", (1, 1.8, 2.5, 3, 4.5, 8), "x y")
    yield row("adjusted doses", ADJUSTED, "V k D0 f cut", (3, 5, 9), "C D0", dose(30, "C"))
    yield row("starting at once", STARTING, "k T x", (0, 1, 3), "x")
    yield row("windows in time", WINDOWS, "P w z", (0, 1, 3, 5.2), "z")
    yield row("assigned and dosed", GIVEN, "k L am", (0, 0.7, 3), "z u", dose("am", "u", lag="L"))
    yield row("waves", WAVES, "a w", (0, 1, 2), "z")
    yield row("curved in time and states", CURVED, "k T x", (0, 1.2, 2, 4), "x z")
    yield row("boundary that events set", BOUNDARY, "b V k f more", (1, 2.5, 4, 7), "A B")
    yield row("rules", RULES, "k c x", (1, 2.2, 3.5, 5, 9), "x z y")
    yield row("fixed times, shown just then", FIXED, "k d x", (0, 2, 3.5, 4, 9), "x")
    yield row("rate halved below a threshold", rooted(HALVED, "S > c"), "k S c", (0, 0.5, 1, 4), "S")
    yield row("rule that jumps", rooted(RULED, "x > c"), "a b c g h", (0, 0.5, 1, 4, 8), "x y f")
    yield row("pushed to and fro", rooted(PUSHED, "x > c"), "w e c d x", (0, 0.5, 1, 4, 8), "x v")
    yield row("eaten and given again", rooted(EATEN, "x > c"), "k c u x", (0.2, 2.2, 4.5, 7, 11), "x")
    yield row("levels of an infused drug", rooted(LEVELS, "A/V > hi", "A/V > lo"), "V k hi lo Du",
              (0.2, 2.3, 4.5, 7, 11), "A", dose(90, "A", duration="Du", interval=6, count=2))  # fmt: skip


# ------------------------------------------------------------------------------------------------------------ controls
def without_thresholds(*args: Any) -> str:
    """Return ``turn`` as if only states moved what events read."""
    return re.sub(r"(q\[\d+\])(?! =)", r"(0.0*\1)", source_of_turns(*args))


def without_delays(self: Any, event: Any) -> list[str]:
    """Return what an event changes as if its delay stood still."""
    lines = event_turns(self, event)
    begin = lines.index("elif what == 3:")
    return ["if what == 2:", "    out[0] = 0.0", *lines[begin:]]


source_of_turns = ode_sensitivity_turns.source_of_turns
event_turns = ode_sensitivity_turns._Turning._event_turns
CONTROLS: tuple[tuple[str, str, Any, str, Callable[..., Any]], ...] = (
    ("times of events stand still", "timed by parameters", sensitivity_run, "switch_instants", lambda *_, **__: []),
    ("thresholds stand still", "redosed below a threshold", ode_sensitivity_batch, "source_of_turns",
     without_thresholds),
    ("delays stand still", "delayed", ode_sensitivity_turns._Turning, "_event_turns", without_delays),
    ("what is assigned keeps its slope", "bouncing ball", ode_sensitivity_turns._Turning, "_assigned",
     lambda *_: []),
)  # fmt: skip


def control(known: tuple[Row, Any], part: Any, name: str, instead: Callable[..., Any]) -> float:
    """Return the largest error where a part of the method is replaced."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(sensitivity_run, "_CACHE", OrderedDict()))
        stack.enter_context(patch.object(part, name, instead))
        return max(errors(*known).values())


def cost() -> list[tuple[int, float]]:
    """Return the seconds of 64 subjects of a chain that is dosed again and again, by number of parameters."""
    chain = "; ".join(f"x{k} = 0; x{k}' = k{k - 1}*x{k - 1} - k{k}*x{k}; k{k} = {1 + 0.05 * k}" for k in range(1, 20))
    text = (
        f"model chain; x0 = 10; x0' = -k0*x0; k0 = 0.8; low = 2; more = 10; {chain}; e: at (x0 < low): x0 = x0 + more"
    )
    arm = qsp.Experiment(qsp.read_antimony(f"{text}; end"), times=[1, 10, 40.5], observables=["x0", "x19"])
    people, out = read_subjects({"k0": np.linspace(0.7, 0.9, 64)}, (arm,)), []
    for count in (1, 5, 10, 20):
        ready = sensitivity_run.Differentiated(arm, people, ["low", "more", *(f"k{k}" for k in range(1, 19))][:count])
        ready.run(threads=1)
        spent = []
        for _ in range(3):
            begin = time.perf_counter()
            ready.run(threads=1)
            spent.append(time.perf_counter() - begin)
        out.append((count, median(spent)))
    return out


def main(*words: str) -> int:
    """Print the table; return how many rows or controls fail."""
    failed, known = 0, {}
    for row, other in rows():
        if words and not any(w in row.name for w in words):
            continue
        known[row.name] = row, differences(other)
        for name, error in errors(*known[row.name]).items():
            failed += not error <= REQUIRED
            print(f"{'ok  ' if error <= REQUIRED else 'FAIL'} {row.name:34s} {name:12s} {error:.1e}", flush=True)
    for what, name, part, attribute, instead in CONTROLS:
        if name in known:
            worst = control(known[name], part, attribute, instead)
            failed += not worst > REQUIRED
            print(f"{'ok  ' if worst > REQUIRED else 'FAIL'} control: {what:36s} {worst:.1e} is seen to be wrong")
    for count, seconds in cost() if not words else ():
        print(f"     {count:2d} parameters, 64 subjects: {seconds:.3f} s")
    print(f"{failed} of the table fail")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:]), 1))
