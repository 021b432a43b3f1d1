"""Batches of patients on a GPU: one thread each. Needs numba-cuda and a device, which nothing else here does."""

from __future__ import annotations

import warnings
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from sbmlqsp.engine.ode import Batch, BatchResult
from sbmlqsp.engine.ode_gpu_codegen import device_functions, source_for_device
from sbmlqsp.engine.ode_program import BOLUS, BOLUS_FIXED, IDLE, INFUSE, RUN, SET, SHOW, Instructions
from sbmlqsp.engine.ode_tableau import STAGES
from sbmlqsp.errors import UnsupportedError

__all__ = ["gpu_in_words", "refuse_without_gpu", "run_on_gpu", "together"]

THREADS = 64
"""How many threads form a block."""
MOST_BYTES = 2**30
"""How many bytes of outputs are computed at a time."""
PART = 0.5
"""What part of the device's free memory threads may keep their numbers in."""
KNOWN = frozenset({BOLUS, BOLUS_FIXED, IDLE, INFUSE, RUN, SET, SHOW})
"""The instructions that the loop follows."""
ELSEWHERE = "use engine='kernel', which runs the same equations on processors"


def refuse_without_gpu(batch: Batch | None = None) -> None:
    """Refuse to run without a GPU, or a model that does not run on it.

    Raises
    ------
    UnsupportedError
        numba-cuda is not installed, there is no device, or the model has events or is too large.
    """
    if batch is not None and (batch.eventful or batch.held):
        held = batch.equations.held
        jump = "rates that jump where what moves crosses a threshold"
        bend = "rates that bend twice where what moves crosses thresholds"
        what = "events" if batch.eventful else jump if held.jumps else bend
        names = [e.id for e in batch.equations.system.events] or [str(c) for c in held.jumps or held.bends]
        raise UnsupportedError(f"the GPU does not run models with {what}", value=names, remedy=ELSEWHERE)
    from numba.core import config

    if not config.ENABLE_CUDASIM:  # numba's simulator, which tests use, has neither
        _refuse_without_device()
        if batch is not None:
            from numba import cuda

            refuse_large(batch, cuda)


def _refuse_without_device() -> None:
    if find_spec("numba_cuda") is None:
        raise UnsupportedError(
            "a GPU needs numba-cuda, which is not installed",
            remedy=f"pip install 'sbmlqsp[gpu]' on a machine with an NVIDIA GPU, or {ELSEWHERE}",
        )
    try:
        import_module("numba.cuda.cudaimpl")
    except (ImportError, AttributeError) as why:
        raise UnsupportedError(
            "numba-cuda does not load beside the numpy and numba that are installed", value=str(why),
            remedy="pip install 'sbmlqsp[gpu]', which asks for versions that go together",
        ) from None  # fmt: skip
    from numba import cuda

    if not cuda.is_available():
        raise UnsupportedError(
            "there is no GPU here", expected="an NVIDIA GPU and its driver (nvidia-smi lists them)",
            remedy=ELSEWHERE,
        )  # fmt: skip


def refuse_large(batch: Batch, cuda: Any) -> None:
    """Refuse a model whose numbers, of all patients that are under way at once, do not fit into the device's memory."""
    gpu = cuda.get_current_device()
    threads = gpu.MULTIPROCESSOR_COUNT * gpu.MAX_THREADS_PER_MULTIPROCESSOR
    needed = 8 * sizes_of(batch).numbers * threads
    allowed = int(PART * cuda.current_context().get_memory_info().free)
    if needed > allowed:
        raise UnsupportedError(
            "the model is too large for this GPU: what its threads keep does not fit",
            value=f"{len(batch.states)} states, {needed / 2**30:.1f} GiB",
            expected=f"{allowed / 2**30:.1f} GiB at most",
            remedy=ELSEWHERE,
        )


def gpu_in_words() -> dict[str, str]:
    """Return the name of the device, and the version of what compiles for it."""
    from importlib.metadata import version

    from numba.core import config

    if config.ENABLE_CUDASIM:
        return {"device": "none, but numba's simulator of one"}
    from numba import cuda

    name = cuda.get_current_device().name
    return {"device": name.decode() if isinstance(name, bytes) else str(name), "numba-cuda": version("numba-cuda")}


def together(times: int, columns: int) -> int:
    """Return how many patients are run at a time, so that memory is bounded.

    Examples
    --------
    >>> together(170, 5)
    157903
    """
    return max(1, MOST_BYTES // (8 * max(times * columns, 1)))


class Sizes(NamedTuple):
    """How many states, constants, outputs, entries of the Jacobian and of the elimination; whether rates read time."""

    states: int
    constants: int
    columns: int
    entries: int
    size: int
    timed: bool

    @property
    def numbers(self) -> int:
        """How many numbers a thread keeps in its memory."""
        return (STAGES + 12) * self.states + self.entries + self.size + self.constants


def sizes_of(batch: Batch) -> Sizes:
    """Return the sizes of a model."""
    equations = batch.equations
    return Sizes(
        len(batch.states), len(equations.constants), len(batch.outputs), len(equations.elimination.entry),
        equations.elimination.size, bool(equations.slopes.by_time),
    )  # fmt: skip


@lru_cache(maxsize=16)
def _kernel(source: str, sizes: Any) -> Any:
    from sbmlqsp.engine.ode_gpu_kernel import kernel_of

    return kernel_of(device_functions(source), sizes)


def kernel_for(batch: Batch) -> Any:
    """Return the kernel of a model, compiled where it is first run."""
    return _kernel(source_for_device(batch.equations, outputs=batch.outputs), sizes_of(batch))


def _launch(kernel: Any, patients: int, *arguments: Any) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*Grid size")  # that a few patients leave the device idle
        kernel[-(-patients // THREADS), THREADS](*arguments)


def run_on_gpu(
    batch: Batch,
    starts: Any,
    constants: Any,
    *,
    instructions: Instructions,
    which: Any,
    amounts: Any,
    lengths: Any,
    scales: Any,
    times: int,
    relative: float,
    absolute: float,
    most: int,
) -> BatchResult:
    """Run patients as ``Batch.run`` does, on a GPU.

    Raises
    ------
    UnsupportedError
        There is no GPU, or the model does not run on it.
    """
    refuse_without_gpu(batch)
    from numba import cuda

    n = len(starts)
    out, results = np.empty((n, times, len(batch.outputs))), np.zeros((n, 3))
    if unknown := {code for code, _, _ in instructions.code} - KNOWN:
        raise UnsupportedError("the GPU does not follow these instructions", value=sorted(unknown), remedy=ELSEWHERE)
    program = [cuda.to_device(a if a.size else np.zeros((1,) * a.ndim, a.dtype)) for a in instructions.arrays()]
    plan = cuda.to_device(batch.equations.elimination.packed)
    people = [np.ascontiguousarray(which, dtype=np.int64)]
    people += [np.ascontiguousarray(a, dtype=float) for a in (starts, constants, amounts, lengths, scales)]
    control = float(relative), cuda.to_device(batch.shares(absolute)), int(most), float(batch.longest(instructions))
    size = together(times, len(batch.outputs))
    for first in range(0, n, size):
        rows = slice(first, min(first + size, n))
        own = [cuda.to_device(a[rows]) for a in people]
        put = cuda.device_array(out[rows].shape), cuda.device_array(results[rows].shape)
        _launch(kernel_for(batch), rows.stop - first, *program, *own, plan, *control, *put)
        put[0].copy_to_host(out[rows])
        put[1].copy_to_host(results[rows])
    nowhere = np.full(n, -1)
    return BatchResult(out, results[:, 0].astype(np.int8), results[:, 1], results[:, 2].astype(np.int64), nowhere)
