"""Write a text file whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from sbmlqsp.errors import DataError

__all__ = ["save"]


def save(text: str, path: str | os.PathLike[str]) -> Path:
    r"""Write text as UTF-8 with ``\n`` line ends, replacing the file in one step.

    Raises
    ------
    DataError
        The folder is missing, or the path is a folder.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise DataError(f"there is no folder '{target.parent}'", value=str(target), remedy="make the folder first")
    if target.is_dir():
        raise DataError("the path is a folder", value=str(target), expected="a file name")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    return target
