"""Published parameters predict the measured data sets, and a clearance three times too high does not."""

from __future__ import annotations

import math

import pytest

from validation.literature import data_sets, simulated

FOLDER = data_sets.folder()
needs_data = pytest.mark.skipif(
    FOLDER is None, reason=f"the measured data are not there: name their folder in {data_sets.VARIABLE}"
)


@needs_data
@pytest.mark.parametrize("name", list(simulated.CASES))
def test_published_parameters_predict_what_was_measured(name):
    table, found, control = simulated.study(name, FOLDER)
    assert table["IPRED"].notna().all()
    assert [a.dvid for a in found] == list(simulated.CASES[name].observables)
    assert all(a.within for a in found), found
    assert not any(c.within for c in control), control


@needs_data
def test_theophylline_is_the_closed_form_for_one_subject():
    case = simulated.CASES["theophylline"]
    data = data_sets.theophylline(FOLDER).select(3)
    row, dose = simulated.predicted(case, data).iloc[4], data.doses.iloc[0]
    p = case.parameters()
    volume, weight = p["V_kg"] * dose["weight_kg"], dose["weight_kg"]
    ke = p["CL_kg"] * weight / volume
    curve = math.exp(-ke * row["TIME"]) - math.exp(-p["ka"] * row["TIME"])
    assert row["IPRED"] == pytest.approx(dose["AMT"] * p["ka"] / (volume * (p["ka"] - ke)) * curve, rel=1e-8)


@needs_data
def test_the_command_prints_a_row_by_dvid_and_writes_what_it_names(capsys, tmp_path):
    assert simulated.main(["warfarin", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("refused") == 2
    assert {f.name for f in tmp_path.iterdir()} == {"table.csv", "warfarin.png"}


def test_every_value_names_its_source():
    for case in simulated.CASES.values():
        assert case.clearance in {v.symbol for v in case.values}
        assert all(v.source for v in case.values)


def test_absent_data_are_said_to_be_absent(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv(data_sets.VARIABLE, str(tmp_path / "nowhere"))
    assert simulated.main([]) == 1
    assert data_sets.VARIABLE in capsys.readouterr().out


def test_a_data_set_that_does_not_exist_is_refused(capsys):
    with pytest.raises(SystemExit):
        simulated.main(["warfarine"])
    assert "warfarine" in capsys.readouterr().err
