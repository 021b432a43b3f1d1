"""The units of every formula: inferred from the units of its symbols, and compared with what its place asks for.

A number written in a formula without a unit is dimensionless, as in SBML: it may scale a quantity but not be
added to or compared with one. Zero and infinity fit any unit. A formula that reads a symbol without a declared unit
is not checked, and counted instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sbmlqsp.expressions import Expr, evaluate, to_infix
from sbmlqsp.issues import Issue, listed
from sbmlqsp.structure import extent_units, is_mixed, mixed_reactions
from sbmlqsp.units import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sbmlqsp.engine.network import Network

__all__ = ["Inferred", "Scope", "infer", "scope_of", "unit_issues"]

ONE = Unit(1.0)
RELATIONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
IN_WORDS = {
    "add": "adds", "sub": "subtracts", "min": "takes the smaller of", "max": "takes the larger of",
    "rem": "divides", "quotient": "divides", "piecewise": "chooses between",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Inferred:
    """The unit of a formula.

    ``kind`` is ``"known"``; ``"number"`` for numbers without a unit; ``"any"`` for zero and infinity; ``"unknown"``
    where something below has no declared unit or is itself inconsistent (and reported). ``loose`` says that a number
    without a unit scales the formula, so that a unit that is missing may be the number's.
    """

    kind: str
    unit: Unit = ONE
    loose: bool = False


ANY, UNKNOWN = Inferred("any"), Inferred("unknown")
NAME_IT = "give the number its unit, or name it"


@dataclass(frozen=True)
class Scope:
    """What inference needs to know of a model, and where it leaves what it finds.

    Parameters
    ----------
    units : mapping of str to Unit or None
        Unit by symbol, and by reaction id; None where undeclared.
    time : Unit or None
        The model's unit of time.
    literal : callable
        Looks up the SBML unit id that a number in a formula carries.
    values : mapping of str to float
        Values that never change, for exponents.
    strict : bool
        Whether numbers without a unit are pure numbers, rather than possibly carrying the unit that is missing.
    """

    units: Mapping[str, Unit | None]
    time: Unit | None
    literal: Callable[[str], Unit | None] = lambda _: None
    values: Mapping[str, float] = field(default_factory=dict)
    strict: bool = True
    clashes: list[tuple[str, str, str]] = field(default_factory=list)
    undeclared: dict[str, None] = field(default_factory=dict)

    def of(self, name: str) -> Inferred:
        """Return the unit of a symbol, or note that it has none."""
        return self._declared(name, self.units.get(name))

    def of_time(self) -> Inferred:
        """Return the unit of time, or note that it has none."""
        return self._declared("time", self.time)

    def _declared(self, name: str, unit: Unit | None) -> Inferred:
        if unit is None:
            self.undeclared[name] = None
            return UNKNOWN
        return Inferred("known", unit)

    def clash(self, message: str, remedy: str, *, severity: str = "error") -> Inferred:
        """Record an inconsistency; what contains it is not judged again."""
        self.clashes.append((severity, message, remedy))
        return UNKNOWN


def infer(expr: Expr, scope: Scope) -> Inferred:
    """Return the unit of a formula; inconsistencies inside it are left in ``scope.clashes``.

    Examples
    --------
    >>> from sbmlqsp.expressions import parse_formula
    >>> from sbmlqsp.units import parse_unit
    >>> scope = Scope(units={"k": parse_unit("1/h"), "A": parse_unit("mg")}, time=parse_unit("h"))
    >>> infer(parse_formula("2*k*A"), scope).unit.label
    'mg/h'
    """
    leaf = _LEAVES.get(expr.op)
    if leaf is not None:
        return leaf(expr, scope)
    args = tuple(infer(a, scope) for a in expr.args)
    return _NODES.get(expr.op, _transcendental)(expr, args, scope)


def _literal(expr: Expr, scope: Scope) -> Inferred:
    if expr.unit:
        unit = scope.literal(expr.unit)
        return UNKNOWN if unit is None else Inferred("known", unit)
    value = float(expr.value or 0.0)
    if value == 0 or not math.isfinite(value):
        return ANY
    return Inferred("number", loose=not scope.strict and abs(value) != 1)


def _same(expr: Expr, args: tuple[Inferred, ...], scope: Scope) -> Inferred:
    whole = _agree(expr, expr.args, args, scope)
    if expr.op in RELATIONS or (expr.op == "quotient" and whole.kind == "known"):
        return Inferred("known", ONE)
    return whole


def _agree(expr: Expr, terms: tuple[Expr, ...], args: tuple[Inferred, ...], scope: Scope) -> Inferred:
    """Compare every term with the first that has a unit."""
    known = [(t, a) for t, a in zip(terms, args, strict=True) if a.kind == "known"]
    if not known:
        return next((a for a in args if a.kind != "any"), ANY)
    first, lead = known[0]
    verb = IN_WORDS.get(expr.op, "compares")
    for term, arg in zip(terms, args, strict=True):
        problem = _difference(arg, lead)
        if problem:
            severity, why, remedy = problem
            message = f"{verb} {_said(first, lead)} and {_said(term, arg)}: {why}"
            return scope.clash(message, remedy, severity=severity)
    return UNKNOWN if any(a.kind == "unknown" for a in args) else lead


def _difference(found: Inferred, wanted: Inferred) -> tuple[str, str, str] | None:
    """Return (severity, why, remedy) where a unit is not the one wanted."""
    if found.kind in {"any", "unknown"} or wanted.kind != "known":
        return None
    a, b = found.unit, wanted.unit
    if found.kind == "number" and not b.is_dimensionless:
        return "warning", f"the number has no unit and is read as {b.label}", NAME_IT
    problem = _mismatch(a, b)
    if problem and (found.loose or wanted.loose):
        return "warning", f"{problem[1]}, unless a number without a unit makes up for it", NAME_IT
    return problem


def _mismatch(a: Unit, b: Unit) -> tuple[str, str, str] | None:
    if not a.same_dimension(b):
        return "error", "the dimensions differ", "correct the formula, or the unit of a symbol in it"
    factor = a.factor_to(b)
    if math.isclose(factor, 1.0, rel_tol=1e-9):
        return None
    constant = f"{factor:.6g} whose unit is {b.label} per {a.label}"
    return "error", f"the scales differ by a factor of {factor:.6g}", f"convert: multiply by a constant {constant}"


def _said(expr: Expr, unit: Inferred) -> str:
    text = to_infix(expr)
    label = "no unit" if unit.kind == "number" else unit.unit.label
    return f"`{text if len(text) <= 60 else text[:59] + '…'}` ({label})"


def _product(_: Expr, args: tuple[Inferred, ...], __: Scope) -> Inferred:
    if any(a.kind == "any" for a in args):
        return ANY
    out = args[0]
    for a in args[1:]:
        out = _joined(out, a, out.unit * a.unit)
    return out


def _ratio(_: Expr, args: tuple[Inferred, ...], __: Scope) -> Inferred:
    over, under = args
    return ANY if over.kind == "any" else _joined(over, under, over.unit / under.unit)


def _joined(a: Inferred, b: Inferred, unit: Unit) -> Inferred:
    if "unknown" in {a.kind, b.kind}:
        return UNKNOWN
    kind = "number" if {a.kind, b.kind} <= {"number", "any"} else "known"
    return Inferred(kind, ONE if kind == "number" else unit, a.loose or b.loose)


def _power(expr: Expr, args: tuple[Inferred, ...], scope: Scope) -> Inferred:
    base, exponent = args
    problem = _difference(exponent, Inferred("known", ONE))
    if problem:
        message = f"raises to {_said(expr.args[1], exponent)}: {problem[1]}"
        return scope.clash(message, "make the exponent a pure number", severity=problem[0])
    return _raised(expr, base, expr.args[1], scope)


def _raised(expr: Expr, base: Inferred, exponent: Expr, scope: Scope, *, inverse: bool = False) -> Inferred:
    if base.kind != "known" or (base.unit.is_dimensionless and base.unit.equivalent(ONE)):
        return base
    value = _constant(exponent, scope)
    if value is None:
        return scope.clash(
            f"raises {_said(expr.args[-1 if inverse else 0], base)} to a power that is not a constant number",
            "divide the base by a reference of the same unit first, as in (S/K)^n",
        )
    return Inferred("known", base.unit ** (1 / value if inverse and value else value), base.loose)


def _constant(expr: Expr, scope: Scope) -> float | None:
    try:
        value = float(evaluate(expr, scope.values))
    except (KeyError, ValueError, TypeError):
        return None
    return value if math.isfinite(value) else None


def _root(expr: Expr, args: tuple[Inferred, ...], scope: Scope) -> Inferred:
    degree = Expr("num", value=2.0) if expr.op == "sqrt" else expr.args[0]
    return _raised(expr, args[-1], degree, scope, inverse=True)


def _piecewise(expr: Expr, args: tuple[Inferred, ...], scope: Scope) -> Inferred:
    n = len(args)
    at = [i for i in range(n) if i % 2 == 0]
    return _agree(expr, tuple(expr.args[i] for i in at), tuple(args[i] for i in at), scope)


def _delay(expr: Expr, args: tuple[Inferred, ...], scope: Scope) -> Inferred:
    problem = _difference(args[1], scope.of_time())
    if problem:
        scope.clash(f"delays by {_said(expr.args[1], args[1])}: {problem[1]}", problem[2], severity=problem[0])
    return args[0]


def _rate_of(expr: Expr, args: tuple[Inferred, ...], scope: Scope) -> Inferred:
    return _ratio(expr, (args[0], scope.of_time()), scope)


def _transcendental(expr: Expr, args: tuple[Inferred, ...], scope: Scope) -> Inferred:
    """Exponentials, logarithms, trigonometry, factorials: pure numbers in and out."""
    for term, arg in zip(expr.args, args, strict=True):
        problem = _difference(arg, Inferred("known", ONE))
        if problem:
            return scope.clash(
                f"takes {expr.op} of {_said(term, arg)}: {problem[1]}, as {expr.op} needs a pure number",
                "divide by a reference of the same unit inside the function",
                severity=problem[0],
            )
    return UNKNOWN if any(a.kind == "unknown" for a in args) else Inferred("known", ONE)


def _keeps(_: Expr, args: tuple[Inferred, ...], __: Scope) -> Inferred:
    return args[0]


def _logic(_: Expr, __: tuple[Inferred, ...], ___: Scope) -> Inferred:
    return Inferred("known", ONE)


_LEAVES: dict[str, Callable[[Expr, Scope], Inferred]] = {
    "num": _literal,
    "sym": lambda e, scope: scope.of(str(e.value)),
    "time": lambda _, scope: scope.of_time(),
    "amount": lambda e, scope: scope.of(f"amount({e.args[0].value})"),
    "concentration": lambda e, scope: scope.of(f"concentration({e.args[0].value})"),
    **dict.fromkeys(("avogadro", "true", "false"), lambda *_: Inferred("known", ONE)),
}
_NODES: dict[str, Callable[[Expr, tuple[Inferred, ...], Scope], Inferred]] = {
    **dict.fromkeys(("add", "sub", "min", "max", "rem", "quotient", *RELATIONS), _same),
    **dict.fromkeys(("neg", "abs", "floor", "ceil"), _keeps),
    **dict.fromkeys(("and", "or", "not", "xor", "implies"), _logic),
    "mul": _product,
    "div": _ratio,
    "pow": _power,
    "sqrt": _root,
    "root": _root,
    "piecewise": _piecewise,
    "delay": _delay,
    "rateOf": _rate_of,
}


# ----------------------------------------------------------------------------------------------------------- the model
def scope_of(
    network: Network,
    *,
    literal: Callable[[str], Unit | None] = lambda _: None,
    values: Mapping[str, float] | None = None,
    units: Mapping[str, Unit | None] | None = None,
) -> Scope:
    """Return the scope of a model's formulas; ``units`` are those of `formula_units`, where known already."""
    return Scope(dict(units or formula_units(network)), network.time_unit, literal, values or {})


def formula_units(network: Network) -> dict[str, Unit | None]:
    """Return the unit of everything that a formula may name."""
    units: dict[str, Unit | None] = {s.id: s.unit for s in network.symbols.values()}
    for s in network.species:
        size = network.symbols[s.compartment].unit
        units[f"amount({s.id})"] = s.substance_unit
        units[f"concentration({s.id})"] = s.substance_unit / size if s.substance_unit and size else None
    extents = extent_units(network)
    time = network.time_unit
    units |= {r: extent / time if extent is not None and time is not None else None for r, extent in extents.items()}
    return units


def unit_issues(network: Network, scope: Scope) -> Iterator[Issue]:
    """Yield every inconsistency of units, then what has no declared unit, then how much was not checked."""
    unchecked = 0
    for role, name, expr in network.formulas():
        found = infer(expr, scope)
        wanted = _wanted(role, name, scope)
        problem = _difference(found, wanted)
        if problem:
            severity, why, remedy = problem
            scope.clash(
                f"gives {_said(expr, found)} where {wanted.unit.label} is due: {why}", remedy, severity=severity
            )
        unchecked += not scope.clashes and "unknown" in {found.kind, wanted.kind}
        where, _, variable = name.partition(":")
        yield from _clashes(scope, where, f"{role} of {variable or name}")
    yield from _extents(network)
    yield from mixed_reactions(network)
    yield from _undeclared(network, scope, unchecked)


def _wanted(role: str, name: str, scope: Scope) -> Inferred:
    if role in {"assignment rule", "initial assignment", "kinetic law", "event assignment"}:
        return scope.of(name.rpartition(":")[2])
    if role == "rate rule":
        return _rate_of(Expr("num"), (scope.of(name),), scope)
    if role == "event delay":
        return scope.of_time()
    return Inferred("known", ONE) if role == "stoichiometry" else ANY


def _clashes(scope: Scope, where: str, place: str) -> Iterator[Issue]:
    for severity, message, remedy in scope.clashes:
        code = "units" if severity == "error" else "bare-number"
        yield Issue(severity, code, where, f"the {place} {message}", remedy)
    scope.clashes.clear()


def _extents(network: Network) -> Iterator[Issue]:
    """A reaction's extent times the conversion factor must be an amount of each species."""
    for name in network.stoichiometry:
        species = network.symbols[name]
        factor = network.symbols[species.conversion_factor].unit if species.conversion_factor else ONE
        if species.substance_unit is None or network.extent_unit is None or factor is None:
            continue
        problem = _difference(
            Inferred("known", network.extent_unit * factor), Inferred("known", species.substance_unit)
        )
        if problem:
            yield Issue(
                "error",
                "units",
                name,
                f"reactions change {name} in {(network.extent_unit * factor).label}, its amount is in "
                f"{species.substance_unit.label}: {problem[1]}",
                "give the species the model's unit of substance, or a conversion factor",
            )


def _undeclared(network: Network, scope: Scope, unchecked: int) -> Iterator[Issue]:
    names = list(dict.fromkeys(_blame(n, network) for n in scope.undeclared))
    if "extent" in names and is_mixed(network):
        names.remove("extent")
        lost = [r for r in network.reactions if r in scope.undeclared]
        message = f"the rate laws of {listed(lost)} were not checked: the species of this model have several units of "
        message += "substance, so that it has no one unit of extent"
        yield Issue("info", "unchecked-units", network.id, message, "check the parts before they are joined")
    if names and not any(s.unit for s in network.symbols.values() if s.kind != "stoichiometry"):
        yield Issue(
            "info",
            "undeclared-unit",
            network.id,
            "the model declares no units, so none were checked",
            "declare them, e.g. `unit time_unit = 3600 second; unit substance = 1e-9 mole; k has 1/time_unit`",
        )
        return
    for name in names:
        yield Issue("warning", "undeclared-unit", name, f"{name} has no declared unit", _declare(name))
    if unchecked and names:
        yield Issue(
            "info",
            "unchecked-units",
            network.id,
            f"{unchecked} formula{'s were' if unchecked > 1 else ' was'} not checked for want of units",
            "declare the units named above",
        )


def _blame(name: str, network: Network) -> str:
    """Return whose declaration is missing: a species' unit comes from its substance and compartment."""
    if name in network.reactions:
        return "time" if network.time_unit is None else "extent"
    species = name.partition("(")[2].rstrip(")") or name
    symbol = network.symbols.get(species)
    if symbol is None or symbol.kind != "species":
        return name
    return "substance" if symbol.substance_unit is None else symbol.compartment


def _declare(name: str) -> str:
    whole_model = {
        "time": "unit time_unit = 3600 second",
        "extent": "unit extent = 1e-9 mole",
        "substance": "unit substance = 1e-9 mole",
    }
    return f"declare it, e.g. `{whole_model.get(name, f'{name} has dimensionless')}`"
