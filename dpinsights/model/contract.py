"""The contract: what both parties sign once. Domains, keys and bounds are public by decree; no data is read for them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt, WithJsonSchema, model_validator

from dpinsights.model.document import Document, fault
from dpinsights.model.names import FrozenMap, Name, Names, OrderedMap, Slug
from dpinsights.model.numbers import Exact

RESERVED = frozenset({"shared", "any", "customers", "customer", "row", "rows"})
"""Words that name populations and units, so no party, feature or query may."""


def _labels(value: Any) -> Any:
    """A list of keys, or a mapping of keys to names: one form."""
    if isinstance(value, list | tuple):
        keys = [_key(item) for item in value]
        if len(set(keys)) < len(keys):
            twice = next(key for at, key in enumerate(keys) if key in keys[:at])
            raise fault("key-twice", f"the key '{twice}' stands twice")
        return dict.fromkeys(keys)
    if isinstance(value, dict):
        return {_key(key): names for key, names in value.items()}
    return value


def _key(value: Any) -> str:
    if not isinstance(value, str):
        raise fault("key-not-text", f"a key is a text: write it in quotes, '{value}'")
    if not value.strip() or len(value) > 80:
        raise fault("key-length", "a key has 1 to 80 characters")
    return value


KeySet = Annotated[
    OrderedMap[str, Names | None],
    BeforeValidator(_labels),
    Field(min_length=1, max_length=100_000),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
                {"type": "object", "minProperties": 1},
            ]
        }
    ),
]
"""Public keys in their order, each with names; YAML may give a plain list."""


def _day(value: Any) -> Any:
    """A date written without quotes is the same cut as one written with them."""
    if type(value) is date:
        return value.isoformat()
    if not isinstance(value, str):
        raise fault("not-a-number", "expected a number, or a date such as 2017-10-01")
    return value


Day = Annotated[str, BeforeValidator(_day)]
"""A date or a timestamp, as text."""

Bounds = Annotated[
    tuple[Exact, Exact], Field(description="lowest and highest value, public; what lies outside is clamped")
]


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


class Boolean(Document):
    """A truth value."""

    type: Literal["boolean"] = Field(description="what the column holds")
    nulls: StrictBool | None = Field(None, description="what a null becomes; else dropped")
    name: Names | None = Field(None, description="what readers call the column")


class Integer(Document):
    """A whole number within public bounds."""

    type: Literal["integer"] = Field(description="what the column holds")
    bounds: Bounds = Field(description="lowest and highest value, public; what lies outside is clamped")
    unit: str | None = Field(None, description="amounts of different units never add up")
    nulls: Exact | None = Field(None, description="what a null becomes; else dropped")
    basis: str | None = Field(None, description="where the bounds come from")
    name: Names | None = Field(None, description="what readers call the column")


class DecimalColumn(Document):
    """A decimal number within public bounds, counted in steps."""

    type: Literal["decimal"] = Field(description="what the column holds")
    bounds: Bounds = Field(description="lowest and highest value, public; what lies outside is clamped")
    step: Exact = Field(description="the smallest difference kept; values round half-even to it")
    unit: str = Field(min_length=1, max_length=16, description="amounts of different units never add up")
    nulls: Exact | None = Field(None, description="what a null becomes; else dropped")
    basis: str | None = Field(None, description="where the bounds come from")
    name: Names | None = Field(None, description="what readers call the column")


class Date(Document):
    """A calendar day."""

    type: Literal["date"] = Field(description="what the column holds")
    name: Names | None = Field(None, description="what readers call the column")


class Timestamp(Document):
    """A moment; date parts are taken in its zone."""

    type: Literal["timestamp"] = Field(description="what the column holds")
    zone: str = Field(description="an IANA time zone, Asia/Shanghai")
    name: Names | None = Field(None, description="what readers call the column")


Column = Annotated[
    Category | Boolean | Integer | DecimalColumn | Date | Timestamp, Field(discriminator="type")
]


class Table(Document):
    """A table of one party: how it names a customer, and what is public about its columns."""

    name: Names | None = Field(None, description="what readers call the table")
    customer: str = Field(min_length=1, description="the column that names the customer")
    rows: Literal["one", "many"] = Field(description="rows for each customer")
    time: str | None = Field(None, description="the column that the report's period applies to")
    columns: OrderedMap[Name, Column] = Field(
        description="the columns that may be used, and what is public about each"
    )


class Feature(Document):
    """One value for each customer, or for each row, made from that customer's rows alone; exactly one measure."""

    sum: str | None = Field(None, description="a sum over a customer's rows")
    count: str | None = Field(None, description="how many rows a customer has in a many-row table")
    any: str | None = Field(None, description="whether a customer has a row for which this condition is true")
    min: str | None = Field(None, description="the smallest value in a customer's rows")
    max: str | None = Field(None, description="the largest value in a customer's rows")
    first: str | None = Field(None, description="the value in a customer's earliest row")
    last: str | None = Field(None, description="the value in a customer's latest row")
    cut: str | None = Field(None, description="a number or date, cut into labelled bands at public cuts")
    recode: str | None = Field(None, description="a category, its keys gathered into new ones")
    expression: str | None = Field(None, description="any expression over columns and features")
    where: str | None = Field(None, description="which rows count")
    bounds: Bounds | None = Field(
        None, description="lowest and highest value, public; what lies outside is clamped"
    )
    at: tuple[Exact | Day, ...] | None = Field(
        None, description="public cuts; label i holds at[i-1] <= x < at[i]"
    )
    labels: KeySet | None = Field(
        None, description="the keys that result, in order, each with names if wanted"
    )
    into: OrderedMap[str, tuple[str, ...]] | None = Field(
        None, description="new keys, each with the old keys it takes"
    )
    otherwise: str | None = Field(None, alias="else", description="the new key of all other old keys")
    name: Names | None = Field(None, description="what readers call the feature")

    @model_validator(mode="after")
    def _one_measure(self) -> Feature:
        given = [kind for kind in FEATURE_KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = ", ".join(given) or "none"
            raise fault(
                "not-one-measure", f"expected exactly one of {', '.join(FEATURE_KINDS)}, found {found}"
            )
        needs = {"sum": ["bounds"], "count": ["bounds"], "cut": ["at", "labels"], "recode": ["into"]}.get(
            given[0], []
        )
        takes = {
            "sum": {"where", "bounds"},
            "count": {"where", "bounds"},
            "any": set[str](),
            "cut": {"at", "labels"},
            "recode": {"into", "labels", "otherwise"},
            "expression": {"bounds"},
        }.get(given[0], {"where", "bounds"})
        for field in needs:
            if getattr(self, field) is None:
                raise fault("missing-field", f"{given[0]} needs {field}")
        for field in ("where", "bounds", "at", "labels", "into", "otherwise"):
            if getattr(self, field) is not None and field not in takes:
                word = "else" if field == "otherwise" else field
                raise fault("field-not-taken", f"{given[0]} takes no {word}")
        return self

    @property
    def kind(self) -> str:
        """Which of the measures this feature is."""
        return next(kind for kind in FEATURE_KINDS if getattr(self, kind) is not None)

    @property
    def of(self) -> str:
        """What the measure is taken of."""
        return str(getattr(self, self.kind))


FEATURE_KINDS = ("sum", "count", "any", "min", "max", "first", "last", "cut", "recode", "expression")


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
