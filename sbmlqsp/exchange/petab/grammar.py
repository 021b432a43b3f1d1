"""PEtab's mathematical expressions to formula trees and back.

They look like those of observables but mean other things: ``log(x)`` is the natural logarithm and ``log(x, b)`` names
its base last, ``!`` binds tighter than comparisons, and ``&&`` and ``||`` are of one rank, read from left to right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean
from sbmlqsp.expressions import BINARY, NARY, Expr, num, sym

__all__ = ["RESERVED", "parse_petab", "to_petab"]

LONGEST = 20_000
DEEPEST = 60  # Python's own stack serves the evaluation of what is nested less

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)|(?P<name>[A-Za-z_]\w*)|"
    r"(?P<sign>&&|\|\||[<>=!]=|[-+*/^<>!(),]))",
    re.ASCII,
)
_SAME = frozenset("exp ln log2 log10 sqrt abs sin cos tan sec csc cot sinh cosh tanh sech csch coth".split())
_ARC = {f"arc{n}": f"a{n}" for n in "sin cos tan cot sec csc sinh cosh tanh coth sech csch".split()}
_ARGUMENTS = {**dict.fromkeys((*_SAME, *_ARC, "sign"), (1, 1)), "pow": (2, 2), "min": (2, 2), "max": (2, 2)}
_ARGUMENTS |= {"log": (1, 2), "piecewise": (1, 10_000)}

RESERVED = frozenset({"true", "false", "inf", "time", "nan", *_ARGUMENTS})
"""What no id may be, in whatever case."""

# Rank and operator of what stands between two operands; of equal rank, from left to right.
_INFIX = {"&&": (1, "and"), "||": (1, "or"), "==": (2, "eq"), "!=": (2, "ne"), "<": (2, "lt"), "<=": (2, "le")}
_INFIX |= {">": (2, "gt"), ">=": (2, "ge"), "+": (3, "add"), "-": (3, "sub"), "*": (4, "mul"), "/": (4, "div")}
_UNARY = 5


def parse_petab(text: str) -> Expr:
    """Parse a mathematical expression as PEtab has it.

    Parameters
    ----------
    text : str

    Returns
    -------
    Expr

    Raises
    ------
    DataError
        The text is no such expression; the message shows the place.

    Examples
    --------
    >>> str(parse_petab("log(A, 2) + !b == 1"))
    'log(2, A) + (!b) == 1'
    """
    if len(text) > LONGEST:
        raise DataError("the formula is too long", value=len(text), expected=f"at most {LONGEST:,} characters")
    return _Parser(text, list(_tokens(text))).whole()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            place = at + len(text[at:]) - len(text[at:].lstrip())
            raise DataError(
                "the formula has a character that means nothing", value=text[place], where=f"'{text.strip()}'",
                expected="names, numbers, + - * / ^, comparisons, && || ! and functions",
            )  # fmt: skip
        kind = str(match.lastgroup)
        yield _Token(kind, match[kind], match.start(kind))
        at = match.end()
    yield _Token("end", "", len(text))


class _Parser:
    """Reads tokens by rank of operators."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text, self._tokens, self._at, self._depth = text, tokens, 0, 0

    def whole(self) -> Expr:
        """Return the whole as one formula."""
        out = self._infix(1)
        if self._now.kind != "end":
            raise self._wrong("an operator is missing" if self._now.kind != "sign" else "this does not belong here")
        return out

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, sign: str = "") -> _Token:
        token = self._now
        if sign and token.text != sign:
            raise self._wrong(f"'{sign}' is missing")
        self._at += 1
        return token

    def _wrong(self, what: str) -> DataError:
        at = self._now.at
        near = self._text[max(0, at - 8) : at + 8].strip() or self._text.strip()
        return DataError(f"the formula cannot be read: {what}", value=self._text.strip(), where=f"near '{near}'")

    def _infix(self, least: int) -> Expr:
        self._depth += 1
        if self._depth > DEEPEST:
            raise DataError("the formula is nested too deeply", value=self._text[:80])
        left, chained = self._unary(), 0
        while self._now.kind == "sign" and (found := _INFIX.get(self._now.text)) and found[0] >= least:
            self._take()
            rank, op = found
            right = self._infix(rank + 1)
            flat = left.op == op and op in NARY  # a long sum is one sum, not a deep tree
            left = Expr(op, (*left.args, right) if flat else (left, right))
            chained += not flat
            if chained > DEEPEST:
                raise DataError("the formula is nested too deeply", value=self._text[:80])
        self._depth -= 1
        return left

    def _unary(self) -> Expr:
        if self._now.text in {"-", "+", "!"}:
            sign = self._take().text
            inner = self._infix(_UNARY)
            return inner if sign == "+" else Expr("neg" if sign == "-" else "not", (inner,))
        base = self._primary()
        if self._now.text == "^":
            self._take()
            return Expr("pow", (base, self._infix(_UNARY)))  # from right to left, and 2^-1
        return base

    def _primary(self) -> Expr:
        token = self._take()
        if token.kind == "number":
            return num(float(token.text))
        if token.text == "(":
            inner = self._infix(1)
            self._take(")")
            return inner
        if token.kind == "name":
            return self._call(token.text) if self._now.text == "(" else self._name(token.text)
        self._at -= 1
        raise self._wrong("it ends too early" if token.kind == "end" else "a name or number is missing")

    def _name(self, name: str) -> Expr:
        if name in {"true", "false", "time"}:
            return Expr(name)
        if name == "inf":
            return num(math.inf)
        if name.lower() in {"true", "false", "inf", "nan", "time"}:  # functions without arguments are names
            raise self._wrong(f"'{name}' is a reserved word")
        return sym(name)

    def _call(self, name: str) -> Expr:
        if name not in _ARGUMENTS:
            raise DataError(
                f"the function '{name}' is not one of PEtab", value=self._text.strip(),
                remedy=did_you_mean(name, _ARGUMENTS),
            )  # fmt: skip
        self._take("(")
        args = [self._infix(1)]
        while self._now.text == ",":
            self._take()
            args.append(self._infix(1))
        self._take(")")
        least, most = _ARGUMENTS[name]
        if not least <= len(args) <= most or (name == "piecewise" and len(args) % 2 == 0):
            raise DataError(f"the function '{name}' has {len(args)} arguments", value=self._text.strip())
        return _function(name, tuple(args))


def _function(name: str, args: tuple[Expr, ...]) -> Expr:
    if name == "log":
        return Expr("ln", args) if len(args) == 1 else Expr("log", (args[1], args[0]))
    if name == "log2":
        return Expr("log", (num(2.0), *args))
    if name == "sign":
        (x,) = args
        zero = num(0.0)
        return Expr("piecewise", (num(1.0), Expr("gt", (x, zero)), num(-1.0), Expr("lt", (x, zero)), zero))
    return Expr(_ARC.get(name, name), args)


# --------------------------------------------------------------------------------------------------------- printing
_RANK = {op: rank for rank, op in _INFIX.values()} | {"neg": _UNARY, "not": _UNARY, "pow": 6}
_SIGN = {op: text for text, (_, op) in _INFIX.items()}
_BACK = {short: name for name, short in _ARC.items()}
_PRINTED = _SAME | {"min", "max", "piecewise"}


def to_petab(expr: Expr) -> str:
    """Return a formula as a mathematical expression of PEtab.

    Raises
    ------
    UnsupportedError
        PEtab has no such function, such as ``floor``.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> to_petab(parse_formula("log2(S)*(a - (b - c))"))
    'log(S, 2)*(a - (b - c))'
    """
    op, args = expr.op, expr.args
    if op == "num":
        return _number(float(expr.value or 0.0))
    if op in {"sym", "time", "true", "false"}:
        return str(expr.value) if op == "sym" else op
    if op in _SHAPES:
        return _SHAPES[op](args)
    if op in _SIGN and len(args) > 1:
        return _joined(op, args)
    name = _BACK.get(op, op)
    if op in _PRINTED or op in _BACK:
        if op in {"min", "max"} and len(args) > 2:
            return to_petab(Expr(op, (Expr(op, args[:-1]), args[-1])))
        return f"{name}({', '.join(map(to_petab, args))})"
    raise UnsupportedError(f"PEtab's formulas have no '{op}'", value=str(expr), remedy="write it in other functions")


_SHAPES: Mapping[str, Callable[[tuple[Expr, ...]], str]] = {
    "neg": lambda a: "-" + _wrapped(a[0], _UNARY),
    "not": lambda a: "!" + _wrapped(a[0], _UNARY),
    "pow": lambda a: f"{_wrapped(a[0], 7)}{BINARY['pow']}{_wrapped(a[1], 7)}",
    "log": lambda a: f"log({to_petab(a[1])}, {to_petab(a[0])})",
    "root": lambda a: f"{_wrapped(a[1], 7)}^(1/{_wrapped(a[0], 7)})",
    "avogadro": lambda _: "6.02214179e23",
    "xor": lambda a: _joined("ne", tuple(Expr("not", (x,)) for x in a)) if len(a) == 2 else _no_xor(),
    "implies": lambda a: _joined("or", (Expr("not", (a[0],)), a[1])),
}


def _no_xor() -> str:
    raise UnsupportedError("PEtab's formulas have no 'xor' of more than two", remedy="write it in other functions")


def _joined(op: str, args: tuple[Expr, ...]) -> str:
    rank, sign = _RANK[op], _SIGN[op]
    glue = sign if op in {"mul", "div"} else f" {sign} "
    # Both sides of a comparison and of && or || are bracketed: other readers may rank them otherwise.
    least = rank if op in {"add", "sub", "mul", "div"} else 3
    return glue.join([_wrapped(args[0], least), *(_wrapped(a, max(least, rank + 1)) for a in args[1:])])


def _wrapped(expr: Expr, least: int) -> str:
    text = to_petab(expr)
    rank = _RANK.get(expr.op, 9)
    if expr.op == "num" and text.startswith("-"):
        rank = _UNARY
    if expr.op in {"root", "xor", "implies"}:
        rank = 0
    return f"({text})" if rank < least else text


def _number(x: float) -> str:
    if math.isnan(x):
        raise UnsupportedError("PEtab's formulas have no NaN")
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return str(int(x)) if x.is_integer() and abs(x) < 1e15 else repr(x)
