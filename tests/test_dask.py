"""A Dask cluster of two processes as the executor: the same numbers bit for bit."""

import pytest

import sbmlqsp as qsp
from validation.population.running import differing

pytest.importorskip("distributed", reason="Dask is not installed: pip install sbmlqsp[dask]")


@pytest.fixture(scope="module")
def executor():
    from distributed import Client, LocalCluster

    how = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(**how) as cluster, Client(cluster) as client:
        yield client.get_executor()


def test_a_dask_cluster_gives_the_same_bits(arms, population, executor, tmp_path):
    here = qsp.simulate(arms, population=population, size=12, seed=6)
    there = qsp.simulate(arms, population=population, size=12, seed=6, executor=executor, chunk=5)
    assert here.identical(there)
    store = qsp.simulate(arms, population=population, size=12, seed=6, executor=executor, chunk=5, store=tmp_path / "s")
    assert differing(here, store.read()) == []


def test_a_failure_on_the_cluster_is_raised_here(arms, executor):
    with pytest.raises(qsp.SimulationError, match="Subject 1 of 'one' failed"):
        qsp.simulate(arms, subjects={"k": [0.1, -1.7e308, 0.1]}, executor=executor, chunk=1)
