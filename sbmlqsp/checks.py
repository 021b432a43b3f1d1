"""``check``: what users run on their own models before they believe them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from sbmlqsp.baselines import frozen_values, stale_baselines
from sbmlqsp.hazards import HAZARDS
from sbmlqsp.issues import Case, Issue, listed, summary, table
from sbmlqsp.model import dotted
from sbmlqsp.structure import consequences, groups_of_parts, part_of, unreachable, volume_issues
from sbmlqsp.targets import target_issues
from sbmlqsp.unit_checks import scope_of, unit_issues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from sbmlqsp.engine.network import Symbol
    from sbmlqsp.model import Model

__all__ = ["CHECKS", "check", "summary"]

# Concentrations, initial concentrations and quantities of a substance, in the Systems Biology Ontology.
SIGNAL_TERMS = frozenset({"SBO:0000196", "SBO:0000472", "SBO:0000360"})
SIGNAL_NAME = re.compile(r"(?i)((free|unbound|total|plasma|drug|tissue|local) )*(concentration|amount|signal)\b")


def check(model: Model, target: str | None = None) -> pd.DataFrame:
    """Look for what makes a model wrong, fragile or different from what it seems.

    Parameters
    ----------
    model : Model
        A module or a composed model.
    target : str, optional
        A tool that the model is written for, such as ``"simbiology"``, ``"mobi"``, ``"copasi"``, ``"amici"``,
        ``"myokit"``, ``"gillespy2"``, ``"petab"`` or ``"tellurium"``: what it drops, ignores, refuses or gets wrong of
        this model is listed too, each with its source.

    Returns
    -------
    DataFrame
        One row per issue, errors first: severity (``"error"``, ``"warning"``, ``"info"``), code, where, message,
        remedy. Empty where there is nothing to say. A formula is checked for units where all it reads has declared
        units; what is not declared is listed once.

    Raises
    ------
    UnsupportedError
        No such target.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model decay; S = 10; J: S => ; k*S/K; k = 0.1; K = 0; end")
    >>> issues = qsp.check(model)
    >>> list(issues.code[issues.severity == "error"])
    ['not-finite']

    >>> issues = qsp.check(qsp.read_antimony("model m; S = 10; at (time > 1): S = 1; end"), target="myokit")
    >>> list(issues.code[issues.severity == "error"])
    ['myokit:event']
    """
    case = Case(model)
    of_target = list(target_issues(model, target)) if target is not None else []
    found = [*of_target, *(issue for one in CHECKS for issue in one(case))]
    return table(map(_readable, found))


def _readable(issue: Issue) -> Issue:
    """Write flat ids as dotted paths."""
    return replace(issue, where=dotted(issue.where), message=dotted(issue.message), remedy=dotted(issue.remedy))


def validity(case: Case) -> Iterator[Issue]:
    """What libSBML finds against the specification, in either form of the model."""
    from sbmlqsp.engine.libsbml import parse, problems

    for form, text in (("", case.model.sbml), (" of the hierarchical form", case.model.sbml_comp)):
        found = problems(parse(text, scanned=True)) if text else []
        lines = {(code, message): line for _, code, line, message in reversed(found)}
        counts = Counter((severity, code, message) for severity, code, _, message in found)
        for (severity, code, message), n in counts.items():
            times = f" ({n} times)" if n > 1 else ""
            where = f"line {lines[code, message]}{form}"
            yield Issue(severity, code, where, message + times, "correct the model at its source")


def units(case: Case) -> Iterator[Issue]:
    """The units of every formula."""
    from sbmlqsp.engine.libsbml import parse
    from sbmlqsp.engine.libsbml_extract import UnitTable

    lookup = UnitTable(parse(case.model.sbml, scanned=True).getModel())
    for name in lookup.empty:
        remedy = f"define it, e.g. `unit {name} = 1e-9 mole/litre`"
        yield Issue("error", "undefined-unit", name, f"the unit {name} is used but not defined", remedy)
    scope = replace(scope_of(case.network, literal=lookup.get, values=case.static), strict=False)
    yield from unit_issues(case.network, scope)


def unfed_inputs(case: Case) -> Iterator[Issue]:
    """Input ports that nothing feeds, or nothing reads."""
    composed = case.model.sbml_comp is not None
    given, busy = _given(case), _busy(case)
    own: list[str] = []
    for name in (n for n in case.model.directions if case.is_input(n) and n not in given):
        if name not in busy:
            message, remedy = f"nothing reads {name}, so feeding it has no effect", "nothing if meant; otherwise "
            remedy += "keep what reads it, or do not make it an input"
            yield Issue("info", "unread-input", name, message, remedy)
        elif composed and not case.has_definition(name):
            message, remedy = f"nothing feeds {name}: it has no value", f"connect an output to {name}, or set a value"
            yield Issue("error", "unfed-input", name, message, remedy)
        elif part_of(name) and composed and case.start.get(name, 0.0) == 0 and _drives(case.network.symbols[name]):
            message = f"nothing feeds {name}: it stays at its own value 0, and what it drives stays idle"
            remedy = f"connect an output to {name}, or say that zero is meant: set={{'{name}': 0}}"
            yield Issue("warning", "unfed-input", name, message, remedy)
        else:
            own.append(name)
    if own:
        values = [f"{n} = {case.start[n]:g}" if case.has_definition(n) and n in case.start else n for n in own]
        message = f"these inputs keep their own values unless fed: {listed(values, 40)}"
        yield Issue("info", "unfed-input", listed(own), message, "connect outputs to them with compose, or set values")


def _drives(symbol: Symbol) -> bool:
    """Say whether an input is a signal, which at zero drives nothing, rather than a constant that may well be zero."""
    if symbol.kind == "species" or symbol.sbo in SIGNAL_TERMS:
        return True
    dims = dict(symbol.unit.dims) if symbol.unit is not None else {}
    if not dims:
        return SIGNAL_NAME.match(symbol.name) is not None
    substance = [k for k in dims if k in {"mole", "kilogram", "item", "IU"}]
    return len(substance) == 1 and dims.pop(substance[0]) == 1 and dims in ({}, {"metre": -3.0})


def _given(case: Case) -> set[str]:
    """Return the inputs that were given a value when the model was composed."""
    from sbmlqsp.engine.libsbml_given import read_given

    return set(read_given(case.model.sbml))


def unreached_parts(case: Case) -> Iterator[Issue]:
    """Parts of a composed model that neither feed the others nor are fed by them."""
    if case.model.sbml_comp is None:
        return
    inside = ([organ, *parts] for organ, parts in _organs(case).items())
    loose = {tuple(group): _loose_ends(case, group) for group in groups_of_parts(case.network, also=inside)}
    # The rest is what leads somewhere: a group whose outputs are all read, else the largest.
    main, *others = sorted(loose, key=lambda group: (bool(loose[group]), -len(group))) or [()]
    rest = [part for group in loose if len(loose) == 2 and group == main for part in group]
    for group in others:
        verb, among = "does" if len(group) == 1 else "do", f" ({_and(rest)})" if rest else ""
        message = f"{_and(group)} {verb} not reach the rest of the model{among}"
        message = f"nothing reads {listed(loose[group], 4)}: {message}" if loose[group] else message
        remedy = "connect them, simulate them as a model of their own, or leave them out"
        yield Issue("warning", "unreached-parts", listed(group), message, remedy)


def _loose_ends(case: Case, group: Sequence[str]) -> list[str]:
    """Return the outputs that nothing reads of the parts at the end of a group."""
    read = [(part_of(name), s) for _, name, formula in case.network.formulas() for s in formula.symbols()]
    feeding = {part_of(s) for reader, s in read if part_of(s) != reader}
    ends, seen = [p for p in group if p not in feeding] or group, {s for _, s in read}
    return [s for s, way in case.model.directions.items() if way == "output" and s not in seen and part_of(s) in ends]


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def conserved(case: Case) -> Iterator[Issue]:
    """Sums that reactions leave unchanged."""
    network = case.network
    if case.conserved is None:
        message = f"conserved sums were not sought among {len(network.stoichiometry)} species"
        yield Issue("info", "not-checked", network.id, message, "check the parts by themselves")
        return
    for total in case.conserved:
        text = _sum_in_words(total, amounts=len({_kind_of_value(case, s) for s in total}) > 1)
        message = f"{text} is constant between doses and events"
        yield Issue("info", "conserved", listed(total), message, "nothing if meant; otherwise a process is missing")


def _kind_of_value(case: Case, species: str) -> tuple[bool, str]:
    symbol = case.network.symbols[species]
    return symbol.amount_only, "" if symbol.amount_only else symbol.compartment


def _sum_in_words(total: dict[str, int], *, amounts: bool) -> str:
    text = ""
    for species, n in total.items():
        name = f"amount({species})" if amounts else species
        sign = (" - " if n < 0 else " + ") if text else ("-" if n < 0 else "")
        text += f"{sign}{name if abs(n) == 1 else f'{abs(n)}*{name}'}"
    return text


def unused(case: Case) -> Iterator[Issue]:
    """Symbols that nothing reads, changes or offers."""
    network = case.network
    busy = _busy(case) | set(case.model.directions) | network.dynamic | set(network.assignment_rules)
    for s in network.symbols.values():
        if s.id in busy or s.kind == "stoichiometry" or s.id == "default_compartment":
            continue
        severity = "warning" if s.kind == "species" else "info"
        remedy = "remove it, or make it a port if a regimen or another part reads it"
        yield Issue(severity, "unused", s.id, f"nothing in the model reads the {s.kind} {s.id}", remedy)


def _busy(case: Case) -> set[str]:
    """Return what a formula, a reaction, a species or a nested volume refers to."""
    network = case.network
    busy = {s for _, _, expr in network.formulas() for s in expr.symbols()}
    busy |= {s for expr in network.constraints for s in expr.symbols()}
    busy |= {s.conversion_factor for s in network.species} | {s.compartment for s in network.species}
    for r in network.reactions.values():
        busy |= {p.species for p in (*r.reactants, *r.products)} | set(r.modifiers)
    return busy | {v for organ, parts in _organs(case).items() for v in (organ, *parts)}


def never_present(case: Case) -> Iterator[Issue]:
    """Species that start at zero and that nothing can make."""
    network = case.network
    if not case.start:
        return
    present = [s.id for s in network.species if case.start[s.id] != 0 or _set_from_outside(case, s.id)]
    absent, _ = unreachable(network, present)
    made = {p.species for r in network.reactions.values() for p in r.products}
    roots = [s for s in absent if s not in made]
    explained = set(roots)
    for root in roots:
        stopped, lost = consequences(network, root, absent)
        explained |= set(lost)
        if stopped:
            yield _absent_issue([root], "nothing makes it", stopped, lost)
    rest = [s for s in absent if s not in explained]
    if rest:
        stopped = [r.id for r in network.reactions.values() if any(p.species in rest for p in r.reactants)]
        yield _absent_issue(rest, f"{'is' if len(rest) == 1 else 'are'} made only from what is absent too", stopped, [])


def _set_from_outside(case: Case, name: str) -> bool:
    n = case.network
    ruled = name in n.assignment_rules or name in n.rate_rules or name in n.changed_by_events
    return ruled or case.is_input(name)


def _absent_issue(names: list[str], why: str, stopped: list[str], lost: list[str]) -> Issue:
    message = f"{listed(names)} {'starts' if len(names) == 1 else 'start'} at zero and {why}"
    message += f", so {listed(stopped)} cannot run" if stopped else ""
    message += f" and {listed(lost)} {'stays' if len(lost) == 1 else 'stay'} absent" if lost else ""
    remedy = f"dose into {names[0]}, give it an initial value, or add what makes it"
    return Issue("info", "never-present", listed(names), message, remedy)


def duplicates(case: Case) -> Iterator[Issue]:
    """Two routes that describe the same process."""
    from sbmlqsp.processes import duplicated_processes

    for found in duplicated_processes(case.network):
        names = listed(found.reactions)
        message = f"{found.species} is eliminated by {names}, which may be one process described twice"
        remedy = f"if so, compose with delete=['{found.reactions[0]}']"
        yield Issue("warning", "duplicated-process", found.species, message, remedy)


def _organs(case: Case) -> dict[str, tuple[str, ...]]:
    from sbmlqsp.engine.libsbml_volumes import read_volumes

    return read_volumes(case.model.sbml)


def volumes(case: Case) -> Iterator[Issue]:
    """Parts of an organ that are larger than the organ."""
    return iter(volume_issues(case.network, _organs(case), sizes=case.start))


CHECKS: tuple[Callable[[Case], Iterator[Issue]], ...] = (
    validity, units, unfed_inputs, unreached_parts, conserved, unused, never_present, duplicates, volumes,
    stale_baselines, frozen_values, *HAZARDS,
)  # fmt: skip
