"""Compiled code on disk: kept where nobody else writes, and thrown away where it is not what was left."""

from __future__ import annotations

import os
import py_compile
import sys

import numba
import pytest

from sbmlqsp.engine import kept

NAME = "sbmlqsp_test_of_kept"
SOURCE = "answer = 42\n"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SBMLQSP_CACHE", str(tmp_path))
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    yield tmp_path
    sys.modules.pop(NAME, None)


def loaded():
    sys.modules.pop(NAME, None)
    assert kept.load(NAME, SOURCE).answer == 42
    return kept._home() / NAME


def test_what_was_not_left_here_is_thrown_away(cache):
    folder = loaded()
    pages = folder / "__pycache__"
    pages.mkdir()
    code = pages / f"{NAME}.answer-1.py311.1.nbc"
    code.write_bytes(b"of a stranger")
    loaded()
    assert not code.exists()
    code.write_bytes(b"machine code")
    (folder / kept.SUMS).write_text(f"{kept._digest(code)}  {code.name}\n")
    loaded()
    assert code.exists()
    code.write_bytes(b"machine c0de")
    loaded()
    assert not code.exists()
    (folder / kept.SUMS).write_bytes(b"\xff\xfe")
    loaded()


def test_another_source_is_replaced_and_what_is_compiled_of_it_not_run(cache):
    folder = loaded()
    path = folder / f"{NAME}.py"
    evil = cache / "evil.py"
    evil.write_text("answer = 666\n")
    (folder / "__pycache__").mkdir()
    for there in (folder / "__pycache__" / f"{NAME}.{sys.implementation.cache_tag}.pyc", path.with_suffix(".pyc")):
        py_compile.compile(str(evil), cfile=str(there), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    path.write_bytes(b"\xffanswer = 666\n")
    loaded()
    assert path.read_text() == SOURCE


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system does not say whose a folder is")
def test_a_folder_where_others_may_write_is_not_used(cache):
    home = loaded().parent
    assert home.parent == cache
    assert home.stat().st_mode & 0o777 == 0o700
    home.chmod(0o777)
    assert kept._home() == kept._temporary() != home
    home.chmod(0o700)
    assert kept._home() == home
    home.rename(cache / "elsewhere")
    home.symlink_to(cache / "elsewhere")
    assert kept._home() == kept._temporary()


def test_where_nothing_can_be_kept_it_is_loaded_all_the_same(cache, monkeypatch):
    (cache / "file").write_text("no folder")
    monkeypatch.setenv("SBMLQSP_CACHE", str(cache / "file"))
    assert loaded().parent == kept._temporary()
