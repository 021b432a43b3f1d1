"""Models of other files that a hierarchical document refers to, brought into the document itself.

libSBML would open any path, and whatever is there; here a file must lie in the folder of the document, be SBML that
stands every other check, and be named without a way out of that folder.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sbmlqsp.engine.libsbml import lib, parse, write
from sbmlqsp.engine.libsbml_packages import refuse_fast
from sbmlqsp.engine.libsbml_rename import rename
from sbmlqsp.engine.sources import read_text
from sbmlqsp.errors import ModelError, did_you_mean

__all__ = ["raise_level", "with_other_files"]

MOST = 100  # files


def with_other_files(text: str, *, folder: Path, where: str) -> str:
    """Return a hierarchical document with the models of other files as definitions of its own.

    Parameters
    ----------
    text : str
    folder : Path
        Where the document lies; what it refers to must lie there or below.
    where : str
        What to call the document in messages.

    Raises
    ------
    ModelError
        A file is missing, lies elsewhere, is not SBML, lacks the model, was changed since the document was written (by
        the digest that it may note), or refers back to what refers to it.
    """
    if "externalModelDefinition" not in text:
        return text
    document = parse(text, where=where)
    plugin = document.getPlugin("comp")
    if plugin is None or not plugin.getNumExternalModelDefinitions():
        return text
    raise_level(document, where=where)
    bringing = _Bringing(document, folder.resolve(), where)
    external = [plugin.getExternalModelDefinition(i) for i in range(plugin.getNumExternalModelDefinitions())]
    wanted = [(e.getId(), _Reference.of(e, folder, where)) for e in external]
    while plugin.getNumExternalModelDefinitions():
        plugin.removeExternalModelDefinition(0)
    for name, reference in wanted:
        bringing.define(name, reference, ())
    return write(document)


class _Reference:
    """A model of a file: its path, the model's id there (by default the file's own model) and the file's digest."""

    def __init__(self, path: Path, model: str, md5: str = "") -> None:
        self.path, self.model, self.md5 = path, model, md5

    @classmethod
    def of(cls, element: Any, folder: Path, where: str) -> _Reference:
        source = unquote(element.getSource())
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", source) or Path(source).is_absolute():
            raise ModelError(
                f"the external model definition '{element.getId()}' refers to a file by a full address",
                value=source,
                where=where,
                expected="a path relative to the document",
                remedy="put the file beside the document and name it without a folder",
            )
        return cls(folder / source, element.getModelRef(), element.getMd5() if element.isSetMd5() else "")


class _Bringing:
    def __init__(self, document: Any, root: Path, where: str) -> None:
        self._document, self._root, self._where = document, root, where
        self._plugin = document.getPlugin("comp")
        self._files: dict[Path, Any] = {}
        self._names: dict[tuple[Path, str], str] = {}

    def define(self, name: str, reference: _Reference, trail: tuple[tuple[Path, str], ...]) -> None:
        """Add a definition of this name for a model of a file, and those that it is made of."""
        document = self._open(reference)
        key = (reference.path.resolve(), reference.model or document.getModel().getId())
        if key in trail:
            raise ModelError(f"the model '{key[1]}' is made of itself", where=f"{self._where}, {reference.path.name}")
        plugin = document.getPlugin("comp")
        external = plugin.getExternalModelDefinition(key[1])
        if external is not None:
            where = f"{self._where}, {reference.path.name}"
            self.define(name, _Reference.of(external, reference.path.parent, where), (*trail, key))
            return
        definition = self._copy(name, document, key[1], reference)
        own = definition.getPlugin("comp")
        for i in range(own.getNumSubmodels()):
            submodel = own.getSubmodel(i)
            inner = _Reference(reference.path, submodel.getModelRef())
            submodel.setModelRef(self._inner(name, inner, (*trail, key)))
        if self._plugin.addModelDefinition(definition) != lib().LIBSBML_OPERATION_SUCCESS:
            raise ModelError(
                f"the model '{key[1]}' of another file cannot be added",
                value=reference.path.name,
                where=self._where,
                remedy="bring both files to one level and version of SBML",
            )

    def _inner(self, name: str, reference: _Reference, trail: tuple[tuple[Path, str], ...]) -> str:
        key = (reference.path.resolve(), reference.model)
        if key not in self._names:
            new = f"{name}__{reference.model}"
            while self._plugin.getModelDefinition(new) is not None:
                new += "_"
            self.define(new, reference, trail)
            self._names[key] = new
        return self._names[key]

    def _copy(self, name: str, document: Any, model: str, reference: _Reference) -> Any:
        plugin = document.getPlugin("comp")
        whole = document.getModel()
        found = whole if whole.getId() == model else plugin.getModelDefinition(model)
        if found is None:
            definitions = [plugin.getModelDefinition(i).getId() for i in range(plugin.getNumModelDefinitions())]
            external = range(plugin.getNumExternalModelDefinitions())
            definitions += [plugin.getExternalModelDefinition(i).getId() for i in external]
            raise ModelError(
                f"the file '{reference.path.name}' holds no model '{model}'",
                where=self._where,
                remedy=did_you_mean(model, [whole.getId(), *definitions]),
            )
        definition = lib().ModelDefinition(found)
        # Meta ids are unique in a document, not in a model.
        rename(definition, ids=str, units=str, metaids=lambda m: f"{name}__{m}")
        definition.setId(name)
        if definition.isSetMetaId():
            definition.setMetaId(f"{name}__{found.getMetaId()}")
        return definition

    def _open(self, reference: _Reference) -> Any:
        path = reference.path.resolve()
        if path not in self._files:
            if not path.is_relative_to(self._root):
                raise ModelError(
                    "the model refers to a file outside its folder",
                    value=str(reference.path),
                    where=self._where,
                    remedy="copy the file into the folder of the document",
                )
            if len(self._files) >= MOST:
                raise ModelError(f"the model refers to more than {MOST} files", where=self._where)
            self._files[path] = self._read(path)
        if reference.md5 and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() != reference.md5.lower():
            raise ModelError(
                "the file was changed since the document that refers to it was written: its digest (md5) differs",
                value=reference.path.name,
                where=self._where,
                remedy="obtain the file as it was, or remove the attribute 'md5' of the external model definition",
            )
        return self._files[path]

    def _read(self, path: Path) -> Any:
        text, where = read_text(path, kind="SBML")
        document = parse(text, where=f"{self._where}, {where}")
        for plugin in [document.getPlugin(i) for i in range(document.getNumPlugins())]:
            if plugin.getPackageName() != "comp":
                document.enablePackage(plugin.getURI(), plugin.getPrefix(), False)
        raise_level(document, where=f"{self._where}, {path.name}")
        document.enablePackage(self._plugin.getURI(), "comp", True)
        return document


def raise_level(document: Any, *, where: str) -> None:
    """Bring a hierarchical document to Level 3 Version 2, as everything here is written.

    Raises
    ------
    UnsupportedError
        It has fast reactions, which that version does not know.
    """
    plugin = document.getPlugin("comp")
    inner = [plugin.getModelDefinition(i) for i in range(plugin.getNumModelDefinitions())] if plugin is not None else []
    for model in (document.getModel(), *inner):
        refuse_fast(model, where)
    if (document.getLevel(), document.getVersion()) != (3, 2) and not document.setLevelAndVersion(3, 2, False, True):
        raise ModelError("the document cannot be brought to Level 3 Version 2", where=where)
