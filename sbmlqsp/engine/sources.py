"""From what a user hands over, a path or text, to the text itself, read with every precaution."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
import stat
import zlib
from pathlib import Path

from sbmlqsp.engine import prescan
from sbmlqsp.errors import ModelError, did_you_mean
from sbmlqsp.files import read_regular

__all__ = ["read_text"]

LONGEST_PATH = 4096
URL = re.compile(r"\s*(https?|ftp|s3|file|data):/", re.IGNORECASE)  # a Path holds a single slash
GZIP, BZIP2, ZIP, XZ = b"\x1f\x8b", b"BZh", b"PK\x03\x04", b"\xfd7zXZ\x00"


def read_text(path_or_text: str | Path, *, kind: str) -> tuple[str, str]:
    r"""Return the text of a model, and what to call it in messages.

    Parameters
    ----------
    path_or_text : str or Path
        A path, or the text itself. A ``Path`` is a path; a string with a line break, starting with ``<``, longer than
        any path, or (for Antimony) holding a ``;`` is text; any other string is a path.
    kind : str
        The language expected, for messages: ``"SBML"``, ``"Antimony"``.

    Returns
    -------
    text : str
        With ``\n`` line ends and without a byte order mark; gzip and bzip2 files are unpacked.
    where : str
        The path, or ``"the SBML text"``.

    Raises
    ------
    ModelError
        A web address; a file that is missing, not a regular file, over 200 MB, empty, a zip archive, or not text.

    Examples
    --------
    >>> from sbmlqsp.engine.sources import read_text
    >>> read_text("a = 1\r\n", kind="Antimony")
    ('a = 1\n', 'the Antimony text')
    """
    if not isinstance(path_or_text, str | Path):
        raise ModelError(
            f"a model cannot be read from a {type(path_or_text).__name__}", expected="a path, or text as a string"
        )
    _refuse_name(str(path_or_text), kind)
    if isinstance(path_or_text, str) and _is_text(path_or_text, kind):
        where = f"the {kind} text"
        return _checked(path_or_text, where, kind), where
    where = os.path.expanduser(path_or_text)  # noqa: PTH111 - unlike Path.expanduser it keeps an unknown ~user
    return _checked(prescan.decode(_file_bytes(where, kind), where=where), where, kind), where


def _refuse_name(source: str, kind: str) -> None:
    if not source.strip():
        raise ModelError(
            f"neither a path nor {kind} text was given: the string is empty",
            value=source,
            remedy="give a path, or the text itself",
        )
    if URL.match(source):
        raise ModelError(
            "a web address is not read", value=source, remedy="download the file first, look at it, and give its path"
        )
    if "\0" in source:
        raise ModelError("the path or text holds a NUL character", where=f"position {source.index(chr(0)):,}")


def _is_text(source: str, kind: str) -> bool:
    if "\n" in source or "\r" in source or len(source) > LONGEST_PATH:
        return True
    return source.lstrip("\ufeff \t").startswith("<") or (kind == "Antimony" and ";" in source)


def _checked(text: str, where: str, kind: str) -> str:
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise ModelError("the file is empty", where=where, remedy=f"give a file that holds {kind}")
    if len(text) > prescan.MAX_BYTES:
        raise _too_large(where)
    nul = text.find("\0")
    if nul >= 0:
        raise ModelError(
            f"the text holds a NUL character at position {nul:,}",
            where=where,
            expected=f"{kind} as text",
            remedy="the file is damaged, or is not text",
        )
    return text


def _file_bytes(path: str, kind: str) -> bytes:
    try:
        found = os.stat(path)  # noqa: PTH116 - Path would turn an embedded NUL into another error
        _refuse_irregular(found.st_mode, path)
        if found.st_size > prescan.MAX_BYTES:
            raise _too_large(path)
        data = read_regular(path, prescan.MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path, kind) from None
    except PermissionError:
        raise ModelError(
            "the file may not be read", value=path, remedy="change its permissions, or copy it to a folder of yours"
        ) from None
    except (OSError, UnicodeEncodeError) as error:
        raise ModelError(f"the file cannot be read: {error}", value=path, remedy="give the path of a file") from None
    return _unpacked(data, path)


def _refuse_irregular(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        remedy = "give the path of one file in it"
        raise ModelError("this is a folder, not a file", value=path, remedy=remedy)
    if not stat.S_ISREG(mode):
        # Opening a named pipe would wait for ever, and reading a device may never end.
        raise ModelError(
            "this is not a regular file but a pipe, socket or device",
            value=path,
            remedy="write the model to a file first",
        )


def _missing(path: str, kind: str) -> ModelError:
    folder = os.path.dirname(path) or "."  # noqa: PTH120 - keeps the path as the user wrote it
    if not Path(folder).is_dir():
        return ModelError(f"there is no folder '{folder}'", value=path, remedy="correct the path")
    names = (entry.name for entry in os.scandir(folder))
    near = did_you_mean(os.path.basename(path), names)  # noqa: PTH119
    text = f"; if this was meant as {kind} text rather than a path, end it with a line break"
    return ModelError("there is no such file", value=path, remedy=near + text)


def _unpacked(data: bytes, path: str) -> bytes:
    if data.startswith(ZIP):
        raise ModelError(
            "this is a zip archive (perhaps a COMBINE archive), not a model",
            value=path,
            remedy="unpack it and give the path of the model file inside",
        )
    if data.startswith(XZ):
        raise ModelError("this is an xz archive", value=path, remedy="unpack it first: unxz FILE")
    try:
        if data.startswith(GZIP):
            data = gzip.GzipFile(fileobj=io.BytesIO(data)).read(prescan.MAX_BYTES + 1)
        elif data.startswith(BZIP2):
            data = bz2.BZ2File(io.BytesIO(data)).read(prescan.MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ModelError(
            f"the compressed file is damaged: {error}", value=path, remedy="obtain it again, or unpack it first"
        ) from None
    if len(data) > prescan.MAX_BYTES:
        raise _too_large(path)
    return data


def _too_large(where: str) -> ModelError:
    return ModelError(
        f"the file holds more than {prescan.MAX_BYTES // 1_000_000} MB",
        where=where,
        remedy="split the model into parts, or remove annotations",
    )
