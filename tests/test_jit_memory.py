"""Models compile in processes whose memory is in pieces, where libRoadRunner alone would end them."""

import subprocess
import sys
from pathlib import Path

import pytest

import sbmlqsp as qsp
from sbmlqsp.engine import jit_memory
from sbmlqsp.engine.jit_memory import close_together
from sbmlqsp.engine.roadrunner import bare

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere MCJIT is used, which needs no holes")
MODEL = "model m; " + "; ".join(f"S{i} = {i + 1}; J{i}: S{i} -> ; 0.1*S{i}" for i in range(12)) + "; end"
DELAYED = MODEL.replace("; end", "; E: at 0.5 after S1 < 1.9: S1 = 2; end")
SCRIPT = """
from facts import scatter
import sbmlqsp as qsp
from sbmlqsp.engine.roadrunner import bare
for text in {texts!r}:
    arm = qsp.Experiment(qsp.read_antimony(text), times=[0, 1], observables=["S0"])
    {before}
    found = qsp.simulate(arm, subjects={{"S0": [1.0, 2.0, 3.0]}}, workers=1)
    print(found["S0"].values[0, :, 0, -1].round(4).tolist())
"""


def in_pieces(*texts, before="scatter()"):
    folder = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {folder!r})\n" + SCRIPT.format(texts=texts, before=before)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@linux
def test_a_model_compiles_where_memory_is_in_pieces():
    done = in_pieces(MODEL, DELAYED)
    assert done.returncode == 0, (done.returncode, done.stderr)
    assert done.stdout.splitlines() == ["[0.9048, 1.8097, 2.7145]"] * 2


class Space:
    """Addresses as Linux gives them away: from the end of the highest hole that is large enough."""

    def __init__(self, holes):
        self.holes = sorted(holes)

    def mmap(self, _hint, size, *_how):
        for k in reversed(range(len(self.holes))):
            low, high = self.holes[k]
            if high - low >= size:
                self.holes[k] = (low, high - size)
                return high - size
        return jit_memory.FAILED

    def munmap(self, at, size):
        self.holes = sorted([h for h in self.holes if h[1] > h[0]] + [(at, at + size)])
        merged = [self.holes[0]]
        for low, high in self.holes[1:]:
            if low == merged[-1][1]:
                merged[-1] = (merged[-1][0], high)
            else:
                merged.append((low, high))
        self.holes = merged


GIB, PAGE = 2**30, 4096
HOLES = [(GIB, 8 * GIB), (9 * GIB, 9 * GIB + 7 * PAGE), (10 * GIB, 10 * GIB + PAGE), (12 * GIB, 12 * GIB + 2**20)]


def test_holes_stay_closed_until_the_last_of_several_threads_has_compiled(monkeypatch):
    space = Space(HOLES)
    monkeypatch.setattr(jit_memory, "_system", lambda: space)
    with close_together() as first:
        with close_together() as second:
            assert first
            assert second
        for size in (PAGE, 3 * PAGE, 2**19, 2**22):
            at = space.mmap(None, size)
            assert 7 * GIB < at < 8 * GIB, "a hole was left open"
            space.munmap(at, size)
    assert space.holes == HOLES
    assert jit_memory._CLOSED == []


def test_holes_are_opened_where_compiling_fails_or_room_runs_out(monkeypatch):
    space = Space(HOLES)
    monkeypatch.setattr(jit_memory, "_system", lambda: space)
    with pytest.raises(KeyError), close_together():
        raise KeyError
    assert space.holes == HOLES
    space.holes = HOLES[1:]
    with close_together() as closed:
        assert not closed
    assert space.holes == HOLES[1:]


@pytest.mark.parametrize("mapped", ["nothing", "none of that size"])
def test_where_holes_cannot_be_closed_the_other_compiler_is_used(monkeypatch, mapped):
    used = []
    if mapped == "nothing":
        monkeypatch.setattr(jit_memory, "_system", lambda: None)
    else:
        monkeypatch.setattr(jit_memory, "_mapped", lambda _: None)
    with close_together() as closed:
        used.append(closed)
    assert used == [False]
    runner = bare(qsp.read_antimony(MODEL).sbml)
    assert runner.simulate(0, 1, 2)[-1, 1] == pytest.approx(0.9048, abs=1e-4)
