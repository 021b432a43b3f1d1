"""COMBINE archives read: the ``CombineArchive`` noun, what is in it, and its experiments run."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from sbmlqsp.engine.prescan import decode
from sbmlqsp.errors import DataError, did_you_mean, located
from sbmlqsp.exchange.omex.manifest import MANIFEST, Entry, is_format, read_manifest
from sbmlqsp.exchange.omex.metadata import METADATA, Metadata, read_metadata
from sbmlqsp.exchange.omex.zipping import Zip, open_zip
from sbmlqsp.exchange.saving import new_folder
from sbmlqsp.exchange.sedml.models import Loader
from sbmlqsp.exchange.sedml.reading import SedDocument, document_of, given_models, refuse_remote, run_sedml
from sbmlqsp.experiment import Experiment
from sbmlqsp.model import Model
from sbmlqsp.reading import read_sbml

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["CombineArchive", "read_combine", "run_combine", "unpack_combine"]


@dataclass(frozen=True, repr=False, eq=False)
class CombineArchive:
    """A COMBINE archive, held in memory as it is packed. Make one with `read_combine`.

    Parameters
    ----------
    source : str
        Where it came from.
    entries : tuple of Entry
        The files that its manifest lists: location, format, and whether they are to be run.
    metadata : Metadata
        Title, description, creators and dates.
    """

    source: str
    entries: tuple[Entry, ...]
    metadata: Metadata
    _zip: Zip = field(repr=False)
    _models: Mapping[str, Model] = field(default_factory=dict, repr=False)

    @property
    def contents(self) -> pd.DataFrame:
        """Every file: index location, columns format, bytes, master (to be run) and listed (in the manifest)."""
        import pandas as pd

        listed = {e.location: e for e in self.entries}
        rows = [
            (n, listed[n].format if n in listed else "", i.file_size, n in listed and listed[n].master, n in listed)
            for n, i in sorted(self._zip.entries.items())
            if n != MANIFEST
        ]
        return pd.DataFrame(rows, columns=["location", "format", "bytes", "master", "listed"]).set_index("location")

    def read(self, location: str) -> bytes:
        """Return the content of a file.

        Raises
        ------
        DataError
            There is none of that name, or it is damaged.
        """
        name = location.removeprefix("./")
        if name not in self._zip.entries:
            raise DataError("the archive has no such file", value=location, where=self.source,
                            remedy=did_you_mean(name, self._zip.entries))  # fmt: skip
        return self._zip.read(name)

    def model(self, location: str) -> Model:
        """Return an SBML model by its location."""
        data = self.read(location)
        with located(f"{self.source}, {location}"):
            return read_sbml(decode(data, where="the SBML text") + "\n", untrusted=True)

    @property
    def models(self) -> dict[str, Model]:
        """The SBML models of the archive, by location."""
        return {e.location: self.model(e.location) for e in self.entries if is_format(e, "sbml")}

    @cached_property
    def documents(self) -> dict[str, SedDocument]:
        """The SED-ML documents to run, by location: those marked as master, or all where none is."""
        sedml = [e for e in self.entries if is_format(e, "sed-ml")]
        chosen = [e for e in sedml if e.master] or sedml
        out = {e.location: self._document(e.location) for e in chosen}
        known = {m for d in out.values() for m in d.content.models}
        for name in self._models:
            if name not in known:
                raise DataError("no document of the archive has this model", value=name, where=self.source,
                                remedy=did_you_mean(name, known))  # fmt: skip
        return {k: replace(d, given={n: m for n, m in self._models.items() if n in d.content.models})
                for k, d in out.items()}  # fmt: skip

    def _document(self, location: str) -> SedDocument:
        return document_of(self.read(location), where=f"{self.source}, {location}", loader=self._loader(location))

    def _loader(self, location: str) -> Loader:
        def load(source: str) -> str:
            refuse_remote(source)
            folder = posixpath.dirname(location)
            names = [posixpath.normpath(posixpath.join(folder, s)) for s in (source, unquote(source))]
            name = next((n for n in names if n in self._zip.entries), names[0])
            if name not in self._zip.entries:
                raise DataError("the archive lacks the model file", value=source,
                                remedy=did_you_mean(name, self._zip.entries))  # fmt: skip
            return decode(self._zip.read(name), where=name)

        return load

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The experiments of the documents to run; see `SedDocument.experiments`."""
        return tuple(e for d in self.documents.values() for e in d.experiments)

    def __repr__(self) -> str:
        title = f" '{self.metadata.title}'" if self.metadata.title else ""
        kinds = {k: sum(is_format(e, k) for e in self.entries) for k in ("sbml", "sed-ml")}
        return (
            f"<COMBINE archive{title} of {self.source}: {len(self.entries)} files, {kinds['sbml']} SBML, "
            f"{kinds['sed-ml']} SED-ML>"
        )


def read_combine(source: str | Path | bytes, *, models: Mapping[str, Any] | None = None) -> CombineArchive:
    """Read a COMBINE archive (OMEX). It is checked and held in memory; nothing is unpacked.

    Parameters
    ----------
    source : str, Path or bytes
        The archive, or its path.
    models : mapping of str to Model, str or Path, optional
        Models by their id in the SED-ML documents, instead of those that they name; see `read_sedml`.

    Returns
    -------
    CombineArchive
        ``contents``, ``metadata``, ``models``, ``documents`` and ``experiments``; `run_combine` runs it.

    Raises
    ------
    DataError
        It is no archive, damaged, without a manifest, or holds what must not be unpacked: paths that lead out of it,
        absolute paths, drives, links, two names that are one on some systems, files that share their bytes, more than
        10,000 files, one of over 200 MB, or over 1 GB in all.

    References
    ----------
    Bergmann FT et al. (2014) COMBINE archive and OMEX format. BMC Bioinformatics 15, 369.
    https://doi.org/10.1186/s12859-014-0369-z

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> path = qsp.write_combine(qsp.Experiment(model, times=[0, 5]), pathlib.Path(tempfile.mkdtemp(), "decay.omex"))
    >>> list(read_combine(path).contents.index)
    ['README.md', 'experiments.sedml', 'experiments_model.xml', 'metadata.rdf', 'models/m.xml']
    """
    archive = open_zip(source)
    entries = read_manifest(archive)
    metadata = Metadata()
    if METADATA in archive.entries:
        metadata = read_metadata(archive.read(METADATA), where=f"{archive.source}, {METADATA}")
    return CombineArchive(archive.source, entries, metadata, archive, given_models(models))


def run_combine(archive: CombineArchive | str | Path) -> dict[str, dict[str, xr.Dataset]]:
    """Run the SED-ML documents of a COMBINE archive that are to be run.

    Parameters
    ----------
    archive : CombineArchive, str or Path

    Returns
    -------
    dict
        By the location of the document, what `run_sedml` returns.

    Raises
    ------
    DataError
        The archive has no SED-ML document, or as for `read_combine` and `run_sedml`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> path = qsp.write_combine(qsp.Experiment(model, times=[0, 5]), pathlib.Path(tempfile.mkdtemp(), "decay.omex"))
    >>> run_combine(path)["experiments.sedml"]["report"]["S"].round(4).values.tolist()
    [10.0, 6.0653]
    """
    chosen = archive if isinstance(archive, CombineArchive) else read_combine(archive)
    if not chosen.documents:
        raise DataError("the archive has no SED-ML document to run", value=chosen.source,
                        remedy="run its models: read_combine(…).models")  # fmt: skip
    return {location: run_sedml(document) for location, document in chosen.documents.items()}


def unpack_combine(archive: CombineArchive | str | Path, folder: str | Path) -> Path:
    """Unpack a COMBINE archive into a new or empty folder; nothing is written anywhere else.

    Parameters
    ----------
    archive : CombineArchive, str or Path
    folder : str or Path
        Made if missing.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        The folder is not empty, or as for `read_combine`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> path = qsp.write_combine(qsp.Experiment(model, times=[0, 5]), folder / "decay.omex")
    >>> (unpack_combine(path, folder / "decay") / "experiments.sedml").is_file()
    True
    """
    chosen = archive if isinstance(archive, CombineArchive) else read_combine(archive)
    target = new_folder(folder)
    for name in [MANIFEST, *chosen.contents.index]:
        place = target.joinpath(*name.split("/"))
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            file.write(chosen.read(name))
    return target
