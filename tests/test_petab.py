"""PEtab problems against closed forms: simulations, χ² and likelihoods of both versions, and there and back."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path

import numpy as np
import pytest
from petab_files import FIRST, SECOND, written

import sbmlqsp as qsp
from validation.exchange.petab import judged

SUITE = Path(os.environ.get("PETAB_SUITE", Path(__file__).parents[2] / "shared/suites/petab"))
LN10 = math.log(10)


def simulated(path, **parameters):
    return qsp.read_petab(path).simulate(parameters)["simulation"].tolist()


def normal(m, y, s):
    return -0.5 * math.log(2 * math.pi * s**2) - 0.5 * ((m - y) / s) ** 2


def laplace(m, y, s):
    return -math.log(2 * s) - abs(m - y) / s


def test_a_bolus_is_a_condition_of_a_later_period(tmp_path):
    problem = qsp.read_petab(written(tmp_path))
    decay = math.exp(-0.5)
    exact = [4.0, 4 * decay**2 + 5, (4 * decay**2 + 5) * decay]
    table = problem.simulate()
    assert list(table) == ["observableId", "experimentId", "time", "simulation"]
    np.testing.assert_allclose(table["simulation"], exact, rtol=1e-8)
    score = problem.score()
    residuals = (np.array([4, 6, 4]) - exact) / 0.5
    assert score.chi2 == pytest.approx((residuals**2).sum(), rel=1e-7)
    wanted = sum(normal(m, y, 0.5) for m, y in zip([4, 6, 4], exact, strict=True))
    assert score.log_likelihood == pytest.approx(wanted, rel=1e-8)
    assert score.log_posterior == score.log_likelihood
    assert problem.simulate({"k": 0.0, "dose": 1.0})["simulation"].tolist() == pytest.approx([4, 5, 5])


def test_every_noise_of_version_2(tmp_path):
    path = written(
        tmp_path,
        observables="""observableId observableFormula noiseFormula noiseDistribution noisePlaceholders
a S 0.1*a normal
b S s log-normal s
c S 0.4 laplace
d 2*S+time 0.4 log-laplace""",
        measurements="observableId experimentId time measurement noiseParameters\n"
        "a e 1 3 \nb e 1 3 0.2\nc e 1 3 \nd e 1 3 \nb e 1 3 k",
    )
    y = 4 * math.exp(-0.5)
    z = 2 * y + 1
    exact = [
        normal(3, y, 0.1 * y),
        normal(math.log(3), math.log(y), 0.2) - math.log(3),
        laplace(3, y, 0.4),
        laplace(math.log(3), math.log(z), 0.4) - math.log(3),
        normal(math.log(3), math.log(y), 0.5) - math.log(3),
    ]
    score = qsp.read_petab(path).score()
    assert score.table["log_likelihood"].tolist() == pytest.approx(exact, rel=1e-7)
    chi2 = ((3 - y) / (0.1 * y)) ** 2 + ((3 - y) / 0.4) ** 2 + (math.log(3 / z) / 0.4) ** 2
    chi2 += (math.log(3 / y) / 0.2) ** 2 + (math.log(3 / y) / 0.5) ** 2
    assert score.chi2 == pytest.approx(chi2, rel=1e-7)


OLD_NOISE = """observableId observableFormula observableTransformation noiseFormula noiseDistribution
a observableParameter2_a+observableParameter1_a*S log10 noiseParameter1_a normal
b S log10 0.2 laplace
c S log 0.2 """
OLD_ROWS = """observableId simulationConditionId time measurement observableParameters noiseParameters
a c 1 3 2;0.5 0.1
a c 2 3 k;1 0.2
b c 1 3
c c 1 3"""


def test_version_1_is_scored_and_becomes_version_2_and_back_with_the_same_numbers(tmp_path):
    path = written(tmp_path / "a", FIRST, observables=OLD_NOISE, measurements=OLD_ROWS)
    problem, y = qsp.read_petab(path), 4 * math.exp(-0.5)
    a, b = 0.5 + 2 * y, 1 + 0.5 * 4 * math.exp(-1)
    exact = [
        normal(math.log10(3), math.log10(a), 0.1) - math.log(3 * LN10),
        normal(math.log10(3), math.log10(b), 0.2) - math.log(3 * LN10),
        laplace(math.log10(3), math.log10(y), 0.2) - math.log(3 * LN10),
        normal(math.log(3), math.log(y), 0.2) - math.log(3),
    ]
    score = problem.score()
    assert score.table["log_likelihood"].tolist() == pytest.approx(exact, rel=1e-7)
    assert list(problem.simulate()) == [c.replace("measurement", "simulation") for c in OLD_ROWS.split("\n")[0].split()]
    new = qsp.read_petab(qsp.write_petab(problem, tmp_path / "b"))
    old = qsp.read_petab(qsp.write_petab(new, tmp_path / "c", version=1))
    assert (problem.version, new.version, old.version) == (1, 2, 1)
    for other in (new, old):
        assert other.score().chi2 == pytest.approx(score.chi2, rel=1e-12)
        assert other.score().log_likelihood == pytest.approx(score.log_likelihood, rel=1e-12)
        assert other.parameters["k"].scale == "log10"


TURNOVER = "model t; species R; R = 1; kin = 2; kout = 0.5; J: -> R; kin - kout*R; end"


def test_steady_states_before_and_after(tmp_path):
    path = written(
        tmp_path,
        model=TURNOVER,
        parameters="parameterId lowerBound upperBound nominalValue estimate\nkout 0 9 0.5 true",
        observables="observableId observableFormula noiseFormula\nr R 1",
        conditions="conditionId targetId targetValue\nlow kin 1\nhigh kin 3\nmore R R+1",
        experiments="experimentId time conditionId\ne -inf low\ne 5 high\ne 5 more\nf 0 high",
        measurements="observableId experimentId time measurement\nr e 5 1\nr e 7 1\nr e inf 1\nr f inf 1\nr  0 1",
    )
    assert simulated(path) == pytest.approx([3, 6 - 3 * math.exp(-1), 6, 6, 1], rel=1e-7)
    assert simulated(path, kout=1.0)[:3] == pytest.approx([2, 3 - math.exp(-2), 3], rel=1e-7)


def test_a_state_that_is_never_steady_is_refused(tmp_path):
    path = written(
        tmp_path,
        experiments="experimentId time conditionId\ne 0 ",
        model="model g; species S; S = 1; k = 0.5; J: -> S; k*S; end",
        parameters="parameterId lowerBound upperBound nominalValue estimate\nk 0 9 0.5 true",
        measurements="observableId experimentId time measurement\nseen e inf 1",
    )
    with pytest.raises(qsp.SimulationError, match=r"grows without bound.*experiment 'e'"):
        simulated(path)


SUBSTANCE = {
    "parameters": "parameterId lowerBound upperBound nominalValue estimate\nrate 0 9 1 true",
    "observables": "observableId observableFormula noiseFormula\nv V 1\nc S 1\na S*V 1",
}


def rows(times, ids="vca", experiment="e"):
    cells = [f"{o} {experiment} {t} 1" for t in times for o in ids]
    return "\n".join(["observableId experimentId time measurement", *cells])


GROWING = "model v; compartment V; V = 4; species S in V; S = 2; rate = 1; S' = rate; V has litre; {event} end"


@pytest.mark.parametrize(
    ("event", "change", "exact"),
    [
        # The concentration stays where the volume changes, and both are set at once.
        ("", "c V 8", [[4, 12, 48], [8, 12, 96], [8, 14, 112]]),
        ("", "c V 8\nc S S+V", [[4, 12, 48], [8, 16, 128], [8, 18, 144]]),
        # An event of the same instant comes after the change, and keeps amounts as SBML has it.
        ("at time >= 10: V = 2*V;", "c V 8\nc S S+V", [[4, 12, 48], [16, 8, 128], [16, 10, 160]]),
        # What the change makes true fires; what it makes false before it is true does not.
        ("at S >= 14: V = 2*V;", "c S 16", [[4, 12, 48], [8, 8, 64], [8, 10, 80]]),
        ("at S >= 12: V = 2*V;", "c S 3", [[4, 12, 48], [4, 3, 12], [4, 5, 20]]),
        # What is no longer true fires again; what was true before does not.
        ("at S >= 11: V = 2*V;", "c S 30", [[8, 6.5, 52], [16, 15, 240], [16, 17, 272]]),
        ("at time >= 9: V = 2*V;", "c S 30", [[8, 6.5, 52], [8, 30, 240], [8, 32, 256]]),
    ],
)
def test_a_change_an_event_and_a_volume_at_one_instant(tmp_path, event, change, exact):
    late = 10 - 1e-6
    path = written(
        tmp_path,
        model=GROWING.format(event=event),
        conditions=f"conditionId targetId targetValue\n{change}",
        experiments="experimentId time conditionId\ne 0 \ne 10 c",
        measurements=rows([late, 10, 12]),
        **SUBSTANCE,
    )
    assert simulated(path) == pytest.approx([x for three in exact for x in three], rel=1e-5)


def test_events_go_on_while_a_steady_state_is_sought_and_time_starts_anew_after_it(tmp_path):
    path = written(
        tmp_path,
        model="model s; species R; R = 0; p = 0; p has litre; k = 1; J: -> R; p - k*R; at time >= 1000: p = p + 2; end",
        parameters="parameterId lowerBound upperBound nominalValue estimate\nk 0 9 1 true",
        observables="observableId observableFormula noiseFormula\nr R 1",
        conditions="conditionId targetId targetValue\nc R 7\nb R 0",
        experiments="experimentId time conditionId\ne -inf b\ne 0 c",
        measurements="observableId experimentId time measurement\nr e 0 1\nr e 500 1\nr e 1001 1\nr e inf 1\nr  inf 1",
    )
    assert simulated(path) == pytest.approx([7, 2, 4 - 2 * math.exp(-1), 4, 2], rel=1e-7)


def test_time_is_the_experiments_own(tmp_path):
    path = written(
        tmp_path,
        model="model w; S = 0; S' = piecewise(1, time < 7, 0) + 0.1*time; at time >= 6: S = S + 100; end",
        parameters="parameterId lowerBound upperBound nominalValue estimate",
        observables="observableId observableFormula noiseFormula\nr S+time 1",
        conditions="conditionId targetId targetValue\nc S 3*time",
        experiments="experimentId time conditionId\ne 5 \ne 6.5 c",
        measurements="observableId experimentId time measurement\n"
        + "\n".join(f"r e {t} 1" for t in (5, 5.5, 6, 7, 8)),
    )

    def area(begin, end):
        return 0.05 * (end**2 - begin**2)

    exact = [5, 6 + area(5, 5.5), 107 + area(5, 6), 7 + 19.5 + 0.5 + area(6.5, 7), 8 + 19.5 + 0.5 + area(6.5, 8)]
    assert simulated(path) == pytest.approx(exact, rel=1e-8)


def test_a_volume_that_a_rule_gives_and_a_start_that_reads_the_time(tmp_path):
    path = written(
        tmp_path,
        model="model r; compartment V; V := w + time; w = 1; species S in V; S = 3*time; k = 0; J: S -> ; k; end",
        parameters="parameterId lowerBound upperBound nominalValue estimate\nk 0 9 0 true",
        conditions="conditionId targetId targetValue\nc w 3\nc S 7",
        experiments="experimentId time conditionId\ne 4 \ne 6 c",
        measurements="observableId experimentId time measurement\nseen e 4 1\nseen e 5 1\nseen e 6 1\nseen e 7 1",
    )
    assert simulated(path) == pytest.approx([12, 12 * 5 / 6, 7, 7 * 9 / 10], rel=1e-9)


def test_starts_follow_what_they_are_computed_from_and_conditions_replace_them(tmp_path):
    path = written(
        tmp_path,
        model="model i; compartment V; species S in V; V = 2; a = 1; b := 3*a; S = a + b; k = 0; J: S -> ; k*S; end",
        parameters="parameterId lowerBound upperBound nominalValue estimate\nx 0 9 5 true",
        observables="observableId observableFormula noiseFormula\no S 1\np off+b 1",
        conditions="conditionId targetId targetValue\nc a 2*x\nd S x/2\nd off 7\nc off 1",
        experiments="experimentId time conditionId\ne 0 c\nf 0 d",
        measurements="observableId experimentId time measurement\no e 0 1\no f 0 1\np e 0 1\np f 0 1",
    )
    assert simulated(path) == pytest.approx([40, 2.5, 31, 10])


OLD_TURNOVER = {
    "parameters": "parameterId parameterScale lowerBound upperBound nominalValue estimate\nkout lin 0 9 0.5 1",
    "observables": "observableId observableFormula noiseFormula\nr R 1\nq kin 1",
}


def test_an_empty_cell_of_version_1_keeps_a_state_and_gives_a_parameter_the_models_value(tmp_path):
    path = written(
        tmp_path / "a",
        FIRST,
        model=TURNOVER,
        conditions="conditionId kin R\nbefore 1 8\nkeep NaN NaN\nset 3 4",
        measurements="observableId preequilibrationConditionId simulationConditionId time measurement\n"
        "r before keep 0 1\nr before keep 2 1\nq before keep 0 1\nr before set 0 1\nq before set 0 1\n"
        "r  keep 0 1\nr  before 0 1",
        **OLD_TURNOVER,
    )
    exact = [2, 4 - 2 * math.exp(-1), 2, 4, 3, 1, 8]
    problem = qsp.read_petab(path)
    for other in (
        problem,
        qsp.read_petab(qsp.write_petab(problem, tmp_path / "b")),
        qsp.read_petab(qsp.write_petab(problem, tmp_path / "c", version=1)),
    ):
        assert other.simulate()["simulation"].tolist() == pytest.approx(exact, rel=1e-7)


def test_several_models_in_one_problem(tmp_path):
    second = qsp.read_petab(written(tmp_path / "a"))
    slow = qsp.read_antimony("model slow; species S; S = 1; k = 0.5; J: S -> ; 0.1*k*S; end")
    table = second.measurements.assign(modelId=["m", "m", "n"])
    both = qsp.PetabProblem(
        models={**second.models, "n": slow}, observables=second.observables, measurements=table,
        parameters=second.parameters, conditions=second.conditions, experiments=second.experiments,
    )  # fmt: skip
    exact = [*second.simulate()["simulation"][:2], (4 * math.exp(-0.1) + 5) * math.exp(-0.05)]
    assert both.simulate()["simulation"].tolist() == pytest.approx(exact, rel=1e-8)
    again = qsp.read_petab(qsp.write_petab(both, tmp_path / "b"))
    assert again.score().log_likelihood == both.score().log_likelihood
    old = qsp.read_petab(written(tmp_path / "c", FIRST))
    pair = qsp.PetabProblem(
        models={**old.models, "n": slow}, observables=old.observables, parameters=old.parameters,
        measurements=old.measurements.assign(modelId=["model_1", "n"]), conditions=old.conditions,
        experiments=old.experiments, version=1,
    )  # fmt: skip
    back = qsp.read_petab(qsp.write_petab(pair, tmp_path / "d", version=1))
    assert back.simulate()["simulation"].tolist() == pytest.approx([4, 4 * math.exp(-0.1)], rel=1e-8)


def test_a_name_may_stand_for_a_local_parameter(tmp_path):
    local = qsp.read_antimony("model l; species S; S = 10; J: S -> ; J__k*S; J__k = 0.1; end").sbml
    local = re.sub(r"<listOfParameters>.*</listOfParameters>", "", local, flags=re.DOTALL).replace("J__k", "k")
    own = '<listOfLocalParameters><localParameter id="k" value="0.1"/></listOfLocalParameters>'
    local = local.replace("</kineticLaw>", f"{own}</kineticLaw>")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "mapping.tsv").write_text("petabEntityId\tmodelEntityId\nrate\tJ.k\nnote\t\n")
    base = {**SECOND, "problem.yaml": SECOND["problem.yaml"] + "mapping_files: [mapping.tsv]\n"}
    path = written(
        tmp_path / "a", base, model=local,
        parameters="parameterId lowerBound upperBound nominalValue estimate\nrate 0 9 0.5 true\ndose   5 false",
        observables="observableId observableFormula noiseFormula\nseen S+rate 1",
    )  # fmt: skip
    problem = qsp.read_petab(path)
    assert problem.simulate()["simulation"][0] == pytest.approx(4.5)
    again = qsp.read_petab(qsp.write_petab(problem, tmp_path / "b"))
    assert again.score().chi2 == pytest.approx(problem.score().chi2, rel=1e-12)
    assert again.estimated == ("J__k",)


# Those with most in them; all are in validation/exchange/petab.py.
FEW = {"v1.0.0": "0005 0009 0012 0016 0018 0019", "v2.0.0": "0009 0012 0016 0018 0021 0022 0024 0026 0028 0031"}


@pytest.mark.skipif(not SUITE.is_dir(), reason="the PEtab test suite is not here (PETAB_SUITE names its folder)")
@pytest.mark.parametrize("version", FEW)
def test_cases_of_the_suite(version):
    found = {name: judged(SUITE / version / name) for name in FEW[version].split()}
    assert {name: f.verdict for name, f in found.items()} == dict.fromkeys(found, "right")
