"""What each measure is about: the numbers it sums or relates, and the groups that it brings itself."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from dpinsights.definitions import building as build
from dpinsights.definitions.expressions import parse
from dpinsights.definitions.features import Features, many_rows, rows_table
from dpinsights.definitions.places import Fault, nearest, within
from dpinsights.definitions.ranges import steps_of
from dpinsights.definitions.typed import Typed, known, truth
from dpinsights.model.contract import Contract
from dpinsights.model.expressions import Cut, Node
from dpinsights.model.names import FrozenMap
from dpinsights.model.numbers import plain
from dpinsights.model.plan import Axis, Group
from dpinsights.model.report import Query
from dpinsights.model.resolved import ResolvedValue
from dpinsights.model.values import Key

ONE_CELL = frozenset(
    {"quantile", "histogram", "concentration", "funnel", "retention", "pairs", "corr", "regression"}
)
"""Measures of customers, each of whom is in one group alone."""

BOUNDED = frozenset({"sum", "mean", "ratio", "var", "std", "quantile", "histogram", "concentration"})
"""Measures whose contributions may be bounded in the query; those of others are 0 or 1, or bounded where declared."""

_TRUTHS = (Key("false", FrozenMap(en="No", zh="否")), Key("true", FrozenMap(en="Yes", zh="是")))


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
    with within(measure):
        match measure:
            case "count":
                return About(counted=_counted(query, features.contract))
            case "share":
                return About((Value(query.of, truth(_value(query.of, features)), ("share",), None),))
            case "funnel":
                return _funnel(query, features)
            case "pairs":
                return _pairs(query, features)
            case "corr":
                return _correlated(query, features)
            case "top":
                raise Fault("not-a-text", f"{query.of} is no text column with keys unknown beforehand")
    return About((_number(query, measure, features),))


def _value(text: str, features: Features) -> Typed:
    """A name or an expression."""
    if all(_is_name(part) for part in text.split(".")):
        return features.lookup(tuple(text.split(".")))
    return parse(text, features.lookup)


def _is_name(part: str) -> bool:
    return part.isidentifier()


def _counted(query: Query, contract: Contract) -> str | None:
    if query.count == "customers":
        return None
    if query.of not in contract.tables:
        hint = nearest(query.of, ["customers", *contract.tables]) or "customers"
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
        hint = (
            f"count: customers, by: [{text}]" if kind.kind == "category" else "a feature that makes a number"
        )
        raise Fault("wrong-type", f"can't take the {query.measure} of {value.kind}", hint)
    if query.measure in ONE_CELL and rows_table(value.node) is not None:
        raise Fault(
            "about-rows",
            f"{query.measure} is of one number for each customer, and this is about rows",
            "a feature",
        )
    return Value(text, value, path, bounds)


def _explaining(query: Query, features: Features) -> Iterator[Value]:
    for place, text in enumerate(query.on or ()):
        with within("on", place):
            yield _numeric(text, ("on", place), query, features)


def _correlated(query: Query, features: Features) -> About:
    one, other = query.corr or ("", "")
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
    value = _value(query.of, features)
    if known(value).kind != "category" or rows_table(value.node) is None:
        raise Fault(
            "not-several-values",
            f"pairs are of a category in a many-row table, and this is {value.kind} of a customer"
            if known(value).kind == "category"
            else f"pairs are of a category in a many-row table, and this is {value.kind}",
        )
    axis, group = grouping(query.of, value, features.contract)
    if (query.values_per_customer or 0) > group.size:
        raise Fault(
            "too-many-values", f"there are only {group.size} keys", f"values_per_customer: {group.size}"
        )
    return About(axes=(axis,), groups=(group,))


def _funnel(query: Query, features: Features) -> About:
    """The furthest step that a customer reached without leaving one out, as one group."""
    nodes: list[Node] = []
    keys: list[Key] = []
    for place, text in enumerate(query.funnel or ()):
        with within(place):
            step = truth(_value(text, features))
            if rows_table(step.node) is not None:
                raise Fault("about-rows", "a step is a condition about a customer, and this is about rows")
            if text in (key.key for key in keys):
                raise Fault("step-twice", f"the step {text} stands twice")
            nodes.append(step.node)
            feature = features.contract.features.get(text)
            keys.append(Key(text, feature.name if feature is not None else None))
    code: Node = build.whole(len(nodes))
    for place in reversed(range(len(nodes))):
        code = build.chosen([(nodes[place], code)], build.whole(place))
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
                    f"{text} is {value.kind}; retention takes periods of a customer",
                    "periods: ...",
                )
            made.append(grouping(text, value, features.contract))
    (first, _), (last, _) = made
    if [key.key for key in first.keys] != [key.key for key in last.keys]:
        with within("cohort"):
            raise Fault("different-keys", "cohort and last period have different keys: make both of one kind")
    return About(axes=tuple(axis for axis, _ in made), groups=tuple(group for _, group in made))


def grouping(name: str, value: Typed, contract: Contract) -> tuple[Axis, Group]:
    """A category or truth value as a group, for readers and for engines."""
    kind = known(value)
    keys = kind.keys if kind.kind == "category" else _TRUTHS
    return Axis(name, _names(name, contract), keys), Group(value.node, len(keys))


def _names(name: str, contract: Contract) -> FrozenMap[str, str] | None:
    if name in contract.features:
        return contract.features[name].name
    table, _, column = name.rpartition(".")
    return contract.tables[table].columns[column].name if table in contract.tables else None


def bins(query: Query, value: ResolvedValue) -> tuple[tuple[Axis, ...], tuple[Group, ...], tuple[int, ...]]:
    """The bins of a number between its bounds: axis, group and edges in steps.

    Raises:
        Fault: for a cut that is no whole number of steps or not within the bounds.
    """
    cuts = tuple(steps_of(cut, value.type.step) for cut in query.cuts or ())
    if not value.low < cuts[0] or not cuts[-1] < value.high:
        low, high = (plain(bound * value.type.step) for bound in (value.low, value.high))
        raise Fault("cut-out-of-bounds", f"cuts lie between the bounds {low} and {high}, not on them")
    if query.measure == "concentration" and value.low < 0:
        raise Fault(
            "negative-values", "concentration is of a number that is not negative", "bounds: [0, ...]"
        )
    edges = (value.low, *cuts, value.high)
    texts = [plain(edge * value.type.step) for edge in edges]
    keys = tuple(
        Key(f"{a}..{b}", FrozenMap(en=f"{a} to {b}", zh=f"{a} 至 {b}")) for a, b in itertools.pairwise(texts)
    )
    within_bounds = value.type.low >= value.low and value.type.high <= value.high
    node = Cut(value.node if within_bounds else build.clamped(value.node, value.low, value.high), cuts)
    return (Axis(value.name, None, keys),), (Group(node, len(keys)),), edges


def public_figures(query: Query, axes: tuple[Axis, ...], contract: Contract) -> tuple[Decimal | None, ...]:
    """For each key of the group that public figures are about, its figure.

    Raises:
        Fault: `unknown-figures`, `group-needed` or `unknown-key`.
    """
    name = query.out_of or ""
    if name not in contract.figures:
        hint = nearest(name, contract.figures) or ", ".join(contract.figures)
        raise Fault("unknown-figures", f"the contract has no figures '{name}'", hint)
    figures = contract.figures[name]
    axis = next((axis for axis in axes if axis.source == figures.of), None)
    if axis is None or query.count != "customers":
        raise Fault(
            "group-needed", f"{name} are by {figures.of}: count customers by it", f"by: [{figures.of}]"
        )
    keys = [key.key for key in axis.keys]
    for key in figures.values:
        if key not in keys:
            raise Fault("unknown-key", f"'{key}' is not a key of {figures.of}", nearest(key, keys))
    return tuple(figures.values.get(key) for key in keys)


def shape_faults(
    query: Query, axes: tuple[Axis, ...], levels: list[str | None]
) -> Iterator[tuple[str, str, str, str]]:
    """What is wrong with comparisons, running totals and tests: code, message, field, hint."""
    by = {axis.source: [key.key for key in axis.keys] for axis in axes}
    if query.cumulative and not axes:
        yield (
            "group-needed",
            "a running total runs over periods: group by them, last",
            "by",
            "by: [..., month]",
        )
    for place, compare in enumerate(query.compare or ()):
        if compare.by not in by:
            hint = nearest(compare.by, by) or ", ".join(by)
            yield "unknown-group", f"'{compare.by}' is not among the groups of this query", "compare", hint
        elif compare.to not in ("previous", "first", "total", *by[compare.by]):
            hint = nearest(compare.to, by[compare.by]) or "previous, first, total or a key"
            yield "unknown-key", f"'{compare.to}' is not a key of {compare.by}", "compare", hint
        elif compare.to == "total" and (place > 0 or levels[list(by).index(compare.by)] is not None):
            yield "no-total", "a total is of groups that each customer is in once", "compare", "first"
        if query.cumulative or query.count not in (None, "customers"):
            yield "field-not-taken", "this count is not compared: compare customers or sums", "compare", ""
    yield from _test_faults(query, axes, levels)


def _test_faults(
    query: Query, axes: tuple[Axis, ...], levels: list[str | None]
) -> Iterator[tuple[str, str, str, str]]:
    differences = [compare for compare in query.compare or () if compare.how == "difference"]
    if query.test == "difference" and (len(differences) != 1 or len(query.compare or ()) != 1):
        hint = "compare: {by: ..., to: ...}"
        yield "compare-needed", "a test of a difference needs one comparison as difference", "test", hint
    if query.test == "difference" and query.measure == "count":
        yield "field-not-taken", "counts are compared without a test; test a share", "test", "share"
    if query.test == "trend" and (query.measure != "share" or not axes or query.per == "row"):
        yield (
            "field-not-taken",
            "a trend is tested over shares of customers by ordered groups",
            "test",
            "share",
        )
    if query.test == "independence":
        if query.measure != "count" or query.count != "customers" or len(axes) < 2:
            yield (
                "field-not-taken",
                "independence is tested over counts of customers by two groups",
                "test",
                "",
            )
        elif any(level is not None for level in levels):
            yield (
                "group-of-rows",
                "independence needs each customer in one group: group by a feature",
                "test",
                "",
            )
