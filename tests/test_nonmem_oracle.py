"""The oracle of NONMEM's dosing against textbook formulas, explicit series of doses, and numbers NONMEM printed."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from validation.nonmem.building import ITEMS, MODELS
from validation.nonmem.oracle import amounts
from validation.nonmem.regimens import FEATURES, REGIMENS, UNCERTAIN, table

BY_NAME = {one.name: one for one in (*REGIMENS, *UNCERTAIN)}


@cache
def told(name):
    return amounts(BY_NAME[name].frame(), BY_NAME[name].model)


def run(rows, model, **parameters):
    return amounts(pd.DataFrame([{**MODELS[model], **parameters, **row} for row in rows]), model)


def obs(*times, **values):
    return [{"TIME": time, "EVID": 0, **values} for time in times]


# --- textbook formulas -------------------------------------------------------------------------------------------
# The response of every compartment to a unit bolus is a sum of c·exp(-l·t); infusions, series and steady states follow.


def exponentials(p, model, cmt):
    """The terms (c, l) per compartment after a unit bolus into `cmt`, from the textbook."""
    if model == "oral1":
        k, ka = p["CL"] / p["V"], p["KA"]
        return [[(1, ka)], [(ka / (ka - k), k), (-ka / (ka - k), ka)]] if cmt == 1 else [[], [(1, k)]]
    k10, k12, k21 = p["CL"] / p["V"], p["Q"] / p["V"], p["Q"] / p["V2"]
    total = k10 + k12 + k21
    root = np.sqrt(total**2 - 4 * k10 * k21)
    a, b = (total + root) / 2, (total - root) / 2
    central = [[((a - k21) / (a - b), a), ((k21 - b) / (a - b), b)], [(-k12 / (a - b), a), (k12 / (a - b), b)]]
    out = k10 + k12
    peripheral = [[(-k21 / (a - b), a), (k21 / (a - b), b)], [((a - out) / (a - b), a), ((out - b) / (a - b), b)]]
    if model == "iv2":
        return central if cmt == 1 else peripheral
    if cmt > 1:
        return [[], *(central if cmt == 2 else peripheral)]
    ka = p["KA"]
    through = [
        [(ka * c / (ka - rate), rate) for c, rate in terms] + [(-sum(ka * c / (ka - rate) for c, rate in terms), ka)]
        for terms in central
    ]
    return [[(1, ka)], *through]


def once(terms, since, amount, span):
    """The amount `since` after a dose of `amount`, given at once or over `span`."""
    if since < 0:
        return 0.0
    if span == 0:
        return amount * sum(c * np.exp(-rate * since) for c, rate in terms)
    rest = max(since - span, 0.0)
    return amount / span * sum(c / rate * (np.exp(-rate * rest) - np.exp(-rate * since)) for c, rate in terms)


def series(terms, since, amount, span, period):
    """The amount `since` after the last dose of an endless series, had no other followed."""
    value, back = 0.0, 0
    while since + back * period < span:  # the few infusions that still run; the others by the geometric series
        value += once(terms, since + back * period, amount, span)
        back += 1
    since += back * period
    for c, rate in terms:
        unit = 1.0 if span == 0 else (np.exp(rate * span) - 1) / (rate * span)
        value += amount * unit * c * np.exp(-rate * since) / (1 - np.exp(-rate * period))
    return value


def superposed(one):
    """The amounts of a case with constant parameters: a sum over doses, no step by step."""
    p, size, sources, rows = dict(one.parameters), told(one.name).shape[1], [], []
    for record in one.records:
        if record["EVID"] in {3, 4} or record.get("SS") in {1, 3}:
            sources = []
        if record["EVID"] in {1, 4}:
            sources += given(record, p, one.model)
        rows.append([sum(source(record["TIME"])[at] for source in sources) for at in range(size)])
    return np.array(rows).reshape(-1, size)


def given(record, p, model):
    cmt = int(record.get("CMT", 1)) or 1
    time, amt, rate, period = record["TIME"], record["AMT"], record.get("RATE", 0), record.get("II", 0)
    lag, available = p.get(f"ALAG{cmt}", 0.0), amt * p.get(f"F{cmt}", 1.0)
    terms = exponentials(p, model, cmt)
    if amt == 0:
        level = p[f"R{cmt}"] if rate == -1 else rate
        return [lambda at: [sum(level * c / k * np.exp(-k * (at - time)) for c, k in ts) for ts in terms]]
    span = 0.0 if rate == 0 else p[f"D{cmt}"] if rate == -2 else available / (p[f"R{cmt}"] if rate == -1 else rate)
    entries = [time + lag + count * period for count in range(int(record.get("ADDL", 0)) + 1)]
    past = []
    if record.get("SS"):  # the series up to the last implied dose that has entered at the record
        last = time + lag - (period if lag > 0 else 0.0)
        entries = entries if lag > 0 else entries[1:]
        past = [lambda at: [series(ts, at - last, available, span, period) for ts in terms]]
    return past + [lambda at, e=entry: [once(ts, at - e, available, span) for ts in terms] for entry in entries]


def steady(record):
    return record["EVID"] in {1, 4} and record.get("SS") and record["AMT"] > 0


CONSTANT = [
    one.name
    for one in REGIMENS
    if not any(set(record) - ITEMS for record in one.records) and not FEATURES["compartment off"](one)
]


def test_most_regimens_have_constant_parameters():
    assert len(CONSTANT) > 180


@pytest.mark.parametrize("model", MODELS)
def test_superposition_of_textbook_formulas_gives_the_oracles_amounts(model):
    for name in CONSTANT:
        if BY_NAME[name].model == model:
            np.testing.assert_allclose(told(name), superposed(BY_NAME[name]), rtol=1e-9, atol=1e-9, err_msg=name)


# --- steady state as many explicit doses ---------------------------------------------------------------------------


def spelled_out(frame, at, model):
    """Replace an SS record by a reset long before it and all the doses of its past, in NONMEM's own terms."""
    row = frame.iloc[at].to_dict()
    values = {key: value for key, value in row.items() if key not in ITEMS} | {"CMT": row["CMT"]}
    slowest = min(rate for terms in exponentials(row, model, int(row["CMT"])) for _, rate in terms)
    count = int(23 / (slowest * row["II"])) + 2  # what is older has left
    start = row["TIME"] - count * row["II"]
    past = [
        {**values, "TIME": start, "EVID": 3},
        {**row, "TIME": start, "SS": 0, "EVID": 1, "ADDL": count - 1},
        {**values, "TIME": row["TIME"], "EVID": 2},  # the parameters of the SS record govern its past
        {**row, "SS": 0, "EVID": 1},
    ]
    return pd.DataFrame(past)


def without(frame, at, *, later):
    """The records with doses taken away: the one at `at`, or all the later ones (their resets stay)."""
    frame = frame.copy()
    for place in range(at + 1, len(frame)) if later else (at,):
        row = frame.iloc[place]
        if row["EVID"] in {1, 4}:
            wipes = row["EVID"] == 4 or row["SS"] in {1, 3}
            frame.loc[frame.index[place], ["EVID", *(ITEMS - {"TIME", "EVID", "CMT"})]] = 0.0
            frame.loc[frame.index[place], "EVID"] = 3.0 if wipes and later else 2.0
    return frame


def explicit(frame, model):
    """The amounts with every SS dose spelled out; SS = 2 by superposition of two data sets."""
    marks = [at for at, row in enumerate(frame.to_dict("records")) if steady(row)]
    if not marks:
        return amounts(frame, model)
    at = marks[-1]
    alone = pd.concat([spelled_out(frame, at, model), without(frame, at, later=True).iloc[at + 1 :]])
    if frame.iloc[at]["SS"] == 2 and frame.iloc[at]["EVID"] == 1:
        rest = explicit(without(frame, at, later=False), model)
        rest[at:] += amounts(alone, model)[3:]
        return rest
    earlier = explicit(frame.iloc[:at], model) if at else np.zeros((0, rest_size(model)))
    now = amounts(pd.concat([spelled_out(frame, at, model), frame.iloc[at + 1 :]]), model)[3:]
    return np.vstack([earlier, now])


def rest_size(model):
    return 3 if model == "oral2" else 2


STEADY = [one.name for one in REGIMENS if any(steady(record) for record in one.records)]


@pytest.mark.parametrize("part", range(4))
def test_steady_state_is_what_a_long_series_of_doses_comes_to(part):
    varying = [name for name in STEADY if name not in CONSTANT]
    fixed = [name for name in STEADY if name in CONSTANT]
    for name in (*varying[part::4], *fixed[part::12]):  # the fixed ones have their formulas above
        frame = BY_NAME[name].frame()
        for item in ITEMS:
            frame[item] = frame[item].fillna(0.0) if item in frame else 0.0
        expected = explicit(frame, BY_NAME[name].model)
        np.testing.assert_allclose(told(name), expected, rtol=1e-8, atol=1e-8, err_msg=name)


# --- what must change nothing --------------------------------------------------------------------------------------


def test_a_record_that_repeats_the_next_ones_parameters_changes_nothing():
    for one in REGIMENS[::3]:
        frame = one.frame()
        rows = frame.to_dict("records")
        kept, out = [], []
        for before, row in pairwise([None, *rows]):
            if before is not None and before["TIME"] < row["TIME"] and row["EVID"] not in {3, 4}:
                middle = {key: value for key, value in row.items() if key not in ITEMS}
                out.append({**middle, "TIME": before["TIME"] + 0.37 * (row["TIME"] - before["TIME"]), "EVID": 2})
            kept.append(len(out))
            out.append(row)
        got = amounts(pd.DataFrame(out), one.model)[kept]
        np.testing.assert_allclose(got, told(one.name), rtol=1e-9, atol=1e-9, err_msg=one.name)


def test_additional_doses_are_doses():
    series_of = [{"TIME": 1, "AMT": 90, "RATE": 30, "II": 5, "ADDL": 2}, *obs(3, 6.5, 9, 13, 20)]
    single = [{"TIME": t, "AMT": 90, "RATE": 30} for t in (1, 6, 11)]
    rows = sorted(single + obs(3, 6.5, 9, 13, 20), key=lambda row: row["TIME"])
    written = run(rows, "oral2", F1=0.7, ALAG1=0.4)[[i for i, row in enumerate(rows) if "AMT" not in row]]
    np.testing.assert_allclose(run(series_of, "oral2", F1=0.7, ALAG1=0.4)[1:], written, rtol=1e-12)


# --- numbers that NONMEM printed (RULES.md names the sources) ------------------------------------------------------

STOP = {"CL": 2.0, "V": 20.0, "KA": 0.15}
SS_ORAL = {"TIME": 10, "EVID": 1, "AMT": 100, "CMT": 1, "II": 12, "SS": 1}
INTO_CENTRAL = {"EVID": 1, "AMT": 100, "CMT": 2, "RATE": 10}
ALONE = [3.4946870126749054, 4.4433054044126239, 3.9056034872097589, 0.86905468113407436]  # at 10, 13, 19.9, 40
AFTER = [4.2613352357241316, 4.9191183142328265, 6.6363795107979797, 1.3914988091159168]  # at 12, 13, 19.9, 40
LAGGED = [4.4172234665610279, 4.5228629299013345, 3.8264321779370101, 4.3559323235063072, 0.91315027691418460]


@pytest.mark.parametrize(
    ("rows", "lag", "times", "printed"),
    [
        ([SS_ORAL], 0, (10, 13, 19.9, 40), ALONE),
        ([{**INTO_CENTRAL, "TIME": 0, "AMT": 200}, SS_ORAL], 0, (10, 13, 19.9, 40), ALONE),
        ([{**INTO_CENTRAL, "TIME": 10}, SS_ORAL], 0, (10, 13, 19.9, 40), ALONE),
        ([{**INTO_CENTRAL, "TIME": 8}, SS_ORAL], 4, (10, 13, 19.9, 40), ALONE),
        ([{**INTO_CENTRAL, "TIME": 4}, SS_ORAL], 4, (10, 13, 19.9, 40), ALONE),
        ([SS_ORAL, {**INTO_CENTRAL, "TIME": 12}], 0, (12, 13, 19.9, 40), AFTER),
        ([{**INTO_CENTRAL, "TIME": 10, "II": 12, "SS": 1}], 4, (10, 12, 15, 21, 40), LAGGED),
        (
            [{**INTO_CENTRAL, "TIME": 10, "II": 12, "SS": 1}, {**SS_ORAL, "TIME": 11}],
            4,
            (11, 15, 19.9, 40),
            [3.4946870126749054, 4.5261261744327310, 4.0857191872811160, 0.94914201828921418],
        ),
        (
            [{**INTO_CENTRAL, "TIME": 0, "AMT": 200}, {**INTO_CENTRAL, "TIME": 10, "RATE": 20, "II": 12, "SS": 1}],
            0,
            (10, 13, 15, 40),
            [2.7960714580494930, 4.6631984756339850, 5.6305964689280916, 0.46218750340369175],
        ),
    ],
)
def test_ss_1_stops_what_was_recorded_before_it_as_nonmem_7_6(rows, lag, times, printed):
    got = run([*rows, *obs(*times)], "oral1", **STOP, ALAG2=lag)[-len(times) :, 1] / 20.0
    np.testing.assert_allclose(got, printed, rtol=1e-12)


ONE = [0.35228907258241909, 1.1686879859439625, 2.2220212830752923]  # at 12.5, 14, 20 after a lagged dose at 10
TWO = [2.1015643509291735, 3.2448419161776476, 4.4034293901129997]


@pytest.mark.parametrize(
    ("events", "lag", "printed"),
    [  # (TIME, EVID, further items), in the depot
        ([(9, 1, {}), (10, 3, {})], 2, [0, 0, 0]),
        ([(9, 1, {}), (10, 4, {})], 2, ONE),
        ([(8.5, 4, {}), (9, 1, {})], 2, TWO),
        ([(10, 1, {}), (10, 3, {})], 2, [0, 0, 0]),
        ([(10, 3, {}), (10, 1, {})], 2, ONE),
        ([(10, 1, {}), (10, 4, {})], 2, ONE),
        ([(8, 1, {}), (10, 3, {})], 2, [0, 0, 0]),  # enters at the reset's own time
        ([(10, 3, {}), (10, 1, {})], 0, [1.3726725642064916, 1.8226261491241940, 2.1712392153451865]),
        ([(9, 1, {"RATE": 25}), (10, 3, {})], 0, [0, 0, 0]),
        ([(9, 1, {"RATE": 50}), (10, 3, {})], 5, [0, 0, 0]),
        ([(9, 1, {"RATE": 50})], 5, [0, 0, 2.0010319279496036]),
        ([(10, 1, {"II": 12, "SS": 1}), (11, 3, {})], 11, [0, 0, 0]),
        ([(9, 1, {}), (10, 3, {}), (10.001, 1, {})], 2, [0.35162840865497108, 1.1682491774645698, 2.2220175724163957]),
    ],
)
def test_a_reset_cancels_what_was_recorded_before_it_as_nonmem_7_6(events, lag, printed):
    rows = [{"TIME": t, "EVID": e, "AMT": 0 if e == 3 else 100, **items} for t, e, items in events]
    got = run([*rows, *obs(12.5, 14, 20)], "oral1", **STOP, ALAG1=lag)[-3:, 1] / 20
    np.testing.assert_allclose(got, printed, rtol=1e-12)


def test_a_lagged_steady_state_of_a_depot_as_nonmem_7_6():
    got = run([SS_ORAL, *obs(16, 22, 30)], "oral1", **STOP, ALAG1=11)[:, 1] / 20
    np.testing.assert_allclose(got, [3.9551518979304232, 4.3707407381421977, 3.9551518979304241, 4.0684173239887640])


@pytest.mark.parametrize(
    ("rate", "lag", "times", "printed"),
    [
        (100, 0.2, (0.5, 2, 6, 8.5, 23), (2.7623, 4.6382, 7.5908, 4.8516, 0.26695)),
        (100, 8, (0.5, 2, 3, 8.5, 14, 23), (6.8754, 7.6852, 6.2921, 3.0461, 7.6852, 1.2704)),
        (0, 3, (1, 2, 4, 13, 26), (1.7861, 1.4623, 10.805, 1.7861, 0.13266)),
        (100, 14, (0.5, 6, 7.5, 8.5, 14, 18, 23), (3.0461, 7.6852, 8.2852, 7.6444, 2.5446, 6.6501, 4.2557)),  # U1
        (0, 15, (1, 4, 14.5, 16, 26), (10.805, 5.9299, 0.72615, 10.363, 1.4024)),  # U1
    ],
)
def test_a_lag_at_steady_state_as_nonmem_7_6(rate, lag, times, printed):
    record = {"TIME": 0, "EVID": 1, "AMT": 600, "RATE": rate, "SS": 1, "II": 12}
    got = run([{**record, "CMT": 2}, *obs(*times)], "oral1", CL=10, V=50, ALAG2=lag)[1:, 1] / 50
    np.testing.assert_allclose(got, printed, rtol=5e-5)


FILE_ORDER = [
    ([(0, 1, 1, 100), (4, 0, 1, 0), (4, 2, 2, 0), (8, 0, 2, 0)], [4.49329, 0.90718]),
    ([(0, 1, 1, 100), (4, 2, 2, 0), (4, 0, 1, 0), (8, 0, 2, 0)], [2.01897, 0.40762]),
    ([(0, 1, 1, 100), (4, 0, 1, 0), (4, 2, 2, 0), (4, 0, 3, 0)], [4.49329, 4.49329]),
    ([(0, 1, 1, 100), (4, 1, 3, 50), (4, 2, 2, 0), (8, 0, 3, 0)], [0.53589]),
    ([(0, 1, 1, 100), (4, 2, 2, 0), (4, 1, 3, 50), (8, 0, 3, 0)], [0.63675]),
]


@pytest.mark.parametrize(("records", "printed"), FILE_ORDER)
def test_the_first_record_of_a_time_governs_the_way_to_it_as_nonmem_7_6(records, printed):
    rows = [{"TIME": t, "EVID": e, "CL": 2 * x, "AMT": amt, "CMT": 2} for t, e, x, amt in records]
    got = [a[1] / 10 for a, row in zip(run(rows, "oral1", V=10), rows, strict=True) if row["EVID"] == 0]
    np.testing.assert_allclose(got, printed, atol=6e-6)


def test_series_resets_and_constant_infusions_as_nonmem_7_5():
    p = {"CL": 1.1, "V": 20.0, "KA": 1.5}
    both = [{"TIME": 0, "AMT": 100, "II": 24, "ADDL": 3, "SS": 1}, *obs(1, 11)]
    both += [{"TIME": 12, "AMT": 50, "II": 24, "ADDL": 3, "SS": 2}, *obs(13, 24, 25, 36, 130)]
    printed = [1891.9, 5545.1, 3867.4, 4606.4, 6237.1, 3722.1, 7277.4, 4606.4, 573.67]
    np.testing.assert_allclose(run(both, "oral1", **p)[:, 1] * 50, printed, rtol=2e-5)
    level = [{"TIME": 0, "AMT": 0, "RATE": 100, "SS": 1}, *obs(0, 1, 2, 50, 130)]
    printed = [90909, 90909, 88547, 84367, 6032.8, 74.067]
    np.testing.assert_allclose(run(level, "oral1", **p)[:, 1] * 50, printed, rtol=2e-5)
    after = [{"TIME": 0, "AMT": 100, "RATE": 50, "II": 12, "ADDL": 3}, *obs(24, 25, 26, 37, 49)]
    after += [{"TIME": 50, "EVID": 3}, {"TIME": 54, "AMT": 120, "II": 16, "ADDL": 2}, *obs(54, 55, 70, 71, 87, 130)]
    printed = [4301.4, 5252.2, 7124.4, 5969.2, 5158.7, 0, 0, 0, 4505.3, 2583.4, 6950.5, 7964.7, 878.84]
    np.testing.assert_allclose(run(after, "oral1", **p)[1:, 1] * 50, printed, rtol=2e-5)
    lagged = [{"TIME": 0, "AMT": 100, "CMT": 2, "II": 24, "ADDL": 3}, *obs(12, 13, 36, 37, 130)]
    got = run(lagged, "oral1", **p, ALAG2=12.13, F2=2.23)[1:, 1] * 50
    np.testing.assert_allclose(got, [0, 10629, 2999.9, 13468, 1214.4], rtol=5e-5)


# --- rules by hand -------------------------------------------------------------------------------------------------


def test_f_and_duration_are_those_of_the_record_a_lagged_dose_enters_on_the_way_to():
    rows = [{"TIME": 0, "AMT": 100, "CMT": 2, "F2": 0.9}, *obs(3, F2=0.25), *obs(9, F2=0.6)]
    np.testing.assert_allclose(run(rows, "oral1", CL=1e-12, ALAG2=2)[:, 1], [0, 25, 25])
    np.testing.assert_allclose(run(rows, "oral1", CL=1e-12, ALAG2=5)[:, 1], [0, 0, 60])
    np.testing.assert_allclose(run(rows, "oral1", CL=1e-12, ALAG2=3)[:, 1], [0, 25, 25])
    rows = [{"TIME": 0, "AMT": 100, "CMT": 2, "RATE": -2, "D2": 8}, *obs(3, D2=4), *obs(9, D2=1)]
    np.testing.assert_allclose(run(rows, "oral1", CL=1e-12, ALAG2=2)[:, 1], [0, 25, 100])


def test_additional_doses_take_the_first_lag_and_each_its_own_f():
    rows = [{"TIME": 0, "AMT": 100, "CMT": 2, "II": 4, "ADDL": 2, "F2": 0.9, "ALAG2": 1.5}]
    rows += [*obs(2, F2=0.8, ALAG2=0), *obs(5, F2=0.1, ALAG2=3), *obs(6, F2=0.5), *obs(9, F2=0.3), *obs(9.5, F2=0.2)]
    np.testing.assert_allclose(run(rows, "oral1", CL=1e-12)[:, 1], [0, 80, 80, 130, 130, 150])


@pytest.mark.parametrize(
    ("item", "lag"), [({}, 0), ({"RATE": 9}, 0), ({}, 5.5), ({"II": 2, "ADDL": 5}, 0), ({"RATE": 20}, 5.5)]
)
def test_a_depot_turned_off_is_empty_and_gets_no_earlier_dose(item, lag):
    p = MODELS["oral1"]
    rows = [{"TIME": 0, "AMT": 90}, {"TIME": 1, "AMT": 70, **item, "ALAG1": lag}, {"TIME": 1, "AMT": 30, "CMT": 2}]
    after = [{"TIME": 4.5, "EVID": 2, "CMT": -1}, *obs(6, 9, 15), {"TIME": 16, "AMT": 40}, *obs(16)]
    got = run([*rows, *obs(4.5), *after], "oral1")[3:]
    assert got[0, 0] > 0
    np.testing.assert_allclose(got[1:5, 0], 0, atol=0)
    np.testing.assert_allclose(got[1:5, 1], got[0, 1] * np.exp(-p["CL"] / p["V"] * np.array([0, 1.5, 4.5, 10.5])))
    np.testing.assert_allclose(got[-1, 0], 40)


def test_a_modelled_rate_follows_the_records_until_the_amount_is_in():
    rows = [{"TIME": 0, "AMT": 100, "CMT": 2, "RATE": -1, "R2": 99}, *obs(2, R2=10), *obs(3, R2=40), *obs(9, R2=80)]
    np.testing.assert_allclose(run(rows, "oral1", CL=1e-12, F2=0.9)[:, 1], [0, 20, 60, 90])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([*obs(3), *obs(2)], "goes back"),
        ([{"TIME": 0, "AMT": 0, "RATE": 5, "EVID": 1}], "needs an amount"),
        ([{"TIME": 0, "AMT": 5, "ADDL": 2}], "II > 0"),
        ([{"TIME": 0, "AMT": 5, "ADDL": -2, "II": 4}], "ADDL"),
        ([{"TIME": 0, "AMT": 5, "SS": 1}], "II > 0"),
        ([{"TIME": 0, "AMT": 0, "RATE": 5, "SS": 1, "II": 4}], "neither"),
        ([{"TIME": 0, "AMT": 0, "RATE": -2, "SS": 1}], "modelled duration"),
        ([{"TIME": 0, "AMT": 5, "RATE": -3}], "RATE"),
        ([{"TIME": 0, "AMT": 5, "RATE": -1}], "R1 is nan"),
        ([{"TIME": 0, "AMT": 5, "EVID": 3}], "gives no dose"),
        ([{"TIME": 0, "EVID": 2, "CMT": -2}], "turned off"),
        ([{"TIME": 0, "AMT": 5, "CMT": 3}], "no compartment"),
    ],
)
def test_impossible_records_are_refused(rows, said):
    with pytest.raises(ValueError, match=said):
        run(rows, "oral1")


# --- the regimens --------------------------------------------------------------------------------------------------


def test_the_regimens_are_many_named_and_cover_every_feature():
    assert len(REGIMENS) >= 120
    assert len(BY_NAME) == len(REGIMENS) + len(UNCERTAIN)
    assert all(one.why for one in UNCERTAIN)
    assert not any(one.why for one in REGIMENS)
    few = {name: count for name, holds in FEATURES.items() if (count := sum(map(holds, REGIMENS))) < 5}
    assert not few


def test_no_dose_enters_almost_at_the_time_of_a_record():
    """A tie must be exact in floating point, or no tie at all: tools may compare with a tolerance."""
    for one in REGIMENS:
        rows = one.frame().to_dict("records")
        entries = [
            row["TIME"] + count * (row.get("II") or 0) + row.get(f"ALAG{int(row['CMT']) or 1}", 0.0)
            for row in rows
            if row["EVID"] in {1, 4}
            for count in range(int(np.nan_to_num(row.get("ADDL", 0))) + 1)
        ]
        gaps = np.abs(np.subtract.outer(np.nan_to_num(entries), [row["TIME"] for row in rows]))
        assert not ((gaps > 0) & (gaps < 1e-5)).any(), one.name


def test_the_table_holds_every_case_under_its_own_number():
    whole = table()
    assert whole["ID"].nunique() == len(REGIMENS)
    assert (
        not whole[["TIME", "EVID", "AMT", "RATE", "II", "ADDL", "SS", "CMT", "F1", "ALAG1", "CL"]].isna().any(axis=None)
    )
    for number in (1, 77, len(REGIMENS)):
        one = REGIMENS[number - 1]
        np.testing.assert_array_equal(amounts(whole[whole["ID"] == number], one.model), told(one.name))
