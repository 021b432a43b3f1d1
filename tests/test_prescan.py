"""The pre-scan refuses what crashes engines, and lets legitimate SBML through unchanged."""

from __future__ import annotations

import bz2
import gzip
import os
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sbmlqsp.engine import prescan as module
from sbmlqsp.engine.prescan import decode, prescan
from sbmlqsp.engine.sources import read_text
from sbmlqsp.errors import ModelError

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core">'


def sbml(inside: str = "") -> str:
    return f'{HEAD}<model id="m">{inside}</model></sbml>\n'


def formula(inside: str) -> str:
    return sbml(f'<math xmlns="http://www.w3.org/1998/Math/MathML">{inside}</math>')


def nested(depth: int, name: str = "p") -> str:
    return f"<{name}>" * depth + f"</{name}>" * depth


def refused(text: str | bytes, **kw: str) -> str:
    with pytest.raises(ModelError) as caught:
        prescan(text, where="file.xml", **kw)
    message = str(caught.value)
    assert "file.xml" in message
    assert caught.value.remedy
    return message


def test_legitimate_text_is_returned_unchanged():
    text = sbml("<!-- µ --><listOfSpecies><species id='a'/></listOfSpecies>")
    assert prescan(text, where="x") == text
    assert prescan(text.encode(), where="x") == text


def test_prefixed_sbml_is_accepted():
    text = '<s:sbml xmlns:s="urn:x"><s:model/></s:sbml>'
    assert prescan(text, where="x") == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_mark_is_understood(encoding: str):
    text = '<sbml><model name="µg"/></sbml>'
    assert prescan(text.encode(encoding), where="x") == text


def test_declared_latin_1_is_decoded_and_redeclared():
    text = '<?xml version="1.0" encoding="ISO-8859-1"?><sbml><model name="µg"/></sbml>'
    seen = prescan(text.encode("latin-1"), where="x")
    assert 'name="µg"' in seen
    assert 'encoding="UTF-8"' in seen


def test_an_encoding_left_out_of_the_declaration_is_filled_in():
    bare = sbml().replace(' encoding="UTF-8"', "")
    assert prescan(bare, where="x") == sbml()
    assert prescan("<sbml><model/></sbml>", where="x") == "<sbml><model/></sbml>"


def test_white_space_before_the_declaration_is_forgiven():
    assert prescan("\n  " + sbml(), where="x") == sbml()


def test_unknown_encoding_is_refused():
    assert "'shift_jis'" in refused(b'<?xml version="1.0" encoding="shift_jis"?><sbml><model/></sbml>')
    assert "encoding" in refused(b'<?xml version="1.0" encoding="rot13"?><sbml><model/></sbml>')


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE sbml>",
        '<!DOCTYPE sbml SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE sbml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
    ],
)
def test_document_types_and_entities_are_refused(doctype: str):
    assert "DOCTYPE" in refused(f"{doctype}<sbml><model>&b;</model></sbml>")


def test_depth_is_capped_at_256():
    prescan(sbml(nested(254)), where="x")
    message = refused(sbml(nested(255)))
    assert "256 deep" in message
    assert "line 2" in message


def test_very_deep_nesting_is_refused_quickly():
    assert "deep" in refused(sbml(nested(1_000_000)))


def test_long_attributes_are_refused():
    prescan(sbml(f'<a b="{"x" * 9_998}"/>'), where="x")
    assert "'b' makes the start tag of <a> 10,001 characters" in refused(sbml(f'<a b="{"x" * 9_999}"/>'))
    refused(sbml(f'<a {"b" * 10_000}="x"/>'))
    assert "The name makes" in refused(sbml(f"<{'b' * 10_001}/>"))


def test_many_attributes_count_together():
    each = " ".join(f'a{i}="{"x" * 2_000}"' for i in range(6))
    assert "start tag of <a> 12,0" in refused(sbml(f"<a {each}/>"))


def test_long_comments_are_refused():
    prescan(sbml(f"<!--{'x' * 999_999}-->"), where="x")
    assert "comment is 1,000,000" in refused(sbml(f"<!--{'x' * 1_000_000}-->"))
    assert "instruction" in refused(sbml(f"<?p {'x' * 1_000_000}?>"))


def test_wide_formulas_are_refused():
    prescan(formula(f"<apply>{'<plus/>'}{'<cn>1</cn>' * 1_999}</apply>"), where="x")
    assert "2,000 operands" in refused(formula(f"<apply><plus/>{'<cn>1</cn>' * 2_000}</apply>"))
    assert "<piecewise>" in refused(formula(f"<piecewise>{'<piece/>' * 2_001}</piecewise>"))
    assert "operands" in refused(
        formula(f"<apply><plus/>{'<cn>1</cn>' * 2_000}</apply>")
        .replace("<apply", "<m:apply")
        .replace("</apply", "</m:apply")
    )


def test_many_elements_outside_formulas_are_fine():
    prescan(sbml("<apply>" + "<cn/>" * 5_000 + "</apply>" + "<species/>" * 5_000), where="x")


def test_deep_formulas_are_refused():
    prescan(formula(nested(200, "apply")), where="x")
    assert "formula is nested more than 200" in refused(formula(nested(201, "apply")))


def test_depth_of_one_formula_does_not_count_for_the_next():
    text = formula(nested(150, "apply"))
    prescan(text.replace("</model>", text[text.index("<math") : text.index("</model>")] + "</model>"), where="x")


@pytest.mark.parametrize("text", ["", " \n "])
def test_empty_text_is_refused(text: str):
    assert "empty" in refused(text)


def test_nul_is_refused_with_its_position():
    assert "NUL character at position 5" in refused("<sbml\0")


def test_undecodable_bytes_are_refused_with_offset_and_line():
    message = refused(b"<sbml>\n<model id='\xff'/></sbml>")
    assert "0xff at offset 18 (line 2)" in message


def test_a_lone_surrogate_is_refused():
    assert "surrogate" in refused("<sbml>\ud800</sbml>")


def test_truncation_is_named_with_the_open_element():
    message = refused('<sbml>\n<model id="m"><listOfSpecies>')
    assert "breaks off inside <listOfSpecies>" in message
    assert "line 2, column" in message


@pytest.mark.parametrize(
    "text", ["<sbml><model></sbml>", "<sbml><model a=1/></sbml>", "S1 -> S2; k", "<sbml><model/></sbml>x"]
)
def test_malformed_text_is_refused_with_line_and_column(text: str):
    message = refused(text)
    assert "not well-formed" in message
    assert "line 1, column" in message


def test_other_roots_are_refused_by_name():
    assert "<html>" in refused("<html><model/></html>")
    assert "SED-ML" in refused("<sedML/>")


def test_another_root_can_be_asked_for():
    assert prescan("<sedML/>", where="x", root="sedML") == "<sedML/>"
    assert "root element is <sbml>" in refused("<sbml/>", root="sedML")


@pytest.mark.parametrize("text", ["<sbml/>", "<sbml><notes><model/></notes></sbml>"])
def test_sbml_without_a_model_is_refused(text: str):
    assert "holds no model" in refused(text)


def test_size_is_capped(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_BYTES", 1_000)
    assert "larger than" in refused(sbml("<p>" + "x" * 1_000 + "</p>"))
    assert "larger than" in refused("<sbml><model/>" + "é" * 600 + "</sbml>")


def test_the_scan_is_fast():
    text = sbml("<species id='s' compartment='c' initialAmount='1'/>" * 40_000)  # 2 MB
    began = time.process_time()
    prescan(text, where="x")
    assert time.process_time() - began < 2.0


@given(st.binary(max_size=200))
@example(b"\xff\xfe<")
@example(b"<?xml version='1.0' encoding='utf-16'?><sbml/>")
def test_any_bytes_are_read_or_refused(data: bytes):
    try:
        text = prescan(data, where="x")
    except ModelError:
        return
    assert "sbml" in text


@given(st.text(max_size=200))
def test_decode_is_the_inverse_of_encode(text: str):
    assert decode(("\ufeff" + text).encode(), where="x") == text


# --- read_text -------------------------------------------------------------------------------------------------------


def unread(source: object, kind: str = "SBML") -> str:
    with pytest.raises(ModelError) as caught:
        read_text(source, kind=kind)  # type: ignore[arg-type]
    return str(caught.value)


def test_text_and_paths_are_told_apart(tmp_path: Path):
    path = tmp_path / "m.ant"
    path.write_text("a = 1\n")
    assert read_text(path, kind="Antimony") == ("a = 1\n", str(path))
    assert read_text(str(path), kind="Antimony") == ("a = 1\n", str(path))
    assert read_text("b = 2\n", kind="Antimony") == ("b = 2\n", "the Antimony text")
    assert read_text("b = 2;", kind="Antimony")[0] == "b = 2;"
    assert read_text("<sbml/>", kind="SBML") == ("<sbml/>", "the SBML text")
    assert read_text("x" * 5_000, kind="Antimony")[1] == "the Antimony text"


def test_a_path_object_is_never_text(tmp_path: Path):
    path = tmp_path / "a;b.ant"
    path.write_text("c = 3\n")
    assert read_text(path, kind="Antimony")[0] == "c = 3\n"


def test_line_ends_and_byte_order_mark_are_normalised(tmp_path: Path):
    path = tmp_path / "m.ant"
    path.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r")
    assert read_text(path, kind="Antimony")[0] == "a = 1\nb = 2\n"


@pytest.mark.parametrize(
    "source", ["http://x.org/m.xml", "HTTPS://x.org/m.xml", Path("https://x.org/m.xml"), "file:///m"]
)
def test_web_addresses_are_refused(source: str | Path):
    message = unread(source)
    assert "web address" in message
    assert "download" in message


def test_a_missing_file_names_its_neighbours(tmp_path: Path):
    (tmp_path / "tumour.xml").write_text("x")
    assert "did you mean 'tumour.xml'" in unread(tmp_path / "tumor.xml")
    assert "no folder" in unread(tmp_path / "nowhere" / "m.xml")
    assert "no folder" in unread(tmp_path / "tumour.xml" / "m.xml")


def test_a_missing_file_explains_what_counts_as_text():
    assert "line break" in unread("species S1", "Antimony")


@pytest.mark.parametrize("source", [None, 3, b"<sbml/>", ["a"]])
def test_other_types_are_refused(source: object):
    assert type(source).__name__ in unread(source)


@pytest.mark.parametrize("source", ["", "  "])
def test_an_empty_string_is_refused(source: str):
    assert "empty" in unread(source)


def test_odd_paths_are_refused(tmp_path: Path):
    assert "NUL" in unread("a\0b.xml")
    assert "cannot be read" in unread("x" * 3_000)
    assert "folder" in unread(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_named_pipe_is_refused_without_being_opened(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.xml")
    assert "pipe" in unread(tmp_path / "pipe.xml")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no device files on this system")
def test_a_device_is_refused():
    assert "device" in unread("/dev/zero")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path):
    path = tmp_path / "m.xml"
    path.write_text("<sbml/>")
    path.chmod(0)
    assert "permissions" in unread(path)


def test_an_empty_file_is_refused(tmp_path: Path):
    (tmp_path / "m.xml").write_bytes(b"\n")
    assert "empty" in unread(tmp_path / "m.xml")


def test_undecodable_files_are_refused_with_the_byte(tmp_path: Path):
    (tmp_path / "m.ant").write_bytes(b"a = 1\n# 5 \xb5g\n")
    assert "0xb5 at offset 10 (line 2)" in unread(tmp_path / "m.ant", "Antimony")


def test_nul_in_a_file_is_refused(tmp_path: Path):
    (tmp_path / "m.ant").write_bytes(b"a = \0")
    assert "NUL" in unread(tmp_path / "m.ant", "Antimony")


@pytest.mark.parametrize(
    ("name", "pack"), [("m.xml.gz", gzip.compress), ("m.xml.bz2", bz2.compress), ("m.xml", gzip.compress)]
)
def test_compressed_files_are_unpacked(tmp_path: Path, name: str, pack):
    (tmp_path / name).write_bytes(pack(sbml().encode()))
    assert read_text(tmp_path / name, kind="SBML")[0] == sbml()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_bombs_and_damage_are_refused(tmp_path: Path, pack, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100_000)
    (tmp_path / "bomb").write_bytes(pack(b"x" * 10_000_000))
    assert "more than" in unread(tmp_path / "bomb")
    (tmp_path / "cut").write_bytes(pack(os.urandom(1_000))[:-20])
    assert "damaged" in unread(tmp_path / "cut")


def test_files_over_the_cap_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    (tmp_path / "m.xml").write_text("x" * 101)
    assert "more than" in unread(tmp_path / "m.xml")
    assert "more than" in unread("\n" + "x" * 101)


def test_archives_are_refused_with_a_remedy(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "m.omex", "w") as archive:
        archive.writestr("m.xml", sbml())
    assert "unpack it" in unread(tmp_path / "m.omex")
    (tmp_path / "m.xz").write_bytes(b"\xfd7zXZ\x00rest")
    assert "unxz" in unread(tmp_path / "m.xz")


def test_declared_encoding_of_a_file_is_honoured(tmp_path: Path):
    text = '<?xml version="1.0" encoding="windows-1252"?><sbml><model name="5 µg"/></sbml>'
    (tmp_path / "m.xml").write_bytes(text.encode("cp1252"))
    seen, where = read_text(tmp_path / "m.xml", kind="SBML")
    assert 'name="5 µg"' in prescan(seen, where=where)
