"""What is done with a hostile file: it is read, and what was read is used as a user would use it."""

from __future__ import annotations

import contextlib
import io
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import sbmlqsp as qsp
from tests.hostile.controls import DEEDS

__all__ = ["ACTS", "perform"]


def _used(model: qsp.Model) -> str:
    """Look at a model in every way, and run it for a moment."""
    from sbmlqsp.describe import describe_model

    shown = [repr(model), describe_model(model), str(qsp.check(model)), model.symbols.to_string()]
    with contextlib.suppress(qsp.QSPError):
        shown.append(str(_simulated(model)))
    return "\n".join(shown)


def _simulated(model: qsp.Model, **how: object) -> object:
    return qsp.simulate(qsp.Experiment(model, times=[0, 0.5, 1]), **how)


def _page(path: Path) -> str:
    """Return what a browser is shown; markup of the file must have become text."""
    model = qsp.read_sbml(path)
    results = qsp.simulate(qsp.Experiment(model, times=[0, 1]))
    page = path.with_suffix(".html")
    qsp.report(results, qsp.Experiment(model, times=[0, 1]), path=page)
    whole = page.read_text(encoding="utf-8") + model._repr_html_()
    page.unlink()
    loose = [mark for mark in ("<script>alert(", 'onmouseover="alert(') if mark in whole]
    assert not loose, f"markup of the file is in the page: {loose}"
    return "a page"


def _cells(path: Path) -> str:
    model = qsp.read_antimony(path)
    return str(_simulated(model, method="ssa", replicates=2, max_jumps=200_000))


def _store(path: Path) -> str:
    store = qsp.open_store(path)
    shown = [store, store.missing[:9], store.damaged[:9]]
    return "\n".join(map(str, (*shown, store.failed, store.ledger, *store.parts())))


def _store_again(path: Path) -> str:
    model = qsp.read_antimony("model m; S = 1; J: S -> ; S; end")
    return str(qsp.simulate(qsp.Experiment(model, times=[0, 1]), store=path, resume=True))


def _study(path: Path) -> str:
    folder = path.parent / "out"
    return str(qsp.run_study(path, output=folder))


def _kept(path: Path) -> str:
    """Compile a model, change what was kept of it, and compile it again in another process."""
    from tests.hostile.keeping import kept_and_changed

    return kept_and_changed(path.parent, pickle.loads(path.read_bytes()))


def _composition(path: Path) -> str:
    from sbmlqsp.studies.compositions import read_composition

    return _used(read_composition(path))


def _sedml(path: Path) -> str:
    document = qsp.read_sedml(path)
    return "\n".join(
        map(str, (document, document.notes, document.models, document.experiments, qsp.run_sedml(document)))
    )


def _combine(path: Path) -> str:
    archive = qsp.read_combine(path)
    folder = qsp.unpack_combine(archive, path.parent / "out")
    return "\n".join(map(str, (archive, archive.contents, archive.models, folder, qsp.run_combine(archive))))


def _petab(path: Path) -> str:
    problem = qsp.read_petab(path)
    return "\n".join(map(str, (problem, problem.simulate(), problem.score())))


def _drawn(path: Path) -> str:
    return str(qsp.sample(qsp.read_population(path), 3, seed=1))


ACTS: dict[str, Callable[[Path], str]] = {
    "sbml": lambda p: _used(qsp.read_sbml(p)),
    "antimony": lambda p: _used(qsp.read_antimony(p)),
    "address": lambda p: _used(qsp.read_sbml(p.read_text())),
    "page": _page,
    "run": lambda p: str(_simulated(qsp.read_sbml(p) if p.suffix == ".xml" else qsp.read_antimony(p))),
    "cells": _cells,
    "nonmem": lambda p: str(qsp.read_nonmem(p).summary()),
    "table": lambda p: str(qsp.read_table(p)),
    "results": lambda p: str(qsp.read_results(p)),
    "study": _study,
    "lock": lambda p: str(qsp.run_study(p, output=p.parent / "out")),
    "population": _drawn,
    "composition": _composition,
    "store": _store,
    "store_again": _store_again,
    "kept": _kept,
    "read_sedml": _sedml,
    "read_combine": _combine,
    "read_petab": _petab,
    **{name: deed for name, (_, deed) in DEEDS.items()},
}


def perform(act: str, path: Path) -> tuple[str, str]:
    """Return what became of a file, "refused", "read" or "broke", and everything that was said or shown."""
    out = io.StringIO()
    try:
        with (
            warnings.catch_warnings(record=True) as told,
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(out),
        ):
            warnings.simplefilter("always")
            shown = ACTS[act](path)
    except qsp.QSPError as error:
        return "refused", str(error) + out.getvalue()
    except Exception as error:  # noqa: BLE001 # which is what must not happen
        import traceback

        return "broke", f"{type(error).__name__}: {error}\n{traceback.format_exc()[-3000:]}"
    return "read", shown + out.getvalue() + "".join(str(w.message) for w in told)
