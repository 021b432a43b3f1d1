"""Property tests draw the same examples every time, so that a red run can be repeated.

Two arms of a small decay and a population of it serve the tests of processes and of stores.
"""

import os

# Before numpy is imported: threads of its linear algebra would wait for those of the other workers of pytest-xdist.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

import sbmlqsp as qsp
from tests.decay import DECAY

settings.register_profile("same_every_time", derandomize=True, deadline=None)
settings.load_profile("same_every_time")
# It also draws numbers out of the modules that happen to be loaded, which depends on what ran before in a process.
if hasattr(providers, "_get_local_constants"):
    providers._get_local_constants = lambda: providers._local_constants


COMPILING = ("test_cell", "test_dask", "test_ensembles", "test_kernel", "test_readme", "test_sensitivities",
             "test_stochastic", "test_study_cells", "test_tau", "test_trajectories")  # fmt: skip
"""Files whose tests compile loops of cells or patients, which takes half a minute: once, in one process, is enough."""


def pytest_collection_modifyitems(items):
    """Let one of several processes run all that compiles."""
    for item in items:
        if item.path.name.startswith(COMPILING):
            item.add_marker(pytest.mark.xdist_group("compiling"))


@pytest.fixture(scope="session")
def arms():
    model = qsp.read_antimony(DECAY)
    one = qsp.Experiment(model, times=[0, 1, 5], regimen="3 into S at 1", id="one")
    return [one, qsp.Experiment(model, times=[0, 2], observables=["S", "2*S"], id="two")]


@pytest.fixture(scope="session")
def population():
    return qsp.Population({"k": 0.1}, variability={"k": qsp.Variability("log-normal", cv=0.3)})
