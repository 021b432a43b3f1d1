"""What tests/test_gpu.py runs in a process of its own, on numba's simulator of a GPU: prints one JSON object."""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd

import sbmlqsp as qsp
from sbmlqsp import batch, engines
from sbmlqsp.engine import ode_codegen, ode_gpu
from sbmlqsp.errors import SimulationError
from sbmlqsp.subjects import read_subjects

ORAL = """model oral
  compartment V = 20; species depot in V, central in V; substanceOnly depot
  depot = 0; central = 0; ka = 1.2; CL = 3; tlag = 0.7; F = 0.6
  absorb: depot -> central; ka*depot
  clear: central -> ; CL*central
end"""
TANGLED = """model tangled
  x = 1; y := x/(1 + x) + 0.1*time; p = 1; k = 0.4; grow = 0
  x' = grow*x^2 - k*max(x, 0.1)*y; p' = piecewise(-p, time < 1, p*sin(x)) + floor(10*k)
end"""
FINE = qsp.Tolerances(1e-10, 1e-16)


def arm_of(text, times, *, regimen=None, observables, table):
    arm = qsp.Experiment(qsp.read_antimony(text), times=times, regimen=regimen, observables=observables)
    return arm, read_subjects(pd.DataFrame(table), (arm,), drawn=None)


def oral():
    dose = qsp.Dose(100.0, "depot", interval=6.0, count=2, lag="tlag", bioavailability="F")
    regimen = qsp.Regimen((dose, qsp.Dose(40.0, "central", time=8.0, duration=2.5)))
    table = {"ka": [1.2, 0.5], "tlag": [0.7, 0.0], "F": [0.6, 0.9]}
    return arm_of(ORAL, [0.0, 0.7, 3.0, 6.7, 8.0, 9.0, 10.5], regimen=regimen, observables=["central", "depot"],
                  table=table)  # fmt: skip


def tangled(table):
    return arm_of(TANGLED, [0.0, 0.5, 1.0, 2.0], observables=["x", "y", "p"], table=table)


def courses():
    """Return patients who change on the way."""
    index = pd.MultiIndex.from_tuples([("a", 0.0), ("a", 2.0), ("b", 0.0), ("b", 3.0)], names=["subject", "time"])
    table = pd.DataFrame({"ka": [1.0, 0.5, 2.0, 0.3], "CL": [3.0, 2.0, 4.0, 1.0]}, index=index)
    arm = qsp.Experiment(qsp.read_antimony(ORAL), times=[0.0, 1.0, 2.5, 4.0], regimen="100 into depot every 2 x 2",
                         observables=["central"])  # fmt: skip
    return arm, read_subjects(table, (arm,), drawn=None)


def inside():
    """Return the largest error inside long steps, as a share of the tolerance: a' follows a sine at once."""
    times, relative = np.array([0.0, 1.0, 3.0, 7.3, 11.0, 15.0, 20.0]), 1e-6
    arm, people = arm_of("model m; a = 0; fast = 1e6; a' = -fast*(a - sin(time)) + cos(time); end", times,
                         observables=["a"], table={"fast": [1e6, 1e4]})  # fmt: skip
    found = on_gpu(arm, people, qsp.Tolerances(relative, 1e-6 * relative))
    return float(np.abs(found.columns["a"] - np.sin(times)).max() / relative)


def on_gpu(arm, people, tolerances):
    return engines.run_batch(arm, people, tolerances=tolerances, gpu=True)


def compared(arm, people, tolerances=FINE):
    here = engines.run_batch(arm, people, tolerances=tolerances, threads=1)
    there = on_gpu(arm, people, tolerances)
    status = [here.status.tolist(), there.status.tolist()]
    apart = engines.difference(arm, here, there).largest
    return {"apart": apart, "status": status, "messages": [here.messages, there.messages]}


def bits(found):
    return [v.tobytes() for _, v in sorted(found.columns.items())]


def in_parts(arm, people):
    """Return whether results are the same bits where each patient is run alone."""
    whole, size = bits(on_gpu(arm, people, engines.KERNEL)), ode_gpu.MOST_BYTES
    ode_gpu.MOST_BYTES = 1
    try:
        return whole == bits(on_gpu(arm, people, engines.KERNEL))
    finally:
        ode_gpu.MOST_BYTES = size


def by_a_plan(arm, people):
    """Return how far results are apart where elimination follows a plan and stages are a loop, as in large models."""
    from sbmlqsp.engine import ode_gpu_kernel

    written, limit, few = on_gpu(arm, people, engines.KERNEL), ode_codegen.WRITTEN_OUT, ode_gpu_kernel.FEW
    ode_codegen.WRITTEN_OUT = ode_gpu_kernel.FEW = -1
    batch._CACHE.clear()
    try:
        planned = on_gpu(arm, people, engines.KERNEL)
        sources = [ode_gpu.source_for_device(b.equations, outputs=b.outputs) for b in batch._CACHE.values()]
    finally:
        ode_codegen.WRITTEN_OUT, ode_gpu_kernel.FEW = limit, few
        batch._CACHE.clear()
    return {"apart": engines.difference(arm, written, planned).largest, "written": "def factor" in sources[0]}


def simulated(arm, people):
    """Return what a user gets, and what comes of a device that is at fault."""
    found = qsp.simulate(arm, subjects=people.table, engine="gpu")
    kernel = qsp.simulate(arm, subjects=people.table, engine="kernel")
    out = {"inputs": json.loads(found.attrs["provenance"])["inputs"],
           "apart": max(float(np.abs(found[c] - kernel[c]).max()) for c in ("central", "depot"))}  # fmt: skip
    plain = engines.run_batch

    def faulty(*arguments, gpu=False, **how):
        result = plain(*arguments, gpu=gpu, **how)
        for values in result.columns.values():
            np.multiply(values, 1.00001 if gpu else 1.0, out=values)
        return result

    engines.run_batch = faulty
    try:
        qsp.simulate(arm, subjects=people.table, engine="gpu")
    except SimulationError as why:
        out["faulty"] = str(why)
    finally:
        engines.run_batch = plain
    return out


def main():
    parts = {
        "oral": lambda: compared(*oral()),
        "tangled": lambda: compared(*tangled({"k": [0.4, 0.9]})),
        "inside": inside,
        "courses": lambda: compared(*courses()),
        "failing": lambda: compared(
            *tangled({"grow": [0.1, 5.0]}), tolerances=qsp.Tolerances(1e-4, 1e-8, maximum_steps=1100)
        ),
        "parts": lambda: in_parts(*oral()),
        "plan": lambda: by_a_plan(*tangled({"k": [0.4, 0.9]})),
        "simulate": lambda: simulated(*oral()),
    }
    out = {}
    for name, part in parts.items():
        begun = time.perf_counter()
        out[name] = part()
        print(f"{name}: {time.perf_counter() - begun:.2f} s", file=sys.stderr)
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
