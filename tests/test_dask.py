"""A Dask cluster of two processes as the executor: the same numbers bit for bit."""

import pytest

import sbmlqsp as qsp
from tests.dosed_cells import cell_arms, cell_people
from validation.population.running import differing

pytest.importorskip("distributed", reason="Dask is not installed: pip install sbmlqsp[dask]")


@pytest.fixture(scope="module")
def executor():
    from distributed import Client, LocalCluster

    how = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
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


def test_cells_on_the_cluster_are_the_same_bits(executor, tmp_path):
    how = {"population": cell_people(), "size": 3, "method": "ssa", "replicates": 20, "seed": 5}
    here = qsp.simulate(cell_arms(), **how)
    for chunk in (None, 7):
        assert here.identical(qsp.simulate(cell_arms(), executor=executor, chunk=chunk, **how))
    store = qsp.simulate(cell_arms(), executor=executor, chunk=25, store=tmp_path / "s", **how)
    assert differing(here, store.read()) == []


def test_what_was_given_up_on_the_cluster_can_be_run_again(executor):
    """Tasks that a failure has cancelled must not be taken for those of the next call."""
    people = {"d": [1.0, -1.0, 0.5]}
    for _ in range(6):
        with pytest.raises(qsp.SimulationError, match=r"Subject 1, cell \d+, of 'one' failed"):
            qsp.simulate(
                cell_arms()[0], subjects=people, method="ssa", replicates=20, seed=5, chunk=3, executor=executor
            )
