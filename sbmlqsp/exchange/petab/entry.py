"""The YAML file that names the files of a problem."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sbmlqsp.errors import DataError, UnsupportedError, did_you_mean
from sbmlqsp.exchange.petab.sheets import identifier
from sbmlqsp.files import read_plain, refuse_missing

__all__ = ["Entry", "FileSet", "read_entry"]

LARGEST = 1_000_000
_TABLES = ("observable_files", "measurement_files", "condition_files", "experiment_files", "mapping_files")
_KEYS_1 = ("format_version", "parameter_file", "problems", "extensions")
_PART_1 = ("sbml_files", "measurement_files", "observable_files", "condition_files", "visualization_files")
_KEYS_2 = ("format_version", "id", "parameter_files", "model_files", *_TABLES, "extensions")


@dataclass(frozen=True)
class FileSet:
    """A model, or several by id, with the tables that belong to them, as paths inside the folder."""

    models: Mapping[str, Path]
    tables: Mapping[str, tuple[Path, ...]]


@dataclass(frozen=True)
class Entry:
    """What the file says: the version, the parameter tables, the other files, and extensions by name."""

    path: Path
    version: int
    parameters: tuple[Path, ...]
    sets: tuple[FileSet, ...]
    id: str = ""
    extensions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def shown(self, path: Path) -> str:
        """Return a path as messages show it."""
        return str(path.relative_to(self.path.parent.resolve()))

    def file(self, name: Any, at: str) -> Path:
        """Return the path of a file that an extension names, inside the folder."""
        return _Reader(self.path, {}).inside(name, at)


def read_entry(path: str | Path) -> Entry:
    """Read the YAML file of a problem.

    Parameters
    ----------
    path : str or Path
        The file, or a folder that holds one such file.

    Raises
    ------
    DataError
        It is no YAML, a key is missing or unknown, or a file is missing or outside the folder.
    UnsupportedError
        Another version of PEtab, or another language of models, or a required extension.
    """
    where = _found(Path(path))
    content = _content(where)
    version = _version(content, str(where))
    _check_keys(content, _KEYS_1 if version == 1 else _KEYS_2, str(where))
    reader = _Reader(where, content)
    return reader.first() if version == 1 else reader.second()


def _found(path: Path) -> Path:
    if not path.is_dir():
        refuse_missing(path, what="the YAML file of a PEtab problem")
        return path
    files = sorted(p for p in path.iterdir() if p.suffix.lower() in {".yaml", ".yml"})
    if len(files) != 1:
        names = [p.name for p in files]
        raise DataError(
            "the folder has no YAML file" if not files else "the folder has several YAML files", value=names or None,
            where=str(path), remedy="give the path of the file",
        )  # fmt: skip
    return files[0]


# ------------------------------------------------------------------------------------------------------------- YAML
def _content(path: Path) -> Mapping[str, Any]:
    import yaml

    text = read_plain(path, what="the YAML file of a PEtab problem")
    if len(text) > LARGEST:
        raise DataError("the file is too long for one that names files", value=len(text), where=str(path))
    try:
        content = yaml.load(text, Loader=_loader())  # noqa: S506  # a safe loader, which also refuses repeated keys
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        problem = " ".join(str(getattr(err, "problem", None) or err).split())
        raise DataError(f"the file is not YAML: {problem[:200]}", where=f"{path}{line}") from None
    except (RecursionError, ValueError) as err:
        raise DataError(f"the file is not YAML: {str(err)[:100] or 'nested too deeply'}", where=str(path)) from None
    if not isinstance(content, dict):
        raise DataError(
            "the file has no keys", value=type(content).__name__, where=str(path), expected="format_version: …"
        )
    return content


def _loader() -> Any:
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # of a package without types
        """The safe loader, without aliases and without keys that are given twice."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise yaml.composer.ComposerError(None, None, "an alias is not read here", self.peek_event().start_mark)
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise yaml.constructor.ConstructorError(None, None, "a key is no plain text", key.start_mark)
                if key.value in seen:
                    problem = f"the key '{key.value}' is given twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    return Loader


def _version(content: Mapping[str, Any], where: str) -> int:
    if "format_version" not in content:
        raise DataError("the format_version is missing", where=where, expected="format_version: 2.0.0")
    given = content["format_version"]
    match = re.fullmatch(r"(\d+)(\.\d+)*", str(given))
    if match is None or isinstance(given, bool) or match[1] not in {"1", "2"}:
        raise UnsupportedError(
            "this version of PEtab is not read", value=given, where=f"{where}, format_version", expected="1 or 2.0.0"
        )
    return int(match[1])


def _check_keys(content: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in content:
        if key not in known:
            raise DataError("no such key", value=key, where=where, remedy=did_you_mean(str(key), known))


# ------------------------------------------------------------------------------------------------------------ files
class _Reader:
    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        self._path, self._content = path, content
        self._folder = path.parent.resolve()

    def first(self) -> Entry:
        """Return what a file of version 1 says."""
        given = self._need(self._content, "parameter_file", "")
        parameters = tuple(self.inside(p, "parameter_file") for p in ([given] if isinstance(given, str) else given))
        parts = self._need(self._content, "problems", "")
        if not isinstance(parts, list) or not parts:
            raise DataError("there are no problems", value=parts, where=self._at("problems"), expected="a list")
        sets = tuple(self._part(part, k + 1) for k, part in enumerate(parts))
        return Entry(self._path, 1, parameters, sets, extensions=self._extensions())

    def _part(self, part: Any, number: int) -> FileSet:
        at = f"problem {number}"
        if not isinstance(part, dict):
            raise DataError("a problem has no keys", value=part, where=self._at(at))
        _check_keys(part, _PART_1, self._at(at))
        models = self._list(part, "sbml_files", at, needed=True)
        if len(models) > 1:
            raise UnsupportedError(
                "a problem has several models", value=[p.name for p in models], where=self._at(f"{at}, sbml_files"),
                remedy="give each a problem of its own, or write version 2",
            )  # fmt: skip
        names = ("observable_files", "measurement_files", "condition_files")
        tables = {n: self._list(part, n, at, needed=True) for n in names}
        return FileSet({f"model_{number}": models[0]}, tables)

    def second(self) -> Entry:
        """Return what a file of version 2 says."""
        c = self._content
        parameters = self._list(c, "parameter_files", "", needed=True)
        models = dict(self._models())
        tables = {n: self._list(c, n, "", needed=n in _TABLES[:2]) for n in _TABLES}
        name = str(c.get("id") or "")
        if name:
            identifier(name, "id", str(self._path))
        sets = (FileSet(models, tables),)
        return Entry(self._path, 2, parameters, sets, id=name, extensions=self._extensions())

    def _models(self) -> Iterator[tuple[str, Path]]:
        given = self._need(self._content, "model_files", "")
        if not isinstance(given, dict) or not given:
            raise DataError("there are no models", value=given, where=self._at("model_files"))
        for name, about in given.items():
            at = f"model_files, {name}"
            identifier(str(name), "the id of a model", self._at(at))
            if not isinstance(about, dict):
                raise DataError("a model has no location", value=about, where=self._at(at))
            language = self._need(about, "language", at)
            if language != "sbml":
                raise UnsupportedError(
                    "models of this language are not read", value=language, where=self._at(at), expected="sbml"
                )
            yield str(name), self.inside(self._need(about, "location", at), at)

    def _extensions(self) -> dict[str, Mapping[str, Any]]:
        given = self._content.get("extensions") or {}
        if not isinstance(given, dict):
            raise DataError("the extensions have no names", value=given, where=self._at("extensions"))
        for name, about in given.items():
            at = f"extensions, {name}"
            if not isinstance(about, dict):
                raise DataError("an extension has no version", value=about, where=self._at(at))
            self._need(about, "version", at)
            if not isinstance(about.get("required"), bool):
                raise DataError(
                    "an extension does not say whether it is required", value=about.get("required"),
                    where=self._at(at), expected="required: true or false",
                )  # fmt: skip
            if about["required"]:
                raise UnsupportedError(
                    f"the problem requires the extension '{name}', without which it means something else",
                    where=self._at(at), remedy="open it with a tool that knows the extension",
                )  # fmt: skip
        return {str(k): v for k, v in given.items()}

    def _need(self, content: Mapping[str, Any], key: str, at: str) -> Any:
        if content.get(key) is None:
            raise DataError(
                f"the key '{key}' is missing", where=self._at(at), remedy=did_you_mean(key, map(str, content))
            )
        return content[key]

    def _list(self, content: Mapping[str, Any], key: str, at: str, *, needed: bool = False) -> tuple[Path, ...]:
        given = self._need(content, key, at) if needed else content.get(key) or []
        where = f"{at}, {key}".removeprefix(", ")
        if not isinstance(given, list) or (needed and not given):
            raise DataError("a list of files is expected", value=given, where=self._at(where), expected="[file.tsv]")
        return tuple(self.inside(item, where) for item in given)

    def inside(self, name: Any, at: str) -> Path:
        """Return the path of a file that lies in the problem's folder."""
        if not isinstance(name, str) or not name.strip():
            raise DataError("the name of a file is expected", value=name, where=self._at(at))
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", name):
            raise DataError(
                "a web address is not read", value=name, where=self._at(at),
                remedy="download the file into the problem's folder",
            )  # fmt: skip
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder) or Path(name).is_absolute() or "\\" in name:
            raise DataError(
                "the file lies outside of the problem's folder", value=name, where=self._at(at),
                remedy="copy it into the folder and name it from there",
            )  # fmt: skip
        refuse_missing(path, what=f"the file that {self._path.name} names")
        return path

    def _at(self, at: str) -> str:
        return f"{self._path}, {at}" if at else str(self._path)
