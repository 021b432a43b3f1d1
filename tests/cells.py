"""Single cells for the tests: a model, its compiled kernel, and runs of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.engine.initial import initial_state
from sbmlqsp.engine.jumps import JumpSystem, jump_system
from sbmlqsp.engine.ssa import CellResults, Cells
from sbmlqsp.progress import Progress
from sbmlqsp.streams import key64


@lru_cache
def ready(text: str, *outputs: str, continuous: tuple[str, ...] = ()) -> Cells:
    """Return a model (Antimony without its frame, or SBML) made ready for outputs."""
    model = qsp.read_sbml(text) if text.startswith("<") else qsp.read_antimony(f"model m; {text}; end")
    return Cells(jump_system(model.network, continuous=continuous), outputs)


def run(cells: Cells, grid: Any, *, count: int = 1, first: int = 0, seed: int = 1, stops: Any = None, env: Any = None,
        **how: Any) -> CellResults:  # fmt: skip
    """Run cells from the model's own start, with replicates from ``first`` on."""
    how = {"threads": 1} | how
    start = initial_state(cells.system.network, env or {})
    x, p, own = cells.starts(start, 1, grid[-1])
    streams = np.zeros((count, 3), dtype=np.uint64)
    streams[:, 0], streams[:, 1:] = np.arange(first, first + count), key64(seed, "ssa")
    own = [sorted([*own[0], *(stops or [])], key=lambda s: s.time)]
    return cells.run(x, p, rows=np.zeros(count, int), streams=streams, grid=grid, stops=own, **how)


def sbml_system(text: str, **changes: str) -> JumpSystem:
    """Return the system of Antimony whose SBML text is changed: from → to."""
    sbml = qsp.read_antimony(f"model m; {text}; end").sbml
    for old, new in changes.items():
        assert old in sbml
        sbml = sbml.replace(old, new)
    return jump_system(qsp.read_sbml(sbml).network)


@contextmanager
def interrupted(monkeypatch: pytest.MonkeyPatch, *, after: int) -> Iterator[None]:
    """Interrupt a simulation, as Ctrl-C would, once so many pieces are done."""
    calls = iter(range(after))

    class Interrupted(KeyboardInterrupt):
        pass

    def stop(*_: Any) -> None:
        if next(calls, None) is None:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "tick", stop)
        with pytest.raises(Interrupted):
            yield
