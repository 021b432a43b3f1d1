"""What a report says about the model: its picture, reactions, equations, values and the findings of ``check``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sbmlqsp.checks import check, summary
from sbmlqsp.diagram import diagram
from sbmlqsp.equations import equations, mathml, reaction_text
from sbmlqsp.model import dotted, flat_id

if TYPE_CHECKING:
    from sbmlqsp.engine.network import Network, Symbol
    from sbmlqsp.experiment import Experiment

__all__ = ["model_context", "number", "shown_unit"]

MOST_EQUATIONS = 150
_HEADINGS = {
    "differential": "Differential equations", "rule": "Rules", "initial": "Computed once, at the start",
    "event": "Events",
}  # fmt: skip


def number(value: float, digits: int = 4) -> str:
    """Return a number in a few digits, ``"–"`` where there is none.

    Examples
    --------
    >>> number(0.000012345), number(12345.0), number(1234567.0), number(float("nan"))
    ('1.234e-05', '12345', '1.235e+06', '–')
    """
    if math.isnan(value):
        return "–"
    if 10**digits <= abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.{digits}g}".replace("inf", "∞")


def model_context(
    arms: Sequence[Experiment], *, sources: Mapping[str, str], doses: set[str], individual: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the page says about the model of the arms; ``individual`` holds ranges of what differs by subject."""
    from markupsafe import Markup

    model = arms[0].model
    network = model.network
    issues = check(model)
    return {
        "model": {
            "id": model.id, "name": network.name, "digest": model.digest,
            "words": f"{repr(model)[1:2].upper()}{repr(model)[2:-1]}",
            "diagram": Markup(diagram(network, doses=doses)),  # noqa: S704 - every text in it was escaped
            "reactions": _reactions(network),
        },
        "equations": _equations(network),
        "parameters": _parameters(arms, sources, individual),
        "initials": _initials(arms),
        "issues": issues.to_dict("records"),
        "issue_summary": summary(issues),
    }  # fmt: skip


def _reactions(network: Network) -> list[dict[str, Any]]:
    from markupsafe import Markup

    return [
        {
            "id": dotted(r.id), "name": r.name if r.name != r.id else "", "text": reaction_text(r),
            "law": Markup(f"<math>{mathml(r.law)}</math>") if r.law is not None else "",  # noqa: S704
        }
        for r in network.reactions.values()
    ]  # fmt: skip


def _equations(network: Network) -> list[dict[str, Any]]:
    from markupsafe import Markup

    found = equations(network)
    groups = []
    for kind, heading in _HEADINGS.items():
        rows = [
            {"html": Markup(e.html()), "meaning": e.meaning}  # noqa: S704
            for e in found if e.kind == kind
        ]  # fmt: skip
        if rows:
            more = max(0, len(rows) - MOST_EQUATIONS)
            groups.append({"heading": heading, "rows": rows[:MOST_EQUATIONS], "more": more})
    return groups


def _parameters(
    arms: Sequence[Experiment], sources: Mapping[str, str], individual: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the constants, and what is computed from them at the start."""
    model = arms[0].model
    network = model.network
    start = _start(arms[0])
    rows = []
    for s in (*network.parameters, *network.compartments):
        if s.id in network.assignment_rules or s.id == "default_compartment":
            continue
        computed = s.id in network.initial_assignments
        value = start.get(s.id, s.value) if computed else s.value
        rows.append(
            {
                "id": dotted(s.id), "meaning": s.name if s.name != s.id else "", "value": number(value, 6),
                "unit": _unit(s), "source": sources.get(dotted(s.id)) or ("computed at the start" if computed else ""),
                "changes": _changes(arms, s.id, individual),
            }
        )  # fmt: skip
    return rows


def _start(arm: Experiment) -> dict[str, float]:
    from sbmlqsp.engine.initial import initial_state
    from sbmlqsp.errors import QSPError

    try:
        return {k: float(v) for k, v in initial_state(arm.model.network).items()}
    except (QSPError, KeyError, TypeError):
        return {}


def _changes(arms: Sequence[Experiment], symbol: str, individual: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return (what stands under the source, what stands under the value)."""
    if dotted(symbol) in individual:
        return [("each subject's own", individual[dotted(symbol)])]
    found = [(a.id, str(v)) for a in arms for k, v in a.changes.items() if flat_id(k) == symbol]
    if len(found) == len(arms) and len({v for _, v in found}) == 1:
        return [("changed in all arms", found[0][1])]
    return [(f"changed in {arm}", v) for arm, v in found]


def _initials(arms: Sequence[Experiment]) -> list[dict[str, str]]:
    network = arms[0].model.network
    start = _start(arms[0])
    rated = [network.symbols[i] for i in network.rate_rules if network.symbols[i].kind != "species"]
    return [
        {
            "id": dotted(s.id), "meaning": s.name if s.name != s.id else "",
            "value": number(start.get(s.id, s.value), 6), "unit": _unit(s),
            "where": dotted(s.compartment).replace("default_compartment", ""),
            "how": "by formula" if s.id in network.initial_assignments else "",
        }
        for s in (*network.species, *rated) if s.id not in network.assignment_rules
    ]  # fmt: skip


def _unit(symbol: Symbol) -> str:
    return shown_unit(symbol.unit.label) if symbol.unit is not None else ""


def shown_unit(unit: str) -> str:
    """Return a unit as print writes it: ``"L/(h·kg)"``."""
    from sbmlqsp.plot.style import pretty_unit

    return "–" if unit == "dimensionless" else pretty_unit(unit)
