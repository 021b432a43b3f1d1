"""Formula trees: parsed from text or taken from SBML, printed, and evaluated with numpy.

One neutral tree serves observables, regimens, unit checks, initial states and reports, so that no formula is
interpreted twice.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sbmlqsp.errors import ObservableError

__all__ = ["OPERATIONS", "TRUTHS", "Expr", "evaluate", "num", "parse_formula", "substitute", "sym", "to_infix"]

CONSTANTS = {"pi": math.pi, "exponentiale": math.e, "infinity": math.inf, "nan": math.nan, "avogadro": 6.02214179e23}
BINARY = {"sub": "-", "div": "/", "pow": "^"}
NARY = {"add": "+", "mul": "*", "and": "&&", "or": "||"}
RELATIONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
FUNCTIONS = frozenset(
    "exp ln log10 log sqrt root abs floor ceil factorial min max rem quotient sin cos tan sec csc cot asin acos atan "
    "asec acsc acot sinh cosh tanh sech csch coth asinh acosh atanh asech acsch acoth piecewise delay rateOf "
    "xor implies amount concentration".split()
)
ALIASES = {
    "log2": ("log", 2.0),
    "ceiling": ("ceil", None),
    "arcsin": ("asin", None),
    "arccos": ("acos", None),
    "arctan": ("atan", None),
    "pow": ("pow", None),
    "power": ("pow", None),
}


@dataclass(frozen=True, slots=True)
class Expr:
    """One node of a formula.

    ``op`` is ``"num"``, ``"sym"``, ``"time"``, ``"avogadro"``, ``"true"``, ``"false"``, an operator (``add sub mul
    div pow neg``), a relation (``lt le gt ge eq ne``), logic (``and or not``) or a function name. ``value`` is the
    number of a ``num`` or the id of a ``sym``; ``unit`` is the SBML unit id a number carries, if any.
    """

    op: str
    args: tuple[Expr, ...] = ()
    value: float | str | None = None
    unit: str | None = None

    def walk(self) -> Iterator[Expr]:
        """Yield this node and every node below it, without recursion."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.args))

    def symbols(self) -> frozenset[str]:
        """Return the ids this formula reads (not ``time``)."""
        return frozenset(str(n.value) for n in self.walk() if n.op == "sym")

    def has(self, *ops: str) -> bool:
        """Say whether any node has one of these operators."""
        return any(n.op in ops for n in self.walk())

    def __str__(self) -> str:
        return to_infix(self)


def num(value: float) -> Expr:
    """Return a number node."""
    return Expr("num", value=float(value))


def sym(name: str) -> Expr:
    """Return a symbol node."""
    return Expr("sym", value=name)


def substitute(expr: Expr, mapping: Mapping[str, Expr]) -> Expr:
    """Return the formula with symbols replaced by formulas."""
    if expr.op == "sym":
        return mapping.get(str(expr.value), expr)
    if not expr.args:
        return expr
    return Expr(expr.op, tuple(substitute(a, mapping) for a in expr.args), expr.value, expr.unit)


# ---------------------------------------------------------------------------------------------------------- parsing
# Python's own words are names like any other in a model.
_MARK = "__word"
_KEYWORDS = re.compile(
    r"\b(?:as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|"
    r"lambda|nonlocal|None|pass|raise|return|try|while|with|yield)\b"
)


@dataclass(frozen=True, slots=True)
class _Source:
    text: str
    symbols: Collection[str]


def parse_formula(text: str, *, symbols: Collection[str] = ()) -> Expr:
    """Parse a formula such as ``"pk.central/V * 1000"`` or ``"amount(S1) > 2 && time < 5"``.

    Parameters
    ----------
    text : str
        Infix, with ``^`` or ``**`` for powers, dotted paths for symbols of composed models, ``time`` for the
        model's time, and the functions of SBML.
    symbols : collection of str
        Names that are the model's own even if they read as constants (``time``, ``pi``, ``true``).

    Returns
    -------
    Expr

    Raises
    ------
    ObservableError
        The text is not a formula; the message shows the place.

    Examples
    --------
    >>> sorted(parse_formula("pk.central / V").symbols())
    ['V', 'pk.central']
    """
    if not isinstance(text, str) or not text.strip():
        raise ObservableError("the formula is empty", value=text, expected="a formula such as 'central/V'")
    source = text.strip().replace("^", "**").replace("&&", " and ").replace("||", " or ")
    source = _KEYWORDS.sub(lambda m: f"{m[0]}{_MARK}", source)
    source = source.replace("!=", "\0").replace("!", " not ").replace("\0", "!=").replace("\n", " ").strip()
    if len(source) > 20_000:
        raise ObservableError("the formula is too long", value=len(source), expected="at most 20,000 characters")
    try:
        tree = ast.parse(source, mode="eval").body
        return _from_ast(tree, _Source(text, symbols))
    except SyntaxError as err:
        near = source[max(0, (err.offset or 1) - 6) : (err.offset or 1) + 6]
        raise ObservableError(
            "the formula cannot be read",
            value=text,
            where=f"near '{near.strip()}'",
            expected="infix such as 'central/V' or '2*exp(-k*time)'",
        ) from None
    except (RecursionError, ValueError, MemoryError) as err:
        if isinstance(err, ObservableError):
            raise
        raise ObservableError("the formula is nested too deeply or malformed", value=text[:80]) from None


_AST_BINARY = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow"}
_AST_COMPARE = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne"}


def _from_ast(node: ast.AST, source: _Source) -> Expr:
    match node:
        case ast.Constant(value=bool() as v):
            return sym(str(v)) if str(v) in source.symbols else Expr("true" if v else "false")
        case ast.Constant(value=int() | float() as v):
            return num(v)
        case ast.Name() | ast.Attribute():
            return _name(_dotted(node, source), source)
        case ast.UnaryOp(op=ast.USub(), operand=x):
            return Expr("neg", (_from_ast(x, source),))
        case ast.UnaryOp(op=ast.UAdd(), operand=x):
            return _from_ast(x, source)
        case ast.UnaryOp(op=ast.Not(), operand=x):
            return Expr("not", (_from_ast(x, source),))
        case ast.BinOp(left=a, op=op, right=b) if type(op) in _AST_BINARY:
            return Expr(_AST_BINARY[type(op)], (_from_ast(a, source), _from_ast(b, source)))
        case ast.BoolOp(op=op, values=values):
            return Expr("and" if isinstance(op, ast.And) else "or", tuple(_from_ast(v, source) for v in values))
        case ast.Compare(left=a, ops=[op], comparators=[b]) if type(op) in _AST_COMPARE:
            return Expr(_AST_COMPARE[type(op)], (_from_ast(a, source), _from_ast(b, source)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _call(name, tuple(_from_ast(a, source) for a in args), source)
    raise ObservableError(
        "the formula uses something that is not arithmetic",
        value=source.text,
        where=type(node).__name__,
        expected="symbols, numbers, + - * / ^, comparisons, && || ! and functions",
    )


def _dotted(node: ast.AST, source: _Source) -> str:
    if isinstance(node, ast.Name):
        return node.id.removesuffix(_MARK)
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value, source)}.{node.attr.removesuffix(_MARK)}"
    raise ObservableError("a dot must join two names", value=source.text)


def _name(name: str, source: _Source) -> Expr:
    if name in source.symbols:
        return sym(name)
    if name in {"time", "avogadro", "true", "false"}:
        return Expr(name)
    if name.lower() in {"pi", "exponentiale"}:
        return num(CONSTANTS[name.lower()])
    if name in {"inf", "infinity", "INF"}:
        return num(math.inf)
    if name in {"nan", "NaN", "notanumber"}:
        return num(math.nan)
    return sym(name)


def _call(name: str, args: tuple[Expr, ...], source: _Source) -> Expr:
    if name in ALIASES:
        name, base = ALIASES[name]
        args = (num(base), *args) if base is not None else args
    if name == "log" and len(args) == 1:
        # SBML's infix and R, Python and NONMEM disagree on what log(x) means, so nobody is made to guess.
        raise ObservableError(
            "'log' with one argument is ambiguous", value=source.text, remedy="write ln(x) or log10(x)"
        )
    if name not in FUNCTIONS and name != "pow":
        from sbmlqsp.errors import did_you_mean

        raise ObservableError(
            f"the function '{name}' is unknown", value=source.text, remedy=did_you_mean(name, FUNCTIONS)
        )
    _check_arity(name, len(args), source)
    return Expr(name, args)


def _check_arity(name: str, n: int, source: _Source) -> None:
    if name in {"min", "max", "piecewise", "xor"}:
        ok = n >= 1
    else:
        two = {"log", "root", "rem", "quotient", "pow", "delay", "implies"}
        ok = n == (2 if name in two else 1)
    if not ok:
        raise ObservableError(
            f"the function '{name}' has {n} arguments", value=source.text, expected="its usual number"
        )


# --------------------------------------------------------------------------------------------------------- printing
_PRECEDENCE = {"or": 1, "and": 2, "not": 4, "add": 5, "sub": 5, "mul": 6, "div": 6, "neg": 7, "pow": 8}


def to_infix(expr: Expr) -> str:
    """Return the formula as infix text that ``parse_formula`` reads back.

    Examples
    --------
    >>> to_infix(parse_formula("a*(b + c)^2"))
    'a*(b + c)^2'
    """
    op, args = expr.op, expr.args
    if op == "num":
        return _number(float(expr.value))  # type: ignore[arg-type]
    if op == "sym":
        return str(expr.value)
    if op in {"time", "avogadro", "true", "false"}:
        return op
    if op in {"neg", "not"}:
        return ("-" if op == "neg" else "!") + _wrap(args[0], 7)
    if op in RELATIONS and len(args) == 2:
        return f"{_wrap(args[0], 5)} {RELATIONS[op]} {_wrap(args[1], 5)}"
    if op in NARY and len(args) > 1:
        glue = NARY[op] if op == "mul" else f" {NARY[op]} "
        level = _PRECEDENCE[op]
        return glue.join([_wrap(args[0], level), *(_wrap(a, level + 1) for a in args[1:])])
    if op in BINARY and len(args) == 2:
        level = _PRECEDENCE[op]
        left, right = (level + 1, level + 1) if op == "pow" else (level, level + 1)
        glue = " - " if op == "sub" else BINARY[op]
        return f"{_wrap(args[0], left)}{glue}{_wrap(args[1], right)}"
    return f"{op}({', '.join(map(to_infix, args))})"


def _wrap(expr: Expr, level: int) -> str:
    text = to_infix(expr)
    own = 4 if expr.op in RELATIONS else _PRECEDENCE.get(expr.op, 9)
    if expr.op == "num" and text.startswith("-"):
        own = 7
    return f"({text})" if own < level else text


def _number(x: float) -> str:
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    return str(int(x)) if x.is_integer() and abs(x) < 1e15 else repr(x)


# ------------------------------------------------------------------------------------------------------- evaluating
def _piecewise(*args: Any) -> Any:
    pairs, default = args[: len(args) // 2 * 2], args[-1] if len(args) % 2 else np.nan
    out = default
    for value, condition in reversed(list(zip(pairs[::2], pairs[1::2], strict=True))):
        out = np.where(condition, value, out)
    return out


def _fold(f: Callable[[Any, Any], Any], start: Any = None) -> Callable[..., Any]:
    def folded(*args: Any) -> Any:
        items = list(args) if start is None else [start, *args]
        out = items[0]
        for item in items[1:]:
            out = f(out, item)
        return out

    return folded


def _factorial(x: Any) -> Any:
    values = np.asarray(x, dtype=float)
    return np.vectorize(lambda v: math.gamma(v + 1) if 0 <= v < 171 else (math.inf if v >= 171 else math.nan))(values)


def _reciprocal(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: 1.0 / f(x)


def _of_reciprocal(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda x: f(1.0 / np.asarray(x, dtype=float))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": _fold(lambda a, b: a + b, 0.0),
    "mul": _fold(lambda a, b: a * b, 1.0),
    "sub": lambda a, b: a - b,
    "div": np.true_divide,
    "pow": lambda a, b: np.power(np.asarray(a, dtype=float), b),
    "neg": lambda a: -np.asarray(a, dtype=float),
    "and": _fold(np.logical_and, True),
    "or": _fold(np.logical_or, False),
    "xor": _fold(np.logical_xor, False),
    "not": np.logical_not,
    "implies": lambda a, b: np.logical_or(np.logical_not(a), b),
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "exp": np.exp,
    "ln": np.log,
    "log10": np.log10,
    "log": lambda base, x: np.log(x) / np.log(base),
    "sqrt": np.sqrt,
    "root": lambda n, x: np.power(np.asarray(x, dtype=float), 1.0 / np.asarray(n)),
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "factorial": _factorial,
    "min": _fold(np.minimum),
    "max": _fold(np.maximum),
    "rem": np.fmod,
    "quotient": lambda a, b: np.trunc(np.true_divide(a, b)),
    "piecewise": _piecewise,
    **{n: getattr(np, n) for n in "sin cos tan sinh cosh tanh".split()},
    **{n: getattr(np, n.replace("a", "arc", 1)) for n in "asin acos atan asinh acosh atanh".split()},
    **{n: _reciprocal(getattr(np, f)) for n, f in zip("sec csc cot".split(), "cos sin tan".split(), strict=True)},
    **{n: _reciprocal(getattr(np, f)) for n, f in zip("sech csch coth".split(), "cosh sinh tanh".split(), strict=True)},
    **{
        n: _of_reciprocal(getattr(np, f))
        for n, f in zip("asec acsc acot".split(), "arccos arcsin arctan".split(), strict=True)
    },
    **{
        n: _of_reciprocal(getattr(np, f))
        for n, f in zip("asech acsch acoth".split(), "arccosh arcsinh arctanh".split(), strict=True)
    },
}


TRUTHS = frozenset({"and", "or", "xor", "not", "implies", "piecewise", *RELATIONS})


def evaluate(expr: Expr, env: Mapping[str, Any], *, time: Any = 0.0) -> Any:
    """Evaluate a formula, vectorised over numpy arrays.

    Parameters
    ----------
    expr : Expr
    env : mapping of str to float or ndarray
        A value for every symbol; ``"amount(x)"`` and ``"concentration(x)"`` are looked up under those names.
    time : float or ndarray
        The model's time.

    Returns
    -------
    float or ndarray
        The value, in the shape that broadcasting gives. Division by zero gives inf or NaN, as in IEEE 754.

    Raises
    ------
    KeyError
        A symbol has no value.
    ObservableError
        The formula uses ``delay`` or ``rateOf``, which need a trajectory.

    Examples
    --------
    >>> float(evaluate(parse_formula("dose/V"), {"dose": 100.0, "V": 20.0}))
    5.0
    """
    with np.errstate(all="ignore"):
        return _evaluate(expr, env, time)


def _evaluate(expr: Expr, env: Mapping[str, Any], time: Any) -> Any:
    op = expr.op
    if op == "num":
        return expr.value
    if op == "sym":
        return env[str(expr.value)]
    if op == "time":
        return time
    if op in {"true", "false"}:
        return op == "true"
    if op == "avogadro":
        return CONSTANTS["avogadro"]
    if op in {"amount", "concentration"}:
        return env[f"{op}({expr.args[0].value})"]
    function = OPERATIONS.get(op)
    if function is None:
        raise ObservableError(f"'{op}' cannot be evaluated on its own", value=to_infix(expr))
    args = [_evaluate(a, env, time) for a in expr.args]
    if op not in TRUTHS:  # numpy would compute exp(True) in half precision
        args = [np.asarray(a, dtype=float) if isinstance(a, bool | np.bool_) or _is_truth(a) else a for a in args]
    return function(*args)


def _is_truth(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == bool
