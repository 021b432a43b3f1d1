"""Read models from Antimony and SBML, by path or text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sbmlqsp.antimony_composition import compose_text, is_composition
from sbmlqsp.antimony_module import plain_antimony
from sbmlqsp.engine import libsbml
from sbmlqsp.engine.libsbml_external import raise_level, with_other_files
from sbmlqsp.engine.libsbml_ports import read_ports, without_ports
from sbmlqsp.engine.sources import read_text
from sbmlqsp.model import Model

__all__ = ["read_antimony", "read_sbml"]


def read_antimony(source: str | Path) -> Model:
    """Read an Antimony model.

    Parameters
    ----------
    source : str or Path
        A path, or the text itself (anything with a line break or a ``;``).

    Returns
    -------
    Model
        The arguments of the model are its ports. Lines ``// @input x`` and ``// @output y`` state directions, which
        are otherwise inferred. A text that imports or instantiates other models is composed under the same checks
        as ``compose``.

    Raises
    ------
    ModelError
        The text cannot be read, or what it describes is not valid SBML.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> qsp.read_antimony("model m(k); S = 10; J: S -> ; k*S; k = 0.1; end").ports[0].direction
    'input'
    """
    text, where = read_text(source, kind="Antimony")
    folder = Path(where).parent if Path(where).is_file() else None
    if is_composition(text):
        return compose_text(text, where=where, folder=folder)
    return plain_antimony(text, where=where)


def read_sbml(source: str | Path) -> Model:
    """Read an SBML model of Level 1 to 3, flat or hierarchical.

    Parameters
    ----------
    source : str or Path
        A path, or the text itself. Models of other files that a hierarchical document refers to are read from the
        folder of its path, or below.

    Returns
    -------
    Model
        Brought to flat Level 3 Version 2; a hierarchical document is flattened by libSBML and also kept. Annotations,
        SBO terms and notes are in its ``annotations``.

    Raises
    ------
    ModelError
        Any libSBML error: the engine would simulate many invalid files without a word. Files outside of the folder.
    UnsupportedError
        Fast reactions, fluxes of an optimum (package fbc), other packages that change the meaning; named.
    """
    text, where = read_text(source, kind="SBML")
    if where != "the SBML text":
        text = with_other_files(text, folder=Path(where).parent, where=where)
    sbml = without_ports(libsbml.canonical(text, where=where))
    document, comp = libsbml.parse(text, where=where), None
    if libsbml.is_hierarchical(document):
        raise_level(document, where=where)
        comp = libsbml.write(document)
    name = libsbml.parse(sbml, scanned=True).getModel().getId() or "model"
    model = Model(name, sbml, sbml_comp=comp, source=where)
    ports = {k: v for k, v in read_ports(text, flat=sbml).items() if k in model.network.symbols}
    return replace(model, directions=ports)
