"""Small PEtab problems as files: a valid one of each version, and what tests change in it."""

from __future__ import annotations

import functools
from pathlib import Path

import sbmlqsp as qsp

DECAY = "model decay; species S; S = 10; k = 0.5; J: S -> ; k*S; end"

SECOND = {
    "problem.yaml": (
        "format_version: 2.0.0\nparameter_files: [parameters.tsv]\n"
        "model_files: {m: {location: model.xml, language: sbml}}\nmeasurement_files: [measurements.tsv]\n"
        "observable_files: [observables.tsv]\ncondition_files: [conditions.tsv]\nexperiment_files: [experiments.tsv]\n"
    ),
    "parameters.tsv": (
        "parameterId\tlowerBound\tupperBound\tnominalValue\testimate\nk\t0\t9\t0.5\ttrue\ndose\t\t\t5\tfalse\n"
    ),
    "observables.tsv": "observableId\tobservableFormula\tnoiseFormula\nseen\tS\t0.5\n",
    "conditions.tsv": "conditionId\ttargetId\ttargetValue\nstart\tS\t4\nbolus\tS\tS + dose\n",
    "experiments.tsv": "experimentId\ttime\tconditionId\ne\t0\tstart\ne\t2\tbolus\n",
    "measurements.tsv": "observableId\texperimentId\ttime\tmeasurement\nseen\te\t0\t4\nseen\te\t2\t6\nseen\te\t3\t4\n",
}
FIRST = {
    "problem.yaml": (
        "format_version: 1\nparameter_file: parameters.tsv\nproblems:\n- sbml_files: [model.xml]\n"
        "  measurement_files: [measurements.tsv]\n  observable_files: [observables.tsv]\n"
        "  condition_files: [conditions.tsv]\n"
    ),
    "parameters.tsv": (
        "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\nk\tlog10\t0.01\t9\t0.5\t1\n"
    ),
    "observables.tsv": (
        "observableId\tobservableFormula\tobservableTransformation\tnoiseFormula\tnoiseDistribution\nseen\tS\tlin\t0.5\tnormal\n"
    ),
    "conditions.tsv": "conditionId\tS\nc\t4\n",
    "measurements.tsv": "observableId\tsimulationConditionId\ttime\tmeasurement\nseen\tc\t0\t4\nseen\tc\t2\t1\n",
}


@functools.cache
def sbml(antimony: str) -> str:
    return qsp.read_antimony(antimony).sbml


def written(folder: Path, base: dict[str, str] = SECOND, *, model: str = DECAY, **tables: str) -> Path:
    """Write a problem; a table is replaced by rows under a header, with blanks for tabs."""
    folder.mkdir(exist_ok=True)
    files = {**base, "model.xml": sbml(model) if model.startswith("model") else model}
    files |= {f"{name}.tsv": "\n".join("\t".join(line.split(" ")) for line in text.strip().split("\n")) + "\n"
              for name, text in tables.items()}  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder / "problem.yaml"
