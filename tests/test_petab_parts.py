"""The parts of PEtab problems: formulas, priors, populations, problems made of data, and runs that start anew."""

from __future__ import annotations

import importlib.util
import math

import numpy as np
import pandas as pd
import pytest
from petab_files import FIRST, written

import sbmlqsp as qsp
from sbmlqsp.engine.libsbml_periods import restartable
from sbmlqsp.exchange.petab.grammar import parse_petab, to_petab
from sbmlqsp.expressions import evaluate, parse_formula
from sbmlqsp.model import Model

VALUES = {"a": 2.0, "b": 3.0, "c": 0.5, "x": -1.5}


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("-a^2", -4.0),
        ("2^3^2", 512.0),
        ("a^-b", 0.125),
        ("a - b - c", -1.5),
        ("a/b/c", 4 / 3),
        ("log(a)", math.log(2)),
        ("log(a, 10)", math.log10(2)),
        ("log2(8) + ln(exp(1))", 4.0),
        ("log(0)", -math.inf),
        ("!a == 0", 1.0),  # (!a) == 0
        ("a > 1 || b > 1 && false", 0.0),  # from left to right
        ("1 + true", 2.0),
        ("sign(x) + abs(x)", 0.5),
        ("piecewise(1, x > 0, 2, x > -2, 3)", 2.0),
        ("min(a, b)*max(a, b)", 6.0),
        ("arccot(a) + arcsech(c)", math.atan(0.5) + math.acosh(2)),
        ("1e-3*.5 + 2.E+1", 20.0005),
        ("a + a + a + a*b*c", 9.0),
        ("pow(a, b) - sqrt(4)", 6.0),
    ],
)
def test_formulas_mean_what_petab_says_and_are_printed_so(text, exact):
    expr = parse_petab(text)
    assert float(evaluate(expr, VALUES)) == pytest.approx(exact, rel=1e-14)
    assert float(evaluate(parse_petab(to_petab(expr)), VALUES)) == pytest.approx(exact, rel=1e-14)


WRONG = ["a b", "a +", "(a", "foo(a)", "a $ b", "NaN", "log(a, b, c)", "piecewise(1, a)", "a,b", "", "pow(a)", "1_0"]
WRONG += ["-" * 100 + "a", "(" * 200, "a.b", "e = 2", "__import__('os')"]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(qsp.DataError):
        parse_petab(text)


def test_formulas_of_observables_are_written_in_petabs_words(tmp_path):
    expr = parse_formula("log2(S) + log(3, S) + root(3, S)^2 + acot(S)")
    assert float(evaluate(parse_petab(to_petab(expr)), {"S": 5.0})) == pytest.approx(float(evaluate(expr, {"S": 5.0})))
    with pytest.raises(qsp.UnsupportedError, match="no 'floor'"):
        to_petab(parse_formula("floor(S)"))
    model = qsp.read_antimony("model m; species S; S = 8; J: S -> ; k*S; k = 0.1; end")
    data = qsp.read_nonmem("ID,TIME,DV\n1,0,3\n")
    problem = qsp.petab_problem(model, data, observables="log2(S)")
    assert problem.simulate()["simulation"].tolist() == pytest.approx([3.0])


PRIORS = """parameterId lowerBound upperBound nominalValue estimate priorDistribution priorParameters
k 0 1 0.5 true normal 0;1
dose 2 8 5 true log-uniform 1;10
c 0 inf 5 true exponential 3
d 1 3 2 true
f   1 false normal 0;1"""


def test_priors_are_cut_off_at_bounds_and_uniform_where_none_is_given(tmp_path):
    path = written(tmp_path, parameters=PRIORS, observables="observableId observableFormula noiseFormula\nseen S c+d+f")
    score = qsp.read_petab(path).score()
    share = 0.5 * math.erf(1 / math.sqrt(2))
    exact = {
        "k": -0.125 - 0.5 * math.log(2 * math.pi) - math.log(share),
        "dose": -math.log(5 * math.log(4)),
        "c": -5 / 3 - math.log(3),
        "d": -math.log(2),
    }
    assert score.log_priors == pytest.approx(exact, rel=1e-12)
    assert score.log_posterior == pytest.approx(score.log_likelihood + sum(exact.values()))
    assert qsp.read_petab(path).score({"k": 1.5}).log_prior == -math.inf


def test_a_prior_far_in_a_tail_keeps_its_digits():
    exact = -0.5 * math.log(2 * math.pi) - 0.5 * 15.0**2 - math.log(0.5 * math.erfc(15 / math.sqrt(2)))
    assert qsp.PetabPrior("normal", (0.0, 1.0)).log_density(15.0, 15.0, math.inf) == pytest.approx(exact, rel=1e-9)
    with pytest.raises(qsp.DataError, match="leave nothing"):
        qsp.PetabPrior("uniform", (0.0, 1.0)).log_density(2.0, 1.5, 3.0)


OLD = (
    "parameterId parameterScale lowerBound upperBound nominalValue estimate objectivePriorType objectivePriorParameters"
)
OLD_PRIORS = f"""{OLD}
k log10 0.01 10 0.5 1 parameterScaleNormal -1;0.5
a log 0.01 10 0.5 1
b lin 0.01 10 0.5 1 laplace 1;2
c log10 0.01 10 0.5 1 parameterScaleUniform -1;1"""


def test_priors_of_version_1_are_those_of_version_2(tmp_path):
    path = written(tmp_path / "a", FIRST, parameters=OLD_PRIORS,
                   observables="observableId observableFormula noiseFormula\nseen S a+b+c")  # fmt: skip
    problem = qsp.read_petab(path)
    kinds = {n: (p.prior.kind, *p.prior.parameters) for n, p in problem.parameters.items()}
    ln10 = math.log(10)
    assert kinds["k"] == pytest.approx(("log-normal", -ln10, 0.5 * ln10))
    assert kinds["a"] == ("log-uniform", 0.01, 10.0)
    assert kinds["b"] == ("laplace", 1.0, 2.0)
    assert kinds["c"] == pytest.approx(("log-uniform", 0.1, 10.0))
    score = problem.score()
    for version in (1, 2):
        other = qsp.read_petab(qsp.write_petab(problem, tmp_path / str(version), version=version))
        assert other.score().log_posterior == pytest.approx(score.log_posterior, rel=1e-12)


POPULATION = qsp.Population(
    {"pk.CL": "CL_pop*(WT/70)^0.75*(1 - 0.5*CYP_poor)", "pk.V": "0.5*WT", "ka": 1.2},
    covariates={
        "WT": qsp.Covariate("log-normal", median=72, cv=0.2, low=40, high=150, unit="kg"),
        "CYP": qsp.Covariate("categories", levels={"poor": 0.1, "normal": 0.9}),
        "DOSE": qsp.Covariate("categories", levels={1: 0.5, 2: 0.5}, each="occasion"),
    },
    derived={"LWT": "ln(WT)"},
    typical={"CL_pop": 2.7, "other": 1.0},
    variability={
        "pk.CL": qsp.Variability("log-normal", cv=0.3),
        "pk.V": qsp.Variability("logit-normal", sd=0.1, high=100),
    },
    omega={("pk.CL", "pk.V"): 0.4},
    occasion_variability={"pk.CL": qsp.Variability("log-normal", variance=0.01)},
    uncertainty=pd.DataFrame([[0.04, 0.01], [0.01, 0.09]], index=["CL_pop", "other"], columns=["CL_pop", "other"]),
    id="adults",
)


def decayed():
    model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    return model, qsp.read_nonmem("ID,TIME,DV\n1,0,9.5\n1,5,6.5\n")


@pytest.mark.parametrize("people", [None, "demographics", "table"])
def test_a_population_lies_beside_the_problem(tmp_path, people):
    from dataclasses import fields, replace

    model, data = decayed()
    population = POPULATION
    if people == "demographics":
        about = qsp.Demographics(age_weights={"18-40": 0.6, "40-75": 0.4}, female=0.3, weight=(45, 120))
        population = qsp.Population({"k": "0.1*WT/70"}, people=about, derived=["BSA"])
    if people == "table":
        table = pd.DataFrame({"WT": [50.0, 80.5], "SEX": ["F", "M"]})
        population = qsp.Population({"k": "0.1*WT/70"}, people=table)
    problem = replace(qsp.petab_problem(model, data, observables="S"), population=population)
    path = qsp.write_petab(problem, tmp_path)
    again = qsp.read_petab(path)
    assert again.score().chi2 == problem.score().chi2
    for f in fields(population):
        one, other = getattr(population, f.name), getattr(again.population, f.name)
        if isinstance(one, pd.DataFrame):
            pd.testing.assert_frame_equal(one, other, check_dtype=False)
        else:
            assert one == other, f.name
    path.write_text(path.read_text().replace("sbmlqsp_population", "someone_elses"))
    other = qsp.read_petab(path)
    assert (other.population, other.ignored) == (None, ("someone_elses",))
    with pytest.raises(qsp.UnsupportedError, match="no place for a population"):
        qsp.write_petab(problem, tmp_path / "old", version=1)


def test_a_wrong_population_table_is_refused_with_its_line(tmp_path):
    from dataclasses import replace

    model, data = decayed()
    path = qsp.write_petab(replace(qsp.petab_problem(model, data, observables="S"), population=POPULATION), tmp_path)
    table = tmp_path / "population.tsv"
    good = table.read_text()
    for old, new, match in (
        ("omega\tpk.CL;pk.V", "omega\tpk.CL", "row means nothing"),
        ("\tcv\t0.3", "\tcw\t0.3", "known: cv"),
        ("\ntypical\tCL_pop", "\ntypicals\tCL_pop", "did you mean 'typical'"),
        ("correlation\t0.4", "correlation\tmuch", "no number"),
    ):
        assert old in good
        table.write_text(good.replace(old, new, 1))
        with pytest.raises(qsp.DataError, match=rf"(?is){match}"):
            qsp.read_petab(path)


def test_an_experiment_and_data_become_a_problem(tmp_path):
    model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    seen = qsp.Observable("amount(S)", error=qsp.ErrorModel(additive=1, proportional=0.1))
    arm = qsp.Experiment(model, times=[0, 8], regimen="100 into S every 4 x 2", observables=seen, changes={"k": 0.2})
    data = qsp.read_nonmem("ID,TIME,DV\n1,1,88\n1,8,60\n2,2,70\n")
    chosen = qsp.PetabParameter("k", lower=0.01, upper=1, prior=qsp.PetabPrior("log-normal", (-2.0, 1.0)))
    problem = qsp.petab_problem(arm, data, estimate=[chosen], name="first")
    exact = [100 * math.exp(-0.2), 100 * math.exp(-1.6) + 100 * math.exp(-0.8), 100 * math.exp(-0.4)]
    again = qsp.read_petab(qsp.write_petab(problem, tmp_path))
    np.testing.assert_allclose(again.simulate()["simulation"], exact, rtol=1e-7)
    residuals = (np.array([88, 60, 70]) - exact) / np.sqrt(1 + (0.1 * np.array(exact)) ** 2)
    assert again.score().chi2 == pytest.approx((residuals**2).sum(), rel=1e-6)
    assert (again.id, again.estimated, again.parameters["k"].value) == ("first", ("k",), 0.2)
    late = qsp.Experiment(model, times=[0, 8], regimen="100 into S lag 1 bioavailability 0.5", observables=seen)
    later = qsp.petab_problem(late, data).simulate()["simulation"]
    np.testing.assert_allclose(later, [50, 50 * math.exp(-0.7), 50 * math.exp(-0.1)], rtol=1e-7)
    with pytest.raises(qsp.DataError, match="did you mean 'k'"):
        qsp.petab_problem(arm, data, estimate=[qsp.PetabParameter("kk", lower=0, upper=1)])


def test_a_run_can_start_anew_at_any_time_with_a_memory_of_its_events():
    model = qsp.read_antimony("model m; S' = time; S = 0; at time >= 3: S = S + 1; q := 2*time; end")
    built = restartable(model.sbml, model.network)
    network = Model("m", built.sbml).network
    # A symbol of the time cannot be turned into a sum in place; it has to be replaced.
    assert all(built.origin in e.symbols() for _, _, e in network.formulas() if e.has("time"))
    assert [e.initial_value for e in network.events] == [False, False]
    plain = qsp.read_antimony("model m; S' = -S; S = 1; end")
    assert restartable(plain.sbml, plain.network).sbml == plain.sbml


@pytest.mark.filterwarnings("ignore")  # petab's own use of pandas
@pytest.mark.skipif(importlib.util.find_spec("petab") is None, reason="needs petab, of the extra 'cross'")
def test_petabs_own_lint_finds_nothing(tmp_path):
    from petab.v2 import Problem

    problem = qsp.read_petab(written(tmp_path / "a"))
    path = qsp.write_petab(problem, tmp_path / "b")
    assert not Problem.from_yaml(str(path)).validate().has_errors()
