"""The examples of property tests are the same whatever ran before in the same process."""

import sys
from types import ModuleType

from hypothesis import given
from hypothesis import strategies as st


def drawn():
    seen = []

    @given(st.lists(st.floats()))
    def draw(xs):
        seen.extend(x.hex() for x in xs)

    draw()
    return seen


def test_modules_that_are_loaded_change_no_example(monkeypatch, tmp_path):
    before = drawn()
    late = ModuleType("late")
    late.__file__ = str(tmp_path / "late.py")
    numbers = [77.0625 + k for k in range(200)]
    (tmp_path / "late.py").write_text(f"NUMBERS = {numbers}", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "late", late)
    after = drawn()
    assert not {x.hex() for x in numbers} & set(after)
    assert after == before
