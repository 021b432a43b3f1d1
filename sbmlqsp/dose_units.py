"""The units of doses against those of their targets."""

from __future__ import annotations

from sbmlqsp.dosing import Administration
from sbmlqsp.engine.network import Network, Symbol
from sbmlqsp.errors import UnitError
from sbmlqsp.model import Model, dotted, flat_id
from sbmlqsp.units import Unit, convert

__all__ = ["amount_factor", "rate_factor", "target_unit"]


def target_unit(a: Administration, model: Model) -> tuple[Symbol, Unit | None]:
    """Return the target of a dose and the unit its amounts are counted in."""
    symbol = model.network.symbols[flat_id(a.target)]
    return symbol, symbol.substance_unit if symbol.kind == "species" else symbol.unit


def amount_factor(a: Administration, model: Model, where: str) -> float:
    """Return what turns the amount as written into the target's unit.

    Raises
    ------
    UnitError
        The target declares no unit, or the dose's cannot be converted to it.
    """
    symbol, own = target_unit(a, model)
    if a.unit is None:
        return 1.0
    if own is None:
        raise UnitError(
            f"the dose is in '{a.unit}' but '{dotted(symbol.id)}' declares no unit",
            where=where,
            remedy="declare the model's substance unit, or give the dose without a unit",
        )
    return _converted(a.unit, own.label, a, where, instead=_species_behind(model.network, symbol.id))


def rate_factor(a: Administration, model: Model, where: str) -> float:
    """Return what turns the rate as written into the dose's own unit per model time."""
    if a.rate_unit is None:
        return 1.0
    own = target_unit(a, model)[1]
    time, unit = model.time_unit, a.unit or (own.label if own is not None else None)
    if time is None or unit is None:
        raise UnitError(
            f"the infusion rate is in '{a.rate_unit}' but the model declares no unit of time or substance", where=where
        )
    return _converted(a.rate_unit, f"({unit})/({time})", a, where)


def _species_behind(network: Network, name: str) -> str:
    """Return the one species that a rule-set quantity is computed from, "" where there is none or several."""
    rule = network.assignment_rules.get(name)
    if rule is None or network.symbols[name].kind == "species":
        return ""
    read = [s for s in rule.symbols() if network.symbols[s].kind == "species"]
    return read[0] if len(read) == 1 else ""


def _converted(unit: str, own: str, a: Administration, where: str, *, instead: str = "") -> float:
    try:
        return float(convert(1.0, unit, own, molar_mass=a.molar_mass))
    except UnitError as err:
        mass = "" if a.molar_mass else "; between mass and amount add the molar mass, as in '… molar mass 150 kDa'"
        raise UnitError(
            f"the dose is in '{unit}' but '{a.target}' is in '{own}'",
            where=where,
            remedy=f"a dose goes into a species, such as {dotted(instead)}, not into what is computed from it"
            if instead
            else f"give the dose in a unit that converts{mass}",
        ) from err
