"""Antimony adapter: text to SBML and back, one call at a time, nothing left behind."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Any

from sbmlqsp.engine.antimony_scan import refuse_hostile
from sbmlqsp.errors import ModelError

__all__ = ["Translation", "to_antimony", "to_sbml", "translate"]

# Antimony keeps global state and crashes with several threads (measured), so every use holds this lock.
_LOCK = threading.RLock()


def _lib() -> Any:
    import antimony

    return antimony


class _Session:
    """Clears Antimony's global memory before and after one use."""

    def __enter__(self) -> Any:
        _LOCK.acquire()
        self._library = _lib()
        self._library.clearPreviousLoads()
        return self._library

    def __exit__(self, *_: object) -> None:
        self._library.clearPreviousLoads()
        self._library.freeAll()
        _LOCK.release()


def to_sbml(text: str, *, where: str = "the Antimony text", comp: bool = False) -> str:
    """Translate Antimony text to SBML.

    Parameters
    ----------
    text : str
        One or more Antimony models without imports; the last (or the starred) one is translated.
    where : str
        What to call the text in messages.
    comp : bool
        True for hierarchical SBML with submodels, False for flat SBML.

    Raises
    ------
    ModelError
        Antimony's message, with the line of the text it names.
    """
    return translate(text, where=where, comp=comp).sbml


@dataclass(frozen=True, slots=True)
class Translation:
    """What Antimony makes of a text: the SBML, and the id and interface symbols (arguments) of the main model."""

    sbml: str
    id: str
    interface: tuple[str, ...]


def translate(text: str, *, where: str = "the Antimony text", comp: bool = False) -> Translation:
    """Translate Antimony text as ``to_sbml`` does, and say what its main model is called and takes."""
    if not isinstance(text, str) or "\0" in text:
        raise ModelError("the Antimony text holds a NUL character or is not text", where=where)
    refuse_hostile(text, where=where)
    with _Session() as library:
        if library.loadAntimonyString(text) < 0:
            raise _syntax_error(_last_error(library), text, where)
        name = library.getMainModuleName()
        sbml = library.getCompSBMLString(name) if comp else library.getSBMLString(name)
        if not sbml:
            raise ModelError("Antimony gave no SBML", where=where, value=_last_error(library) or None)
        names = library.getSymbolNamesInInterfaceOf(name) if library.getNumSymbolsInInterfaceOf(name) else ()
        return Translation(str(sbml), str(name), tuple(names))


def to_antimony(sbml: str, *, where: str = "the SBML text") -> str:
    """Translate flat SBML to Antimony text."""
    with _Session() as library:
        if library.loadSBMLString(sbml) < 0:
            raise ModelError(f"Antimony cannot read this SBML: {_last_error(library)}", where=where)
        return str(library.getAntimonyString(library.getMainModuleName()))


def _last_error(library: Any) -> str:
    try:
        return str(library.getLastError())
    except UnicodeDecodeError:
        # The message cuts the text in the middle of a character.
        return "it holds a character that Antimony cannot read; names and numbers are plain ASCII"


def _syntax_error(message: str, text: str, where: str) -> ModelError:
    clean = " ".join(str(message).split()).replace("Error in model string, ", "")
    found = re.search(r"line (\d+)", clean)
    lines = text.splitlines()
    shown = f", which reads '{lines[int(found[1]) - 1].strip()[:80]}'" if found and int(found[1]) <= len(lines) else ""
    return ModelError(
        f"the Antimony text cannot be read: {clean[:300].rstrip('.')}{shown}",
        where=where,
        remedy="correct the line named",
    )
