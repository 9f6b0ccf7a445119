"""Expressions: what is understood, what is refused, and that equal meanings are equal nodes."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from dpinsights.definitions.expressions import names_in, parse
from dpinsights.definitions.features import Features
from dpinsights.definitions.loading import load_checked
from dpinsights.definitions.places import Fault
from dpinsights.definitions.python import period
from dpinsights.definitions.typed import Typed, known
from dpinsights.model.expressions import (
    And,
    Arithmetic,
    Case,
    Coalesce,
    Compare,
    Constant,
    CustomerColumn,
    DatePart,
    DateTrunc,
    In,
    IsNull,
    Node,
    Not,
    RowColumn,
)
from dpinsights.model.values import ValueType

CHECKED = load_checked(Path(__file__).parent / "good" / "contract.yaml")
FEATURES = Features(CHECKED.contract, period("2017-10-01", "2018-01-01"))

X = Typed(RowColumn("p.t", "x"), ValueType("number", 0, 1000, True, Decimal("0.01"), "CNY"))
Y = Typed(RowColumn("p.t", "y"), ValueType("number", 0, 50, False, Decimal("0.05"), "CNY"))
N = Typed(RowColumn("p.t", "n"), ValueType("number", -3, 7, True))
D = Typed(RowColumn("p.t", "d"), ValueType("date", 0, 20_000, True))
T = Typed(RowColumn("p.t", "t"), ValueType("timestamp", 0, 10**9, True))
F = Typed(RowColumn("p.t", "f"), ValueType("boolean", 0, 1, True))
G = Typed(RowColumn("p.t", "g"), ValueType("boolean", 0, 1, False))
NAMES = {"x": X, "y": Y, "n": N, "d": D, "t": T, "f": F, "g": G}


def lookup(parts: tuple[str, ...]) -> Typed:
    if ".".join(parts) not in NAMES:
        raise Fault("unknown-name", f"no {parts}")
    return NAMES[".".join(parts)]


def node(text: str) -> Node:
    return parse(text, lookup).node


def fault(text: str) -> Fault:
    with pytest.raises(Fault) as caught:
        parse(text, lookup)
    return caught.value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x > 1 and n < 3", "n < 3 and x > 1"),
        ("x > 1 and (n < 3 and f)", "(f and x > 1) and n < 3"),
        ("x > 1 or n < 3", "n < 3 or (x > 1.00)"),
        ("1 < x", "x > 1"),
        ("not (x > 1)", "x <= 1"),
        ("x between 1 and 2", "x <= 2 and x >= 1"),
        ("x not between 1 and 2", "not (x >= 1 and x <= 2)"),
        ("n in (1)", "n = 1"),
        ("n in (2, 1, 2)", "n in (1, 2)"),
        ("n not in (1)", "n <> 1"),
        ("n != 1", "n <> 1"),
        ("f = true", "f"),
        ("f = false", "not f"),
        ("true = f", "f"),
        ("not not f", "f"),
        ("f <> true", "not f"),
        ("x = y", "y = x"),
        ("n + 2", "2 + n"),
        ("n + 0", "n"),
        ("n * 1", "n"),
        ("x = 1e0", "x = 1.000"),
        ("g is not null", "true"),
        ("g is null", "false"),
        ("f and true", "f"),
        ("f and f", "f"),
        ("f or true", "true"),
        ("f and 1 > 2", "false"),
        ("coalesce(g, f)", "g"),
        ("if(f, 1, 2)", "case when f then 1 else 2 end"),
        ("case n when 1 then 2 else 3 end", "case when n = 1 then 2 else 3 end"),
        ("case when f then n else n end", "n"),
        ("case when true then n else 3 end", "n"),
        ("year(d)", "extract(year from d)"),
        ("weekday(d)", "extract(isodow from d)"),
        ("date_part('month', d)", "month(d)"),
        ("date_trunc('day', d)", "d"),
        ("d >= date '2017-10-01'", "date '2017-10-01' <= d"),
        ("t >= date '2000-10-01'", "t >= timestamp '2000-10-01 00:00'"),
        ("-(-3)", "3"),
        ("f is true", "coalesce(f, false)"),
    ],
)
def test_equal_meanings_are_equal_nodes(one: str, other: str) -> None:
    assert node(one) == node(other)


def test_nodes() -> None:
    x, y, n, d = X.node, Y.node, N.node, D.node
    assert node("x > 1.5") == Compare(">", x, Constant(150))
    assert known(parse("x + y", lookup)) == ValueType("number", 0, 1250, True, Decimal("0.01"), "CNY")
    assert known(parse("x - y", lookup)).low == -250
    assert known(parse("x * n", lookup)) == ValueType("number", -3000, 7000, True, Decimal("0.01"), "CNY")
    assert known(parse("x + 5", lookup)).unit == "CNY"
    assert node("n in (3, 1)") == In(n, (1, 3))
    assert node("x is null") == IsNull(x)
    assert node("x is not null") == Not(IsNull(x))
    assert node("coalesce(n, 0)") == Coalesce((n, Constant(0)))
    assert not known(parse("coalesce(n, 0)", lookup)).nullable
    assert node("case when f then n end") == Case(((F.node, n),), Constant(None))
    assert known(parse("case when g then 1 end", lookup)).nullable
    assert node("quarter(t)") == DatePart("quarter", T.node, True)
    assert node("date_trunc('month', d)") == DateTrunc("month", d, False)
    assert known(parse("d - date '1970-01-11'", lookup)) == ValueType("number", -10, 19_990, True)
    assert known(parse("d + 30", lookup)).kind == "date"
    assert y != x


def test_a_finer_literal_scales_both_sides() -> None:
    # 0.005 CNY is half a step: x > 0.005 must not become x > 0.01 or x > 0.
    found = node("x > 0.005")
    assert isinstance(found, Compare)
    assert found.left in (Arithmetic("*", Constant(10), X.node), Arithmetic("*", X.node, Constant(10)))
    assert found.right == Constant(5)


def test_flat_chains_are_one_level() -> None:
    wide = " or ".join(f"n = {number % 7}" for number in range(200))
    assert len(node(wide).parts) == 7  # type: ignore[union-attr]
    assert known(parse(" + ".join(["n"] * 150), lookup)).high == 150 * 7


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sum(x) > 1", "aggregate"),
        ("max(x) > 1", "aggregate"),
        ("count(*) > 1", "aggregate"),
        ("exists (select 1)", "subquery"),
        ("select 1", "subquery"),
        ("n in (select 1)", "subquery"),
        ("cast(x as integer) = 1", "cast"),
        ("try_cast(x as integer) = 1", "cast"),
        ("x::integer = 1", "cast"),
        ("date(x) = 1", "unknown-function"),
        ("x / 2 > 1", "division"),
        ("x // 2 > 1", "division"),
        ("n % 2 = 1", "division"),
        ("now() > t", "not-deterministic"),
        ("current_timestamp > t", "not-deterministic"),
        ("today() > d", "not-deterministic"),
        ("random() > 1", "not-deterministic"),
        ("uuid() = 1", "not-deterministic"),
        ("current_user = 1", "not-deterministic"),
        ("'a' like 'b'", "pattern"),
        ("f ilike 'b'", "pattern"),
        ("f similar to 'b'", "pattern"),
        ("f glob 'b'", "pattern"),
        ("regexp_matches(f, 'b')", "pattern"),
        ("n > ?", "parameter"),
        ("n > $1", "parameter"),
        ("n > :a", "parameter"),
        ("* > 1", "star"),
        ("row_number() over () > 1", "window"),
        ("f || 'a'", "text-arithmetic"),
        ("least(n, 1)", "unknown-function"),
        ("read_csv('/etc/passwd')", "unknown-function"),
        ("java_method('java.lang.System', 'getenv')", "unknown-function"),
        ("getenv('HOME')", "unknown-function"),
        ("n ** 2", "unknown-function"),
        ("x; drop table y", "expression-syntax"),
        ("x > 1) or (x < 2", "expression-syntax"),
        ("(x > 1", "expression-syntax"),
        ("x >", "expression-syntax"),
        ("x > 1 -- and f", "comment"),
        ("x > 1 /* and f */", "comment"),
        ("x > 1 as", "expression-syntax"),
        (", x > 1", "expression-syntax"),
        ("coalesce(, x) > 1", "expression-syntax"),
        ("n in (1, )", "expression-syntax"),
        ("! f", "expression-syntax"),
        ("n = 1_000", "expression-syntax"),
        ("", "empty-expression"),
        ("   ", "empty-expression"),
        ("'it", "expression-syntax"),
        ("x y", "unsupported-expression"),
        ("x as y", "unsupported-expression"),
        ("x, y", "unsupported-expression"),
        ("[x]", "unknown-function"),
        ("{'a': x}", "unknown-function"),
        ("x -> x + 1", "unknown-function"),
        ("d + interval 1 day", "unsupported-expression"),
        ("x is distinct from y", "unsupported-expression"),
        ("x = null", "null-alone"),
        ("null", "null-alone"),
        ("n in (1, null)", "null-alone"),
        ("n in (1, n)", "not-a-literal"),
        ("n in ()", "empty-list"),
        ("'text'", "text-alone"),
        ("'a' = 'b'", "text-alone"),
        ("x = 'a'", "wrong-type"),
        ("d = '2017-01-01'", "wrong-type"),
        ("d > 5", "wrong-type"),
        ("f + 1", "wrong-type"),
        ("x > d", "wrong-type"),
        ("x + n", "unit-mismatch"),
        ("x > n", "unit-mismatch"),
        ("x * y", "unit-mismatch"),
        ("f > g", "not-ordered"),
        ("n and f", "not-a-condition"),
        ("not n", "not-a-condition"),
        ("case when n then 1 end", "not-a-condition"),
        ("case when f then 1 else d end", "wrong-type"),
        ("hour(d)", "wrong-type"),
        ("year(n)", "wrong-type"),
        ("extract(epoch from d)", "unknown-function"),
        ("date_trunc('decade', d)", "unknown-function"),
        ("date '2017-13-01' = d", "bad-date"),
        ("date '1800-01-01' = d", "bad-date"),
        ("timestamp '2017-01-01T10:00+08:00' = t", "bad-date"),
        ("d + 0.5 = d", "wrong-type"),
        ("d + 200000 = d", "out-of-range"),
        ("x * 1000000000000000000 > 1", "out-of-range"),
        ("n > 1e99", "out-of-range"),
        ("n = 0x10", "unsupported-expression"),
        ("q = 1", "unknown-name"),
        ("a.b.c.d.e = 1", "unsupported-expression"),
        ("a.b.c.d = 1", "unknown-name"),
        ("(" * 25 + "n" + ")" * 25, "too-nested"),
        ("-" + "(-" * 19 + "n" + ")" * 19, "too-nested"),
        ("case when " * 150 + "f" + " then f end" * 150, "too-nested"),
        ("n = " + "1" * 4000, "too-long"),
    ],
)
def test_refused(text: str, code: str) -> None:
    assert fault(text).code == code, fault(text).message


def test_every_refusal_has_words() -> None:
    assert "'x / 2'" not in fault("x / 2").message
    assert fault("x / 2").hint == "write a share as a later measure, a mean"


def test_names_of_the_contract() -> None:
    value = parse("icbc.customers.province <> '西藏' and online_spend > 0", FEATURES.lookup)
    assert isinstance(value.node, And)
    assert Compare("<>", CustomerColumn("icbc.customers", "province"), Constant(2)) in value.node.parts


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        ("icbc.customers.provnce = '北京'", "unknown-column", "icbc.customers.province"),
        ("icbc.custmers.province = '北京'", "unknown-table", "icbc.customers"),
        ("icbcc.customers.province = '北京'", "unknown-party", "icbc.customers.province"),
        ("jd.customers.province = '北京'", "unknown-table", "jd.orders"),
        ("icbc.customers.amount > 1", "unknown-column", "jd.orders.amount"),
        ("province = '北京'", "short-name", "icbc.customers.province"),
        ("customers.province = '北京'", "short-name", "icbc.customers.province"),
        ("icbc.customers.wealth_tier = 'afluent'", "unknown-key", "'affluent'"),
        ("online_spent > 1", "unknown-name", "online_spend"),
        ('icbc.customers.wealth_tier = "mass"', "unknown-name", "'mass' in single quotes, if it is a key"),
    ],
)
def test_wrong_names_come_with_the_right_one(text: str, code: str, hint: str) -> None:
    with pytest.raises(Fault) as caught:
        parse(text, FEATURES.lookup)
    assert (caught.value.code, caught.value.hint) == (code, hint)


def test_names_have_their_place() -> None:
    text = "a.b.c = '西藏 a' and d > 0"
    assert [text[name.start : name.end] for name in names_in(text)] == ["a.b.c", "d"]
