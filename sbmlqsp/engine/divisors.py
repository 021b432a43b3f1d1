"""What a model divides by: where it comes to zero, the course of the model ends."""

from __future__ import annotations

from collections.abc import Iterator

from sbmlqsp.engine.network import Network
from sbmlqsp.expressions import Expr, evaluate

__all__ = ["differences", "divisors"]

DIVISOR = "qsp_divisor_"
SAME = frozenset({"num", "sym", "amount", "concentration", "add", "mul", "div", "pow", "exp", "sqrt", "abs", "cosh"})
"""What is of one sign where all that it reads is above zero."""


def divisors(network: Network) -> tuple[str, ...]:
    """Return what rate rules change and formulas divide by, so that a step must not take it to the other side of zero.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> divisors(qsp.read_antimony("model m; x = 1; y = 1; x' = -1/(2*x^3); y' = x/(1 + y); end").network)
    ('x',)
    """
    changed = [n for n in network.rate_rules if network.symbols[n].kind != "species"]
    found = {str(f.value) for f in _factors(network) if f.op == "sym"} if changed else set()
    return tuple(n for n in changed if n in found)


def differences(network: Network) -> dict[str, Expr]:
    """Return what formulas divide by that may come to zero although nothing that it reads does: by a difference.

    Each has a name, by which the engine puts it out.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; x = 1; y = 1; x' = -1; y' = x/(1 + y) + 3/(x*(x - 0.5)^2); end")
    >>> {name: str(formula) for name, formula in differences(model.network).items()}
    {'qsp_divisor_0': 'x - 0.5'}
    """
    found = dict.fromkeys(f for f in _factors(network) if any(n.op not in SAME for n in f.walk()))
    moving = (f for f in found if f.symbols() - network.static and not f.has("delay", "rateOf"))
    return {f"{DIVISOR}{k}": f for k, f in enumerate(moving)}


def _factors(network: Network) -> Iterator[Expr]:
    """Yield what makes a divisor zero where it is zero itself."""
    for _, _, expr in network.formulas():
        for node in expr.walk():
            if node.op == "div":
                yield from _parts(node.args[1])
            elif node.op == "pow" and node.args[1].op in {"num", "neg"} and not node.args[1].symbols():
                yield from _parts(node.args[0]) if float(evaluate(node.args[1], {})) < 0 else ()


def _parts(expr: Expr) -> Iterator[Expr]:
    """Yield the factors of a product or power."""
    parts = {"mul": expr.args, "neg": expr.args, "div": expr.args[:1], "pow": expr.args[:1], "sqrt": expr.args,
             "abs": expr.args}.get(expr.op)  # fmt: skip
    if parts is None:
        yield expr
    for part in parts or ():
        yield from _parts(part)
