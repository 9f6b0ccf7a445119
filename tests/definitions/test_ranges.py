"""Random expressions: every value lies in its proven range, and the nodes mean what the text says."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from dpinsights.definitions.expressions import parse
from dpinsights.definitions.places import Fault
from dpinsights.definitions.ranges import LIMIT
from dpinsights.definitions.typed import Typed, known
from dpinsights.model.expressions import RowColumn
from dpinsights.model.values import Key, ValueType
from tests.definitions.evaluating import both, compare, evaluate, invert

KEYS = (Key("red"), Key("green"), Key("blue"))
TYPES = {
    "x": ValueType("number", -500, 1000, True, Decimal("0.01"), "CNY"),
    "y": ValueType("number", 0, 50, False, Decimal("0.05"), "CNY"),
    "n": ValueType("number", -3, 7, True),
    "m": ValueType("number", 1, 4, False),
    "f": ValueType("boolean", 0, 1, True),
    "g": ValueType("boolean", 0, 1, False),
    "c": ValueType("category", 0, 2, True, keys=KEYS),
    "d": ValueType("date", 0, 20_000, True),
}
Row = dict[str, int | None]


def lookup(parts: tuple[str, ...]) -> Typed:
    return Typed(RowColumn("p.t", parts[0]), TYPES[parts[0]])


def rows() -> st.SearchStrategy[Row]:
    def column(kind: ValueType) -> st.SearchStrategy[int | None]:
        values = st.integers(kind.low, kind.high) | st.sampled_from([kind.low, kind.high])
        return values | st.none() if kind.nullable else values

    return st.fixed_dictionaries({name: column(kind) for name, kind in TYPES.items()})


@dataclass(frozen=True)
class Said:
    """A text, and what it means for a row: a number in its unit, or a truth value; computed without our nodes."""

    text: str
    means: object  # a function of a row

    def of(self, row: Row) -> Fraction | int | None:
        return self.means(row)  # type: ignore[operator, no-any-return]


def column(name: str) -> Said:
    step = Fraction(TYPES[name].step)
    return Said(name, lambda row: None if row[name] is None else row[name] * step)


def written(text: str) -> Said:
    return Said(text, lambda row: Fraction(text))


def computed(one: Said, operator: str, other: Said) -> Said:
    def means(row: Row) -> Fraction | None:
        left, right = one.of(row), other.of(row)
        if left is None or right is None:
            return None
        return Fraction(
            left + right if operator == "+" else left - right if operator == "-" else left * right
        )

    return Said(f"({one.text} {operator} {other.text})", means)


def coalesced(one: Said, other: Said) -> Said:
    return Said(
        f"coalesce({one.text}, {other.text})",
        lambda row: other.of(row) if one.of(row) is None else one.of(row),
    )


def chosen(test: Said, one: Said, other: Said) -> Said:
    return Said(
        f"case when {test.text} then {one.text} else {other.text} end",
        lambda row: one.of(row) if test.of(row) == 1 else other.of(row),
    )


def compared(one: Said, operator: str, other: Said) -> Said:
    def means(row: Row) -> int | None:
        left, right = one.of(row), other.of(row)
        return None if left is None or right is None else int(compare(operator, left, right))  # type: ignore[arg-type]

    return Said(f"{one.text} {operator} {other.text}", means)


def joined(word: str, parts: list[Said]) -> Said:
    def means(row: Row) -> int | None:
        truths = [part.of(row) for part in parts]
        if word == "and":
            return both(truths)  # type: ignore[arg-type]
        return invert(both([invert(truth) for truth in truths]))  # type: ignore[arg-type]

    return Said("(" + f" {word} ".join(f"({part.text})" for part in parts) + ")", means)


def negated(part: Said) -> Said:
    return Said(f"not ({part.text})", lambda row: invert(part.of(row)))  # type: ignore[arg-type]


def missing(part: Said, word: str) -> Said:
    return Said(f"({part.text}) {word}", lambda row: int((part.of(row) is None) == (word == "is null")))


def between(part: Said, low: Said, high: Said) -> Said:
    whole = joined("and", [compared(part, ">=", low), compared(part, "<=", high)])
    return Said(f"{part.text} between {low.text} and {high.text}", whole.means)


def picked(keys: list[str]) -> Said:
    codes = [[key.key for key in KEYS].index(key) for key in keys]
    text = "c in (" + ", ".join(f"'{key}'" for key in keys) + ")"
    return Said(text, lambda row: None if row["c"] is None else int(row["c"] in codes))


LITERALS = st.sampled_from(["0", "1", "2.5", "0.005", "3.14", "1e-3", "7", "0.20"]).map(written)
COMPARATORS = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
TRUTHS = st.sampled_from([column("f"), column("g")])


def numbers(leaf: st.SearchStrategy[Said], tests: st.SearchStrategy[Said]) -> st.SearchStrategy[Said]:
    plain = st.sampled_from([column("n"), column("m")]) | LITERALS
    return st.recursive(
        leaf | LITERALS,
        lambda inner: (
            st.builds(computed, inner, st.sampled_from(["+", "-"]), inner)
            | st.builds(lambda one, other: computed(one, "*", other), inner, plain)
            | st.builds(coalesced, inner, inner)
            | st.builds(chosen, tests, inner, inner)
        ),
        max_leaves=5,
    )


AMOUNTS = numbers(st.sampled_from([column("x"), column("y")]), TRUTHS)
PLAIN = numbers(st.sampled_from([column("n"), column("m")]), TRUTHS)
CONDITIONS = st.recursive(
    TRUTHS
    | st.builds(compared, AMOUNTS, COMPARATORS, AMOUNTS)
    | st.builds(compared, PLAIN, COMPARATORS, PLAIN)
    | st.builds(between, PLAIN, LITERALS, LITERALS)
    | st.builds(missing, AMOUNTS, st.sampled_from(["is null", "is not null"]))
    | st.lists(st.sampled_from([key.key for key in KEYS]), min_size=1, max_size=3).map(picked),
    lambda inner: (
        st.builds(joined, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=3))
        | inner.map(negated)
        | st.builds(missing, inner, st.sampled_from(["is null", "is not null"]))
        | st.builds(coalesced, inner, TRUTHS)
        | st.builds(chosen, inner, inner, inner)
    ),
    max_leaves=6,
)


def check(said: Said, row: Row) -> None:
    try:
        value = parse(said.text, lookup)
    except Fault as fault:
        assert fault.code in ("unit-mismatch", "too-nested", "out-of-range"), (said.text, fault.message)
        return
    kind = known(value)
    assert -LIMIT < kind.low <= kind.high < LIMIT
    found = evaluate(value.node, row)
    if found is None:
        assert kind.nullable, said.text
    else:
        assert kind.low <= found <= kind.high, said.text
    meant = said.of(row)
    assert (None if found is None else found * Fraction(kind.step)) == meant, said.text


@settings(max_examples=400, deadline=None)
@given(said=AMOUNTS | PLAIN, row=rows())
def test_numbers(said: Said, row: Row) -> None:
    check(said, row)


@settings(max_examples=400, deadline=None)
@given(said=CONDITIONS, row=rows())
def test_conditions(said: Said, row: Row) -> None:
    check(said, row)


DATES = st.recursive(
    st.just("d") | st.dates().filter(lambda day: 1900 <= day.year <= 2199).map(lambda day: f"date '{day}'"),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from("+-"), st.sampled_from(["m", "30", "n"]))
        | st.builds(
            "date_trunc('{}', {})".format, st.sampled_from(["year", "quarter", "month", "week", "day"]), inner
        )
        | st.builds("coalesce({}, {})".format, inner, inner)
    ),
    max_leaves=3,
)
PARTS = st.builds("{}({})".format, st.sampled_from(["year", "quarter", "month", "day", "weekday"]), DATES)


@settings(max_examples=400, deadline=None)
@given(text=DATES | PARTS | st.builds("{} - {}".format, DATES, DATES), row=rows())
def test_dates(text: str, row: Row) -> None:
    value = parse(text, lookup)
    kind, found = known(value), evaluate(value.node, row)
    assert kind.nullable if found is None else kind.low <= found <= kind.high, text
