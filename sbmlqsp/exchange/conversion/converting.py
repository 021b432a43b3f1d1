"""Rewrite a model for one tool."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sbmlqsp.engine.libsbml import canonical
from sbmlqsp.engine.libsbml_rewrite import rewritten
from sbmlqsp.errors import UnsupportedError, did_you_mean
from sbmlqsp.exchange.conversion.proof import prove, read_at_start
from sbmlqsp.exchange.conversion.report import Conversion, described
from sbmlqsp.issues import table
from sbmlqsp.model import Model
from sbmlqsp.targets import REWRITES, Target, features_of, target, target_issues

__all__ = ["convert"]

# What one rewrite leaves for another to finish, where the target asks for that one too.
FOLLOWED = {
    "fold-factors": ("whole-stoichiometries",),
    "assigned-as-parameters": ("inline-rules",),
    "plain-formulas": ("conditions-as-events",),
}
ROUNDS = 4
NEVER_AGAIN = frozenset({"parentheses"})


def convert(
    model: Model, for_target: str, *, times: Any = None, also: Collection[str] = (), without: Collection[str] = ()
) -> Conversion:
    """Rewrite a model so that one tool reads it as it is, and prove that it is still the same model.

    Only what the tool cannot read is rewritten. Both models are then run, as they are and with other values at the
    start, and every quantity that both have is compared.

    Parameters
    ----------
    model : Model
    for_target : str
        A target of ``check``, such as ``"simbiology"``, ``"mobi"``, ``"copasi"``, ``"amici"``, ``"myokit"``,
        ``"gillespy2"``, ``"petab"`` or ``"tellurium"``.
    times : str or array of float, optional
        When the two are compared; chosen by the model's unit of time and its events where not given.
    also : collection of str
        More rewrites, such as ``"inline-rules"`` or ``"numbers-at-start"``.
    without : collection of str
        Rewrites to leave out.

    Returns
    -------
    Conversion
        The model, what was rewritten, what could not be, and the proof; its ``write_sbml`` writes the level of SBML
        that the tool reads.

    Raises
    ------
    ModelError
        The rewritten model differs by more than a relative 1e-6, or cannot be run so that nothing is proven.
    UnsupportedError
        No such target or rewrite.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; S = 10; J: S -> ; k*min(S, 4); k = 0.1; end")
    >>> done = qsp.convert(model, for_target="mobi")
    >>> list(done.changes.rewrite), done.proof.largest < 1e-6
    (['plain-formulas', 'conditions-as-events'], True)
    """
    tool = target(for_target)
    for name in (*also, *without):
        if name not in REWRITES:
            raise UnsupportedError("there is no such rewrite", value=name, remedy=did_you_mean(str(name), REWRITES))
    after, done = _rewritten(model, tool, also=set(also), without=set(without))
    proof = prove(model, after, times=times, fixed=_fixed(model, done)) if done else None
    left = table(target_issues(after, for_target))
    return Conversion(after, tool.id, _changes(done), left, proof, tool.level)


def _rewritten(model: Model, tool: Target, *, also: set[str], without: set[str]) -> tuple[Model, dict[str, list[str]]]:
    """Rewrite until no rewrite is left to do: one may bring up what another is for."""
    after, done = _flat(model), dict[str, list[str]]()
    for _ in range(ROUNDS):
        chosen = (_needed(after, tool) | also) - without - (NEVER_AGAIN & done.keys())
        text, changed = rewritten(after.sbml, chosen, avoid=tool.avoid, keep=model.directions)
        if not changed:
            break
        after = _model(model, text)
        for name, where in changed.items():
            done[name] = list(dict.fromkeys([*done.get(name, []), *where]))
    return after, {name: done[name] for name in REWRITES if name in done}


def _needed(model: Model, tool: Target) -> set[str]:
    """Return the rewrites that the tool's rows name for what the model uses, and those that finish them."""
    found = features_of(model)
    wanted = {row.rewrite for row in tool.rows if row.rewrite}
    needed = {row.rewrite for row in tool.rows if row.rewrite and row.feature in found}
    needed |= {later for name in needed for later in FOLLOWED.get(name, ()) if later in wanted}
    return needed | ({"choose-branches"} if "conditions-as-events" in needed else set())


def _model(before: Model, text: str) -> Model:
    sbml = canonical(text, where=f"'{before.id}' rewritten")
    after = Model(before.id, sbml, source=before.source)
    kept = {k: v for k, v in before.directions.items() if k in after.network.symbols}
    return Model(before.id, sbml, directions=kept, source=before.source)


def _flat(model: Model) -> Model:
    return Model(model.id, model.sbml, directions=model.directions, source=model.source)


def _fixed(model: Model, done: dict[str, list[str]]) -> frozenset[str]:
    """Return the species whose values at the start a rewrite has set."""
    events = {e.id: e for e in model.network.events}
    moved = {v for name in done.get("events-at-start", ()) if name in events for v in events[name].assignments}
    if "numbers-at-start" in done or "events-at-start" in done:
        moved |= read_at_start(model.network)
    if done.keys() & {"conditions-as-events", "choose-branches"} and _conditions_on_state(model):
        # Switches start as the conditions are at the values of now, which other values at the start would change.
        moved |= {s.id for s in model.network.species}
    return frozenset(moved)


def _conditions_on_state(model: Model) -> bool:
    nodes = [n for _, _, formula in model.network.formulas() for n in formula.walk() if n.op == "piecewise"]
    read = {s for n in nodes for condition in n.args[1::2] for s in condition.symbols()}
    return bool(read - model.network.static)


def _changes(done: dict[str, list[str]]) -> Any:
    import pandas as pd

    rows = [(name, tuple(where), described(name)) for name, where in done.items()]
    return pd.DataFrame(rows, columns=["rewrite", "where", "what"], dtype="object")
