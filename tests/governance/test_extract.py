"""The chain as a file: reads back as it was, and every changed byte is named by its entry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpinsights.errors import LedgerError
from dpinsights.governance.chain import Entry, link
from dpinsights.governance.extract import extract_bytes, read_extract


def _chain(length: int) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    for number in range(length):
        entries.append(link(entries[-1] if entries else None, "amended", {"cap": number, "name": "京\n"}))
    return tuple(entries)


CHAIN = _chain(5)
CONTENT = extract_bytes(CHAIN)


def test_it_reads_back() -> None:
    assert read_extract(CONTENT) == CHAIN


@given(place=st.integers(0, len(CONTENT) - 1), bit=st.integers(0, 7))
def test_a_changed_byte_is_named_by_its_entry(place: int, bit: int) -> None:
    changed = bytearray(CONTENT)
    changed[place] ^= 1 << bit
    entry = CONTENT.count(b"\n", 0, place) + 1
    with pytest.raises(LedgerError) as refused:
        read_extract(bytes(changed))
    named = [f"entry {n}" for n in (entry, entry + 1)]
    assert any(name in str(refused.value) for name in named) or "no whole ledger" in str(refused.value)


@pytest.mark.parametrize(
    "content", [b"", CONTENT[:-1], b"\n", CONTENT + b"\n", CONTENT.replace(b"\n", b"\r\n")]
)
def test_what_is_no_extract(content: bytes) -> None:
    with pytest.raises(LedgerError):
        read_extract(content)
