"""The contract: what both parties sign once. Domains, keys and bounds are public by decree; no data is read for them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator

from dpinsights.model.document import Document, fault
from dpinsights.model.feature import FEATURE_KINDS as FEATURE_KINDS
from dpinsights.model.feature import Bounds as Bounds
from dpinsights.model.feature import Day as Day
from dpinsights.model.feature import Feature as Feature
from dpinsights.model.feature import KeySet as KeySet
from dpinsights.model.feature import Span as Span
from dpinsights.model.names import FrozenMap, Name, Names, OrderedMap, Slug
from dpinsights.model.numbers import Exact

PERIOD_NAMES = ("period_from", "period_until")
"""What an expression calls the first day of the report's period and the day after its last."""

RESERVED = frozenset({"shared", "any", "customers", "customer", "row", "rows", *PERIOD_NAMES})
"""Words that name populations, units and the period, so no party, feature or query may."""


SensitivityClass = Literal["C1", "C2", "C3"]
"""A column's class after JR/T 0171: C1 can be known inside the company, C2 is sensitive, C3 (credentials, biometrics)
never enters a contract."""

UNCLASSED: SensitivityClass = "C2"
"""The class of a column that names none."""

_CLASS = "its class after JR/T 0171; C2 unless said, and C3 is refused"


class Party(Document):
    """One of the two companies."""

    name: Names = Field(description="what readers call the party")
    members: str | None = Field(
        None, description="the table that lists this party's members; else all its tables do"
    )


class Planning(Document):
    """Public figures, for forecasts of margins and for overflow proofs only."""

    customers: FrozenMap[str, StrictInt] = Field(
        description="about how many customers each party has, and shared"
    )
    customers_at_most: int = Field(
        strict=True, gt=0, le=10**11, description="how many customers there can be at most"
    )
    basis: str = Field(min_length=1, description="where the figures come from")


class Category(Document):
    """A column whose values are public keys."""

    type: Literal["category"] = Field(description="what the column holds")
    keys: KeySet = Field(description="the public keys, in order, each with names if wanted")
    unknown: str | None = Field(
        None, description="the key for values outside the keys; else such a row lacks the value"
    )
    nulls: str | None = Field(None, description="the key for nulls; else dropped")
    absent: str | None = Field(None, description="the key of customers without a row in this table")
    name: Names | None = Field(None, description="what readers call the column")
    sensitivity: SensitivityClass | None = Field(None, alias="class", description=_CLASS)


class Boolean(Document):
    """A truth value."""

    type: Literal["boolean"] = Field(description="what the column holds")
    nulls: StrictBool | None = Field(None, description="what a null becomes; else dropped")
    name: Names | None = Field(None, description="what readers call the column")
    sensitivity: SensitivityClass | None = Field(None, alias="class", description=_CLASS)


class Integer(Document):
    """A whole number within public bounds."""

    type: Literal["integer"] = Field(description="what the column holds")
    bounds: Bounds = Field(description="lowest and highest value, public; what lies outside is clamped")
    unit: str | None = Field(None, description="amounts of different units never add up")
    nulls: Exact | None = Field(None, description="what a null becomes; else dropped")
    basis: str | None = Field(None, description="where the bounds come from")
    name: Names | None = Field(None, description="what readers call the column")
    sensitivity: SensitivityClass | None = Field(None, alias="class", description=_CLASS)


class DecimalColumn(Document):
    """A decimal number within public bounds, counted in steps."""

    type: Literal["decimal"] = Field(description="what the column holds")
    bounds: Bounds = Field(description="lowest and highest value, public; what lies outside is clamped")
    step: Exact = Field(description="the smallest difference kept; values round half-even to it")
    unit: str = Field(min_length=1, max_length=16, description="amounts of different units never add up")
    nulls: Exact | None = Field(None, description="what a null becomes; else dropped")
    basis: str | None = Field(None, description="where the bounds come from")
    name: Names | None = Field(None, description="what readers call the column")
    sensitivity: SensitivityClass | None = Field(None, alias="class", description=_CLASS)


class Date(Document):
    """A calendar day."""

    type: Literal["date"] = Field(description="what the column holds")
    name: Names | None = Field(None, description="what readers call the column")
    sensitivity: SensitivityClass | None = Field(None, alias="class", description=_CLASS)


class Timestamp(Document):
    """A moment; date parts are taken in its zone."""

    type: Literal["timestamp"] = Field(description="what the column holds")
    zone: str = Field(description="an IANA time zone, Asia/Shanghai")
    name: Names | None = Field(None, description="what readers call the column")
    sensitivity: SensitivityClass | None = Field(None, alias="class", description=_CLASS)


class Text(Document):
    """A text whose values are not known beforehand: only `top` takes it, and rare texts are never shown."""

    type: Literal["text"] = Field(description="what the column holds")
    max_length: int = Field(
        strict=True, ge=1, le=200, description="how many characters of a text count; it is cut after them"
    )
    name: Names | None = Field(None, description="what readers call the column")
    sensitivity: SensitivityClass | None = Field(None, alias="class", description=_CLASS)


Coded = Category | Boolean | Integer | DecimalColumn | Date | Timestamp
"""The columns that are read as whole numbers: all but texts."""

Column = Annotated[Coded | Text, Field(discriminator="type")]


class Table(Document):
    """A table of one party: how it names a customer, and what is public about its columns."""

    name: Names | None = Field(None, description="what readers call the table")
    customer: str = Field(min_length=1, description="the column that names the customer")
    rows: Literal["one", "many"] = Field(description="rows for each customer")
    time: str | None = Field(None, description="the column that the report's period applies to")
    columns: OrderedMap[Name, Column] = Field(
        description="the columns that may be used, and what is public about each"
    )

    @property
    def coded(self) -> dict[str, Coded]:
        """The columns that are read as whole numbers, in order: rows are told apart by these."""
        return {name: column for name, column in self.columns.items() if not isinstance(column, Text)}


class Figures(Document):
    """Public figures by the keys of a category: a census's population by county."""

    of: str = Field(min_length=1, description="the column or feature whose keys they are about")
    values: FrozenMap[str, Exact] = Field(
        min_length=1, description="a figure above 0 for each key that has one"
    )
    basis: str = Field(min_length=1, description="where the figures come from")
    name: Names | None = Field(None, description="what readers call what is counted")

    @model_validator(mode="after")
    def _positive(self) -> Figures:
        for key, value in self.values.items():
            if value <= 0:
                raise fault("not-positive", f"the figure of {key} is above 0, found {value:f}")
        return self


class Contract(Document):
    """The whole contract of a partnership."""

    contract: Slug = Field(description="what the partnership is called")
    version: int = Field(strict=True, ge=1, description="raised with every change that both parties sign")
    partnership: Annotated[str, Field(pattern="^[0-9a-f]{16}$")] | None = Field(
        None, description="the ledger's identity, given by `dpinsights budget open`"
    )
    privacy_unit: Literal["customer"] = Field(description="who is protected: one linked person with all rows")
    parties: FrozenMap[Name, Party] = Field(
        min_length=2, max_length=2, description="the two companies, by the short names that tables begin with"
    )
    planning: Planning = Field(description="public figures")
    tables: FrozenMap[str, Table] = Field(min_length=1, description="the tables of both parties, party.table")
    features: FrozenMap[Name, Feature] = Field(
        default_factory=lambda: FrozenMap({}),
        description="one value for each customer or row, made from that customer's rows",
    )
    figures: FrozenMap[Name, Figures] = Field(
        default_factory=lambda: FrozenMap({}), description="public figures that counts may be set against"
    )
