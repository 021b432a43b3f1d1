"""What a model divides by: where it comes to zero, the course of the model ends."""

from __future__ import annotations

from sbmlqsp.engine.network import Network
from sbmlqsp.expressions import Expr, evaluate

__all__ = ["divisors"]


def divisors(network: Network) -> tuple[str, ...]:
    """Return what rate rules change and formulas divide by, so that a step must not take it to the other side of zero.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> divisors(qsp.read_antimony("model m; x = 1; y = 1; x' = -1/(2*x^3); y' = x/(1 + y); end").network)
    ('x',)
    """
    found, changed = set[str](), [n for n in network.rate_rules if network.symbols[n].kind != "species"]
    for _, _, expr in network.formulas() if changed else ():
        for node in expr.walk():
            if node.op == "div":
                found |= _factors(node.args[1])
            elif node.op == "pow" and node.args[1].op in {"num", "neg"} and not node.args[1].symbols():
                found |= _factors(node.args[0]) if float(evaluate(node.args[1], {})) < 0 else set()
    return tuple(n for n in changed if n in found)


def _factors(expr: Expr) -> set[str]:
    """Return the symbols that make a product or power zero."""
    if expr.op == "sym":
        return {str(expr.value)}
    parts = {"mul": expr.args, "neg": expr.args, "div": expr.args[:1], "pow": expr.args[:1], "sqrt": expr.args}
    return set[str]().union(*map(_factors, parts.get(expr.op, ())))
