"""How a regimen is written: a few event records, around which observations are set before, at and after each event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

Record = dict[str, float]

MODELS: dict[str, Record] = {
    "oral1": {"KA": 0.83, "CL": 4.2, "V": 31.5},
    "iv2": {"CL": 3.7, "V": 17.25, "Q": 2.9, "V2": 41.0},
    "oral2": {"KA": 1.27, "CL": 5.15, "V": 24.8, "Q": 3.35, "V2": 58.6},
}
CENTRAL = {"oral1": 2, "iv2": 1, "oral2": 2}
PERIPHERAL = {"iv2": 2, "oral2": 3}


@dataclass(frozen=True)
class Case:
    """One subject: its records (items and the parameters that differ from `parameters`) and the constant parameters."""

    name: str
    model: str
    records: tuple[Record, ...]
    parameters: Mapping[str, float]
    why: str = ""  # why a case is uncertain

    def frame(self) -> pd.DataFrame:
        """Return the records with every parameter in its column, also before a record names it for the first time."""
        table = pd.DataFrame([{**self.parameters, **record} for record in self.records])
        for name in set(table) - ITEMS:
            default = 1.0 if name[0] == "F" else 0.0 if name.startswith("ALAG") else None
            table[name] = table[name].bfill() if default is None else table[name].fillna(default)
        return table


def dose(time: float, amt: float, cmt: int = 1, **items: float) -> Record:
    """Return a dose record; items in lower case (rate, ii, addl, ss, evid), parameters as they are (F1, CL)."""
    return {"TIME": time, "AMT": amt, "CMT": cmt, "EVID": 1} | _items(items)


def other(time: float, **items: float) -> Record:
    """Return a record that is no dose and no observation: parameters change, a compartment is turned off (cmt=-1)."""
    return {"TIME": time, "EVID": 2} | _items(items)


def reset(time: float, **items: float) -> Record:
    """Return a reset record."""
    return {"TIME": time, "EVID": 3} | _items(items)


def seen(time: float, **items: float) -> Record:
    """Return an observation record at a chosen place among the events."""
    return {"TIME": time, "EVID": 0} | _items(items)


def _items(items: Mapping[str, float]) -> Record:
    return {name.upper() if name.islower() else name: value for name, value in items.items()}


def case(
    name: str,
    model: str,
    *events: Record,
    to: float,
    before: bool = True,
    watch: Iterable[float] = (),
    why: str = "",
    **parameters: float,
) -> Case:
    """Build a case: the events in their order, observations around them and around what they set off, up to `to`.

    A parameter on an event holds for the observations after it too. Without `before` no observation stands right
    before an event at its own time, so that the event itself ends an interval.
    """
    constant = MODELS[model] | parameters
    records: list[Record] = []
    held: Record = {}
    runs = _runs(events)
    for number, run in enumerate(runs):
        last = number == len(runs) - 1
        end = to if last else run[-1]["TIME"] + 2.6
        times = _times(run, constant | held, end) | (set(watch) if last else set())
        if before and number == 0:
            records.append({"TIME": run[0]["TIME"], "EVID": 0})
        records += _weave(run, sorted(times), held, before=before)
    return Case(name, model, tuple(records), constant, why)


def _runs(events: Iterable[Record]) -> list[list[Record]]:
    """Split the events where time goes back."""
    runs: list[list[Record]] = []
    for event in events:
        if not runs or event["TIME"] < runs[-1][-1]["TIME"]:
            runs.append([])
        runs[-1].append(event)
    return runs


def _times(run: list[Record], parameters: Record, end: float) -> set[float]:
    """Return when to observe: around each event, each entry of a lagged or additional dose, each end of an infusion."""
    start, values, times = run[0]["TIME"], dict(parameters), {end}
    for event in run:
        values |= {key: value for key, value in event.items() if key not in {"TIME", "EVID"}}
        near = [event["TIME"] - 0.43, event["TIME"], event["TIME"] + 0.37]
        count, lag = int(event.get("ADDL", 0)), values.get(f"ALAG{int(event.get('CMT', 1))}", 0.0)
        for number in sorted({0, 1, count} & set(range(count + 1))) if event.get("AMT") else ():
            entry = event["TIME"] + number * event.get("II", 0.0) + lag
            near += [entry - 0.21, entry + 0.26, *([entry] if entry * 64 == int(entry * 64) else [])]
            if span := _span(event, values):
                near += [entry + span - 0.17, entry + span + 0.19]
        times |= {time if time == event["TIME"] else round(time, 6) for time in near}
    knots = sorted({event["TIME"] for event in run} | {end})
    for one, two in pairwise(knots):
        times |= {round(one + part * (two - one), 3) for part in (0.29, 0.61)}
    return {time for time in times if start <= time <= end}


def _span(event: Record, values: Record) -> float:
    """Return how long an infusion lasts."""
    cmt, rate = int(event.get("CMT", 1)), event.get("RATE", 0.0)
    available = event.get("AMT", 0.0) * values.get(f"F{cmt}", 1.0)
    if rate == 0:
        return 0.0
    return values[f"D{cmt}"] if rate == -2 else available / (values[f"R{cmt}"] if rate == -1 else rate)


def _weave(run: list[Record], times: list[float], held: Record, *, before: bool) -> list[Record]:
    """Set observations between the events; `held` are the parameters that events changed, kept up to date."""
    records: list[Record] = []
    left = list(times)

    def observe(until: float, *, also: bool) -> None:
        while left and (left[0] < until or (also and left[0] == until)):
            records.append({"TIME": left.pop(0), "EVID": 0} | held)

    group = [event["TIME"] for event in run]
    for place, event in enumerate(run):
        observe(event["TIME"], also=False)
        first = place == 0 or group[place - 1] < event["TIME"]
        if before and first and place > 0:
            records.append({"TIME": event["TIME"], "EVID": 0} | held)
        held |= {key: value for key, value in event.items() if key not in ITEMS}
        records.append(event | held)
        if place + 1 == len(run) or group[place + 1] > event["TIME"]:
            observe(event["TIME"], also=True)
    observe(float("inf"), also=True)
    return records


ITEMS = {"TIME", "AMT", "RATE", "II", "ADDL", "SS", "EVID", "CMT"}
