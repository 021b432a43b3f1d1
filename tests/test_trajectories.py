"""Every change of single cells: the numbers of ``simulate`` to the bit, known times, names, closed forms, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import sbmlqsp as qsp
from tests.test_cell_events import DELAYS, FAULTS, ORDERS, STATES
from tests.test_cells import BASIC, BROKEN, MOVING
from tests.test_cells_side_by_side import MODELS


def experiment(text, *, times=(0, 0.5, 1, 2, 3), **how):
    return qsp.Experiment(qsp.read_antimony(f"model m; {text}; end"), times=times, **how)


def both(arms, *, only=None, **how):
    """Return the rows, after comparing the last of them up to each output time with what ``simulate`` gives there."""
    ds = qsp.simulate(arms, method="ssa", **how)
    rows = qsp.trajectories(arms, **how)
    cells = dict(list(rows.groupby(["experiment", "subject", "replicate"])))
    for e in ds["experiment"].values:
        for s in ds["subject"].values:
            for r in ds["replicate"].values:
                compare(cells[e, s, r], ds.sel(experiment=e, subject=s, replicate=r), only)
    assert len(cells) == ds["status"].size
    return rows


def compare(cell, one, only):
    time, end = cell["time"].to_numpy(), cell["event"].iloc[-1]
    assert (np.diff(time) >= 0).all()
    assert cell["event"].iloc[0] == "start"
    alive = (one["time"].values < time[-1]) | (end == "end")
    if end != "end":
        assert one["fate"] == end
        assert one["fate_time"] == time[-1]
    last = np.searchsorted(time, one["time"].values[alive], side="right") - 1
    for name in only or (n for n in one.data_vars if one[n].dims == ("time",)):
        assert np.isnan(one[name].values[~alive]).all()
        np.testing.assert_array_equal(cell[name].to_numpy()[last], one[name].values[alive], err_msg=name)


# ------------------------------------------------------------------------------------------------------ the same cells
@pytest.mark.parametrize("name", MODELS)
def test_the_numbers_of_cells_that_run_side_by_side(name):
    both(experiment(MODELS[name]), replicates=20, seed=3)


def test_doses_subjects_arms_and_variability_between_cells():
    text = "compartment V = 2; species X in V; X = 8; k = 3; r := k*X; up: => X; 5*r; down: X => ; 8*X*V"
    arms = [experiment(text, id="dosed", regimen="5 into X every 0.5 x 4", observables=["X", "r", "X/(1 + time)"]),
            experiment(text, id="other", times=[0, 0.3], observables=["amount(X)"])]  # fmt: skip
    people = {"k": [3.0, 4.0]}
    ds, rows = (f(arms, subjects=people, replicates=5, **how) for f, how in
                ((qsp.simulate, {"method": "ssa"}), (qsp.trajectories, {})))  # fmt: skip
    for (e, s, r), cell in rows.groupby(["experiment", "subject", "replicate"]):
        grid = arms[0].times if e == "dosed" else arms[1].times
        names = ["X", "r"] if e == "dosed" else ["amount(X)"]
        one = ds.sel(experiment=e, subject=s, replicate=r, time=list(grid))
        last = np.searchsorted(cell["time"], grid, side="right") - 1
        for name in names:
            np.testing.assert_array_equal(cell[name].to_numpy()[last], one[name].values)
        assert cell["event"].tolist().count("dose") == (4 if e == "dosed" else 0)
    assert rows.loc[rows["experiment"] == "other", "X"].isna().all()
    moved = rows[rows["experiment"] == "dosed"]
    np.testing.assert_array_equal(moved["X/(1 + time)"], moved["X"] / (1 + moved["time"]))
    population = qsp.Population({"k": 3.0}, cell_variability={"k": qsp.Variability("log-normal", cv=0.5)})
    both(arms[1], population=population, size=2, replicates=4, only=["amount(X)"])


@pytest.mark.parametrize("text", [ORDERS, DELAYS])
def test_events_of_every_kind(text):
    seen = ["w"] if text is ORDERS else ["r", "i", "kept", "late", "c"]
    rows = both(experiment(text, times=np.linspace(0, 5, 26), observables=seen), replicates=10)
    assert {"first", "second"} <= set(rows["event"]) or {"up", "down", "keeps", "begin"} <= set(rows["event"])


def test_an_event_follows_the_jump_that_triggers_it():
    text = "species X; X = 0; n = 0; grow: => X; 3; reset: at X >= 5: X = 0, n = n + 1"
    fates = {"never": "n > 100", "old": "time >= 15 && X >= 2"}
    rows = both(experiment(text, times=[0, 4, 9, 14, 20], observables=["X", "n"], fates=fates), replicates=5)
    assert rows.groupby("replicate")["event"].last().tolist() == ["old"] * 5
    assert set(rows["event"]) == {"start", "grow", "reset", "old"}
    at = np.flatnonzero(rows["event"] == "reset")
    assert len(at) > 20
    before, after = rows.iloc[at - 1], rows.iloc[at]
    assert set(before["event"]) == {"grow"}
    assert set(before["X"]) == {5.0}
    assert set(after["X"]) == {0.0}
    assert (before["time"].to_numpy() == after["time"].to_numpy()).all()


def test_a_fate_is_the_last_row_of_its_cell():
    fates = {"late": "time >= 1.5", "many": "amount(X) > 12"}
    rows = both(experiment(BASIC, times=[0, 0.5, 1, 2, 5], observables=["X", "A"], fates=fates), replicates=40, seed=1)
    last = rows.groupby("replicate").tail(1)
    assert set(last["event"]) == {"late", "many"}
    assert (last.loc[last["event"] == "many", "X"] == 13).all()
    assert last.loc[last["event"] == "late", "time"].to_numpy() == pytest.approx(1.5)


def test_a_fate_has_no_word_of_the_table():
    with pytest.raises(qsp.DataError, match="'end' has a meaning of its own"):
        qsp.trajectories(experiment(BASIC, fates={"end": "time >= 1.5"}))


def test_counts_beside_what_moves():
    """Counts are those of ``simulate`` to the bit, and what moves is exact at its rows."""
    counted = ["X", "Y", "Z", "W", "S"]
    arm = experiment(MOVING, times=[0, 0.5, 2], observables=[*counted, "amount(D)"], regimen="4 into D at 0.5")
    rows = both(arm, replicates=10, continuous=["D"], only=counted)
    t = rows["time"].to_numpy()
    dosed = rows["event"].eq("dose").groupby(rows["replicate"]).cumsum().to_numpy() > 0
    amount = np.where(dosed, (6 * math.exp(-0.5) + 4) * np.exp(0.5 - t), 6 * np.exp(-t))
    np.testing.assert_allclose(rows["amount(D)"], amount, rtol=1e-7)


def test_events_of_what_moves():
    rows = both(experiment(STATES, times=[0, 1, 2, 3, 9], observables=["X", "n", "S"]), replicates=5)
    assert rows.loc[rows["event"] == "crosses", "time"].to_numpy() == pytest.approx(1.25, abs=1e-9)


def test_a_cell_of_many_rows_among_others():
    """More than there is room for at first."""
    rows = both(experiment(BASIC, times=[0, 10, 80], observables=["X", "A"]), replicates=3)
    assert rows.groupby("replicate").size().min() > 4096


# ---------------------------------------------------------------------------------------------------- times and names
def test_known_times_have_rows_of_their_own():
    """An infusion begins as a dose; its end and a step of a law are switches; a dose at 0 follows the start."""
    text = "species D, C; D = 0; C = 0; out: D => ; 0*D; hit: => C; piecewise(0, time >= 2.5, 0)"
    arm = experiment(text, times=[0, 4], regimen="6 into D over 2 at 1; 3 into D", at_dose="before")
    rows = qsp.trajectories(arm, continuous=["D"])
    assert rows["event"].tolist() == ["start", "dose", "dose", "switch", "switch", "end"]
    assert rows["time"].tolist() == [0, 0, 1, 2.5, 3, 4]
    assert rows["D"].to_numpy() == pytest.approx([0, 3, 3, 7.5, 9, 9])


def test_reactions_are_named_as_in_the_model():
    rows = qsp.trajectories(experiment("species A, B; A = 9; B = 9; pk__swap: A -> B; A - B; pk__in: => A; 3"))
    assert set(rows["event"]) == {"start", "pk.swap", "pk.swap backward", "pk.in", "end"}
    gained = rows["B"].diff()
    assert (gained[rows["event"] == "pk.swap"] == 1).all()
    assert (gained[rows["event"] == "pk.swap backward"] == -1).all()


def test_columns_and_units():
    text = "species X; substanceOnly species X; unit substance = item; unit time_unit = 3600 s; X = 0; up: => X; 1"
    rows = qsp.trajectories(experiment(text), replicates=2, subjects={"subject": ["a", "b"]})
    assert rows.columns.tolist() == ["experiment", "subject", "replicate", "time", "event", "X"]
    assert rows.drop_duplicates(["subject", "replicate"])[["subject", "replicate"]].to_numpy().tolist() == [
        ["a", 1], ["a", 2], ["b", 1], ["b", 2]]  # fmt: skip
    assert rows.attrs["units"]["X"] == "item"
    assert set(rows.attrs["units"]) == {"time", "X"}


# -------------------------------------------------------------------------------------------------------- closed forms
def test_waiting_times_and_choices_of_a_poisson_process():
    """Waiting times are exponential: the test would fail by chance once in a million. Shares: 5 standard errors."""
    rows = qsp.trajectories(experiment("species X; X = 0; one: => X; 1; three: => X; 3", times=[0, 300]), seed=5)
    jumps = rows.iloc[1:1001]
    assert set(jumps["event"]) == {"one", "three"}
    waits = np.diff(jumps["time"], prepend=0.0)
    assert stats.kstest(waits, stats.expon(scale=0.25).cdf).pvalue > 1e-6
    assert abs((jumps["event"] == "one").sum() - 250) < 5 * math.sqrt(1000 * 3 / 16)
    assert abs(np.corrcoef(waits[1:], waits[:-1])[0, 1]) < 5 / math.sqrt(999)


# ----------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(("changes", "said"), [
    ({"low": 1e6}, r"subject 1, cell 1, of 'one' failed: the cell could not.*below zero \('X'\) at time.*after 1 jump"),
    ({"neg": 1.0}, r"negative, infinite or not a number \('negative'\) at time .*jumps.*parameters"),
    ({"much": 20.0}, r"more jumps than allowed at time .*, after 501 jumps"),
])  # fmt: skip
def test_a_cell_that_cannot_go_on_is_named(changes, said):
    arm = experiment(BROKEN, times=[0, 100], id="one", changes=changes)
    with pytest.raises(qsp.SimulationError, match=rf"(?i){said}"):
        qsp.trajectories(arm, max_jumps=500, replicates=2)


def test_events_without_end_are_refused():
    with pytest.raises(qsp.SimulationError, match="events follow each other without end at time 1, after 0 jumps"):
        qsp.trajectories(experiment(FAULTS, observables=["o"]))


def test_rows_are_never_cut_off():
    arms = [experiment(BASIC, times=[0, 1], id=i) for i in "ab"]
    rows = qsp.trajectories(arms, replicates=2)
    assert qsp.trajectories(arms, replicates=2, max_rows=len(rows)).equals(rows)
    with pytest.raises(qsp.SimulationError, match=rf"(?i)subject 1, cell 2, of 'b' .*more rows than allowed at time 1, "
                       rf"after .* \(got {len(rows) - 1}\).*raise max_rows"):  # fmt: skip
        qsp.trajectories(arms, replicates=2, max_rows=len(rows) - 1)
    with pytest.raises(
        qsp.SimulationError, match=r"(?i)cell 1, of 'a' .*more rows than allowed at time 0.*, after 1 jumps"
    ):
        qsp.trajectories(arms, max_rows=1)


def test_a_subject_who_cannot_be_run():
    text = "compartment V = 1; substanceOnly species X in V; X = 4; A: X => ; X"
    with pytest.raises(qsp.SimulationError, match=r"(?i)subject 1, cell 1, .*no run; The size of 'V' is not positive"):
        qsp.trajectories(experiment(text, observables=["X"]), subjects={"V": [1.0, -1.0]}, replicates=2)


def test_what_is_asked_wrongly():
    arm = experiment(BASIC, observables=["X"])
    for rows in (0, 1.5, True):
        with pytest.raises(qsp.ExperimentError, match="ax_rows is not usable"):
            qsp.trajectories(arm, max_rows=rows)
    with pytest.raises(qsp.ExperimentError, match="eplicates is not usable"):
        qsp.trajectories(arm, replicates=0)
    with pytest.raises(qsp.ExperimentError, match="no experiment to"):
        qsp.trajectories([])
    with pytest.raises(qsp.DataError, match="'event' is a column of its own"):
        qsp.trajectories(experiment(BASIC, observables=[qsp.Observable("event", "X")]))
    with pytest.raises(qsp.UnsupportedError, match="change on the way"):
        qsp.trajectories(arm, subjects={"subject": [1, 1], "time": [0, 1], "k": [1.0, 2.0]})


# ------------------------------------------------------------------------------------------------------------- figures
def test_a_figure_of_steps():
    arms = [experiment(BASIC, times=[0, 3], observables=["X", "A"], id=i, regimen=d, fates={"full": "amount(X) > 14"})
            for i, d in (("a", None), ("b", "9 into X at 1"))]  # fmt: skip
    rows = qsp.trajectories(arms, replicates=4)
    fig = qsp.plot.steps(rows, "X", count=2)
    first, second = fig.axes
    line = first.lines[0]
    assert line.get_drawstyle() == "steps-post"
    cell = rows[(rows["experiment"] == "a") & (rows["replicate"] == 1)]
    np.testing.assert_array_equal(line.get_xydata(), cell[["time", "X"]])
    assert [x.get_xdata()[0] for x in second.lines if len(set(x.get_xdata())) == 1][-1] == 1
    assert {t.get_text() for t in fig.legends[0].get_texts()} == {"Dose", "Fate"}
    for wrong, said in (({}, "several"), ({"name": "Y"}, "no such obs"), ({"name": "X", "count": 0}, "no cells")):
        with pytest.raises(qsp.DataError, match=f"(?i){said}"):
            qsp.plot.steps(rows, **wrong)
    with pytest.raises(qsp.DataError, match="no trajectories"):
        qsp.plot.steps(rows.drop(columns="event"), "X")
