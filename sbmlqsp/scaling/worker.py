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
from typing import IO, Any

HEAD = struct.Struct("<Q")


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


def main() -> None:
    """Serve until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interruption means
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    from sbmlqsp.scaling.work import perform

    work = receive(incoming)
    while True:
        try:
            piece = receive(incoming)
        except EOFError:
            return
        try:
            outcome = perform(work, piece, lambda k: send(outgoing, ("at", k)))
            send(outgoing, ("done", outcome))
        except Exception as err:  # noqa: BLE001  # handed to the parent, which raises it
            send(outgoing, ("error", err))
