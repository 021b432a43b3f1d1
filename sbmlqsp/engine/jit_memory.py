"""Where in memory what libRoadRunner compiles comes to lie: its LLJIT needs that close together.

A model's functions jump by tables of 32-bit differences between code and table, which LLJIT maps one by one wherever
there is room. Where more than 2 GiB lie between (a process of many threads, a small hole that another library left) the
jump goes 4 GiB astray, and the process dies without a word. So holes are closed while a model is compiled, up to one
that takes all of it. MCJIT, five times as slow, has tables of whole addresses: it is used where holes cannot be closed.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["close_together"]

ROOM = 2**29
"""The size of a hole that takes all that is mapped while a model is compiled, a thread's own memory included."""
NOTHING, PRIVATE_UNBACKED, FAILED = 0, 0x4022, 2 ** (8 * ctypes.sizeof(ctypes.c_void_p)) - 1
_LOCK = threading.Lock()
_CLOSED: list[tuple[int, int]] = []
_USERS = [0]


@contextlib.contextmanager
def close_together() -> Iterator[bool]:
    """Let what is compiled within lie close together; yield whether it does."""
    with _LOCK:  # holes stay closed until the last of several threads has compiled
        closed = _close_holes()
        _USERS[0] += 1
    try:
        yield closed
    finally:
        with _LOCK:
            _USERS[0] -= 1
            while _CLOSED and not _USERS[0]:
                _system().munmap(*_CLOSED.pop())


@functools.cache
def _system() -> Any:
    """Return C's library where it maps memory as is known here, else None."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    library.mmap.restype = ctypes.c_void_p
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return library


def _mapped(size: int) -> int | None:
    """Map addresses without memory where the system would map anything of that size next."""
    at = _system().mmap(None, size, NOTHING, PRIVATE_UNBACKED, -1, 0)
    return None if at in (None, FAILED) else int(at)


def _close_holes() -> bool:
    """Take what the system would map before the first hole that is large enough; false where that is not to be had."""
    page = 4096
    if _system() is None or (first := _mapped(ROOM)) is None:
        return False
    _system().munmap(first, ROOM)
    size = ROOM // 2
    while size >= page:
        at = _mapped(size)
        if at is None:
            return False
        if first <= at < first + ROOM:
            _system().munmap(at, size)
            size //= 2
        else:
            _CLOSED.append((at, size))
    return True
