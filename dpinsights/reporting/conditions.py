"""A filter in words: what the small subset of SQL that definitions use says, in the reader's language.

What this little grammar does not cover (arithmetic, functions, case) is shown as it was written; the exact
text of every filter stands in the JSON release anyway.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from markupsafe import Markup, escape

from dpinsights.model.names import FrozenMap
from dpinsights.reporting.words import Words, visible

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(?P<sign><=|>=|<>|!=|=|<|>|\(|\)|,))"
)
_WORDS = frozenset({"and", "or", "not", "in", "between", "is", "null", "date", "true", "false"})
_DATED = {"<": "c_before", "<=": "c_until", ">": "c_after", ">=": "c_from"}
_SIGNS = {"<=": "c_<=", ">=": "c_>=", "<>": "c_<>", "!=": "c_<>", "=": "c_=", "<": "c_<", ">": "c_>"}
_DEEPEST = 20

Named = Mapping[str, FrozenMap[str, str]]


class _OtherwiseWrittenError(Exception):
    """The condition says more than this grammar knows."""


def condition_in_words(condition: str, names: Named, words: Words) -> Markup:
    """A filter as a clause.

    >>> names = {"online_spend": FrozenMap(en="Online spend", zh="线上消费")}
    >>> str(condition_in_words("online_spend > 0 and not holds_cd", names, Words("en")).unescape())
    '“Online spend” is more than 0 and not (“holds_cd” holds)'
    >>> str(condition_in_words("online_spend * 2 > 10", names, Words("en")).unescape())
    '<code>online_spend * 2 > 10</code>'
    """
    try:
        return _Reader(condition, names, words).all()
    except _OtherwiseWrittenError:
        return Markup("<code>{}</code>").format(visible(condition))


class _Reader:
    """A recursive descent over the tokens; each method returns the words of what it read."""

    def __init__(self, condition: str, names: Named, words: Words) -> None:
        self._names, self._words = names, words
        self._tokens: list[tuple[str, str]] = []
        place, end = 0, len(condition.rstrip())
        while place < end:
            found = _TOKEN.match(condition, place)
            if found is None:
                raise _OtherwiseWrittenError
            kind = found.lastgroup or ""
            text = found.group(kind)
            word = kind == "name" and text.lower() in _WORDS
            self._tokens.append(("word", text.lower()) if word else (kind, text))
            place = found.end()
        self._place = 0
        self._depth = 0

    def all(self) -> Markup:
        found = self._or()
        if self._place != len(self._tokens):
            raise _OtherwiseWrittenError
        return found

    def _next(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise _OtherwiseWrittenError
        self._place += 1
        return self._tokens[self._place - 1]

    def _take(self, *wanted: str) -> bool:
        ahead = [
            text
            for kind, text in self._tokens[self._place : self._place + len(wanted)]
            if kind in {"word", "sign"}
        ]
        if ahead == list(wanted):
            self._place += len(wanted)
            return True
        return False

    def _must(self, wanted: str) -> None:
        if not self._take(wanted):
            raise _OtherwiseWrittenError

    def _or(self) -> Markup:
        found = self._and(alone=True)
        if self._take("or"):
            self._place -= 1
            # An `and` beside an `or` gets parentheses: a sentence has no precedence.
            while self._take("or"):
                found = self._words.say("c_or", left=found, right=self._and(alone=False))
        return found

    def _and(self, *, alone: bool) -> Markup:
        parts = [self._not()]
        while self._take("and"):
            parts.append(self._not())
        found = parts[0]
        for part in parts[1:]:
            found = self._words.say("c_and", left=found, right=part)
        beside_or = not alone or self._tokens[self._place : self._place + 1] == [("word", "or")]
        return self._words.say("c_nested", inner=found) if len(parts) > 1 and beside_or else found

    def _not(self) -> Markup:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _OtherwiseWrittenError
        if self._take("not"):
            found = self._words.say("c_not", inner=self._not())
        elif self._take("("):
            found = self._words.say("c_nested", inner=self._or())
            self._must(")")
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> Markup:
        say = self._words.say
        kind, name = self._next()
        if kind != "name":
            raise _OtherwiseWrittenError
        shown = self._name(name)
        if self._take("is", "not", "null"):
            return say("c_not_null", name=shown)
        if self._take("is", "null"):
            return say("c_null", name=shown)
        if self._take("between"):
            low = self._value(name)
            self._must("and")
            return say("c_between", name=shown, low=low, high=self._value(name))
        negated = self._take("not", "in")
        if negated or self._take("in"):
            return say("c_not_in" if negated else "c_in", name=shown, values=self._list(name))
        for sign in _SIGNS:
            if self._take(sign):
                dated = self._tokens[self._place : self._place + 1] == [("word", "date")]
                key = _DATED.get(sign, _SIGNS[sign]) if dated else _SIGNS[sign]
                return say(key, name=shown, value=self._value(name))
        return say("c_true", name=shown)

    def _list(self, name: str) -> Markup:
        self._must("(")
        values = [self._value(name)]
        while self._take(","):
            values.append(self._value(name))
        self._must(")")
        return self._words.say("c_list").join(values)

    def _value(self, name: str) -> Markup:
        kind, text = self._next()
        if kind == "number":
            return escape(self._words.number(Decimal(text)))
        if kind == "text":
            key = text[1:-1].replace("''", "'")
            return self._words.say("c_text", text=self._words.name(self._names.get(f"{name}={key}"), key))
        if (kind, text) == ("word", "date"):
            kind, text = self._next()
            try:
                return escape(self._words.day(date.fromisoformat(text.strip("'"))))
            except ValueError:
                raise _OtherwiseWrittenError from None
        if kind == "name":
            return self._words.say("c_other_name", name=self._name(text))
        raise _OtherwiseWrittenError

    def _name(self, name: str) -> str:
        return self._words.name(self._names.get(name), name)
