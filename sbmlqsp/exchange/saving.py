"""Write a text file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from sbmlqsp.errors import DataError

__all__ = ["new_folder", "save", "save_bytes"]


def save(text: str, path: str | os.PathLike[str]) -> Path:
    r"""Write text as UTF-8 with ``\n`` line ends, replacing the file in one step.

    Raises
    ------
    DataError
        The folder is missing, or the path is a folder.
    """
    return save_bytes(text.encode(), path)


def save_bytes(content: bytes, path: str | os.PathLike[str]) -> Path:
    """Write bytes, replacing the file in one step; as ``save``."""
    target = Path(path)
    if not target.parent.is_dir():
        raise DataError(f"there is no folder '{target.parent}'", value=str(target), remedy="make the folder first")
    if target.is_dir():
        raise DataError("the path is a folder", value=str(target), expected="a file name")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    return target


def new_folder(path: str | os.PathLike[str]) -> Path:
    """Return a folder that is made, or was empty.

    Raises
    ------
    DataError
        It holds something, or is a file.
    """
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError("the folder is not empty", value=str(folder), remedy="name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise DataError(f"the folder cannot be made: {err.strerror or err}", value=str(folder)) from None
    return folder
