"""Engine facts A: the suite composes right where engines compose wrong, or refuses; through the public face only."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from children import SUITE, child

import sbmlqsp as qsp

if TYPE_CHECKING:
    from pathlib import Path

DECAY = (
    "model decay(C, V)\n// @output C, V\n compartment V = 2; species C in V; C = 10; k = 0.5; J: C -> ; k*C*V; end\n"
)
EFFECT = "model effect(Cp)\n// @input Cp\n Cp = 1; x = 0; x' = Cp - x; end\n"
TIMES = [0.0, 1.0, 3.0]


def small(text: str, **ports: str) -> qsp.Model:
    return qsp.expose(qsp.read_antimony(text), ports)


def values(model: qsp.Model, name: str, **options) -> np.ndarray:
    return qsp.simulate(qsp.Experiment(model, times=TIMES, observables=[name], **options))[name].to_numpy().ravel()


def both_forms(model: qsp.Model, name: str) -> np.ndarray:
    """Values of the flat form; those of libSBML's own flattening of the hierarchical form must be equal."""
    flat, again = values(model, name), values(qsp.read_sbml(model.sbml_comp), name)
    np.testing.assert_allclose(again, flat, rtol=1e-9)
    return flat


def test_A1_no_two_symbols_become_one():
    """Instances `a` with b_c and `a_b` with c both flatten to a_b_c in Antimony."""
    one, two = small("model one; b_c = 1; end"), small("model two; c = 2; end")
    with pytest.raises(qsp.CompositionError, match="lower-case letter, then lower-case letters and digits"):
        qsp.compose("s", {"a": one, "a_b": two})
    with pytest.raises(qsp.CompositionError, match="underscore would let two"):
        qsp.read_antimony("model one; b_c = 1; end; model two; c = 2; end; model s; a: one(); a_b: two(); end")
    model = qsp.compose("s", {"a": one, "ab": two})
    assert (model.symbol("a.b_c").value, model.symbol("ab.c").value) == (1.0, 2.0)


def test_A2_equal_units_need_no_synchronising():
    """Antimony refuses `A.k is B.k` although both modules define the same unit."""
    part = "model {0}(k); unit u = 1/second; k = 3; k has u; {0}x := 2*k; {0}x has u; end\n"
    model = qsp.read_antimony(part.format("one") + part.format("two") + "model s; a: one(); b: two(); a.k is b.k; end")
    assert (both_forms(model, "a.onex")[0], both_forms(model, "b.twox")[0]) == (6.0, 6.0)


def test_A3_values_and_units_that_differ_are_a_conflict():
    """Antimony lets the right-hand value win silently."""
    one, two = small("model one(k); k = 1; x := k; end"), small("model two(k); k = 2; y := k; end")
    for share in ({"k": ["a.k", "b.k"]}, {"k": ["b.k", "a.k"]}):
        with pytest.raises(qsp.CompositionError, match=r"'[ab]\.k'.* is [12].*'[ab]\.k'.* is [12]"):
            qsp.compose("s", {"a": one, "b": two}, share=share)
    for winner, value in (("a.k", 1.0), ("b.k", 2.0)):
        model = qsp.compose("s", {"a": one, "b": two}, share={"k": qsp.Share(["a.k", "b.k"], wins=winner)})
        assert both_forms(model, "a.x")[0] == both_forms(model, "b.y")[0] == value
    united = small("model three(k); unit u = 60 second; k = 1; k has u; y := k; y has u; end")
    with pytest.raises(qsp.CompositionError, match="unit"):
        qsp.compose("s", {"a": one, "b": united}, share={"k": ["a.k", "b.k"]})


def test_A4_units_of_time_substance_volume_and_extent_are_compared():
    """Antimony composes hours with minutes without a warning, wrong by a factor of 60."""
    text = "model {}; unit {} = {}; species S; S = 1; J: S -> ; k*S; k = 1; end"
    for kind, left, right in (
        ("time_unit", "3600 second", "60 second"),
        ("substance", "1e-9 mole", "1e-3 mole"),
        ("extent", "1e-9 mole", "mole"),
        ("volume", "litre", "1e-3 litre"),
    ):
        one, two = small(text.format("one", kind, left)), small(text.format("two", kind, right))
        with pytest.raises(qsp.CompositionError, match=kind.split("_")[0]):
            qsp.compose("s", {"a": one, "b": two})
    hours = small(text.format("one", "time_unit", "3600 second; unit rate = 1/(3600 second); k has rate"))
    minutes = small(text.format("two", "time_unit", "60 second; unit rate = 1/(60 second); k has rate"))
    model = qsp.compose("s", {"a": hours, "b": minutes}, convert={"b": "h"})
    np.testing.assert_allclose(both_forms(model, "a.S"), np.exp(-np.array(TIMES)), rtol=1e-6)
    assert both_forms(model, "b.S")[1] == pytest.approx(np.exp(-60.0), rel=1e-6)


def test_A5_arguments_with_units_arrive():
    """Antimony ignores a formal argument that carries a unit, and uses the module's default."""
    part = "model one(k); unit u = 1/second; S = 1; J: S -> ; k*S; k = 1; k has u; end\n"
    model = qsp.read_antimony(part + "model s; unit u = 1/second; kk = 5; kk has u; a: one(kk); end")
    assert "a__k" not in model.network.symbols
    np.testing.assert_allclose(both_forms(model, "a.S"), np.exp(-5 * np.array(TIMES)), rtol=1e-6)


def test_A6_species_of_different_compartments_do_not_join():
    """Antimony joins them, and one volume stops mattering."""
    part = "model m(S, V)\n// @{2} S\n compartment V = {0}; species S in V; S = {1}; J: S -> ; k*S; k = 1; end"
    one, two = small(part.format(2, 1, "output"), V="output"), small(part.format(5, 1, "input"), V="input")
    with pytest.raises(qsp.CompositionError, match=r"compartment.*b\.V.*a\.V|compartment.*a\.V.*b\.V"):
        qsp.compose("s", {"a": one, "b": two}, connect={"b.S": "a.S"})
    with pytest.warns(qsp.CompositionWarning, match="described twice"):
        model = qsp.compose("s", {"a": one, "b": two}, connect={"b.S": "a.S", "b.V": qsp.Link("a.V", wins="source")})
    np.testing.assert_allclose(both_forms(model, "a.S"), np.exp(-np.array(TIMES)), rtol=1e-6)
    changed = values(model, "a.S", changes={"a.V": 4.0, "concentration(a.S)": 1.0})
    np.testing.assert_allclose(changed, np.exp(-np.array(TIMES) / 2), rtol=1e-6)


def test_A7_overrides_are_in_both_forms():
    """`tgt.kon = 2` is right in Antimony's flat export and lost in its hierarchical one."""
    part = "model one; kon = 1; S = 1; J: S -> ; kon*S; end\n"
    for model in (
        qsp.read_antimony(part + "model s; tgt: one(); tgt.kon = 2; end"),
        qsp.compose("s", {"tgt": small(part)}, set={"tgt.kon": 2.0}),
    ):
        np.testing.assert_allclose(both_forms(model, "tgt.S"), np.exp(-2 * np.array(TIMES)), rtol=1e-6)


def test_A8_joins_between_parts_are_in_both_forms():
    """`p.A is d.C` is lost in Antimony's hierarchical export, and d.C's own initial value wins in the flat one."""
    sink = "model sink(C, V)\n// @input C, V\n compartment V = 2; species C in V; C = 77; out: C -> ; 0.25*C*V; end\n"
    with pytest.warns(qsp.CompositionWarning, match="described twice"):
        model = qsp.read_antimony(DECAY + sink + "model s; p: decay(); d: sink(); d.C is p.C; d.V is p.V; end")
    assert [s.id for s in model.network.species] == ["p__C"]
    np.testing.assert_allclose(values(model, "p.C"), 10 * np.exp(-0.75 * np.array(TIMES)), rtol=1e-6)
    again = qsp.read_sbml(model.sbml_comp)
    [name] = [s.id for s in again.network.species]
    np.testing.assert_allclose(values(again, name), values(model, "p.C"), rtol=1e-9)


def test_A9_a_species_drives_an_input():
    """`x := p.A` into an input fails in libSBML's flattener, `d.x := p.A` loses the rule."""
    t = np.array(TIMES)
    exact = 10 * (np.exp(-0.5 * t) - np.exp(-t)) / 0.5
    joined = "model s; p: decay(); d: effect(); d.Cp {} p.C; end"
    models = [qsp.read_antimony(DECAY + EFFECT + joined.format(how)) for how in ("is", ":=")]
    models.append(qsp.compose("s", {"p": small(DECAY), "d": small(EFFECT)}, connect={"d.Cp": "p.C"}))
    for model in models:
        np.testing.assert_allclose(both_forms(model, "d.x"), exact, rtol=1e-7, atol=1e-9)


def test_A10_hierarchical_text_is_flattened_before_it_runs(tmp_path: Path):
    """RR given hierarchical text simulates an empty model, without a word."""
    model = qsp.compose("s", {"p": small(DECAY), "d": small(EFFECT)}, connect={"d.Cp": "p.C"})
    path = tmp_path / "comp.xml"
    path.write_text(model.sbml_comp)
    for source in (model.sbml_comp, path):
        again = qsp.read_sbml(source)
        assert "comp:" not in again.sbml
        np.testing.assert_allclose(values(again, "d.x"), values(model, "d.x"), rtol=1e-9)


COMP = "http://www.sbml.org/sbml/level3/version1/comp/version1"
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" '
    f'version="1" xmlns:comp="{COMP}" comp:required="true">'
)


def submodel(id_: str, of: str) -> str:
    return f'<comp:submodel comp:id="{id_}" comp:modelRef="{of}"/>'


def submodels(*inside: str) -> str:
    return f"<comp:listOfSubmodels>{''.join(inside)}</comp:listOfSubmodels>"


def outer(source: str, more: str = "", model: str = "") -> str:
    named = f'comp:modelRef="{model}" ' if model else ""
    external = f'<comp:externalModelDefinition comp:id="e" comp:source="{source}" {named}{more}/>'
    return (
        f'{HEAD}<model id="m">{submodels(submodel("a", "e"))}</model><comp:listOfExternalModelDefinitions>'
        f"{external}</comp:listOfExternalModelDefinitions></sbml>"
    )


def test_A11_references_to_other_files_stay_in_the_folder(tmp_path: Path):
    """A hierarchical document may name any path on the machine, and a pipe is waited for without end."""
    inner = tmp_path / "inner.xml"
    inner.write_text(qsp.read_antimony("model i; k = 42; end").sbml)
    (tmp_path / "sub").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "sub" / "pipe.xml")
    path = tmp_path / "sub" / "outer.xml"
    for source in ("../inner.xml", str(inner), inner.as_uri(), "http://127.0.0.1:9/x.xml", "pipe.xml", "outer.xml"):
        path.write_text(outer(source))
        with pytest.raises(qsp.ModelError, match=r"outside its folder|full address|regular file|exist|made of itself"):
            qsp.read_sbml(path)
        with pytest.raises(qsp.ModelError, match=r"refers to another file.*give the path"):
            qsp.read_sbml(path.read_text())


def test_A11_references_to_files_beside_the_document_are_read(tmp_path: Path):
    """Models of other files, and the definitions that these are made of, become definitions of the document."""
    inner = qsp.read_antimony("model i; k = 42; end").sbml
    (tmp_path / "inner.xml").write_text(inner)
    path = tmp_path / "outer.xml"
    path.write_text(outer("inner.xml", f'comp:md5="{hashlib.md5(inner.encode()).hexdigest()}"'))
    model = qsp.read_sbml(path)
    assert model.symbol("a.k").value == 42.0
    assert qsp.read_sbml(qsp.write_sbml(model, form="comp")).symbol("a.k").value == 42.0
    (tmp_path / "further.xml").write_text(outer("outer.xml", model="e"))
    assert qsp.read_sbml(tmp_path / "further.xml").symbol("a.k").value == 42.0
    (tmp_path / "further.xml").write_text(outer("outer.xml", model="m"))
    assert qsp.read_sbml(tmp_path / "further.xml").symbol("a.a.k").value == 42.0
    (tmp_path / "further.xml").write_text(outer("outer.xml", model="n"))
    with pytest.raises(qsp.ModelError, match=r"holds no model 'n'.*known: e, m"):
        qsp.read_sbml(tmp_path / "further.xml")
    (tmp_path / "inner.xml").write_text(inner.replace("42", "43"))
    with pytest.raises(qsp.ModelError, match=r"changed since.*inner\.xml"):
        qsp.read_sbml(path)


def test_A11_imports_stay_beside_the_file(tmp_path: Path):
    """Antimony's `import` reads any path, and waits for ever for a pipe."""
    (tmp_path / "secret.ant").write_text("model inner; k = 42; end\n")
    (tmp_path / "sub").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "sub" / "pipe.ant")
    main = tmp_path / "sub" / "main.ant"
    for name in (str(tmp_path / "secret.ant"), "../secret.ant", "pipe.ant", "http://127.0.0.1:9/x.ant"):
        main.write_text(f'import "{name}"\nmodel main; a: inner(); end\n')
        with pytest.raises(qsp.QSPError, match=r"import|regular file|exist|outside"):
            qsp.read_antimony(main)
    (tmp_path / "sub" / "inner.ant").write_text("model inner; k = 7; end\n")
    main.write_text('import "inner.ant"\nmodel main; a: inner(); end\n')
    assert qsp.read_antimony(main).symbol("a.k").value == 7.0


def definitions(levels: int, *instances: str) -> str:
    """A hierarchical document, each model holding instances of the one before."""
    each = "".join(
        f'<comp:modelDefinition id="d{i}">{submodels(*(submodel(n, f"d{i - 1}") for n in instances))}'
        "</comp:modelDefinition>"
        for i in range(1, levels + 1)
    )
    return (
        f'{HEAD}<model id="m">{submodels(submodel("a", f"d{levels}"))}</model><comp:listOfModelDefinitions>'
        f'<comp:modelDefinition id="d0"/>{each}</comp:listOfModelDefinitions></sbml>'
    )


def test_A11_instances_are_counted_before_they_are_made():
    """Instances that double with each line exhaust the memory, in Antimony and in libSBML."""
    lines = "".join(f"model m{i}; a: m{i - 1}(); b: m{i - 1}(); end\n" for i in range(1, 31))
    cases = [
        ("read_antimony", f"model m0; k = 1; end\n{lines}", "too many instances"),
        ("read_sbml", definitions(30, "a", "b"), "2,147,483,647 submodels"),
        ("read_sbml", definitions(300, "a"), "nested more than 100 deep"),
    ]
    for read, text, words in cases:
        seen = child(f"""
            import sbmlqsp as qsp
            try:
                qsp.{read}({text!r})
            except qsp.QSPError as error:
                say(error)
        """, timeout=20, memory_mb=3000, after=SUITE)  # fmt: skip
        assert words in seen.out, seen
    assert qsp.read_sbml(definitions(5, "a", "b")).sbml_comp is not None
