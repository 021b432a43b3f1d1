"""Populations on a GPU, on numba's simulator of one: the kernel's numbers, its failures; and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.batch import batch_for
from sbmlqsp.engine import ode_gpu
from sbmlqsp.engine.ode_program import RUN, SETTLE
from sbmlqsp.errors import UnsupportedError

pytestmark = pytest.mark.xdist_group("gpu")


@pytest.fixture(scope="module")
def found():
    """What a process on the simulator gave; it takes the place of CUDA in all of a process."""
    if find_spec("numba.cuda.simulator") is None:
        pytest.skip("this numba has no simulator of a GPU")
    script = Path(__file__).with_name("on_a_gpu.py")
    env = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(Path(qsp.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["oral", "tangled", "courses"])
def test_numbers_are_those_of_processors(found, name):
    assert found[name]["status"] == [[0, 0], [0, 0]]
    assert found[name]["apart"] < 1e-9


def test_outputs_inside_long_steps_are_held_to_the_tolerance(found):
    assert found["inside"] < 40


def test_who_fails_on_processors_fails_on_a_gpu_with_the_same_words(found):
    here, there = found["failing"]["status"]
    assert here == there == [0, 1]
    words = [messages[1].split("stopped at time 0.2") for messages in found["failing"]["messages"]]
    assert len(words[0]) == len(words[1]) == 2
    assert words[0][0] == words[1][0] != ""
    assert found["failing"]["apart"] < 1e-3  # the tolerance is loose


def test_parts_change_no_bit_and_a_plan_solves_as_what_is_written_out(found):
    assert found["parts"] is True
    assert found["plan"]["written"] is False
    assert found["plan"]["apart"] < 1e-12


def test_simulate_says_where_it_ran_and_trusts_no_device_unseen(found):
    inputs = found["simulate"]["inputs"]
    assert inputs["engine"] == inputs["engine_choice"]["asked"] == "gpu"
    assert inputs["engine_choice"]["subjects"] == ["0", "1"]
    assert inputs["engine_choice"]["largest_difference"] < 1e-9
    assert found["simulate"]["apart"] < 1e-9
    assert "not those of processors" in found["simulate"]["faulty"]
    assert "engine='kernel'" in found["simulate"]["faulty"]


# ------------------------------------------------------------------------------------------------------------- refusals
@pytest.fixture(scope="module")
def decay():
    return qsp.read_antimony("model decay; x = 1; k = 1; x' = -k*x; end")


def arm_of(model, **how):
    return qsp.Experiment(model, times=[0, 1], observables=["x"], **how)


def test_without_numba_cuda_it_is_refused_by_name(decay, monkeypatch):
    monkeypatch.setattr(ode_gpu, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match=r"numba-cuda.*not installed.*sbmlqsp\[gpu\]"):
        qsp.simulate(arm_of(decay), engine="gpu")


def test_where_numba_cuda_does_not_load_or_finds_nothing_it_is_refused(decay, monkeypatch):
    def broken(_):
        raise AttributeError("module 'numpy' has no attribute 'row_stack'")

    monkeypatch.setattr(ode_gpu, "find_spec", lambda _: object())
    monkeypatch.setattr(ode_gpu, "import_module", broken)
    with pytest.raises(UnsupportedError, match=r"does not load .*row_stack"):
        qsp.simulate(arm_of(decay), engine="gpu")
    cuda = SimpleNamespace(is_available=lambda: False)
    monkeypatch.setattr(ode_gpu, "import_module", lambda _: cuda)
    monkeypatch.setitem(sys.modules, "numba.cuda", cuda)
    monkeypatch.setattr("numba.cuda", cuda, raising=False)
    with pytest.raises(UnsupportedError, match=r"no GPU here.*engine='kernel'"):
        qsp.simulate(arm_of(decay), engine="gpu")


def test_what_a_gpu_does_not_run_is_refused(decay):
    eventful = qsp.read_antimony("model m; x = 1; x' = -x; at (x < 0.5): x = 1; end")
    with pytest.raises(UnsupportedError, match="models with events"):
        qsp.simulate(arm_of(eventful), engine="gpu")
    jumping = qsp.read_antimony("model m; x = 1; x' = -piecewise(x, x > 0.5, 0); end")
    with pytest.raises(UnsupportedError, match=r"rates that jump where what moves.*x > 0\.5"):
        qsp.simulate(arm_of(jumping), engine="gpu")
    with pytest.raises(UnsupportedError, match="for processors"):
        qsp.simulate(arm_of(decay), engine="gpu", workers=2)
    with pytest.raises(UnsupportedError, match="time limit is for libRoadRunner"):
        qsp.simulate(arm_of(decay), engine="gpu", workers=2, time_limit=5)


def test_a_model_whose_numbers_do_not_fit_is_refused(decay, monkeypatch):
    gpu = SimpleNamespace(MULTIPROCESSOR_COUNT=100, MAX_THREADS_PER_MULTIPROCESSOR=2048)
    memory = SimpleNamespace(free=2**24)
    context = SimpleNamespace(get_memory_info=lambda: memory)
    cuda = SimpleNamespace(get_current_device=lambda: gpu, current_context=lambda: context)
    batch = batch_for(decay, {}, ("x",))
    with pytest.raises(UnsupportedError, match=r"too large.*1 states, .* GiB.*0\.0 GiB at most"):
        ode_gpu.refuse_large(batch, cuda)
    memory.free = 2**40
    ode_gpu.refuse_large(batch, cuda)


def test_an_instruction_that_it_does_not_know_is_refused(decay, monkeypatch):
    monkeypatch.setattr(ode_gpu, "refuse_without_gpu", lambda _: None)
    monkeypatch.setitem(sys.modules, "numba.cuda", SimpleNamespace())
    monkeypatch.setattr("numba.cuda", SimpleNamespace(), raising=False)
    batch = batch_for(decay, {}, ("x",))
    instructions = SimpleNamespace(code=[(RUN, 0, 1), (SETTLE, 0, 0)])
    nothing = {key: [] for key in ("which", "amounts", "lengths", "scales")}
    with pytest.raises(UnsupportedError, match="does not follow these instructions"):
        ode_gpu.run_on_gpu(batch, np.ones((1, 1)), np.ones((1, 1)), instructions=instructions, **nothing, times=1,
                           relative=1e-8, absolute=1e-15, most=9)  # fmt: skip
