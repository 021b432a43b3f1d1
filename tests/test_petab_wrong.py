"""PEtab files that are not what they should be: each is refused with its file, its line and a remedy."""

from __future__ import annotations

import pytest
from petab_files import FIRST, SECOND, written

import sbmlqsp as qsp

P = "parameterId lowerBound upperBound nominalValue estimate"
O = "observableId observableFormula noiseFormula"
C = "conditionId targetId targetValue"
E = "experimentId time conditionId"
M = "observableId experimentId time measurement"

TABLES = {
    "a missing column": (
        {"parameters": "parameterId lowerBound upperBound\nk 0 9"},
        r"no column 'estimate'.*parameters.tsv",
    ),
    "another case": ({"parameters": "parameterID lowerBound upperBound estimate\nk 0 9 true"}, "expected: parameterId"),
    "commas": ({"parameters": "parameterId,lowerBound,upperBound,estimate\nk,0,9,true"}, "with tabs between"),
    "a long row": ({"parameters": f"{P}\nk 0 9 1 true 7"}, "6 cells and the header 5"),
    "twice": ({"parameters": f"{P}\nk 0 9 1 true\nk 0 9 1 true"}, "'k' twice|twice.*'k'.*line 3"),
    "a bad id": ({"parameters": f"{P}\n2k 0 9 1 true"}, "no valid id.*'2k'.*line 2"),
    "a reserved id": ({"parameters": f"{P}\ntime 0 9 1 true"}, "reserved word"),
    "no number": ({"parameters": f"{P}\nk 0 9 one true"}, "no number.*'one'.*line 2"),
    "no bound": ({"parameters": f"{P}\nk 0  1 true"}, "lacks a bound"),
    "bounds turned": ({"parameters": f"{P}\nk 9 0 1 true"}, "bounds leave nothing"),
    "no value": ({"parameters": f"{P}\nk 0 9  false"}, "has no value"),
    "no truth": ({"parameters": f"{P}\nk 0 9 1 yes"}, "true or false"),
    "unread": (
        {"parameters": f"{P}\nk 0 9 1 true\nkk 0 9 1 true\ndose   5 false"},
        r"nothing reads the parameter 'kk'.*did you mean 'k'",
    ),
    "a species": (
        {"parameters": f"{P}\nk 0 9 1 true\nS 0 9 1 true\ndose   5 false"},
        "no constant of the model|changed by a condition",
    ),
    "no dose": ({"parameters": f"{P}\nk 0 9 1 true"}, r"reads 'dose'.*line 3"),
    "an unknown name": ({"observables": f"{O}\nseen Q 1"}, r"reads 'Q'.*observables.tsv, line 2"),
    "a bad formula": ({"observables": f"{O}\nseen S+ 1"}, r"ends too early.*line 2, observableFormula"),
    "an unknown function": ({"observables": f"{O}\nseen floor(S) 1"}, "'floor' is not one of PEtab"),
    "an unknown noise": ({"observables": f"{O} noiseDistribution\nseen S 1 cauchy"}, "unknown.*'cauchy'"),
    "another observable": ({"observables": f"{O}\nseen S 1\nb seen 1"}, "reads the observable 'seen'"),
    "an id of the model": ({"observables": f"{O}\nS S 1", "measurements": f"{M}\nS e 0 1"}, "id of what a model has"),
    "no placeholder": ({"observables": f"{O}\nseen observableParameter1_seen*S 1"}, "name it as a placeholder"),
    "an unknown observable": ({"measurements": f"{M}\nsean e 0 1"}, "did you mean 'seen'"),
    "an unknown experiment": (
        {"measurements": f"{M}\nseen f 0 1"},
        r"no such experiment.*'f'.*measurements.tsv, line 2",
    ),
    "no measurement": ({"measurements": f"{M}\nseen e 0 NaN"}, "'measurement' is empty"),
    "infinite": ({"measurements": f"{M}\nseen e 0 inf"}, "no number"),
    "no rows": ({"measurements": M}, "no measurements"),
    "too early": ({"measurements": f"{M}\nseen e -1 1"}, "before the experiment begins"),
    "minus infinity": ({"measurements": f"{M}\nseen e -inf 1"}, "number or inf"),
    "too many values": (
        {"measurements": f"{M} noiseParameters\nseen e 0 1 2"},
        "1 values and the observable 0 placeholders",
    ),
    "a value in vain": (
        {"measurements": f"{M} noiseParameters\nseen e 0 1 q", "observables": f"{O} noisePlaceholders\nseen S s s"},
        "neither a number nor a parameter.*'q'",
    ),
    "nothing logarithmic": (
        {"observables": f"{O} noiseDistribution\nseen S 1 log-normal", "measurements": f"{M}\nseen e 0 0"},
        "logarithmic and the measurement not positive",
    ),
    "an unknown target": ({"conditions": f"{C}\nstart Q 4\nbolus S S+dose"}, r"changes 'Q'.*conditions.tsv, line 2"),
    "a reaction": ({"conditions": f"{C}\nstart J 4\nbolus S S+dose"}, "reaction or stoichiometry"),
    "both": ({"conditions": f"{C}\nstart k 4\nbolus S S+dose"}, "in the parameter table too"),
    "the model too early": ({"conditions": f"{C}\nstart S 2*S\nbolus S S+dose"}, "before the model has begun"),
    "a target twice": ({"conditions": f"{C}\nstart S 4\nstart S 5\nbolus S S+dose"}, "twice"),
    "an unknown condition": ({"experiments": f"{E}\ne 0 strat\ne 2 bolus"}, "did you mean 'start'"),
    "two of one time": (
        {"experiments": f"{E}\ne 0 start\ne 2 bolus\ne 2 start"},
        "two conditions of one time change 'S'",
    ),
    "no time": ({"experiments": f"{E}\ne inf start"}, "number or -inf"),
    "a column of version 1": (
        {"observables": f"{O} observableTransformation\nseen S 1 log"},
        "no meaning in version 2.*'log'.*line 2",
    ),
    "nothing after": ({"experiments": f"{E}\ne -inf start"}, "nothing follows the steady state"),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables(case, tmp_path):
    tables, match = TABLES[case]
    with pytest.raises(qsp.QSPError, match=f"(?is){match}"):
        qsp.read_petab(written(tmp_path, **tables))


ENTRIES = {
    "no YAML": ("a: [", r"not YAML.*line"),
    "no keys": ("- a", "no keys"),
    "twice": ("format_version: 2.0.0\nformat_version: 1\n", "given twice"),
    "an alias": ("format_version: 2.0.0\nid: &a x\nparameter_files: [*a]\n", "alias is not read"),
    "an object": ("format_version: !!python/object/apply:os.getcwd []\n", "not YAML"),
    "a key that is none": ("? [a]\n: b\n", "not YAML.*no plain text"),
    "no version": ("parameter_files: []\n", "format_version is missing"),
    "another version": ("format_version: 3.0\n", "version of PEtab is not read"),
    "an unknown key": (SECOND["problem.yaml"] + "measurement_file: [a]\n", "did you mean 'measurement_files'"),
    "no list": (SECOND["problem.yaml"].replace("[parameters.tsv]", "parameters.tsv"), "list of files"),
    "no file": (SECOND["problem.yaml"].replace("[parameters.tsv]", "[params.tsv]"), "no such file.*did you mean"),
    "outside": (
        SECOND["problem.yaml"].replace("[parameters.tsv]", "[../parameters.tsv]"),
        "outside of the problem's folder",
    ),
    "absolute": (SECOND["problem.yaml"].replace("model.xml", "/etc/passwd"), "outside of the problem's folder"),
    "the web": (SECOND["problem.yaml"].replace("model.xml", "https://example.org/m.xml"), "web address is not read"),
    "a language": (SECOND["problem.yaml"].replace("sbml", "bngl"), "language are not read.*bngl"),
    "needed": (
        SECOND["problem.yaml"] + "extensions: {sciml: {version: 1.0.0, required: true}}\n",
        "requires the extension 'sciml'",
    ),
    "unclear": (SECOND["problem.yaml"] + "extensions: {sciml: {version: 1.0.0}}\n", "whether it is required"),
    "two models": (FIRST["problem.yaml"].replace("[model.xml]", "[model.xml, model.xml]"), "several models"),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_the_file_that_names_the_others(case, tmp_path):
    text, match = ENTRIES[case]
    path = written(tmp_path)
    path.write_text(text)
    with pytest.raises(qsp.QSPError, match=f"(?is){match}"):
        qsp.read_petab(path)


def test_a_link_that_leads_outside_is_not_followed(tmp_path):
    path = written(tmp_path / "problem")
    (tmp_path / "secret.tsv").write_text("x")
    (tmp_path / "problem" / "parameters.tsv").unlink()
    (tmp_path / "problem" / "parameters.tsv").symlink_to(tmp_path / "secret.tsv")
    with pytest.raises(qsp.DataError, match="outside of the problem's folder"):
        qsp.read_petab(path)


OLD = {
    "a scale": (
        {"parameters": "parameterId parameterScale lowerBound upperBound nominalValue estimate\nk log2 0 9 1 1"},
        "log2",
    ),
    "a bound": (
        {"parameters": "parameterId parameterScale lowerBound upperBound nominalValue estimate\nk log 0 9 1 1"},
        "lower bound is not positive",
    ),
    "estimate": (
        {"parameters": "parameterId parameterScale lowerBound upperBound nominalValue estimate\nk lin 0 9 1 true"},
        "0 or 1",
    ),
    "a condition": (
        {"measurements": "observableId simulationConditionId time measurement\nseen d 0 1"},
        "no such condition",
    ),
    "a column of version 2": (
        {
            "parameters": "parameterId parameterScale lowerBound upperBound nominalValue estimate priorDistribution\n"
            "k lin 0 9 1 1 normal"
        },
        "'priorDistribution' has no meaning in version 1",
    ),
    "a gap": (
        {"observables": "observableId observableFormula noiseFormula\nseen observableParameter2_seen 1"},
        "have a gap",
    ),
    "a value": ({"conditions": "conditionId S\nc q"}, "neither a number nor a parameter"),
    "a formula": ({"conditions": "conditionId S\nc 2*k"}, "no valid id"),
}


@pytest.mark.parametrize("case", OLD)
def test_tables_of_version_1(case, tmp_path):
    tables, match = OLD[case]
    with pytest.raises(qsp.QSPError, match=f"(?is){match}"):
        qsp.read_petab(written(tmp_path, FIRST, **tables))


RUNS = {
    "no value": (
        {"parameters": f"{P}\nk 0 9  true\ndose   5 false"},
        {},
        "'k' has no nominal value.*parameters.tsv, line 2",
    ),
    "unknown": ({}, {"kk": 1.0}, "no such parameter.*did you mean 'k'"),
    "no noise": ({"observables": f"{O}\nseen S 1-k"}, {"k": 1.0}, "noise is not positive.*measurements.tsv, line 2"),
    "no logarithm": ({"observables": f"{O} noiseDistribution\nseen S-4 1 log-normal"}, {}, "simulation not positive"),
    "no value of an observable": ({"observables": f"{O}\nseen 1/(S-4) 1"}, {}, "no finite value"),
    "set too late": (
        {"observables": f"{O}\nseen S+off 1", "conditions": f"{C}\nstart S 4\nbolus S S+dose\nbolus off 1"},
        {},
        "reads 'off', which no condition has set",
    ),
    "not finite": (
        {"conditions": f"{C}\nstart S 1/(dose-5)\nbolus S S+dose"},
        {},
        "new value of 'S' is not finite.*line 2",
    ),
}


@pytest.mark.parametrize("case", RUNS)
def test_what_shows_only_when_it_is_run(case, tmp_path):
    tables, parameters, match = RUNS[case]
    problem = qsp.read_petab(written(tmp_path, **tables))
    with pytest.raises(qsp.QSPError, match=f"(?is){match}"):
        problem.score(parameters)


def test_version_1_refuses_what_it_cannot_say(tmp_path):
    problem = qsp.read_petab(written(tmp_path))
    with pytest.raises(qsp.UnsupportedError, match="one period and a steady state before it"):
        qsp.write_petab(problem, tmp_path / "old", version=1)
    with pytest.raises(qsp.DataError, match="No such version"):
        qsp.write_petab(problem, tmp_path / "old", version=3)
