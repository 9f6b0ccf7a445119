"""Findings in words: both languages say the same things, and every code that is used has a phrase."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import dpinsights.verification
from dpinsights.verification.phrases import PHRASES, VERDICTS

ROOM = Path(dpinsights.verification.__file__).parent


def parts(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name}


def test_both_languages_have_the_same_phrases_with_the_same_parts() -> None:
    en, zh = PHRASES["en"], PHRASES["zh"]
    assert en.keys() == zh.keys() and VERDICTS["en"].keys() == VERDICTS["zh"].keys()
    for code in en:
        assert parts(en[code]) == parts(zh[code]), code


def test_every_code_has_a_phrase_and_every_phrase_is_used() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in ROOM.glob("*.py") if path.name != "phrases.py"
    )
    passed = set(re.findall(r'passed\(\s*"([a-z-]+)"', source))
    failed = {f"{code}.not" for code in re.findall(r'failed\(\s*"([a-z-]+)"', source)}
    both = set(re.findall(r'finding\("([a-z-]+)"', source))
    assert passed | failed | both | {f"{code}.not" for code in both} == set(PHRASES["en"])
