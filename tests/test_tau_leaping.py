"""Tau-leaping: its Poisson numbers, closed forms, what it must never do, and the promises it shares with exact cells.

Statistical checks have fixed seeds. A bound of 5 standard errors fails one check in two million by chance, and a χ² at
1e-6 one in a million; what leaps may be off by is allowed for beside, as a part epsilon.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache

import numba as nb
import numpy as np
import pytest
from scipy import stats

import sbmlqsp as qsp
from sbmlqsp.engine import tau, tau_kernel
from sbmlqsp.engine.jumps import jump_system
from sbmlqsp.engine.ssa import Stop
from sbmlqsp.engine.tau import LeapingCells
from sbmlqsp.engine.tau_poisson import poisson
from sbmlqsp.errors import ExperimentError, UnsupportedError
from tests.cells import interrupted, ready, run

BASIC = """species X, A, B; X = 0; A = 10000; B = 0; k = 10000; d = 1; kf = 1; n = 3; pulse = 0
  birth: => X; k; death: X => ; d*X; swap: A -> B; net; net := kf*A - kf*B; many: => n B; pulse"""


@lru_cache
def leaping(text: str, *outputs: str, epsilon: float = 0.03) -> LeapingCells:
    model = qsp.read_antimony(f"model m; {text}; end")
    return LeapingCells(jump_system(model.network), outputs, (), epsilon)


def basic(epsilon: float = 0.03) -> LeapingCells:
    """Return birth and death beside a reversible isomerisation, with many molecules of each."""
    return leaping(BASIC, "X", "A", "B", epsilon=epsilon)


# ------------------------------------------------------------------------------------------------------ Poisson numbers
@pytest.fixture(scope="module")
def sampled():
    @nb.njit
    def sample(mean, rng, out):
        for i in range(out.shape[0]):
            out[i] = poisson(mean, rng)

    def many(mean, n=100_000):
        out = np.empty(n)
        sample(mean, np.array([0, 1, 2, 3], dtype=np.uint64), out)
        return out

    return many


def p_value(found, mean):
    """Return that of χ² over bins of equal probability, as far as whole numbers allow."""
    law = stats.poisson(mean)
    edges = np.unique(law.ppf(np.linspace(0, 1, 101)[1:-1]))
    p = np.diff(np.concatenate([[0.0], law.cdf(edges), [1.0]]))
    seen = np.bincount(np.searchsorted(edges, found), minlength=len(p))
    keep = p * len(found) >= 10
    e, o = np.append(p[keep], p[~keep].sum()) * len(found), np.append(seen[keep], seen[~keep].sum())
    e, o = e[e > 0], o[e > 0]
    return stats.chi2.sf(((o - e) ** 2 / e).sum(), len(e) - 1)


@pytest.mark.parametrize("mean", [1e-3, 0.3, 4.0, 9.99, 10.0, 11.5, 30.0, 1e3, 1e6, 1e12])
def test_poisson_numbers_follow_their_distribution(sampled, mean):
    """And numbers whose mean is off by a twentieth of a standard deviation do not."""
    found = sampled(mean)
    assert (found == np.rint(found)).all()
    assert p_value(found, mean) > 1e-6
    if mean > 1:
        assert p_value(found, mean + 0.05 * math.sqrt(mean)) < 1e-6


def test_poisson_numbers_at_the_ends(sampled):
    assert (sampled(0.0, 100) == 0).all()
    assert np.isfinite(sampled(1e300, 100)).all()
    assert (sampled(9.999999, 1000) < 60).all()


# -------------------------------------------------------------------------------------------------------- closed forms
def test_means_and_variances_of_large_counts():
    """Poisson and binomial counts: off by less than epsilon, and by less where epsilon is smaller."""
    off = {}
    for epsilon in (0.3, 0.03):
        found = run(basic(epsilon), [0, 0.5, 4], count=2000)
        assert (found.status == 0).all()
        x, a = found.out[:, :, 0], found.out[:, :, 1]
        worst = []
        for g, t in ((1, 0.5), (2, 4.0)):
            p = (1 + math.exp(-2 * t)) / 2
            made = 1e4 * (1 - math.exp(-t))
            for values, mean, variance in ((x[:, g], made, made), (a[:, g], 1e4 * p, 1e4 * p * (1 - p))):
                chance = 5 * math.sqrt(variance / 2000) / mean, 5 * math.sqrt(2 / 2000)
                errors = abs(values.mean() / mean - 1), abs(values.var(ddof=1) / variance - 1)
                assert errors[0] < chance[0] + epsilon
                assert errors[1] < chance[1] + 1.5 * epsilon
                worst.append(errors)
        off[epsilon] = np.max(worst, axis=0)
        assert found.jumps.max() < 60 / epsilon
    assert (off[0.03] < off[0.3] / 2).all()


def test_a_law_with_a_threshold_is_not_leapt_over():
    """X rises by 10,000 a time and is read only by whether it is above 5,000; Y is made from then on, by 5,000."""
    text = "species X, Y; X = 0; Y = 0; rise: => X; 10000; make: => Y; piecewise(10000, X > 5000, 0)"
    found = run(leaping(text, "X", "Y"), [0, 1], count=500)
    assert (found.status == 0).all()
    assert found.jumps.max() < 3000
    y = found.out[:, 1, 1]
    variance = 2 * 5000  # of the counts from when it is reached on, and of when that is
    assert abs(y.mean() - 5000) < 5 * math.sqrt(variance / 500) + 3


def test_how_steep_laws_are_is_the_order_of_mass_action(monkeypatch):
    """Hill's law is steep by its coefficient over two where it is half saturated."""
    monkeypatch.setattr(tau_kernel, "_probe", tau_kernel._probe.py_func)
    laws = [lambda x: 5.0, lambda x: 3 * x[0], lambda x: x[0] * (x[0] - 1) / 2, lambda x: x[0] * x[1],
            lambda x: x[0] * (x[0] - 1) * (x[0] - 2), lambda x: x[0] ** 4 / (1e12 + x[0] ** 4)]  # fmt: skip

    def probe(i, x, p, t, out):
        out[:6] = [law(x) for law in laws]

    def steep(*counts, epsilon=0.03):
        x, out = np.array(counts, dtype=float), np.zeros(6)
        leap = tau_kernel.Leap(**dict.fromkeys(tau_kernel.Leap._fields, 0))._replace(
            channels=6, reads=2, of_read=2, reader=5, steep=0, slopes=6, epsilon=epsilon)  # fmt: skip
        at = np.array([0, 1, 0, 6, 12, *range(6), *range(6)])
        room = np.zeros(20)
        with np.errstate(invalid="ignore", divide="ignore"):
            tau_kernel._measure.py_func(probe, x, None, np.array([law(x) for law in laws]), 0.0, leap, at, room, out)
        assert x.tolist() == list(counts)
        return room[:6]

    assert steep(1000.0, 500.0) == pytest.approx([0, 1, 2, 2, 3, 2], rel=0.04)
    small = steep(20.0, 0.0)
    assert small[2] >= 2 + 1 / 19 - 1e-12  # as Cao, Gillespie and Petzold have it
    assert small[4] >= 3 + 1 / 19 + 2 / 18 - 1e-2
    assert small[3] == pytest.approx(1)  # what one of two that has run out may do at once


@pytest.mark.parametrize(("x", "steep", "mean", "variance", "lost", "longest"), [
    (1000.0, 2.0, 5.0, 1.0, 0.0, 15 / 5), (1000.0, 2.0, -5.0, 1.0, 0.0, 15 / 5),
    (1000.0, 2.0, 0.0, 100.0, 0.0, 225 / 100), (1000.0, 0.1, 0.0, 1.0, 60.0, 30 / 60),
    (10.0, 3.0, 0.5, 4.0, 0.0, 1 / 4), (10.0, math.inf, 2.0, 1.0, 0.0, 1 / 2),
    (1000.0, 2.0, 0.0, 0.0, 0.0, math.inf),
])  # fmt: skip
def test_how_long_a_leap_may_be(x, steep, mean, variance, lost, longest):
    """The least of what mean, variance and loss leave, of a count or of one molecule."""
    leap = tau_kernel.Leap(**dict.fromkeys(tau_kernel.Leap._fields, 0))._replace(
        reads=1, of_read=1, reader=3, mean=1, variance=2, lost=3, epsilon=0.03, turnover=1.0)  # fmt: skip
    room, at = np.array([steep, mean, variance, lost]), np.array([0, 0, 1, 0])
    with np.errstate(divide="ignore"):
        assert tau_kernel._longest.py_func(np.array([x]), leap, at, room) == pytest.approx(longest)


# ------------------------------------------------------------------------------------------------ what it never does
def test_few_molecules_are_run_exactly():
    """Where no leap is worth it, cells are those of the exact method, bit for bit."""
    small = {"k": 10.0, "A": 100.0, "pulse": 0.2}
    leapt = run(basic(0.003), [0, 0.5, 3], count=50, env=small)
    exact = run(ready(BASIC, "X", "A", "B"), [0, 0.5, 3], count=50, env=small)
    assert leapt.out.tobytes() == exact.out.tobytes()
    assert (leapt.jumps == exact.jumps).all()


@pytest.mark.parametrize("careless", [False, True])
def test_counts_never_fall_below_zero(careless, monkeypatch):
    """Also without care for channels that run out, where leaps often fail and are drawn again."""
    if careless:
        monkeypatch.setattr(tau, "CRITICAL", 0.0)
        monkeypatch.setattr(tau, "TURNOVER", 1e9)
    text = """species X, Y, Z, P; X = 3000; Y = 40; Z = 0; P = 20; a: X + Y => Z; 0.01*X*Y; b: Z => X; Z; c: X => ; 5*X
      d: => X; 9000; pair: 2 P => ; P*(P - 1)"""
    cells = leaping(text, "X", "Y", "Z", "P", epsilon=0.9 if careless else 0.5)
    found = run(cells, np.linspace(0, 2, 51), count=1000)
    assert (found.status == 0).all()
    assert found.out.min() == 0
    assert (found.out == np.rint(found.out)).all()
    assert (found.out[:, 1:, 1] + found.out[:, 1:, 2] <= 40).all()


def test_a_dose_comes_at_its_time_in_every_cell():
    silent, at = {"k": 0.0, "kf": 0.0, "d": 0.0}, 1.2345
    for side, seen in (("after", 5000), ("before", 0)):
        found = run(basic(), [0, np.nextafter(at, 0), at, np.nextafter(at, 2), 3], count=5, env=silent,
                    stops=[Stop(at, (("X", True, 5000.0),), dosed=True)], at_dose=side).out[:, :, 0]  # fmt: skip
        assert (found == [0, 0, seen, 5000, 5000]).all()
    given = [Stop(0.5, (("X", True, 5000.0),), dosed=True)]
    found = run(basic(), [0, np.nextafter(0.5, 0), 0.5, 1], count=500, stops=given, env={"k": 0.0}).out[:, :, 0]
    assert (found[:, :3] == [0, 0, 5000]).all()
    assert abs(found[:, 3].mean() - 5000 * math.exp(-0.5)) < 5 * math.sqrt(1200 / 500) + 0.015 * 5000


def test_a_window_in_time_is_a_stop():
    text = "species X; X = 0; J: => X; piecewise(100000, time >= 1 && time < 1.5, 0)"
    found = run(leaping(text, "X"), [0, 1, 1.25, 1.5, 3], count=200).out[:, :, 0]
    assert (found[:, :2] == 0).all()
    assert (found[:, 3] == found[:, 4]).all()
    assert abs(found[:, 2].mean() - 25000) < 5 * math.sqrt(25000 / 200)
    assert abs(found[:, 4].mean() - 50000) < 5 * math.sqrt(50000 / 200)


# ------------------------------------------------------------------------------------------------------------- statuses
BROKEN = """species X, Y; X = 5000; Y = 1; n = 1; grow = 0; bare = 0; neg = 0; step = 0; low = 0; stick = 0; pairs = 0
  more: => X; grow*X; explode: => X; pairs*X^2; odd: => Y; sqrt(bare); negative: => Y; neg*(6000 - X); up: => X; step
  fewer: Y => ; low; uneven: => n Y; stick"""


@pytest.mark.parametrize(("env", "status", "words"), [
    ({"grow": 1.0}, 10, "a count passes 2^53, beyond which it is no whole number ('X')"),
    ({"pairs": 1.0}, 10, "a count passes 2^53, beyond which it is no whole number ('X')"),
    ({"bare": -1.0}, 1, "a propensity is negative, infinite or not a number ('odd') at time 0, after 0 leaps"),
    ({"neg": 1e-3, "step": 2000.0}, 1, "a propensity is negative, infinite or not a number ('negative')"),
    ({"low": 1.0, "step": 1e4}, 2, "a count would fall below zero ('Y')"),
    ({"stick": 10.0, "n": 0.5, "step": 1e4}, 9, "a reaction changes a count by no whole number ('Y')"),
    ({"grow": 0.1, "much": 1.0}, 3, "more jumps than allowed at time"),
])  # fmt: skip
def test_a_run_that_cannot_go_on_says_what_and_when(env, status, words):
    most = 50 if env.pop("much", None) else 100_000
    found = run(leaping(BROKEN, "X"), [0, 100], env=env, count=2, most=most)
    assert (found.status == status).all()
    assert np.isnan(found.out).all()
    for message, time, steps in zip(found.messages, found.time, found.jumps, strict=True):
        assert message.startswith(words)
        assert message.endswith(f"at time {time:.6g}, after {steps} leaps and jumps")


# ------------------------------------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize(("text", "how", "words"), [
    ("E: at X > 150: X = 0", {}, "the event 'E'"),
    ("", {"fates": {"many": "X > 200"}}, "fates"),
    ("species D; D = 1; out: D => ; D", {"continuous": ["D"]}, "'D', which moves continuously"),
    ("r = 1; r' = 1", {}, "'r', which moves continuously"),
    ("wave: => X; 1 + sin(time)", {}, "propensity of 'wave', which changes with time"),
    ("n := 1 + floor(X/1000); uneven: => n X; 1", {}, "stoichiometry of 'uneven', which changes"),
])  # fmt: skip
def test_what_cannot_be_leapt_over_is_refused_by_name(text, how, words):
    model = qsp.read_antimony(f"model m; species X; X = 100; J: X => ; X; {text}; end")
    options = {k: v for k, v in how.items() if k == "continuous"}
    arm = qsp.Experiment(model, times=[0, 1], observables=["X"], **{k: v for k, v in how.items() if k == "fates"})
    with pytest.raises(UnsupportedError, match=rf"cannot leap over .*{words}.*method='ssa'"):
        qsp.simulate(arm, method="tau-leaping", **options)


def test_epsilon_must_be_a_part_and_belong_to_leaps():
    arm = qsp.Experiment(qsp.read_antimony("model m; species X; X = 1; J: X => ; X; end"), times=[0, 1])
    for epsilon in (0, 1, -0.1, math.nan, "0.03", True):
        with pytest.raises(ExperimentError, match="psilon is not usable"):
            qsp.simulate(arm, method="tau-leaping", epsilon=epsilon)
    for method in ("ode", "ssa"):
        with pytest.raises(ExperimentError, match="method='tau-leaping'"):
            qsp.simulate(arm, method=method, epsilon=0.03)
    with pytest.raises(UnsupportedError, match="engine='roadrunner'"):
        qsp.simulate(arm, method="tau-leaping", engine="roadrunner")


# ------------------------------------------------------------------------------------------------------------- the verb
@pytest.fixture(scope="module")
def model():
    return qsp.read_antimony(f"model m; {BASIC}; end")


def simulate(model, **how):
    how = {"method": "tau-leaping", "seed": 3, "replicates": 40} | how
    arm = qsp.Experiment(model, times=[0, 1, 2], observables=["X", "A"], regimen="500 into X at 1")
    return qsp.simulate(arm, **how)


def test_the_same_bits_whatever_runs_beside():
    whole = run(basic(), [0, 1, 2], count=150)
    split = run(basic(), [0, 1, 2], count=150, threads=2)
    part = run(basic(), [0, 1, 2], count=7, first=80)
    assert whole.out.tobytes() == split.out.tobytes()
    assert (whole.out[80:87] == part.out).all()
    assert (whole.jumps[80:87] == part.jumps).all()
    assert not np.array_equal(whole.out, run(basic(), [0, 1, 2], count=150, seed=2).out)


def test_threads_chunks_and_resuming_leave_the_numbers(model, tmp_path, monkeypatch):
    people = {"k": [5000.0, 10000.0, 20000.0]}
    whole = simulate(model, subjects=people)
    assert whole.X.dims == ("experiment", "subject", "replicate", "time")
    assert simulate(model, subjects=people, workers=2).X.identical(whole.X)
    fewer = simulate(model, subjects={"k": [5000.0, 10000.0]}, replicates=7)
    assert (fewer.X.values == whole.X.values[:, :2, :7]).all()
    how = {"subjects": people, "chunk": 25, "store": tmp_path / "s"}
    with interrupted(monkeypatch, after=2):
        simulate(model, **how)
    assert 0 < len(qsp.open_store(tmp_path / "s").missing) < 5
    with pytest.raises(qsp.QSPError):
        simulate(model, **how, resume=True, epsilon=0.02)
    store = simulate(model, **how, resume=True)
    assert (store.read().X.values == whole.X.values).all()
    arm = qsp.Experiment(model, times=[0, 1, 2], observables=["X", "A"], regimen="500 into X at 1")
    assert (store.rerun(arm, whole["subject"].values[1])["X"].values[0, 0] == whole.X.values[0, 1]).all()


def test_the_provenance_says_how(model):
    inputs = json.loads(simulate(model, replicates=1, epsilon=0.05).attrs["provenance"])["inputs"]
    assert (inputs["name"], inputs["epsilon"]) == ("tau-leaping", 0.05)


def test_cells_vary_and_fail_one_by_one(model):
    population = qsp.Population({"k": 10000.0}, cell_variability={"k": qsp.Variability("log-normal", cv=0.5)})
    ds = simulate(model, population=population, size=2, replicates=200)
    assert ds.X.values[0, 0, :, 2].std() > 1000
    ds = simulate(model, subjects={"k": [1.0, -1.0]}, replicates=2, on_failure="record")
    assert ds["status"].values[0].tolist() == [[0, 0], [1, 1]] or (ds["status"].values[0, 1] > 0).all()
    assert "'birth'" in str(ds["message"].values[0, 1, 0])
