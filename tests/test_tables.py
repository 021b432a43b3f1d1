"""Tables as strangers write them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbmlqsp.errors import DataError
from sbmlqsp.tables import column, numbers, read_table, row_place


def table(tmp_path, content: str | bytes, name: str = "t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path)


@pytest.mark.parametrize("sep", [",", ";", "\t", "|", "  ", ", "])
def test_separators_are_found(tmp_path, sep):
    text = "ID,WT,SEX\n1,70.5,M\n2,80,F\n".replace(",", sep)
    frame = table(tmp_path, text)
    assert frame.to_dict("list") == {"ID": [1, 2], "WT": [70.5, 80.0], "SEX": ["M", "F"]}


@pytest.mark.parametrize("mark", ["", ".", "NA", "nan", "N/A", "null", "#N/A"])
def test_missing_values_of_numbers_are_nan_and_of_text_none(tmp_path, mark):
    frame = table(tmp_path, f"ID,WT,SEX\n1,70,{mark}\n2,{mark},F\n")
    assert frame["WT"].tolist()[0] == 70.0
    assert math.isnan(frame["WT"][1])
    assert frame["SEX"].tolist() == [None, "F"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfID,WT\n1,70\n",
        "ID,WT\n1,70\n".encode("utf-16"),
        b"ID,WT\r\n1,70\r\n",
        b"ID,WT\r1,70\r",
        b"# made by hand\n\nID,WT\n# a remark\n1,70\n\n",
        b"ID,WT,\n1,70,\n",
        b'"ID","WT"\n"1","70"\n',
        b"ID , WT\n 1 , 70 \n",
    ],
)
def test_marks_line_ends_comments_and_quotes_do_not_matter(tmp_path, content):
    assert table(tmp_path, content).to_dict("list") == {"ID": [1], "WT": [70]}


def test_decimal_commas_go_with_semicolons_and_tabs(tmp_path):
    assert table(tmp_path, "ID;WT\n1;70,5\n2;-1,5e2\n")["WT"].tolist() == [70.5, -150.0]
    assert table(tmp_path, "ID\tWT\n1\t70,5\n2\t80\n")["WT"].tolist() == [70.5, 80.0]


def test_quoted_separators_and_line_breaks_stay_in_their_cell(tmp_path):
    frame = table(tmp_path, 'ID,note\n1,"a, b"\n2,"two\nlines"\n3,plain\n')
    assert frame["note"].tolist() == ["a, b", "two\nlines", "plain"]
    assert row_place(frame, 2).endswith("line 5")


def test_row_names_of_r_and_exponents_of_fortran_are_read(tmp_path):
    assert list(table(tmp_path, '"","WT"\n"1",70\n').columns) == ["row", "WT"]
    assert table(tmp_path, "A\n1.5D+02\n2.0\n")["A"].tolist() == [150.0, 2.0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["empty"]),
        (b"ID,WT\n", ["no rows"]),
        (b"ID,ID\n1,2\n", ["one name", "'ID'"]),
        (b"ID,,WT\n1,2,3\n", ["Column 2", "no name"]),
        (b"1,2\n3,4\n", ["numbers only"]),
        (b"ID,WT\n1,2\n3\n", ["line 3", "1 values", "header 2"]),
        (b"# c\nID,WT\n\n1,2,3\n", ["line 4"]),
        (b'ID,WT\n1,"2\n', ["line"]),
        (b"ID\xff\n1\n", ["UTF-8", "line 1"]),
        (b"ID\n1\0\n", ["NUL", "line 2"]),
        (b"PAR1xxxx", ["Parquet"]),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(tmp_path, content, words):
    with pytest.raises(DataError) as caught:
        table(tmp_path, content)
    for word in words:
        assert word in str(caught.value)


def test_missing_files_name_the_nearest(tmp_path):
    (tmp_path / "people.csv").write_text("ID\n1\n")
    with pytest.raises(DataError, match=r"people\.csv"):
        read_table(tmp_path / "peopel.csv")
    with pytest.raises(DataError, match="folder"):
        read_table(tmp_path)


def test_a_number_column_names_row_and_value_of_what_is_none(tmp_path):
    frame = table(tmp_path, "ID,WT\n1,70\n2,heavy\n3,.\n")
    with pytest.raises(DataError, match=r"'WT'.*'heavy'.*line 3"):
        numbers(frame, "WT")
    good = table(tmp_path, "ID,WT\n1,70\n3,.\n")
    assert np.isnan(numbers(good, "WT")[1])
    with pytest.raises(DataError, match=r"missing value, in .*line 3"):
        numbers(good, "WT", missing=False)
    with pytest.raises(DataError, match="did you mean 'WT'"):
        column(good, "WTT")


@pytest.mark.parametrize("text", ["1e999", "inf", "1_000", "0x10", "--1", "1.2.3"])
def test_what_python_takes_for_numbers_and_people_do_not_is_text(tmp_path, text):
    assert table(tmp_path, f"A\n{text}\n")["A"].tolist() == [text]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8),
    st.sampled_from([",", ";", "\t"]),
)
def test_numbers_come_back_as_they_were_written(tmp_path, values, sep):
    text = f"A{sep}B\n" + "".join(f"{v!r}{sep}x\n" for v in values)
    assert [float(v) for v in table(tmp_path, text)["A"]] == values


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80))
def test_any_bytes_give_a_table_or_a_data_error(tmp_path, content):
    try:
        frame = table(tmp_path, content)
    except DataError:
        return
    assert len(frame) > 0
