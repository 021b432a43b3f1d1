"""Every model of the library on both engines: the batch kernel against libRoadRunner.

    python -m validation.cross.kernel_library [ID ...]

Each model that moves is integrated as it stands, for 48 units of time, and, where it has a state that can be dosed,
once more with a bolus and an infusion into its first state. Both engines run at tolerances far tighter than what is
asked of them; the largest difference is printed by model, and one of more than 1e-6 of a value must be explained. As a
control, a kernel whose rates are off by a ten-thousandth must be found out in every model whose results it changes.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.batch import run_batch
from sbmlqsp.catalogue import LibraryWarning, ProvisionalModelWarning, model_ids
from sbmlqsp.engine.roadrunner import quiet
from sbmlqsp.engines import difference
from sbmlqsp.errors import QSPError, UnsupportedError
from sbmlqsp.execution import ArmResult, run_arm
from sbmlqsp.subjects import read_subjects

TIGHT, TIGHT_KERNEL = qsp.Tolerances(1e-11, 1e-40), qsp.Tolerances(1e-10, 1e-18)
ALLOWED = 1e-6


def experiments(model: qsp.Model) -> list[qsp.Experiment]:
    """Return the model as it stands, and dosed."""
    moving = [s.id for s in model.network.species if s.id in model.network.dynamic and not s.boundary]
    names = [f"amount({s.replace('__', '.')})" for s in moving]
    if not names:
        names = [n.replace("__", ".") for n in model.network.rate_rules]
    out = [qsp.Experiment(model, times=np.linspace(0, 48, 49), observables=names, id="alone")]
    if moving:
        target = moving[0].replace("__", ".")
        doses = (qsp.Dose(10.0, target, time=2.0), qsp.Dose(5.0, target, time=10.0, duration=3.0))
        out.append(qsp.Experiment(model, times=np.linspace(0, 48, 49), observables=names, id="dosed",
                                  regimen=qsp.Regimen(doses)))  # fmt: skip
    return out


def compare(arm: qsp.Experiment) -> tuple[float, float]:
    """Return the largest difference, and the same for rates that are off."""
    people = read_subjects(None, (arm,), drawn=None)
    first = run_arm(arm, people, tolerances=TIGHT)
    second = run_batch(arm, people, tolerances=TIGHT_KERNEL)
    if first.status.any() or second.status.any():
        raise QSPError(f"libRoadRunner: {first.messages[0] or 'fine'}; kernel: {second.messages[0] or 'fine'}")
    return difference(arm, first, second).largest, _off(arm, first)


def _off(arm: qsp.Experiment, first: ArmResult) -> float:
    """Return the difference to a kernel whose time runs a ten-thousandth faster, and with it every rate."""
    times = np.asarray(arm.times) * 1.0001
    fast = qsp.Experiment(arm.model, times=times, observables=list(arm.observables), regimen=arm.regimen)
    people = read_subjects(None, (fast,), drawn=None)
    return difference(arm, first, run_batch(fast, people, tolerances=TIGHT_KERNEL)).largest


def main() -> int:
    """Compare, print; 1 where a difference is larger than allowed or the control is not found out."""
    warnings.simplefilter("ignore", (LibraryWarning, ProvisionalModelWarning))
    counts, bad, found_out, moved = {"same": 0, "refused": 0, "at rest": 0}, [], 0, 0
    for model_id in sys.argv[1:] or model_ids():
        model = qsp.load(model_id)
        if not (model.network.dynamic - model.network.changed_by_events):
            counts["at rest"] += 1
            continue
        for arm in experiments(model):
            name = f"{model_id}, {arm.id}"
            try:
                with quiet():
                    apart, off = compare(arm)
            except UnsupportedError as why:
                counts["refused"] += 1
                print(f"{name}: refused: {why}")
                continue
            except QSPError as why:
                print(f"{name}: {why}")
                bad.append(name)
                continue
            counts["same"] += apart <= ALLOWED
            moved += off > 10 * apart
            found_out += off > ALLOWED
            print(f"{name}: {apart:.1e} (control {off:.1e})", flush=True)
            if apart > ALLOWED:
                bad.append(name)
    print(", ".join(f"{n} {what}" for what, n in counts.items()))
    print(f"control: found out in {found_out}, of {moved} that it changes by more than ten times the difference")
    print("different: " + "; ".join(bad) if bad else "both engines agree on all")
    return int(bool(bad) or not found_out)


if __name__ == "__main__":
    raise SystemExit(main())
