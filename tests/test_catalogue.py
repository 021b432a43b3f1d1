"""The catalogue: what it lists, how it refuses, where it looks."""

from __future__ import annotations

import importlib
import warnings

import pytest

from sbmlqsp.errors import ModelError, UnitError
from sbmlqsp.library_ports import listed_ports
from sbmlqsp.units import parse_unit

cat = importlib.import_module("sbmlqsp.catalogue")  # the package's face holds the function of the same name


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small library of our own: one module and one system."""
    folder = tmp_path / "models" / "modules" / "toy"
    folder.mkdir(parents=True)
    (folder / "decay.ant").write_text(
        "model decay(S, k)\n  // @input k\n  // @output S\n  S = 1; k = 1; J: S -> ; k*S\nend\n"
    )
    (folder / "decay.toml").write_text('title = "Decay"\n')
    system = tmp_path / "models" / "systems" / "whole"
    system.mkdir(parents=True)
    (system / "whole.ant").write_text("model whole()\n  x = 1\nend\n")
    (system / "card.toml").write_text('title = "A whole"\nstatus = "reviewed"\n')
    monkeypatch.setattr("sbmlqsp.library.PACKAGE", tmp_path / "sbmlqsp")
    return tmp_path / "models"


def test_the_shipped_library_is_listed():
    table = cat.catalogue()
    assert list(table.columns) == ["family", "title", "status", "ports", "path"]
    assert {"one_compartment", "theophylline", "mab_tmdd"} <= set(table.index)
    assert table.loc["tmdd_full", "family"] == "binding"
    assert table.loc["theophylline", "family"] == "system"
    assert table.index.is_unique


def test_a_row_holds_title_status_ports_and_path(library):
    table = cat.catalogue()
    assert table.loc["decay", ["title", "status", "ports"]].tolist() == ["Decay", "provisional", "in: k; out: S"]
    assert table.loc["whole", ["family", "status", "ports"]].tolist() == ["system", "reviewed", ""]
    assert table.loc["decay", "path"] == str(library / "modules" / "toy" / "decay.ant")


def test_load_reads_a_module_with_its_ports(library):
    model = cat.load("decay")
    assert model.id == "decay"
    assert {p.id: p.direction for p in model.ports} == {"S": "output", "k": "input"}


def test_search_finds_words_in_title_purpose_equations_and_ports():
    assert "tmdd_full" in cat.catalogue("internalisation complex").index
    assert "tmdd_full" in cat.catalogue("TMDD full").index
    assert cat.catalogue("internalisation unicorn").empty
    assert set(cat.catalogue(family="binding")["family"]) == {"binding"}


def test_search_by_port_finds_ids_and_meanings():
    by_id = cat.catalogue(port="Cp")
    assert {"emax", "indirect_response"} <= set(by_id.index)
    assert "tmdd_full" in cat.catalogue(port="internalisation rate").index
    assert cat.catalogue(port="nothing of the kind").empty


def test_search_by_unit_knows_equal_units_in_any_spelling():
    assert "emax" in cat.catalogue(port="Cp", unit="ug/mL").index
    assert "indirect_response" not in cat.catalogue(port="Cp", unit="ug/mL").index
    assert "indirect_response" in cat.catalogue(port="Cp", unit="nM").index
    assert cat.catalogue(port="kdeg", unit="1/d").index.isin(cat.catalogue(unit="1/day").index).all()
    with pytest.raises(UnitError):
        cat.catalogue(unit="florins")


@pytest.mark.parametrize("name", cat.model_ids())
def test_ports_read_as_text_are_the_ports_of_the_model(name):
    model = cat.load(name)
    listed = {p.id: p for p in listed_ports(cat._entries()[name].path.read_text())}
    for port in model.ports:
        if port.id in listed:  # a system also gives out the ports of its parts
            found = listed.pop(port.id)
            assert (found.direction, found.meaning) == (port.direction, port.meaning)
            assert found.unit is not None, port.id
            assert found.unit.equivalent(parse_unit(port.unit)), port.id
    assert not listed


def test_a_provisional_model_warns_once_and_a_reviewed_one_does_not(library, monkeypatch):
    monkeypatch.setattr(cat, "_TOLD", set())
    with pytest.warns(cat.ProvisionalModelWarning, match="'decay' is provisional"):
        cat.load("decay")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cat.load("decay")  # once is enough
        cat.load("whole")


def test_a_near_miss_is_answered_with_the_name(library):
    with pytest.raises(ModelError, match=r"no model 'decy'.*did you mean 'decay'.*whole"):
        cat.load("decy")
    with pytest.raises(ModelError, match="did you mean 'decay'"):
        cat.card("Decay")


def test_card_adds_the_status(library):
    assert cat.card("decay") == {"title": "Decay", "status": "provisional"}


def test_an_installed_copy_comes_first(library):
    inside = library.parent / "sbmlqsp" / "_models" / "modules"
    inside.mkdir(parents=True)
    assert cat.models_root() == inside.parent


def test_a_missing_library_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.setattr("sbmlqsp.library.PACKAGE", tmp_path / "sbmlqsp")
    with pytest.raises(ModelError, match=r"library is missing.*_models and .*models.*reinstall"):
        cat.catalogue()


def test_two_models_of_one_name_are_refused(library):
    other = library / "modules" / "other"
    other.mkdir()
    (other / "decay.ant").write_text("model decay()\n  x = 1\nend\n")
    with pytest.raises(ModelError, match=r"Two models.*'decay'.*rename"):
        cat.catalogue()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = ", "cannot be read"),
        ('status = "reviewed"\n', "lacks a title"),
        ('title = "Decay"\nstatus = "fine"\n', "unknown status.*'fine'.*provisional, reviewed"),
    ],
)
def test_a_bad_card_is_named(library, text, message):
    (library / "modules" / "toy" / "decay.toml").write_text(text)
    with pytest.raises(ModelError, match=message):
        cat.card("decay")


def test_a_model_without_a_card_is_named(library):
    (library / "modules" / "toy" / "decay.toml").unlink()
    with pytest.raises(ModelError, match=r"'decay' has no card.*decay\.toml"):
        cat.load("decay")


@pytest.mark.parametrize("text", [None, "title = ", 'status = "reviewed"\n'])
def test_a_bad_card_does_not_hide_the_others(library, text):
    bad = library / "modules" / "toy" / "decay.toml"
    bad.unlink() if text is None else bad.write_text(text)
    with pytest.warns(cat.LibraryWarning, match=r"'decay' is left out of the catalogue: .*decay\.toml"):
        assert list(cat.catalogue().index) == ["whole"]


def test_a_model_that_changes_is_read_again(library):
    first = cat.load("decay")
    assert cat.load("decay") == first
    path = library / "modules" / "toy" / "decay.ant"
    path.write_text(path.read_text().replace("k = 1", "k = 22"))
    assert float(cat.load("decay").symbol("k").value) == 22.0


def test_a_part_that_changes_is_read_again_with_its_system(library):
    system = library / "systems" / "whole" / "whole.ant"
    system.write_text('import "../../modules/toy/decay.ant"\nmodel whole()\n  inner: decay()\nend\n')
    assert float(cat.load("whole").symbol("inner.k").value) == 1.0
    path = library / "modules" / "toy" / "decay.ant"
    path.write_text(path.read_text().replace("k = 1", "k = 22"))
    assert float(cat.load("whole").symbol("inner.k").value) == 22.0


def test_what_one_caller_writes_into_a_table_stays_there(library):
    table = cat.load("decay").symbols
    table.loc["k", "value"] = 5.0
    assert cat.load("decay").symbols.loc["k", "value"] == 1.0
