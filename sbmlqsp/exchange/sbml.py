"""Models to SBML."""

from __future__ import annotations

import os

from sbmlqsp.engine import libsbml
from sbmlqsp.engine.libsbml_ports import write_ports
from sbmlqsp.errors import ModelError
from sbmlqsp.exchange.saving import save
from sbmlqsp.model import Model

__all__ = ["write_sbml"]

FORMS = ("flat", "comp")


def write_sbml(model: Model, path: str | os.PathLike[str] | None = None, *, form: str = "flat") -> str:
    """Return a model as SBML Level 3 Version 2, and write it to a file where a path is given.

    Parameters
    ----------
    model : Model
    path : str or Path, optional
        Written whole or not at all.
    form : {"flat", "comp"}
        One flat model, which every SBML tool reads, or the hierarchy of a composed model.

    Returns
    -------
    str
        Valid SBML, the same bytes for the same model. Port directions are annotated; other tools ignore them.

    Raises
    ------
    ModelError
        No such form, ``"comp"`` of a model that is not composed, or (a defect here) an invalid result.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> qsp.read_sbml(write_sbml(model)).digest == model.digest
    True
    """
    if form not in FORMS:
        raise ModelError("there is no such form of SBML", value=form, expected="'flat' or 'comp'")
    if form == "comp" and model.sbml_comp is None:
        raise ModelError(
            f"the model '{model.id}' is not composed, so it has no hierarchical form",
            remedy="write it with form='flat', or compose it of parts first",
        )
    plain = model.sbml_comp if form == "comp" and model.sbml_comp is not None else model.sbml
    text = write_ports(plain, model.directions)
    _check(text, model)
    if path is not None:
        save(text, path)
    return text


def _check(text: str, model: Model) -> None:
    errors = [message for severity, _, _, message in libsbml.problems(libsbml.parse(text)) if severity == "error"]
    if errors:
        raise ModelError(
            f"the SBML to be written is invalid: {errors[0][:300]}", where=f"'{model.id}'", remedy="report this"
        )
