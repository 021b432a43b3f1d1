"""The validation of single cells, at few runs: right kernels pass and wrong ones are found out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import sbmlqsp as qsp
from validation.stochastic import master_equation, suite, tau

SUITE = Path(os.environ.get("SBML_STOCHASTIC_SUITE", Path(__file__).parents[2] / "shared/suites/sbml-stochastic"))
BIRTH = "species X; X = 0; birth: => X; 20; death: X => ; X"


def written_case(folder: Path, *, off: float = 1.0) -> Path:
    """Write birth and death as a case of the suite; ``off``: how wrong the reference is."""
    folder = folder / "90001"
    folder.mkdir()
    times = np.arange(6.0)
    mean = 20 * off * (1 - np.exp(-times))
    rows = [f"{t},{m!r},{s!r}" for t, m, s in zip(times.tolist(), mean.tolist(), np.sqrt(mean).tolist(), strict=True)]
    (folder / "90001-results.csv").write_text("\n".join(["time,X-mean,X-sd", *rows]), encoding="utf-8")
    (folder / "90001-sbml-l3v2.xml").write_text(qsp.read_antimony(f"model m; {BIRTH}; end").sbml, encoding="utf-8")
    (folder / "90001-settings.txt").write_text(
        "start: 0\nduration: 5\nsteps: 5\nvariables: X\namount: X\nconcentration:\n"
        "meanRange: (-3, 3)\nsdRange: (-5, 5)\n", encoding="utf-8")  # fmt: skip
    return folder


def test_a_right_case_passes_and_rates_a_little_off_fail(tmp_path):
    folder = written_case(tmp_path)
    assert suite.judge(folder, runs=3000, seeds=(1,)).outcome == "passed"
    with suite.rates_off(1.1):
        assert suite.judge(folder, runs=3000).outcome == "failed"
    assert suite.judge(folder, runs=3000, seeds=(1,)).outcome == "passed"


def test_the_suite_ends_with_an_error_where_a_case_fails(tmp_path, capsys):
    written_case(tmp_path, off=1.2)
    assert suite.main([str(tmp_path), "1000"]) == 1
    assert "90001  failed" in capsys.readouterr().out
    assert suite.main([str(tmp_path / "nowhere")]) == 2


def test_statistics_of_the_suite():
    values = np.array([[1.0, 2.0], [3.0, 2.0], [5.0, 2.0], [7.0, 2.0]])
    z, y = suite.statistics(values, np.array([3.0, 2.0]), np.array([2.0, 0.0]))
    assert z == pytest.approx(2 * 1 / 2)
    assert y == pytest.approx(np.sqrt(2) * (20 / 3 / 4 - 1))
    assert suite.statistics(values, np.array([3.0, 2.1]), np.array([2.0, 0.0]))[0] == np.inf
    assert suite.statistics(values, np.array([3.0, 2.0]), np.array([0.0, 0.0]))[1] == np.inf


@pytest.mark.skipif(
    not SUITE.is_dir(), reason="the SBML Test Suite is not here (SBML_STOCHASTIC_SUITE names its folder)"
)
@pytest.mark.parametrize(("case", "outcome"), [("00022", "passed"), ("00032", "passed"), ("00041", "refused")])
def test_cases_of_the_suite(case, outcome):
    """Timed events, dimers, and a package that is not supported."""
    found = suite.judge(SUITE / case, runs=500, seeds=(1, 2))
    assert found.outcome == outcome
    assert outcome == "passed" or "distrib" in found.note


def test_the_master_equation_of_birth_and_death_is_a_poisson_distribution():
    from scipy.stats import poisson

    birth = master_equation.NETWORKS[0]
    p, lost = master_equation.distribution(birth, 0.3)
    assert abs(lost) < 1e-12
    np.testing.assert_allclose(p, poisson.pmf(np.arange(90), 20 * (1 - np.exp(-0.3))), atol=1e-13)


def test_cells_follow_the_master_equation_and_wrong_kernels_do_not():
    birth = master_equation.NETWORKS[0]
    assert min(master_equation.p_values(birth, master_equation.simulated(birth, runs=1000, seed=1))) > 1e-3
    found = master_equation.controls(runs=500)
    assert len(found) == 3
    assert max(found.values()) < master_equation.ALPHA


def test_counts_out_of_the_states_are_no_agreement():
    p = np.array([0.5, 0.5])
    assert master_equation.chi_square(np.array([0.0, 1.0, 2.0]), p) == 0.0
    assert master_equation.chi_square(np.array([0.0, 1.0] * 50), p) == 1.0


def test_too_few_states_are_told():
    from dataclasses import replace

    small = replace(master_equation.NETWORKS[0], shape=(25,))
    with pytest.raises(ArithmeticError, match="birth and death"):
        master_equation.p_values(small, np.zeros((10, 2)))


def test_leaps_are_as_far_off_as_they_say_and_careless_ones_are_found_out():
    assert tau.check(tau.CASES[0], 400, 5) == []
    *bad, right = tau.controls(400).values()
    assert min(bad) > tau.SIGNIFICANT
    assert right < tau.SIGNIFICANT
