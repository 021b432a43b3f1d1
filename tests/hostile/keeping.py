"""Kept code of a model, changed between two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAM = """
import sys, sbmlqsp as qsp
model = qsp.read_antimony("model m; S = 50; J: S -> ; k*S; k = 1; end")
found = qsp.simulate(qsp.Experiment(model, times=[0, 1]), method="ssa", replicates=5, seed=3)
print(found["S"].values.ravel().tolist())
"""


def kept_and_changed(folder: Path, changes: Mapping[str, object]) -> str:
    """Return what is computed after the change, which must be what was computed before it."""
    cache = folder / "cache"
    before = _run(cache)
    for path in list(cache.rglob("*")):
        if path.is_file():
            _change(path, changes)
    after = _run(cache)
    assert before == after, f"other numbers from changed code: {before} and {after}"
    return after


def _change(path: Path, changes: Mapping[str, object]) -> None:
    kind = {".py": "source", ".nbi": "index", ".nbc": "code"}.get(path.suffix)
    if kind not in changes:
        return
    new = changes[kind]
    if new is None:
        data = bytearray(path.read_bytes())
        for at in range(len(data) // 2, len(data), 997):
            data[at] ^= 0xFF
        new = bytes(data)
    path.write_bytes(new if isinstance(new, bytes) else str(new).encode())


def _run(cache: Path) -> str:
    environment = {**os.environ, "SBMLQSP_CACHE": str(cache)}
    environment.pop("NUMBA_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-800:]}"
    return done.stdout
