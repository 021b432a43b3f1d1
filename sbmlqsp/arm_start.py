"""What every engine needs to run an arm: the values its subjects start from, and what they are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sbmlqsp.compiled import state_scales
from sbmlqsp.deliveries import Deliveries, resolve_deliveries
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.errors import QSPError
from sbmlqsp.experiment import Experiment
from sbmlqsp.occasions import Stretches
from sbmlqsp.readout import wanted
from sbmlqsp.residuals import rule_columns
from sbmlqsp.subjects import Subjects, individual_of, without_volume

if TYPE_CHECKING:
    from sbmlqsp.steady.starting import Approach

__all__ = ["ArmStart", "arm_scales"]


@dataclass(frozen=True)
class ArmStart:
    """An arm resolved for its subjects.

    Parameters
    ----------
    env : mapping
        Every symbol at the start, numbers or one value per row.
    stretches : Stretches
        The rows of subjects that change on the way.
    deliveries : Deliveries
        What each subject is given.
    outputs : tuple of str
        The engine selections that observables and algebraic rules need.
    refused : mapping of int to error
        The subjects whose values allow no run, and why.
    """

    env: Mapping[str, Any]
    stretches: Stretches
    deliveries: Deliveries
    outputs: tuple[str, ...]
    refused: Mapping[int, QSPError] = field(default_factory=dict)

    @classmethod
    def of(
        cls, experiment: Experiment, subjects: Subjects, approach: Approach | None, *, rates: bool = True
    ) -> ArmStart:
        """Resolve values and doses of an arm.

        An arm that starts at steady state comes there by an approach; with None its values are the initial ones.
        ``rates``: whether those of reactions are wanted that no symbol needs.
        """
        model = experiment.model
        stretches = Stretches.of(subjects.rows, experiment, len(subjects))
        overrides = {**experiment.overrides, **individual_of(experiment, subjects)}
        env: dict[str, Any] = initial_state(model.network, overrides, rates=rates)
        empty = without_volume(model.network, env, stretches.size)
        refused = {int(stretches.owners[row]): why for row, why in empty.items()}
        if experiment.at_rest and approach is not None:
            from sbmlqsp.steady.starting import People, settled

            rows = _resting(experiment, stretches)
            rows = rows[~np.isin(stretches.owners[rows], list(refused))]
            env, restless = settled(People(model, overrides, env, stretches.size), rows, approach)
            for row, why in restless.items():
                refused.setdefault(int(stretches.owners[row]), why)
        deliveries = resolve_deliveries(experiment, {**subjects.numbers, **env}, stretches.size)
        deliveries = deliveries.chosen(stretches.choice([a.time for a in deliveries.given]))
        outputs = (*wanted(model, experiment.observables), *rule_columns(model))
        return cls(env, stretches, deliveries, outputs, {**refused, **deliveries.refused})


def _resting(experiment: Experiment, stretches: Stretches) -> Any:
    """Return the rows that are to be at rest: each subject's first, or all where what is computed there is read."""
    network = experiment.model.network
    starts = [e for n, e in network.initial_assignments.items() if n in network.static]
    moving = frozenset(network.symbols) - network.static
    if any(e.symbols() & moving for e in starts) or any(d.steady_state for d in experiment.regimen):
        return np.flatnonzero(np.isfinite(stretches.starts))
    return stretches.first[:-1]


def arm_scales(states: Sequence[str], start: ArmStart) -> Any:
    """Return each state's own scale by subject, of shape (subjects, states)."""
    stretches, d = start.stretches, start.deliveries
    given = d.amount[stretches.owners]
    return state_scales(states, start.env, d.targets, given, stretches.size)[stretches.first[:-1]]
