"""Expressions: from text to our own nodes, through a whitelist. The only place here that knows sqlglot.

sqlglot reads the text; what it understood is walked node by node, and every kind of node that is not listed here is
refused. Nothing of sqlglot's reaches a digest.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from dpinsights.definitions import building as build
from dpinsights.definitions import dates, typed
from dpinsights.definitions.places import Fault
from dpinsights.definitions.refusals import refusal
from dpinsights.definitions.typed import Typed
from dpinsights.model.expressions import Comparator, Constant, Operator

LONGEST = 4_000
"""Characters that an expression may have."""

DEEPEST = 20
"""Levels of nesting that an expression may have."""

Lookup = Callable[[tuple[str, ...]], Typed]
"""Finds the value that a name means; raises `Fault` if there is none."""

_COMPARATORS: dict[type[exp.Expr], Comparator] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=",
}  # fmt: skip
_OPERATORS: dict[type[exp.Expr], Operator] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
_CALLS = {
    exp.Year: "year", exp.Quarter: "quarter", exp.Month: "month", exp.Day: "day", exp.DayOfMonth: "day",
    exp.DayOfWeekIso: "weekday", exp.Hour: "hour",
}  # fmt: skip


def parse(text: str, lookup: Lookup) -> Typed:
    """An expression's node and type.

    Args:
        text: the expression as written.
        lookup: finds the values that names mean.

    Raises:
        Fault: with its own code for everything that is not of the language, not declared, or not of the right type.

    >>> from dpinsights.model.expressions import RowColumn
    >>> from dpinsights.model.values import ValueType
    >>> amount = Typed(RowColumn("p.t", "x"), ValueType("number", 0, 500, True, Decimal("0.01")))
    >>> parse("p.t.x > 1.5", lambda name: amount).node
    Compare(operator='>', left=RowColumn(table='p.t', column='x'), right=Constant(value=150))
    """
    value = _convert(_tree(text), lookup, 1)
    typed.known(value)
    return value


@dataclass(frozen=True)
class NameAt:
    """A name in an expression's text: its parts, and where it begins and ends."""

    parts: tuple[str, ...]
    start: int
    end: int


def names_in(text: str) -> tuple[NameAt, ...]:
    """The names in an expression, in the order of the text.

    >>> [(name.parts, text[name.start:name.end]) for text in ["a.b > 1 and c"] for name in names_in(text)]
    [(('a', 'b'), 'a.b'), (('c',), 'c')]
    """
    found = []
    for column in _tree(text).find_all(exp.Column):
        parts = column.parts
        first, last = parts[0].meta, parts[-1].meta
        if "start" in first and "end" in last:
            name = tuple(part.name for part in parts)
            found.append(NameAt(name, first["start"] - 1, last["end"]))
    return tuple(sorted(found, key=lambda name: name.start))


def is_plain_name(name: str) -> bool:
    """Whether an expression can hold a name, of one part or several, as it is.

    >>> is_plain_name("online_spend"), is_plain_name("case"), is_plain_name("a.b.order")
    (True, False, True)
    """
    try:
        tree = _tree(f"{name} = 1")
    except Fault:
        return False
    if not isinstance(tree, exp.EQ) or not isinstance(tree.this, exp.Column):
        return False
    return ".".join(part.name for part in tree.this.parts) == name


def _tree(text: str) -> exp.Expr:
    if len(text) > LONGEST:
        raise Fault("too-long", f"an expression has at most {LONGEST:,} characters, this one {len(text):,}")
    if not text.strip():
        raise Fault("empty-expression", "expected an expression")
    try:
        _check_tokens(text)
        # In parentheses a text can only be an expression, never a statement.
        tree = sqlglot.parse_one(f"({text}\n)", dialect="duckdb")
    except SqlglotError as error:
        raise Fault("expression-syntax", f"not a valid expression{_position(error)}") from None
    except RecursionError:
        raise Fault("too-nested", f"an expression has at most {DEEPEST} levels") from None
    if isinstance(tree, exp.Subquery):
        raise _refusal(tree)
    if not isinstance(tree, exp.Paren):
        raise Fault("unsupported-expression", "expected one condition or one value")
    inner = tree.this
    assert isinstance(inner, exp.Expr)
    return inner


_OPENING = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
_CLOSING = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)


def _check_tokens(text: str) -> None:
    """Refuse what sqlglot reads too kindly: comments, stray commas and names, unbalanced brackets, deep nesting."""
    depth, before = 0, TokenType.L_PAREN
    for token in sqlglot.tokenize(text, read="duckdb"):
        kind, written = token.token_type, text[token.start : token.end + 1]
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if token.comments:
            # YAML may fold lines into one, and then a comment would swallow the rest of the condition.
            raise Fault("comment", "no comments inside an expression", "a comment of YAML, # ...")
        if kind == TokenType.PARAMETER:
            raise Fault("parameter", "no parameters: write the value")
        stray = kind == TokenType.COMMA and before in (*_OPENING, TokenType.COMMA)
        stray = stray or (before == TokenType.COMMA and kind in _CLOSING) or written == "!"
        if stray or kind == TokenType.SEMICOLON or (kind == TokenType.NUMBER and "_" in written):
            raise Fault("expression-syntax", f"'{written}' can't stand here")
        if depth < 0:
            raise Fault("expression-syntax", "a closing bracket without an opening one")
        if depth > DEEPEST:
            raise Fault("too-nested", f"an expression has at most {DEEPEST} levels of brackets")
        before = kind
    if depth:
        raise Fault("expression-syntax", "an opening bracket without a closing one")
    if before in (TokenType.ALIAS, TokenType.COMMA):
        raise Fault("expression-syntax", "the expression is not complete")


def _position(error: SqlglotError) -> str:
    details = getattr(error, "errors", None)
    column = details[0].get("col") if details else None
    return f" near its character {column}" if isinstance(column, int) and column > 1 else ""


_ARGUMENTS: dict[type[exp.Expr], set[str]] = {
    exp.Column: {"this", "table", "db", "catalog"},
    exp.In: {"this", "expressions"},
    exp.Between: {"this", "low", "high"},
    exp.Case: {"this", "ifs", "default"},
    exp.If: {"this", "true", "false"},
    exp.Coalesce: {"this", "expressions"},
    exp.Extract: {"this", "expression"},
    exp.TimestampTrunc: {"this", "unit"},
    exp.DateTrunc: {"this", "unit"},
    exp.Literal: {"this", "is_string"},
    exp.Boolean: {"this"},
    exp.Null: set(),
}
_TWO = {"this", "expression"}
_IGNORED = {"typed", "safe", "is_null", "zone", "input_type_preserved", "unabbreviate"}


def _convert(tree: exp.Expr, lookup: Lookup, depth: int) -> Typed:
    """One node of sqlglot's tree as ours; `depth` counts levels, a chain of one operator as one."""
    if depth > DEEPEST:
        raise Fault("too-nested", f"an expression has at most {DEEPEST} levels")
    kind = type(tree)

    def inner(part: object) -> Typed:
        if not isinstance(part, exp.Expr):
            raise Fault("unsupported-expression", "an operand is missing")
        return _convert(part, lookup, depth + 1)

    _check_arguments(tree)
    match tree:
        case exp.Paren():
            return _convert(tree.this, lookup, depth)
        case exp.Column():
            return lookup(tuple(part.name for part in tree.parts))
        case exp.Literal():
            return typed.text(tree.this) if tree.is_string else typed.number(_number(tree.this))
        case exp.Boolean():
            return Typed(build.TRUE if tree.this else build.FALSE, typed.BOOLEAN)
        case exp.Null():
            return typed.NULL
        case exp.And() | exp.Or():
            parts = [typed.truth(inner(part)) for part in tree.flatten()]
            joined = build.all_of if isinstance(tree, exp.And) else build.any_of
            return typed.condition(joined([part.node for part in parts]), *parts)
        case exp.Not():
            part = typed.truth(inner(tree.this))
            return typed.condition(build.negated(part.node), part)
        case exp.Neg():
            return typed.compute("*", inner(tree.this), typed.number(Decimal(-1)))
        case exp.Is():
            return _is(tree, inner)
        case exp.In():
            return typed.among(inner(tree.this), [inner(part) for part in tree.expressions])
        case exp.Between():
            part = inner(tree.this)
            low, high = (
                typed.compare(">=", part, inner(tree.args["low"])),
                typed.compare("<=", part, inner(tree.args["high"])),
            )
            return typed.condition(build.all_of([low.node, high.node]), low, high)
        case exp.Case() | exp.If():
            return _case(tree, inner)
        case exp.Coalesce():
            return typed.coalesce([inner(tree.this), *(inner(part) for part in tree.expressions)])
        case exp.Cast() if type(tree) is exp.Cast:
            return _written_date(tree)
        case exp.Extract():
            return dates.part(str(tree.this.name).lower(), inner(tree.expression))
        case exp.TimestampTrunc() | exp.DateTrunc():
            return dates.trunc(str(tree.args["unit"].name).lower(), inner(tree.this))
        case exp.Anonymous() if str(tree.this).lower() in ("weekday", "date_part"):
            return _call(tree, inner)
    if kind in _COMPARATORS:
        return typed.compare(_COMPARATORS[kind], inner(tree.this), inner(tree.expression))
    if kind in _OPERATORS:
        return _arithmetic(tree, inner)
    if kind in _CALLS:
        return dates.part(_CALLS[kind], inner(tree.this))
    raise _refusal(tree)


Inner = Callable[[object], Typed]


def _arithmetic(tree: exp.Expr, inner: Inner) -> Typed:
    """A chain of + - * as one level: `a + b - c`."""
    pending: list[tuple[Operator, exp.Expr]] = []
    left = tree
    while type(left) in _OPERATORS:
        _check_arguments(left)
        pending.append((_OPERATORS[type(left)], left.expression))
        left = left.this
    value = inner(left)
    for operator, right in reversed(pending):
        value = typed.compute(operator, value, inner(right))
    return value


def _is(tree: exp.Expr, inner: Inner) -> Typed:
    part, asked = inner(tree.this), tree.expression
    if isinstance(asked, exp.Null):
        kind = typed.known(part)
        return Typed(build.is_null(part.node, nullable=kind.nullable), typed.BOOLEAN)
    if isinstance(asked, exp.Boolean):
        part = typed.truth(part)
        node = part.node if asked.this else build.negated(part.node)
        return typed.coalesce([Typed(node, part.type), Typed(Constant(0), typed.BOOLEAN)])
    raise Fault("unsupported-expression", "is takes null, true or false")


def _case(tree: exp.Expr, inner: Inner) -> Typed:
    if isinstance(tree, exp.If):
        branches, default = [tree], tree.args.get("false")
    else:
        branches, default = tree.args["ifs"], tree.args.get("default")
    subject = inner(tree.this) if isinstance(tree, exp.Case) and tree.this is not None else None
    pairs = []
    for branch in branches:
        test = inner(branch.this)
        test = typed.truth(test) if subject is None else typed.compare("=", subject, test)
        pairs.append((test, inner(branch.args["true"])))
    return typed.case(pairs, inner(default) if default is not None else typed.NULL)


def _call(tree: exp.Expr, inner: Inner) -> Typed:
    arguments = tree.expressions
    if str(tree.this).lower() == "weekday" and len(arguments) == 1:
        return dates.part("weekday", inner(arguments[0]))
    if len(arguments) == 2 and isinstance(arguments[0], exp.Literal) and arguments[0].is_string:
        return dates.part(str(arguments[0].this).lower(), inner(arguments[1]))
    raise Fault("unknown-function", f"{str(tree.this).lower()} takes one value here")


def _written_date(tree: exp.Expr) -> Typed:
    kinds: dict[object, Literal["date", "timestamp"]] = {
        exp.DType.DATE: "date", exp.DType.TIMESTAMP: "timestamp", exp.DType.TIMESTAMPNTZ: "timestamp",
    }  # fmt: skip
    written = tree.this
    kind = kinds.get(tree.args["to"].this)
    if kind is None or not isinstance(written, exp.Literal) or not written.is_string:
        raise _refusal(tree)
    return dates.literal(kind, str(written.this))


def _number(text: str) -> Decimal:
    if not re.fullmatch(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,2})?", text) or len(text) > 40:
        raise Fault("not-a-number", f"'{text[:40]}' is not a number such as 0.01 or 1e-10")
    return Decimal(text)


def _check_arguments(tree: exp.Expr) -> None:
    """Refuse what sqlglot understood beyond the arguments that are read here."""
    kind = type(tree)
    if kind in _COMPARATORS or kind in _OPERATORS or kind in (exp.And, exp.Or, exp.Is):
        allowed = _TWO
    elif kind in _CALLS or kind in (exp.Not, exp.Neg, exp.Paren):
        allowed = {"this"}
    else:
        allowed = _ARGUMENTS.get(kind, set(tree.args))
    extra = [name for name, value in tree.args.items() if value and name not in allowed | _IGNORED]
    if extra:
        if kind is exp.In:
            raise Fault("subquery", "in (...) takes written values only", "in ('...', '...')")
        raise Fault("unsupported-expression", f"'{tree.sql(dialect='duckdb')[:60]}' is not of this language")


def _refusal(tree: exp.Expr) -> Fault:
    kinds = frozenset(kind.__name__ for kind in type(tree).__mro__)
    return refusal(kinds, _function_name(tree), tree.sql(dialect="duckdb"))


def _function_name(tree: exp.Expr) -> str:
    if isinstance(tree, exp.Anonymous | exp.AnonymousAggFunc):
        return str(tree.this).lower()
    return str(tree.sql_name()).lower() if isinstance(tree, exp.Func) else ""
