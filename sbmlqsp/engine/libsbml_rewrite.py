"""The rewrites by name, each a function from a draft to the places that it changed."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sbmlqsp.engine import libsbml_rewrite_events as events
from sbmlqsp.engine import libsbml_rewrite_reactions as reactions
from sbmlqsp.engine import libsbml_rewrite_species as species
from sbmlqsp.engine import libsbml_rewrite_switches as switches
from sbmlqsp.engine.libsbml_draft import Draft
from sbmlqsp.engine.plainer import alternatives, bare, parenthesised, plainer

__all__ = ["rewritten"]

Rewrite = Callable[[Draft], list[str]]


def _functions(draft: Draft) -> list[str]:
    return draft.functions  # a draft has none of them left


def _conditions(draft: Draft) -> list[str]:
    return draft.rewrite(alternatives, only=frozenset({"trigger"}))


def _plain(avoid: Collection[str]) -> Rewrite:
    return lambda draft: draft.rewrite(lambda e: plainer(e, avoid))


def _table(avoid: Collection[str], keep: Collection[str]) -> dict[str, Rewrite]:
    return {
        "expand-functions": _functions,
        "drop-constraints": species.drop_constraints,
        "inline-rates": reactions.inline_rates,
        "inline-rules": lambda draft: species.inline_rules(draft, keep),
        "plain-formulas": _plain(avoid),
        "steps-as-events": switches.steps_as_events,
        "conditions-as-events": switches.conditions_as_events,
        "choose-branches": switches.choose_fixed_branches,
        "time-as-species": species.time_as_species,
        "fold-factors": reactions.fold_factors,
        "assigned-as-parameters": species.assigned_species_as_parameters,
        "amounts": species.as_amounts,
        "whole-stoichiometries": reactions.whole_stoichiometries,
        "split-reversible": reactions.split_reversible,
        "rates-as-reactions": species.rates_as_reactions,
        "ruled-as-boundary": species.ruled_as_boundary,
        "boundary-as-modifiers": reactions.boundary_as_modifiers,
        "windows-as-thresholds": events.windows_as_thresholds,
        "delays-into-triggers": events.delays_into_triggers,
        "plain-events": events.plain_events,
        "events-at-start": events.events_at_start,
        "plain-conditions": _conditions,
        "numbers-at-start": species.numbers_at_start,
        "concentrations": species.as_concentrations,
        "order-rules": species.order_rules,
        "bare-numbers": lambda draft: draft.rewrite(bare),
        "parentheses": lambda draft: draft.rewrite(parenthesised),
    }


def rewritten(
    sbml: str, names: Collection[str], *, avoid: Collection[str] = (), keep: Collection[str] = ()
) -> tuple[str, dict[str, list[str]]]:
    """Return a document after some rewrites, in their own order, and what each changed.

    Parameters
    ----------
    sbml : str
        Canonical SBML.
    names : collection of str
        Of rewrites.
    avoid : collection of str
        Operators that ``"plain-formulas"`` writes with others.
    keep : collection of str
        Symbols whose rules ``"inline-rules"`` leaves.
    """
    draft = Draft(sbml)
    done = {name: change(draft) for name, change in _table(avoid, keep).items() if name in names}
    draft.declare_modifiers()
    return draft.text(), {name: changed for name, changed in done.items() if changed}
