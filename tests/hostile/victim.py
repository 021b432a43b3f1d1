"""A process that reads one hostile file after another, and says what became of each.

It is told ``{"act": …, "path": …}`` by lines, and answers by lines. Whoever started it sees when it dies or hangs.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import sys
import time
from pathlib import Path

COMMANDS = {
    "sbml": ["check", "{}"],
    "antimony": ["check", "{}"],
    "run": ["simulate", "{}", "--times", "0 1"],
    "nonmem": ["data", "{}"],
    "study": ["run", "{}", "--output", "{}.out"],
    "lock": ["run", "{}", "--output", "{}.out"],
    "composition": ["compose", "{}"],
    "read_sedml": ["run", "{}", "--output", "{}.out"],
    "read_combine": ["run", "{}", "--output", "{}.out"],
}
LONGEST = 600
MOST_MEMORY = 8 * 2**30
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def memory(field: str = "VmHWM") -> int:
    """Return the most memory this process has held since it was last asked, in MB; 0 where the system does not say."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return 0
    return int(re.search(rf"{field}:\s*(\d+)", status)[1]) // 1024


class Guards(logging.Handler):
    """Keeps what the guard says of its processes: the most seconds and memory."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.memory = 0, 0

    def emit(self, record: logging.LogRecord) -> None:
        self.calls += 1
        self.memory = max(self.memory, int(getattr(record, "memory", 0)) // 2**20)


def by_command(act: str, path: str) -> list[str]:
    """Return what is wrong with how the command line takes the file."""
    from sbmlqsp.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([word.replace("{}", path) for word in COMMANDS[act]])
    said, wrong = err.getvalue(), []
    if code not in {0, 1, 2}:
        wrong.append(f"exit code {code}")
    wrong += [f"'{word}' on the terminal" for word in ("Traceback", "internal error") if word in said]
    if code and not out.getvalue() and not (said.endswith("\n") and 0 < len(said) <= LONGEST and said.count("\n") == 1):
        wrong.append(f"no one paragraph: {said[:200]!r}")
    if found := CONTROL.search(said + out.getvalue()):
        wrong.append(f"the control character {found[0]!r} on the terminal")
    return wrong if not wrong else [*wrong, said[-300:]]


def answer(act: str, path: str, guards: Guards, *, command: bool = True) -> dict[str, object]:
    """Do it, and measure."""
    from tests.hostile.acts import perform

    memory()
    guards.calls = guards.memory = 0
    began = time.perf_counter()
    outcome, said = perform(act, Path(path))
    seconds, most = time.perf_counter() - began, memory()
    wrong = by_command(act, path) if command and act in COMMANDS and "\0" not in path else []
    return {
        "outcome": outcome,
        "said": said[:20_000_000],
        "seconds": seconds,
        "memory": most,
        "guarded": guards.calls,
        "child": guards.memory,
        "command": wrong,
    }


def main() -> None:
    """Answer until nothing more is asked."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))  # spares the machine
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever an engine prints is not an answer
    logger = logging.getLogger("sbmlqsp.guard")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(guards := Guards())
    for line in sys.stdin:
        asked = json.loads(line)
        reply = answer(asked["act"], asked["path"], guards, command=asked.get("command", True))
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
