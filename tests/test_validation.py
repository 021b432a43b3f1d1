"""The command that reports claim by claim: what it selects, how it judges, what it writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from validation import reviewing, run
from validation.__main__ import main
from validation.cases import Case, all_cases, holds, same
from validation.reviewing import Rewritten, all_reviews, compare, review
from validation.run import CaseResult, claims, run_cases, select_cases, verdicts
from validation.studies import STUDIES, Study, StudyResult


def result(*, rows, ok=True, model="emax"):
    one = Case("x/emax/y", model, rows, {"typical": {}}, lambda _: [], "a claim")
    return CaseResult(one, "typical", (same("v", 1.0, 1.0 if ok else 2.0),), 0.1)


@pytest.fixture
def three_claims(monkeypatch):
    table = {
        "S0-01": {"claim": "one", "proof": "", "kind": ""},
        "S0-02": {"claim": "two", "proof": "", "kind": "", "missing": "half of it"},
        "S0-03": {"claim": "both", "proof": "", "kind": "", "answered_by": ["S0-01", "S0-02"]},
    }
    monkeypatch.setattr(run, "claims", lambda: table)


@pytest.mark.parametrize(
    ("results", "outcomes"),
    [
        ([], ["absent", "absent", "absent"]),
        ([result(rows=("S0-01",))], ["passed", "absent", "partly"]),
        ([result(rows=("S0-01", "S0-02"))], ["passed", "partly", "partly"]),
        ([result(rows=("S0-01",)), result(rows=("S0-01",), ok=False)], ["failed", "absent", "failed"]),
    ],
)
def test_verdicts_tell_passed_partly_failed_and_absent(three_claims, results, outcomes):
    assert [v.outcome for v in verdicts(results, {})] == outcomes


def test_a_failed_study_fails_its_claims_and_an_absent_one_is_named():
    failed = {v.row: v for v in verdicts([], {"composition": StudyResult("failed", 1.0, "off")})}
    assert failed["M-02"].outcome == "failed"
    absent = {v.row: v for v in verdicts([], {"composition": StudyResult("absent", 0.0, "not there")})}
    assert (absent["M-02"].outcome, absent["M-02"].note) == ("absent", "study composition absent: not there")


def test_a_case_that_breaks_is_a_finding():
    def breaks(_):
        raise ValueError("no such thing")

    (found,) = run_cases([Case("x/emax/breaks", "emax", ("S0-07",), {"typical": {}}, breaks, "breaks")])
    assert not found.ok
    assert found.wrong == ["ValueError: no such thing"]


def test_a_case_that_compares_nothing_is_not_ok():
    (found,) = run_cases([Case("x/emax/nothing", "emax", ("S0-07",), {"typical": {}}, lambda _: [], "nothing")])
    assert not found.ok


def test_every_row_that_a_case_or_study_names_is_a_claim():
    named = {row for case in all_cases().values() for row in case.rows} | {row for s in STUDIES for row in s.rows}
    assert named <= set(claims())
    assert len(claims()) == 161
    for row, about in claims().items():
        assert about["claim"], row
        assert about["proof"], row
        assert set(about.get("answered_by", ())) <= set(claims())


def test_cases_are_selected_by_row_model_and_word():
    assert {c.model for c in select_cases(models=["target_turnover"])} == {"target_turnover"}
    assert all("S0-09" in c.rows for c in select_cases(rows=["S0-09"]))
    assert select_cases(words=["half-time", "turnover"])
    assert not select_cases(words=["unicorn"])


def test_the_command_reports_and_writes(tmp_path, capsys):
    assert main(["--model", "target_turnover", "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "S0-09   passed" in out
    data = json.loads((tmp_path / "validation.json").read_text(encoding="utf-8"))
    assert {c["row"]: c["outcome"] for c in data["claims"]}["S0-09"] == "passed"
    page = (tmp_path / "validation.html").read_text(encoding="utf-8")
    assert page.count("data:image/png") >= 1
    assert "http" not in page.split("</head>")[0]


def test_the_command_lists_without_running_and_refuses_what_is_not_there(capsys):
    assert main(["--list", "--row", "S0-09"]) == 0
    assert "target_turnover" in capsys.readouterr().out
    for words in (["--row", "S9-99"], ["--study", "unicorn"]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2


def test_a_study_says_why_it_cannot_run(monkeypatch):
    monkeypatch.delenv("SBML_SEMANTIC_SUITE", raising=False)
    assert "SBML_SEMANTIC_SUITE" in next(s for s in STUDIES if s.id == "semantic").run().text
    assert Study("x", "validation.nothing", (), "").run().outcome == "absent"
    assert "no_such_package" in Study("x", "validation.library", (), "", package="no_such_package").missing()


def test_every_study_is_a_script_of_the_project():
    for study in STUDIES:
        assert "not there" not in study.missing(), study.id


# ------------------------------------------------------------------------------------------------------ blind reviews
def turnover(**wrong):
    def writer(p, _start):
        gain, loss = p.ksyn * wrong.get("both", 1.0), p.kdeg * wrong.get("both", 1.0) * wrong.get("factor", 1.0)
        first = p.ksyn / p.kdeg * wrong.get("start", 1.0)
        return Rewritten(("R",), [first], lambda _t, y: [gain - loss * y[0]], end=30.0)

    return writer


# With synthesis and loss both too fast the baseline is right, and nothing moves from it unless it is disturbed.
@pytest.mark.parametrize(
    ("wrong", "agrees"), [({}, True), ({"factor": 1.0001}, False), ({"start": 1.0001}, False), ({"both": 1.001}, False)]
)
def test_a_review_finds_a_wrong_rate_a_wrong_start_and_a_wrong_pace(monkeypatch, wrong, agrees):
    monkeypatch.setitem(all_reviews(), "target_turnover", turnover(**wrong))
    assert (compare("target_turnover")["R"] <= 1e-6) is agrees


def test_each_start_from_a_formula_is_disturbed_by_itself():
    _, *disturbed = reviewing._pairs(reviewing.model_of("irreversible_binding"), "irreversible_binding", 1)
    factors = []
    for written, changes in disturbed:
        full, gone = changes["ksyn"] / changes["kdeg"], changes["inactivated_0"]
        factors.append(np.divide(written.start, [(1.0 - gone) * full, gone * full]))
        assert [changes["T"], changes["C"]] == list(written.start)
    np.testing.assert_allclose(factors, [[1.5, 1.0], [1.0, 1.5]])


def test_constants_that_the_card_excludes_are_drawn_again(monkeypatch):
    seen = []

    def writer(p, start):
        seen.append(p.kdeg)
        return turnover()(p, start)

    monkeypatch.setitem(all_reviews(), "target_turnover", writer)
    monkeypatch.setitem(reviewing.VALID, "target_turnover", lambda p: p.kdeg > 0.25)
    compare("target_turnover", sets=6)
    assert all(k > 0.25 for k in seen[1:])
    monkeypatch.setitem(reviewing.VALID, "target_turnover", lambda _: False)
    monkeypatch.setattr(reviewing, "ATTEMPTS", 20)
    with pytest.raises(RuntimeError, match="no valid constants"):
        compare("target_turnover")


def test_a_review_registers_its_model(monkeypatch):
    monkeypatch.setattr(reviewing, "REVIEWS", {})
    review("toy")(turnover())
    assert set(reviewing.REVIEWS) == {"toy"}


def test_a_failed_comparison_is_infinite_where_a_value_is_missing():
    assert same("x", [np.nan], [1.0]).error == np.inf
    assert not holds("x", [True, False]).ok
