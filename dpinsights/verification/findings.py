"""What a check found: a value with a permanent code, which says in either language what it means."""

from __future__ import annotations

from dataclasses import dataclass

from dpinsights.model.names import FrozenMap
from dpinsights.reporting.words import visible
from dpinsights.verification.phrases import PHRASES

_LONGEST = 600


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Attributes:
        code: its permanent name.
        ok: whether it is as it must be.
        file: the file that it is about, or empty.
        place: where in the file: a cell as `title | row | column`, an entry, a line; or empty.
        values: what the sentence names.

    >>> print(failed("file-missing", "release.json", listed="ab"))
    release.json: it is missing; the receipt lists it with the SHA-256 ab (file-missing)
    """

    code: str
    ok: bool
    file: str = ""
    place: str = ""
    values: FrozenMap[str, str] = FrozenMap()

    @property
    def text(self) -> str:
        """What it means, in English."""
        return self.say("en")

    def say(self, language: str) -> str:
        """What it means, in a language; file and place are not in it."""
        phrase = PHRASES[language][self.code if self.ok else f"{self.code}.not"]
        return phrase.format_map(self.values)

    def __str__(self) -> str:
        where = ": ".join(part for part in (self.file, self.place) if part)
        return f"{where}{': ' if where else ''}{self.text} ({self.code})"


def passed(code: str, file: str = "", place: str = "", **values: object) -> Finding:
    """A check that found what it must."""
    return Finding(code, True, shown(file), shown(place), _shown(values))


def failed(code: str, file: str = "", place: str = "", **values: object) -> Finding:
    """A check that found something else."""
    return Finding(code, False, shown(file), shown(place), _shown(values))


def shown(text: object) -> str:
    """A text as it can be shown: on one line, without characters that can't be seen, not too long.

    >>> shown("a\\x1b[31mb")
    'a\ufffd[31mb'
    """
    whole = visible(" ".join(str(text).split()))
    return whole if len(whole) <= _LONGEST else whole[:_LONGEST] + " ..."


def _shown(values: dict[str, object]) -> FrozenMap[str, str]:
    return FrozenMap({name: shown(value) for name, value in values.items()})
