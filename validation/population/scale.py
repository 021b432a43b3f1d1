"""Memory of a large population: the peak of every process, while it goes into a store and while it is summarised.

    python -m validation.population.scale [subjects] [limit in MiB]

What is measured is the largest resident set that the system has seen of each process (VmHWM). Linux only.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sbmlqsp as qsp
from validation.population.running import child, children, told

FILL = """
import sys
import sbmlqsp as qsp
from validation.population import running
qsp.simulate(running.experiment(), population=running.population(), size=int(sys.argv[2]), seed=running.SEED,
             store=sys.argv[1], workers=2, on_failure="record", engine="roadrunner")
"""
READ = """
import sys
import sbmlqsp as qsp
store = qsp.open_store(sys.argv[1])
print(len(store.summarise()), "rows of summary,", store.ledger.attrs)
"""


def peak(pid: int) -> float:
    """Return the largest resident set of a process so far, in MiB; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def watched(process: subprocess.Popen[str]) -> tuple[float, float]:
    """Return the peaks of a process and of the largest of its children, once it has ended."""
    own = of_children = 0.0
    while process.poll() is None:
        own = max(own, peak(process.pid))
        of_children = max([of_children, *map(peak, children(process.pid))])
        time.sleep(0.05)
    return own, of_children


def main(size: int = 100_000, limit: float = 1024.0) -> bool:
    """Print the peaks; return whether all are within the limit."""
    if sys.platform != "linux":
        print("skipped: needs /proc")
        return True
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "store"
        for label, code in (("into a store", FILL), ("summarised", READ)):
            begun = time.perf_counter()
            process = child(code, folder, size)
            own, of_children = watched(process)
            out, errors = process.communicate()
            problem = errors[-500:] if process.returncode else ""
            problem = problem or ("" if max(own, of_children) <= limit else f"more than {limit:.0f} MiB")
            note = f"{time.perf_counter() - begun:.0f} s; parent {own:.0f} MiB, largest child {of_children:.0f} MiB"
            good &= told(f"{size} subjects {label}", problem, note=f"{note}; {out.strip()}" if out.strip() else note)
        store = qsp.open_store(folder)
        disk = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 2**20
        whole = not store.missing and store.plan["subjects"] == size
        good &= told("all subjects are there", "" if whole else repr(store), note=f"{disk:.0f} MiB on disk")
    return good


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
