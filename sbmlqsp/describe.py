"""What an experiment will do, in words and equations, before anything is run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sbmlqsp.dosing import calendar, in_words
from sbmlqsp.equations import Equation, equations, infix, reaction_text
from sbmlqsp.errors import QSPError
from sbmlqsp.model import dotted, flat_id

if TYPE_CHECKING:
    from sbmlqsp.engine.network import Network, Symbol
    from sbmlqsp.experiment import Experiment
    from sbmlqsp.model import Model

__all__ = ["cut_times", "describe_experiment", "describe_model", "rows"]

MOST = 60
_SAID = {"info": "note"}
_TITLES = {"differential": "Differential equations", "rule": "Rules", "initial": "Initial values by formula",
           "event": "Events"}  # fmt: skip


def describe_experiment(experiment: Experiment) -> str:
    """Return equations, values, dose calendar, outputs, cuts and warnings as text; nothing is run.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    str

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> print(qsp.Experiment(model, times=[0, 1]).describe().splitlines()[0])
    Experiment 'experiment' on model 'm'
    """
    model = experiment.model
    lines = [f"Experiment '{experiment.id}' on model '{model.id}'", *_equation_lines(model.network)]
    lines += _value_lines(model, dict(experiment.changes))
    lines += (
        _start_lines(experiment)
        + _dose_lines(experiment)
        + _occasion_lines(experiment)
        + _output_lines(experiment)
        + _cut_lines(experiment)
        + _warning_lines(model)
    )
    return "\n".join(lines)


def describe_model(model: Model, *, values: bool = True) -> str:
    """Return reactions, equations, values (unless left out) and warnings of a model as text."""
    lines = [repr(model)[1:-1], *_reaction_lines(model.network), *_equation_lines(model.network)]
    return "\n".join(lines + (_value_lines(model, {}) if values else []) + _warning_lines(model))


def rows(table: Sequence[Sequence[str]], *, indent: str = "  ") -> list[str]:
    """Return rows of texts as lines with columns aligned.

    Examples
    --------
    >>> rows([("a", "1"), ("bb", "2")])
    ['  a   1', '  bb  2']
    """
    if not table:
        return []
    widths = [max(len(r[i]) for r in table) for i in range(len(table[0]))]
    return [indent + "  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in table]


def _section(title: str, lines: Iterable[str]) -> list[str]:
    body = list(lines)
    more = [f"  … and {len(body) - MOST} more"] if len(body) > MOST else []
    return ["", title, *body[:MOST], *more] if body else []


def _reaction_lines(network: Network) -> list[str]:
    table = [
        (dotted(r.id), reaction_text(r), infix(r.law) if r.law is not None else "") for r in network.reactions.values()
    ]
    return _section("Reactions", rows(table))


def _equation_lines(network: Network) -> list[str]:
    found = equations(network)
    out: list[str] = []
    for kind, title in _TITLES.items():
        out += _section(title, (_equation_line(e) for e in found if e.kind == kind))
    return out


def _equation_line(e: Equation) -> str:
    meaning = f"   # {e.meaning}" if e.meaning and e.kind != "event" else ""
    return f"  {e.text()}{meaning}" if e.kind != "event" else f"  {e.meaning}: {e.text()}"


def _value_lines(model: Model, changes: dict[str, float | str]) -> list[str]:
    network, new = model.network, {flat_id(k): v for k, v in changes.items()}
    species = rows([_value_row(s, new) for s in network.species if s.id not in network.initial_assignments])
    defined = set(network.assignment_rules) | set(network.initial_assignments)
    constants = rows([_value_row(s, new) for s in (*network.compartments, *network.parameters) if s.id not in defined])
    amounts = [f"  {k} = {v}   # changed" for k, v in changes.items() if "(" in k]
    formulas = [f"  {k} = {v}   # changed, in place of its formula" for k, v in changes.items()
                if flat_id(k) in network.initial_assignments]  # fmt: skip
    return _section("Initial values", species + amounts) + _section("Parameters and volumes", constants + formulas)


def _value_row(s: Symbol, new: dict[str, float | str]) -> tuple[str, str, str, str]:
    value = "not set" if math.isnan(s.value) else f"{s.value:.6g}"
    own = (
        (s.substance_unit if s.kind == "species" and s.value_is_amount else s.unit)
        if s.unit or s.substance_unit
        else None
    )
    unit = own.label if own is not None else ""
    if s.kind == "species" and s.value_is_amount and not s.amount_only:
        unit += " (amount)"
    if s.id in new:
        return dotted(s.id), f"= {new[s.id]}", unit if not isinstance(new[s.id], str) else "", f"changed from {value}"
    return dotted(s.id), f"= {value}", unit, s.name


def _start_lines(experiment: Experiment) -> list[str]:
    if not experiment.at_rest:
        return []
    return ["", "Start: at the steady state of the undosed model, which initial values only choose among several"]


def _dose_lines(experiment: Experiment) -> list[str]:
    if not len(experiment.regimen):
        return ["", "Doses: none"]
    table = calendar(experiment.regimen, time_unit=experiment.model.time_unit)
    unit = experiment.model.time_unit or ""
    body = [
        (f"{t:g} {unit}".strip(), f"{_amount(a)} {u or ''}".strip(), f"into {target}", how, *_delay(lag, f))
        for t, a, u, target, how, lag, f in zip(
            table["time"], table["amount"], table["unit"], table["target"], table["how"], table["lag"],
            table["bioavailability"], strict=True,
        )
    ]  # fmt: skip
    return ["", f"Doses: {in_words(experiment.regimen)}", *_section("Dose calendar", rows(body))[1:]]


def _occasion_lines(experiment: Experiment) -> list[str]:
    if not experiment.occasions:
        return []
    begins = ", ".join(f"{t:g}" for t in experiment.occasions[:12]) + (" …" if len(experiment.occasions) > 12 else "")
    return ["", f"Occasions: {len(experiment.occasions)}, from {begins} {experiment.model.time_unit or ''}".rstrip()]


def _amount(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"


def _delay(lag: float | str, fraction: float | str) -> tuple[str, str]:
    return (f"lag {_amount(lag)}" if lag != 0 else "", f"F {_amount(fraction)}" if fraction != 1 else "")


def _output_lines(experiment: Experiment) -> list[str]:
    from sbmlqsp.experiment import observable_unit

    table = []
    for o in experiment.observables:
        unit = o.unit or observable_unit(experiment.model, o)
        formula = f"= {o.formula}" if o.formula != o.id else ""
        table.append((o.id, f"[{unit}]" if unit else "[no declared unit]", formula, o.meaning))
    unit = f" {experiment.model.time_unit}" if experiment.model.time_unit else ""
    first, last = experiment.times[0], experiment.times[-1]
    when = f"  at {len(experiment.times)} times from {first:g} to {last:g}{unit}; at the time of a dose, the value "
    return ["", "Outputs", *rows(table), when + f"{experiment.at_dose} it"]


def cut_times(experiment: Experiment) -> list[float]:
    """Return the times of doses within a run, as far as they are known without subjects."""
    if not len(experiment.regimen):
        return []
    table = calendar(experiment.regimen, time_unit=experiment.model.time_unit)
    lags = [0.0 if isinstance(lag, str) else float(lag) for lag in table["lag"]]
    found = {float(t) + lag for t, lag in zip(table["time"], lags, strict=True)}
    return sorted(t for t in found if t <= experiment.times[-1])


def _cut_lines(experiment: Experiment) -> list[str]:
    from sbmlqsp.engine.cuts import find_switches
    from sbmlqsp.engine.initial import initial_state

    network = experiment.model.network
    lines = [f"  at doses: {_listed(cut_times(experiment))}"] if cut_times(experiment) else []
    if any(not d.is_bolus for d in experiment.regimen):
        lines.append("  at the end of every infusion")
    try:
        switches = find_switches(network)
        times = switches.times(initial_state(network, experiment.overrides), experiment.times[-1])
    except QSPError as err:
        return _section("The run is cut", [*lines, f"  elsewhere: not known ({err.what})"])
    lines += [f"  where formulas switch in time: {_listed(times)}"] if times else []
    lines += [f"  not at {dotted(name)}, which the integrator follows" for name in switches.left_to_engine]
    return _section("The run is cut", lines)


def _listed(times: Sequence[float]) -> str:
    return ", ".join(f"{t:g}" for t in times[:12]) + (f", … ({len(times)} in all)" if len(times) > 12 else "")


def _warning_lines(model: Model) -> list[str]:
    from sbmlqsp.checks import check, summary

    issues = check(model)
    columns = (issues[c] for c in ("severity", "where", "message", "remedy"))
    body = [f"  {_SAID.get(s, s)}: {w}: {m}.{f' {r}.' if r else ''}" for s, w, m, r in zip(*columns, strict=True)]
    return ["", f"Checks: {summary(issues)}", *body]
