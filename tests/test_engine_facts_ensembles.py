"""Engine facts E: worker processes, forks and bits, measured without this package."""

from __future__ import annotations

import multiprocessing

import pytest
from children import child
from facts import need, pin

FORK = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
TEXT = "model m() k = 0.37; species S, T; S = 10; T = 0; J: S -> T; k*S/(1 + S); J2: T -> ; 0.1*T; end"
WORKERS = """
import concurrent.futures, multiprocessing, time
def work(i):
    if i == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return i
context = multiprocessing.get_context("fork")
"""


@FORK
def test_E_killed_worker_breaks_the_executor():
    """A killed worker breaks ProcessPoolExecutor and loses unfinished tasks. The suite resubmits chunks.

    loky is not measured here.
    """
    seen = child(
        WORKERS
        + """
with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
    tasks = [pool.submit(work, i) for i in range(12)]
    lost = [i for i, task in enumerate(tasks) if task.exception() is not None]
    say(len(lost) > 1, type(tasks[2].exception()).__name__)
    try:
        pool.submit(work, 0)
    except Exception as error:
        say(type(error).__name__)
"""
    )
    pin(seen.out == "True BrokenProcessPool\nBrokenProcessPool", "E: one killed worker lost tasks beyond its own")


@FORK
def test_E_killed_worker_hangs_the_pool():
    """`multiprocessing.Pool.map` hangs when a worker is killed. The suite does not use it."""
    seen = child(WORKERS + "with context.Pool(2) as pool:\n    pool.map(work, range(6), chunksize=1)\n", timeout=3)
    pin(seen.hung, "E: Pool.map waited for ever")


@FORK
@pytest.mark.parametrize("backend", ["MCJIT", "LLJIT"])
def test_E_fork_after_load(backend: str):
    """A model loaded before a fork runs correctly after it, with either backend. The suite may fork or spawn."""
    seen = child(f"""
        from roadrunner import Config
        Config.setValue(Config.LLVM_BACKEND, Config.{backend})
        runner = rr({TEXT!r})
        read, write = os.pipe()
        if os.fork() == 0:
            os.write(write, repr(float(runner.simulate(0, 20, 5)[-1, 1])).encode())
            os._exit(0)
        os.wait()
        say(os.read(read, 100).decode() == repr(float(runner.simulate(0, 20, 5)[-1, 1])))
    """)
    pin(seen.out == "True", f"E: parent and forked child agreed to the last bit under {backend}")


def hexadecimal(prepare: str = "", load: str = "") -> str:
    seen = child(f"""
        import pickle, numpy, roadrunner
        from roadrunner import Config
        {prepare}
        runner = rr({TEXT!r})
        {load}
        say(numpy.asarray(runner.simulate(0, 20, 21)).tobytes().hex())
    """)
    assert seen.code == 0, seen.err
    return seen.out


def test_E_bits_are_the_same_in_every_process():
    """CVODE is bit-identical across processes, pickling and LLJIT at level 0. The suite keeps optimisation fixed."""
    plain = hexadecimal()
    pin(hexadecimal() == plain, "E: two processes agreed to the last bit")
    pin(hexadecimal(load="runner = pickle.loads(pickle.dumps(runner))") == plain, "E: an unpickled copy agreed")
    level = "Config.setValue(Config.LLVM_BACKEND, Config.LLJIT)"
    pin(hexadecimal(prepare=level) == plain, "E: LLJIT agreed")


def test_E_tellurium_needs_six():
    """`import tellurium` fails where `six`, undeclared, is missing. The suite declares it and loads lazily."""
    need("tellurium")
    seen = child("""
        sys.modules["six"] = None
        try:
            import tellurium
        except ImportError as error:
            say("six" in str(error))
    """)
    pin(seen.out == "True", "E: tellurium failed without six")
