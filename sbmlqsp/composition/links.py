"""What the user says about a connection or a shared quantity, and how it is read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from sbmlqsp.errors import CompositionError, UnitError
from sbmlqsp.model import dotted
from sbmlqsp.units import Unit, convert, parse_quantity, parse_unit

__all__ = ["Connections", "Link", "Share", "conversion_hint", "factor_of", "mass_and_amount", "read_connections"]

PATH = re.compile(r"[A-Za-z][A-Za-z0-9]*(\.|__)[A-Za-z_][A-Za-z0-9_.]*")
WINNERS = (None, "source", "target")


@dataclass(frozen=True)
class Link:
    """A connection with its terms: what feeds the input, whose value or unit stands, how it is converted.

    Parameters
    ----------
    source : str
        The output that feeds (``"pk.Cp"``), or a formula of outputs (``"pk.A/pk.V"``).
    wins : {"source", "target"}, optional
        Whose value stands where two plain numbers differ, and whose unit where one side declares none.
    convert : str or float, optional
        The unit to convert to (``"mg/L"``), a molar mass (``"150 kDa"``), or the factor itself: a plain number in the
        input's unit per the output's, or one with its unit (``"0.3 1/day"``). Where the units differ, the factor
        becomes a parameter of the result (``pd.Cp.factor``), which can be changed like any other.

    Raises
    ------
    CompositionError
        The winner is neither side.

    Examples
    --------
    >>> Link("pk.kel", wins="source").wins
    'source'
    """

    source: str
    wins: str | None = None
    convert: str | float | None = None

    def __post_init__(self) -> None:
        if self.wins not in WINNERS:
            raise CompositionError("a link names no such winner", value=self.wins, expected="'source' or 'target'")
        if not isinstance(self.source, str) or not self.source.strip():
            raise CompositionError("a link has no source", value=self.source, expected="such as 'pk.Cp'")

    @property
    def is_path(self) -> bool:
        """Whether the source is one symbol rather than a formula."""
        return PATH.fullmatch(self.source.strip()) is not None


@dataclass(frozen=True)
class Share:
    """A quantity used by several parts, with its terms.

    Parameters
    ----------
    members : sequence of str
        Constant parameters or compartments of parts.
    value : float or str, optional
        The value of all, in their unit or with one of its own (``"2 nM"``).
    wins : str, optional
        The member whose value stands where they differ, and whose unit where some declare none.

    Examples
    --------
    >>> Share(["ro.Kd", "tissue.Kd"], value=2.0).value
    2.0
    """

    members: Sequence[str]
    value: float | str | None = None
    wins: str | None = None


Connections = Mapping[str, str | Link] | Iterable[tuple[str, str | Link]]


def read_connections(connect: Connections, conversions: Mapping[str, str | float]) -> dict[str, Link]:
    """Return each input's link by dotted path, refusing two sources for one input."""
    pairs = connect.items() if isinstance(connect, Mapping) else connect
    links: dict[str, Link] = {}
    for target, source in pairs:
        link = source if isinstance(source, Link) else Link(source)
        path = dotted(target)
        if path in links and links[path].source != link.source:
            raise CompositionError(
                f"two outputs feed the input '{path}': '{links[path].source}' and '{link.source}'",
                remedy="keep one, or feed it a formula of both such as 'a.x + b.y'",
            )
        links[path] = link
    for target, how in conversions.items():
        path = dotted(target)
        if path not in links:
            raise CompositionError(
                f"convert names '{target}', which is not a connected input",
                remedy="name an input that `connect` feeds, or a part (to convert its unit of time)",
            )
        links[path] = replace(links[path], convert=how)
    return links


def factor_of(how: str | float, source: Unit | None, target: Unit | None, *, where: str) -> float:
    """Return what a converted connection multiplies its source by.

    Raises
    ------
    CompositionError
        A unit is undeclared, or the conversion asked for does not lead from one unit to the other.
    """
    if isinstance(how, int | float):
        return _stated_factor(float(how), source, target, where)
    if source is None or target is None:
        side = "output" if source is None else "input"
        raise CompositionError(
            f"the {side} declares no unit, so there is nothing to convert by",
            value=how,
            where=where,
            remedy="declare it in the part, or give a plain factor as a number",
        )
    try:
        number, unit = parse_quantity(how)
    except UnitError:
        return _to_named_unit(how, source, target, where)
    if re.match(r"\s*1\s*/", how):  # "1/h" is a unit, "1 1/h" a quantity
        return _to_named_unit(how, source, target, where)
    return _by_quantity(how, number, parse_unit(unit), (source, target), where)


def _by_quantity(how: str, number: float, unit: Unit, units: tuple[Unit, Unit], where: str) -> float:
    """Convert by a molar mass, or by a factor that has the unit of the input per that of the output."""
    source, target = units
    ratio = target / source
    if unit.same_dimension(ratio):
        return _stated_factor(number * unit.factor_to(ratio), source, target, where)
    bridged = mass_and_amount(source, target)
    if number > 0 and any(unit.same_dimension(parse_unit(u)) for u in ("g/mol", "Da")):
        with suppress(UnitError):
            return float(convert(1.0, source.label, target.label, molar_mass=how))
    raise CompositionError(
        f"'{how}' does not lead from {source.label} to {target.label}",
        where=where,
        expected="a molar mass, such as '400 g/mol'" if bridged else f"a factor, such as '{number:g} {_plain(ratio)}'",
        remedy="" if bridged else "the factor times the output has to have the input's unit",
    )


def _plain(unit: Unit) -> str:
    return unit.label if unit.dims or unit.factor != 1.0 else "dimensionless"


def _stated_factor(factor: float, source: Unit | None, target: Unit | None, where: str) -> float:
    if not math.isfinite(factor) or factor == 0:
        raise CompositionError("the factor is not usable", value=factor, where=where, expected="a finite number, not 0")
    if source is not None and target is not None and source.same_dimension(target):
        right = source.factor_to(target)
        if abs(factor - right) > 1e-9 * abs(right):
            raise CompositionError(
                f"the factor {factor:g} does not convert {source.label} to {target.label}",
                where=where,
                expected=f"{right:g}",
                remedy=f"write convert='{target.label}'",
            )
    return factor


def _to_named_unit(how: str, source: Unit, target: Unit, where: str) -> float:
    unit = parse_unit(how)
    if not unit.equivalent(target):
        raise CompositionError(
            "the conversion names another unit than the input's", value=how, where=where, expected=f"'{target.label}'"
        )
    if not source.same_dimension(target):
        raise CompositionError(
            f"{source.label} cannot be converted to {target.label} by a unit alone",
            where=where,
            remedy="give the molar mass, such as convert='150 kDa'"
            if mass_and_amount(source, target)
            else f"give the factor, such as convert='1 {_plain(target / source)}'",
        )
    return source.factor_to(target)


def conversion_hint(target: Unit, source: Unit) -> str:
    """Return what converts a source to an input, as it would be written in ``convert``; ``<…>`` is for the user."""
    if target.same_dimension(source):
        return f"'{target.label}'"
    return "'<molar mass>'" if mass_and_amount(target, source) else f"<number in {_plain(target / source)}>"


def mass_and_amount(a: Unit, b: Unit) -> bool:
    """Say whether two units differ only as mass differs from amount of substance."""
    dims = dict((a / b).dims)
    return set(dims) == {"kilogram", "mole"} and dims["kilogram"] == -dims["mole"]
