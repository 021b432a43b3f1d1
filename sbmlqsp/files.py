"""Small text files from strangers: refused early where they are not what they should be."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sbmlqsp.errors import DataError, QSPError, did_you_mean

__all__ = ["MAX_BYTES", "inside", "parse_toml", "read_plain", "read_regular", "refuse_missing", "sha256_of", "written"]

MAX_BYTES = 200_000_000
MOST_DOTS = 100
_PART = r"""(?:[\w-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')[ \t]*\.[ \t]*"""
_DOTS = re.compile(rf"(?:^|[\[{{,])[ \t]*(?:{_PART}){{{MOST_DOTS}}}", re.MULTILINE)
_MAGIC = {b"PK\x03\x04": "a zip archive or an Excel workbook", b"\xd0\xcf\x11\xe0": "an Excel workbook",
          b"\x1f\x8b": "a gzip archive", b"PAR1": "a Parquet file", b"%PDF": "a PDF"}  # fmt: skip


def read_plain(path: str | Path, *, what: str, error: type[QSPError] = DataError) -> str:
    r"""Return the text of a file, with ``\n`` line ends and without a byte order mark.

    Parameters
    ----------
    path : str or Path
        A regular file; pipes and devices, which may never end, are refused.
    what : str
        What the file should be, for messages: ``"a study file"``.
    error : type
        The class of error to raise.

    Returns
    -------
    str

    Raises
    ------
    QSPError
        The file is missing, a folder, not regular, too large, empty or not text; of the class asked for.

    Examples
    --------
    >>> read_plain("nowhere/study.toml", what="a study file")
    Traceback (most recent call last):
    sbmlqsp.errors.DataError: There is no folder 'nowhere' (got 'nowhere/study.toml'). Expected: a study file.
    """
    data = _bytes(Path(path), what, error)
    for magic, name in _MAGIC.items():
        if data.startswith(magic):
            raise error(f"this is {name}, not {what}", value=str(path), remedy="save it as plain text first")
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as err:
        line = data[: err.start].count(b"\n") + 1
        raise error(
            "the file is not UTF-8 text", value=data[err.start : err.start + 8], where=f"{path}, line {line}",
            expected=what, remedy="save it with the encoding UTF-8",
        ) from None  # fmt: skip
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise error("the file holds a NUL character", where=f"{path}, line {line}", expected=what)
    if not text.strip():
        raise error("the file is empty", value=str(path), expected=what)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_toml(text: str, *, where: str, what: str, error: type[QSPError] = DataError) -> dict[str, Any]:
    """Return the content of TOML text, or raise what cannot be read of it.

    Parameters
    ----------
    text : str
    where : str
        Where the text is from, for messages.
    what : str
        What it should be, for messages: ``"a study file"``.
    error : type
        The class of error to raise.

    Raises
    ------
    QSPError
        It is not TOML, or nested too deeply; of the class asked for.

    Examples
    --------
    >>> parse_toml("a.b = 1", where="the text", what="an example")
    {'a': {'b': 1}}
    """
    if _DOTS.search(text):  # the parser takes memory by the square of their number
        raise error(f"{what} has a key of more than {MOST_DOTS} parts", where=where, remedy="write tables instead")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise error(f"{what} is nested too deeply", where=where) from None
    except ValueError as err:  # that of the parser, or a whole number of thousands of digits
        remedy = "texts need quotation marks; see the TOML page, https://toml.io"
        message = str(err).partition(";")[0]
        raise error(f"{what} cannot be read, as it is not TOML: {message}", where=where, remedy=remedy) from None


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give the name of a file to write, which takes the place of ``path`` once it is whole."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def refuse_missing(path: Path, *, what: str, error: type[QSPError] = DataError) -> None:
    """Refuse a web address, or a path where there is nothing; the message names the nearest file."""
    if str(path).startswith(("http:/", "https:/", "ftp:/", "file:/")):
        address = str(path).replace(":/", "://", 1)
        raise error("a web address is not read", value=address, remedy="download the file first, and give its path")
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path, what, error) from None
    except (OSError, ValueError) as err:
        raise _unreadable(path, err, error) from None


def _unreadable(path: Path, err: Exception, error: type[QSPError]) -> QSPError:
    if isinstance(err, PermissionError):
        return error("the file may not be read", value=str(path), remedy="change its permissions")
    return error(f"the file cannot be read: {getattr(err, 'strerror', None) or err}", value=str(path))


def _bytes(path: Path, what: str, error: type[QSPError]) -> bytes:
    refuse_missing(path, what=what, error=error)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise error("this is a folder, not a file", value=str(path), expected=what)
        if not stat.S_ISREG(found.st_mode):  # reading a pipe or a device may never end
            raise error("this is a pipe, socket or device, not a file", value=str(path), expected=what)
        if found.st_size > MAX_BYTES:
            raise error(f"the file holds more than {MAX_BYTES // 1_000_000} MB", value=str(path), expected=what)
        data = read_regular(path, MAX_BYTES + 1)
    except OSError as err:
        raise _unreadable(path, err, error) from None
    if len(data) > MAX_BYTES:  # such as a file of the system's, whose size is said to be 0
        raise error(f"the file holds more than {MAX_BYTES // 1_000_000} MB", value=str(path), expected=what)
    return data


def inside(folder: Path, name: str, *, roots: Iterable[Path | None] = (), what: str, error: type[QSPError]) -> Path:
    """Return the path of a file that another file names, which must lie in its folder, or in one of the roots.

    Whoever wrote the other file must not learn, by what is said or copied of it, what else lies on this machine.

    Raises
    ------
    QSPError
        The name is an absolute path, or leads elsewhere, perhaps by a link; of the class asked for.

    Examples
    --------
    >>> inside(Path("study"), "people.csv", what="a table", error=DataError).as_posix()
    'study/people.csv'
    >>> inside(Path("study"), "../../secret.csv", what="a table", error=DataError)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    sbmlqsp.errors.DataError: The file lies outside of the folder that names it (got '../../secret.csv'). Expected: ...
    """
    path = folder / name
    try:
        real = path.resolve()
        places = [folder.resolve(), *(root.resolve() for root in roots if root is not None)]
    except (OSError, ValueError, RuntimeError) as err:
        raise error(f"the name of a file cannot be followed: {err}", value=name, expected=what) from None
    if not any(real.is_relative_to(place) for place in places):
        raise error(
            "the file lies outside of the folder that names it", value=name, expected=f"{what} in {places[-1]}",
            remedy="copy it there, or say which folder may be read, with root= (on the command line --root)",
        )  # fmt: skip
    return path


def read_regular(path: str | Path, most: int) -> bytes:
    """Return the first bytes of a regular file.

    Some files of the system's are called regular and keep whoever reads them waiting; they are refused, as is a pipe
    that took the place of a file after it was looked at.

    Raises
    ------
    OSError
        The file cannot be read, or not at once.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags)
    parts: list[bytes] = []
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        while most > 0 and (part := os.read(descriptor, min(most, 1 << 24))):
            parts.append(part)
            most -= len(part)
    except BlockingIOError:
        raise OSError(errno.EINVAL, "it has nothing to read yet") from None
    finally:
        os.close(descriptor)
    return b"".join(parts)


def _missing(path: Path, what: str, error: type[QSPError]) -> QSPError:
    if not path.parent.is_dir():
        return error(f"there is no folder '{path.parent}'", value=str(path), expected=what)
    near = did_you_mean(path.name, (p.name for p in path.parent.iterdir())).partition(" Known:")[0]
    return error(
        "there is no such file", value=str(path), expected=what,
        remedy=near if near.startswith("did you mean") else "correct the path",
    )  # fmt: skip


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as ``sha256sum`` gives it."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
