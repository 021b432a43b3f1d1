"""Compiled models kept on disk, in a folder of this user's own, and looked at before they are loaded.

What numba keeps is machine code, found by pickles: whoever can change it can make this process run anything, and a
changed bit may be a wrong number. So nobody else may write where it lies, and a list of digests lies beside it: what
is not as listed is thrown away and made again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import sys
import tempfile
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sbmlqsp.files import written

__all__ = ["load"]

SUMS = "SHA256SUMS"
_LOCK = threading.RLock()


def load(name: str, source: str) -> Any:
    """Return the module of a source, whose compiled functions come from disk where they were compiled before.

    Parameters
    ----------
    name : str
        Of the module, which says what the source is: another source must have another name.
    source : str
        What is run where the module is not there yet.

    Raises
    ------
    OSError
        The source can be written nowhere.

    Examples
    --------
    >>> load("sbmlqsp_example_of_kept", "answer = 42").answer
    42
    """
    with _LOCK:
        if name in sys.modules:
            return sys.modules[name]
        path = _placed(name, source.encode())
        module = types.ModuleType(name)
        module.__file__ = str(path)
        # Not by the import system, which would run whatever lies beside it as already compiled.
        code = compile(source, str(path), "exec")
        sys.modules[name] = module
        try:
            with _proven(path):
                exec(code, module.__dict__)  # noqa: S102 # written by this package
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


def _placed(name: str, source: bytes) -> Path:
    """Return the file of a source, in a folder for it and for what is compiled of it."""
    for home in (_home, _temporary):
        path = home() / name / f"{name}.py"
        with contextlib.suppress(OSError):
            path.parent.mkdir(exist_ok=True)
            if not path.is_file() or path.read_bytes() != source:
                with written(path) as partial:
                    partial.write_bytes(source)
            return path
    raise OSError(f"the source of compiled functions cannot be written to {path}")


# -------------------------------------------------------------------------------------------------------------- digests
@contextlib.contextmanager
def _proven(path: Path) -> Iterator[None]:
    """Throw away what was kept for a source and is not as it was left; note how it is left this time."""
    sums = path.with_name(SUMS)
    known = _listed(sums)
    for file in _files(path):
        if known.get(file.name) != _digest(file):
            with contextlib.suppress(OSError):
                file.unlink()
    yield
    now = {file.name: _digest(file) for file in _files(path)}
    if now != known:
        with contextlib.suppress(OSError), written(sums) as partial:
            text = "".join(f"{digest}  {name}\n" for name, digest in sorted(now.items()))
            partial.write_text(text, encoding="utf-8")


def _files(path: Path) -> list[Path]:
    """Return what numba keeps for a source, but for what another process is writing just now."""
    import numba

    places = [path.parent / "__pycache__"]
    if numba.config.CACHE_DIR:  # where it keeps everything instead, in folders named as those of the sources
        places += Path(numba.config.CACHE_DIR).glob(f"{path.parent.name}_*")
    return sorted(f for place in places for f in place.glob(f"{path.stem}.*") if ".tmp." not in f.name)


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _listed(sums: Path) -> dict[str, str]:
    """Return the digest of each file by its name."""
    try:
        lines = sums.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("  ") for line in lines)
    return {name: digest for digest, _, name in pairs if name}


# --------------------------------------------------------------------------------------------------------------- places
def _home() -> Path:
    """Return this user's folder in ``SBMLQSP_CACHE``, else in the user's cache, else a temporary one."""
    with contextlib.suppress(OSError, RuntimeError):
        chosen = os.environ.get("SBMLQSP_CACHE")
        place = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sbmlqsp"
        user = os.getuid() if hasattr(os, "getuid") else "own"
        home = place.absolute() / f"cells-{user}"  # as others may use the same place
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if os.access(home, os.W_OK) and _is_own(home):
            return home
    return _temporary()


def _is_own(folder: Path) -> bool:
    """Whether nobody else can have written into a folder; systems that cannot say keep it in the user's own."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


@functools.cache
def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="sbmlqsp_"))
