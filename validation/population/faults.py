"""Everything that goes wrong with a long run, done to it on purpose.

    python -m validation.population.faults [subjects]

Each run is a process of its own and writes into a store. Processes are killed, so is the parent; the disk fills up;
patients never finish or are impossible; files are cut short and bits flipped; two runs want one store; someone presses
Ctrl-C. In the end all results are there, none twice, equal bit for bit to an undisturbed run, and what failed is named.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import sbmlqsp as qsp
from validation.population.running import (
    SEED,
    child,
    children,
    differing,
    experiment,
    population,
    running,
    told,
    until,
)  # fmt: skip

RUN = """
import json, sys
import sbmlqsp as qsp
from validation.population import running
try:
    qsp.simulate(running.experiment(), population=running.population(), size=int(sys.argv[2]), seed=running.SEED,
                 store=sys.argv[1], resume=True, on_failure="record", engine="roadrunner", **json.loads(sys.argv[3]))
except KeyboardInterrupt:
    sys.exit(130)
except qsp.QSPError as err:
    sys.exit(str(err))
"""


def started(folder: Path, size: int, **options: Any) -> subprocess.Popen[str]:
    """Start a run into a store."""
    return child(RUN, folder, size, json.dumps({"workers": 2, "chunk": 10} | options))


def parts(folder: Path) -> int:
    return len(list((folder / "parts").glob("part-*.parquet")))


def under_way(process: subprocess.Popen[str], folder: Path, count: int = 1) -> bool:
    """Wait until a run has written some parts; whether it is still running then."""
    until(lambda: parts(folder) >= count or process.poll() is not None, 180)
    return process.poll() is None


def problem_of(folder: Path, whole: Any, errors: str = "") -> str:
    """Return what is wrong with a store that should hold what an undisturbed run gives."""
    store = qsp.open_store(folder)
    if store.missing or store.damaged:
        return f"missing {store.missing}, damaged {store.damaged}; {errors}"
    ds = store.read()
    ids = ds["subject"].to_numpy().tolist()
    if len(set(ids)) != len(ids):
        return "a subject is there twice"
    return ", ".join(differing(whole, ds)) or errors


def finished(folder: Path, size: int) -> str:
    """Resume a run; return what it says on stderr."""
    _, errors = started(folder, size).communicate()
    return errors


# -------------------------------------------------------------------------------------------------------------- faults
def killed_processes(folder: Path, size: int, whole: Any, *, times: int = 5) -> bool:
    """(a) Kill processes at random moments of one run."""
    rng, killed, process = np.random.default_rng(SEED), 0, started(folder, size)
    while under_way(process, folder, 1) and killed < times:
        time.sleep(float(rng.uniform(0.1, 1.0)))
        if alive := children(process.pid):
            os.kill(alive[int(rng.integers(len(alive)))], signal.SIGKILL)
            killed += 1
    _, errors = process.communicate()
    problem = problem_of(folder, whole, errors) if killed else "nothing was killed"
    return told("(a) processes killed in one run", problem, note=f"{killed} times")


def killed_parent(folder: Path, size: int, whole: Any) -> bool:
    """(b) Kill the parent in mid-run, and see that nothing is left running."""
    process = started(folder, size)
    mid = under_way(process, folder)
    workers = children(process.pid)
    process.kill()
    process.communicate()
    begun = time.monotonic()
    left = until(lambda: not running(workers), 3) is not True
    note = f"{len(workers)} processes gone after {time.monotonic() - begun:.2f} s, {parts(folder)} parts there"
    problem = "orphans" if left else "too late" if not mid or len(workers) < 2 else ""
    problem = problem or problem_of(folder, whole, finished(folder, size))
    return told("(b) the parent killed, the store resumed", problem, note=note)


def mounted(folder: Path, size: str) -> str:
    """Mount a small disk; return why that is not possible, or nothing."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False,
                          capture_output=True, text=True)  # fmt: skip
    return done.stderr.strip() if done.returncode else ""


def full_disk(folder: Path, size: int, whole: Any) -> bool:
    """(c) Let the disk fill up in mid-run, then make it larger."""
    name = "(c) a full disk"
    if sys.platform != "linux" or (why := mounted(folder, "400k")):
        print(f"skipped  {name}: no small disk can be mounted ({why if sys.platform == 'linux' else sys.platform})")
        return True
    try:
        first = finished(folder / "store", size)
        kept = parts(folder / "store")
        words = ("make room", "No space left", str(folder))
        problem = "" if all(w in first for w in words) and "Traceback" not in first else f"it says: {first[-300:]}"
        problem = problem or ("" if kept > 0 and not (folder / "store" / "running.lock").exists() else "not in mid-run")
        good = told(name, problem, note=f"{kept} parts kept; {first.strip()[:160]}")
        subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        errors = finished(folder / "store", size)
        return good & told(f"{name}, made larger and resumed", problem_of(folder / "store", whole, errors))
    finally:
        subprocess.run(["umount", folder], check=False)


def endless_patient(folder: Path, limit: float) -> bool:
    """(d) Let one of twelve patients oscillate a billion times a day."""
    model = qsp.read_antimony("model m; S = 1; S' = -0.1*S; x' = w*y; y' = -w*x; x = 1; y = 0; w = 1; end")
    arm = qsp.Experiment(model, times=range(101), observables=["S"])
    people = {"subject": range(1, 13), "w": [1.0] * 8 + [1e9] + [1.0] * 3}
    begun = time.monotonic()
    how = {"subjects": people, "on_failure": "record", "chunk": 4, "tolerances": qsp.Tolerances(maximum_steps=2**30)}
    store = qsp.simulate(arm, store=folder, workers=2, time_limit=limit, **how)
    spent, ledger = time.monotonic() - begun, store.ledger
    well = {**people, "w": [1.0] * 12}
    expected = qsp.simulate(arm, subjects=well)["S"].to_numpy()[0, :, 0]
    found = store.read()["S"].to_numpy()[0, :, 0]
    same = np.delete(found, 8, axis=0).tobytes() == np.delete(expected, 8, axis=0).tobytes()
    named = ledger[["subject", "status"]].to_numpy().tolist() == [[9, 4]]
    problem = "" if named and same and np.isnan(found[8]).all() else ledger.to_string()
    return told("(d) a patient that never finishes", problem, note=f"{spent:.1f} s with a limit of {limit:g} s")


def impossible_patients(folder: Path, size: int, whole: Any) -> bool:
    """(e) Give one in twenty patients an impossible parameter."""
    table = qsp.sample(population(), size, seed=SEED)[["WT", *population().parameters]].copy()
    kinds = [("WT", -70.0), ("V1_typical", 0.0), ("CL_typical", -50.0), ("target.ksyn", 1e300)]
    rows = list(range(3, size, 20))
    for k, row in enumerate(rows):
        column, value = kinds[k % len(kinds)]
        table.iloc[row, table.columns.get_loc(column)] = value
    good, results = True, []
    for workers in (None, 2):
        where = folder / f"workers {workers}"
        store = qsp.simulate(
            experiment(),
            subjects=table,
            on_failure="record",
            store=where,
            workers=workers,
            chunk=10,
            engine="roadrunner",
        )
        ds, ledger = store.read(), store.ledger
        failed = np.flatnonzero(ds["status"].to_numpy().ravel() > 0).tolist()
        fine = np.setdiff1d(np.arange(size), rows)
        names = [o.id for o in experiment().observables]
        same = all(ds[n].to_numpy()[:, fine].tobytes() == whole[n].to_numpy()[:, fine].tobytes() for n in names)
        named = ledger["subject"].tolist() == [r + 1 for r in rows] and (ledger["message"] != "").all()
        empty = all(np.isnan(ds[n].to_numpy()[:, rows]).all() for n in names)
        problem = "" if failed == rows and same and named and empty else f"failed {failed}, same {same}, named {named}"
        good &= told(f"(e) impossible patients, workers {workers}", problem, note=f"{len(rows)} of {size}")
        results.append(ds)
    return good & told("(e) the same in both", differing(*results))


def damaged_files(folder: Path, size: int, whole: Any) -> bool:
    """(f) Cut a part short and flip bits of others."""
    started(folder, size).communicate()
    rng, files = np.random.default_rng(SEED), sorted((folder / "parts").iterdir())
    os.truncate(files[1], files[1].stat().st_size // 3)
    good = True
    for path in (files[0], files[-1]):
        content = bytearray(path.read_bytes())
        for bit in rng.integers(8 * len(content), size=60).tolist():
            changed = content.copy()
            changed[bit // 8] ^= 1 << bit % 8
            path.write_bytes(changed)
            if int(path.stem[-6:]) not in qsp.open_store(folder).damaged:
                good = told("(f) a flipped bit", f"bit {bit} of {path.name} is not noticed")
    try:
        qsp.open_store(folder).read()
        problem = "read in spite of it"
    except qsp.DataError as err:
        problem = "" if "resume=True" in str(err) else str(err)
    good &= told("(f) damaged parts are refused", problem)
    return good & told("(f) and done again", problem_of(folder, whole, finished(folder, size)), note="120 bits flipped")


def two_runs(folder: Path, size: int, whole: Any) -> bool:
    """(g) Start a second run into the same store; leave the lock of a dead process."""
    first = started(folder, size)
    under_way(first, folder)
    begun = time.monotonic()
    errors = finished(folder, size)
    first.communicate()
    problem = "" if "nother run writes into this store" in errors and "Traceback" not in errors else errors
    good = told("(g) a second run is refused", problem or problem_of(folder, whole),
                note=f"after {time.monotonic() - begun:.1f} s, most of it imports")  # fmt: skip
    lock = folder / "running.lock"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name, text in (("of a dead process", json.dumps({"pid": gone.pid, "host": os.uname().nodename})),
                       ("without content", "")):  # fmt: skip
        lock.write_text(text, encoding="utf-8")
        good &= told(f"(g) a lock {name} blocks nothing", problem_of(folder, whole, finished(folder, size)))
    return good


def interrupted(folder: Path, size: int, whole: Any) -> bool:
    """(h) Press Ctrl-C: once in mid-run, once while processes start."""
    good = True
    for name, count in (("in mid-run", 1), ("while processes start", 0)):
        shutil.rmtree(folder, ignore_errors=True)
        process = started(folder, size)
        until(lambda p=process: len(children(p.pid)) >= 2, 60)
        mid = under_way(process, folder, count)
        workers, begun = children(process.pid), time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # to all, as a terminal does
        _, errors = process.communicate()
        spent = time.monotonic() - begun
        problem = errors or (f"orphans {running(workers)}" if running(workers) else "")
        problem = problem or ("" if mid and process.returncode == 130 and spent < 2 else f"exit {process.returncode}")
        good &= told(f"(h) Ctrl-C {name}", problem, note=f"{spent:.2f} s, nothing on stderr")
        good &= told("(h) resumed", problem_of(folder, whole, finished(folder, size)))
    return good


def main(size: int = 600, limit: float = 5.0) -> bool:
    """Do all that; return whether all hold."""
    whole = qsp.simulate(
        experiment(), population=population(), size=size, seed=SEED, progress=False, engine="roadrunner"
    )
    good = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for fault in (killed_processes, killed_parent, full_disk, impossible_patients, damaged_files, two_runs,
                      interrupted):  # fmt: skip
            good &= fault(folder / fault.__name__, size, whole)
        good &= endless_patient(folder / "endless", limit)
    return good


if __name__ == "__main__":
    sys.exit(0 if main(*map(int, sys.argv[1:])) else 1)
