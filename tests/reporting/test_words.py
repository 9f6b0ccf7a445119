"""The phrases: the same keys and parts in every language, none unused, none missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dpinsights.reporting
from dpinsights.errors import InternalError
from dpinsights.model.names import FrozenMap
from dpinsights.reporting.conditions import condition_in_words
from dpinsights.reporting.phrases import PHRASES
from dpinsights.reporting.words import Words

ROOM = Path(dpinsights.reporting.__file__).parent


def _texts(key: str, language: str) -> list[str]:
    phrase = PHRASES[language][key]
    return [phrase] if isinstance(phrase, str) else list(phrase.values())


def test_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(PHRASES["en"]) == list(PHRASES["zh"])


@pytest.mark.parametrize("key", PHRASES["en"])
def test_phrases_have_the_same_parts(key: str) -> None:
    parts = [{*re.findall(r"{(\w+)}", text)} for language in PHRASES for text in _texts(key, language)]
    # A plural form may leave its number out, `one group`; no other part may be missing.
    assert all(part | {"n"} == parts[0] | {"n"} for part in parts)
    assert all(
        text.strip() and not re.search(r"{\W|{}", text)
        for language in PHRASES
        for text in _texts(key, language)
    )


def test_chinese_phrases_are_chinese() -> None:
    allowed = {"L2", "CNY", "map", "Benjamini", "Hochberg"}
    for key in PHRASES["zh"]:
        for text in _texts(key, "zh"):
            words = set(re.findall(r"[A-Za-z]{2,}", re.sub(r"{\w+}|1e-12", "", text)))
            assert words <= allowed, key


def test_templates_hold_no_language() -> None:
    for path in (ROOM / "templates").glob("*.html"):
        text = re.sub(r"{#.*?#}|{%.*?%}|{{.*?}}", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"<[^>]*>", " ", text)
        assert not re.findall(r"[A-Za-z\u4e00-\u9fff]{2,}", text), path.name


def test_every_phrase_is_used() -> None:
    source = "".join(
        p.read_text(encoding="utf-8") for p in [*ROOM.glob("*.py"), *ROOM.glob("templates/*.html")]
    )
    made = (
        "est_",
        "c_",
        "people_",
        "flag_",
        "method_",
        "role_",
        "mechanism_",
        "unit_",
        "scale_",
        "receipt_",
        "origin_",
        "bounds_",
        "spending_",
        "processing_",
        "unprotected_",
        "reading_",
        "account_map_",
        "part_",
        "compared_",
        "axis_",
        "test_",
        "verdict_",
        "note_",
        "term_",
        "signed_",
        "amendment_each_",
    )
    unused = [
        key
        for key in PHRASES["en"]
        if not re.search(rf"\b{re.escape(key)}\b", source) and not key.startswith(made)
    ]
    assert unused == []


def test_missing_phrases_and_parts_are_bugs() -> None:
    with pytest.raises(InternalError):
        Words("en").say("no such phrase")
    with pytest.raises(InternalError):
        Words("en").say("dates", first="x")


NAMES: FrozenMap[str, FrozenMap[str, str]] = FrozenMap(
    {"spend": FrozenMap(en="Spend", zh="消费"), "kind=a": FrozenMap(en="Apples", zh="苹果")}
)


@pytest.mark.parametrize(
    ("condition", "english", "chinese"),
    [
        ("spend > 0", "“Spend” is more than 0", "“消费”大于0"),
        ("kind <> 'a'", "“kind” is not “Apples”", "“kind”不为“苹果”"),
        ("kind in ('a', 'b''c')", "“kind” is one of “Apples”, “b'c”", "“kind”为“苹果”、“b'c”之一"),
        ("spend between 1 and 20000.50", "“Spend” is between 1 and 20,000.5", "“消费”介于1与20,000.5之间"),
        ("a and b or c", "(“a” holds and “b” holds) or “c” holds", "（符合“a”，且符合“b”），或符合“c”"),
        ("c or a and b", "“c” holds or (“a” holds and “b” holds)", "符合“c”，或（符合“a”，且符合“b”）"),
        ("not a", "not (“a” holds)", "并非（符合“a”）"),
        ("d >= date '2017-10-01'", "“d” is on or after 1 October 2017", "“d”不早于2017年10月1日"),
        ("d is not null", "“d” is known", "“d”已知"),
        ("a <= b", "“a” is at most “b”", "“a”不超过“b”"),
        ("a + 1 > 2", "<code>a + 1 > 2</code>", "<code>a + 1 > 2</code>"),
        ("coalesce(a, 1) = 1", "<code>coalesce(a, 1) = 1</code>", "<code>coalesce(a, 1) = 1</code>"),
        ("a = 'x' trailing", "<code>a = 'x' trailing</code>", "<code>a = 'x' trailing</code>"),
        ("d > date '2017-13-01'", "<code>d > date '2017-13-01'</code>", "<code>d > date '2017-13-01'</code>"),
        ("not " * 30 + "a", f"<code>{'not ' * 30}a</code>", f"<code>{'not ' * 30}a</code>"),
    ],
)
def test_conditions_in_words(condition: str, english: str, chinese: str) -> None:
    assert condition_in_words(condition, NAMES, Words("en")).unescape() == english
    assert condition_in_words(condition, NAMES, Words("zh")).unescape() == chinese


def test_conditions_are_escaped() -> None:
    assert "<b>" not in condition_in_words("a = '<b>'", {}, Words("en"))
    assert "<b>" not in condition_in_words("<b>", {}, Words("en"))
