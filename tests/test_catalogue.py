"""The catalogue: what it lists, how it refuses, where it looks."""

from __future__ import annotations

import importlib

import pytest

from sbmlqsp.errors import ModelError

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
        cat.catalogue()
