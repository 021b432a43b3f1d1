"""How a data set meets a model: compartments, units and what each record observes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sbmlqsp.course import Entry
from sbmlqsp.engine.libsbml_engine import dosable
from sbmlqsp.errors import DataError, ExperimentError, UnitError, UnsupportedError, did_you_mean
from sbmlqsp.experiment import observable_unit
from sbmlqsp.model import Model, dotted, flat_id
from sbmlqsp.observation import Observable
from sbmlqsp.records import Records
from sbmlqsp.units import convert

__all__ = ["Link", "UnitsWarning", "link", "nearest"]


class UnitsWarning(UserWarning):
    """Data without units meet a model that has some."""


@dataclass(frozen=True)
class Link:
    """A data set in the terms of a model.

    Parameters
    ----------
    entries : tuple of tuple of Entry
        The records of each subject, amounts in the model's units, rows of parameters not yet numbered.
    places : tuple of ndarray
        Their positions in the table of the data.
    outputs : ndarray of int
        Positions of the records that are predicted, in the order of their outputs.
    observables : tuple of Observable
    which : ndarray of int
        Which observable each output shows.
    targets : tuple of str
        Flat ids of what is dosed.
    scale : float
        The model's time units per time unit of the data.
    """

    entries: tuple[tuple[Entry, ...], ...]
    places: tuple[Any, ...]
    outputs: Any
    observables: tuple[Observable, ...]
    which: Any
    targets: tuple[str, ...]
    scale: float


def link(
    model: Model,
    data: Records,
    *,
    compartments: Mapping[Any, str] | str | None,
    observables: Any,
    records: str,
    molar_mass: str | None,
) -> Link:
    """Resolve compartments, units and observables.

    Raises
    ------
    DataError, ExperimentError, UnitError
        A compartment or an observable is not named, or a unit does not convert.
    """
    table = data.table
    if records not in {"observations", "all"}:
        raise ExperimentError("no such choice of records", value=records, expected="'observations' or 'all'")
    scale = _time_scale(model, data)
    _warn_of_unstated(model, data)
    targets = _targets(model, table, compartments)
    factors = {t: _amount_factor(model, data, t, molar_mass) for t in dict.fromkeys(targets) if t}
    shown = np.ones(len(table), dtype=bool) if records == "all" else (table["EVID"].to_numpy() == 0)
    outputs = np.flatnonzero(shown)
    seen, which = _observed(model, data, observables, outputs, molar_mass)
    number = np.full(len(table), -1)
    number[outputs] = np.arange(len(outputs))
    rows = _entries(table, targets, factors, number.tolist())
    blocks = [positions for _, positions in _blocks(table["ID"].to_numpy())]
    entries = tuple(tuple(rows[i] for i in positions) for positions in blocks)
    dosed = dict.fromkeys(t for t, e in zip(targets, table["EVID"], strict=True) if t and (e in {1, 4}))
    _refuse_turning_off(model, table, targets)
    return Link(entries, tuple(blocks), outputs, seen, which, tuple(dosed), scale)


def _blocks(ids: Any) -> list[tuple[Any, Any]]:
    starts = [0, *(i for i in range(1, len(ids)) if ids[i] != ids[i - 1])]
    return [(ids[a], np.arange(a, b)) for a, b in zip(starts, [*starts[1:], len(ids)], strict=True)]


def _entries(table: Any, targets: list[str], factors: Mapping[str, float], outputs: list[int]) -> list[Entry]:
    columns = [table[c].tolist() for c in ("TIME", "EVID", "AMT", "RATE", "II", "ADDL", "SS", "LINE", "ID", "CMT")]
    out = []
    for i, (time, evid, amount, rate, interval, more, steady, line, subject, cmt) in enumerate(
        zip(*columns, strict=True)
    ):
        factor = factors.get(targets[i], 1.0)
        about = targets[i] if evid in {1, 4} or _turns_off(evid, cmt) else ""
        where = f"line {line}, subject {subject}"
        flow = float(rate) * factor if rate > 0 else float(rate)
        given = (about, float(amount) * factor, flow, float(interval), int(more), int(steady), 0, outputs[i], where)
        out.append(Entry(float(time), int(evid), *given))
    return out


def _turns_off(evid: int, cmt: Any) -> bool:
    return evid == 2 and not isinstance(cmt, str) and cmt < 0


# -------------------------------------------------------------------------------------------------------------- units
def _warn_of_unstated(model: Model, data: Records) -> None:
    """Warn where the data do not say in what unit they are, while the model does: a day may be taken for an hour."""
    dosed = bool(data.table["EVID"].isin([1, 4]).any())
    lacking = [n for n, used in (("TIME", True), ("AMT", dosed)) if used and data.units.get(n) is None]
    substances = {s.substance_unit.label for s in model.network.species if s.substance_unit is not None}
    own = {"TIME": model.time_unit, "AMT": " or ".join(sorted(substances))}
    known = [n for n in lacking if own[n]]
    if known:
        taken = ", ".join(f"{n} in '{own[n]}'" for n in known)
        given = ", ".join(f"'{n}': '{own[n]}'" for n in known)
        warnings.warn(
            f"the data do not say in what unit {' and '.join(known)} is given, so it is taken as the model's: {taken}; "
            f"say so with units={{{given}}} when the data are read",
            UnitsWarning,
            stacklevel=5,
        )


def _time_scale(model: Model, data: Records) -> float:
    unit, own = data.units.get("TIME"), model.time_unit
    if unit is None:
        return 1.0
    if own is None:
        raise UnitError(
            f"the data count time in '{unit}' and the model '{model.id}' declares no unit of time",
            remedy="declare it in the model, or leave the unit of TIME out",
        )
    return float(convert(1.0, unit, own))


def _amount_factor(model: Model, data: Records, target: str, molar_mass: str | None) -> float:
    symbol = dosable(model.network, target)
    unit = data.units.get("AMT")
    if unit is None:
        return 1.0
    own = symbol.substance_unit if symbol.kind == "species" else symbol.unit
    if own is None:
        raise UnitError(
            f"the doses are in '{unit}' but '{dotted(target)}' declares no unit",
            remedy="declare the model's substance unit, or leave the unit of AMT out",
        )
    try:
        return float(convert(1.0, unit, own.label, molar_mass=molar_mass))
    except UnitError as err:
        mass = "" if molar_mass else "; between mass and amount give molar_mass="
        why = f" ({err.what})" if molar_mass else ""
        raise UnitError(
            f"the doses are in '{unit}' but '{dotted(target)}' is in '{own.label}'{why}",
            remedy=f"give units={{'AMT': …}} that convert{mass}",
        ) from err


# ------------------------------------------------------------------------------------------------------- compartments
def _targets(model: Model, table: Any, compartments: Mapping[Any, str] | str | None) -> list[str]:
    """Return the flat id that every dose record, and every record that turns a compartment off, is about."""
    cmt, evid = table["CMT"].tolist(), table["EVID"].tolist()
    known: dict[Any, str] = {}
    out = []
    for i, number in enumerate(cmt):
        off = _turns_off(evid[i], number)
        if not (evid[i] in {1, 4} or off):
            out.append("")
            continue
        key = -number if off else number
        if key not in known:
            where = f"line {table['LINE'].iat[i]}, subject {table['ID'].iat[i]}"
            known[key] = _target(model, key, compartments, where)
        out.append(known[key])
    return out


def _target(model: Model, cmt: Any, compartments: Mapping[Any, str] | str | None, where: str) -> str:
    symbols = model.network.symbols
    species = [dotted(s.id) for s in model.network.species]
    if isinstance(compartments, str):
        name = compartments
    elif compartments is not None and cmt in compartments:
        name = compartments[cmt]
    elif compartments is not None and cmt == 0 and len(compartments):
        name = next(iter(compartments.values()))  # the default dose compartment is the first
    elif isinstance(cmt, str):
        name = cmt
    else:
        raise DataError(
            "no symbol of the model is named for a compartment of the data", value=f"CMT {cmt}", where=where,
            expected=f"compartments='…' for all doses, or compartments={{{cmt or 1}: …}} by CMT; "
            f"… is one of {', '.join(species)}",
        )  # fmt: skip
    if flat_id(name) not in symbols:
        raise DataError(
            f"a dose goes into '{name}', which the model '{model.id}' lacks", value=f"CMT {cmt}", where=where,
            remedy=nearest(name, species),
        )  # fmt: skip
    return flat_id(name)


def _refuse_turning_off(model: Model, table: Any, targets: list[str]) -> None:
    network = model.network
    made = {p.species for r in network.reactions.values() for p in r.products} | set(network.rate_rules)
    for i, target in enumerate(targets):
        if target and table["EVID"].iat[i] == 2 and (target in made or model.network.events):
            raise UnsupportedError(
                f"'{dotted(target)}' cannot be turned off (EVID 2 with a negative CMT): the model fills it by itself",
                where=f"line {table['LINE'].iat[i]}, subject {table['ID'].iat[i]}",
            )


# --------------------------------------------------------------------------------------------------------- observables
def _observed(
    model: Model, data: Records, given: Any, outputs: Any, molar_mass: str | None
) -> tuple[tuple[Observable, ...], Any]:
    table = data.table.iloc[outputs]
    if given is None:
        raise ExperimentError(
            "it is not said what the records observe",
            expected="observables='[a symbol or formula]', or a mapping by DVID such as {1: 'concentration(central)'}",
        )
    if not isinstance(given, Mapping):
        _refuse_several(table, given)
        chosen = _with_unit(model, given, data.units.get("DV"), molar_mass)
        return (chosen,), np.zeros(len(table), dtype=int)
    by_dvid = table["DVID"].tolist()
    use = by_dvid if len(set(by_dvid)) > 1 or not set(table["CMT"].tolist()) <= set(given) else table["CMT"].tolist()
    keys = list(given)
    which = np.zeros(len(table), dtype=int)
    for n, key in enumerate(use):
        if key not in keys:
            raise DataError(
                "no observable is given for a record", value=f"DVID {key!r}",
                where=f"line {table['LINE'].iat[n]}, subject {table['ID'].iat[n]}",
                remedy=f"add {key!r} to observables, which has {', '.join(map(repr, keys)) or 'nothing'}, "
                "or leave such records out",
            )  # fmt: skip
        which[n] = keys.index(key)
    seen = tuple(_with_unit(model, given[k], data.units.get(f"DV:{k}", data.units.get("DV")), molar_mass) for k in keys)
    return seen, which


def _refuse_several(table: Any, given: Any) -> None:
    """Refuse one observable for records that observe several things, and what is no observable."""
    if not isinstance(given, str | Observable):
        raise ExperimentError(
            "observables is neither a text, an Observable nor a mapping", value=type(given).__name__,
            expected="observables='C', or by DVID observables={1: 'C', 2: 'response'}",
        )  # fmt: skip
    dvids = sorted(set(table.loc[table["EVID"] == 0, "DVID"]), key=lambda d: (isinstance(d, str), d))
    if len(dvids) > 1:
        text, named = getattr(given, "id", given), ", ".join(map(str, dvids))
        raise DataError(
            "the records observe several things, and one observable is given", value=f"DVID {named}",
            remedy=f"give one by DVID: observables={{{dvids[0]!r}: '{text}', {dvids[1]!r}: '…'}}",
        )  # fmt: skip


def _with_unit(model: Model, given: Any, unit: str | None, molar_mass: str | None) -> Observable:
    o = given if isinstance(given, Observable) else Observable(str(given))
    known = set(model.network.symbols) | set(model.network.reactions)
    for name in o.expr.symbols():
        if flat_id(name) not in known:
            raise ExperimentError(
                f"the observable '{o.id}' reads '{name}', which the model '{model.id}' lacks",
                remedy=nearest(name, map(dotted, known)),
            )
    if unit is not None and o.unit is None and observable_unit(model, o):
        o = replace(o, unit=unit, molar_mass=o.molar_mass or molar_mass)
    try:
        observable_unit(model, o)
    except UnitError as err:
        raise UnitError(
            f"the observable '{o.id}' does not fit the unit of DV: {err.what}",
            remedy=err.remedy or "observe what has that unit, or correct units={'DV': …} of the data",
        ) from err
    return o


def nearest(name: str, known: Iterable[str]) -> str:
    """Return which names may be meant: those that end in it first, as 'pk.CL' does in 'CL'."""
    names = list(known)
    ends = [n for n in names if n.rsplit(".", 1)[-1].lower() == name.rsplit(".", 1)[-1].lower()]
    return f"did you mean {' or '.join(map(repr, sorted(ends)[:3]))}" if ends else did_you_mean(name, names)
