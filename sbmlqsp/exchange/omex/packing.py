"""COMBINE archives written: experiments with their models, and whatever files go with them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sbmlqsp.errors import DataError
from sbmlqsp.exchange.omex.manifest import MANIFEST, manifest_text
from sbmlqsp.exchange.omex.metadata import METADATA, Metadata, metadata_text
from sbmlqsp.exchange.omex.zipping import zip_bytes
from sbmlqsp.exchange.saving import save_bytes
from sbmlqsp.exchange.sbml import write_sbml
from sbmlqsp.exchange.sedml.writing import Written
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import Model

__all__ = ["EXPERIMENTS", "Package", "pack", "read_files"]

EXPERIMENTS = "experiments.sedml"


@dataclass
class Package:
    """What goes into an archive: files by path, what the manifest calls them, and what the page of the archive says."""

    files: dict[str, bytes] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, content: str | bytes, about: str) -> None:
        """Add a file.

        Raises
        ------
        DataError
            There is another one of that name.
        """
        data = content.encode() if isinstance(content, str) else content
        if self.files.get(name, data) != data:
            raise DataError("two different files of the archive have one name", value=name, remedy="rename one of them")
        self.files[name], self.about[name] = data, about

    def add_models(self, experiments: Iterable[Experiment]) -> None:
        """Add every model as it is, without doses: flat, and hierarchical where it is composed."""
        models = {e.model.digest: e.model for e in experiments}
        for model in models.values():
            stem = self._stem(model, list(models.values()))
            self.add(f"models/{stem}.xml", write_sbml(model), f"the model '{model.id}', flat, without doses")
            if model.sbml_comp is not None:
                text = write_sbml(model, form="comp")
                self.add(f"models/{stem}_comp.xml", text, f"the model '{model.id}', hierarchical (SBML comp)")

    @staticmethod
    def _stem(model: Model, models: Sequence[Model]) -> str:
        alike = [m for m in models if m.id == model.id]
        return model.id if len(alike) == 1 else f"{model.id}_{alike.index(model) + 1}"

    def add_document(self, written: Written) -> None:
        """Add a SED-ML document with its models."""
        self.add(EXPERIMENTS, written.text, "the experiments (SED-ML), to be run")
        for name, text in written.models.items():
            self.add(name, text, "a model with the doses and changes of its experiment")


def read_files(paths: Iterable[str | os.PathLike[str]], *, folder: str, about: str) -> dict[str, tuple[bytes, str]]:
    """Return the content of files, by the path they get in an archive.

    Raises
    ------
    DataError
        One is missing, or two have one name.
    """
    listed = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    out: dict[str, tuple[bytes, str]] = {}
    for given in listed:
        path = Path(given)
        if not path.is_file():
            raise DataError("there is no such file to put into the archive", value=str(path))
        name = f"{folder}/{path.name}"
        if name in out:
            raise DataError("two files for the archive have one name", value=path.name, remedy="rename one of them")
        out[name] = (path.read_bytes(), about)
    return out


def pack(package: Package, path: str | os.PathLike[str], *, metadata: Metadata, document: Written) -> Path:
    """Write an archive, whole or not at all; the same content gives the same bytes."""
    package.add("README.md", _readme(package, metadata, document), "this page")
    package.add(METADATA, metadata_text(metadata), "title, description, creators (RDF)")
    master = EXPERIMENTS if EXPERIMENTS in package.files else ""
    manifest = manifest_text(package.files, master=master)
    return save_bytes(zip_bytes({**package.files, MANIFEST: manifest.encode()}, first=[MANIFEST]), path)


def _readme(package: Package, metadata: Metadata, document: Written) -> str:
    lines = [f"# {metadata.title or 'Simulation experiments'}", ""]
    lines += [metadata.description, ""] if metadata.description else []
    lines += ["A COMBINE archive. Run it with `sbmlqsp run ARCHIVE -o FOLDER`, or with any tool for SED-ML.", "",
              "| file | what it is |", "|---|---|"]  # fmt: skip
    lines += [f"| `{name}` | {package.about[name]} |" for name in sorted(package.about)]
    lines += ["", "| task | run |", "|---|---|", *(f"| `{task}` | {_cell(label)} |" for task, label in document.runs)]
    lines += [f"\n{note}" for note in document.notes]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
