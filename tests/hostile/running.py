"""Models that are valid and run away: events without end, infinite rates, steps that shrink."""

from __future__ import annotations

from tests.hostile import Files, hostile
from tests.hostile.antimony import model
from tests.hostile.texts import apply, cn, rules, sbml

RUN = {"act": "run", "suffix": ".ant"}


@hostile("runs: events", **RUN)
def events() -> Files:
    ball = ("y = 1", "v = 0", "y' = v", "v' = -9.81")
    yield "a ball that bounces less and less", model(*ball, "at (y < 0): v = -0.5*v, y = 0")
    yield "a ball on the floor", model(*ball, "at (y <= 0), t0=false: v = -v")
    yield "each sets off the next", model("a = 1; b = 0", "at (a > b): b = b + 2", "at (b > a): a = a + 2")
    yield "each sets off itself", model("a = 0", "at (a < 1e9), t0=false: a = 1e10", "at (a > 1), t0=false: a = 0")
    yield "a thousand at once", model("a = 0", *(f"at (time > 0.5): a = a + {i}" for i in range(1_000)))
    yield "a delay below zero", model("a = 0", "at -1 after (time > 0.5): a = a + 1")
    yield "an endless delay", model("a = 0", "at 1e300 after (time > 0.5): a = a + 1")
    yield "no delay that is a number", model("a = 0", "b = 0", "at 0/b after (time > 0.5): a = a + 1")
    yield "a fast clock", model("a = 0", "at (sin(1e9*time) > 0), t0=false: a = a + 1")
    yield "a sliding surface", model("x = 1", "s = 1", "x' = -s", "at (x < 0): s = -1", "at (x > 0), t0=false: s = 1")
    yield "no number assigned", model("a = 1; S = 1; J: S -> ; a*S", "b = 0", "at (time > 0.5): a = 1/b")
    yield (
        "a volume of nothing",
        model("compartment c = 1", "species S in c; S = 1; J: S -> ; S", "at (time > 0.5): c = 0"),
    )


@hostile("runs: rates", **RUN)
def rates() -> Files:
    for name, law in {
        "a blow-up": "-S^2",
        "a faster blow-up": "-exp(S)",
        "a division by zero": "S/(k - 1)",
        "a root of less": "sqrt(-S)",
        "a logarithm of less": "ln(-S)",
        "no number": "(k - 1)/(k - 1)",
        "1e300": "1e300*S",
        "1e308 twice": "1e308*10*S",
        "stiff": "1e15*(S - 1) + sin(1e6*time)",
        "fast": "sin(1e12*time)",
        "a jump in S": "piecewise(1e6, S > 0.5, -1e6)",
        "a pole in time": "S/(0.5 - time)",
        "tangents": "tan(1e3*time)*S",
        "a power of powers": "S^(S^(S^S))",
        "a factorial": "factorial(1e9*S)",
        "a floor": "floor(1e6*S)",
        "negative powers": "S^(-1e3)",
        "an exponent": "exp(1e3*time)",
        "far from zero": "S^0.0001*1e200",
    }.items():
        yield name, model("S = 1; k = 1", f"J: S -> ; {law}")
    yield "a rule that is no number", model("a := ln(-1)", "S = 1; J: S -> ; a*S")
    yield "a rule that is infinite later", model("a := 1/(1 - time)", "S = 1; J: S -> ; S")
    yield "species below zero", model("S = 1; J: S -> ; 1")
    yield "a start that is no number", model("S = 1/0; J: S -> ; S")
    yield "a stiff thousand", model(*(f"S{i} = 1; J{i}: S{i} -> S{i + 1}; {10.0 ** (i % 20)}*S{i}" for i in range(300)))
    yield "nothing happens", model("k = 1")
    yield "no species", model("k = 1", "k' = -k")


@hostile("runs: formulas", act="run", suffix=".xml")
def formulas() -> Files:
    """At the edge of what reading lets through."""
    for levels in (150, 199):
        yield f"{levels} levels", sbml(rules(("k", "<apply><abs/>" * levels + cn("1") + "</apply>" * levels)))
    for count in (500, 1_999):
        for operator in ("plus", "times", "max"):
            yield f"{count:,} to {operator}", sbml(rules(("k", apply(operator, cn("1") * count))))
    for argument in ("1e9", "1e300", "-1", "170.5", "NaN"):
        yield f"a factorial of {argument}", sbml(rules(("k", apply("factorial", cn(argument)))))
        yield (
            f"a rate of a factorial of {argument}",
            sbml(rules(("k", apply("factorial", cn(argument))), kind="rateRule")),
        )
    for operator, operands in {
        "quotient": 2,
        "rem": 2,
        "implies": 2,
        "arccoth": 1,
        "sech": 1,
        "floor": 1,
        "root": 1,
    }.items():
        yield f"a rate of {operator} of zero", sbml(rules(("k", apply(operator, cn("0") * operands)), kind="rateRule"))
    yield (
        "100 rules on each other",
        sbml(rules(("a0", cn("1")), *((f"a{i}", apply("plus", f"<ci>a{i - 1}</ci>", cn("1"))) for i in range(1, 100)))),
    )


@hostile("runs of single cells", act="cells", suffix=".ant")
def cells() -> Files:
    for name, law in {
        "an infinite propensity": "S/(k - 1)",
        "no number": "(k - 1)/(k - 1)",
        "below zero": "-S",
        "1e300": "1e300*S",
        "a count of halves": "0.5*S",
        "a power": "S^200",
        "faster and faster": "S/(0.5 - time)",
    }.items():
        yield name, model("S = 100; k = 1", f"J: S -> ; {law}")
    yield "an explosion", model("S = 10", "J: S -> 2 S; 100*S")
    yield "a faster explosion", model("S = 10", "J: 2 S -> 3 S; S^2")
    yield "a start of halves", model("S = 0.5", "J: S -> ; S")
    yield "a start below zero", model("S = -5", "J: S -> ; 1")
    yield "more than can be counted", model("S = 1e300", "J: S -> ; S")
    yield (
        "events without end",
        model("S = 5; J: S -> ; S", "a = 0", "at (a < 1), t0=false: a = 2", "at (a > 1), t0=false: a = 0"),
    )
