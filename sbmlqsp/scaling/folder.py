"""A folder that one run writes at a time, each file whole or not at all, and with a sum that shows damage."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sbmlqsp.errors import DataError
from sbmlqsp.files import MAX_BYTES, read_regular, written

__all__ = ["LOCK", "SUMS", "Sums", "locked", "unwritable"]

LOCK = "running.lock"
SUMS = "SHA256SUMS"
BLOCK = 1 << 20


class Sums:
    """The digests of the files of a folder, in a file that ``sha256sum --check`` reads as well.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / SUMS

    def read(self) -> dict[str, str]:
        """Return the digest of each file, by its name without folders; a line that was cut short counts for nothing."""
        try:
            lines = read_regular(self._file, MAX_BYTES).decode(errors="replace").split("\n")[:-1]
        except FileNotFoundError:
            return {}
        except OSError as err:
            raise DataError(f"the sums cannot be read: {err.strerror}", where=str(self._file),
                            remedy="delete that, and run again with resume=True") from None  # fmt: skip
        pairs = (line.partition("  ") for line in lines)
        return {name.rpartition("/")[2]: digest for digest, _, name in pairs if len(digest) == 64 and name}

    def add(self, path: Path) -> None:
        """Note what a file holds now."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(self._line(path, _digest(path)))

    def right(self, path: Path, *, noted: Mapping[str, str] | None = None) -> bool:
        """Whether a file is there and what was noted of it; ``noted`` spares reading the notes for many files."""
        known = (self.read() if noted is None else noted).get(path.name)
        return known is not None and path.is_file() and _digest(path) == known

    def keep(self, paths: Sequence[Path]) -> None:
        """Forget what is noted of files that are not right; ``paths`` are those that may be there."""
        noted = self.read()
        good = [p for p in paths if self.right(p, noted=noted)]
        with unwritable(self._file), written(self._file) as partial:
            partial.write_text("".join(self._line(p, noted[p.name]) for p in good), encoding="utf-8")

    def _line(self, path: Path, digest: str) -> str:
        return f"{digest}  {path.relative_to(self._folder).as_posix()}\n"


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.hexdigest()


@contextlib.contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """Say which file of a store cannot be written, and why.

    Raises
    ------
    DataError
        Instead of an OSError, as of a full disk.
    """
    try:
        yield
    except OSError as err:
        raise DataError(
            f"a part of the results cannot be written: {err.strerror or err}", where=str(path),
            remedy="make room, and run again with resume=True",
        ) from None  # fmt: skip


@contextlib.contextmanager
def locked(path: str | Path) -> Iterator[None]:
    """Keep a second run out of the folder; the lock of a process that is gone is taken over.

    Raises
    ------
    DataError
        Another run writes there, or the folder cannot be written.
    """
    folder = Path(path)
    lock, mine = folder / LOCK, json.dumps(_me())
    with unwritable(folder):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_dir():
            _claim(lock, mine)
    if not folder.is_dir():
        raise DataError("this is no folder", value=str(folder), remedy="give a new folder")
    try:
        yield
    finally:
        if _owner(lock) == json.loads(mine):
            lock.unlink(missing_ok=True)


def _claim(lock: Path, mine: str) -> None:
    with _alone(lock.parent):  # or two runs could both take over one lock, each deleting the other's
        if lock.exists() and not _abandoned(lock):
            raise DataError(
                "another run writes into this store", value=_said(lock), where=str(lock.parent),
                remedy="wait for it, or give another folder; if it is gone, delete running.lock",
            )  # fmt: skip
        lock.unlink(missing_ok=True)
        try:
            with lock.open("x", encoding="utf-8") as file:
                file.write(mine)
        except OSError:
            lock.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others of this machine from the folder's lock for a moment, where the system can."""
    if sys.platform == "win32":
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _me() -> dict[str, object]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "started": _started(os.getpid())}


def _started(pid: int) -> str:
    """Say when a process began, by which it is told from a later one of the same number; nothing where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        state, *rest = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return ""
    return "" if state == "Z" else f"{boot} {rest[18]}"


def _owner(lock: Path) -> dict[str, object] | None:
    try:
        owner = json.loads(_said(lock))
        return owner if isinstance(owner, dict) and {"pid", "host"} <= set(owner) else None
    except (ValueError, OSError, RecursionError):
        return None


def _said(lock: Path) -> str:
    return read_regular(lock, BLOCK).decode(errors="replace")


def _abandoned(lock: Path) -> bool:
    owner = _owner(lock)
    if owner is None:
        return True  # cut short as it was written, by someone who therefore never began
    if owner["host"] != socket.gethostname():
        return False
    try:
        pid = int(str(owner["pid"]))
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError, OverflowError):
        return False
    known = owner.get("started")
    return bool(known) and known != _started(pid)
