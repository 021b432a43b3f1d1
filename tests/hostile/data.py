"""Tables of doses, of subjects and of results that are cut, wide, long, or hold what no table should."""

from __future__ import annotations

import os
from pathlib import Path

from tests.hostile import MARK, Files, Grounds, hostile, seeded

RECORDS = {"act": "nonmem", "suffix": ".csv"}
GOOD = "ID,TIME,AMT,DV,WT\n1,0,100,.,70\n1,1,.,4.1,70\n1,2,.,3.1,70\n2,0,100,.,60\n2,1,.,5.0,60\n"


@hostile("tables of doses", **RECORDS)
def doses() -> Files:
    yield "NUL", GOOD.replace("4.1", "4\0.1")
    yield "bytes", seeded("bytes").randbytes(10_000)
    yield "UTF-16", GOOD.encode("utf-16")
    yield "UTF-16 without a mark", GOOD.encode("utf-16-le")
    yield "latin-1", GOOD.replace("WT", "µ").encode("latin-1")
    yield "no rows", "ID,TIME,AMT,DV\n"
    yield "nothing", ""
    yield "an open quotation mark", GOOD.replace("70", '"70', 1)
    yield "a million open quotation marks", 'ID,TIME\n1,"' + '"' * 1_000_001
    for columns in (100_000, 1_000_000):
        yield f"{columns:,} columns", ",".join(f"c{i}" for i in range(columns)) + "\n" + ",".join("1" * columns) + "\n"
    yield "a field of 20 MB", "ID,TIME,AMT,DV\n1,0,100," + "9" * 20_000_000 + "\n"
    yield "a name of 20 MB", "ID,TIME,AMT," + "D" * 20_000_000 + "\n1,0,1,1\n"
    yield "500,000 rows", "ID,TIME,AMT,DV\n" + "".join(f"{i},0,100,.\n" for i in range(500_000))
    yield "rows of many lengths", "ID,TIME\n" + "".join("1," * (i % 50) + "1\n" for i in range(1_000))
    yield "two columns of one name", GOOD.replace("WT", "DV")
    yield "blank lines between", GOOD.replace("\n", "\n\n\n")
    yield "old line ends", GOOD.replace("\n", "\r")
    yield "other separators", GOOD.replace(",", ";", 7)
    for name, value in {
        "a number too large": "1e400",
        "a word": "many",
        "infinity": "inf",
        "a date": "2024-13-45",
        "a long one": "1" * 5_000,
        "a complex one": "1+1j",
        "underscores": "1_0",
        "Arabic": "١٢",
    }.items():
        for column in ("TIME", "AMT", "DV", "ID"):
            at = {"ID": "1,0,100,.,70", "TIME": "1,0,100,.,70", "AMT": "1,0,100,.,70", "DV": "1,1,.,4.1,70"}[column]
            cells = at.split(",")
            cells[["ID", "TIME", "AMT", "DV"].index(column)] = value
            yield f"{name} as {column}", GOOD.replace(at, ",".join(cells))
    more = "ID,TIME,AMT,DV,ADDL,II,SS,RATE\n1,0,100,.,{},{},{},{}\n1,1,.,2,.,.,.,.\n"
    for given in (
        ("1e9", "1", "0", "0"),
        ("1000000000", "1e-9", "0", "0"),
        ("-1", "1", "0", "0"),
        ("1.5", "1", "0", "0"),
        ("3", "0", "0", "0"),
        ("3", "-1", "0", "0"),
        ("0", "1e-300", "1", "0"),
        ("0", "12", "7", "0"),
        ("0", "12", "1", "-2"),
        ("0", "12", "1", "1e-300"),
        ("0", "12", "1", "1e300"),
        ("0", "0", "1", "0"),
    ):
        yield "ADDL {} II {} SS {} RATE {}".format(*given), more.format(*given)


@hostile("tables of doses that are odd and good", right=True, **RECORDS)
def odd_doses() -> Files:
    """A formula of a spreadsheet is text here, and stays what it is."""
    for name, cell in {
        "a command": "=cmd|' /C calc'!A0",
        "a link": '"=HYPERLINK(""http://x"")"',
        "a sum": "@SUM(1)",
    }.items():
        yield name, GOOD.replace("WT", "NOTE").replace(",70\n", f",{cell}\n").replace(",60\n", f",{cell}\n")
    yield "a mark first", "\ufeff" + GOOD
    yield "line ends of Windows", GOOD.replace("\n", "\r\n")


@hostile("tables of subjects", act="table", suffix=".csv")
def subjects() -> Files:
    yield "a pickle", b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."
    yield "a workbook", b"PK\x03\x04" + bytes(100)
    yield "Parquet", b"PAR1" + bytes(100)
    yield "bars", "a|b\n" + "|" * 1_000_000
    yield "quotation marks", '"' * 1_000_001 + "\n1\n"
    yield "comments alone", "#\n" * 100_000
    yield "numbers as names", "1,2\n3,4\n"
    yield "a field of 200,000", "a,b\n1," + "x" * 200_000 + "\n"
    yield "blanks", "a b\n" + " " * 5_000_000 + "\n"
    yield "escapes of a terminal", f"a,b\n1,\x1b]0;{MARK}\x07\n2\n"


@hostile("results on disk", act="results", suffix=".parquet")
def results() -> Files:
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    def parquet(about: bytes, rows: int = 4, **how: object) -> bytes:
        out = io.BytesIO()
        table = pa.table({"time": [float(i) for i in range(rows)], "S": [1.0] * rows})
        pq.write_table(table.replace_schema_metadata({b"sbmlqsp.results": about}), out, **how)
        return out.getvalue()

    layout = (
        '{"format": 1, "sizes": {"experiment": 1, "subject": 1, "replicate": 1, "time": 4}, "variables": {"time": '
        '{"dims": ["time"], "dtype": "<f8", "coord": true, "attrs": {}, "nan": false}, "S": '
        '{"dims": ["time"], "dtype": "<f8", "coord": false, "attrs": {}, "nan": false}}, "attrs": {}}'
    )
    good = parquet(layout.encode())
    yield "good", good
    draw = seeded("Parquet")
    for at in sorted(draw.sample(range(4, len(good)), 6)):
        yield f"cut after {at} bytes", good[:at]
    for k in range(12):
        data = bytearray(good)
        for at in draw.sample(range(4, len(data)), draw.choice((1, 2, 8))):
            data[at] ^= 1 << draw.randrange(8)
        yield f"bits changed, {k + 1}", bytes(data)
    for name, about in {
        "no layout": "",
        "no JSON": "{",
        "a list": "[]",
        "deep JSON": "[" * 100_000,
        "no format": "{}",
        "a format of text": layout.replace('"format": 1', '"format": "x"'),
        "no sizes": '{"format": 1, "variables": {}}',
        "large sizes": layout.replace('"time": 4', '"time": 1000000000000'),
        "sizes below zero": layout.replace('"time": 4', '"time": -4'),
        "objects as numbers": layout.replace('"<f8"', '"|O"'),
        "an unknown type": layout.replace('"<f8"', '"<x8"'),
        "a type of many bytes": layout.replace('"<f8"', '"<U1000000000"'),
        "other dimensions": layout.replace('["time"]', '["nothing"]'),
        "one dimension twice": layout.replace('["time"]', '["time", "time"]'),
        "a coordinate along another": layout.replace('["time"]', '["subject"]', 1),
        "whole numbers of others": layout.replace('"<f8"', '"<i8"'),
        "halves of numbers": layout.replace('"<f8"', '"<f4"'),
        "numbers as text": layout.replace('"<f8"', '"<U9"'),
        "a type that is none": layout.replace('"<f8"', '"<f1"'),
        "occasions of nothing": layout[:-3] + '{"occasions": "[]"}}',
        "a missing column": layout.replace('"S"', '"T"'),
    }.items():
        yield name, parquet(about.encode())
    yield "a bomb", parquet(layout.replace('"time": 4', '"time": 50000000').encode(), 50_000_000, compression="zstd")

    def pipe(grounds: Grounds) -> Path:
        os.mkfifo(grounds.folder / "file.parquet")
        return grounds.folder / "file.parquet"

    yield "a pipe", pipe
    yield (
        "a pickle",
        b"PAR1" + b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94." + b"PAR1",
    )
