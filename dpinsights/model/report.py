"""Queries and reports, field for field as they are written."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from dpinsights.model.contract import Bounds
from dpinsights.model.document import Document, fault
from dpinsights.model.names import Name, Names, OrderedMap, Slug
from dpinsights.model.numbers import Exact

MEASURES = ("count", "sum", "mean")


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


class Query(Document):
    """One question: a measure over a population, by public groups."""

    count: str | None = Field(None, description="customers, or a many-row table to count its rows")
    sum: str | None = Field(None, description="a feature, or a column")
    mean: str | None = Field(None, description="a feature, or a column")
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
    margin: Exact | None = Field(None, gt=0, description="wanted half-width of the 95% interval")
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
        if sum(getattr(self, name) is not None for name in ("margin", "cost", "weight")) > 1:
            raise fault("margin-cost-weight", "margin, cost and weight exclude each other: keep one")
        if len(set(self.by)) != len(self.by):
            raise fault("group-twice", "a group stands twice in by")
        return self

    @property
    def measure(self) -> str:
        """count, sum or mean."""
        return next(measure for measure in MEASURES if getattr(self, measure) is not None)

    @property
    def of(self) -> str:
        """What is counted, summed or averaged."""
        return str(getattr(self, self.measure))


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
    queries: OrderedMap[Name, Query] = Field(
        min_length=1, max_length=200, description="the questions, in the order of the page"
    )
    template: Slug = Field("partner", description="the template that renders it")
