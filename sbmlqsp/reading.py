"""Read models from Antimony and SBML, by path or text.

What a stranger wrote is read by the guarded process (`sbmlqsp.engine.guard`): whatever it does to the libraries that
read it, this process lives on.
"""

from __future__ import annotations

import contextlib
import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from sbmlqsp.antimony_composition import compose_text, is_composition
from sbmlqsp.antimony_module import plain_antimony
from sbmlqsp.engine import libsbml
from sbmlqsp.engine.antimony_scan import refuse_hostile
from sbmlqsp.engine.guard import guarded, guarding, preparing
from sbmlqsp.engine.guard_child import seal
from sbmlqsp.engine.libsbml_external import raise_level, with_other_files
from sbmlqsp.engine.libsbml_ports import read_ports, without_ports
from sbmlqsp.engine.prescan import prescan
from sbmlqsp.engine.sources import read_text
from sbmlqsp.errors import ModelError
from sbmlqsp.library import models_root
from sbmlqsp.model import Model

__all__ = ["read_antimony", "read_sbml"]


def read_antimony(source: str | Path, *, untrusted: bool | None = None) -> Model:
    """Read an Antimony model.

    Parameters
    ----------
    source : str or Path
        A path, or the text itself (anything with a line break or a ``;``).
    untrusted : bool, optional
        Whether to read it in a process of its own with limits of time and memory, which may crash without harm, and
        to have the engine compile it there first. By default files are untrusted unless they are the model library's,
        and text is trusted, as it is mostly a program's own; give True for text that came from elsewhere.

    Returns
    -------
    Model
        The arguments of the model are its ports. Lines ``// @input x`` and ``// @output y`` state directions, which
        are otherwise inferred. A text that imports or instantiates other models is composed under the same checks
        as ``compose``.

    Raises
    ------
    ModelError
        The text cannot be read, or what it describes is not valid SBML; untrusted, it takes more than 120 s or 4 GB
        (``SBMLQSP_GUARD_SECONDS`` and ``SBMLQSP_GUARD_MEMORY`` in the environment say otherwise), or crashes.

    Examples
    --------
    >>> import sbmlqsp as qsp
    >>> qsp.read_antimony("model m(k); S = 10; J: S -> ; k*S; k = 0.1; end").ports[0].direction
    'input'
    """
    text, where = read_text(source, kind="Antimony")
    if _is_foreign(where, "Antimony", untrusted):
        refuse_hostile(text, where=where)
        return _received(guarded(_antimony_as_data, {"text": text, "where": where}, where=where), where)
    return _read_antimony(text, where)


def _read_antimony(text: str, where: str) -> Model:
    folder = Path(where).parent if Path(where).is_file() else None
    if is_composition(text):
        return compose_text(text, where=where, folder=folder)
    seal()
    return plain_antimony(text, where=where)


def read_sbml(source: str | Path, *, untrusted: bool | None = None) -> Model:
    """Read an SBML model of Level 1 to 3, flat or hierarchical.

    Parameters
    ----------
    source : str or Path
        A path, or the text itself. Models of other files that a hierarchical document refers to are read from the
        folder of its path, or below.
    untrusted : bool, optional
        As for ``read_antimony``.

    Returns
    -------
    Model
        Brought to flat Level 3 Version 2; a hierarchical document is flattened by libSBML and also kept. Annotations,
        SBO terms and notes are in its ``annotations``.

    Raises
    ------
    ModelError
        Any libSBML error: the engine would simulate many invalid files without a word. Files outside of the folder.
        Untrusted, also as for ``read_antimony``.
    UnsupportedError
        Fast reactions, fluxes of an optimum (package fbc), other packages that change the meaning; named.
    """
    text, where = read_text(source, kind="SBML")
    if _is_foreign(where, "SBML", untrusted):
        text = prescan(text, where=where)
        return _received(guarded(_sbml_as_data, {"text": text, "where": where}, where=where), where)
    return _read_sbml(text, where)


def _read_sbml(text: str, where: str) -> Model:
    if Path(where).is_file():
        text = with_other_files(text, folder=Path(where).parent, where=where)
    seal()
    sbml = without_ports(libsbml.canonical(text, where=where))
    document, comp = libsbml.parse(text, where=where), None
    if libsbml.is_hierarchical(document):
        raise_level(document, where=where)
        comp = libsbml.write(document)
    name = libsbml.parse(sbml, scanned=True).getModel().getId() or "model"
    model = Model(name, sbml, sbml_comp=comp, source=where)
    ports = {k: v for k, v in read_ports(text, flat=sbml).items() if k in model.network.symbols}
    return replace(model, directions=ports)


# --------------------------------------------------------------------------------------------------- files of strangers
def _is_foreign(where: str, kind: str, untrusted: bool | None) -> bool:
    if not guarding():
        return False
    if untrusted is not None:
        return untrusted
    if where == f"the {kind} text":
        return False
    try:
        return not Path(where).resolve().is_relative_to(models_root().resolve())
    except ModelError:
        return True  # there is no library


def _antimony_as_data(*, text: str, where: str) -> dict[str, Any]:
    return _as_data(_read_antimony(text, where))


def _sbml_as_data(*, text: str, where: str) -> dict[str, Any]:
    return _as_data(_read_sbml(text, where))


def _as_data(model: Model) -> dict[str, Any]:
    own = {name: getattr(model, name) for name in ("id", "sbml", "sbml_comp", "source")}
    return own | {"directions": dict(model.directions)}


def _received(data: dict[str, Any], where: str) -> Model:
    """Return the model that the guarded process has read; it is looked at as if that process were a stranger too."""
    sbml = prescan(str(data["sbml"]), where=where)
    comp = None if data["sbml_comp"] is None else prescan(str(data["sbml_comp"]), where=where)
    directions = {str(k): str(v) for k, v in data["directions"].items()}
    source = str(data["source"])
    return Model(str(data["id"]), sbml, sbml_comp=comp, directions=directions, source=source, untrusted=True)


@preparing
def warm_up() -> None:
    """Read a model of each kind, and one that is none, so that what that needs is imported."""
    for name in ("difflib", "roadrunner", "sbmlqsp.engine.roadrunner"):
        importlib.import_module(name)
    text = "model a; unit u = 3600 second; S = 1; J: S -> ; k*S; k = 1; k has u; end; model b; x: a(); x.k = 2; end"
    composed = _read_antimony(text, "a text")
    _read_sbml(composed.sbml_comp or composed.sbml, "a text")
    with contextlib.suppress(ModelError):
        _read_sbml("<sbml><model/></sbml>", "a text")
