"""The house rules: layers, sole importers, sizes, the public face, and what an import may cost."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import sbmlqsp

PACKAGE = Path(sbmlqsp.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

# Each layer imports only from itself and those before it.
LAYERS = {
    "ground": ("errors", "expressions", "units", "streams", "provenance", "progress", "tables", "files", "starting"),
    "engine": ("engine",),
    "model": (
        "model", "issues", "structure", "processes", "unit_checks", "baselines", "hazards", "targets", "checks",
        "equivalence", "composition", "compose", "antimony_module", "library", "library_ports", "antimony_composition",
        "reading", "catalogue",
    ),
    "protocol": ("dosing", "records", "observation", "times", "populations"),
    "experiment": ("experiment", "dose_units", "equations", "describe", "model_card"),
    "running": (
        "timeline", "deliveries", "clock", "arm_start", "batch", "batch_courses", "occasions", "subjects", "suspicion",
        "compiled", "runner", "readout", "residuals",
        "sensitivity_doses", "sensitivity_rest", "sensitivity_steady", "sensitivity_run", "sensitivities",
        "execution", "course", "periodic", "periodic_linear", "course_runner", "course_arm", "outcome", "engines",
        "engine_difference", "cells", "collecting",
        "prediction", "scaling", "store", "results", "exposure", "simulate", "trajectories", "steady", "plot",
        "plotting",
    ),
    "analysis": ("analysis", "ensembles", "vpc"),
    "exchange": ("exchange",),
    "reporting": ("diagram", "report", "reporting", "study", "studies"),
    "face": ("__init__", "__main__", "cli"),
}  # fmt: skip
LEVEL = {name: i for i, names in enumerate(LAYERS.values()) for name in names}
ENGINES = {"libsbml": "libsbml", "antimony": "antimony", "roadrunner": "roadrunner"}


MODULES = {
    ".".join(("sbmlqsp", *p.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__") for p in FILES
}


def top(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazy else iter(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{a.name}" for a in node.names} & MODULES
            found |= submodules or {node.module}
    return found


def test_every_file_has_a_layer():
    unknown = {top(p) for p in FILES} - set(LEVEL)
    assert not unknown, f"name the layer of {unknown} in LAYERS"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layers_import_downwards_only(path):
    own = LEVEL[top(path)]
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "sbmlqsp" and len(parts) > 1 and parts[1] in LEVEL:
            assert LEVEL[parts[1]] <= own, f"{path.name} imports {name}, which is in a later layer"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_engines_have_sole_importers(path):
    for engine, stem in ENGINES.items():
        if any(n == engine or n.startswith(f"{engine}.") for n in imports(path)):
            assert path.parent.name == "engine", f"{path.name} imports {engine}"
            assert path.stem.startswith(stem), f"{path.name} imports {engine}"


def test_no_import_cycles_at_module_level():
    graph = {}
    for path in FILES:
        name = ".".join(("sbmlqsp", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = {n for n in imports(path, lazy=False) if n.startswith("sbmlqsp.")}
    seen: dict[str, int] = {}

    def visit(name: str, trail: list[str]) -> None:
        seen[name] = 1
        for child in graph.get(name, ()):
            assert seen.get(child) != 1, f"cycle: {[*trail, name, child]}"
            if child not in seen:
                visit(child, [*trail, name])
        seen[name] = 2

    for name in graph:
        if name not in seen:
            visit(name, [])


def test_files_and_functions_stay_small():
    lengths = [len(p.read_text(encoding="utf-8").splitlines()) for p in FILES]
    assert max(lengths) <= 450, f"{FILES[lengths.index(max(lengths))].name} has {max(lengths)} lines"
    assert statistics.median(lengths) <= 200
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                doc = node.body[0] if ast.get_docstring(node) else None
                # Of a documented function the body counts: its parameters and docstring are the contract.
                first = (doc.end_lineno or 0) if doc else node.lineno
                size = (node.end_lineno or 0) - first
                assert size <= 40, f"{path.name}:{node.name} has {size} lines"


def test_public_face_is_sorted_and_documented():
    assert sorted(sbmlqsp.__all__) == list(sbmlqsp.__all__)
    for name in sbmlqsp.__all__:
        item = getattr(sbmlqsp, name)
        assert item.__doc__, f"{name} has no docstring"
        assert getattr(item, "__module__", item.__name__).startswith("sbmlqsp")


def test_public_verbs_take_at_most_two_positional_arguments():
    import inspect

    for name in sbmlqsp.__all__:
        item = getattr(sbmlqsp, name)
        if inspect.isfunction(item):
            kinds = [p.kind for p in inspect.signature(item).parameters.values()]
            positional = sum(k in {0, 1} for k in kinds)
            assert positional <= 2, f"{name} takes {positional} positional arguments"


def test_import_stays_light():
    code = "import sys, sbmlqsp; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    heavy = {
        "matplotlib",
        "tellurium",
        "numba",
        "dask",
        "pandas",
        "xarray",
        "pint",
        "scipy",
        "libsbml",
        "antimony",
        "roadrunner",
    }
    assert not loaded & heavy
