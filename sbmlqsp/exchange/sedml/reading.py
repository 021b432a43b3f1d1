"""SED-ML files read: the ``SedDocument`` noun, and how it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbmlqsp.engine.prescan import MAX_BYTES
from sbmlqsp.engine.sources import read_text
from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean
from sbmlqsp.exchange.sedml.document import Content, Plot, RepeatedTask
from sbmlqsp.exchange.sedml.experiments import experiments_of
from sbmlqsp.exchange.sedml.models import Loader, Models
from sbmlqsp.exchange.sedml.outputs import evaluate_outputs
from sbmlqsp.exchange.sedml.parsing import parse_sedml
from sbmlqsp.exchange.sedml.tasks import leaves_of, method_for
from sbmlqsp.experiment import Experiment
from sbmlqsp.files import inside, read_plain
from sbmlqsp.model import Model
from sbmlqsp.reading import read_sbml

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["SedDocument", "document_of", "given_models", "read_sedml", "refuse_remote", "run_sedml"]

_REMOTE = ("http:", "https:", "ftp:", "file:", "urn:")


@dataclass(frozen=True, repr=False, eq=False)
class SedDocument:
    """A SED-ML document: models, simulations, tasks and outputs. Make one with `read_sedml` or `read_combine`.

    Parameters
    ----------
    content : Content
        What the document says.
    source : str
        Where it came from.
    loader : callable
        From the source of a model to its text.
    given : mapping of str to Model
        Models to take instead of those that the document names.
    """

    content: Content
    source: str
    loader: Loader
    given: Mapping[str, Model] = field(default_factory=dict)

    @cached_property
    def resolved(self) -> Models:
        """The models, resolved when they are asked for."""
        return Models(self.content, self.loader, self.given)

    @property
    def models(self) -> dict[str, Model]:
        """Every model with its changes made, by id."""
        return {name: self.resolved[name].model for name in self.content.models}

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """One experiment for every run over time, ready for ``simulate``; observables have the labels of reports.

        Values that are brought to one of many times or runs are no observables. Runs of repeated tasks are numbered.
        What goes on from the state that another run left is refused: no experiment begins so, but `run_sedml` runs it.
        """
        return experiments_of(self.content, self.resolved)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the document says that is run or kept otherwise, such as a solver that is replaced."""
        found = list(self.content.notes)
        for name, task in self.content.tasks.items():
            for leaf in leaves_of(self.content, name, where=task.where):
                found += method_for(self.content, leaf).notes
        return tuple(dict.fromkeys(found))

    def __repr__(self) -> str:
        c = self.content
        repeated = sum(isinstance(t, RepeatedTask) for t in c.tasks.values())
        plots = sum(isinstance(o, Plot) for o in c.outputs.values())
        return (
            f"<SED-ML Level {c.level} Version {c.version} of {self.source}: {len(c.models)} models, {len(c.tasks)} "
            f"tasks ({repeated} repeated), {len(c.outputs) - plots} reports, {plots} plots>"
        )


def read_sedml(
    source: str | Path, *, models: Mapping[str, Any] | None = None, root: str | Path | None = None
) -> SedDocument:
    """Read a SED-ML document of Level 1 Version 1 to 4.

    Parameters
    ----------
    source : str or Path
        A path, or the text itself (which begins with ``<``).
    models : mapping of str to Model, str or Path, optional
        Models by their id in the document, instead of the files that it names: for models given by a web address, which
        is never followed, and for text that stands in no folder.
    root : str or Path, optional
        A folder above the file's own, where the document names models beside its folder: none are read from elsewhere.

    Returns
    -------
    SedDocument
        Its ``experiments`` run with ``simulate``, the whole of it with `run_sedml`. What is not read is refused by
        element and id; ``notes`` lists what makes no difference to the numbers asked for and is done otherwise.

    Raises
    ------
    DataError
        The file is missing, malformed or hostile.
    UnsupportedError
        An element, algorithm or setting that is not read, or another level or version.

    References
    ----------
    Smith LP et al. (2021) SED-ML Level 1 Version 4. J Integr Bioinform 18(3), 20210021.
    https://doi.org/10.1515/jib-2021-0021

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> file = pathlib.Path(tempfile.mkdtemp(), "decay.sedml")
    >>> _ = qsp.write_sedml(qsp.Experiment(model, times=[0, 5, 10]), file)
    >>> [arm.id for arm in read_sedml(file).experiments]
    ['experiment']
    """
    if isinstance(source, str) and source.lstrip("\ufeff \t\r\n").startswith("<"):
        text, where, folder = source, "the SED-ML text", None
    else:
        path = Path(source)
        text, where, folder = read_plain(path, what="a SED-ML file"), str(path), path.parent
    return document_of(text, where=where, loader=_from_folder(folder, root), given=given_models(models))


def document_of(
    text: str | bytes, *, where: str, loader: Loader, given: Mapping[str, Model] | None = None
) -> SedDocument:
    """Return a document from its text, with models from a loader, or those given."""
    content = parse_sedml(text, where=where)
    for name in given or {}:
        if name not in content.models:
            raise DataError(f"the document has no model '{name}'", where=where,
                            remedy=did_you_mean(name, content.models))  # fmt: skip
    return SedDocument(content, where, loader, dict(given or {}))


def given_models(models: Mapping[str, Any] | None) -> dict[str, Model]:
    """Return models that are given by id, read where they are paths or text."""
    return {k: m if isinstance(m, Model) else read_sbml(m) for k, m in (models or {}).items()}


def refuse_remote(source: str) -> None:
    """Refuse the source of a model that is no path.

    Raises
    ------
    UnsupportedError
        A web address or a name to look up.
    """
    if source.lower().startswith(_REMOTE):
        raise UnsupportedError("a model is not fetched", value=source,
                               remedy="download it, and give its path: models={'its id': 'its path'}")  # fmt: skip


def _from_folder(folder: Path | None, root: str | Path | None) -> Loader:
    roots = [] if root is None else [Path(root)]

    def load(source: str) -> str:
        refuse_remote(source)
        if folder is None:
            raise DataError("the text names a file, and stands in no folder", value=source,
                            remedy="give the model: models={'its id': model}")  # fmt: skip
        if Path(source).is_absolute() or len(source) > MAX_BYTES:
            raise DataError("the path of a model is absolute", value=source,
                            expected="a path relative to the SED-ML file")  # fmt: skip
        return read_text(inside(folder, source, roots=roots, what="a model", error=DataError), kind="SBML")[0]

    return load


def run_sedml(document: SedDocument | str | Path) -> dict[str, xr.Dataset]:
    """Run a SED-ML document and return its outputs.

    Parameters
    ----------
    document : SedDocument, str or Path
        A document, or its file.

    Returns
    -------
    dict of str to xarray.Dataset
        By the id of the output. A report has one variable per data set, a plot two per curve (``…_x``, ``…_y``), with
        the label as ``long_name``. Time is a dimension ``time``; each repeated task adds one of its own name.

    Raises
    ------
    DataError
        A reference leads nowhere, or the shapes of what is combined differ.
    UnsupportedError
        What tools understand differently, such as a change of what initial values are computed from.
    SimulationError
        A run failed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> file = pathlib.Path(tempfile.mkdtemp(), "decay.sedml")
    >>> _ = qsp.write_sedml(qsp.Experiment(model, times=[0, 5, 10]), file)
    >>> run_sedml(file)["report"]["S"].round(4).values.tolist()
    [10.0, 6.0653, 3.6788]
    """
    chosen = document if isinstance(document, SedDocument) else read_sedml(document)
    return evaluate_outputs(chosen.content, chosen.resolved)
