"""Experiments: valid from birth, or refused with the name of what is wrong."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.experiment import observable_unit, resolve_setting

TEXT = """
model m
  unit mg = 1e-3 gram
  unit mg_per_litre = 1e-3 gram / litre
  unit litre_per_hour = litre / (3600 second)
  unit time_unit = 3600 second
  unit substance = 1e-3 gram
  unit extent = 1e-3 gram
  unit volume = litre
  compartment V = 20
  V has litre
  species central in V, waste in V
  central = 0
  waste = 0
  CL = 2
  CL has litre_per_hour
  free = 3
  C := central
  C has mg_per_litre
  E: central -> waste; CL*central
end
"""
MODEL = qsp.read_antimony(TEXT)


def make(**options):
    return qsp.Experiment(MODEL, **{"times": [0.0, 1.0], **options})


def test_all_species_are_observed_where_nothing_is_said():
    assert [o.id for o in make().observables] == ["central", "waste"]


def test_texts_become_observables_with_their_own_id():
    experiment = make(observables=["C", "2*central", qsp.Observable("x", "central", unit="ng/mL")])
    assert [o.id for o in experiment.observables] == ["C", "2*central", "x"]
    assert [observable_unit(MODEL, o) for o in experiment.observables] == ["mg/L"] * 3
    assert [o.id for o in make(observables="C").observables] == ["C"]


@pytest.mark.parametrize("given", ["100 mg into central", qsp.Dose(100, "central", "mg"), None, qsp.Regimen(())])
def test_a_regimen_may_be_given_in_any_form(given):
    assert isinstance(make(regimen=given).regimen, qsp.Regimen)


def test_changes_are_converted_to_the_models_units():
    experiment = make(changes={"CL": "50 mL/min", "V": "2 dL", "amount(central)": "3 g", "waste": "1 g/L", "free": 4})
    assert experiment.overrides == pytest.approx(
        {"CL": 3.0, "V": 0.2, "amount(central)": 3000.0, "waste": 1000.0, "free": 4.0}
    )


def test_times_may_be_words_in_any_unit():
    assert make(times="0:1 day by 0.5").times == (0.0, 12.0, 24.0)
    assert make(times=np.arange(3)).times == (0.0, 1.0, 2.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"observables": ["centrl"]}, "'centrl'.*did you mean 'central'"),
        ({"observables": ["central + CLL"]}, "'CLL'.*did you mean"),
        ({"observables": ["central + CL"]}, "mixes units"),
        ({"observables": [qsp.Observable("x", "central", unit="h")]}, "mg/L|dimension|h"),
        ({"observables": ["central", "central"]}, "central"),
        ({"observables": [3]}, "3|observable"),
        ({"regimen": "5 mg into centrall"}, "did you mean 'central'"),
        ({"regimen": 5}, "no regimen"),
        ({"changes": {"CLL": 1.0}}, "'CLL'.*did you mean"),
        ({"changes": {"C": 1.0}}, "computed by a rule"),
        ({"changes": {"CL": "5 mg"}}, "mg"),
        ({"changes": {"free": "5 mg"}}, "no declared unit"),
        ({"changes": {"CL": "fast"}}, "fast"),
        ({"changes": {"CL": np.nan}}, "not finite"),
        ({"changes": {"CL": None}}, "not a number"),
        ({"changes": {"central": 1.0, "amount(central)": 2.0}}, "'central' is changed twice"),
        ({"changes": {"amount(CL)": 1.0}}, "takes a species"),
        ({"times": [2.0, 1.0]}, "out of order"),
        ({"times": [-1.0, 1.0]}, "negative"),
        ({"at_dose": "during"}, "'after' or 'before'"),
    ],
)
def test_what_cannot_be_is_refused_at_birth(options, words):
    with pytest.raises(qsp.QSPError, match=words):
        make(**options)


def test_it_needs_a_model():
    with pytest.raises(qsp.ExperimentError, match="needs a Model"):
        qsp.Experiment("m", times=[0.0])


def test_it_is_frozen_and_checked_again_when_replaced():
    experiment = make(changes={"CL": 1.0})
    with pytest.raises(FrozenInstanceError):
        experiment.id = "other"
    assert replace(experiment, id="low").overrides == {"CL": 1.0}
    with pytest.raises(qsp.ExperimentError, match="out of order"):
        replace(experiment, times=[1.0, 0.0])


def test_later_changes_to_the_given_mapping_do_not_reach_it():
    changes = {"CL": 1.0}
    experiment = make(changes=changes)
    changes["CL"] = 9.0
    assert experiment.overrides == {"CL": 1.0}


@pytest.mark.parametrize(
    ("path", "key"),
    [("CL", "CL"), ("amount(central)", "amount(central)"), ("concentration( central )", "concentration(central)")],
)
def test_settings_resolve_to_flat_keys(path, key):
    assert resolve_setting(MODEL, path) == key


def test_it_shows_itself():
    experiment = make(changes={"CL": "1 L/h"}, regimen="100 mg into central every 24 h x 7")
    assert "2 times from 0 to 1 h" in repr(experiment)
    assert "100 mg" in repr(experiment)
    html = experiment._repr_html_()
    assert "<table" in html
    assert "1 L/h" in html


def test_a_dose_into_a_computed_concentration_is_sent_to_its_species():
    with pytest.raises(qsp.UnitError, match="a dose goes into a species, such as central, not into what is computed"):
        make(regimen="100 mg into C")
