"""The Answer noun: a number where there is one, and never a NaN that nobody noticed."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import sbmlqsp as qsp

FOUND = qsp.Answer(9.25, "h", "the first time at which R is 2 nmol/L", at=9.25, at_unit="h")
NEVER = qsp.Answer.impossible("the first time at which R is 2 nmol/L", "R settles at 6.18 nmol/L", unit="h", at=40.0)


def test_an_answer_is_a_number_with_its_meaning():
    assert float(FOUND) == 9.25
    assert 2 * float(FOUND) == 18.5
    assert bool(FOUND)
    assert str(FOUND) == "9.25 h"
    assert f"{FOUND:.1f}" == "9.2"
    assert f"{FOUND}" == "9.25 h"
    assert repr(FOUND) == "<answer 9.25 h: the first time at which R is 2 nmol/L>"
    assert "<b>9.25 h</b>" in FOUND._repr_html_()
    assert np.asarray(FOUND, dtype=float) == 9.25


def test_a_pure_number_is_said_without_a_unit():
    assert str(qsp.Answer(0.5, "dimensionless")) == "0.5"
    assert str(qsp.Answer(0.5)) == "0.5"


def test_what_is_impossible_is_no_number():
    assert not NEVER
    assert math.isnan(NEVER.value)
    assert NEVER.at == 40.0
    assert str(NEVER) == "impossible: R settles at 6.18 nmol/L"
    assert "no answer to the first time" in repr(NEVER)
    for use in (float, lambda a: f"{a:.3g}", lambda a: np.asarray(a, dtype=float)):
        with pytest.raises(qsp.ImpossibleError, match=r"no first time at which R is 2 nmol/L: R settles at 6.18"):
            use(NEVER)


def test_the_error_is_one_of_ours_and_survives_a_worker():
    with pytest.raises(qsp.QSPError) as caught:
        float(NEVER)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is qsp.ImpossibleError
    assert str(again) == str(caught.value)
    assert pickle.loads(pickle.dumps(FOUND)) == FOUND


def test_html_is_escaped():
    assert "<x>" not in qsp.Answer(1.0, "", "the highest value of <x>")._repr_html_()
