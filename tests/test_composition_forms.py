"""Both forms of a composition and equations written by hand, in the bare engine: the validation on coarse grids."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbmlqsp.compose import compose
from sbmlqsp.model import expose
from sbmlqsp.reading import read_antimony

SOURCE = Path(__file__).resolve().parents[1] / "validation" / "cross" / "composition.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("validation_composition", SOURCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


VALIDATION = load()


@pytest.mark.parametrize("case", VALIDATION.CASES, ids=lambda c: c.name)
def test_the_forms_and_the_equations_by_hand_agree(case) -> None:
    model = case.build()
    assert VALIDATION.forms_differ(case, model, points=25) <= VALIDATION.FORMS
    if case.monolith:
        assert VALIDATION.monolith_differs(case, model, points=25) <= VALIDATION.MONOLITH


def test_the_comparisons_can_fail() -> None:
    from dataclasses import replace

    case = next(c for c in VALIDATION.CASES if c.name == "a parameter override")
    model = case.build()
    lost = replace(model, sbml_comp=model.sbml_comp.replace('value="3"', 'value="2"'))
    assert lost.sbml_comp != model.sbml_comp
    assert VALIDATION.forms_differ(case, lost, points=9) > 1e-3
    slower = replace(case, monolith=replace(case.monolith, rates=VALIDATION.one_route(2)))
    assert VALIDATION.monolith_differs(slower, model, points=9) > 1e-3


@given(
    laws=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0.05, 2), st.integers(0, 2)), min_size=1, max_size=7
    )
)
@settings(max_examples=10, deadline=None)
def test_any_network_cut_into_parts_is_the_network(laws) -> None:
    """A network over four species, its reactions dealt out to three parts that are joined again."""
    head = "compartment V = 2; " + " ".join(f"species S{i} in V; S{i} = {i + 1};" for i in range(4))

    def model(name: str, chosen: list[int]) -> str:
        lines = [
            f"J{k}: S{a} -> S{b}; {rate!r}*S{a}*V;" if a != b else f"J{k}: S{a} -> ; {rate!r}*S{a}*V;"
            for k, (a, b, rate, _) in enumerate(laws)
            if k in chosen
        ]
        return f"model {name}; {head} {' '.join(lines)} end"

    whole = read_antimony(model("whole", list(range(len(laws)))))
    cut = [[k for k, law in enumerate(laws) if law[3] == part] for part in range(3)]
    names = ["V", *(f"S{i}" for i in range(4))]
    parts = {
        f"p{i}": expose(read_antimony(model(f"m{i}", chosen)), dict.fromkeys(names, "input" if i else "output"))
        for i, chosen in enumerate(cut)
    }
    connect = {f"p{i}.{n}": f"p0.{n}" for i in (1, 2) for n in names}
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two parts may well eliminate one species here
        joined = compose("joined", parts, connect=connect)
    ours = VALIDATION.run(joined.sbml, end=2, points=5, dose={}, names={})
    alone = VALIDATION.run(whole.sbml, end=2, points=5, dose={}, names={})
    for i in range(4):
        np.testing.assert_allclose(ours[f"p0__S{i}"], alone[f"S{i}"], rtol=1e-7, atol=1e-9)
