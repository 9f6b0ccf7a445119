"""What each measure is about: the numbers it sums or relates, and the groups that it brings itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dpinsights.definitions import building as build
from dpinsights.definitions.expressions import parse
from dpinsights.definitions.features import Features, many_rows, rows_table
from dpinsights.definitions.groupings import grouping
from dpinsights.definitions.naming import find_column
from dpinsights.definitions.places import Fault, nearest, within
from dpinsights.definitions.typed import Typed, known, truth
from dpinsights.model.contract import Contract, Text
from dpinsights.model.expressions import Constant, Node
from dpinsights.model.measurement import Group, TextColumn
from dpinsights.model.plan import Axis
from dpinsights.model.report import Query
from dpinsights.model.values import Key, ValueType

ONE_CELL = frozenset(
    {"quantile", "histogram", "concentration", "funnel", "retention", "pairs", "top", "corr", "regression"}
)
"""Measures of customers, each of whom is in one group alone."""

BOUNDED = frozenset({"sum", "mean", "ratio", "var", "std", "quantile", "histogram", "concentration"})
"""Measures whose contributions may be bounded in the query; those of others are 0 or 1, or bounded where declared."""


@dataclass(frozen=True)
class Value:
    """A number that a query is about, before its bounds.

    Attributes:
        name: as written; path: the field that it stands in; bounds: the field that may bound it.
    """

    name: str
    typed: Typed
    path: tuple[str | int, ...]
    bounds: str | None = "bounds"


@dataclass(frozen=True)
class About:
    """What a measure is about."""

    values: tuple[Value, ...] = ()
    counted: str | None = None
    axes: tuple[Axis, ...] = ()
    groups: tuple[Group, ...] = ()
    text: TextColumn | None = None


def what_about(query: Query, features: Features) -> About:
    """The numbers and groups of a query's measure.

    Raises:
        Fault: for a name or expression that is wrong, or of the wrong kind; its path is within the measure's field.
    """
    measure = query.measure
    if measure == "regression":
        return About((_number(query, "regression", features), *_explaining(query, features)))
    if measure == "ratio":
        return About((_number(query, "ratio", features), _number(query, "over", features, "over_bounds")))
    if measure == "retention":
        return _retention(query, features)
    if measure == "pairs":
        return _pairs(query, features)
    with within(measure):
        match measure:
            case "count":
                return About(counted=_counted(query, features.contract))
            case "share":
                return About((Value(query.of, _share(query, features), ("share",), None),))
            case "funnel":
                return _funnel(query, features)
            case "corr":
                return _correlated(query, features)
            case "top":
                return _ranked(query, features)
    return About((_number(query, measure, features),))


def _value(text: str, features: Features) -> Typed:
    """A name or an expression."""
    if all(_is_name(part) for part in text.split(".")):
        return features.lookup(tuple(text.split(".")))
    return parse(text, features.lookup)


def _is_name(part: str) -> bool:
    return part.isidentifier()


def _share(query: Query, features: Features) -> Typed:
    value = _condition(query.of, features)
    if query.per != "row" and rows_table(value.node) is not None:
        raise Fault(
            "about-rows",
            "a share of customers is of a condition about a customer, and this is about rows",
            "a feature `any` over it, or per: row",
        )
    return value


def _condition(text: str, features: Features) -> Typed:
    """A condition; what is none is told how to become one."""
    value = _value(text, features)
    try:
        return truth(value)
    except Fault as fault:
        kind = known(value)
        key = kind.keys[0].key if kind.kind == "category" else ""
        hints = {"category": f"{text} = '{key}'", "number": f"{text} > 0"}
        raise Fault(fault.code, fault.message, hints.get(kind.kind, f"{text} is not null")) from None


def _counted(query: Query, contract: Contract) -> str | None:
    if query.count == "customers":
        return None
    if query.of not in contract.tables:
        hint = nearest(query.of, ["customers", *contract.tables]) or "customers"
        if query.of in contract.features or query.of.rpartition(".")[0] in contract.tables:
            hint = f"count: customers, by: [{query.of}]"
        raise Fault("unknown-table", f"count takes customers or a many-row table, found '{query.of}'", hint)
    return many_rows(contract, query.of)


def _number(query: Query, field: str, features: Features, bounds: str = "bounds") -> Value:
    with within(field):
        return _numeric(str(getattr(query, field)), (field,), query, features, bounds)


def _numeric(
    text: str, path: tuple[str | int, ...], query: Query, features: Features, bounds: str | None = None
) -> Value:
    value = _value(text, features)
    kind = known(value)
    if kind.kind not in ("number", "boolean"):
        hint = _instead(query, text, kind) if kind.kind == "category" else "a feature that makes a number"
        raise Fault(
            "wrong-type", f"can't take the {_WORDS.get(query.measure, query.measure)} of {value.kind}", hint
        )
    if kind.kind == "boolean" and query.cuts is not None:
        raise Fault("wrong-type", f"there is nothing to cut in {value.kind}", f"share: {text}")
    if query.measure in ONE_CELL and rows_table(value.node) is not None:
        raise Fault(
            "about-rows",
            f"{query.measure} is of one number for each customer, and this is about rows",
            "a feature over them: sum, max, mean ...",
        )
    return Value(text, value, path, bounds)


_WORDS = {"corr": "correlation", "var": "variance", "std": "standard deviation"}


def _instead(query: Query, text: str, kind: ValueType) -> str:
    """What to ask of a category, which is no number."""
    if query.measure in ("ratio", "regression"):
        return f"{text} = '{kind.keys[0].key}'"
    return "method: spearman" if query.measure == "corr" else f"count: customers, by: [{text}]"


def _explaining(query: Query, features: Features) -> Iterator[Value]:
    for place, text in enumerate(query.on or ()):
        with within("on", place):
            if text in (query.of, *(query.on or ())[:place]):
                raise Fault("number-twice", f"{text} stands twice: a number explains others, not itself")
            yield _numeric(text, ("on", place), query, features)


def _correlated(query: Query, features: Features) -> About:
    one, other = query.corr or ("", "")
    if one == other:
        with within(1):
            raise Fault("number-twice", f"{one} stands twice: a correlation is of two numbers")
    typed = [_value(text, features) for text in (one, other)]
    if query.method != "spearman":
        return About(
            tuple(_numeric(text, ("corr", place), query, features) for place, text in enumerate((one, other)))
        )
    for text, value in zip((one, other), typed, strict=True):
        if known(value).kind != "category" or rows_table(value.node) is not None:
            raise Fault(
                "not-ordered-bins",
                f"spearman ranks customers by public bins, and {text} is {value.kind}",
                "a cut feature over it",
            )
    made = [grouping(text, value, features.contract) for text, value in zip((one, other), typed, strict=True)]
    return About(axes=tuple(axis for axis, _ in made), groups=tuple(group for _, group in made))


def _pairs(query: Query, features: Features) -> About:
    with within("pairs"):
        value = _value(query.of, features)
        is_category = known(value).kind == "category"
        if not is_category or rows_table(value.node) is None:
            what = f"{value.kind} of a customer, who has one key" if is_category else value.kind
            message = f"pairs are of a category in a many-row table, and this is {what}"
            raise Fault(
                "not-several-values", message, f"count: customers, by: [{query.of}]" if is_category else ""
            )
        axis, group = grouping(query.of, value, features.contract)
    if (query.values_per_customer or 0) > group.size:
        with within("values_per_customer"):
            raise Fault("too-many-values", f"{query.of} has only {group.size} keys", f"{group.size}")
    return About(axes=(axis,), groups=(group,))


def _ranked(query: Query, features: Features) -> About:
    """The keys that most customers have: of a text column, whose keys are to be discovered, or of a category."""
    parts = tuple(query.of.split("."))
    if query.of not in features.contract.features and len(parts) == 3:
        table_name, table, column_name, column = find_column(features.contract, parts)
        if isinstance(column, Text):
            _check_k(query, many=table.rows == "many")
            text = TextColumn(table_name, column_name, column.max_length)
            return About(axes=(Axis(query.of, column.name, ()),), text=text)
    value = _value(query.of, features)
    if known(value).kind != "category":
        raise Fault(
            "not-keys",
            f"top takes a text column or a category, and this is {value.kind}",
            "a cut feature over it",
        )
    axis, group = grouping(query.of, value, features.contract)
    many = rows_table(value.node) is not None
    _check_k(query, many=many, most=group.size)
    return About(axes=(axis,), groups=(group,))


def _check_k(query: Query, *, many: bool, most: int | None = None) -> None:
    most = most if many else 1
    if most is not None and (query.groups_per_customer or 1) > most:
        raise Fault(
            "too-many-groups", f"a customer has at most {most} of these keys", f"groups_per_customer: {most}"
        )


def _funnel(query: Query, features: Features) -> About:
    """The furthest step that a customer reached without leaving one out, as one group."""
    nodes: list[Node] = []
    keys: list[Key] = []
    for place, text in enumerate(query.funnel or ()):
        with within(place):
            step = _condition(text, features)
            if rows_table(step.node) is not None:
                message = "a step is a condition about a customer, and this is about rows"
                raise Fault("about-rows", message, "a feature `any` over it")
            if text in (key.key for key in keys):
                raise Fault("step-twice", f"the step {text} stands twice: nobody could miss it")
            nodes.append(step.node)
            feature = features.contract.features.get(text)
            keys.append(Key(text, feature.name if feature is not None else None))
    code: Node = Constant(len(nodes))
    for place in reversed(range(len(nodes))):
        code = build.chosen([(nodes[place], code)], Constant(place))
    return About(axes=(Axis("step", None, tuple(keys)),), groups=(Group(code, len(nodes) + 1),))


def _retention(query: Query, features: Features) -> About:
    cohort = query.cohort or ""
    made = []
    for field, text in (("cohort", cohort), ("retention", query.of)):
        with within(field):
            value = _value(text, features)
            if known(value).kind != "category" or rows_table(value.node) is not None:
                raise Fault(
                    "not-periods",
                    f"retention takes the period of a customer's first or last activity, and this is {value.kind}"
                    + (" of rows" if known(value).kind == "category" else ""),
                    "a feature `periods` over a min or max of a date",
                )
            made.append(grouping(text, value, features.contract))
    (first, _), (last, _) = made
    if [key.key for key in first.keys] != [key.key for key in last.keys]:
        with within("cohort"):
            message = f"cohort and {query.of} have different keys: both are periods of one length"
            raise Fault("different-keys", message, "the same `every`")
    return About(axes=tuple(axis for axis, _ in made), groups=tuple(group for _, group in made))
