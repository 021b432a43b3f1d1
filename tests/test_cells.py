"""Single cells as jump processes: closed forms, exact times, random streams, statuses, and the verb's own promises.

Statistical checks have fixed seeds; a bound of 5 standard errors would fail one check in two million by chance.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.ssa import Cells, Stop
from sbmlqsp.engine.ssa_arithmetic import uniforms
from sbmlqsp.engine.ssa_kernel import _choose
from sbmlqsp.errors import UnsupportedError
from sbmlqsp.streams import key64
from tests.cells import interrupted, ready, run

MANY = 2000
BASIC = """species X, A, B; X = 0; A = 100; B = 0; k = 10; d = 1; kf = 1
  birth: => X; k; death: X => ; d*X; swap: A -> B; net; net := kf*A - kf*B"""


def basic() -> Cells:
    """Return birth and death beside a reversible isomerisation whose law is a rule."""
    return ready(BASIC, "X", "A")


def assert_moments(values, mean, variance, *, fourth=None):
    """Compare mean and variance with closed forms within 5 standard errors; ``fourth``: central, a normal's if None."""
    n = len(values)
    fourth = 3 * variance**2 if fourth is None else fourth
    assert abs(values.mean() - mean) < 5 * math.sqrt(variance / n)
    assert abs(values.var(ddof=1) - variance) < 5 * math.sqrt((fourth - variance**2) / n)


def poisson(mean):
    return {"mean": mean, "variance": mean, "fourth": mean + 3 * mean**2}


# -------------------------------------------------------------------------------------------------------- closed forms
def test_birth_and_death_and_a_reversible_reaction():
    """Poisson counts on the way to equilibrium; binomial ones (a net rate would leave no variance at all)."""
    found = run(basic(), [0, 0.5, 3], count=MANY).out
    for g, t in enumerate([0, 0.5, 3]):
        if t == 0:
            assert (found[:, g] == [0, 100]).all()
            continue
        assert_moments(found[:, g, 0], **poisson(10 * (1 - math.exp(-t))))
        p = (1 + math.exp(-2 * t)) / 2
        assert_moments(found[:, g, 1], 100 * p, 100 * p * (1 - p))


MOVING = """species X, Y, D, Z, W, Q; substanceOnly species S; compartment V = 2, G = 1; S in V; D in V; Q in G
  k = 10; D = 3
  wave: => X; k*(1 + sin(time)); window: => Y; piecewise(3, time >= 1 && time < 1.5, 0)
  clear: D => ; D*V; made: => Z; D; grow: => W; 2*r; r' = 0.5; r = 0; S = 5
  two: S => ; S; G' = 1; Q = 40; halve: Q => ; 3*Q"""


def moving() -> Cells:
    return ready(MOVING, "X", "Y", "D", "Z", "W", "S", "[D]", "Q", "[Q]", "G", continuous=("D",))


def test_laws_that_move_between_jumps():
    """Hazards of time, of a continuous species and of a rate rule: Poisson counts of their integrals."""
    dose = [Stop(0.5, (("D", True, 4.0),), dosed=True)]
    found = run(moving(), [0, 0.5, 2], count=1000, stops=dose).out[:, 2]
    assert_moments(found[:, 0], **poisson(10 * (2 + 1 - math.cos(2))))
    assert_moments(found[:, 1], **poisson(1.5))
    amount = (6 * math.exp(-0.5) + 4) * math.exp(-1.5)
    assert found[:, 2] == pytest.approx(amount, rel=1e-7)  # D is 3 per volume: 6 in 2
    assert found[:, 6] == pytest.approx(amount / 2, rel=1e-7)
    area = (6 * (1 - math.exp(-0.5)) + (6 * math.exp(-0.5) + 4) * (1 - math.exp(-1.5))) / 2
    assert_moments(found[:, 3], **poisson(area))
    assert_moments(found[:, 4], **poisson(2 * 0.25 * 4))
    p = math.exp(-2)
    assert_moments(found[:, 5], 5 * p, 5 * p * (1 - p), fourth=5 * p * (1 - p) * (1 + (3 * 5 - 6) * p * (1 - p)))


def test_fast_and_narrow_changes_of_a_hazard_are_not_missed():
    """A wave of 64 periods, a window of a ten-thousandth of the run, and a smooth pulse of a two-hundredth."""
    text = """species W, N, P; wave: => W; 2*(1 + sin(40*time))
      narrow: => N; piecewise(3000, time >= 3.0001 && time < 3.0011, 0)
      pulse: => P; 100*exp(-((time - 5.03)/0.05)^2)"""
    found = run(ready(text, "W", "N", "P"), [0, 10], count=500).out[:, 1]
    assert_moments(found[:, 0], **poisson(20 + (1 - math.cos(400)) / 20))
    assert_moments(found[:, 1], **poisson(3.0))
    assert_moments(found[:, 2], **poisson(5 * math.sqrt(math.pi)))


def test_a_compartment_that_grows():
    """The law 3*Q reads a concentration, n/(1 + t), so a molecule is left with probability (1 + t)^-3."""
    found = run(moving(), [0, 1], count=1000).out[:, 1]
    assert_moments(found[:, 7], 40 / 8, 40 / 8 * 7 / 8)
    assert found[:, 8] == pytest.approx(found[:, 7] / 2)
    assert found[:, 9] == pytest.approx(2.0)


def test_formulas_of_every_kind():
    """A function definition, chained rules, local parameters, volumes, boundary species, pairs, stoichiometry 3."""
    text = """species X, $E, P; substanceOnly species M; compartment V = 4; X in V; E in V; M in V; P in V
      E = 2; c := 2*b; b := E + s; s = 1; pair: 2 M => ; twice(c)/12*M*(M - 1)/2; M = 2
      feed: E => X; 6*E; many: => 3 P; q*3; q = 0.5"""
    cells = ready_functions(text)
    found = run(cells, [0, 0.7], count=MANY).out[:, 1]
    assert_moments(found[:, 0], **poisson(6 * 2 * 0.7))
    left = math.exp(-0.7)
    assert set(np.unique(found[:, 1])) == {0.0, 2.0}
    assert_moments(found[:, 1] / 2, left, left * (1 - left), fourth=left * (1 - left) * (1 - 3 * left * (1 - left)))
    assert (found[:, 2] == 2).all()
    assert (found[:, 3] == found[:, 0] / 4).all()
    assert (found[:, 4] % 3 == 0).all()
    assert_moments(found[:, 4] / 3, **poisson(1.05))
    assert (found[:, 5] == 6).all()


def ready_functions(text) -> Cells:
    from sbmlqsp.engine.jumps import jump_system

    model = qsp.read_antimony(f"function twice(a) 2*a; end model m; {text}; end")
    return Cells(jump_system(model.network), ("X", "M", "[E]", "[X]", "P", "c"))


def test_moles_are_counted_in_molecules():
    """100 molecules written in zeptomoles, which decay by a law in those units."""
    zepto = 100 / 602.214076
    cells = ready(f"substanceOnly species D; unit substance = 1e-21 mole; D = {zepto!r}; K: D => ; D", "D")
    found = run(cells, [0, 1], count=MANY).out[:, 1, 0] * 602.214076
    np.testing.assert_allclose(found, np.rint(found), atol=1e-9)
    p = math.exp(-1)
    assert_moments(found, 100 * p, 100 * p * (1 - p))


# --------------------------------------------------------------------------------------------------------------- times
def test_a_dose_into_an_empty_system_comes_at_its_time_in_every_cell():
    silent = {"k": 0.0, "kf": 0.0, "d": 0.0}
    at = 1.2345
    for side, seen in (("after", 50), ("before", 0)):
        found = run(basic(), [0, np.nextafter(at, 0), at, np.nextafter(at, 2), 3], count=20, env=silent,
                    stops=[Stop(at, (("X", True, 50.0),), dosed=True)], at_dose=side).out[:, :, 0]  # fmt: skip
        assert (found == [0, 0, seen, 50, 50]).all()


def test_a_dose_at_the_start_and_at_the_end():
    stops = [Stop(0.0, (("X", True, 7.0),), dosed=True), Stop(3.0, (("X", True, 5.0),), dosed=True)]
    still = {"k": 0.0, "d": 0.0}
    assert run(basic(), [0, 1, 3], stops=stops, env=still).out[0, :, 0].tolist() == [7, 7, 12]
    assert run(basic(), [0, 1, 3], stops=stops, env=still, at_dose="before").out[0, :, 0].tolist() == [0, 7, 7]


def test_outputs_do_not_change_the_run():
    """A finer grid shows more of the same cell."""
    for cells, exact in ((basic(), True), (moving(), False)):
        coarse = run(cells, [0, 2], count=5).out[:, -1]
        fine = run(cells, np.linspace(0, 2, 41), count=5).out[:, -1]
        if exact:
            assert np.array_equal(coarse, fine)
        else:
            np.testing.assert_allclose(coarse, fine, rtol=1e-6)


# -------------------------------------------------------------------------------------------------------------- streams
def draws(n, *, replicate=1, key=(2, 3)):
    rng = np.array([0, replicate, *key], dtype=np.uint64)
    return np.array([uniforms.py_func(rng) for _ in range(n)])


def philox(counter, key):
    """Return the 4 words of Philox4x32-10 as the two uniforms of the kernel."""
    c, k = [int(x, 16) for x in counter.split()], [int(x, 16) for x in key.split()]
    rng = np.array([c[0] | c[1] << 32, c[2] | c[3] << 32, *k], dtype=np.uint64)
    with np.errstate(over="ignore"):
        return uniforms.py_func(rng)


@pytest.mark.parametrize(("counter", "key", "words"), [
    ("0 0 0 0", "0 0", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
])  # fmt: skip
def test_the_random_numbers_are_philox(counter, key, words):
    """The known answers that come with Random123."""
    a, b, c, d = (int(w, 16) for w in words.split())
    u, v = philox(counter, key)
    assert u == 1 - ((a << 32 | b) >> 12) / 2**52
    assert v == ((c << 32 | d) >> 12) / 2**52


def test_the_kernel_draws_from_the_stream_of_its_replicate():
    """The first jump of a cell comes at an exponential time of the first number of its stream."""
    key = key64(1, "ssa")
    found = run(broken(), [0, 100], count=3, first=5, most=0, env={"far": 1e300})
    for i in range(3):
        u, _ = draws(1, replicate=5 + i, key=key)[0]
        assert found.time[i] == pytest.approx(-math.log(u), rel=1e-15)


def test_uniforms_lie_where_they_may():
    """The first is never 0, whose logarithm is infinite, and the second never 1, which would pass every channel."""
    found = draws(2000)
    assert 0 < found[:, 0].min() <= found[:, 0].max() <= 1
    assert 0 <= found[:, 1].min() <= found[:, 1].max() < 1
    assert np.abs(found.mean(0) - 0.5).max() < 5 * math.sqrt(1 / 12 / 2000)
    assert abs(np.corrcoef(found.T)[0, 1]) < 5 / math.sqrt(2000)
    assert abs(np.corrcoef(found[:-1, 0], found[1:, 0])[0, 1]) < 5 / math.sqrt(2000)


def test_a_channel_without_propensity_is_never_chosen():
    a = np.zeros(16)
    a[3], a[9] = 2.0, 1.0
    b = np.array([2.0, 1.0])
    assert [_choose.py_func(a, b, x) for x in (0.0, 1.99, 2.0, 2.99, 3.0, 9.0)] == [3, 3, 9, 9, 9, 9]
    assert _choose.py_func(np.array([1.0, *np.zeros(15)]), np.array([1.0, 0.0]), 5.0) == 0


def test_the_same_bits_whatever_runs_beside():
    whole = run(basic(), [0, 1, 2], count=150)
    split = run(basic(), [0, 1, 2], count=150, threads=2)
    part = run(basic(), [0, 1, 2], count=7, first=80)
    assert whole.out.tobytes() == split.out.tobytes()
    assert (whole.out[80:87] == part.out).all()
    assert (whole.jumps[80:87] == part.jumps).all()
    assert not np.array_equal(whole.out, run(basic(), [0, 1, 2], count=150, seed=2).out)


# ------------------------------------------------------------------------------------------------------------- statuses
BROKEN = """species X, Y; X = 0; Y = 1; n = 1; neg = 0; far = 1; bare = 0; much = 0; low = 0; stick = 0; pole = 0
  negative: => Y; neg*(0.5 - X); infinite: => Y; 1e-9/(far + (3 - X)^2); odd: => Y; sqrt(bare)
  more: => Y; much*Y; fewer: X => ; low; step: => X; 1; uneven: => n Y; stick"""


def broken() -> Cells:
    return ready(BROKEN, "X")


@pytest.mark.parametrize(("env", "status", "words"), [
    ({"neg": 1.0}, 1, "a propensity is negative, infinite or not a number ('negative') at time T, after 1 jumps"),
    ({"far": 0.0}, 1, "a propensity is negative, infinite or not a number ('infinite') at time T, after 3 jumps"),
    ({"bare": -1.0}, 1, "a propensity is negative, infinite or not a number ('odd') at time T, after 0 jumps"),
    ({"much": 20.0}, 3, "more jumps than allowed at time T, after 2001 jumps"),
    ({"low": 1e6}, 2, "a count would fall below zero ('X') at time T, after 1 jumps"),
    ({"stick": 1e6, "n": 0.5}, 9, "a reaction changes a count by no whole number ('Y') at time T, after 1 jumps"),
])  # fmt: skip
def test_a_run_that_cannot_go_on_says_what_and_when(env, status, words):
    found = run(broken(), [0, 100], env=env, count=3, most=2000)
    assert (found.status == status).all()
    assert np.isnan(found.out).all()
    for message, time in zip(found.messages, found.time, strict=True):
        assert message == words.replace("T", f"{time:.6g}")
        assert 0 <= time < 100


def test_as_many_jumps_as_allowed_are_no_failure():
    jumps = int(run(broken(), [0, 10]).jumps[0])
    assert run(broken(), [0, 10], most=jumps).status[0] == 0
    assert run(broken(), [0, 10], most=jumps - 1).status[0] == 3


def test_a_hazard_that_breaks_between_jumps_says_when():
    cells = ready("species X; J: => X; a - time*b; a = 1; b = 0; K: => X; c/(2 - time); c = 0", "X")
    found = run(cells, [0, 5], env={"a": 1e-9, "b": 1e-9})
    assert found.messages == ["a propensity is negative, infinite or not a number ('J') at time 1, after 0 jumps"]
    found = run(cells, [0, 5], env={"a": 0.0, "c": 1e-9})
    assert found.status[0] == 1
    assert "('K') at time 2" in found.messages[0]


@pytest.mark.parametrize("start", [0.5, -1.0])
def test_counts_start_whole(start):
    with pytest.raises(UnsupportedError, match=rf"'X' is counted.*{start}.*continuous=\['X'\]"):
        run(basic(), [0, 1], env={"X": start})


# ------------------------------------------------------------------------------------------------------------- the verb
@pytest.fixture(scope="module")
def model():
    return qsp.read_antimony(f"model m; {BASIC}; end")


def simulate(model, *, changes=None, **how):
    how = {"method": "ssa", "seed": 3, "replicates": 40} | how
    arms = [qsp.Experiment(model, times=[0, 1, 2], observables=["X", "A"], id=k, changes=c)
            for k, c in (changes or {"one": {}}).items()]  # fmt: skip
    return qsp.simulate(arms, **how)


def test_threads_chunks_and_resuming_leave_the_numbers(model, tmp_path, monkeypatch):
    people = {"k": [5.0, 10.0, 20.0]}
    whole = simulate(model, subjects=people)
    assert whole.X.shape == (1, 3, 40, 3)
    assert simulate(model, subjects=people, workers=2).X.identical(whole.X)
    how = {"subjects": people, "chunk": 25, "store": tmp_path / "s"}
    with interrupted(monkeypatch, after=2):
        simulate(model, **how)
    assert 0 < len(qsp.open_store(tmp_path / "s").missing) < 5
    store = simulate(model, **how, resume=True)
    assert (store.read().X.values == whole.X.values).all()


def test_a_cell_is_the_same_alone_and_among_others(model):
    whole = simulate(model, subjects={"k": [5.0, 10.0, 20.0]})
    fewer = simulate(model, subjects={"k": [5.0, 10.0]}, replicates=7)
    assert (fewer.X.values == whole.X.values[:, :2, :7]).all()


def test_arms_share_their_random_numbers(model):
    both = simulate(model, changes={"a": {}, "b": {}, "c": {"k": 11.0}})
    assert (both.X.values[0] == both.X.values[1]).all()
    assert np.corrcoef(both.X.values[0, 0, :, 2], both.X.values[2, 0, :, 2])[0, 1] > 0.5


def test_fates_read_time_amounts_and_counts(model):
    arm = qsp.Experiment(model, times=[0, 5], fates={"late": "time >= 1.5", "many": "amount(X) > 12"})
    ds = qsp.simulate(arm, method="ssa", replicates=200, seed=1)
    fate, when = ds["fate"].values.ravel(), ds["fate_time"].values.ravel()
    assert set(fate) == {"late", "many"}
    assert when[fate == "late"] == pytest.approx(1.5)
    assert (when[fate == "many"] < 1.5).all()
    assert np.isnan(ds["X"].values[..., -1]).all()


def test_an_infusion_into_what_is_continuous_drives_what_is_counted():
    """3 per time over 2 into an amount that decays: counts are Poisson of its area."""
    text = "model m; species D, C; D = 0; C = 0; out: D => ; 0.5*D; hit: => C; 2*D; end"
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 3, 6], regimen="6 into D over 2 at 1")
    ds = qsp.simulate(arm, method="ssa", continuous=["D"], replicates=2000, seed=1)
    risen = 6 * (1 - math.exp(-1))
    assert ds["D"].values[0, 0, :, 1] == pytest.approx(risen, rel=1e-6)
    assert ds["D"].values[0, 0, :, 2] == pytest.approx(risen * math.exp(-1.5), rel=1e-6)
    area = 2 * (6 - risen * math.exp(-1.5))  # what came in and is not there has left, at half of the amount in time
    assert_moments(ds["C"].values[0, 0, :, 2], **poisson(2 * area))


def test_a_dose_of_half_a_molecule_is_refused(model):
    arm = qsp.Experiment(model, times=[0, 1], regimen="5.5 into X at 1")
    with pytest.raises(UnsupportedError, match=r"'X', which is counted, is no whole number.*5\.5"):
        qsp.simulate(arm, method="ssa")


def test_a_subject_who_cannot_be_dosed_or_has_no_volume_fails_alone():
    model = qsp.read_antimony(
        "model m(k, V); compartment V = 1; substanceOnly species X in V; X = 4; k = 1; A: X => ; k*X; end"
    )
    arm = qsp.Experiment(model, times=[0, 1], observables=["X"], regimen="[N] into X")
    people = {"N": [2.0, -3.0, 2.0], "V": [1.0, 1.0, -1.0]}
    ds = qsp.simulate(arm, method="ssa", replicates=3, subjects=people, on_failure="record", seed=4)
    assert ds["status"].to_numpy()[0].tolist() == [[0] * 3, [7] * 3, [7] * 3]
    assert np.isnan(ds["X"].to_numpy()[0, 1:]).all()
    assert "amount is negative" in str(ds["message"].to_numpy()[0, 1, 0])
    assert "size of 'V' is not positive" in str(ds["message"].to_numpy()[0, 2, 0])
    alone = qsp.simulate(arm, method="ssa", replicates=3, subjects={k: v[:1] for k, v in people.items()}, seed=4)
    np.testing.assert_array_equal(ds["X"].to_numpy()[0, 0], alone["X"].to_numpy()[0, 0])
    with pytest.raises(qsp.SimulationError, match=r"ubject 1, cell 1, .*no run; The amount is negative"):
        qsp.simulate(arm, method="ssa", replicates=3, subjects=people, seed=4)


COUNTED = "model m(k, N0); substanceOnly species X; X = N0; N0 = 4; k = 1; A: X => ; k*X; end"


def counted(people, *, regimen=None, changes=None, **how):
    given = {} if regimen is None else {"regimen": regimen}
    arm = qsp.Experiment(qsp.read_antimony(COUNTED), times=[0, 1], observables=["X"], changes=changes or {}, **given)
    how = {"on_failure": "record", "replicates": 3, "seed": 4} | how
    return qsp.simulate(arm, method="ssa", subjects=people, **how)


@pytest.mark.parametrize(("regimen", "people", "words"), [
    (None, {"N0": [4.0, 4.5, 6.0, -1.0]}, ("'X' is counted, and starts with no whole number of molecules (got 4.5)",
                                           "(got -1")),
    ("[N] into X", {"N": [2.0, 2.5, 3.0, 1e-3]}, ("counted, is no whole number of molecules (got 2.5), in dose 1",
                                                  "(got 0.001")),
    ("3 into X; [3*f] into X at 0.5", {"f": [1.0, 0.5, 1.0, 0.1]}, ("(got 1.5), in dose 2 into X", "(got 0.3")),
])  # fmt: skip
def test_a_subject_without_whole_molecules_fails_alone(regimen, people, words):
    ds = counted(people, regimen=regimen)
    assert ds["status"].to_numpy()[0].tolist() == [[0] * 3, [7] * 3, [0] * 3, [7] * 3]
    assert np.isnan(ds["X"].to_numpy()[0, [1, 3]]).all()
    for row, said in zip((1, 3), words, strict=True):
        message = str(ds["message"].to_numpy()[0, row, 2])
        assert said.lower() in message.lower()
        assert "continuous=['X']" in message
    rest = {"subject": [0, 2]} | {name: [values[0], values[2]] for name, values in people.items()}
    np.testing.assert_array_equal(ds["X"].to_numpy()[0, [0, 2]], counted(rest, regimen=regimen)["X"].to_numpy()[0])
    assert ds.identical(counted(people, regimen=regimen, executor=ThreadPoolExecutor(1), chunk=2))
    with pytest.raises(qsp.SimulationError, match=r"ubject 1, cell 1, .*no run; .*no whole number of molecules"):
        counted(people, regimen=regimen, on_failure="raise")


def test_without_whole_molecules_in_any_subject_all_fail_or_all_are_refused():
    """What is the same for everybody is refused at once; what is each subject's own is told of each."""
    ds = counted({"N0": [4.5, 5.5]})
    assert (ds["status"] == 7).all()
    assert np.isnan(ds["X"]).all()
    for how in ({"regimen": "5.5 into X"}, {"regimen": "[N0/8] into X"}, {"changes": {"N0": 0.5}}):
        with pytest.raises(UnsupportedError, match="no whole number of molecules"):
            counted({"k": [1.0, 2.0]}, **how)


def test_a_cell_without_whole_molecules_fails_alone():
    """Where the start differs from cell to cell."""
    model = qsp.read_antimony(COUNTED)
    spread = qsp.Variability("normal", sd=0.2)
    people = qsp.Population({"N0": 4.0}, cell_variability={"N0": spread})
    rounded = qsp.read_antimony(COUNTED.replace("X = N0", "X = piecewise(4, N0 < 4.1, 4.5)"))
    for one, some in ((model, False), (rounded, True)):
        arm = qsp.Experiment(one, times=[0, 1], observables=["X"])
        ds = qsp.simulate(arm, population=people, size=2, replicates=20, method="ssa", on_failure="record")
        bad = ds["status"].to_numpy() == 7
        assert bad.any()
        assert bad.all() != some
        assert (np.isnan(ds["X"].to_numpy()).all(axis=-1) == bad).all()


def test_a_subject_whose_cells_have_nothing_to_vary_about_fails_alone():
    """No log-normal has a median of 0: that subject is refused, and the others are what they are without it."""
    arm = qsp.Experiment(qsp.read_antimony(COUNTED), times=[0, 1], observables=["X"])
    how = {"covariates": {"WT": qsp.Covariate("normal", mean=70, sd=10)},
           "cell_variability": {"k": qsp.Variability("log-normal", cv=0.3)}}  # fmt: skip
    some, every = (
        qsp.simulate(arm, population=qsp.Population({"k": k}, **how), size=9, replicates=5, method="ssa",
                     on_failure="record") for k in ("floor(WT/70)", "1")
    )  # fmt: skip
    bad = (some["WT"] < 70).to_numpy()
    assert 0 < bad.sum() < 9
    assert (some["status"].to_numpy()[0] == np.where(bad, 7, 0)[:, None]).all()
    assert "not positive" in str(some["message"].to_numpy()[0, bad][0, 0])
    assert some["X"][:, ~bad].equals(every["X"][:, ~bad])


def test_a_dose_reaches_what_nothing_else_moves():
    """A rule that reads a dosed species is no constant, and a condition on time over it cannot be foreseen."""
    model = qsp.read_antimony("model m; species D, C; D = 0; C = 0; k := 1 + D; make: => C; k; end")
    arm = qsp.Experiment(model, times=[0, 1, 5], regimen="10 into D at 1", observables=["k", "C"])
    ds = qsp.simulate(arm, method="ssa", replicates=MANY, seed=2)
    assert (ds["k"].values[0, 0] == [1, 11, 11]).all()
    assert_moments(ds["C"].values[0, 0, :, 2], **poisson(1 + 4 * 11))
    model = qsp.read_antimony("model m; species D, C; D = 0; C = 0; k := piecewise(1, time > D, 0); make: => C; k; end")
    arm = qsp.Experiment(model, times=[0, 12], regimen="10 into D", observables=["C"])
    with pytest.raises(UnsupportedError, match="its instant is not known beforehand"):
        qsp.simulate(arm, method="ssa")


def test_what_is_observed_twice_is_not_one_place_in_memory():
    """Results of one arm are not copied, yet each may be changed alone."""
    arm = qsp.Experiment(qsp.read_antimony(COUNTED), times=[0, 1], observables=["X", "amount(X)", "3*1"])
    for how in ({"method": "ssa", "replicates": 20, "seed": 1}, {}):
        ds = qsp.simulate(arm, **how)
        before = ds["amount(X)"].copy(deep=True)
        ds["X"] += 1
        ds["3*1"] += 1
        assert ds["amount(X)"].equals(before)
