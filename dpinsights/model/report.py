"""Queries and reports, field for field as they are written."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from dpinsights.model.approval import ApprovalFields
from dpinsights.model.contract import Bounds
from dpinsights.model.document import Document, fault
from dpinsights.model.names import Name, Names, OrderedMap, Slug
from dpinsights.model.numbers import Exact

MEASURES = (
    "count", "sum", "mean", "share", "ratio", "var", "std", "quantile", "histogram", "pairs", "funnel",
    "retention", "top", "corr", "regression", "concentration",
)  # fmt: skip
"""What a query can measure; each is a field that says of what."""

TAKES: dict[str, frozenset[str]] = {
    "over": frozenset({"ratio"}),
    "over_bounds": frozenset({"ratio"}),
    "at": frozenset({"quantile"}),
    "interval": frozenset({"quantile"}),
    "cuts": frozenset({"quantile", "histogram", "concentration"}),
    "values_per_customer": frozenset({"pairs"}),
    "cohort": frozenset({"retention"}),
    "most": frozenset({"top"}),
    "method": frozenset({"corr"}),
    "on": frozenset({"regression"}),
    "top_share": frozenset({"concentration"}),
    "cumulative": frozenset({"count"}),
    "out_of": frozenset({"count"}),
    "compare": frozenset({"count", "sum", "mean", "share", "ratio"}),
    "test": frozenset({"count", "sum", "mean", "share"}),
}
"""Fields that only some measures take."""

NEEDS = {
    "ratio": "over", "quantile": "cuts", "histogram": "cuts", "pairs": "values_per_customer",
    "retention": "cohort", "regression": "on", "concentration": "cuts", "top": "groups_per_customer",
}  # fmt: skip
"""Fields that a measure can't do without."""


_EXAMPLES = {
    "over": "the number below the line", "cuts": "[100, 200, 500, 1000]", "values_per_customer": "3",
    "cohort": "the period of a customer's first activity", "on": "[a number of a customer, another]",
    "groups_per_customer": "3",
}  # fmt: skip


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


_ONE_OR_MORE = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]})


class Cost(Document):
    """A privacy loss that a query may spend, in exactly one unit."""

    epsilon: Exact | None = Field(None, gt=0, description="as epsilon at the policy's delta")
    rho: Exact | None = Field(None, gt=0, description="as rho, of zero-concentrated differential privacy")

    @model_validator(mode="after")
    def _one(self) -> Cost:
        if (self.epsilon is None) == (self.rho is None):
            raise fault("not-one-cost", "expected exactly one of epsilon and rho")
        return self


def _ascending(cuts: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    for one, other in itertools.pairwise(cuts):
        if one >= other:
            raise fault("cuts-order", f"cuts ascend, and {other:f} comes after {one:f}")
    return cuts


def _probabilities(at: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    for p in at:
        if not 0 < p < 1:
            hint = f"{p / 100:f}" if 1 < p < 100 else "0.5"
            raise fault("at-order", f"a quantile lies between 0 and 1, and {p:f} does not", hint=hint)
    if any(a >= b for a, b in itertools.pairwise(at)):
        raise fault("at-order", "quantiles ascend", hint=f"[{', '.join(f'{p:f}' for p in sorted({*at}))}]")
    return at


class Compare(Document):
    """Cells set against others along one group: post-processing, which costs nothing."""

    by: str = Field(description="the group along which cells are compared")
    to: str = Field("previous", description="a key of that group, `previous`, `first`, or `total`")
    how: Literal["difference", "ratio", "index"] = Field(
        "difference", alias="as", description="difference, ratio, or index (100 is equal)"
    )


def _compared(value: Any) -> Any:
    return (value,) if isinstance(value, dict | Compare) else value


class Query(Document):
    """One question: a measure over a population, by public groups."""

    count: str | None = Field(None, description="customers, or a many-row table to count its rows")
    sum: str | None = Field(None, description="a feature, or a column")
    mean: str | None = Field(None, description="a feature, or a column")
    share: str | None = Field(None, description="a condition, or a feature that is true or false")
    ratio: str | None = Field(None, description="a feature, or a column; of its sum to that of `over`")
    var: str | None = Field(None, description="a feature, or a column: its variance")
    std: str | None = Field(None, description="a feature, or a column: its standard deviation")
    quantile: str | None = Field(None, description="a number of a customer; its quantiles, by public cuts")
    histogram: str | None = Field(None, description="a number of a customer; customers between public cuts")
    pairs: str | None = Field(
        None, description="a category of a many-row table: customers that have both of two keys"
    )
    funnel: Annotated[tuple[str, ...], Field(min_length=2, max_length=20)] | None = Field(
        None, description="conditions about a customer, each counted among those that met all before it"
    )
    retention: str | None = Field(
        None, description="the period of a customer's last activity: who stayed how long"
    )
    top: str | None = Field(None, description="a text column whose keys are not known beforehand")
    corr: Annotated[tuple[str, ...], Field(min_length=2, max_length=2)] | None = Field(
        None, description="two numbers of a customer (or two ordered categories: spearman)"
    )
    regression: str | None = Field(None, description="a number of a customer, explained by those in `on`")
    concentration: str | None = Field(
        None, description="a number of a customer that is not negative: Lorenz curve, Gini, top share"
    )
    over: str | None = Field(None, description="of a ratio: what its denominator sums")
    over_bounds: Bounds | None = Field(
        None, description="of a ratio: bounds of the denominator, as `bounds` is of the numerator"
    )
    at: (
        Annotated[tuple[Exact, ...], Field(min_length=1, max_length=20), AfterValidator(_probabilities)]
        | None
    ) = Field(None, description="of quantiles: which, between 0 and 1; quartiles and tenths unless said")
    interval: Literal["value", "rank"] | None = Field(
        None,
        description="of quantiles: an interval for each value, or for its rank in customers; value unless said",
    )
    cuts: (
        Annotated[tuple[Exact, ...], Field(min_length=1, max_length=1000), AfterValidator(_ascending)] | None
    ) = Field(None, description="public cuts, ascending; bin i holds cuts[i-1] <= x < cuts[i]")
    values_per_customer: int | None = Field(
        None, strict=True, ge=2, le=60, description="of pairs: how many keys of one customer count"
    )
    cohort: str | None = Field(None, description="of retention: the period in which a customer began")
    most: int | None = Field(None, strict=True, ge=1, le=1000, description="of top: how many keys are shown")
    method: Literal["pearson", "spearman"] | None = Field(
        None, description="of a correlation; pearson unless said"
    )
    on: (
        Annotated[tuple[str, ...], Field(min_length=1, max_length=12), BeforeValidator(_listed), _ONE_OR_MORE]
        | None
    ) = Field(None, description="of a regression: numbers of a customer, or features that are true or false")
    top_share: Exact | None = Field(
        None, gt=0, lt=1, description="of concentration: the share of customers at the top; 0.1 unless said"
    )
    cumulative: bool | None = Field(
        None, strict=True, description="of a count by periods, the last group: the running total"
    )
    out_of: str | None = Field(
        None, description="public figures of the contract: each count as a share of its figure, too"
    )
    compare: (
        Annotated[
            tuple[Compare, ...],
            BeforeValidator(_compared, json_schema_input_type=Compare | tuple[Compare, ...]),
        ]
        | None
    ) = Field(None, description="cells set against others along a group: difference, ratio or index")
    test: Literal["difference", "trend", "independence"] | None = Field(
        None, description="a test that accounts for noise and sampling"
    )
    per: Literal["customer", "row"] | None = Field(
        None, description="what one contribution is; customer unless said"
    )
    population: str | None = Field(None, description="a party's name, shared, or any; any unless said")
    by: Annotated[tuple[str, ...], BeforeValidator(_listed), _ONE_OR_MORE] = Field(
        (), description="categories or cut features"
    )
    where: str | None = Field(None, description="a condition about the customer")
    rows_where: str | None = Field(None, description="a condition about the rows of the many-row table")
    bounds: Bounds | None = Field(
        None, description="of one customer in one group, after summing; of one row if per: row"
    )
    groups_per_customer: int | None = Field(
        None, strict=True, ge=1, le=100_000, description="in how many groups of rows one customer counts"
    )
    rows_per_customer: int | None = Field(
        None, strict=True, ge=1, le=1_000_000, description="how many rows of one customer count"
    )
    margin: Exact | None = Field(None, gt=0, description="wanted half-width of the interval")
    cost: Cost | None = Field(None, description="what this query spends")
    weight: Exact | None = Field(
        None, gt=0, description="share of what is left of the report's budget; 1 unless said"
    )
    group_size: Exact | None = Field(
        None, gt=0, description="a public figure: customers in a group, to forecast a mean"
    )
    title: Names | None = Field(None, description="the title of its chart and table")
    note: Names | None = Field(None, description="a remark under its table")

    @model_validator(mode="after")
    def _shape(self) -> Query:
        given = [measure for measure in MEASURES if getattr(self, measure) is not None]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise fault("not-one-measure", f"expected exactly one of {', '.join(MEASURES)}, found {found}")
        self._check_fields(given[0])
        if sum(getattr(self, name) is not None for name in ("margin", "cost", "weight")) > 1:
            raise fault("margin-cost-weight", "margin, cost and weight exclude each other: keep one")
        if self.interval == "rank" and self.margin is not None:
            message = (
                "a margin is one of values, and with interval: rank there is none: give a cost or a weight"
            )
            raise fault("field-not-taken", message, field="margin")
        if len(set(self.by)) != len(self.by):
            raise fault("group-twice", "a group stands twice in by", field="by")
        together = next((name for name in self.by if "," in name), None)
        if together is not None:
            raise fault("groups-as-text", "groups are a list of names", field="by", hint=f"[{together}]")
        return self

    def _check_fields(self, measure: str) -> None:
        needed = NEEDS.get(measure)
        if needed is not None and getattr(self, needed) is None:
            hint = _EXAMPLES[needed]
            raise fault("missing-field", f"{measure} needs {needed}", field=needed, hint=f"{needed}: {hint}")
        for name, takers in TAKES.items():
            if getattr(self, name) is not None and measure not in takers:
                whose = ", ".join(measure for measure in MEASURES if measure in takers)
                raise fault("field-not-taken", f"{measure} takes no {name}: it is for {whose}", field=name)

    @property
    def measure(self) -> str:
        """What is measured: one of `MEASURES`."""
        return next(measure for measure in MEASURES if getattr(self, measure) is not None)

    @property
    def of(self) -> str:
        """What is counted, summed or averaged, as written; several things with commas."""
        of = getattr(self, self.measure)
        return ", ".join(of) if isinstance(of, tuple) else str(of)


def _day(value: Any) -> Any:
    if type(value) is date:
        return value
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise fault("not-a-date", "expected a day such as 2017-10-01")


Day = Annotated[date, BeforeValidator(_day)]
"""A calendar day; ISO text is accepted, nothing else."""


class Period(Document):
    """From a day until the day after the last: half-open."""

    start: Day = Field(alias="from", description="the first day")
    until: Day = Field(description="the day after the last")

    @model_validator(mode="after")
    def _order(self) -> Period:
        if not self.start < self.until:
            raise fault("period-order", "from must lie before until (until is the day after the last)")
        return self


class Epsilon(Document):
    """A ceiling in epsilon at the policy's delta."""

    epsilon: Exact = Field(gt=0, le=10**30, description="epsilon at the policy's delta")


class Report(Document):
    """A report: questions, for an audience, charged to an account, under a ceiling."""

    report: Slug = Field(description="what the report is called; also the name of its files")
    version: int = Field(strict=True, ge=1, description="raised with every change")
    contract: Slug = Field(description="the contract that it is about")
    title: Names | None = Field(None, description="the page's title")
    summary: Names | None = Field(None, description="a text under the title")
    audience: str = Field(description="the party that may see it")
    account: Slug = Field(description="the account that it is charged to")
    period: Period = Field(description="applied to each table's time column")
    budget: Epsilon = Field(description="what the report may spend at most")
    confidence: Exact = Field(
        Decimal("0.95"),
        ge=Decimal("0.5"),
        le=Decimal("0.999"),
        description="of every interval; 0.95 unless said",
    )
    queries: OrderedMap[Name, Query] = Field(
        min_length=1, max_length=200, description="the questions, in the order of the page"
    )
    template: Slug = Field("partner", description="the template that renders it")
    approval: ApprovalFields | None = Field(
        None, description="what approvers and readers are told in words; the policy says what is mandatory"
    )
