"""YAML: exact numbers, texts as typed, places, and what is refused."""

from __future__ import annotations

import contextlib
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.definitions.reading import DEEPEST, LARGEST, read_bytes, read_file
from dpinsights.errors import DefinitionError


def data(text: str) -> object:
    return read_bytes(text.encode(), "x.yaml").data


def code(content: bytes) -> str:
    with pytest.raises(DefinitionError) as caught:
        read_bytes(content, "x.yaml")
    assert all(problem.file == "x.yaml" for problem in caught.value.problems)
    return caught.value.problems[0].code


def test_scalars_are_what_was_typed() -> None:
    text = """
    a: [0.1, 1e-10, 2000000, 1.50, -3, +4, 017, .5]
    b: [no, on, yes, 12:30:45, 1_000, 0x10, .nan, .inf, 2017-13-01]
    c: [true, False, 2017-10-01, '2017', "no"]
    2017: key
    no: key
    """
    found = data(text)
    assert found == {
        "a": [Decimal("0.1"), Decimal("1e-10"), 2_000_000, Decimal("1.50"), -3, 4, 17, Decimal("0.5")],
        "b": ["no", "on", "yes", "12:30:45", "1_000", "0x10", ".nan", ".inf", "2017-13-01"],
        "c": [True, False, date(2017, 10, 1), "2017", "no"],
        "2017": "key",
        "no": "key",
    }


def test_places_count_from_one() -> None:
    origin = read_bytes("a:\n  b: [1, 二, 3]\n".encode(), "x.yaml").origin
    assert origin.keys[("a", "b")] == (2, 3)
    assert origin.values[("a", "b", 2)] == (2, 13)


def test_windows_files() -> None:
    assert read_bytes(b"\xef\xbb\xbfa: 1\r\nb: |\r\n  x\r\n  y\r\n", "x.yaml").data == {"a": 1, "b": "x\ny\n"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a: \xff", "not-utf-8"),
        ("a: 1".encode("utf-16"), "not-utf-8"),
        (b"a: \x07", "yaml-syntax"),
        (b'a: "\\ud800"', "unseen-character"),
        (b"a: [1", "yaml-syntax"),
        (b"a: *b", "yaml-alias"),
        (b"a: &b 1", "yaml-anchor"),
        (b"&b a: 1", "yaml-anchor"),
        (b"a: !x 1", "yaml-tag"),
        (b"!!map {a: 1}", "yaml-tag"),
        (b"<<: {a: 1}", "merge-key"),
        (b"a: 1\na: 2", "duplicate-key"),
        (b"a: {b: 1, 'b': 2}", "duplicate-key"),
        (b"", "empty-document"),
        (b"---\n", "empty-document"),
        (b"- 1", "not-a-mapping"),
        (b"just a text", "not-a-mapping"),
        (b"a: 1\n---\nb: 1", "several-documents"),
        (b"%YAML 1.1\n---\na: 1", "yaml-directive"),
        (b"? {a: 1}\n: 2", "not-a-key"),
        (b"a: " + b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "too-deep"),
        (b"a: " + b"x" * LARGEST, "too-large"),
        (b"a: " + b"[" * 100_000, "too-deep"),
    ],
)
def test_refused(content: bytes, expected: str) -> None:
    assert code(content) == expected


def test_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 lol"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert code("\n".join(lines).encode()) == "yaml-anchor"


def test_all_problems_at_once() -> None:
    with pytest.raises(DefinitionError) as caught:
        read_bytes(b"a: &x 1\na: !t 2\nb: *x\n", "x.yaml")
    assert [problem.code for problem in caught.value.problems] == [
        "yaml-anchor",
        "duplicate-key",
        "yaml-tag",
        "yaml-alias",
    ]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="unreadable-file"):
        read_file(tmp_path / "none.yaml")
    with pytest.raises(DefinitionError, match="unreadable-file"):
        read_file(tmp_path)


@given(st.binary(max_size=60) | st.text(alphabet="a:[]{}-&*!|>'\"?,# \n\t1.\\%", max_size=40).map(str.encode))
def test_anything_is_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(DefinitionError):
        assert isinstance(read_bytes(content, "x.yaml").data, dict)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10, min_value=-(10**12), max_value=10**12))
def test_numbers_are_exact(number: Decimal) -> None:
    assert data(f"a: {number:f}") == {"a": number}
