"""Pieces of SBML and of other texts that hostile files are made of."""

from __future__ import annotations

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
CORE = 'xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2"'
MATHML = 'xmlns="http://www.w3.org/1998/Math/MathML"'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
COMP = 'xmlns:comp="http://www.sbml.org/sbml/level3/version1/comp/version1" comp:required="true"'


def math(inside: str) -> str:
    return f"<math {MATHML}>{inside}</math>"


def parameters(*names: str, value: str = "1", constant: str = "false") -> str:
    each = "".join(f'<parameter id="{n}" value="{value}" constant="{constant}"/>' for n in names)
    return f"<listOfParameters>{each}</listOfParameters>"


def sbml(
    inside: str = "", *, name: str = "", before: str = "", notes: str = "", head: str = HEAD, more: str = ""
) -> str:
    """A document around the inside of a model; ``before`` comes before the root element, ``more`` after the model."""
    called = f' name="{name}"' if name else ""
    said = f"<notes>{notes}</notes>" if notes else ""
    return f'{head}{before}<sbml {CORE}><model id="m"{called}>{said}{inside or parameters("k")}</model>{more}</sbml>'


def rules(*formulas: tuple[str, str], kind: str = "assignmentRule") -> str:
    """Rules, with the parameters they set."""
    each = "".join(f'<{kind} variable="{n}">{math(f)}</{kind}>' for n, f in formulas)
    return f"{parameters(*dict.fromkeys(n for n, _ in formulas))}<listOfRules>{each}</listOfRules>"


def assignments(*formulas: tuple[str, str]) -> str:
    """Initial assignments, with their parameters."""
    each = "".join(f'<initialAssignment symbol="{n}">{math(f)}</initialAssignment>' for n, f in formulas)
    names = parameters(*dict.fromkeys(n for n, _ in formulas))
    return f"{names}<listOfInitialAssignments>{each}</listOfInitialAssignments>"


def functions(*bodies: tuple[str, str]) -> str:
    """Functions of x."""
    each = "".join(
        f'<functionDefinition id="{n}">{math(f"<lambda><bvar><ci>x</ci></bvar>{b}</lambda>")}</functionDefinition>'
        for n, b in bodies
    )
    return f"<listOfFunctionDefinitions>{each}</listOfFunctionDefinitions>"


def apply(operator: str, *operands: str) -> str:
    return f"<apply><{operator}/>{''.join(operands)}</apply>"


def call(function: str, *operands: str) -> str:
    return f"<apply><ci>{function}</ci>{''.join(operands)}</apply>"


def ci(name: str) -> str:
    return f"<ci>{name}</ci>"


def cn(value: str) -> str:
    return f"<cn>{value}</cn>"


VESSEL = '<listOfCompartments><compartment id="c" spatialDimensions="3" size="1" constant="true"/></listOfCompartments>'


def species(*names: str, compartment: str = "c", amount: str = "1") -> str:
    each = "".join(
        f'<species id="{n}" compartment="{compartment}" initialAmount="{amount}" hasOnlySubstanceUnits="false" '
        'boundaryCondition="false" constant="false"/>'
        for n in names
    )
    return f"<listOfSpecies>{each}</listOfSpecies>"


def reaction(law: str, *, name: str = "J", reactant: str = "S", stoichiometry: str = "1") -> str:
    return (
        f'<reaction id="{name}" reversible="false"><listOfReactants><speciesReference species="{reactant}" '
        f'stoichiometry="{stoichiometry}" constant="true"/></listOfReactants>'
        f"<kineticLaw>{math(law)}</kineticLaw></reaction>"
    )


def decay(law: str = "", **how: str) -> str:
    """The inside of a model of one species that is lost."""
    inside = reaction(law or apply("times", ci("k"), ci("S")), **how)
    return f"{VESSEL}{species('S')}{parameters('k', constant='true')}<listOfReactions>{inside}</listOfReactions>"


GOOD = sbml(
    decay()
    + "<listOfEvents><event id='e' useValuesFromTriggerTime='true'><trigger initialValue='true' persistent='true'>"
    + math(apply("lt", ci("S"), cn("0.5")))
    + "</trigger><listOfEventAssignments><eventAssignment variable='S'>"
    + math(cn("1"))
    + "</eventAssignment></listOfEventAssignments></event></listOfEvents>",
    notes=f"<p {XHTML}>A plain model, of which broken ones are made.</p>",
).replace("><", ">\n<")

GOOD_ANTIMONY = """// a plain model, of which broken ones are made
function hill(x, n)
  x^n / (1 + x^n)
end
model *plain(S, k)
  unit per_hour = 1 / (3600 second)
  compartment c = 2
  species S in c, P in c
  S = 10; P = 0
  k = 0.1
  k has per_hour
  k2 := k*hill(P, 2)
  J1: S -> P; k*S
  J2: P -> ; k2*P
  at (P > 3), t0=false: k = 0.2
  x' = -k*x
  x = 1
end
"""
