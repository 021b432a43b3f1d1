"""Laws that predictions obey whatever the data: superposition, shifts in time, order, and ways to write one thing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sbmlqsp as qsp

FEW = settings(max_examples=12)
INTO = {1: "depot", 2: "central", 3: "side"}

MODEL = qsp.read_antimony(
    "model m; compartment V = 20, W = 35; substanceOnly species depot in V = 0, central in V = 0, side in W = 0; "
    "KA = 0.9; CL = 3; Q = 2; A: depot -> central; KA*depot; E: central -> ; CL/V*central; "
    "D: central -> side; Q/V*central - Q/W*side; end"
)
SATURABLE = qsp.read_antimony(
    "model n; compartment V = 20; substanceOnly species depot in V = 0, central in V = 0; side = 0; side' = -0.1*side; "
    "KA = 0.9; A: depot -> central; KA*depot; E: central -> ; 12*central/(30 + central); end"
)

times = st.integers(0, 160).map(lambda k: k / 8)
amounts = st.floats(1.0, 200.0).map(lambda x: round(x, 3))
doses = st.fixed_dictionaries(
    {
        "TIME": times,
        "AMT": amounts,
        "RATE": st.sampled_from([0.0, 0.0, 7.5, 40.0]),
        "CMT": st.sampled_from([1, 2, 3]),
        "II": st.sampled_from([3.0, 8.0]),
        "ADDL": st.integers(0, 3),
    }
)
regimens = st.lists(doses, min_size=1, max_size=3)
SEEN = [0.0, 0.5, 2.0, 5.25, 11.0, 17.5, 24.0, 40.0]


def data(rows, *, seen=SEEN, shift=0.0, subject=1, **columns):
    """Return dose rows and observations as one subject, ordered in time, doses first."""
    table = pd.DataFrame([{"EVID": 1, **r} for r in rows] + [{"EVID": 0, "TIME": t} for t in seen])
    table = table.sort_values("TIME", kind="stable").fillna(0.0).assign(ID=subject, **columns)
    table["TIME"] += shift
    return table


def predicted(table, *, model=MODEL, observable="amount(central)", carry="next", **options):
    found = qsp.predict(
        model, qsp.Records(table, carry=carry, covariates=tuple(set(table) & {"WT"})), compartments=INTO,
        observables=observable, **options,
    )  # fmt: skip
    return found["IPRED"].to_numpy()


def same(a, b, rtol=1e-7):
    np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-9 * max(np.abs(a).max(), np.abs(b).max(), 1e-300))


@FEW
@given(first=regimens, second=regimens, factor=st.floats(0.1, 10.0))
def test_doses_superpose_in_a_linear_model(first, second, factor):
    larger = [{**r, "AMT": r["AMT"] * factor, "RATE": r["RATE"] * factor} for r in second]
    both = predicted(data([*first, *larger]))
    same(both, predicted(data(first)) + factor * predicted(data(second)))


@FEW
@given(rows=regimens, model=st.sampled_from([MODEL, SATURABLE]))
def test_additional_doses_are_records_of_their_own(rows, model):
    apart = [{**r, "TIME": r["TIME"] + k * r["II"], "ADDL": 0} for r in rows for k in range(r["ADDL"] + 1)]
    # A dose after the last record is never given, and a record of its own would be one.
    apart = [r for r in apart if r["TIME"] <= SEEN[-1]]
    same(predicted(data(rows), model=model), predicted(data(apart), model=model))


@FEW
@given(rows=regimens, shift=st.sampled_from([-30.0, 0.25, 1000.0]), model=st.sampled_from([MODEL, SATURABLE]))
def test_the_clock_may_begin_anywhere(rows, shift, model):
    same(predicted(data(rows), model=model), predicted(data(rows, shift=shift), model=model))


@FEW
@given(rows=regimens, share=st.floats(0.05, 0.95), model=st.sampled_from([MODEL, SATURABLE]))
def test_a_dose_in_two_parts_at_one_instant_is_one_dose(rows, share, model):
    parts = [{**r, "AMT": r["AMT"] * s, "RATE": r["RATE"] * s} for r in rows for s in (share, 1.0 - share)]
    same(predicted(data(rows), model=model), predicted(data(parts), model=model))


@FEW
@given(one=regimens, two=regimens, weights=st.tuples(st.floats(40, 110), st.floats(40, 110)))
def test_subjects_do_not_know_each_other(one, two, weights):
    tables = [data(rows, subject=k, WT=w) for k, (rows, w) in enumerate(zip((one, two), weights, strict=True), 1)]
    parameters = {"CL": "3*(WT/70)**0.75"}
    a, b = (predicted(t, parameters=parameters) for t in tables)
    forth = predicted(pd.concat(tables), parameters=parameters)
    back = predicted(pd.concat(tables[::-1]), parameters=parameters)
    assert forth.tolist() == [*a, *b]
    assert back.tolist() == [*b, *a]


@FEW
@given(rows=regimens, weight=st.floats(40, 110))
def test_how_covariates_carry_is_nothing_where_they_are_constant(rows, weight):
    table = data(rows, WT=weight)
    parameters = {"CL": "3*(WT/70)**0.75", "F(depot)": "WT/200", "ALAG(depot)": 0.75}
    assert (
        predicted(table, parameters=parameters).tolist()
        == predicted(table, parameters=parameters, carry="last").tolist()
    )


@FEW
@given(
    amount=amounts, rate=st.sampled_from([0.0, 9.0, 40.0]), every=st.sampled_from([4.0, 12.0]), lag=st.floats(0, 3.5)
)
def test_a_steady_state_is_where_many_doses_lead(amount, rate, every, lag):
    dose = {"TIME": 0.0, "AMT": amount, "RATE": rate, "CMT": 1, "II": every}
    parameters = {"ALAG(depot)": lag}
    steady = predicted(data([{**dose, "SS": 1, "ADDL": 2}]), parameters=parameters)
    many = data([{**dose, "TIME": -200 * every, "ADDL": 202}])
    same(steady, predicted(many, parameters=parameters), rtol=1e-6)


def test_a_species_that_reactions_only_read_changes_from_record_to_record():
    model = qsp.read_antimony(
        "model m; compartment V = 2; species S in V = 5, E in V = 1; J: S -> ; k*E*S*V; k = 0.1; end"
    )
    table = pd.DataFrame({"ID": 1, "TIME": [0.0, 5.0, 10.0], "EVID": 0, "WT": [1.0, 1.0, 4.0]})
    found = predicted(table, model=model, observable="S", parameters={"E": "WT"})
    np.testing.assert_allclose(found, 5 * np.exp([0, -0.5, -2.5]), rtol=1e-7)


# ------------------------------------------------------------------------------------- the same thing written otherwise
REGIMENS = (
    "100 into depot every 8 x 3; 30 into central at 5 over 2.5; 12 into side at 5",
    "60 into central at 4 every 6 x 4 over 9",
    qsp.Dose(40, "depot", interval=12.0, count=3, steady_state=1),
    qsp.Dose(40, "central", interval=12.0, count=2, steady_state=1, duration=15.0),
)


@pytest.mark.parametrize("regimen", REGIMENS, ids=["several", "overlapping", "steady", "steady infusion"])
def test_a_regimen_as_records_predicts_what_it_simulates(regimen):
    seen = [t for t in np.linspace(0, 40, 33) if t]
    records = qsp.Records.from_regimen(regimen, times=seen)
    found = qsp.predict(MODEL, records, observables="amount(central)")["IPRED"].to_numpy()
    experiment = qsp.Experiment(MODEL, times=[0.0, *seen], regimen=regimen, observables=["amount(central)"])
    same(found, qsp.simulate(experiment)["amount(central)"].to_numpy()[0, 0, 0, 1:])


@pytest.mark.parametrize("regimen", REGIMENS, ids=["several", "overlapping", "steady", "steady infusion"])
def test_records_written_and_read_again_predict_the_same(regimen, tmp_path):
    people = pd.DataFrame({"ID": [1, 2], "WT": [55.5, 1 / 3 + 80]})
    records = qsp.Records.from_regimen(regimen, subjects=people, times=[2 / 3, 7.1, 33.0])
    path = tmp_path / "data.csv"
    qsp.write_nonmem(records, path)
    first, second = (
        qsp.predict(MODEL, r, parameters={"CL": "3*(WT/70)**0.75"}, observables="amount(central)")
        for r in (records, qsp.read_nonmem(path))
    )
    assert first["IPRED"].tolist() == second["IPRED"].tolist()
