"""Folders of results, locks and kept code that were changed by someone else."""

from __future__ import annotations

import json
import os
import pickle
import socket
from hashlib import sha256
from pathlib import Path

from tests.hostile import Files, Grounds, hostile


class Evil:
    """Unpickling this leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch '{self.path}'",)


def evil(grounds: Grounds) -> bytes:
    return pickle.dumps(Evil(grounds.secret.parent / "unpickled"))


PLAN = {"format": 1, "inputs": "x", "subjects": 2, "pieces": 1, "piece_size": 2, "arms": ["one"], "observables": ["S"]}


def store(plan: object = PLAN, *, part: bytes = b"", sums: str = ""):
    def make(grounds: Grounds) -> Path:
        folder = grounds.folder / "store"
        (folder / "parts").mkdir(parents=True)
        (folder / "plan.json").write_text(plan if isinstance(plan, str) else json.dumps(plan))
        (folder / "SHA256SUMS").write_text(sums)
        (folder / "parts" / "part-000000.parquet").write_bytes(part or evil(grounds))
        (folder / "subjects.parquet").write_bytes(evil(grounds))
        return folder

    return make


def results() -> bytes:
    """Results that are good, and not of runs."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {"dims": ["time"], "dtype": "<f8", "coord": True, "attrs": {}, "nan": False}
    layout = {"format": 1, "sizes": {"time": 1}, "variables": {"time": about}, "attrs": {}}
    out, table = io.BytesIO(), pa.table({"time": [0.0]})
    pq.write_table(table.replace_schema_metadata({b"sbmlqsp.results": json.dumps(layout)}), out)
    return out.getvalue()


@hostile("stores that are gone on with", act="store_again", suffix="")
def stores_again() -> Files:
    def held(text: str | None, *, plan: object = PLAN):
        def make(grounds: Grounds) -> Path:
            folder = store(plan)(grounds)
            if text is None:
                os.mkfifo(folder / "running.lock")
            else:
                (folder / "running.lock").write_bytes(text.encode("utf-8", "surrogatepass"))
            return folder

        return make

    for name, text in {
        "a pipe": None,
        "deep JSON": "[" * 100_000,
        "a list": "[]",
        "nobody": "",
        "a number too large": '{"pid": 1' + "0" * 30 + ', "host": "HOST"}'.replace("HOST", socket.gethostname()),
        "another machine": '{"pid": 1, "host": "elsewhere"}',
        "bytes": "\ud800" * 9,
    }.items():
        yield f"held by {name}", held(text)
    yield "of another simulation", held("", plan={**PLAN, "arms": ["two"]})


@hostile("stores", act="store", suffix="")
def stores() -> Files:
    yield "parts that are pickles", store()
    yield "parts without sums", store(part=b"PAR1" + bytes(100) + b"PAR1")
    yield "sums of nothing", store(sums=f"{'0' * 64}  parts/part-000000.parquet\n{'0' * 64}  subjects.parquet\n")
    yield "sums elsewhere", store(sums=f"{'0' * 64}  ../../../../etc/passwd\n")
    yield "sums without end", store(sums="x" * 5_000_000)
    for name, plan in {
        "no JSON": "{",
        "deep JSON": "[" * 100_000,
        "a list": "[]",
        "a later format": {**PLAN, "format": 99},
        "a format of text": {**PLAN, "format": "x"},
        "many pieces": {**PLAN, "pieces": 10**12},
        "a million pieces": {**PLAN, "pieces": 10**6},
        "no pieces of people": {**PLAN, "piece_size": 0},
        "pieces below zero": {**PLAN, "pieces": -1},
        "pieces of text": {**PLAN, "pieces": "x"},
        "no arms": {**PLAN, "arms": None},
        "nothing else": {"format": 1},
        "subjects of text": {**PLAN, "subjects": "many"},
    }.items():
        yield f"a plan of {name}", store(plan)

    def linked(grounds: Grounds) -> Path:
        folder = store()(grounds)
        (folder / "parts" / "part-000000.parquet").unlink()
        (folder / "parts" / "part-000000.parquet").symlink_to(grounds.secret / "secret.txt")
        return folder

    def pipe(grounds: Grounds) -> Path:
        folder = store()(grounds)
        (folder / "plan.json").unlink()
        os.mkfifo(folder / "plan.json")
        return folder

    def sums_of(kind: str):
        def make(grounds: Grounds) -> Path:
            folder = store()(grounds)
            (folder / "SHA256SUMS").unlink()
            os.mkfifo(folder / "SHA256SUMS") if kind == "pipe" else (folder / "SHA256SUMS").mkdir()
            return folder

        return make

    yield "sums that are a pipe", sums_of("pipe")
    yield "sums that are a folder", sums_of("folder")
    yield "a part that is no run", store(part=results(), sums=f"{sha256(results()).hexdigest()}  part-000000.parquet\n")
    yield "a part that is a link", linked
    yield "a plan that is a pipe", pipe


STUDY = '[study]\nid = "s"\n[model]\nfile = "m.ant"\n[simulation]\ntimes = "0:1 by 1"\n[[arms]]\nid = "one"\n'


def lock(change: object, *, model: str = ""):
    content = {
        "format": "sbmlqsp lock 1",
        "study": STUDY,
        "model": {"id": "m", "digest": "0" * 64, "composed": False, "ports": {}},
        "files": {},
        "versions": {},
        "results": {},
        "values": {},
        "card": {},
        "sources": {},
        "seed": 0,
    }

    def make(grounds: Grounds) -> Path:
        import hashlib

        inputs = grounds.folder / "inputs"
        inputs.mkdir()
        text = model.replace("SECRET", str(grounds.secret))
        (inputs / "model.xml").write_bytes(text.encode("utf-8", "surrogateescape"))
        given = json.loads(json.dumps(content))
        given["model"]["digest"] = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        changed = change(given, grounds) if callable(change) else change
        path = grounds.folder / "lock.json"
        path.write_text(changed if isinstance(changed, str) else json.dumps(changed))
        return path

    return make


def _with_digest(part: dict[str, object], digest: str) -> dict[str, object]:
    return json.loads(json.dumps(part).replace("DIGEST", digest))


@hostile("locks of runs", act="lock", suffix=".json")
def locks() -> Files:
    from tests.hostile.texts import COMP, CORE, GOOD, HEAD, parameters

    yield "no JSON", lock("{")
    yield "deep JSON", lock("[" * 100_000)
    yield "no lock", lock("{}")
    yield "another model", lock(lambda c, _: {**c, "model": {**c["model"], "digest": "0" * 64}}, model=GOOD)
    yield "a model that is none", lock(lambda c, _: c, model="<sbml/>")
    yield "billion laughs", lock(lambda c, _: c, model=f'<!DOCTYPE a [<!ENTITY b "c">]>{GOOD}')
    source = '<comp:externalModelDefinition comp:id="x" comp:source="SECRET/secret.xml" comp:modelRef="m"/>'
    outer = f"<comp:listOfExternalModelDefinitions>{source}</comp:listOfExternalModelDefinitions>"
    text = f'{HEAD}<sbml {CORE} {COMP}><model id="m">{parameters("k")}</model>{outer}</sbml>'
    yield "a model that is no UTF-8", lock(lambda c, _: c, model=GOOD.replace("<model", "<!-- \udcff --><model"))
    yield "a model of another file", lock(lambda c, _: c, model=text)
    yield (
        "ports of nothing",
        lock(lambda c, _: {**c, "model": {**c["model"], "ports": {"nothing": "input"}}}, model=GOOD),
    )
    yield "ports that are none", lock(lambda c, _: {**c, "model": {**c["model"], "ports": "x"}}, model=GOOD)
    yield "no id", lock(lambda c, _: {**c, "model": {k: v for k, v in c["model"].items() if k != "id"}}, model=GOOD)
    people = '[subjects]\nfile = "people.csv"\nid = "ID"\ncolumns = {k = "K"}\n'
    for name, copy in {
        "upwards": "../../secret/secret.csv",
        "by a path": "/etc/passwd",
        "of no text": 5,
        "of none": None,
    }.items():
        yield (
            f"a copy {name}",
            lock(
                lambda c, _, p=copy: {
                    **c,
                    "study": c["study"] + people,
                    "files": {"people.csv": {"copy": p, "sha256": "0" * 64}},
                },
                model=GOOD,
            ),
        )
    yield (
        "files that are none",
        lock(lambda c, _: {**c, "study": c["study"] + people, "files": {"people.csv": 5}}, model=GOOD),
    )
    for name, part in {
        "versions of numbers": {"versions": {"numpy": 5, "python": None}},
        "results of lists": {"results": {"results.parquet": [1]}},
        "values of numbers": {"values": {"S": 5, "T": {}}},
        "a card of numbers": {
            "card": {"title": 5, "purpose": [1], "equations": {}, "references": 5, "status": {}, "parameters": 5}
        },
        "a card of other parts": {
            "card": {"title": 5, "assumptions": 5, "references": "x", "not_for": 5, "purpose": {}}
        },
        "a card of markup": {"card": {"title": "<script>alert(1)</script>", "references": ["<b>", {"x": 1}]}},
        "sources of lists": {"sources": {"k": [1, 2], "": None, "S": {"source": 5}}},
        "a seed of text": {"seed": "x"},
        "tolerances of text": {"tolerances": {"relative": "x"}},
        "a format of text": {"format": ["sbmlqsp lock 1"]},
        "a composed model that is none": {"model": {"id": "m", "digest": "DIGEST", "composed": True, "ports": {}}},
        "an id of markup": {"model": {"id": "../<script>", "digest": "DIGEST", "composed": False, "ports": {}}},
    }.items():
        yield name, lock(lambda c, _, p=part: {**c, **_with_digest(p, c["model"]["digest"])}, model=GOOD)
    yield (
        "a study elsewhere",
        lock(lambda c, _: {**c, "study": c["study"].replace('id = "s"', 'id = "../evil"')}, model=GOOD),
    )


@hostile("kept code of cells", act="kept", suffix="", seconds=900.0)  # as it compiles, twice
def kept() -> Files:
    """The folder of compiled models, with everything in it replaced."""
    yield "pickles for indices", lambda g: _kept(g, index=evil(g))
    yield "pickles for code", lambda g: _kept(g, code=evil(g))
    yield "indices cut short", lambda g: _kept(g, index=b"")
    yield "code cut short", lambda g: _kept(g, code=b"")
    yield (
        "another program",
        lambda g: _kept(g, source=f"import os\nos.system(\"touch '{g.secret.parent / 'unpickled'}'\")\n"),
    )
    yield "bits of code changed", lambda g: _kept(g, code=None)


def _kept(grounds: Grounds, **changes: object) -> Path:
    """Say in a file what to change once there is something; who reads this makes it first."""
    path = grounds.folder / "changes"
    path.write_bytes(pickle.dumps(changes))
    return path
