"""Digests and records: equal things equal bytes, different things different ones, strict JSON."""

from __future__ import annotations

import hashlib
import json
import math
import re
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbmlqsp.errors import DataError, QSPError
from sbmlqsp.provenance import digest, record, to_json, versions

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@dataclass(frozen=True)
class Thing:
    a: float
    label: str = field(default="", compare=False)


@dataclass(frozen=True)
class Other:
    a: float


@given(values, values)
def test_different_values_have_different_digests(a, b):
    # repr tells 1 from True and 1.0, and 0.0 from -0.0, as digests do; keys of a mapping have no order.
    shown = [repr(json.dumps(v, sort_keys=True, default=lambda x: ["bytes", repr(x)])) for v in (a, b)]
    if shown[0] == shown[1]:
        assert digest(a) == digest(b)
    else:
        assert digest([a]) != digest([b])


def test_digests_of_text_and_bytes_are_those_of_the_file():
    assert digest("abc é") == hashlib.sha256("abc é".encode()).hexdigest()
    assert digest(b"abc") == hashlib.sha256(b"abc").hexdigest() == digest("abc")


DISTINCT = [
    1, 1.0, True, None, [1], [[1]], {"a": 1}, {"a": "1"}, ["1"], "x", ["x"], ["nan"], ["NaN"], [math.nan], math.nan,
    math.inf, -math.inf, 0.0, {1}, {1: 1}, {"1": 1}, np.array([1]), np.array([1.0]), np.array([[1.0]]), np.array(1.0),
    np.array(["1"]), pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), pd.DataFrame({"a": [1.0]}),
    pd.DataFrame({"a": [1]}, index=[5]), pd.DataFrame({"a": ["1"]}), pd.DataFrame({"a": [None]}), pd.Series([1]),
    pd.Series([1], name="a"), pd.Index([1]), Thing(1.0), Other(1.0), Thing(2.0), [b"x"], date(2020, 1, 1),
    ["2020-01-01"], ["list", []], [], {}, set(), ["missing"], [pd.NA],
]  # fmt: skip


def test_no_two_kinds_of_thing_share_a_digest():
    digests = [digest(v) for v in DISTINCT]
    assert len(set(digests)) == len(DISTINCT)
    assert all(re.fullmatch("[0-9a-f]{64}", d) for d in digests)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({3, 1, 2}, {2, 3, 1}),
        ([1, 2], (1, 2)),
        (1, np.int64(1)),
        (0.5, np.float64(0.5)),
        (True, np.True_),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0], dtype=">f8")),
        (np.array([1, 2, 3])[::-1], np.array([3, 2, 1])),
        (np.ones((2, 3)), np.asfortranarray(np.ones((2, 3)))),
        (np.array([np.nan]), -np.array([np.nan])),
        (np.array(["a", "b"]), np.array(["a", "b"], dtype=object)),
        (pd.DataFrame({"a": [1.0, np.nan]}), pd.DataFrame({"a": [1.0, math.nan]})),
        (pd.DataFrame({"a": ["x", None]}), pd.DataFrame({"a": pd.Series(["x", np.nan], dtype=object)})),
        (Thing(1.0, "p"), Thing(1.0, "q")),
        (PurePosixPath("a/b"), PurePosixPath("a") / "b"),
    ],
)
def test_things_that_are_the_same_share_a_digest(a, b):
    assert digest(a) == digest(b)


def test_order_of_rows_and_columns_counts():
    table = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert digest(table) != digest(table[["b", "a"]])
    assert digest(table) != digest(table.iloc[::-1])


def test_digests_are_pinned_and_equal_in_another_process():
    pinned = "8309a807570a4a6098b36cf741ef242234dad7fc23cf1a21ab68a9d3b3e7a744"
    assert digest({"dose": [100.0, "mg"], "times": np.arange(3.0)}) == pinned
    code = (
        "import numpy as np; from sbmlqsp.provenance import digest; "
        "print(digest({'times': np.arange(3.0), 'dose': [100.0, 'mg']}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == pinned


@pytest.mark.parametrize("value", [lambda: 1, object(), [object()], {"f": print}, 1j, Thing])
def test_values_without_a_canonical_form_are_refused(value):
    with pytest.raises(DataError, match="no canonical form"):
        digest(value)


def test_versions_name_the_engines_without_importing_them():
    found = versions()
    assert {"sbmlqsp", "python", "platform", "numpy", "antimony", "libroadrunner", "python-libsbml"} <= set(found)
    assert found["numpy"] == np.__version__
    assert all(isinstance(v, str) and v for v in found.values())
    found["numpy"] = "changed"
    assert versions()["numpy"] == np.__version__
    code = (
        "import sys; from sbmlqsp.provenance import versions, record; versions(); "
        "record(models={}, inputs={'a': [1]}, seed=0); "
        "sys.exit(any(m in sys.modules for m in ('roadrunner', 'libsbml', 'antimony', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_package_that_is_not_installed_is_absent(monkeypatch):
    from importlib import metadata

    from sbmlqsp import provenance

    def none(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", none)
    provenance._versions.cache_clear()
    try:
        assert versions()["libroadrunner"] == "absent"
    finally:
        provenance._versions.cache_clear()


def made(**changes):
    return record(
        **{"models": {"pk": "<sbml/>"}, "inputs": {"method": "ode", "size": np.int64(3)}, "seed": 1, **changes}
    )


def test_records_are_bit_identical_and_dated_only_on_demand():
    assert to_json(made()) == to_json(made())
    assert "created" not in made()
    assert made(created="2024-05-01")["created"] == "2024-05-01"
    assert to_json(made(inputs={"a": 1, "b": 2})) == to_json(made(inputs={"b": 2, "a": 1}))


def test_a_record_keeps_short_values_and_digests_long_ones():
    times, table = np.arange(5.0), pd.DataFrame({"WT": [70.0]})
    inputs = {"times": times, "table": table, "note": "n" * 3000, "dose": {"amount": 1.5, "on": [True, None]}}
    kept = made(inputs=inputs)["inputs"]
    assert kept["times"] == {"type": "ndarray", "shape": [5], "sha256": digest(times)}
    assert kept["table"] == {"type": "DataFrame", "shape": [1, 1], "sha256": digest(table)}
    assert kept["note"] == {"type": "str", "sha256": digest("n" * 3000)}
    assert kept["dose"] == {"amount": 1.5, "on": [True, None]}
    assert made(inputs={"thing": Thing(1.0)})["inputs"]["thing"]["type"] == "Thing"


def test_models_are_kept_as_digests():
    assert made()["models"]["pk"] == digest("<sbml/>")
    assert made(models={"pk": digest("<sbml/>")})["models"]["pk"] == digest("<sbml/>")


def test_json_is_strict_and_ordered():
    text = to_json(made(inputs={"b": math.nan, "a": [math.inf, -math.inf], "µ": np.float64("nan")}))

    def refuse(name):
        raise AssertionError(name)

    read = json.loads(text, parse_constant=refuse)
    assert read["inputs"] == {"a": ["Infinity", "-Infinity"], "b": "NaN", "µ": "NaN"}
    assert list(read) == sorted(read)
    assert to_json(read) == text


@pytest.mark.parametrize("seed", [-1, 1.5, True, "1"])
def test_a_record_refuses_seeds_that_streams_refuse(seed):
    with pytest.raises(QSPError, match="seed"):
        made(seed=seed)


def test_a_record_refuses_inputs_it_cannot_describe():
    with pytest.raises(DataError, match="canonical"):
        made(inputs={"f": lambda: 1})
