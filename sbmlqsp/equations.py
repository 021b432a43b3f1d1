"""A model's equations as people read them: plain text, and MathML for pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sbmlqsp.expressions import Expr, to_infix
from sbmlqsp.model import dotted

if TYPE_CHECKING:
    from sbmlqsp.engine.network import Network, Participant, Reaction, Symbol

__all__ = ["Equation", "equations", "infix", "mathml", "reaction_text"]

KINDS = ("differential", "rule", "initial", "event")


@dataclass(frozen=True)
class Equation:
    """One equation: what is defined, and the signed terms that define it.

    Parameters
    ----------
    kind : {"differential", "rule", "initial", "event"}
    symbol : str
        The flat id of what it is about.
    left : Expr
        The left side; ``d(x)/dt`` is the operator ``"ddt"`` of x, a value at time 0 the operator ``"at0"``.
    terms : tuple of (int, Expr)
        Signs and terms of the right side.
    meaning : str
        The display name of the symbol.
    """

    kind: str
    symbol: str
    left: Expr
    terms: tuple[tuple[int, Expr], ...]
    meaning: str = ""

    def text(self) -> str:
        """Return the equation in infix, with dotted paths."""
        return f"{infix(self.left)} = {self.right()}"

    def right(self) -> str:
        """Return the right side in infix."""
        return _joined(self.terms, lambda e: infix(e, inside=True), " - ", "-", " + ") or "0"

    def html(self) -> str:
        """Return the equation as MathML, one formula per term so that long lines can break."""
        right = _joined(self.terms, _math_of, " <span>−</span> ", "<span>−</span>", " <span>+</span> ")
        return f"{_math_of(self.left, False)} <span>=</span> {right or '<math><mn>0</mn></math>'}"


def _math_of(expr: Expr, inside: bool = True) -> str:
    body = mathml(expr)
    return f"<math displaystyle='true'>{_fenced(body) if inside and _is_sum(expr) else body}</math>"


def _is_sum(expr: Expr) -> bool:
    return expr.op in {"add", "sub", "neg", "or", "and"} and bool(expr.args)


def _joined(terms: tuple[tuple[int, Expr], ...], show: Callable[[Expr], str], *signs: str) -> str:
    minus, first_minus, plus = signs
    if len(terms) == 1 and terms[0][0] > 0:
        return show(terms[0][1]) if not _is_sum(terms[0][1]) else _plain(show, terms[0][1])
    text = ""
    for sign, expr in terms:
        glue = (minus if sign < 0 else plus) if text else (first_minus if sign < 0 else "")
        text += glue + show(expr)
    return text


def _plain(show: Callable[[Expr], str], expr: Expr) -> str:
    # A single positive term needs no brackets.
    return f"<math displaystyle='true'>{mathml(expr)}</math>" if show is _math_of else infix(expr)


def equations(network: Network) -> tuple[Equation, ...]:
    r"""Return every equation of a model, in the order differential, rules, initial values, events.

    A symbol of a species is its concentration unless it has only substance units. Where the volume is constant its
    equation is written for volume times the rate of change of the concentration.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 10; P = 0; J: S -> P; k*S; k = 0.1; end")
    >>> print(*(e.text() for e in equations(model.network)), sep="\n")
    default_compartment*d(S)/dt = -k*S
    default_compartment*d(P)/dt = k*S
    """
    found = [*_differential(network), *_rated(network), *_rules(network), *_initial(network), *_events(network)]
    return tuple(found)


def _differential(network: Network) -> Iterator[Equation]:
    for species in network.stoichiometry:
        symbol = network.symbols[species]
        if species in network.rate_rules or species in network.assignment_rules:
            continue
        terms = tuple(t for r in network.reactions.values() for t in _terms(species, symbol, r))
        yield Equation("differential", species, _left(symbol, network), terms, symbol.name)


def _terms(species: str, symbol: Symbol, reaction: Reaction) -> Iterator[tuple[int, Expr]]:
    # A species on both sides of a reaction changes by the net number only.
    sides = [(-1, p) for p in reaction.reactants if p.species == species]
    sides += [(1, p) for p in reaction.products if p.species == species]
    if reaction.law is None or not sides:
        return
    if any(p.formula is not None for _, p in sides):
        for sign, p in sides:
            yield sign, _times(_count(p), _converted(symbol, reaction.law))
        return
    net = sum(sign * p.stoichiometry for sign, p in sides)
    if net:
        law, sign = reaction.law, 1 if net > 0 else -1
        if law.op == "neg":
            law, sign = law.args[0], -sign
        yield sign, _times(Expr("num", value=abs(net)), _converted(symbol, law))


def _count(p: Participant) -> Expr:
    return p.formula if p.formula is not None else Expr("num", value=p.stoichiometry)


def _converted(symbol: Symbol, law: Expr) -> Expr:
    return Expr("mul", (Expr("sym", value=symbol.conversion_factor), law)) if symbol.conversion_factor else law


def _times(number: Expr, law: Expr) -> Expr:
    if number.op == "num" and number.value == 1:
        return law
    return Expr("mul", (number, *_factors(law)))


def _factors(expr: Expr) -> tuple[Expr, ...]:
    return tuple(f for a in expr.args for f in _factors(a)) if expr.op == "mul" else (expr,)


def _left(symbol: Symbol, network: Network) -> Expr:
    name = Expr("sym", value=symbol.id)
    volume = network.symbols.get(symbol.compartment)
    if symbol.amount_only or volume is None:
        return Expr("ddt", (name,))
    size = Expr("sym", value=volume.id)
    if volume.id in network.assignment_rules or volume.id in network.dynamic:
        return Expr("ddt", (Expr("mul", (size, name)),))
    return Expr("mul", (size, Expr("ddt", (name,))))


def _rated(network: Network) -> Iterator[Equation]:
    for name, expr in network.rate_rules.items():
        left = Expr("ddt", (Expr("sym", value=name),))
        yield Equation("differential", name, left, _split(expr), network.symbols[name].name)


def _rules(network: Network) -> Iterator[Equation]:
    for name, expr in network.assignment_rules.items():
        symbol = network.symbols.get(name)
        yield Equation("rule", name, Expr("sym", value=name), _split(expr), symbol.name if symbol else "")


def _initial(network: Network) -> Iterator[Equation]:
    for name, expr in network.initial_assignments.items():
        symbol = network.symbols[name]
        left = Expr("sym", value=name) if symbol.constant else Expr("at0", (Expr("sym", value=name),))
        yield Equation("initial", name, left, _split(expr), symbol.name)


def _events(network: Network) -> Iterator[Equation]:
    for event in network.events:
        for name, expr in event.assignments.items():
            when = f"when {infix(event.trigger)}" + (f", after {infix(event.delay)}" if event.delay else "")
            yield Equation("event", name, Expr("sym", value=name), _split(expr), when)


def _split(expr: Expr) -> tuple[tuple[int, Expr], ...]:
    """Return the terms of a sum."""
    if expr.op == "add" and len(expr.args) > 1:
        return tuple(t for a in expr.args for t in _split(a))
    if expr.op == "sub" and len(expr.args) == 2:
        return (*_split(expr.args[0]), *((-s, e) for s, e in _split(expr.args[1])))
    if expr.op == "neg":
        return tuple((-s, e) for s, e in _split(expr.args[0]))
    return ((1, expr),)


def reaction_text(reaction: Reaction) -> str:
    """Return a reaction as ``"2 A + B → C"``."""

    def side(participants: tuple[Participant, ...]) -> str:
        return " + ".join(_with_count(p) for p in participants) or "∅"

    return f"{side(reaction.reactants)} {'⇌' if reaction.reversible else '→'} {side(reaction.products)}"


def _with_count(p: Participant) -> str:
    number = f"({infix(p.formula)}) " if p.formula is not None else f"{p.stoichiometry:g} "
    return ("" if p.formula is None and p.stoichiometry == 1 else number) + dotted(p.species)


def infix(expr: Expr, *, inside: bool = False) -> str:
    """Return a formula as text with dotted paths; ``inside`` a sum, with the brackets it then needs."""
    if expr.op in {"ddt", "at0"}:
        inner = infix(expr.args[0])
        return f"d({inner})/dt" if expr.op == "ddt" else f"{inner}(0)"
    if expr.op == "mul" and any(a.op == "ddt" for a in expr.args):
        return "*".join(map(infix, expr.args))
    text = dotted(to_infix(expr))
    return f"({text})" if inside and _is_sum(expr) else text


# ------------------------------------------------------------------------------------------------------------ MathML
_RELATIONS = {"lt": "&lt;", "le": "≤", "gt": "&gt;", "ge": "≥", "eq": "=", "ne": "≠"}
_LEVEL = {"or": 1, "and": 2, "add": 5, "sub": 5, "mul": 6, "neg": 7, "not": 7, "pow": 8}
_SHORT = 4


def mathml(expr: Expr) -> str:
    """Return a formula as the inside of a MathML element.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> mathml(parse_formula("A/V"))
    '<mfrac><mi>A</mi><mi>V</mi></mfrac>'
    """
    op, args = expr.op, expr.args
    if op == "num":
        return _number(float(expr.value or 0))
    if op == "sym":
        return _name(str(expr.value))
    if op in _SPECIAL:
        return _SPECIAL[op](args)
    if op in _RELATIONS and len(args) == 2:
        return f"<mrow>{_level(args[0], 5)}<mo>{_RELATIONS[op]}</mo>{_level(args[1], 5)}</mrow>"
    if op in {"add", "mul", "and", "or"} and len(args) > 1:
        return _nary(op, args)
    if not args:
        return f"<mi>{'t' if op == 'time' else escape(op)}</mi>"
    inner = "<mo>,</mo>".join(map(mathml, args))
    return f"<mrow><mi>{escape(op)}</mi>{_fenced(inner)}</mrow>"


def _nary(op: str, args: tuple[Expr, ...]) -> str:
    sign = {"add": "<mo>+</mo>", "mul": "<mo>·</mo>", "and": "<mo>and</mo>", "or": "<mo>or</mo>"}[op]
    level = _LEVEL[op]
    parts = [_level(args[0], level), *(_level(a, level + (op != "add")) for a in args[1:])]
    return f"<mrow>{sign.join(parts)}</mrow>"


def _level(expr: Expr, level: int) -> str:
    own = 4 if expr.op in _RELATIONS else _LEVEL.get(expr.op, 9)
    if expr.op == "num" and float(expr.value or 0) < 0:
        own = 5
    return _fenced(mathml(expr)) if own < level else mathml(expr)


def _fenced(body: str) -> str:
    return f"<mrow><mo>(</mo>{body}<mo>)</mo></mrow>"


def _number(value: float) -> str:
    text = f"{value:.10g}"
    mantissa, e, power = text.partition("e")
    if not e:
        return f"<mn>{text}</mn>"
    return f"<mrow><mn>{mantissa}</mn><mo>·</mo><msup><mn>10</mn><mn>{int(power)}</mn></msup></mrow>"


def _name(flat: str) -> str:
    """Write ``CL_kg`` as CL with a subscript and ``pk__central`` as pk.central."""
    path, _, last = dotted(flat).rpartition(".")
    prefix = f"<mi mathvariant='normal'>{escape(path)}.</mi>" if path else ""
    base, _, below = last.partition("_")
    if base and below and len(base) <= _SHORT:
        shown = f"<msub><mi>{escape(base)}</mi><mtext>{escape(below.replace('_', ' '))}</mtext></msub>"
    else:
        shown = f"<mi>{escape(last)}</mi>"
    return f"<mrow>{prefix}{shown}</mrow>" if prefix else shown


def _pow(args: tuple[Expr, ...]) -> str:
    base, power = args
    fraction = base.op == "div"
    return f"<msup>{_fenced(mathml(base)) if fraction else f'<mrow>{_level(base, 9)}</mrow>'}{mathml(power)}</msup>"


def _piecewise(args: tuple[Expr, ...]) -> str:
    rows = [
        f"<mtr><mtd>{mathml(v)}</mtd><mtd><mtext>if&nbsp;</mtext>{mathml(c)}</mtd></mtr>"
        for v, c in zip(args[::2], args[1::2], strict=False)
    ]
    if len(args) % 2:
        rows.append(f"<mtr><mtd>{mathml(args[-1])}</mtd><mtd><mtext>otherwise</mtext></mtd></mtr>")
    return f"<mrow><mo>{{</mo><mtable columnalign='left'>{''.join(rows)}</mtable></mrow>"


def _over_dt(args: tuple[Expr, ...]) -> str:
    inner = mathml(args[0])
    body = inner if args[0].op == "sym" else _fenced(inner)
    d = "<mi mathvariant='normal'>d</mi><mspace width='0.12em'/>"
    return f"<mfrac><mrow>{d}{body}</mrow><mrow>{d}<mi>t</mi></mrow></mfrac>"


_SPECIAL: dict[str, Callable[[tuple[Expr, ...]], str]] = {
    "div": lambda a: f"<mfrac>{mathml(a[0])}{mathml(a[1])}</mfrac>",
    "sub": lambda a: f"<mrow>{_level(a[0], 5)}<mo>−</mo>{_level(a[1], 6)}</mrow>",
    "neg": lambda a: f"<mrow><mo>−</mo>{_level(a[0], 6)}</mrow>",
    "not": lambda a: f"<mrow><mo>not</mo>{_level(a[0], 7)}</mrow>",
    "pow": _pow,
    "exp": lambda a: f"<msup><mi>e</mi><mrow>{mathml(a[0])}</mrow></msup>",
    "sqrt": lambda a: f"<msqrt>{mathml(a[0])}</msqrt>",
    "piecewise": _piecewise,
    "ddt": _over_dt,
    "at0": lambda a: f"<mrow>{mathml(a[0])}<mo stretchy='false'>(</mo><mn>0</mn><mo stretchy='false'>)</mo></mrow>",
}
