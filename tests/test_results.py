"""Results: the Dataset, its summary, its table and its file."""

from __future__ import annotations

import json
import time as clock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.errors import DataError
from sbmlqsp.results import (
    as_results,
    dose_calendar,
    good_values,
    make_dataset,
    observable_names,
    read_results,
    summarise,
    to_frame,
    write_results,
)

RNG = np.random.default_rng(7)


def dataset(*, arms=("low", "high"), subjects=("a", "b", "c", "d"), replicates=(0, 1), n_times=5, **changes):
    shape = (len(arms), len(subjects), len(replicates), n_times)
    values = {"C": RNG.lognormal(size=shape), "E": RNG.normal(size=shape)}
    table = pd.DataFrame({"WT": np.linspace(50, 80, len(subjects)), "SEX": ["F", "M"] * (len(subjects) // 2)})
    options = {
        "experiments": list(arms),
        "subjects": list(subjects),
        "replicates": list(replicates),
        "time": np.arange(n_times, dtype=float),
        "time_unit": "h",
        "units": {"C": "mg/L", "E": "dimensionless"},
        "meanings": {"C": "concentration"},
        "subject_table": table,
        "provenance": json.dumps({"seed": 1}),
        "doses": [
            {"experiment": a, "time": t, "amount": 10.0, "unit": "mg", "target": "S", "duration": 0.0}
            for a in arms
            for t in (2.0, 0.0)
        ],
    }
    return make_dataset(values, **(options | changes))


def with_failure(ds):
    ds = ds.copy(deep=True)
    ds["status"][0, 1, 0] = 3
    ds["message"][0, 1, 0] = "the solver stopped at t = 2.5 h"
    return ds


# ------------------------------------------------------------------------------------------------------ the Dataset


def test_the_dataset_is_as_the_contract_says():
    ds = dataset()
    assert ds["C"].dims == ("experiment", "subject", "replicate", "time")
    assert ds["C"].attrs == {"units": "mg/L", "long_name": "concentration"}
    assert ds["E"].attrs == {"units": "dimensionless"}
    assert ds["time"].attrs == {"units": "h"}
    assert ds["status"].dtype == np.int8
    assert (ds["status"] == 0).all()
    assert (ds["message"] == "").all()
    assert ds["WT"].dims == ds["SEX"].dims == ("subject",)
    assert json.loads(ds.attrs["provenance"]) == {"seed": 1}


def test_the_dose_calendar_is_in_order_and_follows_a_selection():
    ds = dataset()
    assert [(d["experiment"], d["time"]) for d in dose_calendar(ds)][:2] == [("low", 0.0), ("high", 0.0)]
    assert {d["experiment"] for d in dose_calendar(ds.sel(experiment="high"))} == {"high"}


def test_id_columns_equal_to_the_subjects_are_not_kept_twice():
    ds = dataset(subjects=(1, 2), subject_table=pd.DataFrame({"ID": [1, 2], "WT": [50.0, 60.0]}))
    assert "ID" not in ds.coords
    assert ds["WT"].to_numpy().tolist() == [50.0, 60.0]


def test_missing_covariates_stay_missing():
    table = pd.DataFrame({"AGE": pd.array([30, None], dtype="Int64"), "ARM": pd.Categorical(["x", None])})
    ds = dataset(subjects=("a", "b"), subject_table=table)
    assert ds["AGE"].dtype == float
    assert np.isnan(ds["AGE"].to_numpy()[1])
    assert ds["ARM"].to_numpy()[0] == "x"
    assert pd.isna(ds["ARM"].to_numpy()[1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": [0, 1, 2, 3, np.nan]}, "never falls"),
        ({"time": [0, 1, 3, 2, 4]}, "never falls"),
        ({"time": [0, 1]}, "'C' have the wrong shape"),
        ({"status": np.zeros((1, 1, 1))}, "'status' have the wrong shape"),
        ({"subjects": ["a", 2, "c", "d"]}, "not a list of one kind"),
        ({"subjects": ["a", "a", "c", "d"]}, "used twice"),
        ({"subject_table": pd.DataFrame({"WT": [1.0]})}, "4 rows"),
        ({"subject_table": pd.DataFrame({"C": np.ones(4)})}, r"column 'C'.*rename"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(DataError, match=message):
        dataset(**changes)


def test_an_observable_may_not_take_a_reserved_name():
    with pytest.raises(DataError, match="'status' has a reserved name"):
        make_dataset(
            {"status": np.zeros((1, 1, 1, 1))},
            experiments=["A"],
            subjects=[1],
            replicates=[0],
            time=[0],
            time_unit="h",
        )


def test_a_selection_is_still_a_result():
    ds = dataset()
    one = as_results(ds.sel(experiment="high", subject="b"))
    assert one["C"].dims == ("experiment", "subject", "replicate", "time")
    assert one["WT"].dims == ("subject",)
    assert one["SEX"].to_numpy().tolist() == ["M"]
    pd.testing.assert_frame_equal(summarise(one), summarise(ds.sel(experiment=["high"], subject=["b"])))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda ds: ds["C"], "not one variable"),
        (lambda ds: ds.isel(time=0), r"ds\.isel\(time=\[-1\]\)"),
        (lambda ds: ds.expand_dims("site"), "other dimensions"),
        (lambda ds: 3, "Dataset of results was expected"),
    ],
)
def test_what_is_no_result_is_refused(wrong, message):
    with pytest.raises(DataError, match=message):
        as_results(wrong(dataset()))


def test_unknown_observables_are_answered_with_a_suggestion():
    ds = dataset()
    assert observable_names(ds) == ["C", "E"]
    assert observable_names(ds, "E") == ["E"]
    with pytest.raises(DataError, match=r"no observable 'CC'.*did you mean 'C'"):
        observable_names(ds, ["CC"])


# ------------------------------------------------------------------------------------------------------ the summary


def test_the_summary_agrees_with_numpy():
    ds = dataset()
    table = summarise(ds, quantiles=(0.1, 0.5, 0.975))
    assert list(table)[:6] == ["experiment", "observable", "unit", "time", "n", "n_failed"]
    assert list(table)[-3:] == ["q10", "q50", "q97.5"]
    row = table.query("experiment == 'high' and observable == 'C' and time == 3").iloc[0]
    values = ds["C"].to_numpy()[1, :, :, 3].ravel()
    assert row["n"] == 8
    assert row["unit"] == "mg/L"
    np.testing.assert_allclose(row["mean"], values.mean(), rtol=1e-14)
    np.testing.assert_allclose(row["sd"], values.std(ddof=1), rtol=1e-13)
    np.testing.assert_allclose(
        row[["q10", "q50", "q97.5"]].astype(float), np.quantile(values, [0.1, 0.5, 0.975]), rtol=1e-13
    )


@given(
    values=st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=12),
    q=st.floats(0, 1),
)
@settings(max_examples=80, deadline=None)
def test_quantiles_pass_over_missing_values(values, q):
    ds = make_dataset(
        {"C": np.reshape(values, (1, -1, 1, 1))},
        experiments=["A"],
        subjects=list(range(len(values))),
        replicates=[0],
        time=[0],
        time_unit="h",
    )
    row = summarise(ds, quantiles=[q]).iloc[0]
    present = [v for v in values if not np.isnan(v)]
    assert row["n"] == len(present)
    expected = np.quantile(present, q) if present else np.nan
    np.testing.assert_allclose(row.iloc[-1], expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(row["mean"], np.mean(present) if present else np.nan, rtol=1e-9, atol=1e-9)


def test_failed_runs_are_left_out_and_counted():
    ds = with_failure(dataset())
    table = summarise(ds)
    low = table.query("experiment == 'low' and observable == 'C'")
    assert (low["n"] == 7).all()
    assert (low["n_failed"] == 1).all()
    assert (table.query("experiment == 'high'")["n_failed"] == 0).all()
    kept = np.delete(ds["C"].to_numpy()[0].reshape(8, 5), 2, axis=0)
    np.testing.assert_allclose(low["mean"], kept.mean(axis=0), rtol=1e-13)
    assert np.isnan(good_values(ds, "C")[0, 1, 0]).all()


def test_an_infinite_value_counts_as_missing():
    ds = dataset()
    ds["C"][0, 0, 0, 2] = np.inf
    row = summarise(ds).query("experiment == 'low' and observable == 'C' and time == 2").iloc[0]
    assert row["n"] == 7
    assert np.isfinite(row["mean"])


def test_groups_by_covariate_and_over_replicates_only():
    ds = with_failure(dataset())
    by_sex = summarise(ds, by="SEX").query("experiment == 'low' and observable == 'C' and time == 0")
    assert by_sex["SEX"].tolist() == ["F", "M"]
    assert by_sex["n"].tolist() == [4, 3]
    np.testing.assert_allclose(by_sex["mean"].iloc[0], ds["C"].to_numpy()[0, [0, 2], :, 0].mean(), rtol=1e-13)
    own = summarise(ds, over="replicate", by="WT").query("experiment == 'low' and observable == 'C' and time == 0")
    assert own["subject"].tolist() == ["a", "b", "c", "d"]
    assert own["n"].tolist() == [2, 1, 2, 2]
    assert own["WT"].tolist() == [50, 60, 70, 80]
    each = summarise(ds, over=())
    assert len(each) == 2 * 2 * 4 * 2 * 5
    assert np.isnan(each["sd"]).all()


def test_subjects_with_a_missing_covariate_are_a_group_of_their_own():
    ds = dataset(subject_table=pd.DataFrame({"G": ["x", None, "x", None]}))
    table = summarise(ds, by="G").query("experiment == 'low' and observable == 'C' and time == 0")
    assert table["n"].tolist() == [4, 4]
    assert table["G"].isna().tolist() == [False, True]


def test_times_an_arm_did_not_ask_for_have_no_rows():
    ds = dataset()
    for name in ("C", "E"):
        ds[name][0, :, :, 3:] = np.nan
    assert summarise(ds).groupby(["experiment", "observable"]).size().to_dict() == {
        ("high", "C"): 5,
        ("high", "E"): 5,
        ("low", "C"): 3,
        ("low", "E"): 3,
    }
    assert to_frame(ds).groupby("EXPERIMENT").size().to_dict() == {"high": 40, "low": 24}


def test_an_arm_that_failed_whole_keeps_its_rows():
    ds = dataset()
    ds["status"][0] = 1
    table = summarise(ds).query("experiment == 'low'")
    assert len(table) == 10
    assert (table["n"] == 0).all()
    assert (table["n_failed"] == 8).all()
    assert table["mean"].isna().all()
    assert (to_frame(ds).query("EXPERIMENT == 'low'")["STATUS"] == 1).sum() == 40


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "SX"}, r"no covariate 'SX'.*'SEX'"),
        ({"over": "time"}, r"cannot be pooled.*'subject', 'replicate' or both"),
        ({"quantiles": (5, 95)}, "outside 0 to 1"),
    ],
)
def test_a_summary_that_cannot_be_is_refused(options, message):
    with pytest.raises(DataError, match=message):
        summarise(dataset(), **options)


def test_a_population_is_summarised_in_little_time():
    ds = dataset(subjects=range(1000), replicates=(0,), n_times=170, subject_table=None)
    start = clock.process_time()
    summarise(ds)
    assert clock.process_time() - start < 2


# -------------------------------------------------------------------------------------------------------- the table


def test_the_table_has_the_columns_pharmacometricians_expect():
    frame = to_frame(with_failure(dataset()))
    assert list(frame) == ["ID", "TIME", "EXPERIMENT", "REPLICATE", "C", "E", "WT", "SEX", "STATUS"]
    assert frame.attrs["units"] == {"TIME": "h", "C": "mg/L", "E": "dimensionless"}
    assert len(frame) == 2 * 4 * 2 * 5
    assert frame.query("STATUS == 3")[["ID", "EXPERIMENT"]].drop_duplicates().to_numpy().tolist() == [["b", "low"]]
    assert frame.groupby("ID")["WT"].first().tolist() == [50, 60, 70, 80]


def test_the_table_of_one_arm_leaves_out_what_has_one_value():
    ds = dataset(arms=("only",), replicates=(0,))
    frame = to_frame(ds, observables="E")
    assert list(frame) == ["ID", "TIME", "E", "WT", "SEX", "STATUS"]
    np.testing.assert_array_equal(frame["E"], ds["E"].to_numpy().ravel())


def test_a_covariate_may_not_hide_a_column():
    ds = dataset(subject_table=pd.DataFrame({"TIME": np.ones(4)}))
    with pytest.raises(DataError, match="'TIME' is a column of its own"):
        to_frame(ds)


# --------------------------------------------------------------------------------------------------------- the file


def assert_same_bits(a, b):
    assert list(a.variables) == list(b.variables)
    assert set(a.coords) == set(b.coords)
    assert a.attrs == b.attrs
    for name in a.variables:
        x, y = a[name], b[name]
        assert x.dims == y.dims
        assert x.attrs == y.attrs
        assert x.dtype == y.dtype, name
        if x.dtype.kind == "O":
            assert [repr(v) for v in x.to_numpy().ravel()] == [repr(v) for v in y.to_numpy().ravel()]
        else:
            assert x.to_numpy().tobytes() == y.to_numpy().tobytes(), name


def test_a_file_gives_back_every_bit(tmp_path):
    ds = with_failure(dataset())
    odd = np.array([0xFFF8000000000001, 0x7FF8000000000002, 0x8000000000000000, 0, 1], np.uint64).view(float)
    ds["C"][0, 0, 0] = odd  # NaNs with a payload, both zeros, the smallest number
    ds["C"][1, 0, 0] = [np.inf, -np.inf, 1 / 3, 1e308, -0.0]
    path = write_results(ds, tmp_path / "run.parquet")
    assert_same_bits(ds, read_results(path))
    assert [p.name for p in tmp_path.iterdir()] == ["run.parquet"]


@pytest.mark.parametrize("subjects", [(3, 1), ("b", "a"), ("007", "7")])
def test_ids_keep_their_kind_and_order(tmp_path, subjects):
    ds = dataset(subjects=subjects)
    back = read_results(write_results(ds, tmp_path / "run.parquet"))
    assert back["subject"].to_numpy().tolist() == list(subjects)
    assert_same_bits(ds, back)


def test_covariates_of_every_kind_come_back(tmp_path):
    table = pd.DataFrame(
        {"N": [1, 2], "X": [0.5, np.nan], "B": [True, False], "T": ["µ", None], "F": np.float32([1, 2])}
    )
    ds = dataset(subjects=("a", "b"), subject_table=table)
    assert_same_bits(ds, read_results(write_results(ds, tmp_path / "run.parquet")))


@given(
    shape=st.tuples(*[st.integers(1, 3)] * 4),
    numbers=st.lists(st.floats(width=64), min_size=81, max_size=81),
    words=st.lists(st.text(st.characters(codec="utf-8")), min_size=27, max_size=27),
)
@settings(max_examples=25, deadline=None)
def test_any_result_survives_the_file(tmp_path_factory, shape, numbers, words):
    n, m = int(np.prod(shape)), int(np.prod(shape[:3]))
    ds = make_dataset(
        {"amount(S1)": np.array(numbers[:n]).reshape(shape)},
        experiments=[f"e{i}" for i in range(shape[0])],
        subjects=list(range(shape[1])),
        replicates=list(range(shape[2])),
        time=np.arange(shape[3]),
        time_unit="day",
        messages=np.array(words[:m], object).reshape(shape[:3]),
    )
    path = tmp_path_factory.getbasetemp() / "any.parquet"
    assert_same_bits(ds, read_results(write_results(ds, path)))


def test_a_selection_survives_the_file(tmp_path):
    ds = dataset().sel(experiment="high").isel(replicate=[1])
    assert_same_bits(ds, read_results(write_results(ds, tmp_path / "run.parquet")))


def test_other_programs_can_read_the_file(tmp_path):
    ds = dataset()
    path = write_results(ds, tmp_path / "run.parquet")
    frame = pd.read_parquet(path)
    assert len(frame) == ds["C"].size
    np.testing.assert_array_equal(frame["C"], ds["C"].to_numpy().ravel())
    about = pq.read_schema(path).metadata
    assert json.loads(about[b"sbmlqsp.units"]) == {"C": "mg/L", "E": "dimensionless", "time": "h"}
    assert json.loads(about[b"sbmlqsp.provenance"]) == {"seed": 1}


def test_a_write_that_fails_leaves_the_earlier_file(tmp_path, monkeypatch):
    ds = dataset()
    path = write_results(ds, tmp_path / "run.parquet")
    before = path.read_bytes()

    def half(table, where, **options):
        where.write_bytes(b"PAR1 half")
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(OSError, match="disk full"):
        write_results(dataset(), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["run.parquet"]


@pytest.mark.parametrize("name", ["run.csv", "absent/run.parquet", "folder.parquet"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path, name):
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(DataError, match=r"cannot be written here.*ends in .parquet"):
        write_results(dataset(), tmp_path / name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ds: ds.assign_attrs(made=np.arange(3)), "attribute cannot be written"),
        (lambda ds: ds.assign_coords(X=("subject", np.array([1, "a", None, 2.0], object))), "'X' holds"),
        (lambda ds: ds.assign_coords(X=("subject", np.ones(4, complex))), "'X' holds"),
        (lambda ds: ds.isel(time=[]), "not a Dataset of results"),
    ],
)
def test_what_a_table_cannot_hold_is_refused(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        write_results(change(dataset()), tmp_path / "run.parquet")
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_results_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_results(tmp_path / "absent.parquet")
    with pytest.raises(DataError, match="A folder was given"):
        read_results(tmp_path)
    (tmp_path / "text.parquet").write_text("ID,TIME\n1,0\n")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_results(tmp_path / "text.parquet")
    (tmp_path / "empty.parquet").write_bytes(b"")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_results(tmp_path / "empty.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match=r"does not hold results.*pandas.read_parquet"):
        read_results(tmp_path / "other.parquet")


@pytest.mark.parametrize("keep", [10, 0.5, -1])
def test_a_truncated_file_is_said_to_be_so(tmp_path, keep):
    path = write_results(dataset(), tmp_path / "run.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if isinstance(keep, int) else int(keep * len(whole))])
    with pytest.raises(DataError, match=r"truncated or damaged.*write the results again"):
        read_results(path)


def test_a_flipped_bit_does_not_pass_for_data(tmp_path):
    path = write_results(dataset(), tmp_path / "run.parquet")
    raw = bytearray(path.read_bytes())
    offset = pq.ParquetFile(path).metadata.row_group(0).column(0)
    raw[offset.data_page_offset + offset.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(raw)
    with pytest.raises(DataError, match="truncated or damaged"):
        read_results(path)


def test_a_file_with_rows_taken_out_is_refused(tmp_path):
    path = write_results(dataset(), tmp_path / "run.parquet")
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    with pytest.raises(DataError, match="lost or gained rows"):
        read_results(path)


def test_a_file_of_a_later_version_is_refused(tmp_path):
    path = write_results(dataset(), tmp_path / "run.parquet")
    table = pq.read_table(path)
    about = json.loads(table.schema.metadata[b"sbmlqsp.results"]) | {"format": 99}
    pq.write_table(table.replace_schema_metadata({"sbmlqsp.results": json.dumps(about)}), path)
    with pytest.raises(DataError, match=r"later version.*update sbmlqsp"):
        read_results(path)
