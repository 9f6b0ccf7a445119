"""All fixed phrases, by language. A phrase is a whole sentence or label with parts in braces."""

from __future__ import annotations

from collections.abc import Mapping

from dpinsights.reporting.phrases.en import ENGLISH
from dpinsights.reporting.phrases.zh import CHINESE

Phrase = str | Mapping[str, str]
"""One text, or one for each plural form of the number `n`."""

PHRASES: Mapping[str, Mapping[str, Phrase]] = {"en": ENGLISH, "zh": CHINESE}
