"""PEtab experiments written from records: read by a naive interpreter they give what ``predict`` gives."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.roadrunner import bare
from sbmlqsp.expressions import evaluate, parse_formula
from validation.nonmem.agreement import COMPARTMENTS, data_set, model
from validation.nonmem.regimens import REGIMENS

FEW = [c for k, c in enumerate(REGIMENS) if k % 12 == 5]
BACK = [c for c in REGIMENS if any(b["TIME"] < a["TIME"] for a, b in zip(c.records, c.records[1:], strict=False))]


def tables(path):
    names = ("conditions", "experiments", "observables", "measurements", "parameters")
    return {n: pd.read_csv(path.parent / f"{n}.tsv", sep="\t") for n in names}


class Interpreter:
    """PEtab's rules of periods and measurements, as its specification has them, on a bare engine."""

    def __init__(self, path):
        self.sbml = (path.parent / "model.xml").read_text()
        self.tables = tables(path)
        self.symbols = qsp.read_sbml(self.sbml).network.symbols

    def key(self, name):
        symbol = self.symbols.get(name)
        return f"[{name}]" if symbol is not None and symbol.kind == "species" and not symbol.amount_only else name

    def value(self, engine, text):
        expr = parse_formula(str(text))
        return float(evaluate(expr, {n: engine[self.key(n)] for n in expr.symbols()}))

    def apply(self, engine, condition):
        rows = self.tables["conditions"]
        mine = rows[rows["conditionId"] == condition]
        values = [self.value(engine, v) for v in mine["targetValue"]]
        for target, value in sorted(zip(mine["targetId"], values, strict=True), key=lambda tv: tv[0] in self.species()):
            engine[self.key(target)] = value

    def species(self):
        return {n for n, s in self.symbols.items() if s.kind == "species"}

    def simulated(self):
        """Return one number per measurement, in the order of the table."""
        measured, out = self.tables["measurements"], {}
        formulas = self.tables["observables"].set_index("observableId")["observableFormula"]
        for name, periods in self.tables["experiments"].groupby("experimentId", sort=False):
            engine, mine = bare(self.sbml), measured[measured["experimentId"] == name]
            engine.integrator.setValue("relative_tolerance", 1e-10)
            engine.integrator.setValue("absolute_tolerance", 1e-16)
            starts = periods["time"].tolist()
            for k, (start, condition) in enumerate(zip(starts, periods["conditionId"], strict=True)):
                self.apply(engine, condition)
                end = starts[k + 1] if k + 1 < len(starts) else np.inf
                inside = mine[(mine["time"] >= start) & (mine["time"] < end)]
                now = start
                for time in sorted({*inside["time"], *([end] if np.isfinite(end) else [])}):
                    if time > now:
                        engine.simulate(times=[now, time])
                        now = time
                    for row, m in inside[inside["time"] == time].iterrows():
                        out[row] = self.value(engine, formulas[m["observableId"]])
        return [out[k] for k in range(len(measured))]


def written(tmp_path, one, data, observables, **options):
    path = qsp.write_petab_experiments(one, data, folder=tmp_path / "problem", observables=observables, **options)
    exact = qsp.predict(one, data, observables=observables, **options)
    return path, exact[exact["DV"].notna()]


def agree(path, exact, rtol=1e-6):
    found, wanted = np.array(Interpreter(path).simulated()), exact["IPRED"].to_numpy()
    assert np.abs(wanted).max() > 0
    measured = tables(path)["measurements"]
    assert measured["measurement"].tolist() == exact["DV"].tolist()
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-7 * np.abs(wanted).max())


def of(case):
    """Return a regimen as data with a number for every observation, and its parameters."""
    data, parameters = data_set([case])
    table = data.table.copy()
    table["DV"] = np.where(table["EVID"] == 0, np.arange(len(table)) + 1.0, np.nan)
    table["MDV"] = (table["EVID"] != 0).astype(int)
    return qsp.Records(table, data.covariates, data.units, data.carry), parameters


@pytest.mark.parametrize("case", [*FEW, *BACK[:2]], ids=lambda c: c.name)
def test_regimens_read_as_petab_has_them_give_the_predictions(case, tmp_path):
    data, parameters = of(case)
    names = COMPARTMENTS[case.model]
    observable = f"amount({list(names.values())[-1]})"
    agree(*written(tmp_path, model(case.model), data, observable, parameters=parameters, compartments=names))


TWO = """
model two
  compartment V = 5
  substanceOnly species D in V = 0, S in V = 2
  ka = 1; CL = 1; k0 = 2*CL
  A: D -> S; ka*D
  E: S -> ; CL/V*S
  B: -> S; k0
end
"""
DATA = """ID,TIME,AMT,RATE,EVID,CMT,WT,DVID,DV
1,0,.,.,0,.,70,1,1.5
1,0,100,.,1,1,70,.,.
1,0,.,.,0,.,70,1,2.5
1,3,.,.,0,.,70,1,3.5
1,3,40,20,1,2,80,.,.
1,3,.,.,0,.,80,2,4.5
1,6,.,.,0,.,80,2,5.5
1,8,.,.,0,.,90,1,.
2,1,50,.,1,1,35,.,.
2,4,.,.,0,.,35,1,6.5
2,4,10,.,4,1,35,.,.
2,9,.,.,0,.,35,2,7.5
"""
OPTIONS = {"parameters": {"CL": "WT/70", "V": 4.0, "F(D)": 0.8}, "compartments": {1: "D", 2: "S"}}
OBSERVED = {
    1: qsp.Observable("C", "concentration(S)", error=qsp.ErrorModel(additive=0.1, proportional=0.2)),
    2: "amount(S) + D",
}


@pytest.fixture
def problem(tmp_path):
    one = qsp.read_antimony(TWO)
    data = qsp.read_nonmem(DATA)
    return written(tmp_path, one, data, OBSERVED, **OPTIONS)


def test_subjects_covariates_resets_and_observables(problem):
    agree(*problem)


def test_the_tables_say_it_in_petabs_columns(problem):
    path, _ = problem
    found = tables(path)
    assert list(found["conditions"]) == ["conditionId", "targetId", "targetValue"]
    assert list(found["experiments"]) == ["experimentId", "time", "conditionId"]
    assert list(found["measurements"]) == ["observableId", "experimentId", "time", "measurement"]
    assert found["observables"].to_numpy().tolist() == [
        ["observed_C", "S/V", "sqrt(0.1^2 + (0.2*observed_C)^2)", "normal"],
        ["observed_amount_S_D", "S + D", "sd_amount_S_D", "normal"],
    ]
    used = found["experiments"]["conditionId"].dropna()
    assert set(used) == set(found["conditions"]["conditionId"])
    assert found["experiments"].groupby("experimentId")["time"].is_monotonic_increasing.all()
    assert set(found["measurements"]["experimentId"]) == {"subject_1", "subject_2"}
    constants = found["parameters"].set_index("parameterId")
    assert {"ka", "sd_amount_S_D"} == set(constants.index)  # CL and k0 follow the covariate
    assert not constants["estimate"].any()
    assert float(qsp.read_sbml(path.parent / "model.xml").symbol("V").value) == 4.0  # the same for all
    assert path.read_text().startswith("format_version: 2.0.0\n")


def test_what_is_seen_before_a_dose_of_the_same_time_is_measured_just_before_it(problem):
    path, _ = problem
    found = tables(path)
    mine = found["measurements"].query("experimentId == 'subject_1'")["time"].tolist()
    periods = found["experiments"].query("experimentId == 'subject_1'")["time"].tolist()
    assert mine[0] == periods[0] < 0.0 == mine[1] == periods[1]
    assert mine[0] == pytest.approx(-1e-9)
    assert mine[2] == pytest.approx(3.0, rel=1e-8)
    assert mine[2] < 3.0 == mine[3]


def test_what_petab_cannot_say_is_refused_by_name(tmp_path):
    one = qsp.read_antimony("model m; compartment V = 2; species S in V; S = 0; J: S -> ; V*k*S; k = 0.1; end")
    text = "ID,TIME,AMT,VI,DV\n1,0,10,2,.\n1,1,.,2,5\n1,2,.,3,5\n"
    bare_design = "ID,TIME,AMT,DV\n1,0,10,.\n1,1,.,.\n"
    options = {"compartments": "S", "observables": "S"}
    with pytest.raises(qsp.UnsupportedError, match="volume 'V' changes"):
        qsp.write_petab_experiments(one, qsp.read_nonmem(text), folder=tmp_path, parameters={"V": "VI"}, **options)
    with pytest.raises(qsp.DataError, match="No observation has a value"):
        qsp.write_petab_experiments(one, qsp.read_nonmem(bare_design), folder=tmp_path, **options)
    table = pd.DataFrame({"ID": 1, "TIME": [0, 1], "AMT": [10, 0], "DV": [np.nan, 1.0], "CENS": [0, 1]})
    with pytest.raises(qsp.DataError, match="censored"):
        qsp.write_petab_experiments(one, qsp.Records(table), folder=tmp_path, **options)


@pytest.mark.filterwarnings("ignore")  # petab's own use of pandas
@pytest.mark.skipif(importlib.util.find_spec("petab") is None, reason="needs petab, of the extra 'cross'")
def test_petabs_own_lint_finds_nothing(problem):
    from petab.v2 import Problem

    assert not Problem.from_yaml(str(problem[0])).validate().has_errors()
