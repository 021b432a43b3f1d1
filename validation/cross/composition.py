"""Compositions against themselves and against hand-written systems of equations, in the bare engine.

    python -m validation.cross.composition

Every composition is simulated twice in libRoadRunner alone: the flat SBML that the suite runs, and what libSBML's own
flattening makes of the hierarchical SBML that the suite exchanges. Both must agree to a relative 1e-8. Where a case has
a monolith, its equations were written by hand from the description of the case, without composition and without SBML,
and SciPy integrates them; these must agree to a relative 1e-6.
"""

from __future__ import annotations

import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

import sbmlqsp as qsp

FORMS, MONOLITH = 1e-8, 1e-6

Rates = Callable[[float, np.ndarray], list[float]]
Curves = dict[str, np.ndarray]


@dataclass(frozen=True)
class Monolith:
    """Equations by hand: ``compare`` gives, by flat id, what the engine reports from the state (amounts of species)."""

    rates: Rates
    start: list[float]
    compare: Mapping[str, Callable[[np.ndarray], np.ndarray]]
    stops: tuple[tuple[float, Callable[[np.ndarray], np.ndarray]], ...] = ()


@dataclass(frozen=True)
class Case:
    """A composition, the amounts to start from where these are not the model's own, and how long to run it."""

    name: str
    build: Callable[[], qsp.Model]
    end: float
    dose: Mapping[str, float] = field(default_factory=dict)
    monolith: Monolith | None = None


# ------------------------------------------------------------------------------------------------------ the bare engine
def run(sbml: str, *, end: float, points: int, dose: Mapping[str, float], names: Mapping[str, str]) -> Curves:
    """Simulate flat SBML; species as amounts, parameters and compartments as values; columns under renamed ids."""
    import roadrunner

    r = roadrunner.RoadRunner(sbml)
    r.integrator.relative_tolerance, r.integrator.absolute_tolerance = 1e-10, 1e-16
    back = {inner: outer for outer, inner in names.items()}
    for species, amount in dose.items():
        r[back.get(species, species)] = amount
    m = r.model
    ids = [*m.getFloatingSpeciesIds(), *m.getBoundarySpeciesIds(), *m.getGlobalParameterIds(), *m.getCompartmentIds()]
    ids = [i for i in ids if not i.startswith("_")]
    found = np.array(r.simulate(0, end, points, ["time", *ids]))
    return {names.get(i, i): column for i, column in zip(ids, found.T[1:], strict=True)}


def libsbml_flattening(comp: str) -> tuple[str, dict[str, str]]:
    """Return what libSBML makes of hierarchical SBML, and the flat ids that the document notes for its own."""
    import libsbml

    document = libsbml.readSBMLFromString(comp)
    properties = libsbml.ConversionProperties()
    properties.addOption("flatten comp", True)
    properties.addOption("leavePorts", False)
    converter = libsbml.CompFlatteningConverter()
    converter.setDocument(document)
    converter.setProperties(properties)
    if converter.convert() != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise RuntimeError(document.getErrorLog().toString())
    rows = ET.fromstring(comp).iter("{urn:sbmlqsp:ids}id")
    return libsbml.writeSBMLToString(document), {row.attrib["outer"]: row.attrib["inner"] for row in rows}


def difference(a: Curves, b: Curves) -> float:
    """Return the largest relative difference; below 1e-6 of a curve's maximum it is relative to that."""
    if set(a) != set(b):
        raise RuntimeError(f"the two forms do not hold the same quantities: {sorted(set(a) ^ set(b))}")
    worst = 0.0
    for name, left in a.items():
        right = b[name]
        if np.array_equal(left, right, equal_nan=True):
            continue
        scale = np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-6 * np.max(np.abs(left)) + 1e-300)
        worst = max(worst, float(np.max(np.abs(left - right) / scale)))
    return worst if np.isfinite(worst) else np.inf


def forms_differ(case: Case, model: qsp.Model, *, points: int) -> float:
    """Return the difference between the flat form and libSBML's flattening of the hierarchical form."""
    if model.sbml_comp is None:
        raise RuntimeError(f"{case.name} has no hierarchical form")
    theirs, names = libsbml_flattening(model.sbml_comp)
    ours = run(model.sbml, end=case.end, points=points, dose=case.dose, names={})
    return difference(ours, run(theirs, end=case.end, points=points, dose=case.dose, names=names))


def monolith_differs(case: Case, model: qsp.Model, *, points: int) -> float:
    """Return the difference between the flat form and the equations written by hand."""
    from scipy.integrate import solve_ivp

    m = case.monolith
    assert m is not None
    ours = run(model.sbml, end=case.end, points=points, dose=case.dose, names={})
    times, state, pieces = np.linspace(0, case.end, points), np.array(m.start, float), []
    for start, stop, change in _spans(m, case.end):
        inside = times[(times >= start) & (times < stop)]
        grid = np.unique([start, *inside, stop])
        solved = solve_ivp(m.rates, (start, stop), state, "LSODA", t_eval=grid, rtol=1e-11, atol=1e-14)
        pieces.append(solved.y[:, np.searchsorted(grid, inside)])
        state = change(solved.y[:, -1])
    every = np.column_stack([*pieces, state])
    wanted = {name: formula(every) for name, formula in m.compare.items()}
    return difference({name: ours[name] for name in wanted}, wanted)


def _spans(m: Monolith, end: float) -> list[tuple[float, float, Callable[[np.ndarray], np.ndarray]]]:
    starts = [0.0, *(t for t, _ in m.stops)]
    changes = [*(c for _, c in m.stops), lambda y: y]
    return list(zip(starts, [*starts[1:], end], changes, strict=True))


# ---------------------------------------------------------------------------------------------------------- the parts
NMOL = """unit substance = 1e-9 mole; unit extent = 1e-9 mole; unit volume = litre; unit nM = 1e-9 mole/litre;
  unit time_unit = 3600 second; unit per_h = 1/(3600 second); unit lph = litre/(3600 second);"""
DRUG = f"""model drug
  // @output C, V, Cp
  {NMOL} compartment V = 5 litre; species C in V; C = 20 nM; CL = 2 lph; elim: C -> ; CL*C; Cp := C; Cp has nM;
end"""
BINDING = f"""model binding
  // @input C, V, Kd
  // @output RC
  {NMOL} unit per_nM_h = litre/(1e-9 mole * 3600 second);
  compartment V = 5 litre; species C in V, R in V, RC in V; C = 1 nM; R = 4 nM; RC = 0 nM;
  kon = 0.3 per_nM_h; Kd = 0.5 nM; kint = 0.2 per_h; decay: C -> ; kint*C*V;
  bind: C + R -> RC; kon*(C*R - Kd*RC)*V;  int: RC -> ; kint*RC*V;
end"""
EFFECT_MG_DAYS = """model effect
  // @input Cp
  // @output X
  unit substance = 1e-3 gram; unit extent = 1e-3 gram; unit volume = litre; unit time_unit = 86400 second;
  unit mg_per_l = 1e-3 gram/litre; unit per_day = 1/(86400 second);
  Cp = 0 mg_per_l; compartment B = 2 litre; species X in B; X = 0.1 mg_per_l; k = 3 per_day; p = 1; p has dimensionless;
  fill: -> X; k*(Cp - X)*B; p' = -k*p; E: at 0.25 after (time >= 0.5), fromTrigger=false: X = X + 1 mg_per_l;
end"""
CELLS = """model cells
  compartment V = 1.2; species S in V, P in V; S = 10/V; P = 0; J: S -> P; k*S*V; k = 0.4; x := P/(S + P);
end"""
ORGAN = "model organ; // the whole\n compartment V = 1.5; species S in V; S = 2; J: S -> ; 0.1*S*V; end"
PULSES = f"""model pulses
  // @input A, V
  {NMOL} unit h = 3600 second; compartment V = 5 litre; species A in V; A = 0 nM; n = 0; n has dimensionless;
  dose: at (time >= 1 h + 2 h*n): A = A + 3 nM, n = n + 1;
end"""


def read(text: str, **ports: str) -> qsp.Model:
    from sbmlqsp.model import expose

    return expose(qsp.read_antimony(text), ports)


def drug_and_binding(**options: object) -> qsp.Model:
    parts = {"pk": read(DRUG), "tm": read(BINDING)}
    connect = {"tm.C": "pk.C", "tm.V": "pk.V"}
    return qsp.compose("system", parts, connect=connect, **options)  # type: ignore[arg-type]


def shared() -> qsp.Model:
    two = {"pk": read(DRUG), "a": read(BINDING), "b": read(BINDING)}
    same = {"a.C": "pk.C", "a.V": "pk.V", "b.C": "pk.C", "b.V": "pk.V"}
    share = {"Kd": qsp.Share(["a.Kd", "b.Kd"], value="0.8 nM")}
    return qsp.compose("shared", two, connect=same, share=share, delete=["a.decay", "b.decay"], set={"b.kon": 0.05})


def converted() -> qsp.Model:
    parts = {"pk": read(DRUG), "eff": read(EFFECT_MG_DAYS)}
    return qsp.compose("converted", parts, connect={"eff.Cp": "pk.Cp"}, convert={"pk": "day", "eff.Cp": "150 kDa"})


def rescaled() -> qsp.Model:
    parts = {"liver": read(ORGAN), "hep": read(CELLS), "stel": read(CELLS)}
    inside = {"liver.V": ["hep.V", "stel.V"]}
    return qsp.compose("rescaled", parts, volumes=inside, rescale="amounts", set={"stel.k": 0.9})


def nested() -> qsp.Model:
    inner = drug_and_binding(delete=["tm.decay"])
    middle = qsp.compose("middle", {"sys": inner, "extra": read(DRUG)}, set={"extra.CL": "10 mL/min"})
    return qsp.compose("outer", {"left": middle, "right": inner}, set={"right.pk.C": "50 nM", "left.sys.tm.R": "9 nM"})


def with_events() -> qsp.Model:
    parts = {"pk": read(DRUG), "doses": read(PULSES)}
    return qsp.compose("dosed", parts, connect={"doses.A": "pk.C", "doses.V": "pk.V"})


def by_text() -> qsp.Model:
    return qsp.read_antimony(f"""{DRUG} {EMAX} model glued(scale)
      {NMOL} scale = 0.7 litre/(1e-9 mole); pk: drug(); pd: emax(); pd.Cp := scale*pk.C; pk.CL = 1; z = 1
      k = 0.2 per_h; z' = k*(pd.E - z); compartment V = 4 litre; pk.V is V; species D in V; D = 0
      J: pk.C -> D; k*pk.C*V; at (D > 2): z = z + pk.C; end""")


EMAX = "model emax\n // @input Cp\n // @output E\n Cp = 0; E := Cp^2/(9 + Cp^2); end"


# ------------------------------------------------------------------------------------------------------ by hand
def theophylline(_: float, y: np.ndarray) -> list[float]:
    depot, body = y
    return [-1.4907 * depot, 1.4907 * depot - 0.03884 / 0.4848 * body]


def mab(_: float, y: np.ndarray) -> list[float]:
    central, peripheral, target, bound, marker = y  # amounts, nmol
    cl, q, v1, v2, kon, koff, kint, ksyn, kdeg = 0.2, 0.747, 3.61, 2.75, 2.184, 0.024, 0.072, 2.64, 0.2136
    across = q * (central / v1 - peripheral / v2)
    binding = kon * central * target / v1 - koff * bound
    return [
        -cl * central / v1 - across - binding,
        across,
        ksyn * v1 - kdeg * target - binding,
        binding - kint * bound,
        30 * (1 - 0.9 * bound / v1 / (10 + bound / v1)) - 0.3 * marker,
    ]


def one_route(cl: float) -> Rates:
    """The drug and its target in 5 L, nM and hours; the target's own route of elimination is left out."""

    def rates(_: float, y: np.ndarray) -> list[float]:
        c, r, rc = y
        binding = 0.3 * (c * r - 0.5 * rc)
        return [-cl / 5 * c - binding, -binding, binding - 0.2 * rc]

    return rates


def two_targets(_: float, y: np.ndarray) -> list[float]:
    c, r1, b1, r2, b2 = y
    first, second = 0.3 * (c * r1 - 0.8 * b1), 0.05 * (c * r2 - 0.8 * b2)
    return [-0.4 * c - first - second, -first, first - 0.2 * b1, -second, second - 0.2 * b2]


def effect_in_days(_: float, y: np.ndarray) -> list[float]:
    drug_nm, x, p = y  # 20 nM at 150 kDa are 3 mg/L; 2 L/h of 5 L are 9.6 per day
    return [-2 / 5 * 24 * drug_nm, 3 * (drug_nm * 150e3 * 1e-9 * 1e3 - x), -3 * p]


def decay(_: float, y: np.ndarray) -> list[float]:
    return [-0.4 * y[0]]


def amount(i: int, volume: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    return lambda y: volume * y[i]


def states(*names: str, volume: float = 1.0) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    return {name: amount(i, volume) for i, name in enumerate(names)}


def plus(*more: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda y: y + np.array(more)


MAB_STATES = states("pk__central", "pk__peripheral", "target__R", "target__RC", "marker__response")
TWO = states("pk__C", "a__R", "a__RC", "b__R", "b__RC", volume=5)
CONVERTED = {"pk__C": amount(0, 5), "eff__X": amount(1, 2), "eff__p": amount(2)}

CASES = (
    Case("mab_tmdd (library)", lambda: qsp.load("mab_tmdd"), 28.0, {"pk__central": 479.4},
         Monolith(mab, [479.4, 0.0, 2.64 / 0.2136 * 3.61, 0.0, 100.0], MAB_STATES)),
    Case("theophylline (library)", lambda: qsp.load("theophylline"), 24.0, {"absorption__depot": 320.0},
         Monolith(theophylline, [320.0, 0.0], states("absorption__depot", "pk__central"))),
    Case("a deleted process", lambda: drug_and_binding(delete=["tm.decay"]), 24.0, {},
         Monolith(one_route(2), [20, 4, 0], states("pk__C", "tm__R", "tm__RC", volume=5))),
    Case("a parameter override", lambda: drug_and_binding(delete=["tm.decay"], set={"pk.CL": "50 mL/min"}), 24.0, {},
         Monolith(one_route(3), [20, 4, 0], states("pk__C", "tm__R", "tm__RC", volume=5))),
    Case("shared parameters", shared, 24.0, {}, Monolith(two_targets, [20, 4, 0, 4, 0], TWO)),
    Case("nmol/L to mg/L, hours to days", converted, 2.0, {},
         Monolith(effect_in_days, [20, 0.1, 1], CONVERTED, ((0.75, plus(0, 1, 0)),))),
    Case("volumes rescaled", rescaled, 10.0),
    Case("nested twice", nested, 24.0),
    Case("events in a part", with_events, 6.0, {},
         Monolith(decay, [20], states("pk__C", volume=5), ((1.0, plus(3)), (3.0, plus(3)), (5.0, plus(3))))),
    Case("Antimony text with glue", by_text, 10.0),
)  # fmt: skip


def main(points: int = 481) -> int:
    warnings.simplefilter("ignore")
    good = True
    print(f"{'composition':32}{'flat and flattened':>20}{'flat and by hand':>20}")
    for case in CASES:
        model = case.build()
        forms = forms_differ(case, model, points=points)
        by_hand = monolith_differs(case, model, points=points) if case.monolith else None
        good &= forms <= FORMS and (by_hand is None or by_hand <= MONOLITH)
        print(f"{case.name:32}{forms:20.1e}{'' if by_hand is None else f'{by_hand:20.1e}'}", flush=True)
    print("all agree" if good else f"NOT all agree: forms to {FORMS:g}, by hand to {MONOLITH:g}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
