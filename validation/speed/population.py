"""Throughput: 1,000 subjects of ``mab_tmdd`` against a hand-tuned bare libRoadRunner loop that does the same work.

Both run in one process, in turn, and the *ratio* is the figure: absolute times differ between machines.

    python -m validation.speed.population [subjects] [repeats]

The bare loop knows everything in advance: its segments, its indices and its arrays; it sets each subject's parameters
and initial amounts, gives the doses between segments and keeps the outputs. It validates nothing and checks nothing.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from sbmlqsp import execution
from sbmlqsp.compiled import Compiled, machine_for, state_scales
from sbmlqsp.deliveries import resolve_deliveries
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.readout import wanted
from sbmlqsp.subjects import read_subjects

TIMES = np.linspace(0.0, 84.0, 170)
REGIMEN = "300 mg into pk.central over 1 h every 21 day x 4 molar mass 146 kDa"
OUTPUTS = ["pk.central", "target.R", "target.RC", "marker.response"]


def experiment_and_subjects(size: int) -> tuple[qsp.Experiment, pd.DataFrame]:
    model = qsp.load("mab_tmdd")
    arm = qsp.Experiment(model, times=TIMES, regimen=REGIMEN, observables=OUTPUTS)
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "WT": 70 * np.exp(0.2 * rng.standard_normal(size)),
            "CL_typical": 0.2 * np.exp(0.3 * rng.standard_normal(size)),
            "target.ksyn": 2.64 * np.exp(0.3 * rng.standard_normal(size)),
        }
    )
    return arm, table


class BareLoop:
    """The least Python that runs the same subjects on libRoadRunner."""

    def __init__(self, arm: qsp.Experiment, table: pd.DataFrame) -> None:
        people = read_subjects(table, (arm,))
        network = arm.model.network
        self.size = len(table)
        env = initial_state(network, {**arm.overrides, **people.overrides(arm)})
        given = resolve_deliveries(arm, {**people.numbers, **env}, self.size)
        columns = wanted(arm.model, arm.observables)
        machine, prepared = machine_for(arm.model, list(dict.fromkeys(given.targets)), columns)
        compiled = Compiled(arm.model, machine, prepared, tuple(columns), (), env, self.size)
        self.machine, self.prepared = machine, prepared
        self.engine = self.machine._engine
        self.model = self.engine.model
        self.starts = [compiled.starts(i) for i in range(self.size)]
        clock = execution._Clock(arm, compiled, given)
        (inlet,) = self.prepared.inlets.values()
        self.rate = [self.machine._parameters[inlet.rate]]
        self.segments = []
        for s in clock(0).segments:
            running = [k for v in s.rates.values() for k in v]
            rate = [sum(given.amount[0, k] / given.duration[0, k] for k in running)] if s.rates else None
            self.segments.append((s.times, rate, np.array(s.rows, dtype=int), np.array(s.output, dtype=int)))
        self.final = clock(0).final
        self.columns = columns
        scales = state_scales(self.machine, env, given.targets, given.amount, self.size)
        self.scales = dict(zip(self.machine.states, scales[0], strict=True))

    def run(self) -> np.ndarray:
        engine, model, m = self.engine, self.model, self.machine
        out = np.empty((self.size, len(TIMES), len(self.columns)))
        m.tolerances(qsp.Tolerances(), self.scales)
        simulate, set_parameters = engine.simulate, model.setGlobalParameterValues
        for i, start in enumerate(self.starts):
            engine.reset()
            model.setCompartmentVolumes(m._volume_index, start.volumes)
            set_parameters(m._parameter_index, start.parameters)
            model.setFloatingSpeciesAmounts(m._floating_index, start.amounts)
            block = out[i]
            for times, rate, rows, output in self.segments:
                if rate is not None:
                    set_parameters(self.rate, rate)
                block[output] = np.asarray(simulate(times=times))[rows]
            if self.final is not None:
                block[self.final] = engine.getSelectedValues()
        return out


def timed(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def main(size: int = 1000, repeats: int = 5) -> float:
    arm, table = experiment_and_subjects(size)
    qsp.simulate(arm, subjects=table.head(2), progress=False)
    bare = BareLoop(arm, table)

    def ours_again() -> Any:
        return qsp.simulate(arm, subjects=table, progress=False, engine="roadrunner")

    ours = ours_again()
    reference = bare.run()
    for k, name in enumerate(OUTPUTS):
        gap = np.abs(ours[name].to_numpy()[0, :, 0] - reference[:, :, k])
        assert (gap <= 1e-7 * np.abs(reference[:, :, k]).max()).all(), name
    pairs = [
        (timed(lambda: qsp.simulate(arm, subjects=table, progress=False, engine="roadrunner")), timed(bare.run))
        for _ in range(repeats)
    ]
    ratios = [a / b for a, b in pairs]
    people = read_subjects(table, (arm,))
    parts = {
        "initial states, all subjects": lambda: initial_state(
            arm.model.network, {**arm.overrides, **people.overrides(arm)}
        ),
        "one arm run, all subjects": lambda: execution.run_arm(arm, people, tolerances=qsp.Tolerances()),
    }
    print(f"{size} subjects, {len(TIMES)} times, {len(bare.segments)} segments each")
    ours_s, bare_s = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    print(f"bare loop   {bare_s:.3f} s   simulate {ours_s:.3f} s")
    for name, job in parts.items():
        print(f"  {name}: {timed(job):.3f} s")
    ratio = statistics.median(ratios)
    print(f"ratio simulate / bare: median {ratio:.3f} (min {min(ratios):.3f}, max {max(ratios):.3f}); required ≤ 1.25")
    return ratio


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) <= 1.25 else 1)
