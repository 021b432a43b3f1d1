"""One subject's records written into the model as SBML events, so that any SBML tool gives the same curve."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sbmlqsp.engine.libsbml import canonical
from sbmlqsp.engine.libsbml_doses import Change, Inflow, Quantity, write_doses
from sbmlqsp.engine.libsbml_engine import LAST, per_symbol
from sbmlqsp.engine.libsbml_starts import set_starts
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.exchange.course_changes import Moment, Part, merged, moments, parts
from sbmlqsp.experiment import observable_unit, symbol_of
from sbmlqsp.expressions import Expr, num, sym
from sbmlqsp.model import Model
from sbmlqsp.observation import Observable
from sbmlqsp.prediction.predictor import PlannedCourse, Predictor
from sbmlqsp.records import Records

if TYPE_CHECKING:
    from sbmlqsp.engine.network import Network

__all__ = ["assignments", "infusion_rate", "rate_names", "start_values", "with_records", "write_part"]


def with_records(
    model: Model,
    data: Records,
    *,
    subject: int | str,
    parameters: Any = None,
    compartments: Mapping[Any, str] | str | None = None,
    molar_mass: str | None = None,
    part: int | None = None,
) -> Model:
    r"""Return the model with one subject's records written into it, as SBML events.

    Any SBML tool that starts it at time 0 gives the curve that `predict` gives, by NONMEM's rules of dosing. All that
    happens at one instant is one event, and an infusion is an inflow whose rate events set. A steady-state dose
    becomes the numbers of its steady state; a reset, and a first record after time 0, the numbers that the model
    begins with. What changes from record to record is no longer constant, nor what initial assignments compute from
    it. The subject's first parameters are the model's values at the start; amounts in events are numbers, so that
    other parameters need another call.

    Parameters
    ----------
    model : Model
    data : Records
    subject : int or str
        Its ID.
    parameters, compartments, molar_mass
        As in `predict`.
    part : int, optional
        Where resets (EVID 3 or 4) set time back, which no SBML model can: the part before the first such reset (0),
        before the second (1) and so on. Nothing is lost by the split, since a reset ends all that was before it.

    Returns
    -------
    Model
        Flat, with the same ports. A composed model's hierarchical form (``sbml_comp``) is not kept: events reach into
        its parts.

    Raises
    ------
    DataError, DosingError, ExperimentError, UnitError
        As in `predict`.
    UnsupportedError
        A record has a negative time; time goes back and no part is chosen; or the model has events of its own and the
        records more than plain doses and infusions, or no record at time 0.

    See Also
    --------
    with_doses : The same of a regimen, whose amounts stay parameters.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    >>> data = qsp.read_nonmem("ID,TIME,AMT,II,SS,DV\n1,0,100,24,1,.\n1,24,.,.,.,9.5\n")
    >>> [str(e.assignments["S"]) for e in with_records(model, data, subject=1, compartments="S").network.events]
    ['109.976877209618/default_compartment']
    """
    ready = Predictor(
        model, data, compartments=compartments, observables=_anything(model), records="all", molar_mass=molar_mass
    )
    planned = ready.courses(parameters, subjects=[subject])[subject]
    chosen = _chosen(parts(planned.job.course.stretches, planned.job.course.row), part, f"subject {subject}")
    return write_part(model, planned, chosen, where=f"subject {subject}")


def _anything(model: Model) -> Observable:
    """Return an observable that asks for no unit; nothing is read from it."""
    name = next(iter(model.network.symbols))
    return Observable(name, unit=observable_unit(model, Observable(name)) or None)


def _chosen(all_parts: list[Part], part: int | None, where: str) -> Part:
    count = len(all_parts)
    if part is None and count > 1:
        raise UnsupportedError(
            f"a reset sets time back, which no SBML model can; the records have {count} parts",
            where=where,
            remedy=f"write one model per part, with part=0 to part={count - 1}",
        )
    if part is not None and part not in range(count):
        raise UnsupportedError("there is no such part", value=part, where=where, expected=f"0 to {count - 1}")
    return all_parts[part or 0]


def write_part(model: Model, planned: PlannedCourse, part: Part, *, where: str, prefix: str = "record") -> Model:
    """Return the model with a part of a course written into it."""
    network = model.network
    if part.begins < 0:
        raise UnsupportedError(
            "SBML models start at time 0, and a record is earlier",
            value=part.begins,
            where=where,
            remedy="shift the times of the data so that none is negative",
        )
    happens = merged(moments(planned, network, _from_zero(network, part, where)))
    rates = rate_names(network, (t for m in happens for t in m.rates))
    sbml = set_starts(model.sbml, start_values(planned, network, part.row))
    sbml = write_doses(
        sbml,
        network,
        quantities=[infusion_rate(network, t, name) for t, name in rates.items()],
        inflows=[Inflow(name.removesuffix("_rate"), t, sym(name)) for t, name in rates.items()],
        changes=list(_changes(network, happens, rates, prefix)),
    )
    sbml = canonical(sbml, where=f"'{model.id}' with {prefix}s")
    return model.rewritten(sbml)


def _from_zero(network: Network, part: Part, where: str) -> Part:
    """Return the part with everything as at the start where it begins, if that is after time 0."""
    if not part.begins > 0:
        return part
    if network.events:
        raise UnsupportedError(
            f"the model '{network.id}' has events of its own, so records written into it must begin at time 0",
            value=part.begins,
            where=where,
            remedy="shift the times of the data, or add a record at time 0 (EVID 2)",
        )
    first = part.stretches[0]
    begun = replace(first, actions=(("begin", part.row), *first.actions))
    return Part((begun, *part.stretches[1:]), part.row)


def start_values(planned: PlannedCourse, network: Network, row: int) -> dict[tuple[str, str], float]:
    """Return what a row of parameters sets at the start, by symbol and kind of value."""
    at, out = planned.job.rows[row], dict[tuple[str, str], float]()
    for key, value in planned.overrides.items():
        name = symbol_of(key)
        symbol, kind = network.symbols[name], "value"
        if symbol.kind == "species":
            kind = key.partition("(")[0] if "(" in key else "amount" if symbol.amount_only else "concentration"
        out[name, kind] = float(value[at])
    return out


def rate_names(network: Network, targets: Iterable[str]) -> dict[str, str]:
    """Return a free id for the rate of infusion into each target; without ``_rate`` it is that of the inflow."""
    taken, out = {*network.symbols, *network.reactions, *(e.id for e in network.events)}, dict[str, str]()
    for target in dict.fromkeys(targets):
        stem, n = f"infusion_{target}", 2
        while {stem, f"{stem}_rate"} & taken:
            stem, n = f"infusion_{target}_{n}", n + 1
        out[target] = f"{stem}_rate"
    return out


def infusion_rate(network: Network, target: str, name: str) -> Quantity:
    """Return the parameter that holds the rate of infusion into a target."""
    symbol, time = network.symbols[target], network.time_unit
    own = symbol.substance_unit if symbol.kind == "species" else symbol.unit
    unit = own / time if own is not None and time is not None else None
    return Quantity(name, 0.0, unit, f"rate of infusion into {target}", constant=False)


def _changes(network: Network, happens: list[Moment], rates: Mapping[str, str], prefix: str) -> Iterator[Change]:
    taken, number, unit = {*network.symbols, *network.reactions, *(e.id for e in network.events)}, 0, network.time_unit
    for moment in happens:
        for values, priority in _assignments(network, moment, rates):
            number += 1
            while f"{prefix}_event_{number}" in taken:
                number += 1
            meaning = f"{prefix}s at {moment.time:.12g} {unit.label if unit is not None else ''}".rstrip()
            yield Change(f"{prefix}_event_{number}", num(moment.time), values, meaning, priority)


def _assignments(
    network: Network, moment: Moment, rates: Mapping[str, str]
) -> Iterator[tuple[Mapping[str, Expr], float]]:
    """Yield assignments and their priority: volumes first where concentrations are set in the same instant."""
    values = assignments(network, moment) | {rates[t]: num(r) for t, r in moment.rates.items()}
    volumes = {n for n in values if n in network.symbols and network.symbols[n].kind == "compartment"}
    inside = [
        n
        for n in values
        if (s := network.symbols.get(n)) is not None and not s.amount_only and s.compartment in volumes
    ]
    if inside:
        yield {n: values.pop(n) for n in list(values) if n in volumes}, LAST / 2
    if values:
        yield values, LAST


def assignments(network: Network, moment: Moment) -> dict[str, Expr]:
    """Return the assignments of a moment, without its infusions, in the meaning of formulas."""
    out: dict[str, Expr] = {n: num(v) for n, v in moment.values.items()}
    for name, shift in moment.states.items():
        symbol = network.symbols[name]
        amount = num(shift.number) if shift.number == 0 else per_symbol(symbol, num(shift.number))
        if not shift.adds:
            out[name] = amount
        elif shift.number:
            out[name] = Expr("add", (sym(name), amount))
    return out
