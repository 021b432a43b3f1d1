"""Volumes inside volumes: what parts place inside an organ may not be larger than the organ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.libsbml_edit import scale_volumes
from sbmlqsp.equivalence import same_number
from sbmlqsp.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbmlqsp.composition.parts import Part, Parts
    from sbmlqsp.engine.network import Network, Symbol

__all__ = ["check_volumes", "rescale_volumes"]

HOLD = ("concentrations", "amounts")
SLACK = 1 + 1e-9


def check_volumes(network: Network, organs: Mapping[str, tuple[str, Sequence[str]]]) -> None:
    """Refuse an organ whose parts are larger than itself, in the composed network.

    ``organs`` gives, by the path as the user wrote it, the flat id of the organ and those of the volumes inside.
    """
    if not organs:
        return
    start = initial_state(network)
    for path, (organ, inside) in organs.items():
        symbols = [network.symbols[n] for n in (organ, *inside)]
        whole, total = _sizes(symbols, [float(start[s.id]) for s in symbols])
        if total > whole * SLACK:
            unit = f" {symbols[0].unit.label}" if symbols[0].unit else ""
            raise CompositionError(
                f"the volumes inside '{path}' add up to {total:.6g}{unit}, more than its {whole:.6g}{unit}",
                remedy=f"correct them, or add rescale='concentrations' (or 'amounts') to scale each by "
                f"λ = {whole / total:.6g} at constant initial concentrations (or amounts)",
            )


def rescale_volumes(parts: Parts, volumes: Mapping[str, Sequence[str]], *, hold: str) -> None:
    """Scale the volumes inside each organ by λ = V_organ / Σ V_sub where they are larger than the organ."""
    if hold not in HOLD:
        raise CompositionError("rescale does not say what to hold", value=hold, expected=" or ".join(map(repr, HOLD)))
    for path, inside in volumes.items():
        members = [parts.symbol(p) for p in (path, *inside)]
        for part, symbol in members[1:]:
            if symbol.kind != "compartment" or part.defined_by(symbol.id):
                raise CompositionError(
                    f"'{part.path(symbol.id)}' cannot be rescaled: it is not a compartment with a plain size",
                    remedy="rescale it in its own file",
                )
        values = [float(initial_state(part.network)[symbol.id]) for part, symbol in members]
        whole, total = _sizes([s for _, s in members], values)
        if total > whole * SLACK:
            _rescale(parts, members[1:], whole / total, hold)


def _rescale(parts: Parts, members: Sequence[tuple[Part, Symbol]], factor: float, hold: str) -> None:
    for name in dict.fromkeys(part.name for part, _ in members):
        chosen = [symbol.id for part, symbol in members if part.name == name]
        before = parts[name]
        parts[name] = replace(before, text=scale_volumes(before.text, chosen, factor, hold=hold))
        _refuse_not_held(before, parts[name], chosen, hold.removesuffix("s"))


def _refuse_not_held(before: Part, after: Part, compartments: Sequence[str], what: str) -> None:
    """Refuse where a formula gives an initial value that does not follow the volume as asked."""
    old, new = (initial_state(part.network) for part in (before, after))
    for species in after.network.species:
        key = f"{what}({species.id})"
        if species.compartment in compartments and not same_number(float(old[key]), float(new[key])):
            raise CompositionError(
                f"the initial {what} of '{after.path(species.id)}' cannot be held, as a formula computes it",
                remedy="hold the other, or rescale the volume in the part's own file",
            )


def _sizes(symbols: Sequence[Symbol], values: Sequence[float]) -> tuple[float, float]:
    """Return the organ's size and the sum of the others in the organ's unit."""
    organ, *inside = symbols
    factors = []
    for s in inside:
        if (s.unit is None) != (organ.unit is None) or (
            s.unit and organ.unit and not s.unit.same_dimension(organ.unit)
        ):
            units = [x.unit.label if x.unit else "no declared unit" for x in (s, organ)]
            raise CompositionError(
                f"the volumes '{s.id}' ({units[0]}) and '{organ.id}' ({units[1]}) cannot be compared",
                remedy="declare both in units of volume",
            )
        factors.append(s.unit.factor_to(organ.unit) if s.unit and organ.unit else 1.0)
    return values[0], sum(f * v for f, v in zip(factors, values[1:], strict=True))
