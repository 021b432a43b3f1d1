"""Resolve the imports of Antimony text ourselves: regular .ant files in known places only."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field, replace
from pathlib import Path

from sbmlqsp.composition.antimony_text import Block, blocks, imports, mask
from sbmlqsp.engine.sources import read_text
from sbmlqsp.errors import CompositionError, did_you_mean
from sbmlqsp.library import models_root, own_library

__all__ = ["Library", "import_path", "load_library"]

MAX_DEPTH = 20
MAX_FILES = 200


@dataclass
class Library:
    """The models and functions that a text and its imports define."""

    models: dict[str, Block] = field(default_factory=dict)
    functions: dict[str, Block] = field(default_factory=dict)
    main: str = ""
    files: set[Path] = field(default_factory=set)

    def add(self, block: Block) -> None:
        """Take in a block, refusing a second of the same name."""
        table = self.models if block.kind == "model" else self.functions
        if block.name in table:
            if block.kind == "function" and _same_text(block, table[block.name]):
                return
            raise CompositionError(
                f"two {block.kind}s are called '{block.name}'",
                where=f"{table[block.name].where} and {block.where}",
                remedy="rename one of them",
            )
        table[block.name] = block

    def model(self, name: str, *, where: str) -> Block:
        """Return a model, or refuse with the names there are."""
        if name not in self.models:
            raise CompositionError(
                f"there is no model '{name}' to make an instance of",
                where=where,
                remedy=did_you_mean(name, self.models),
            )
        return self.models[name]


def _same_text(a: Block, b: Block) -> bool:
    return a.arguments == b.arguments and re.sub(r"[\s;]+", "", mask(a.body)) == re.sub(r"[\s;]+", "", mask(b.body))


def load_library(text: str, *, where: str, folder: Path | None) -> Library:
    """Return everything a text defines and imports; the main model is its last, or the starred one."""
    library = Library()
    trail = (Path(where).resolve(),) if folder is not None else ()
    own = _load(text, library, where=where, folder=folder, trail=trail)
    if not own:
        raise CompositionError("the text holds no model", where=where, expected="'model id() … end'")
    library.main = next((b.name for b in own if b.main), own[-1].name)
    return library


def _load(text: str, library: Library, *, where: str, folder: Path | None, trail: tuple[Path, ...]) -> list[Block]:
    for name in imports(text):
        path = import_path(name, folder, where)
        if path in trail:
            circle = " → ".join(p.name for p in (*trail[trail.index(path) :], path))
            raise CompositionError(f"the imports run in a circle: {circle}", where=where)
        if path in library.files:
            continue
        if len(trail) > MAX_DEPTH or len(library.files) >= MAX_FILES:
            raise CompositionError(
                "too many imports", where=where, expected=f"at most {MAX_DEPTH} deep, {MAX_FILES} in all"
            )
        library.files.add(path)
        inner, _ = read_text(path, kind="Antimony")
        _load(inner, library, where=str(path), folder=path.parent, trail=(*trail, path))
    found = blocks(text, where=where)
    for block in found:
        library.add(replace(block, main=False))
    return [b for b in found if b.kind == "model"]


def import_path(name: str, folder: Path | None, where: str) -> Path:
    """Return the file that an import of a text in a folder names; refuse all but Antimony beside it or of a library."""
    if Path(name).is_absolute() or "://" in name or "\\" in name or "\0" in name:
        raise _refusal("names no file beside it or in the model library", name, where)
    if not name.endswith(".ant"):
        raise _refusal("is not an Antimony (.ant) file", name, where)
    library = models_root().resolve()
    roots = [library] if folder is None else [folder.resolve(), own_library(folder), library]
    path = ((folder or library) / name).resolve()
    if not any(root is not None and path.is_relative_to(root) for root in roots):
        raise _refusal("leads outside of the file's folder and of the model library", name, where)
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except OSError:
        raise _refusal("does not exist", name, where) from None
    if not regular:
        raise _refusal("is not a regular file", name, where)
    return path


def _refusal(why: str, name: str, where: str) -> CompositionError:
    return CompositionError(
        f"the import '{name}' {why}",
        where=where,
        expected="a relative path to an .ant file beside the importing file, or in the model library",
    )
