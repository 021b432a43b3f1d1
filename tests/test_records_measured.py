"""Five measured data sets, read as their files are, against counts made without the package."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict

import pytest

from sbmlqsp import Records, read_nonmem, write_nonmem
from validation.literature import data_sets


def rows(data: Records, *columns: str) -> list[list]:
    return data.table[list(columns)].to_numpy().tolist()


FOLDER = data_sets.folder()
needs_data = pytest.mark.skipif(
    FOLDER is None, reason=f"the measured data are not there: name their folder in {data_sets.VARIABLE}"
)


def by_hand(name: str) -> list[dict[str, str]]:
    """Return a file's rows with nothing interpreted."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def load(name: str) -> Records:
    return data_sets.LOADERS[name](FOLDER)


@needs_data
def test_theophylline():
    data, raw = load("theophylline"), by_hand("theophylline")
    s = data.summary()
    assert (s.subjects, s.doses, s.administrations, s.samples, s.missing) == (12, 12, 12, {1: 132}, {1: 0})
    doses = {
        int(r["subject"]): float(r["dose_mg_per_kg"]) * float(r["weight_kg"]) for r in raw if float(r["time_h"]) == 0
    }
    assert dict(rows(data_doses(data), "ID", "AMT")) == pytest.approx(doses)
    assert data.observations["DV"].tolist() == [float(r["conc_mg_per_L"]) for r in raw]
    assert data.table["EVID"].tolist()[:3] == [0, 1, 0]
    assert Counter(data.changes["what"]) == {"split": 12}


def data_doses(data: Records) -> Records:
    return Records(data.doses, data.covariates)


@needs_data
def test_warfarin():
    data, raw = load("warfarin"), by_hand("warfarin")
    s = data.summary()
    assert (s.subjects, s.records, s.doses) == (32, 511, 32)
    counts = Counter(int(r["dvid"]) for r in raw if r["dv"] != ".")
    assert s.samples == dict(counts) == {1: 247, 2: 232}
    assert data.doses["AMT"].sum() == sum(float(r["amt"]) for r in raw if r["amt"] != ".")
    assert len(data.changes) == 0
    assert s.covariates["in time"].tolist() == ["constant"] * 3


@needs_data
def test_phenobarbital():
    data, raw = load("phenobarbital"), by_hand("phenobarbital")
    s = data.summary()
    assert (s.subjects, s.samples, s.doses) == (59, {1: 155}, 589)
    assert s.doses == sum(r["dose_mg"] != "NA" for r in raw)
    assert data.doses["AMT"].tolist() == [float(r["dose_mg"]) for r in raw if r["dose_mg"] != "NA"]
    assert s.covariates.loc["apgar_group", "values"] == "< 5, >= 5"


@needs_data
def test_quinidine():
    data, raw = load("quinidine"), by_hand("quinidine")
    s = data.summary()
    assert (s.subjects, s.samples, s.doses, s.others, s.records) == (136, {1: 361}, 1028, 82, 1471)
    assert s.others == sum(r["dose"] == r["conc"] == "NA" for r in raw)
    steady = data.table[data.table["SS"] == 1]
    assert steady["II"].tolist() == [float(r["interval"]) for r in raw if r["interval"] != "NA"]
    assert len(steady) == 249
    levels = defaultdict(set)
    for r in raw:
        for name in ("Race", "Smoke", "Ethanol", "Heart", "Creatinine"):
            levels[name].add(r[name])
    for name, words in levels.items():
        assert s.covariates.loc[name, "values"] == ", ".join(sorted(words))
    assert s.covariates.loc["glyco", "in time"] == "varies"
    assert s.covariates["missing"].sum() == 0


@needs_data
def test_indomethacin():
    data, raw = load("indomethacin"), by_hand("indomethacin")
    s = data.summary()
    assert (s.subjects, s.samples, s.doses) == (6, {1: 66}, 6)
    assert data.observations["DV"].tolist() == [float(r["conc_mcg_per_mL"]) for r in raw]
    assert set(data.doses["CMT"]) == {"central"}
    assert data.units["AMT"] == "mg"


@needs_data
@pytest.mark.parametrize("name", list(data_sets.LOADERS))
def test_measured_data_survive_writing(tmp_path, name):
    data = load(name)
    write_nonmem(data, tmp_path / "out.csv")
    back = read_nonmem(tmp_path / "out.csv", units=data.units, covariates=data.covariates)
    assert back == data
