"""Small makers of sqlglot trees, so that the rest of the room reads like SQL.

A tree is made in DuckDB's terms and rendered for an engine's dialect at its door. No text from a definition or a
source becomes SQL except as a quoted identifier or a string literal made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlglot import exp

Sql = exp.Expr
"""Any node of a sqlglot tree."""


def column(name: str, table: str | None = None) -> Sql:
    """A quoted column."""
    return exp.column(name, table, quoted=True)


def table(name: str, alias: str | None = None) -> exp.Table:
    """A quoted table."""
    made = (
        exp.to_table(f'"{name}"') if '"' not in name else exp.Table(this=exp.to_identifier(name, quoted=True))
    )
    if alias:
        made.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    return made


def number(value: int | None) -> Sql:
    """A whole number, or null, as a 64-bit integer."""
    if value is None:
        return cast(exp.null(), "BIGINT")
    literal = exp.Literal.number(abs(value))
    return (
        cast(exp.Neg(this=literal) if value < 0 else literal, "BIGINT")
        if abs(value) < 2**31
        else cast(exp.Literal.string(str(value)), "BIGINT")
    )


def text(value: str) -> Sql:
    """A string literal."""
    return exp.Literal.string(value)


def call(name: str, *arguments: Sql) -> Sql:
    """A function of the engine, by its name."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def cast(value: Sql, kind: str) -> Sql:
    """A cast that can't fail for the values it is given."""
    return exp.Cast(this=value.copy(), to=exp.DataType.build(kind, dialect="duckdb"))


def try_cast(value: Sql, kind: str) -> Sql:
    """A cast that gives null where it would fail."""
    return exp.TryCast(this=value.copy(), to=exp.DataType.build(kind, dialect="duckdb"))


def case(branches: Iterable[tuple[Sql, Sql]], otherwise: Sql | None = None) -> Sql:
    """CASE WHEN ... THEN ... ELSE ... END."""
    made = exp.Case(ifs=[exp.If(this=when.copy(), true=then.copy()) for when, then in branches])
    made.set("default", (otherwise or exp.null()).copy())
    return made


def binary(kind: type[exp.Binary], left: Sql, right: Sql) -> Sql:
    """A parenthesized operator."""
    return exp.Paren(this=kind(this=left.copy(), expression=right.copy()))


def is_null(value: Sql) -> Sql:
    """value IS NULL."""
    return exp.Paren(this=exp.Is(this=value.copy(), expression=exp.null()))


def not_null(value: Sql) -> Sql:
    """value IS NOT NULL."""
    return exp.Paren(this=exp.Not(this=exp.Is(this=value.copy(), expression=exp.null())))


def among(value: Sql, values: Sequence[Sql]) -> Sql:
    """value IN (...)."""
    return exp.Paren(this=exp.In(this=value.copy(), expressions=[item.copy() for item in values]))


def every(conditions: Iterable[Sql | None]) -> Sql | None:
    """All conditions together."""
    given = [condition for condition in conditions if condition is not None]
    return exp.and_(*given) if given else None


def clamped(value: Sql, low: Sql, high: Sql) -> Sql:
    """The nearest value within [low, high]; null stays null, which `least` and `greatest` would turn into a bound.

    It is compared, which is fast; what holds a case already is written twice and not four times, as clamps nest.
    """
    if value.find(exp.Case):
        return case([(not_null(value), call("least", call("greatest", value, low), high))])
    inside = exp.Between(this=value.copy(), low=low.copy(), high=high.copy())
    return case([(inside, value), (binary(exp.LT, value, low), low), (binary(exp.GT, value, high), high)])


def half_even(value: Sql, divisor: Sql) -> Sql:
    """A whole number divided by a positive one and rounded half to even, in whole numbers; null stays null."""
    size = call("abs", value)
    quotient, rest = binary(exp.IntDiv, size, divisor), binary(exp.Mod, size, divisor)
    # Twice the rest is above the divisor, or equal to it and the quotient odd.
    twice = binary(exp.Add, binary(exp.Mul, rest, number(2)), binary(exp.Mod, quotient, number(2)))
    up = case([(binary(exp.GT, twice, divisor), number(1))], number(0))
    return binary(exp.Mul, call("sign", value), binary(exp.Add, quotient, up))


def numbered(partition: Sequence[Sql], order: Sequence[Sql]) -> Sql:
    """row_number() over (partition by ... order by ... nulls first)."""
    ordered = [exp.Ordered(this=item.copy(), desc=False, nulls_first=True) for item in order]
    return exp.Window(
        this=exp.RowNumber(),
        partition_by=[item.copy() for item in partition],
        order=exp.Order(expressions=ordered) if ordered else None,
    )


def joined(parts: Sequence[Sql], separator: str) -> Sql:
    """Texts one after the other; a null part is nothing."""
    pieces: list[Sql] = []
    for part in parts:
        if pieces:
            pieces.append(text(separator))
        pieces.append(part)
    return call("concat", *pieces)
