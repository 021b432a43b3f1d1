"""Models to SBML."""

from __future__ import annotations

import os

from sbmlqsp.engine import libsbml
from sbmlqsp.engine.libsbml_ports import write_ports
from sbmlqsp.errors import ModelError, UnsupportedError
from sbmlqsp.exchange.levels import hierarchical_in_level, in_level
from sbmlqsp.exchange.saving import save
from sbmlqsp.model import Model

__all__ = ["write_sbml"]

FORMS = ("flat", "comp")


def write_sbml(
    model: Model,
    path: str | os.PathLike[str] | None = None,
    *,
    form: str = "flat",
    level: int = 3,
    version: int = 2,
    allow_loss: bool = False,
) -> str:
    """Return a model as SBML, and write it to a file where a path is given.

    Parameters
    ----------
    model : Model
    path : str or Path, optional
        Written whole or not at all.
    form : {"flat", "comp"}
        One flat model, which every SBML tool reads, or the hierarchy of a composed model.
    level, version : int
        3.2; for tools that read no other 3.1, 2.5 or 2.4 (2.4 and 2.5: flat only). What the older level cannot say is
        rewritten where that is proven to change nothing (``max`` as a piecewise formula, conversion factors into
        stoichiometries, a dose at time 0 into an initial assignment), with a comment at the head of the file;
        priorities of events that may meet and the like are refused by name.
    allow_loss : bool
        Leave out what no simulation can tell (Level 2 takes units of its own where a model declares none) and list it
        in a comment, rather than refuse.

    Returns
    -------
    str
        Valid SBML, the same bytes for the same model, with its annotations and notes; numbers have the 15 digits that
        libSBML writes. Port directions are annotated; other tools ignore them. The text is read back and compared with
        the model before it is returned.

    Raises
    ------
    ModelError
        No such form, ``"comp"`` of a model that is not composed, or something that would be lost.
    UnsupportedError
        No such level, or one that cannot say the model; names the element.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> model = qsp.read_antimony("model m; species S; S = 10; J: S -> ; k*S; k = 0.1; end")
    >>> qsp.read_sbml(write_sbml(model)).digest == model.digest
    True
    >>> print(write_sbml(model, level=2, version=4, allow_loss=True).splitlines()[1][:64])
    <!-- Not kept: undeclared units -->
    """
    if form not in FORMS:
        raise ModelError("there is no such form of SBML", value=form, expected="'flat' or 'comp'")
    write = _hierarchical if form == "comp" else _flat
    text = write(model, level, version, allow_loss=allow_loss)
    _check(text, model)
    if path is not None:
        save(text, path)
    return text


def _flat(model: Model, level: int, version: int, *, allow_loss: bool) -> str:
    return in_level(write_ports(model.sbml, model.directions), level, version, allow_loss=allow_loss)


def _hierarchical(model: Model, level: int, version: int, *, allow_loss: bool) -> str:
    if model.sbml_comp is None:
        raise ModelError(
            f"the model '{model.id}' is not composed, so it has no hierarchical form",
            remedy="write it with form='flat', or compose it of parts first",
        )
    if level == 2:
        raise UnsupportedError(
            "Level 2 has no hierarchical form", value=f"Level 2 Version {version}", remedy="write it with form='flat'"
        )
    text = write_ports(model.sbml_comp, model.directions)
    return hierarchical_in_level(text, level, version, flat=model.sbml, allow_loss=allow_loss)


def _check(text: str, model: Model) -> None:
    errors = [message for severity, _, _, message in libsbml.problems(libsbml.parse(text)) if severity == "error"]
    if errors:
        raise ModelError(
            f"the SBML to be written is invalid: {errors[0][:300]}", where=f"'{model.id}'", remedy="report this"
        )
