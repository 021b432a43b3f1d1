"""What a patient asks for: inhibition by severity, antibody by the production of a cytokine, a dose that balances."""

from __future__ import annotations

import numpy as np

import sbmlqsp as qsp
from validation.cases import Bench, case, holds, model_of, same
from validation.reference import integrate

SEVERE = {
    "typical": {},
    "fast, weak drug": {"kout": 9.0, "Imax": 0.35, "IC50": 4e-3},
    "slow, strong drug": {"kout": 2e-3, "Imax": 1.0, "IC50": 700.0},
}


@case("indirect_response", rows="S3-08", sets=SEVERE)
def inhibition_for_the_norm_depends_on_severity(b: Bench):
    """A baseline s times the norm asks for the inhibition 1 - 1/s; from s = 1/(1 - Imax) on no level is enough."""
    p, norm = b.p, 7.0
    limit = np.inf if p.Imax == 1.0 else 1.0 / (1.0 - p.Imax)
    for part in (0.1, 0.5, 0.95):
        severity = 1.0 / (1.0 - part * p.Imax)
        changes = {**b.changes, "kin": severity * norm * p.kout}
        needed = 1.0 - 1.0 / severity
        found = qsp.level_for(b.model, "Cp", observable="response", target=norm, changes=changes)
        yield same(f"level at {severity:.3g} times the norm", float(found), p.IC50 * needed / (p.Imax - needed))
        rest = b.at_rest({"kin": severity * norm * p.kout, "Cp": float(found)})
        yield same("the norm is reached", rest["response"], norm)
    for severity in (limit, 1.3 * limit):
        if np.isfinite(severity):
            asked = {
                "observable": "response",
                "target": norm,
                "changes": {**b.changes, "kin": severity * norm * p.kout},
            }
            answer = qsp.level_for(b.model, "Cp", **asked)
            yield holds(f"impossible at {severity:.3g} times the norm", not answer.possible, bool(answer.reason))


PRODUCING = {
    "typical": {},
    "weak binding": {"kon": 0.4, "koff": 3.0},
    "lasting complex": {"kcplx": 1e-3, "kel": 40.0},
}


@case("antibody_ligand_constant", rows="S3-10", sets={k: PRODUCING[k] for k in ("typical", "weak binding")}, slow=True)
def antibody_by_the_production_of_a_patient(b: Bench):
    """Free antibody for a level of free cytokine is Kss (ksyn/L - kel)/kcplx: more for who makes more."""
    p = b.p
    target = 0.2 * p.ksyn / p.kel
    for factor in (0.5, 8.0):
        ksyn = factor * p.ksyn
        exact = (p.koff + p.kcplx) / p.kon * (ksyn / target - p.kel) / p.kcplx
        found = qsp.level_for(b.model, "A", observable="L", target=target, changes={**b.changes, "ksyn": ksyn})
        yield same(f"free antibody, {factor:g} times the production", float(found), exact)
    mild = qsp.level_for(b.model, "A", observable="L", target=target, changes={**b.changes, "ksyn": 0.1 * p.ksyn})
    yield holds("who makes little is below the target without antibody", not mild.possible)


def _rates(p, ksyn: float):
    def rates(_, y):
        bound = p.kon * y[0] * y[1] - p.koff * y[2]
        return [-p.kel_A * y[0] - bound, ksyn - p.kel * y[1] - bound, bound - p.kcplx * y[2]]

    return rates


@case("antibody_ligand", rows="S3-10", sets={"typical": {}, **{k: PRODUCING[k] for k in ("weak binding",)}}, slow=True)
def maintenance_by_the_production_of_a_patient(b: Bench):
    """The infusion that holds free cytokine at a level is V (kel_A A + kcplx C); so is a dose every two weeks found."""
    p = b.p
    target, t = 0.2 * p.ksyn / p.kel, np.linspace(154.0, 168.0, 57)
    for factor in (0.5, 4.0):
        ksyn = factor * p.ksyn
        free = (p.koff + p.kcplx) / p.kon * (ksyn / target - p.kel) / p.kcplx
        rate = p.V * (p.kel_A * free + ksyn - p.kel * target)
        changes = {"ksyn": ksyn}
        arm = b.experiment([0.0, 4e3], "L", regimen=f"{0.5 * rate!r} nmol/day into A for 4000 day", changes=changes)
        found = qsp.dose_for(arm, "L", target=target, statistic="last", between=(0.05, 40.0))
        yield same(f"infusion, {factor:g} times the production", float(found) * 0.5 * rate, rate)
        dose = 14.0 * rate
        arm = b.experiment(
            "154:168 day by 0.25", "L", regimen=f"{dose!r} nmol into A every 14 day x 12", changes=changes
        )
        share = float(qsp.dose_for(arm, "L", target=target, statistic="max", between=(0.05, 40.0)))

        def bolus(y, given=share * dose / p.V):
            return y + np.array([given, 0.0, 0.0])

        start = [0.0, ksyn / p.kel, 0.0]
        jumps = [(14.0 * k, bolus) for k in range(12)]
        times = np.concatenate([[0.0], t[:-1], [168.0 - 1e-9]])
        course = integrate(_rates(p, ksyn), start, times, jumps=jumps, method="LSODA", atol=1e-14)[1:, 1]
        yield same(f"highest level between the last doses, {factor:g} times the production", course.max(), target)
        yield holds("never above it then", course < target * (1.0 + 1e-6))


@case(
    "emax",
    rows="S3-12",
    sets={"typical": {}, "narrow": {"EC50": 0.4}, "wide": {"EC50": 2e-3}},
    slow=True,
)
def dose_that_balances_effect_and_toxicity(b: Bench):
    """Effect times absence of toxicity is best at C = sqrt(ED50 TD50); the largest is 1/(1 + sqrt(ED50/TD50))^2."""
    parts = {"pk": "one_compartment", "pump": "constant_infusion"}
    joined = qsp.compose(
        "balance",
        {**{k: model_of(v) for k, v in parts.items()}, "wanted": b.model, "unwanted": b.model},
        connect={"pump.central": "pk.central", "pump.V": "pk.V", "wanted.Cp": "pk.C", "unwanted.Cp": "pk.C"},
    )
    low, high = b.p.EC50, 0.7
    changes = {"wanted.EC50": low, "unwanted.EC50": high, "wanted.Emax": 1.0, "unwanted.Emax": 1.0}
    given = {"changes": changes, "at": "steady state"}
    best = qsp.optimum(joined, "pump.R0", observable="wanted.E * (1 - unwanted.E)", between=(1e-6, 1e4), **given)
    clearance = Bench(joined).p.pk_CL
    yield same("best rate of infusion", best.at, clearance * np.sqrt(low * high), tolerance=1e-5)
    yield same("share with effect and without toxicity", best.value, (1.0 + np.sqrt(low / high)) ** -2)
    found = [float(qsp.ec50(joined, "pump.R0", observable=f"{k}.E", **given)) for k in ("wanted", "unwanted")]
    yield same("therapeutic index", found[1] / found[0], high / low)
