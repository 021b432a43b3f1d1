"""AMICI (CVODES with generated C++ and sparse exact Jacobians) on the problems, in its own environment.

``SBMLQSP_TOOL_AMICI`` names the interpreter that has AMICI. Doses are events of the document that it compiles.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

import sbmlqsp as qsp
from sbmlqsp.arm_start import ArmStart
from sbmlqsp.compiled import state_scales

SERVER = Path(__file__).parent / "amici_server.py"


def amici(task: Any) -> Any:
    """Return runs of AMICI, which give the seconds that it measured and the states."""
    start, n = ArmStart.of(task.arm, task.people, None), len(task.people)
    d = start.deliveries
    least = float(state_scales(task.states, start.env, d.targets, d.amount, n).min())
    server = subprocess.Popen(
        [os.environ["SBMLQSP_TOOL_AMICI"], str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        stderr=subprocess.DEVNULL, env={k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "VIRTUAL_ENV"}},
    )  # fmt: skip
    parameters = {name: np.broadcast_to(start.env[name], (n,)).tolist() for name in task.problem.vary}
    sbml = with_doses(task.problem.text, d, start.env)
    job = {"sbml": sbml, "times": list(task.arm.times), "states": list(task.states), "parameters": parameters}
    ask(server, job)

    def run(relative: float) -> tuple[float, Any]:
        answer = ask(server, {"relative": relative, "absolute": 1e-3 * relative * least})
        return answer["seconds"], np.load(answer["found"])

    return run


def ask(server: subprocess.Popen[str], question: Any) -> Any:
    """Ask the server."""
    assert server.stdin is not None
    assert server.stdout is not None
    print(json.dumps(question), file=server.stdin, flush=True)
    line = server.stdout.readline()
    if not line:
        raise RuntimeError("AMICI gave up")
    return json.loads(line)


def with_doses(text: str, deliveries: Any, env: Any) -> str:
    """Return the document in which boluses are events, and those at the start initial values."""
    lines = []
    for k, target in enumerate(deliveries.targets):
        at, amount = float(deliveries.start[0, k]), float(deliveries.amount[0, k])
        if at == 0.0:
            lines.append(f"{target} = {float(np.ravel(env[f'amount({target})'])[0]) + amount!r}")
        else:
            lines.append(f"at (time >= {at!r}): {target} = {target} + {amount!r}")
    return str(qsp.read_antimony("; ".join([text.strip().removesuffix("end"), *lines]) + "; end").sbml)
