"""Reading the keys of a TOML file: every one known, every value of its kind, or an error that says where."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sbmlqsp.errors import QSPError, StudyError, did_you_mean
from sbmlqsp.files import parse_toml, read_plain

__all__ = ["ID", "Keys", "parse_toml", "read_toml"]

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
"""What may name a file or folder."""

_KINDS: dict[Any, str] = {
    str: "a text", bool: "true or false", int: "a whole number", float: "a number", dict: "a table of keys and values",
    list: "a list",
}  # fmt: skip


def read_toml(path: str | Path, *, what: str, error: type[QSPError] = StudyError) -> tuple[dict[str, Any], str]:
    """Return the content of a TOML file and its text.

    Raises
    ------
    QSPError
        The file cannot be read or is not TOML; of the class asked for.
    """
    text = read_plain(path, what=what, error=error)
    return parse_toml(text, where=str(path), what=what, error=error), text


class Keys:
    """The keys of one table of the file, taken one by one; what is left over is an error."""

    def __init__(self, values: object, where: str, *, error: type[QSPError] = StudyError) -> None:
        if not isinstance(values, Mapping):
            raise error(f"{where} is not a table", value=values, expected="keys and values", remedy=f"write {where}")
        self._values = dict(values)
        self._known: list[str] = []
        self._error = error
        self.where = where

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        """Return a value of the kind asked for, or the default where the key is absent."""
        self._known.append(key)
        if key not in self._values:
            return default
        value = self._values.pop(key)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if float in kinds and isinstance(value, int) and not isinstance(value, bool):
            return value
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            expected = " or ".join(_KINDS[k] for k in kinds)
            raise self._error(f"'{key}' is of the wrong kind", value=value, where=self.where, expected=expected)
        return value

    def need(self, key: str, kind: type | tuple[type, ...], *, example: str) -> Any:
        """Return a value that must be there."""
        value = self.take(key, kind)
        if value is None or value == "":
            near = difflib.get_close_matches(key, list(self._values), n=1)
            if near and value is None:
                raise self._error(f"there is no key '{near[0]}'", where=self.where, remedy=f"write '{key}'")
            raise self._error(f"'{key}' is missing", where=self.where, remedy=f"write {key} = {example}")
        return value

    def texts(self, key: str, *, one_allowed: bool = True) -> tuple[str, ...]:
        """Return a list of texts; a single text is a list of one."""
        value = self.take(key, (list, str) if one_allowed else list, [])
        items = [value] if isinstance(value, str) else value
        for item in items:
            if not isinstance(item, str) or not item:
                raise self._error(f"'{key}' holds what is no text", value=item, where=self.where)
        return tuple(items)

    def table(self, key: str) -> Keys:
        """Return the keys of a table inside this one, empty where it is absent."""
        return Keys(self.take(key, dict, {}), f"[{key}] of {self.where}", error=self._error)

    def tables(self, key: str) -> list[Keys]:
        """Return the keys of every table of an array of tables."""
        rows = self.take(key, list, [])
        return [Keys(row, f"[[{key}]] {i} of {self.where}", error=self._error) for i, row in enumerate(rows, 1)]

    def rest(self) -> dict[str, Any]:
        """Return everything that is left; for tables whose keys are free."""
        values, self._values = self._values, {}
        return values

    def done(self, also: Iterable[str] = ()) -> None:
        """Refuse the first key that nothing asked for."""
        for key in self._values:
            known = [*self._known, *also]
            raise self._error(f"there is no key '{key}'", where=self.where, remedy=did_you_mean(key, known))
