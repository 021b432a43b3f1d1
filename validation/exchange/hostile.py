"""Hostile and broken files: whatever is in them, who reads them lives on, in time, and nothing else is read or left.

``python -m validation.exchange.hostile [class …]`` writes some 1,400 files of some 60 classes, has each read by the
package and by its command line in a process of its own, and prints what became of them. A file passes where it is
refused in words that say where or with which value, or is read, within its time; where the process that reads it
neither dies nor hangs; where no file is left outside its folder, none of the secrets beside it is opened or said, and
nobody calls the server. At the end the judge is shown acts that do all this on purpose, each of which it must find.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.hostile import Hostile, everything
from tests.hostile.controls import DEEDS, controls
from tests.hostile.grounds import Field, Verdict, field_of

LIMIT = 20.0
"""Seconds that the guard gives one task here, fewer than by default."""
SECONDS = 180.0
"""Seconds in which the process that reads a file, by the package and by its command line, must have answered."""


HELD = {"SBMLQSP_GUARD_SECONDS": str(LIMIT), "SBMLQSP_GUARD_MEMORY": "2"}


def table(verdicts: Iterable[Verdict]) -> str:
    """Return one line per class."""
    by: dict[str, list[Verdict]] = {}
    for v in verdicts:
        by.setdefault(v.file.family, []).append(v)
    head = ("class", "files", "refused", "by a limit", "read", "wrong", "worst s", "most MB", "MB in guard")
    rows = [
        (
            name, len(vs), sum(v.outcome == "refused" and not v.late for v in vs), sum(v.late for v in vs),
            sum(v.outcome == "read" for v in vs), sum(bool(v.wrong) for v in vs), f"{max(v.seconds for v in vs):.1f}",
            max(v.memory for v in vs), max(v.child for v in vs),
        )
        for name, vs in by.items()
    ]  # fmt: skip
    total = ("all", *(sum(r[i] for r in rows) for i in range(1, 6)), f"{max(float(r[6]) for r in rows):.1f}",
             max(r[7] for r in rows), max(r[8] for r in rows))  # fmt: skip
    lines = [f"{r[0]!s:<52}" + "".join(f"{r[i]!s:>12}" for i in range(1, 9)) for r in (head, *rows, total)]
    return "\n".join(lines)


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return how many files there were, and how often what must not happen did."""
    ends = [v.outcome for v in verdicts]
    said = [" ".join(v.wrong) for v in verdicts]
    counts = {
        "files": len(verdicts), "refused": ends.count("refused"), "read": ends.count("read"),
        "crashes": ends.count("died"), "hangs": ends.count("hung"),
        "internal errors": sum("broke" in s or "Traceback" in s or "internal error" in s for s in said),
        "escapes": sum(any(w in s for w in ("was opened", "was left", "the secret", "the server")) for s in said),
        "wrong in all": sum(map(bool, said)),
    }  # fmt: skip
    return ", ".join(f"{name} {n}" for name, n in counts.items())


def found(field: Field, control: Hostile) -> bool:
    """Whether the judge says of an act what it does."""
    return any(DEEDS[control.name][0] in wrong for wrong in field.judge(control, command=False).wrong)


def main(words: list[str]) -> int:
    """Judge every file, or those of the classes with a word in their name."""
    verdicts = []
    with tempfile.TemporaryDirectory() as root, field_of(Path(root), seconds=SECONDS, environment=HELD) as field:
        for file in everything():
            if words and not any(w in file.family for w in words):
                continue
            verdict = field.judge(file)
            verdicts.append(verdict)
            if verdict.wrong:
                print(f"{file.family}: {file.name}: {'; '.join(verdict.wrong)}\n    {verdict.said[:1500]}", flush=True)
        missed = [control.name for control in controls() if not found(field, control)]
    if not verdicts:
        print(f"no class has a word of {words} in its name")
        return 2
    print(table(verdicts))
    print(summary(verdicts))
    print(f"acts that do it on purpose: {len(DEEDS)}, not found: {', '.join(missed) or 'none'}")
    return int(bool(missed) or any(v.wrong for v in verdicts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
