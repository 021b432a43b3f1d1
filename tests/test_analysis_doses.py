"""The factor on a regimen that meets a target, against closed forms."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

import sbmlqsp as qsp

TEXTS = {
    "oral": "species D, C; D = 0; C = 0; a: D -> C; ka*D; e: C ->; k*C; ka = 1.3; k = 0.2; E := C/(10 + C)",
    "decay": "species S; S = 10; J: S ->; k*S; k = 0.1; WT = 70",
}


@functools.cache
def model(name):
    return qsp.read_antimony(f"model m; {TEXTS[name]}; end")


def arm(name, end, **options):
    return qsp.Experiment(model(name), times=[0, end], **options)


TOP = 100 * 1.3 / 1.1 * ((1.3 / 0.2) ** (-0.2 / 1.1) - (1.3 / 0.2) ** (-1.3 / 1.1))


def test_a_peak_in_proportion():
    found = qsp.dose_for(arm("oral", 24, regimen="100 into D"), "C", target=200)
    assert float(found) == pytest.approx(200 / TOP, rel=1e-9)
    assert found.definition.endswith(f"the first dose is {100 * 200 / TOP:.6g}")


def test_a_peak_out_of_proportion():
    found = qsp.dose_for(arm("oral", 24, regimen="100 into D"), "E", target=0.9)
    assert float(found) == pytest.approx(90 / TOP, rel=1e-9)
    never = qsp.dose_for(arm("oral", 24, regimen="100 into D"), "E", target=1.2)
    assert "is at most 1" in never.reason
    assert "1.2 is needed" in never.reason


def test_trough_average_and_end_of_the_last_interval():
    e = arm("oral", 60, regimen="100 into D every 12 x 5")
    sums = [(1 - math.exp(-60 * r)) / (1 - math.exp(-12 * r)) for r in (0.2, 1.3)]
    c = 100 * 1.3 / 1.1 * (sums[0] * math.exp(-0.2 * 12) - sums[1] * math.exp(-1.3 * 12))
    for statistic in ("min", "last"):
        found = qsp.dose_for(e, "C", target=20, statistic=statistic, after=49, between=(0.1, 10))
        assert float(found) == pytest.approx(20 / c, rel=1e-9)
    whole = float(qsp.integral(e, "C", from_=48)) / 12
    average = qsp.dose_for(e, "C", target=20, statistic="average", after=48)
    assert float(average) == pytest.approx(20 / whole, rel=1e-9)
    assert "the average of C from time 48 to 60 is 20" in average.definition


def test_what_is_there_without_a_dose_is_counted():
    e = arm("decay", 50, regimen="10 into S")
    assert float(qsp.dose_for(e, "S", target=30)) == pytest.approx(2, rel=1e-9)
    assert float(qsp.dose_for(e, "S", target=0.1, statistic="last")) == pytest.approx(
        0.1 * math.exp(5) / 10 - 1, rel=1e-9
    )
    low = qsp.dose_for(e, "S", target=3)
    assert "is no less than 10" in low.reason


def test_infusions_and_formulas_are_scaled_too():
    e = arm("decay", 10, regimen="[WT/7] into S over 10", changes={"S": 0})
    found = qsp.dose_for(e, "S", target=5)
    assert float(found) == pytest.approx(5 / (1 / 0.1 * -math.expm1(-1)), rel=1e-9)
    assert "the first dose is [" in found.definition


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"statistic": "mean"}, "'max' or 'min' or 'last' or 'average'"),
        ({"target": math.nan}, "Target is not finite"),
        ({"target": "3 mg"}, "no declared unit"),
        ({"between": (0, 1)}, "0 < low < high"),
        ({"between": (2, 1)}, "0 < low < high"),
        ({"after": 60}, "no time between"),
        ({"after": 50, "statistic": "average"}, "average needs a time"),
    ],
)
def test_broken_questions(options, words):
    with pytest.raises(qsp.QSPError, match=words):
        qsp.dose_for(arm("decay", 50, regimen="10 into S"), "S", **({"target": 3} | options))


def test_without_doses_there_is_nothing_to_scale():
    with pytest.raises(qsp.ExperimentError, match="no regimen to scale"):
        qsp.dose_for(arm("decay", 50), "S", target=3)


def test_a_bell_between_two_factors_of_the_scan_is_found():
    """The average of a bell-shaped response passes the target only in a narrow range of doses."""
    model = qsp.read_antimony("model bell; species S; S = 0; E := (S/10)^4 / (1 + (S/10)^4)^2 * 4; end")
    e = qsp.Experiment(model, times=[0, 1], regimen="1 into S", observables=["E"])
    for target in (0.9, 0.9999):
        root = (2 - target - 2 * math.sqrt(1 - target)) / target  # of 4 x / (1 + x)^2 = target, the smaller
        for statistic in ("average", "last", "max"):
            found = qsp.dose_for(e, "E", target=target, statistic=statistic)
            assert float(found) == pytest.approx(10 * root**0.25, rel=1e-6)
    never = qsp.dose_for(e, "E", target=1.01, statistic="average")
    assert "is at most 1," in never.reason


def test_a_factor_that_fails_roughly_is_tried_again(monkeypatch):
    from sbmlqsp.analysis import doses

    real = doses._Dosing.several

    def fails(self, factors, tolerances):
        found = real(self, factors, tolerances)
        return np.where(np.arange(len(factors)) % 2, found, np.nan) if tolerances is doses.ROUGH else found

    monkeypatch.setattr(doses._Dosing, "several", fails)
    found = qsp.dose_for(arm("decay", 50, regimen="10 into S"), "S", target=30)
    assert float(found) == pytest.approx(2, rel=1e-9)
