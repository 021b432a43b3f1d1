"""What a dose may go into, and how the rest is refused."""

from __future__ import annotations

import pytest

import sbmlqsp as qsp

DRUG = (
    "compartment V = 2; species central in V; central = 0; e: central -> ; k*central*V; k = 0.1; x = 3; "
    "Cp := 1000*central"
)


def dosed(text, target):
    model = qsp.read_antimony(f"model m; {text}; end")
    return qsp.simulate(qsp.Experiment(model, times=[0, 1], regimen=f"100 into {target}"), progress=False)


@pytest.mark.parametrize("over", ["", " over 2"])
def test_a_dose_into_what_a_rule_computes_names_the_species_behind_it(over):
    with pytest.raises(qsp.DosingError, match=r"'Cp' is computed by a rule \(1000\*central\).*computed from: central"):
        dosed(DRUG, f"Cp{over}")
    with pytest.raises(qsp.DosingError, match=r"'total' is computed by a rule.*computed from: central or other"):
        dosed(f"{DRUG}; species other; other = 1; f: other -> ; other; total := Cp + other", f"total{over}")
    with pytest.raises(qsp.DosingError, match=r"'twice' is computed by a rule \(2\*x\).*not computed from any species"):
        dosed(f"{DRUG}; twice := 2*x", f"twice{over}")
