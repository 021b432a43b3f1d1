"""What each tool makes of each feature of SBML: one small model per feature, run in every tool that is installed.

    python -m validation.cross.probes [--only FEATURE,…] [TOOL …]

The table of this run is the evidence behind the rows of ``sbmlqsp/targets/tables`` that say *measured*. A model whose
right curve this package does not compute itself brings it as a formula.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import sbmlqsp as qsp
from validation.cross.tools import TOOLS, Job, judged, truth_of

POINTS, END = 40, 10.0
MATH = 'xmlns="http://www.w3.org/1998/Math/MathML"'
Exact = Callable[[np.ndarray], dict[str, np.ndarray]]
Edit = Callable[[str], str]


@dataclass(frozen=True)
class Probe:
    """A small model with one feature: Antimony, perhaps edited as SBML.

    ``exact`` gives the right values of symbols where this package refuses the model.
    """

    feature: str
    antimony: str
    edit: Edit | None = None
    exact: Exact | None = None

    def sbml(self) -> str:
        """Return the document that goes to the tools, by no path through a conversion."""
        text = qsp.read_antimony(self.antimony).sbml
        return self.edit(text) if self.edit else text


def probe(feature: str, body: str, *, before: str = "", edit: Edit | None = None, exact: Exact | None = None) -> Probe:
    return Probe(feature, f"{before}\nmodel probe\n{body}\nend", edit, exact)


def swapped(*pairs: tuple[str, str]) -> Edit:
    """Return an edit that replaces texts, each of which must be there."""

    def edit(text: str) -> str:
        for old, new in pairs:
            if old not in text:
                raise ValueError(f"{old!r} is not in the document")
            text = text.replace(old, new)
        return text

    return edit


ONE = "compartment c = 1; species S in c; S = 10; "
TWO = "compartment c = 1; species S in c, P in c; S = 10; P = 0; "
DECAY = ONE + "k = 0.3; J: S => ; c*k*S;"
MM = "k = 0.3; K = 4;"
SATURATED = f"compartment c = 2; species S in c; S = 10; {MM} J: S => ; c*k*S/(K + S);"
APPLY = "<apply><{}/><ci> S </ci><cn> 0.1 </cn></apply>"
LOCAL = swapped(
    ("</math>", '</math><listOfLocalParameters><localParameter id="k" value="0.3"/></listOfLocalParameters>')
)
AS_AMOUNT = swapped(('initialConcentration="10"', 'initialAmount="20"'))
FACTOR = swapped(('compartment="c" initial', 'compartment="c" conversionFactor="f" initial'))
MODEL_FACTOR = swapped((' id="probe"', ' id="probe" conversionFactor="f"'))
REACTIONS = "<listOfReactions>"
CORE = "http://www.sbml.org/sbml/level3/version2/core"
UNIT = swapped(("<cn type", f'<cn xmlns:sbml="{CORE}" sbml:units="dimensionless" type'))
CONDITION = f"<constraint><math {MATH}>{APPLY.format('gt')}</math></constraint>"
CONSTRAINT = swapped((REACTIONS, f"<listOfConstraints>{CONDITION}</listOfConstraints>{REACTIONS}"))
TWICE = "<apply><minus/><ci>q</ci><apply><times/><cn>2</cn><ci>S</ci></apply></apply>"
RULE = f"<algebraicRule><math {MATH}>{TWICE}</math></algebraicRule>"
ALGEBRAIC = swapped((REACTIONS, f"<listOfRules>{RULE}</listOfRules>{REACTIONS}"))
LATE = (
    '<apply><csymbol encoding="text" definitionURL="http://www.sbml.org/sbml/symbols/delay"> delay </csymbol>'
    "<ci> S </ci><cn> 100 </cn></apply>"
)
RATIO = f"<apply><divide/>{LATE}{LATE}</apply>"


def _decay(t: np.ndarray) -> dict[str, np.ndarray]:
    return {"S": 10 * np.exp(-0.3 * t)}


DOSE = "E: at (time >= 3.1): S = S + 5;"
PROBES = (
    probe("nothing", DECAY),
    probe("compartment-not-one", SATURATED),
    probe("initial-amount", SATURATED, edit=AS_AMOUNT),
    probe("amount-species", f"compartment c = 2; substanceOnly species S in c; S = 10; {MM} J: S => ; k*S/(K + S);"),
    probe("mixed-species", f"compartment c = 2; substanceOnly species S in c; species P in c; S = 10; P = 0; {MM} "
          "J: S => P; k*S/(K + S); J2: P => ; c*k*P/(K + P);"),
    probe("two-compartments", "compartment c = 2, d = 5; species S in c, P in d; S = 10; P = 0; k = 0.3; "
          "J: S => P; c*k*S; B: P => S; d*0.1*P;"),
    probe("boundary-species", DECAY + "species $B in c; B = 3; J2: $B => S; c*0.1*B;"),
    probe("constant-species", DECAY + "const species B in c; B = 3; J2: => S; c*0.1*B;"),
    probe("reversible-law", TWO + "J: S -> P; c*(0.3*S - 0.1*P);"),
    probe("stoichiometry-not-one", TWO + "J: 2 S => 3 P; c*0.01*S*S;"),
    probe("stoichiometry-not-whole", TWO + "J: S => 0.5 P; c*0.3*S;"),
    probe("stoichiometry-varying", TWO + "n := 1 + S/10;"
          "J: S => n P; c*0.3*S;"),
    probe("stoichiometry-computed", TWO + "q = 3; n = q/2;"
          "J: S => n P; c*0.3*S;"),
    probe("stoichiometry-in-formula", TWO + "n = 2; J: S => n P; c*0.3*n*S;"),
    probe("reaction-in-formula", DECAY + "species P in c; P = 0; J2: => P; 0.5*J;"),
    probe("local-parameter", DECAY.replace("k = 0.3", "k = 0.9"), edit=LOCAL),
    probe("function-definition", DECAY.replace("c*k*S", "c*mm(k, S, 4)"),
          before="function mm(v, s, K) v*s/(K + s) end"),
    probe("conversion-factor", DECAY + "f = 0.5;", edit=FACTOR),
    probe("conversion-factor-of-model", DECAY + "f = 0.5;", edit=MODEL_FACTOR),
    probe("assignment-rule", ONE + "r := 0.3/(1 + S); J: S => ; c*r*S;"),
    probe("assignment-rules-out-of-order", ONE + "J: S => ; c*r*S; r := q/2; q := 0.3/(1 + S);"),
    probe("assignment-rule-on-species", DECAY + "species $T in c; T := 2*S; J2: => S; c*0.01*T;"),
    probe("assignment-rule-on-compartment", "compartment c; c := 1 + time/10; species S in c; S = 10; "
          "J: S => ; c*0.3*S;"),
    probe("rate-rule-on-parameter", DECAY.replace("k = 0.3;", "k = 0.3; k' = -0.1*k;")),
    probe("rate-rule-on-species", ONE + "S' = -0.3*S;"),
    probe("rate-rule-on-species-in-volume", "compartment c = 2; species S in c; S = 10; S' = -0.3*S/(4 + S);"),
    probe("rate-rule-on-compartment", ONE + "c' = 0.2*c; J: S => ; c*0.3*S;"),
    probe("initial-assignment", "compartment c = 1; species S in c; q = 2; S = 5*q; k = q*0.15; J: S => ; c*k*S;"),
    probe("initial-assignment-read-later", "compartment c = 1; species S in c; S = 5*q; J: S => ; c*0.3*S; q = 2;"),
    probe("initial-assignment-of-rate-rule", ONE + "J: S => ; c*k*S; k = q/7; k' = -0.1*k; q = 2;"),
    probe("number-with-unit", DECAY.replace("c*k*S", "c*k*S*2"), edit=UNIT),
    probe("algebraic-rule", DECAY + "var q; q = 20;", edit=ALGEBRAIC,
          exact=lambda t: {"S": 10 * np.exp(-0.3 * t), "q": 20 * np.exp(-0.3 * t)}),
    probe("constraint", DECAY, edit=CONSTRAINT),
    probe("species-without-volume", "species S; S = 10; J: S => ; 0.3*S;"),
    # ---------------------------------------------------------------------------------------------------------- events
    probe("event", DECAY + DOSE),
    probe("event-on-state", DECAY + "E: at (S < 5): S = S + 5;"),
    probe("event-on-parameter", DECAY + "E: at (time >= 3.1): k = 0.1;"),
    probe("event-on-rated-parameter", DECAY + "var D; D = 0; D' = -0.2*D; J2: => S; D; "
          "E: at (time >= 3.1): D = D + 5;"),
    probe("event-in-volume", SATURATED + DOSE),
    probe("event-at-start", DECAY + "E: at (time >= 0), t0=false: S = S + 5;"),
    probe("event-true-at-start", DECAY + "E: at (S > 5), t0=true: k = 3;"),
    probe("event-delay", DECAY + "E: at 2 after (time >= 3.1): S = S + 5;"),
    probe("event-delay-old-values", DECAY + "E: at 2 after (time >= 3.1), fromTrigger=true: S = S + 5;"),
    probe("event-delay-new-values", DECAY + "E: at 2 after (time >= 3.1), fromTrigger=false: S = S + 5;"),
    probe("event-priority", DECAY + "E: at (time >= 3.1), priority=1, fromTrigger=false: S = S + 5;"
          "F: at (time >= 3.1), priority=10, fromTrigger=false: S = 2*S;"),
    probe("event-not-persistent", DECAY + "E: at 2 after (time >= 3.1 && time < 4), persistent=false: S = S + 5;"),
    probe("event-repeated", DECAY + "var n; n = 1; E: at (time >= 2.1*n): S = S + 5, n = n + 1;"),
    probe("event-narrow", DECAY + "E: at (time >= 3.1 && time < 3.1001): S = S + 5;"),
    # -------------------------------------------------------------------------------------------------------- formulas
    probe("time", DECAY.replace("c*k*S", "c*k*S/(1 + time)")),
    probe("avogadro", DECAY.replace("c*k*S", "c*k*S*avogadro/6e23")),
    probe("delay", DECAY, edit=swapped(("<ci> k </ci>", f"<apply><times/><ci> k </ci>{RATIO}</apply>")), exact=_decay),
    probe("rate-of", DECAY + "species P in c; P = 0; J2: => P; -c*rateOf(S);"),
    probe("piecewise", DECAY.replace("c*k*S", "piecewise(c*k*S, S > 4, c*k*2)")),
    probe("piecewise-of-time", DECAY + "J2: => S; piecewise(4, time >= 3.1 && time < 4.1, 0);"),
    probe("piecewise-of-time-short", DECAY + "J2: => S; piecewise(4000, time >= 3.3 && time < 3.301, 0);"),
    probe("piecewise-periodic", DECAY + "J2: => S; piecewise(4, time - 3.1*floor(time/3.1) < 0.5, 0);"),
    probe("min-max", DECAY.replace("c*k*S", "c*k*min(S, 4) + max(S, 4)/100")),
    probe("rem-quotient", DECAY.replace("c*k*S", "c*k*S/(1 + rem(7, 4) + quotient(7, 4))")),
    probe("implies", DECAY.replace("c*k*S", "piecewise(c*k*S, implies(S > 4, k > 0.1), c*k*2)")),
    probe("xor", DECAY.replace("c*k*S", "piecewise(c*k*S, xor(S > 4, k > 0.5), c*k*2)")),
    probe("floor-ceil", DECAY.replace("c*k*S", "c*k*S/(1 + floor(2.5) + ceil(2.5))")),
    probe("abs", DECAY.replace("c*k*S", "c*abs(-k*S)")),
    probe("root", DECAY.replace("c*k*S", "c*k*sqrt(S)")),
    probe("factorial", DECAY.replace("c*k*S", "c*k*S/factorial(3)")),
    probe("log10", DECAY.replace("c*k*S", "c*k*log10(1 + S)")),
    probe("hyperbolic", DECAY.replace("c*k*S", "c*k*tanh(S)")),
    probe("inverse-hyperbolic", DECAY.replace("c*k*S", "c*k*arcsinh(S)")),
    probe("secant", DECAY.replace("c*k*S", "c*k*S*sec(0.3)")),
    probe("powers", DECAY.replace("c*k*S", "c*k*S^1.5/(2 + S^1.5)")),
)  # fmt: skip


def main(arguments: list[str]) -> int:
    only = [a.partition("=")[2].split(",") for a in arguments if a.startswith("--only=")]
    tools = [a for a in arguments if not a.startswith("-")] or list(TOOLS)
    chosen = [p for p in PROBES if not only or p.feature in only[0]]
    silent = 0
    print(f"{'feature':32}" + "".join(f"{t:>12}" for t in tools))
    notes: dict[str, str] = {}
    for one in chosen:
        text = one.sbml()
        truth = truth_of(text, END, POINTS, exact=one.exact)
        cells = []
        for tool in tools:
            verdict = judged(tool, Job(text, END, POINTS, tuple(truth)), truth)
            cells.append(verdict.cell)
            silent += verdict.wrong and not verdict.said
            if verdict.said or verdict.wrong:
                notes[f"{one.feature} in {tool}"] = f"{verdict.cell}: {verdict.said or verdict.where}"
        print(f"{one.feature:32}" + "".join(f"{c:>12}" for c in cells), flush=True)
    print(*(f"{k}: {v}" for k, v in notes.items()), sep="\n")
    print(f"{len(chosen)} features in {', '.join(tools)}; {silent} come out wrong without a word")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
