"""COMBINE archives: ours come back byte for byte, and what must not be unpacked is refused before it is."""

from __future__ import annotations

import datetime as dt
import io
import stat
import struct
import zipfile

import numpy as np
import pytest

import sbmlqsp as qsp
from sbmlqsp.catalogue import models_root
from sbmlqsp.exchange.omex.zipping import open_zip, safe_name

MANIFEST = '<omexManifest xmlns="http://identifiers.org/combine.specifications/omex-manifest">{}</omexManifest>'
SBML = "http://identifiers.org/combine.specifications/sbml"
SEDML = "http://identifiers.org/combine.specifications/sed-ml"


def content(location, kind=SBML, more=""):
    return f'<content location="{location}" format="{kind}"{more}/>'


def packed(files, *, manifest=None, order=None):
    buffer = io.BytesIO()
    listed = MANIFEST.format("".join(map(content, files))) if manifest is None else manifest
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, "manifest.xml": listed}.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def entry(name, data=b"x", *, kind=stat.S_IFREG, manifest=True):
    """Return an archive with one entry made by hand."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (kind | 0o644) << 16
        archive.writestr(info, data)
        if manifest:
            archive.writestr("manifest.xml", MANIFEST.format(content("a.xml")))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def arm():
    model = qsp.read_antimony("model m; species S; S = 0; J: S -> ; k*S; k = 0.1; end")
    return qsp.Experiment(model, times="0:24 by 1", regimen="100 into S every 12 x 2", observables=["S"])


# ---------------------------------------------------------------------------------------------------------------- ours
def test_an_archive_comes_back_and_runs(arm, tmp_path):
    path = qsp.write_combine(
        arm, tmp_path / "arm.omex", title="Two doses", description="A <test> & more",
        creators=[{"given": "Ada", "family": "King", "email": "ada@x.org", "organization": "Q", "orcid": "0000-1"}],
        created=dt.date(2026, 3, 31),
    )  # fmt: skip
    archive = qsp.read_combine(path)
    assert archive.metadata.title == "Two doses"
    assert archive.metadata.description == "A <test> & more"
    assert archive.metadata.created == "2026-03-31T00:00:00Z"
    assert archive.metadata.creators == (
        {"given": "Ada", "family": "King", "email": "ada@x.org", "organization": "Q", "orcid": "0000-1"},
    )
    assert archive.contents["listed"].all()
    assert archive.contents.index[archive.contents["master"]].tolist() == ["experiments.sedml"]
    assert archive.models["models/m.xml"].digest == arm.model.digest
    found = qsp.run_combine(archive)["experiments.sedml"]["report"]["S"]
    np.testing.assert_allclose(found, qsp.simulate(arm)["S"][0, 0, 0], rtol=1e-8)
    assert [e.times for e in archive.experiments] == [arm.times]


def test_the_same_content_gives_the_same_bytes(arm, tmp_path):
    first, second = (qsp.write_combine(arm, tmp_path / f"{i}.omex").read_bytes() for i in (1, 2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist()[0] == "manifest.xml"
        assert archive.namelist()[1:] == sorted(archive.namelist()[1:])


def test_data_figures_and_a_population_go_with_the_experiments(arm, tmp_path):
    (tmp_path / "a.csv").write_text("ID,TIME\n1,0\n")
    (tmp_path / "f.svg").write_text("<svg/>")
    population = qsp.Population({"k": 0.1}, variability={"k": qsp.Variability("log-normal", cv=0.3)}, id="people")
    path = qsp.write_combine(
        arm, tmp_path / "a.omex", population=population, size=3, seed=5, data=[tmp_path / "a.csv"],
        figures=[tmp_path / "f.svg"],
    )  # fmt: skip
    folder = qsp.unpack_combine(path, tmp_path / "out")
    assert qsp.read_population(folder / "population/population.toml").variability == population.variability
    assert (folder / "data/a.csv").read_text() == "ID,TIME\n1,0\n"
    assert (folder / "figures/f.svg").is_file()
    ds = qsp.simulate(arm, population=population, size=3, seed=5)
    found = qsp.run_combine(path)["experiments.sedml"]["report"]["S"]
    np.testing.assert_allclose(found, ds["S"][0, :, 0], rtol=1e-8)


def test_a_study_brings_everything_and_runs_again_where_it_is_unpacked(tmp_path):
    study = models_root() / "systems/mab_tmdd/study.toml"
    path = qsp.write_combine(study, tmp_path / "study.omex")
    archive = qsp.read_combine(path)
    assert {"models/mab_tmdd.xml", "models/mab_tmdd_comp.xml", "study/systems/mab_tmdd/study.toml",
            "study/modules/pk/two_compartment.ant"} <= set(archive.contents.index)  # fmt: skip
    assert archive.metadata.title == qsp.read_study(study).title
    assert archive.model("models/mab_tmdd_comp.xml").sbml_comp
    assert [e.id for e in archive.experiments] == ["low", "middle", "high"]
    folder = qsp.unpack_combine(archive, tmp_path / "out")
    assert qsp.read_study(folder / "study/systems/mab_tmdd/study.toml").id == "mab_tmdd"
    from sbmlqsp.studies.running import model_of

    assert model_of(qsp.read_study(folder / "study/systems/mab_tmdd/study.toml")).id == "mab_tmdd"
    with pytest.raises(qsp.ExperimentError, match="states its method itself"):
        qsp.write_combine(study, tmp_path / "b.omex", method="ssa")


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"creators": [{"nome": "x"}]}, "unknown key"), ({"creators": [{"given": "x"}]}, "has no name"),
     ({"created": "soon"}, "date of creation"), ({"data": ["nowhere.csv"]}, "no such file"),
     ({"results": "."}, "no folder of results")],
)  # fmt: skip
def test_what_cannot_go_into_an_archive_is_refused(arm, tmp_path, asked, message):
    with pytest.raises(qsp.DataError, match=message):
        qsp.write_combine(arm, tmp_path / "a.omex", **asked)
    assert not list(tmp_path.iterdir())


def test_the_command_line_runs_an_archive(arm, tmp_path, capsys):
    from sbmlqsp.cli import main

    path = qsp.write_combine(arm, tmp_path / "arm.omex")
    assert main(["run", str(path), "-o", str(tmp_path / "out")]) == 0
    table = np.genfromtxt(tmp_path / "out/report.csv", delimiter=",", names=True)
    assert table.dtype.names == ("time", "S")
    assert table["S"][0] == 100.0
    assert (tmp_path / "out/plot_S.svg").is_file()
    assert main(["run", str(path), "-o", str(tmp_path / "out")]) == 1
    assert "the folder is not empty" in capsys.readouterr().err.lower()


# ------------------------------------------------------------------------------------------------------------- hostile
OUTSIDE = ["../evil.xml", "a/../../evil.xml", "/etc/evil.xml", "C:/evil.xml", "c:evil.xml", "..\\evil.xml",
           "\\evil.xml", "a\\b.xml", "x:stream", "..", "a/./b.xml", "a//b.xml", "a\x01b.xml"]  # fmt: skip


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_that_lead_out_are_refused(name, tmp_path):
    with pytest.raises(qsp.DataError, match="A name in the archive"):
        qsp.unpack_combine(qsp.read_combine(entry(name)), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_names_that_stay_inside_are_kept():
    assert safe_name("./a/b.xml", where="x") == "a/b.xml"
    assert safe_name("..a/b..xml", where="x") == "..a/b..xml"


@pytest.mark.parametrize(("kind", "what"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "pipe"), (stat.S_IFCHR, "device")])
def test_links_and_devices_are_refused(kind, what):
    with pytest.raises(qsp.DataError, match=what):
        qsp.read_combine(entry("a.xml", b"/etc/passwd", kind=kind))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a.xml", "a.xml"), ("a.xml", "A.XML"), ("é.xml", "e\u0301.xml"), ("a", "a/b.xml"),
                                   ("./a.xml", "a.xml")])  # fmt: skip
def test_names_that_are_one_file_somewhere_are_refused(names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    with pytest.raises(qsp.DataError, match=r"are one on some systems|is a file and a folder"):
        open_zip(buffer.getvalue())


def patched(data, signature, offset, value):
    """Return an archive with a number of its first such record changed."""
    at = data.index(signature) + offset
    return data[:at] + struct.pack("<L", value) + data[at + 4 :]


def test_sizes_are_capped_and_what_is_declared_must_be_there():
    data = entry("a.xml", b"x" * 1000)
    with pytest.raises(qsp.DataError, match="A file of the archive is too large"):
        open_zip(patched(data, b"PK\x01\x02", 24, 2_000_000_000))
    for declared in (10, 5000):
        with pytest.raises(qsp.DataError, match=r"damaged|not as long"):
            open_zip(patched(data, b"PK\x01\x02", 24, declared)).read("a.xml")
    with pytest.raises(qsp.DataError, match="damaged"):
        open_zip(patched(data, b"PK\x01\x02", 16, 12345)).read("a.xml")  # the checksum


def test_many_entries_are_refused_before_they_are_listed():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(10_001):
            archive.writestr(f"{i}", b"")
    with pytest.raises(qsp.DataError, match="lists too many files"):
        open_zip(buffer.getvalue())


def test_entries_that_share_their_bytes_are_refused():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"x" * 100)
        archive.writestr("b", b"y")
    data = buffer.getvalue()
    second = data.rindex(b"PK\x01\x02")
    with pytest.raises(qsp.DataError, match="share their bytes"):
        open_zip(data[: second + 42] + struct.pack("<L", 0) + data[second + 46 :])


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no archive", b"<sedML/>", b"PK\x05\x06" + bytes(5)])
def test_what_is_no_archive_is_refused(data, tmp_path):
    with pytest.raises(qsp.DataError, match="no zip archive"):
        qsp.read_combine(data)
    (tmp_path / "a.omex").write_bytes(data)
    with pytest.raises(qsp.DataError, match="no zip archive"):
        qsp.read_combine(tmp_path / "a.omex")


def test_encrypted_and_oddly_packed_files_are_refused():
    data = entry("a.xml")
    with pytest.raises(qsp.DataError, match="encrypted"):
        open_zip(data.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.xml", "x")
    with pytest.raises(qsp.DataError, match="unusual way"):
        open_zip(buffer.getvalue())


MANIFESTS = {
    "junk": ("<html/>", "not a <omexManifest> document"),
    "empty": (MANIFEST.format(""), "lists no files"),
    "absent": (MANIFEST.format(content("b.xml")), "lists a file that the archive lacks"),
    "twice": (MANIFEST.format(2 * content("a.xml")), "lists a file twice"),
    "outside": (MANIFEST.format(content("../a.xml")), "leads out of it"),
    "address": (MANIFEST.format(content("http://x/a.xml")), "lists a web address"),
    "no format": (MANIFEST.format('<content location="a.xml"/>'), "attribute 'format' is missing"),
    "doctype": ("<!DOCTYPE a>" + MANIFEST.format(content("a.xml")), "document type"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_manifests_are_checked(name):
    manifest, message = MANIFESTS[name]
    with pytest.raises(qsp.QSPError, match=f"(?i){message}"):
        qsp.read_combine(packed({"a.xml": "x"}, manifest=manifest))


def test_without_a_manifest_it_is_no_combine_archive():
    with pytest.raises(qsp.DataError, match=r"has no manifest\.xml"):
        qsp.read_combine(entry("a.xml", manifest=False))


def test_archives_made_elsewhere_are_read(arm, tmp_path):
    """Master files, folders, files that are not listed, spaces in names, and models in folders beside the document."""
    written = qsp.write_sedml(arm, tmp_path / "a.sedml").read_text()
    moved = written.replace('source="a_model.xml"', 'source="../my%20models/m.xml"')
    model = (tmp_path / "a_model.xml").read_text()
    files = {"sim/run.sedml": moved, "sim/other.sedml": "<broken", "my models/m.xml": model, "notes.txt": "not listed"}
    listed = (
        content(".", f"{SEDML[:-6]}omex") + content("./manifest.xml", f"{SEDML[:-6]}omex-manifest")
        + content("./sim/run.sedml", f"{SEDML}.level-1.version-3", ' master="true"') + content("sim/other.sedml", SEDML)
        + content("./my%20models/m.xml", "application/sbml+xml") + content("sim/", "folder")
    )  # fmt: skip
    archive = qsp.read_combine(packed(files, manifest=MANIFEST.format(listed)))
    assert not archive.contents.loc["notes.txt", "listed"]
    assert list(archive.documents) == ["sim/run.sedml"]
    assert list(archive.models) == ["my models/m.xml"]
    found = qsp.run_combine(archive)["sim/run.sedml"]["report"]["S"]
    assert float(found[0]) == 100.0
    with pytest.raises(qsp.DataError, match="no such file"):
        archive.read("../a.sedml")


def test_models_outside_of_the_archive_are_not_read(arm, tmp_path):
    text = qsp.write_sedml(arm, tmp_path / "a.sedml").read_text()
    for source in ("../a_model.xml", "/etc/passwd", "file:///etc/passwd", str(tmp_path / "a_model.xml")):
        files = {"a.sedml": text.replace("a_model.xml", source)}
        archive = qsp.read_combine(packed(files, manifest=MANIFEST.format(content("a.sedml", SEDML))))
        with pytest.raises(qsp.QSPError, match=r"lacks the model file|is not fetched"):
            qsp.run_combine(archive)
    archive = qsp.read_combine(
        packed(files, manifest=MANIFEST.format(content("a.sedml", SEDML))), models={"model": arm.model}
    )
    assert float(qsp.run_combine(archive)["a.sedml"]["report"]["S"][0]) == 0.0


def test_a_model_that_cannot_be_read_is_named():
    archive = qsp.read_combine(packed({"a.xml": "<sbml"}, manifest=MANIFEST.format(content("a.xml", SBML))))
    with pytest.raises(qsp.ModelError, match=r"breaks off, in the archive.*, a\.xml, "):
        archive.model("a.xml")


def test_nothing_is_unpacked_into_a_folder_that_holds_something(arm, tmp_path):
    path = qsp.write_combine(arm, tmp_path / "a.omex")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(qsp.DataError, match="not empty"):
        qsp.unpack_combine(path, tmp_path / "full")
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["mine.txt"]
