"""The timelines of the subjects of an arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sbmlqsp.deliveries import Deliveries
from sbmlqsp.engine.cuts import Switches
from sbmlqsp.experiment import Experiment
from sbmlqsp.timeline import Delivery, Timeline, build_timeline

__all__ = ["Clock"]


class Clock:
    """The timeline of each subject; subjects with the same instants share one.

    Parameters
    ----------
    experiment : Experiment
    switches : Switches
    timing : callable
        What times the jumps of the model's own formulas, by subject.
    deliveries : Deliveries
    """

    def __init__(
        self,
        experiment: Experiment,
        switches: Switches,
        timing: Callable[[int], Mapping[str, float]],
        deliveries: Deliveries,
    ) -> None:
        self._experiment, self._switches, self._timing, self._deliveries = experiment, switches, timing, deliveries
        self._known: dict[bytes, Timeline] = {}

    def __call__(self, i: int) -> Timeline:
        """Return the timeline of a subject."""
        local = self._timing(i)
        d = self._deliveries
        key = d.start[i].tobytes() + d.duration[i].tobytes() + repr(local).encode()
        if key not in self._known:
            if len(self._known) > 1000:
                self._known.clear()
            given = [
                Delivery(t, float(s), float(w)) for t, s, w in zip(d.targets, d.start[i], d.duration[i], strict=True)
            ]
            times = self._experiment.times
            schedule = self._switches.schedule(local, times[-1])
            instants = self._switches.instants(local, schedule)
            self._known[key] = build_timeline(
                times, given, schedule, at_dose=self._experiment.at_dose, instants=instants
            )
        return self._known[key]
