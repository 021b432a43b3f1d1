"""A good document cut short, with bytes changed, and with pieces of it in other places."""

from __future__ import annotations

import re

from tests.hostile import Files, hostile, seeded
from tests.hostile.texts import GOOD

SBML = {"act": "sbml", "suffix": ".xml"}
VALUES = ('"S"', '"k"', '"c"', '"J"', '"e"', '"1"', '"0"', '"-1"', '"true"', '""', '"NaN"', '"m"', '"second"')
TAGS = (
    "plus",
    "minus",
    "divide",
    "times",
    "power",
    "exp",
    "ln",
    "lt",
    "and",
    "not",
    "factorial",
    "floor",
    "ci",
    "cn",
    "piecewise",
    "piece",
    "otherwise",
    "lambda",
    "apply",
    "species",
    "parameter",
    "event",
    "trigger",
    "math",
    "kineticLaw",
    "model",
)


@hostile("cut short", **SBML)
def truncated() -> Files:
    draw = seeded("truncated SBML")
    for at in sorted(draw.sample(range(1, len(GOOD)), 20)):
        yield f"after {at} characters", GOOD[:at]


@hostile("bytes changed", **SBML)
def flipped() -> Files:
    for count in (1, 4, 20, 100):
        for k in range(6):
            draw = seeded("flipped SBML", count, k)
            data = bytearray(GOOD.encode())
            for at in draw.sample(range(len(data)), count):
                data[at] ^= 1 << draw.randrange(8)
            yield f"{count} bits, {k + 1}", bytes(data)


@hostile("lines moved", **SBML)
def moved() -> Files:
    for k in range(12):
        draw = seeded("moved SBML", k)
        lines = GOOD.split("\n")
        for _ in range(draw.randint(1, 3)):
            start, size = draw.randrange(2, len(lines) - 2), draw.randint(1, 6)
            taken = lines[start : start + size]
            if draw.random() < 0.5:
                del lines[start : start + size]
            at = draw.randrange(2, len(lines))
            lines[at:at] = taken * draw.choice((1, 1, 2, 50))
        yield f"{k + 1}", "\n".join(lines)


@hostile("values changed", **SBML)
def changed() -> Files:
    """Well-formed still, so that what they mean is what is wrong."""
    for k in range(30):
        draw = seeded("changed SBML", k)
        text = GOOD
        for _ in range(draw.randint(1, 4)):
            places = list(re.finditer(r'(?<==)"[^"]*"', text))[3:]
            at = draw.choice(places)
            text = text[: at.start()] + draw.choice(VALUES) + text[at.end() :]
        yield f"values, {k + 1}", text
    for k in range(20):
        draw = seeded("renamed SBML", k)
        text = GOOD
        for _ in range(draw.randint(1, 2)):
            old = draw.choice(sorted(set(re.findall(r"<([a-zA-Z]+)[ />]", text)) - {"sbml", "p"}))
            text = re.sub(rf"(</?){old}(?=[ />\n])", rf"\g<1>{draw.choice(TAGS)}", text)
        yield f"tags, {k + 1}", text
