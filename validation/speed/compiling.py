"""How long the batch kernel takes to compile a model, by its number of states, cold and from disk.

    python -m validation.speed.compiling [STATES ...]

For every size two networks: cascades whose Jacobian is sparse, and a network in which every species binds two others at
random, whose elimination fills. Each is compiled in a process of its own with an empty folder of compiled models, and
once more from what the first left there. The loops themselves, compiled once per installation, come first and apart.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import numpy as np

from validation.speed.problems import chains

SIZES = (4, 20, 50, 150, 300)
CODE = """
import sys, time
import numpy as np
import sbmlqsp as qsp
from sbmlqsp.engine.ode import Batch
model = qsp.read_antimony(sys.stdin.read())
first = [s.id for s in model.network.species][:3]
begun = time.perf_counter()
batch = Batch(model.network, dosed={}, outputs=first)
batch.functions_of_lanes
made = time.perf_counter()
if len(sys.argv) > 1:
    arm = qsp.Experiment(model, times=[0.0, 1.0], observables=[f"amount({s})" for s in first])
    qsp.simulate(arm, engine="kernel")
print(made - begun, time.perf_counter() - made)
"""


def tangled(size: int) -> str:
    """Return a network in which every species binds two others."""
    rng = np.random.default_rng(1)
    lines = ["substanceOnly species " + ", ".join(f"s{i}" for i in range(size))]
    for i in range(size):
        j, k = rng.integers(size, size=2)
        lines += [f"s{i} = {1 + i % 5}", f"b{i}: s{i} + s{j} -> s{k}; {rng.uniform(0.1, 2):.3f}*s{i}*s{j}/(1 + s{k})",
                  f"m{i}: -> s{i}; 0.5", f"d{i}: s{i} -> ; {rng.uniform(0.1, 2):.3f}*s{i}"]  # fmt: skip
    return "model tangled; " + "; ".join(lines) + "; end"


def seconds(text: str, folder: str, *, run: bool = False) -> tuple[float, float]:
    """Return how long a process takes to make a model ready, and to run it."""
    environment = os.environ | {"SBMLQSP_CACHE": folder}
    command = [sys.executable, "-c", CODE, *(["run"] if run else [])]
    done = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=True)
    ready, ran = map(float, done.stdout.split())
    return ready, ran


def main() -> int:
    """Print a table; 1 where anything takes longer than two minutes."""
    worst = 0.0
    for size in [int(a) for a in sys.argv[1:]] or SIZES:
        for name, text in (("cascades", chains(size)), ("tangled", tangled(size))):
            with tempfile.TemporaryDirectory() as folder:
                cold, _ = seconds(text, folder)
                kept, _ = seconds(text, folder)
            worst = max(worst, cold)
            print(f"{size} states, {name}: {cold:.1f} s anew, {kept:.2f} s from disk", flush=True)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as compiled:
        os.environ["NUMBA_CACHE_DIR"] = compiled
        print(f"the loops, once per installation: {sum(seconds(chains(4), folder, run=True)):.1f} s with a small model")
    return int(worst > 120)


if __name__ == "__main__":
    raise SystemExit(main())
