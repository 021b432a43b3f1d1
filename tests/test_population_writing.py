"""Populations written as TOML read back as they were, or are refused."""

from __future__ import annotations

import pandas as pd
import pytest

import sbmlqsp as qsp

LOG = qsp.Variability("log-normal", cv=0.25)
RICH = qsp.Population(
    {"pk.CL": "CL_pop*(EGFR/90)*(1 - 0.5*CYP_poor)", "pk.V": "0.6*LBM", "F": 0.7},
    people=qsp.Demographics(age=(40, 85), female=0.45),
    covariates={
        "SCR": qsp.Covariate("log-normal", median=0.95, cv=0.25, low=0.4, unit="mg/dL"),
        "CYP": qsp.Covariate("categories", levels={"poor": 0.1, 'usual "quoted"': 0.9}),
    },
    derived=["LBM", "EGFR"],
    typical={"CL_pop": 2.7, "other": 1},
    variability={"pk.CL": LOG, "pk.V": LOG, "F": qsp.Variability("logit-normal", sd=0.1, high=0.9)},
    omega={("pk.CL", "pk.V"): 0.3},
    occasion_variability={"pk.CL": LOG},
    uncertainty=pd.DataFrame([[0.01, 0.002], [0.002, 0.1]], index=["CL_pop", "other"], columns=["CL_pop", "other"]),
    id="patients",
)
TABLE = qsp.Population(
    {"k": "0.1*BMI"}, people=pd.DataFrame({"WT": [50.5, 70, 90], "HT": [160, 170, 180], "SEX": ["f", "m", "f"]}),
    derived={"BMI": "WT/(HT/100)^2"}, cell_variability={"k": LOG},
)  # fmt: skip
AGES = qsp.Population({"k": 0.1}, people=qsp.Demographics(age_weights={(18, 40): 0.6, (40, 75): 0.4}))


@pytest.mark.parametrize("population", [RICH, TABLE, AGES], ids=["rich", "table", "ages"])
def test_a_population_comes_back(population, tmp_path):
    path = qsp.write_population(population, tmp_path / "a.toml")
    back = qsp.read_population(path)
    left, right = (qsp.sample(p, 5, seed=3, occasions=2 if p.changes else None) for p in (population, back))
    pd.testing.assert_frame_equal(left, right, check_dtype=False)
    assert back.id == population.id
    assert qsp.write_population(back, tmp_path / "b.toml").read_text() == path.read_text().replace(
        "a_people", "b_people"
    )


def test_what_a_file_cannot_say_is_refused(tmp_path):
    numbers = qsp.Population({"k": "0.1*G"}, covariates={"G": qsp.Covariate("categories", levels={1: 0.5, 2: 0.5})})
    with pytest.raises(qsp.DataError, match="The population cannot be written"):
        qsp.write_population(numbers, tmp_path / "a.toml")
    assert not list(tmp_path.iterdir())
    with pytest.raises(qsp.DataError, match="There is no folder"):
        qsp.write_population(AGES, tmp_path / "x/a.toml")
