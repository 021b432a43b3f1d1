"""Engine facts D: what engines make of hostile files, and that the pre-scan refuses each before they see it."""

from __future__ import annotations

import bz2
import gzip
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from children import ENGINES, child
from facts import document, need, pin

from sbmlqsp.engine.prescan import prescan
from sbmlqsp.engine.sources import read_text
from sbmlqsp.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

L3V1 = 'xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"'
XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
PARAMETER = '<listOfParameters><parameter id="k" value="1" constant="true"/></listOfParameters>'


def sbml(inside: str, *, before: str = "") -> str:
    return f"{HEAD}{before}<sbml {L3V1}>{inside}</sbml>"


def notes(text: str) -> str:
    return sbml(f'<model id="m"><notes><p {XHTML}>{text}</p></notes>{PARAMETER}</model>')


def saved(folder: Path, text: str | bytes, name: str = "hostile.xml") -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def refused(path: str, word: str) -> None:
    """The suite reads the file, scans it, and refuses it before any engine sees it."""
    with pytest.raises(ModelError, match=word):
        prescan(*read_text(path, kind="SBML")[:1], where=path)


def engine(path: str, **limits: float):
    return child(f"rr(open({path!r}).read()); say('loaded')", after=ENGINES, **limits)


def antimony_keeps(path: str) -> str:
    return child(f"""
        import antimony
        say(antimony.loadSBMLString(open({path!r}).read()))
        say('id="k"' in antimony.getSBMLString(antimony.getMainModuleName()))
    """, after=ENGINES).out  # fmt: skip


def test_D_billion_laughs(tmp_path: Path):
    """Nested entities crash RR, while libSBML refuses them. The suite refuses any DOCTYPE."""
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 9))
    laughs = f'<!DOCTYPE sbml [<!ENTITY a0 "aaaaaaaaaa">{entities}]>'
    text = sbml('<model id="m" name="&a8;"/>', before=laughs)
    pin(document(text).getNumErrors() > 0, "D: libSBML refused nested entities cleanly")
    path = saved(tmp_path, text)
    pin(engine(path, memory_mb=4000).crashed, "D: nested entities crashed RR")
    refused(path, "DOCTYPE")


def test_D_deep_notes(tmp_path: Path):
    """Notes nested 100,000 deep crash libSBML and libSEDML. The suite caps the depth at 256."""
    deep = f"<p {XHTML}>" * 100_000 + "</p>" * 100_000
    path = saved(tmp_path, sbml(f'<model id="m"><notes>{deep}</notes></model>'))
    pin(child(f"document(open({path!r}).read())", after=ENGINES).crashed, "D: deep notes crashed libSBML")
    refused(path, "nested more than 256 deep")


def test_D_deep_notes_in_sedml(tmp_path: Path):
    """The same crashes libSEDML. The pre-scan covers SED-ML by naming its root."""
    need("libsedml")
    deep = f"<p {XHTML}>" * 100_000 + "</p>" * 100_000
    root = 'xmlns="http://sed-ml.org/sed-ml/level1/version4" level="1" version="4"'
    text = f"{HEAD}<sedML {root}><notes>{deep}</notes></sedML>"
    path = saved(tmp_path, text)
    pin(child(f"import libsedml; libsedml.readSedMLFromString(open({path!r}).read())").crashed, "D: libSEDML crashed")
    with pytest.raises(ModelError, match="deep"):
        prescan(text, where=path, root="sedML")


def test_D_wide_formula(tmp_path: Path):
    """A sum of 4,300 terms or more crashes RR. The suite caps the operands at 2,000."""
    law = f'<math xmlns="http://www.w3.org/1998/Math/MathML"><apply><plus/>{"<cn>1</cn>" * 6_000}</apply></math>'
    rules = f'<listOfRules><assignmentRule variable="k">{law}</assignmentRule></listOfRules>'
    parameter = '<listOfParameters><parameter id="k" constant="false"/></listOfParameters>'
    path = saved(tmp_path, sbml(f'<model id="m">{parameter}{rules}</model>'))
    pin(engine(path).crashed, "D: a sum of 6,000 terms crashed RR")
    refused(path, "2,000 operands")


LONG = {
    "an attribute of 20 kB": sbml(f'<model id="m" name="{"x" * 20_000}">{PARAMETER}</model>'),
    "an attribute of 100 kB": sbml(f'<model id="m" name="{"x" * 100_000}">{PARAMETER}</model>'),
    "a comment of 1 MB": sbml(f'<!--{"x" * 1_000_000}--><model id="m">{PARAMETER}</model>'),
    "a processing instruction of 1 MB": sbml(f'<?p {"x" * 1_000_000}?><model id="m">{PARAMETER}</model>'),
}


@pytest.mark.parametrize("name", list(LONG))
def test_D_long_markup(name: str, tmp_path: Path):
    """Long markup crashes RR, at 1 MB Antimony gives an empty model. The suite caps attributes and comments."""
    path = saved(tmp_path, LONG[name])
    pin(document(LONG[name]).getNumErrors() == 0, f"D: libSBML has no objection to {name}")
    pin(engine(path).crashed, f"D: {name} crashed RR")
    if "100 kB" in name or "1 MB" in name:
        pin(antimony_keeps(path) == "1\nFalse", f"D: Antimony lost the model behind {name}, with success")
    refused(path, "characters long|too long")


def test_D_comments_crash_far_earlier(tmp_path: Path):
    """A comment of 20 kB crashes RR too. The suite hands RR only text written by libSBML, which drops comments."""
    import libsbml

    text = sbml(f'<!--{"x" * 20_000}--><model id="m">{PARAMETER}</model>')
    pin(engine(saved(tmp_path, text)).crashed, "D: a comment of 20 kB crashed RR")
    written = libsbml.writeSBMLToString(document(text))
    pin("<!--" not in written, "D: libSBML drops comments on writing")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_D_compression_bombs(pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """libSBML unpacks any size by file name, and aborts. The suite unpacks itself, under a cap."""
    path = saved(tmp_path, pack(notes("x" * 40_000_000).encode()), "bomb.xml." + pack.__module__.replace("gzip", "gz"))
    seen = child(f"import libsbml; libsbml.readSBMLFromFile({path!r}); say('read')", memory_mb=200)
    pin(seen.crashed, "D: a small file that unpacks to 40 MB aborted libSBML under 200 MB")
    monkeypatch.setattr("sbmlqsp.engine.prescan.MAX_BYTES", 10_000_000)
    refused(path, "more than 10 MB")


def test_D_zip_bombs(tmp_path: Path):
    """libSBML unpacks a zip archive by file name as well. The suite refuses zip archives."""
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.xml", notes("x" * 40_000_000))
    seen = child(f"import libsbml; libsbml.readSBMLFromFile({str(path)!r})", memory_mb=200)
    pin(seen.crashed, "D: a zip archive aborted libSBML under 200 MB")
    refused(str(path), "zip archive")


def test_D_expanding_rules():
    """Rules that each use the one before twice hang RR and Antimony. The suite counts expansions before compiling."""
    n = 26
    names = "".join(f'<parameter id="a{i}" value="1" constant="false"/>' for i in range(n + 1))
    twice = "<apply><plus/><ci>a{0}</ci><ci>a{0}</ci></apply>"
    rules = "".join(
        f'<assignmentRule variable="a{i}"><math xmlns="http://www.w3.org/1998/Math/MathML">{twice.format(i - 1)}</math>'
        "</assignmentRule>"
        for i in range(1, n + 1)
    )
    lists = f"<listOfParameters>{names}</listOfParameters><listOfRules>{rules}</listOfRules>"
    text = sbml(f'<model id="m">{lists}</model>')
    seen = child(f"rr({text!r}); say('loaded')", timeout=2, memory_mb=4000, after=ENGINES)
    pin(seen.hung or seen.crashed, f"D: {n} doubling rules were too much for RR")
    antimony = "a0 = 1; " + "; ".join(f"a{i} := a{i - 1} + a{i - 1}" for i in range(1, n + 1))
    seen = child(f"ant_flat('model m() {antimony}; end'); say('translated')", timeout=2, memory_mb=4000)
    pin(seen.hung or seen.crashed, f"D: {n} doubling rules were too much for Antimony")
    assert prescan(text, where="rules") == text, "a small text, which no scan of XML can tell from others"


def test_D_web_addresses_are_fetched():
    """`RoadRunner("http://…")` fetches. The suite refuses addresses and passes text only."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = sbml(f'<model id="m">{PARAMETER}</model>').encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the server quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/model.xml"
        seen = child(f"import roadrunner; say(roadrunner.RoadRunner({url!r})['k'])")
        server.shutdown()
    pin(seen.out == "1.0", "D: RR fetched and loaded a model from an address")
    pin(asked, "D: the server was asked")
    with pytest.raises(ModelError, match="web address"):
        read_text(url, kind="SBML")


MANIFEST = (
    f'{HEAD}<omexManifest xmlns="http://identifiers.org/combine.specifications/omex-manifest">'
    '<content location="." format="http://identifiers.org/combine.specifications/omex"/>{}</omexManifest>'
)


def content(location: str) -> str:
    return f'<content location="{location}" format="text/plain"/>'


def omex(folder: Path, manifest: str, *entries: tuple[str, str]) -> str:
    need("libcombine")
    path = folder / "archive.omex"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.xml", manifest)
        for name, text in entries:
            archive.writestr(name, text)
    return str(path)


OPEN = "import libcombine; a = libcombine.CombineArchive(); say(a.initializeFromArchive({!r})); say(a.getNumEntries());"


def test_D_archives_write_outside(tmp_path: Path):
    """libcombine's `extractTo` writes outside the folder. The suite opens archives with its own checks."""
    path = omex(tmp_path, MANIFEST.format(content("../evil.txt")), ("../evil.txt", "boo"))
    (tmp_path / "out").mkdir()
    child(OPEN.format(path) + f"a.extractTo({str(tmp_path / 'out')!r})")
    pin((tmp_path / "evil.txt").exists(), "D: a file was written beside the target folder")
    refused(path, "zip archive")


def test_D_archives_with_a_junk_manifest(tmp_path: Path):
    """A junk manifest is a success with no entries. The suite validates the manifest."""
    path = omex(tmp_path, "this is not XML", ("m.xml", "x"))
    pin(child(OPEN.format(path)).out == "True\n0", "D: junk was read with success and no entries")
    with pytest.raises(ModelError, match="not well-formed"):
        prescan("this is not XML", where="manifest.xml", root="omexManifest")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_D_archives_with_duplicate_names(tmp_path: Path):
    """Of two files of one name the first wins silently, where Python's zipfile gives the last. The suite refuses."""
    path = omex(tmp_path, MANIFEST.format(content("./m.xml")), ("m.xml", "first"), ("m.xml", "second"))
    seen = child(OPEN.format(path) + "say(a.extractEntryToString('./m.xml'))")
    pin(seen.out == "True\n1\nfirst", "D: libcombine gave the first of two")
    with zipfile.ZipFile(path) as archive:
        pin(archive.read("m.xml") == b"second", "D: zipfile gives the last of two")


def test_D_archives_with_a_large_entry(tmp_path: Path):
    """An entry that unpacks to 60 MB is unpacked whole. The suite caps declared and actual sizes."""
    path = omex(tmp_path, MANIFEST.format(content("./m.xml")), ("m.xml", "x" * 60_000_000))
    seen = child(OPEN.format(path) + "say(len(a.extractEntryToString('./m.xml')))")
    pin(seen.out == "True\n1\n60000000", "D: the whole entry was unpacked, without a limit")


def test_D_archives_with_many_entries(tmp_path: Path):
    """Thousands of entries are accepted, at a cost that grows faster than their number. The suite caps them."""
    names = [f"f{i}" for i in range(3_000)]
    path = omex(tmp_path, MANIFEST.format("".join(content(f"./{n}") for n in names)), *((n, "x") for n in names))
    pin(child(OPEN.format(path)).out == "True\n3000", "D: 3,000 entries were accepted")


ORDINARY = {
    "bad UTF-8": (b'<?xml version="1.0" encoding="UTF-8"?><sbml %b><model id="m" name="\xff"/></sbml>', "0xff"),
    "NUL": (b'<?xml version="1.0" encoding="UTF-8"?><sbml %b><model id="m" name="\0"/></sbml>', "NUL"),
    "truncation": (b'<?xml version="1.0" encoding="UTF-8"?><sbml %b><model id="m"', "breaks off"),
}


@pytest.mark.parametrize("name", list(ORDINARY))
def test_D_ordinary_damage(name: str, tmp_path: Path):
    """Bad UTF-8, NUL and truncation are clean errors. The suite refuses them earlier, with the position."""
    pattern, word = ORDINARY[name]
    path = saved(tmp_path, pattern % L3V1.encode())
    seen = child(f"""
        import libsbml, roadrunner
        say(libsbml.readSBMLFromFile({path!r}).getNumErrors() > 0)
        try:
            roadrunner.RoadRunner({path!r})
        except RuntimeError:
            say("refused")
    """, after=ENGINES)  # fmt: skip
    pin(seen.out == "True\nrefused", f"D: {name} was refused cleanly")
    refused(path, word)


def test_D_external_entities(tmp_path: Path):
    """An external entity is dropped silently, not read. The suite refuses the document type."""
    secret = saved(tmp_path, "secret words", "secret.txt")
    doctype = f'<!DOCTYPE sbml [<!ENTITY x SYSTEM "file://{secret}">]>'
    text = notes("a&x;b").replace(HEAD, HEAD + doctype)
    found = document(text)
    pin(found.getNumErrors() == 0, "D: libSBML read the document without an error")
    pin("secret" not in found.getModel().getNotesString(), "D: the file named was not read")
    refused(saved(tmp_path, text), "DOCTYPE")
