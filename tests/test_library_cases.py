"""Every case of validation/analytic, under its first and its last parameter set (of systems the first).

``python -m validation`` runs them under all of their sets; SBMLQSP_ALL_SETS=1 does so here.
"""

from __future__ import annotations

import os

import pytest

from sbmlqsp.catalogue import catalogue
from validation.cases import all_cases, holds, same

CASES = all_cases()
EVERY = bool(os.environ.get("SBMLQSP_ALL_SETS"))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param(name, values, id=f"{name}-{values}")
        for name, case in CASES.items()
        for values in (case.sets if EVERY else case.tested)
    ],
)
def test_the_model_does_what_the_case_says(name, values):
    found = list(CASES[name].run(values))
    assert found, "the case compares nothing"
    wrong = [f"{c.label}: error {c.error:.2g}, allowed {c.tolerance:.2g}" for c in found if not c.ok]
    assert not wrong, f"{CASES[name].claim}\n" + "\n".join(wrong)


def test_every_model_of_the_library_has_a_case():
    without = set(catalogue().index) - {case.model for case in CASES.values()}
    assert not without


@pytest.mark.parametrize(
    ("got", "expected", "ok"),
    [
        ([1.0, 2.0], [1.0, 2.0 * (1 + 5e-7)], True),
        ([1.0, 2.0], [1.0, 2.0 * (1 + 2e-6)], False),
        ([0.0], [0.0], True),
        ([1e-3], [0.0], False),
        ([1.0, float("nan")], [1.0, 2.0], False),
        ([float("nan")], [float("nan")], False),
        ([float("inf")], [float("inf")], True),
        ([float("inf")], [1.0], False),
        ([1e-300], [2e-300], False),
        ([], [], False),
        ([1.0], [1.0, 1.0], False),
    ],
)
def test_a_comparison_tells_right_from_wrong(got, expected, ok):
    assert same("x", got, expected).ok is ok


def test_a_claim_that_is_false_fails():
    assert holds("x", True, [True, True]).ok
    assert not holds("x", True, [True, False]).ok
