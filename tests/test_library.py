"""Every model of the library passes every check, and every check catches a model broken on purpose."""

from __future__ import annotations

import pytest

import sbmlqsp as qsp
from sbmlqsp.catalogue import load
from validation.library import CHECKS, Item, complaints, items, main
from validation.library_table import README, with_table

ITEMS = items()

ANT = """// Decay of a drug.
model decay(S, V, k)
  // @input k
  // @output S, V
  unit mg = 1e-3 gram
  unit per_hour = 1 / (3600 second)
  unit time_unit = 3600 second
  unit substance = 1e-3 gram
  unit extent = 1e-3 gram
  unit volume = litre

  model notes "A drug that decays."
  model description "https://doi.org/10.1000/example"

  compartment V = 2
  V has litre
  V is "volume"
  V.sboTerm = 290
  species S in V
  S = 0
  S is "drug"
  S.sboTerm = 247
  k = 0.3
  k has per_hour
  k is "rate constant"
  k.sboTerm = 35

  loss: S => ; k * S * V
  loss is "loss of the drug"
  loss.sboTerm = 179
end
"""
CARD = """title = "Decay"
purpose = "A drug that decays."
equations = ["dS/dt = -k * S"]
assumptions = ["None."]
cases = ["decays"]
not_for = "Anything else."

[[references]]
citation = "Nobody (2000)."
doi = "10.1000/example"
cited_for = "the equation"

[parameters.k]
source = "illustration"
[parameters.V]
source = "illustration"
"""


@pytest.fixture
def case_of_decay(monkeypatch):
    """A case on three sets that proves the miniature."""
    from validation import cases

    one = cases.Case("toy/decay/decays", "decay", ("S0-00",), {"a": {}, "b": {}, "c": {}}, lambda _: [], "it decays")
    monkeypatch.setattr(cases, "all_cases", lambda: {one.id: one})


@pytest.fixture
def miniature(tmp_path, case_of_decay):
    def write(*changes, card=()):
        text, about = ANT, CARD
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        for old, new in card:
            assert old in about
            about = about.replace(old, new)
        path = tmp_path / "decay.ant"
        path.write_text(text)
        path.with_suffix(".toml").write_text(about)
        return Item(path, path.with_suffix(".toml"))

    return write


# All checks of one model follow each other, so that a worker of pytest-xdist reads and translates few models.
@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("item", ITEMS, ids=lambda i: i.id)
def test_a_model_passes_every_check(item, check):
    assert complaints(item, [check]) == []


@pytest.mark.parametrize("item", ITEMS, ids=lambda i: i.id)
def test_a_model_loads_by_its_id(item):
    assert load(item.id).digest == item.model.digest


def test_models_of_one_text_share_no_tables(miniature):
    item = miniature()
    before = dict(item.model.network.symbols)
    for table in (item.model.network.symbols, item.model.network.reactions, item.model.directions):
        table.clear()
    again = Item(item.path, item.card_path).model
    assert again.network.symbols == before
    assert set(again.network.reactions) == {"loss"}
    assert set(again.directions) == {"S", "V", "k"}


def test_a_text_is_kept_under_its_own_name(miniature):
    from sbmlqsp.antimony_module import plain_antimony

    text = miniature().text
    assert [plain_antimony(text, where=w).source for w in ("here", "there")] == ["here", "there"]
    wrong = text.replace("k * S * V", "k * (S * V")
    for where in ("here", "there"):
        with pytest.raises(qsp.ModelError, match=where):
            plain_antimony(wrong, where=where)


def test_the_table_of_the_library_is_that_of_the_files(monkeypatch):
    monkeypatch.setattr("validation.library_table.items", lambda: ITEMS)  # those that other tests have read already
    text = README.read_text(encoding="utf-8")
    assert with_table(text) == text, "run python -m validation.library_table --write"


def test_the_miniature_is_fine(miniature):
    assert complaints(miniature()) == []


BROKEN = {
    "valid": [
        ([("k has per_hour", "k has litre")], (), "unit"),
        ([("k.sboTerm = 35", "k.sboTerm = 179")], (), "sboTerm"),
    ],
    "declares_units": [
        ([("  unit extent = 1e-3 gram\n", "")], (), "no extent unit"),
        ([("  k has per_hour\n", "")], (), "k has no unit"),
        ([("k * S * V", "k * (S + 1) * V")], (), "undeclared|unit"),
        ([("k * S * V", "k * S")], (), "unit"),
    ],
    "named": [
        ([('  k is "rate constant"\n', "")], (), "k has no display name"),
        ([("model decay", "model other")], (), "called other"),
        ([("k", "reset")], (), "reset"),
    ],
    "annotated": [
        ([("  k.sboTerm = 35\n", "")], (), "k has no SBO term"),
        ([("A drug that decays.", "Something else.")], (), "notes"),
        ([("10.1000/example", "10.1000/other")], (), "only in the model"),
        ([], [("10.1000/example", "10.1000/other")], "only in the card"),
    ],
    "ported": [
        ([("// @input k", "")], (), "k is an argument without a direction"),
        ([("(S, V, k)", "(S, V)")], (), "k is directed but no argument"),
        ([("// @input k", "// @input k, S")], (), "two directions"),
    ],
    "one_way": [([("S => ;", "S -> ;")], (), "reversible")],
    "carded": [
        ([], [('source = "illustration"\n[parameters.V]', "[parameters.V]")], "empty source"),
        ([], [("[parameters.k]", "[parameters.q]")], "q has a source but no number"),
        ([], [("[parameters.k]", "[parameters.k]\nvalue = 3")], "repeats the value"),
        ([], [('not_for = "Anything else."\n', "")], "no not_for"),
        ([], [("10.1000/example", "example")], "no DOI"),
        ([], [('cited_for = "the equation"', 'cited_for = ""')], "cited for"),
    ],
    "proven": [
        ([], [('"decays"', '"decays", "flies"')], "flies is only in the card"),
        ([], [('["decays"]', "[]")], "decays is not in the card"),
    ],
    "runs_bare": [([("k * S * V", "k * S * V * V / (k - k)")], (), "finite|error|CVODE")],
    "survives_extremes": [
        ([("loss: S => ; k * S * V", "loss: S => ; k * V * 1 mg_per_litre"),
          ("  unit mg =", "  unit mg_per_litre = 1e-3 gram / litre\n  unit mg =")], (), "below zero"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("check", "ant", "card", "message"),
    [(check, *broken) for check, many in BROKEN.items() for broken in many],
)
def test_a_check_catches_its_broken_miniature(miniature, check, ant, card, message):
    found = complaints(miniature(*ant, card=card), [check])
    assert any(part in line for line in found for part in message.split("|")), found


def test_a_round_trip_that_loses_something_is_caught(miniature, monkeypatch):
    item = miniature()
    real = qsp.write_sbml
    monkeypatch.setattr(qsp, "write_sbml", lambda model: real(model).replace('value="0.3"', 'value="0.4"'))
    assert any("SBML" in line for line in complaints(item, ["returns_from_sbml"]))


def test_a_composition_that_changes_a_part_is_caught(miniature, monkeypatch):
    item = miniature()
    real = qsp.compose
    monkeypatch.setattr(qsp, "compose", lambda name, parts: real(name, parts, set={"inner.k": 0.4}))
    assert any("inside a composition" in line for line in complaints(item, ["same_inside"]))


def test_every_check_has_its_miniature():
    assert set(CHECKS) == {*BROKEN, "returns_from_sbml", "same_inside"}


def test_the_command_lists_complaints(capsys):
    assert main(["nothing_of_that_name"]) == 2
    assert main(["target_turnover"]) == 0
    assert "target_turnover: fine" in capsys.readouterr().out
