"""Hostile files of all kinds, a few of each: refused in words, in time, and nothing else is read or left.

All of them are read by ``python -m validation.exchange.hostile``; the judge is the same, and must find acts that do
on purpose what no reader may do.
"""

from __future__ import annotations

import sys

import pytest

from tests.hostile import named
from tests.hostile.controls import DEEDS, controls
from tests.hostile.grounds import field_of

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="the grounds have named pipes and groups of processes"),
    pytest.mark.xdist_group("hostile"),
]

REFUSED = {
    "entities that multiply": "10 to the 9 in notes",
    "external entities": "a file",
    "encodings": "declared 'utf-7'",
    "NUL and control characters": "NUL in text",
    "depth": "10,000 in a formula",
    "width": "100,000 to plus",
    "numbers": "a parameter of '1e400'",
    "circles": "two rules",
    "names that are missing or double": "no such function",
    "cut short": "after 241 characters",
    "other files of a hierarchy": "a path upwards",
    "submodels": "2 to the 30",
    "packed files": "gzip of billion laughs",
    "no regular files": "a pipe",
    "links that are named": "to a secret",
    "addresses": "http",
    "Antimony: depth": "1,000 open brackets",
    "Antimony: characters": "U+0000 in a name",
    "Antimony: imports of other files": "a path upwards",
    "tables of doses": "a million open quotation marks",
    "results on disk": "whole numbers of others",
    "studies: TOML": "1,000 dots",
    "studies: files elsewhere": "subjects by a path upwards",
    "populations": "a formula of Python",
    "compositions": "a part by a path",
    "stores": "parts that are pickles",
    "stores that are gone on with": "held by deep JSON",
    "locks of runs": "a model that is no UTF-8",
    "COMBINE archives": "an entry '../evil.xml'",
    "SED-ML": "a model of a path",
    "PEtab": "a program",
}
READ = {"odd names of good files": "'$(touch evil).xml'", "tables of subjects": "bars"}


@pytest.fixture(scope="module")
def field(tmp_path_factory):
    with field_of(tmp_path_factory.mktemp("field"), seconds=30.0) as made:
        yield made


@pytest.mark.parametrize("family", [*REFUSED, *READ])
def test_a_hostile_file_is_refused_in_words_or_read_as_what_it_is(field, family):
    verdict = field.judge(named(family, (REFUSED | READ)[family]), command=family in {"depth", "studies: TOML"})
    assert not verdict.wrong, verdict.said
    assert verdict.outcome == ("refused" if family in REFUSED else "read"), verdict.said
    assert "Traceback" not in verdict.said


@pytest.mark.parametrize("control", list(controls()), ids=lambda c: c.name)
def test_the_judge_finds_what_is_done_on_purpose(field, control):
    verdict = field.judge(control, command=False)
    assert any(DEEDS[control.name][0] in wrong for wrong in verdict.wrong), verdict
