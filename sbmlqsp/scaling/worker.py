"""A process that runs pieces, spoken to through its pipes.

It is started as a program of its own rather than forked or spawned, so that scripts need no ``if __name__ ==
"__main__"``, and the compiled engine of the parent is not copied. Nothing but messages goes to its output: what the
engine prints is dropped.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import sys
from typing import IO, Any

HEAD = struct.Struct("<Q")
PR_SET_PDEATHSIG = 1


def send(pipe: IO[bytes], message: Any) -> None:
    """Write one message."""
    packed = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(HEAD.pack(len(packed)))
    pipe.write(packed)
    pipe.flush()


def receive(pipe: IO[bytes]) -> Any:
    """Read one message; EOFError where the other side is gone."""
    head = pipe.read(HEAD.size)
    if len(head) < HEAD.size:
        raise EOFError
    (size,) = HEAD.unpack(head)
    packed = pipe.read(size)
    if len(packed) < size:
        raise EOFError
    return pickle.loads(packed)  # noqa: S301  # from the parent process, or from a process it started


def main(parent: str) -> None:
    """Serve until the parent closes the pipe, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    _end_with(int(parent))
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    from sbmlqsp.scaling.work import perform

    work = receive(incoming)
    _ = work.content
    send(outgoing, ("ready", None))
    while True:
        try:
            piece = receive(incoming)
        except EOFError:
            return
        try:
            outcome = perform(work, piece, lambda k: send(outgoing, ("at", k)))
            send(outgoing, ("done", outcome))
        except BrokenPipeError:
            return
        except Exception as err:  # noqa: BLE001  # handed to the parent, which raises it
            send(outgoing, ("error", _sendable(err)))


def _end_with(parent: int) -> None:
    """Let the system end this process when the parent is gone, even in the midst of a long integration.

    Only Linux does that; elsewhere it ends at the next subject, for want of a pipe to write to.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _sendable(err: Exception) -> Exception:
    """Return an error, or one of its words where it cannot be sent itself."""
    from sbmlqsp.errors import SimulationError

    try:
        pickle.loads(pickle.dumps(err))  # noqa: S301  # made here
    except Exception:  # noqa: BLE001  # whatever the reason
        return SimulationError(f"a process failed: {type(err).__name__}: {err}")
    return err
