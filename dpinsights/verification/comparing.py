"""How two texts differ: line by line, and within a line by what stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

_MOST_LINES = 2000
_MOST_CHARACTERS = 3000
_EDGES = frozenset("<>\"' \n")


@dataclass(frozen=True)
class Difference:
    """A stretch of our text, and what each of the two has there.

    Attributes:
        line: the line of their text, from 1.
        start, end: the stretch of ours, in characters from its beginning.
        ours, theirs: what stands there, with what belongs to it up to the next tag, quote or space.
    """

    line: int
    start: int
    end: int
    ours: str
    theirs: str


def differences(ours: str, theirs: str) -> Iterator[Difference]:
    """Where their text is not ours, in the order of ours.

    >>> [(one.line, one.ours, one.theirs) for one in differences("a\\n<b>1,909</b>\\n", "a\\n<b>1,908</b>\\n")]
    [(2, '1,909', '1,908')]
    >>> [(one.line, one.ours, one.theirs) for one in differences("a\\nb\\nc", "a\\nc")]
    [(2, 'b', '')]
    """
    a, b = ours.split("\n"), theirs.split("\n")
    starts = [0]
    for line in a:
        starts.append(starts[-1] + len(line) + 1)
    for first, last, other, until in _blocks(a, b):
        if last - first == until - other:
            for number in range(last - first):
                yield from _within(
                    a[first + number], b[other + number], starts[first + number], other + number
                )
        else:
            end = starts[last] - 1 if last > first else starts[first] + 1
            yield Difference(other + 1, starts[first], end, " ".join(a[first:last]), " ".join(b[other:until]))


def _blocks(a: list[str], b: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """The blocks of lines that differ: from, to in ours, from, to in theirs."""
    if len(a) == len(b):
        yield from ((at, at + 1, at, at + 1) for at in range(len(a)) if a[at] != b[at])
        return
    shared = min(len(a), len(b))
    head = next((at for at in range(shared) if a[at] != b[at]), shared)
    tail = next((at for at in range(shared - head) if a[-1 - at] != b[-1 - at]), shared - head)
    one, other = a[head : len(a) - tail], b[head : len(b) - tail]
    if max(len(one), len(other)) > _MOST_LINES:
        yield head, len(a) - tail, head, len(b) - tail
        return
    for kind, i, j, k, m in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind != "equal":
            yield head + i, head + j, head + k, head + m


def _within(ours: str, theirs: str, start: int, line: int) -> Iterator[Difference]:
    if ours == theirs:
        return
    shared = min(len(ours), len(theirs))
    head = next((at for at in range(shared) if ours[at] != theirs[at]), shared)
    rest = shared - head
    tail = next((at for at in range(rest) if ours[-1 - at] != theirs[-1 - at]), rest)
    one, other = ours[head : len(ours) - tail], theirs[head : len(theirs) - tail]
    found = [(0, len(one), 0, len(other))]
    if max(len(one), len(other)) <= _MOST_CHARACTERS:
        codes = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
        found = [(i, j, k, m) for kind, i, j, k, m in codes if kind != "equal"]
    for i, j, k, m in found:
        yield Difference(
            line + 1,
            start + head + i,
            start + max(head + j, head + i + 1),
            _whole(ours, head + i, head + j),
            _whole(theirs, head + k, head + m),
        )


def _whole(text: str, start: int, end: int) -> str:
    """The stretch, widened to the tag, quote or space on either side."""
    while start > 0 and text[start - 1] not in _EDGES:
        start -= 1
    while end < len(text) and text[end] not in _EDGES:
        end += 1
    return text[start:end]
