"""The verb ``write_petab``."""

from __future__ import annotations

import os
from pathlib import Path

from sbmlqsp.errors import DataError
from sbmlqsp.exchange.petab.plain import without_aliases
from sbmlqsp.exchange.petab.problem import PetabProblem
from sbmlqsp.exchange.petab.writing_first import first_files
from sbmlqsp.exchange.petab.writing_second import second_files
from sbmlqsp.exchange.saving import save

__all__ = ["write_petab"]


def write_petab(problem: PetabProblem, folder: str | os.PathLike[str], *, version: int = 2) -> Path:
    r"""Write a PEtab problem.

    Reading it again gives the same χ² and log-likelihood, and the same log-prior, whichever version is written.

    Parameters
    ----------
    problem : PetabProblem
    folder : path
        Made if missing. Written are ``problem.yaml``, a model file for each model, and ``parameters.tsv``,
        ``observables.tsv``, ``measurements.tsv`` and, where there are any, ``conditions.tsv`` and ``experiments.tsv``.
        A ``Population`` goes into ``population.tsv`` (and ``population_people.tsv``), which version 2 names in its
        ``extensions`` and other readers ignore; see ``sbmlqsp.exchange.petab.population`` for its columns.
    version : {1, 2}

    Returns
    -------
    Path
        That of ``problem.yaml``.

    Raises
    ------
    DataError
        No such version.
    UnsupportedError
        Version 1 cannot say it: several changes in one experiment, formulas in conditions, some priors, a population.

    Notes
    -----
    Models are written in this package's canonical form, in which local parameters of reactions have ids of their own;
    names that the mapping table gave to such are replaced by these. A log10 noise becomes a natural logarithmic one in
    version 2, with its scale times ln(10): the density is the same. ``parameterScale`` stays as a further column.

    Examples
    --------
    >>> import tempfile
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> data = qsp.read_nonmem("ID,TIME,DV\n1,0,9.5\n1,5,6.5\n")
    >>> seen = qsp.Observable("S", error=qsp.ErrorModel(additive=0.5))
    >>> problem = qsp.petab_problem(model, data, observables=seen)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = qsp.read_petab(qsp.write_petab(problem, folder, version=1))
    >>> again.version, abs(again.score().chi2 - problem.score().chi2) < 1e-9
    (1, True)
    """
    if version not in {1, 2}:
        raise DataError("no such version of PEtab", value=version, expected="1 or 2")
    plain = without_aliases(problem)
    files = first_files(plain) if version == 1 else second_files(plain)
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        save(text, target / name)
    return target / "problem.yaml"
