"""Antimony text that is deep, long, circular, cut short, or no Antimony at all."""

from __future__ import annotations

import random
import re

from tests.hostile import MARK, Files, hostile, seeded
from tests.hostile.texts import GOOD_ANTIMONY

ANT = {"act": "antimony", "suffix": ".ant"}


def model(*statements: str, before: str = "") -> str:
    return f"{before}model m\n" + "\n".join(f"  {s}" for s in statements) + "\nend\n"


@hostile("Antimony: depth", **ANT)
def depth() -> Files:
    for levels in (100, 1_000, 3_000, 100_000):
        yield f"{levels:,} brackets", model("b = 1", "a := " + "(" * levels + "b" + ")" * levels)
        yield f"{levels:,} open brackets", model("b = 1", "a := " + "(" * levels)
        yield f"{levels:,} signs", model("b = 1", "a := " + "-" * levels + "b")
        yield f"{levels:,} negations", model("b = 1", f"a := piecewise(1, {'!' * levels}(b > 1), 0)")
        yield f"{levels:,} powers", model("b = 1", "a := b" + "^b" * levels)
        yield f"{levels:,} calls", model("b = 1", "a := " + "abs(" * levels + "b" + ")" * levels)
        yield f"{levels:,} pieces", model("b = 1", "a := " + "piecewise(1, b > 1, " * levels + "b" + ")" * levels)


@hostile("Antimony: length", **ANT)
def length() -> Files:
    megabyte = "x" * 1_000_000
    yield "a line", model("a = 1 + " + "1 + " * 250_000 + "1")
    yield "a name", model(f"{megabyte} = 1")
    yield "a text", model("k = 1", f'k is "{megabyte}"')
    yield "a comment", model("k = 1", f"// {megabyte}")
    yield "a number", model("k = " + "1" * 1_000_000)
    yield "an exponent", model("k = 1e" + "9" * 1_000_000)
    yield "blanks", model("k = 1", " " * 3_000_000)
    yield "empty lines", model("k = 1", "\n" * 3_000_000)
    yield "100,000 statements", model(*(f"k{i} = {i}" for i in range(100_000)))
    yield "100,000 of one name", model("k = 1\n" * 100_000)
    yield "10,000 reactions", model(*(f"J{i}: S{i} -> S{i + 1}; S{i}" for i in range(10_000)))
    yield "10,000 reactants", model("J: " + " + ".join(f"S{i}" for i in range(10_000)) + " -> ; 1")
    yield "10,000 models", "".join(f"model m{i}\n k = 1\nend\n" for i in range(10_000))
    yield "10,000 arguments", f"model m({', '.join(f'a{i}' for i in range(10_000))})\n a0 = 1\nend\n"
    yield "10,000 assignments of an event", model("k = 1", "at (time > 1): " + ", ".join(["k = 1"] * 10_000))


@hostile("Antimony: patterns that repeat", **ANT)
def repeating() -> Files:
    """Each is made to let a regular expression try again at every place."""
    many = 100_000
    for name, text in {
        "open comments": "/* " * many,
        "open texts": '"' + ' "\n' * many,
        "open triples": '"""a' * many,
        "slashes": "/" * many,
        "continued lines": "\\\n" * many,
        "models": "model " * many,
        "ends": "end\n" * many,
        "functions": "function f" * many,
        "headers": "model m(" * many,
        "is": "a.b is " * many,
        "colons": "x:" * many,
        "dots": "a." * many,
        "arrows": "->" * many,
        "assignments": "a = " * many,
        "deletes": "delete a.b," * many,
        "imports": 'import "a' * many,
        "stars": "model " + "*" * many,
        "blanks before a bracket": "a" + " " * many + "(",
        "blanks in a header": "model" + " " * many + "m" + " " * many,
        "letters": "a" * many + "!",
        "instances": "a: m(" + "b, " * many,
        "numbers": "a.b = 1" + "1" * many + "x",
        "commas": "," * many,
        "quoted imports": 'import "x" ' * many,
        "terms": "a.sboTerm = " * many,
        "directives": "// @input a," * many,
        "directive": "// @input " + "a , " * many + "!",
    }.items():
        yield name, text
        yield f"{name}, in a model", model("k = 1", text)
        if name in {"is", "dots", "instances", "numbers", "terms", "blanks before a bracket", "letters"}:
            yield f"{name}, in a composition", f"model a\n k = 1\nend\nmodel b\n x: a()\n {text}\nend\n"


@hostile("Antimony: characters", **ANT)
def characters() -> Files:
    for code in (0, 1, 8, 12, 27, 127, 0xA0, 0x202E, 0xFEFF, 0xFFFE, 0x1F600):
        yield f"U+{code:04X} in a name", model(f"k{chr(code)}a = 1")
        yield f"U+{code:04X} in a comment", GOOD_ANTIMONY.replace("a plain", f"a {chr(code)} plain")
        yield f"U+{code:04X} in a text", model("k = 1", f'k is "a{chr(code)}b"')
    yield "escapes of a terminal", model(f"k = \x1b]0;{MARK}\x07\x1b[31m(1")
    yield "UTF-16", GOOD_ANTIMONY.encode("utf-16")
    yield "latin-1", GOOD_ANTIMONY.replace("plain", "plµin").encode("latin-1")
    yield "old line ends", GOOD_ANTIMONY.replace("\n", "\r")
    yield "random bytes", seeded("random bytes").randbytes(100_000)
    yield "random text", "".join(seeded("random text").choice("abm(){}=->;:\n\"'+*/ 1.^,$") for _ in range(100_000))


@hostile("Antimony: names and numbers", **ANT)
def names() -> Files:
    for name in (
        "simulate",
        "reset",
        "time",
        "avogadro",
        "INF",
        "nan",
        "end",
        "model",
        "at",
        "in",
        "is",
        "lambda",
        "__class__",
        "a__b",
        "qsp_rate_0",
        "pi",
        "exp",
        "true",
        "compartment",
    ):
        yield f"called {name}", model(f"{name} = 1", f"S = 1; J: S -> ; {name}*S")
    for number in (
        "1e400",
        "-1e400",
        "1e-400",
        "inf",
        "nan",
        "10^10^10",
        "factorial(170)",
        "factorial(1e9)",
        "1/0",
        "0x1p3",
        "1e",
        "1..2",
        "9" * 400,
        "2^2^2^2^2^2",
    ):
        yield f"k = {number[:20]}", model(f"k = {number}", "S = 1; J: S -> ; k*S")
        yield f"k := {number[:20]}", model(f"k := {number}", "S = 1; J: S -> ; k*S")
    for stoichiometry in ("1e308", "0", "-1", "1e-320", "0.1", "nan"):
        yield f"{stoichiometry} of a species", model(f"S = 1; J: {stoichiometry} S -> ; S")


@hostile("Antimony: circles and definitions that multiply", **ANT)
def circles() -> Files:
    yield "a rule of itself", model("a := a + 1")
    yield "two rules", model("a := b", "b := a")
    yield "an assignment of itself", model("a = a + 1")
    yield "a ring of 100", model(*(f"a{i} = a{(i + 1) % 100}" for i in range(100)))
    yield "a law that names its reaction", model("S = 1", "J: S -> ; J*S")
    yield "a function of itself", model("k := f(1)", before="function f(x)\n f(x)\nend\n")
    yield "two functions", model("k := f(1)", before="function f(x)\n g(x)\nend\nfunction g(x)\n f(x)\nend\n")
    for levels in (18, 30):
        yield f"{levels} rules", model("a0 = 1", *(f"a{i} := a{i - 1} + a{i - 1}" for i in range(1, levels)))
        yield f"{levels} values", model("a0 = 1", *(f"a{i} = a{i - 1}*a{i - 1}" for i in range(1, levels)))
        each = "".join(f"function f{i}(x)\n f{i - 1}(x) + f{i - 1}(x)\nend\n" for i in range(1, levels))
        yield f"{levels} functions", model(f"k := f{levels - 1}(1)", before="function f0(x)\n x\nend\n" + each)
        once = "function f(x)\n x + x\nend\n"
        yield f"{levels} arguments", model("k := " + "f(" * levels + "1" + ")" * levels, before=once)
        laws = (f"J{i}: S -> ; J{i - 1} + J{i - 1}" for i in range(1, levels))
        yield f"{levels} laws", model("S = 1", "J0: S -> ; 1", *laws)


TOKENS = (
    "model",
    "end",
    "function",
    "->",
    "=>",
    ":=",
    "=",
    "'",
    ";",
    ":",
    "(",
    ")",
    ",",
    "+",
    "*",
    "/",
    "^",
    "$",
    "at",
    "in",
    "is",
    "has",
    "unit",
    "species",
    "compartment",
    "const",
    "var",
    "delete",
    "import",
    '"x"',
    "S",
    "k",
    "m",
    "1",
    "2.5",
    "time",
    "piecewise",
    ".",
    "a.b",
    "\n",
    "\n",
    "\n",
)


def _tokens(draw: random.Random) -> str:
    return " ".join(draw.choice(TOKENS) for _ in range(draw.randint(3, 200)))


@hostile("Antimony: broken", **ANT)
def broken() -> Files:
    draw = seeded("truncated Antimony")
    for at in sorted(draw.sample(range(1, len(GOOD_ANTIMONY)), 15)):
        yield f"cut after {at} characters", GOOD_ANTIMONY[:at]
    for count in (1, 4, 20):
        for k in range(6):
            draw = seeded("flipped Antimony", count, k)
            data = bytearray(GOOD_ANTIMONY.encode())
            for at in draw.sample(range(len(data)), count):
                data[at] ^= 1 << draw.randrange(7)
            yield f"{count} bits changed, {k + 1}", bytes(data)
    for k in range(25):
        yield f"tokens, {k + 1}", _tokens(seeded("tokens", k))
        yield f"tokens in a model, {k + 1}", model("S = 1", _tokens(seeded("tokens in a model", k)))
    for k in range(20):
        draw = seeded("changed Antimony", k)
        words = re.findall(r"\w+|\W", GOOD_ANTIMONY)
        for _ in range(draw.randint(1, 3)):
            words[draw.randrange(len(words))] = draw.choice((*words, *TOKENS))
        yield f"words changed, {k + 1}", "".join(words)
    yield from {
        "C": "int main(void) { for (;;) fork(); }",
        "Python": "import os\nos.system('touch evil')\n",
        "shell": ":(){ :|:& };:\n",
        "a page": "<html></html>",
        "SBML": "<sbml><model/></sbml>",
        "TOML": "[a]\nb = 1\n",
        "Matlab": "function y = f(x)\n y = x.^2;\nend",
        "a notebook": '{"cells": [], "nbformat": 4}',
    }.items()
