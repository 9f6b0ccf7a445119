"""The fixed phrases of the exports, by language; a phrase has its parts in braces."""

from __future__ import annotations

from collections.abc import Mapping

from dpinsights.exporting.phrases.en import ENGLISH
from dpinsights.exporting.phrases.zh import CHINESE

PHRASES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH, "zh": CHINESE}
"""What can be said."""
