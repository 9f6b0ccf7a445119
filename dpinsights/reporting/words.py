"""A language's words: phrases with named parts filled in, names, numbers and dates; no sentence made from
bits.

Parts are escaped unless they are markup already, so a phrase can be put into HTML as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from dpinsights.errors import InternalError, ReportError
from dpinsights.model.names import in_language
from dpinsights.model.numbers import plain
from dpinsights.reporting.phrases import PHRASES

HTML_LANGUAGE = {"en": "en", "zh": "zh-CN"}

# Control and direction characters: they can hide or reorder what a reader sees.
_UNSEEN = re.compile("[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def visible(text: str) -> str:
    """A text with every control and direction character shown as one that can be seen.

    >>> visible("a" + chr(0x202e) + "b")
    'a\ufffdb'
    """
    return _UNSEEN.sub("\ufffd", text)


@dataclass(frozen=True)
class Words:
    """What one language says.

    >>> str(Words("en").say("dates", first="1 May", last="<b>"))
    '1 May to &lt;b&gt;'
    >>> str(Words("en").say("rows_limited", n=1))
    'At most 1 row of a customer is used; further rows are left out.'
    """

    language: str

    def __post_init__(self) -> None:
        if self.language not in PHRASES:
            raise ReportError(f"no report in the language {self.language!r}: expected {' or '.join(PHRASES)}")

    @property
    def locale(self) -> Locale:
        """Babel's locale."""
        return Locale.parse(self.language)

    def has(self, key: str) -> bool:
        """Whether there is such a phrase."""
        return key in PHRASES[self.language]

    def say(self, key: str, **parts: object) -> Markup:
        """A phrase with its parts; a phrase with plural forms takes its number as `n`.

        Raises:
            InternalError: for a phrase or a part that is missing.
        """
        phrase = PHRASES[self.language].get(key)
        if phrase is None:
            raise InternalError(f"no phrase {key!r} in {self.language!r}")
        if not isinstance(phrase, str):
            phrase = phrase[self.locale.plural_form(int(str(parts["n"])))]
        try:
            return escape(phrase).format(**{name: _part(part) for name, part in parts.items()})
        except (KeyError, IndexError):
            raise InternalError(f"the phrase {key!r} lacks a part among {sorted(parts)}") from None

    def text(self, key: str, **parts: object) -> str:
        """A phrase as plain text, not for HTML."""
        return str(self.say(key, **parts).unescape())

    def either(self, key: str, otherwise: str) -> Markup:
        """A phrase if there is one, else a text of a definition as it is written."""
        return self.say(key) if self.has(key) else _part(otherwise)

    def fixed(self) -> dict[str, Markup]:
        """All phrases without parts, for templates."""
        return {
            key: escape(phrase)
            for key, phrase in PHRASES[self.language].items()
            if isinstance(phrase, str) and "{" not in phrase
        }

    def name(self, names: Mapping[str, str] | None, otherwise: str = "") -> str:
        """A name that a definition gives: in this language, else `otherwise`, else in another."""
        return visible(in_language(names, self.language, otherwise))

    def number(self, number: Decimal) -> str:
        """A number that a definition states, with all its digits.

        >>> Words("en").number(Decimal("20000.00")), Words("en").number(Decimal("0.5"))
        ('20,000', '0.5')
        """
        _, _, decimals = plain(number).partition(".")
        pattern = "#,##0" + ("." + "0" * len(decimals) if decimals else "")
        return str(format_decimal(number, format=pattern, locale=self.locale, decimal_quantization=False))

    def day(self, day: date) -> str:
        """A date in words.

        >>> Words("en").day(date(2017, 10, 1)), Words("zh").day(date(2017, 10, 1))
        ('1 October 2017', '2017年10月1日')
        """
        return format_date(day, "d MMMM y" if self.language == "en" else "long", locale=self.locale)


def _part(value: object) -> Markup:
    return value if isinstance(value, Markup) else escape(visible(str(value)))
