"""What every engine needs to run an arm: the values its subjects start from, and what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sbmlqsp.deliveries import Deliveries, resolve_deliveries
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.experiment import Experiment
from sbmlqsp.occasions import Stretches
from sbmlqsp.readout import wanted
from sbmlqsp.residuals import rule_columns
from sbmlqsp.subjects import Subjects, individual_of

__all__ = ["ArmStart"]


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
    """

    env: Mapping[str, Any]
    stretches: Stretches
    deliveries: Deliveries
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, experiment: Experiment, subjects: Subjects) -> ArmStart:
        """Resolve values and doses of an arm."""
        model = experiment.model
        stretches = Stretches.of(subjects.rows, experiment, len(subjects))
        individual = individual_of(experiment, subjects)
        env: dict[str, Any] = initial_state(model.network, {**experiment.overrides, **individual})
        deliveries = resolve_deliveries(experiment, {**subjects.numbers, **env}, stretches.size)
        deliveries = deliveries.chosen(stretches.choice([a.time for a in deliveries.given]))
        return cls(env, stretches, deliveries, (*wanted(model, experiment.observables), *rule_columns(model)))
