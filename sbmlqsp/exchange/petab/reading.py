"""The verb ``read_petab``."""

from __future__ import annotations

from pathlib import Path

from sbmlqsp.errors import QSPError
from sbmlqsp.exchange.petab.entry import Entry, read_entry
from sbmlqsp.exchange.petab.problem import PetabProblem
from sbmlqsp.exchange.petab.reading_first import first_version
from sbmlqsp.exchange.petab.reading_second import second_version
from sbmlqsp.model import Model
from sbmlqsp.reading import read_sbml

__all__ = ["read_petab"]


def read_petab(path: str | Path) -> PetabProblem:
    r"""Read a PEtab problem of version 1 or 2.

    Nothing outside of the problem's folder is read, and no formula is run as code.

    Parameters
    ----------
    path : str or Path
        The YAML file, or a folder that holds one.

    Returns
    -------
    PetabProblem
        In the notions of version 2. A log10 noise and prior of version 1 stay what they are in numbers; a pair of
        conditions for pre-equilibration and simulation becomes an experiment.

    Raises
    ------
    DataError
        A file is missing or outside of the folder; a table lacks a column; an id is unknown or given twice; a number is
        none: each with file, line and remedy.
    ModelError
        The model is invalid.
    UnsupportedError
        Another version, language of models, or extension that the problem requires.

    See Also
    --------
    write_petab : The other way.

    References
    ----------
    Schmiester L, Schälte Y, Bergmann FT, et al (2021) PEtab: interoperable specification of parameter estimation
    problems in systems biology. https://doi.org/10.1371/journal.pcbi.1008646

    Examples
    --------
    >>> import tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> data = qsp.read_nonmem("ID,TIME,DV\n1,0,9.5\n1,5,6.5\n")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = qsp.write_petab_experiments(model, data, folder=folder, observables="S")
    ...     problem = read_petab(folder)
    >>> problem
    <PEtab problem of version 2 on 'm': measurements 2, observables 1, experiments 1, parameters 2 (0 estimated)>
    """
    entry = read_entry(path)
    models = {name: _model(entry, file) for part in entry.sets for name, file in part.models.items()}
    return first_version(entry, models) if entry.version == 1 else second_version(entry, models)


def _model(entry: Entry, file: Path) -> Model:
    try:
        return read_sbml(file)
    except QSPError as err:
        raise err.changed(where=entry.shown(file) + (f", {err.where}" if err.where else "")) from None
