"""Discovered keys against a second implementation in plain Python, and what one customer changes."""

from __future__ import annotations

import hashlib
import pickle
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from dpinsights.errors import InternalError, SourceError
from dpinsights.measurement import tree
from dpinsights.measurement.aggregation import BoundsViolated
from dpinsights.measurement.discovery import (
    ExactMap,
    bounded_codes,
    coded,
    counts,
    decoded,
    exact_map,
    texts,
)
from dpinsights.measurement.reading import SPACE, Storage, canonical_text
from dpinsights.mechanisms.threshold import KeyThreshold

STRIPPED = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u2060\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200E))
)
SEED, SALT, LONGEST = "seed", "salt", 5
Row = tuple[str, int | None, str | None]
Code = tuple[str, int, int]


# The second implementation ------------------------------------------------------------------------


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def canonical(text: str | None, longest: int = LONGEST) -> str | None:
    normal = unicodedata.normalize("NFC", (text or "").replace("\0", "")).strip(STRIPPED)
    return normal[:longest].rstrip(STRIPPED) or None


def code_of(text: str, salt: str = SALT) -> int:
    return int(sha256(salt + text), 16) >> (256 - 63)


def kept(rows: Iterable[Row], k: int) -> set[Code]:
    held: dict[tuple[str, int], set[int]] = {}
    for customer, group, raw in rows:
        text = canonical(raw)
        if group is not None and text is not None:
            held.setdefault((customer, group), set()).add(code_of(text))
    return {
        (customer, group, code)
        for (customer, group), codes in held.items()
        for code in sorted(codes, key=lambda code: (sha256(f"{SEED}|{customer}|{code}"), code))[:k]
    }


def totals(codes: Iterable[Code]) -> dict[int, int]:
    found: dict[int, int] = {}
    for _, group, code in codes:
        found[code ^ group] = found.get(code ^ group, 0) + 1
    return found


# By SQL -------------------------------------------------------------------------------------------


CONNECTION = duckdb.connect(config={"threads": "1"})


def run(select: exp.Expr | str, table: pa.Table) -> list[tuple[Any, ...]]:
    CONNECTION.register("stored_rows", table)
    return CONNECTION.execute(select if isinstance(select, str) else select.sql(dialect="duckdb")).fetchall()


def stored(rows: Sequence[Row], kind: Any = pa.string()) -> pa.Table:
    customers, groups, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "customer": pa.array(customers, pa.string()),
            "g": pa.array(groups, pa.int64()),
            "text": pa.array(values, kind),
        }
    )


def codes(storage: Storage = Storage("text"), longest: int = LONGEST, salt: str = SALT) -> exp.Select:
    rows = exp.select(exp.Star()).from_(tree.table("stored_rows"))
    for stage in canonical_text(storage, max_length=longest, place="t.c"):
        read = exp.alias_(stage(tree.column("text")), "text", quoted=True)
        rows = exp.select(tree.column("customer"), tree.column("g"), read).from_(rows.subquery("stored"))
    return coded(rows, salt=salt)


@cache
def statements(k: int) -> tuple[str, str]:
    """The kept codes, and their counts, as SQL text."""
    kept = bounded_codes(codes(), k=k, seed=SEED)
    return kept.sql(dialect="duckdb"), counts(kept, k=k).sql(dialect="duckdb")


def kept_by_sql(rows: Sequence[Row], k: int) -> set[Code]:
    found = run(statements(k)[0], stored(rows))
    assert len(found) == len(set(found))
    return set(found)


def counted(rows: Sequence[Row], k: int) -> Mapping[int, int]:
    return exact_map(run(statements(k)[1], stored(rows))).take()


GROUPS = {"1": 0, "2": 0, "3": 1, "4": 7, "b": 2**31, "": 1, "null": None}
words = st.text(
    st.sampled_from("aAe\u0301\u212b\u3000 \u200b\ufeff|字\U0001f926'\0"), max_size=8
) | st.sampled_from(["tea", "rice"])
tables = st.lists(
    st.tuples(st.sampled_from(sorted(GROUPS)), st.none() | words).map(
        lambda row: (row[0], GROUPS[row[0]], row[1])
    ),
    max_size=40,
)
bounds = st.integers(1, 4)


@given(tables, bounds)
@settings(max_examples=60)
def test_sql_and_the_second_implementation_keep_the_same_codes(rows: list[Row], k: int) -> None:
    wanted = kept(rows, k)
    assert kept_by_sql(rows, k) == wanted
    assert counted(rows, k) == totals(wanted)


@given(tables, bounds)
@settings(max_examples=40)
def test_one_customer_changes_at_most_k_counts_by_one_and_nobody_else(rows: list[Row], k: int) -> None:
    before, counts_before = kept_by_sql(rows, k), counted(rows, k)
    for gone in {row[0] for row in rows}:
        remaining = [row for row in rows if row[0] != gone]
        assert kept_by_sql(remaining, k) == {code for code in before if code[0] != gone}
        after = counted(remaining, k)
        moved = [counts_before.get(key, 0) - after.get(key, 0) for key in counts_before.keys() | after.keys()]
        assert sum(map(abs, moved)) <= k and set(moved) <= {0, 1}


def test_k_codes_are_kept_of_many_and_each_customer_keeps_others() -> None:
    rows: list[Row] = [(str(customer), 0, f"w{word}") for customer in range(40) for word in range(30)]
    found = kept_by_sql(rows, 3)
    assert len(found) == 120
    shares = totals(found).values()
    assert max(shares) < 20 and len(shares) > 20


def test_repeated_and_disguised_texts_count_once() -> None:
    rows: list[Row] = [
        ("1", 0, text) for text in ("tea", " tea", "tea\u200b", "tea", "tea", None, "", "\u3000")
    ]
    assert counted(rows, 2) == {code_of("tea"): 1}


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("tea", "tea"),
        ("\u3000tea\ufeff ", "tea"),
        ("e\u0301", "\xe9"),
        ("abcdefg", "abcde"),
        ("abcd efg", "abcd"),
        ("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301", "\xe9" * 5),
        (
            "\U0001f926\U0001f3fd\U0001f926\U0001f3fd\U0001f926\U0001f3fd",
            "\U0001f926\U0001f3fd\U0001f926\U0001f3fd\U0001f926",
        ),
        ("Tea", "Tea"),
        ("t\0ea\0", "tea"),
        ("e\u0301\0b", "\xe9b"),
    ],
)
def test_canonical_texts(raw: str, text: str) -> None:
    found = run(codes(), stored([("1", 0, raw)]))
    assert found == [("1", 0, text, code_of(text))]
    assert canonical(raw) == text
    assert run(codes(), stored([("1", 0, text)])) == found


@given(st.lists(words, max_size=30))
@settings(max_examples=30)
def test_a_canonical_text_is_its_own(raws: list[str]) -> None:
    once = {row[2:] for row in run(codes(), stored([("1", 0, raw) for raw in raws]))}
    assert {row[2:] for row in run(codes(), stored([("1", 0, text) for text, _ in once]))} == once


def test_a_code_is_the_first_63_bits() -> None:
    words = [f"w{number}" for number in range(500)]
    found = dict(
        row[2:] for row in run(codes(longest=9, salt=""), stored([("1", 0, word) for word in words]))
    )
    assert found == {
        word: int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "big") >> 1 for word in words
    }


def test_another_salt_gives_other_codes() -> None:
    rows = stored([("1", 0, "tea")])
    assert run(codes(salt="a"), rows)[0][3] != run(codes(salt="b"), rows)[0][3]


def test_whole_numbers_and_truth_values_have_texts_and_floats_have_none() -> None:
    numbers = run(codes(Storage("integer")), stored([("1", 0, -70), ("1", 0, None)], pa.int32()))  # type: ignore[list-item]
    truths = run(codes(Storage("boolean")), stored([("1", 0, True)], pa.bool_()))  # type: ignore[list-item]
    assert [row[2] for row in numbers + truths] == ["-70", "true"]
    with pytest.raises(SourceError, match="t.c: declared as text, but stored as float"):
        canonical_text(Storage("float"), max_length=9, place="t.c")


BROKEN = {
    "a customer with more than k": [("1", 0, 5), ("1", 0, 6), ("1", 0, 7)],
    "a code twice": [("1", 0, 5), ("1", 0, 5)],
    "two groups": [("1", 0, 5), ("1", 1, 6)],
    "a key below 0": [("1", 0, -5)],
    "no key": [("1", 0, None)],
}


@pytest.mark.parametrize("rows", BROKEN.values(), ids=BROKEN)
def test_a_relation_out_of_bounds_is_not_counted(rows: list[tuple[str, int, int | None]]) -> None:
    customers, groups, numbers = zip(*[*rows, ("2", 3, 9), ("3", 3, 9)], strict=True)
    table = pa.table({"customer": customers, "g": groups, "code": pa.array(numbers, pa.int64())})
    bounded = exp.select(exp.Star()).from_(tree.table("stored_rows"))
    with pytest.raises(BoundsViolated):
        exact_map(run(counts(bounded, k=2), table))


def test_released_keys_are_decoded_and_no_others() -> None:
    rows: list[Row] = [("1", 0, "tea"), ("2", 7, " tea"), ("3", 7, "rice"), ("4", None, "tea")]
    tea, tea_7, rice_7 = code_of("tea"), code_of("tea") ^ 7, code_of("rice") ^ 7
    found = run(texts(codes(), [rice_7, tea]), stored(rows))
    assert sorted(found) == sorted([(rice_7, 7, "rice"), (tea, 0, "tea")])
    assert decoded(found, [rice_7, tea]) == {rice_7: (7, "rice"), tea: (0, "tea")}
    assert run(texts(codes(), []), stored(rows)) == []
    with pytest.raises(InternalError, match="no text") as caught:
        decoded(found, [tea_7])
    assert str(tea_7) not in str(caught.value) and caught.value.__suppress_context__


def test_of_texts_that_share_a_key_the_smallest_is_shown() -> None:
    relation = [("1", 0, "tea", 8), ("2", 0, "rice", 8), ("3", 1, "oil", 9), ("4", 0, "salt", 3)]
    columns = dict(
        zip(("customer", "g", "text", "code"), map(list, zip(*relation, strict=True)), strict=True)
    )
    made = exp.select(exp.Star()).from_(tree.table("stored_rows"))
    found = run(texts(made, [8]), pa.table(columns))
    assert sorted(found) == [(8, 0, "rice"), (8, 1, "oil")]
    assert decoded(found, [8]) == decoded(reversed(found), [8]) == {8: (0, "rice")}


def test_from_rows_to_released_texts() -> None:
    rows: list[Row] = [(str(customer), customer % 2, "tea") for customer in range(400)]
    rows += [(str(customer), customer % 2, f"own {customer}") for customer in range(400)]
    exact = exact_map(run(counts(bounded_codes(codes(longest=20), k=2, seed=SEED), k=2), stored(rows)))
    released = KeyThreshold(unit="x", l0=2, linf=1, scale=5.0, threshold=60).draw(exact.take)
    shown = decoded(run(texts(codes(longest=20), released), stored(rows)), released)
    assert sorted(shown.values()) == [(0, "tea"), (1, "tea")]
    assert all(100 < count < 300 for count in released.values())


def test_an_exact_map_is_taken_once_and_never_shown_or_stored() -> None:
    made = ExactMap({123456789: 987654321})
    assert "123456789" not in repr(made) and "987654321" not in f"{made}"
    with pytest.raises(InternalError):
        pickle.dumps(made)
    assert made.take() == {123456789: 987654321}
    with pytest.raises(InternalError):
        made.take()


def test_what_is_stripped_is_what_reading_strips() -> None:
    assert set(STRIPPED) == set(SPACE)
