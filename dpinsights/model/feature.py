"""A contract's features: what each kind takes, and the shapes of keys, cuts and bounds."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from dpinsights.model.document import Document, fault
from dpinsights.model.names import Names, OrderedMap
from dpinsights.model.numbers import Exact


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


class Span(Document):
    """From a day until the day after the last: half-open."""

    start: Day = Field(alias="from", description="the first day")
    until: Day = Field(description="the day after the last")

    @model_validator(mode="after")
    def _days(self) -> Span:
        for day in (self.start, self.until):
            _real_day(day)
        if not self.start < self.until:
            raise fault("period-order", "from must lie before until (until is the day after the last)")
        return self


def _real_day(text: str) -> None:
    try:
        if len(text) == 10:
            date.fromisoformat(text)
            return
    except ValueError:
        pass
    raise fault("not-a-date", "expected a day such as 2017-10-01")


def _is_span(value: Any) -> str:
    return "span" if isinstance(value, dict | Span) else "word"


During = Annotated[
    Annotated[Literal["previous", "always"], Tag("word")] | Annotated[Span, Tag("span")],
    Discriminator(_is_span),
]
"""Which rows' time counts, where that is not the report's period."""


class Feature(Document):
    """One value for each customer, or for each row, made from that customer's rows alone; exactly one measure."""

    sum: str | None = Field(None, description="a sum over a customer's rows")
    count: str | None = Field(None, description="how many rows a customer has in a many-row table")
    any: str | None = Field(None, description="whether a customer has a row for which this condition is true")
    all: str | None = Field(
        None, description="whether this condition is true for each of a customer's rows; true over no rows"
    )
    min: str | None = Field(None, description="the smallest value in a customer's rows")
    max: str | None = Field(None, description="the largest value in a customer's rows")
    first: str | None = Field(None, description="the value in a customer's earliest row")
    last: str | None = Field(None, description="the value in a customer's latest row")
    mean: str | None = Field(None, description="the mean of a number over a customer's rows; null over none")
    share: str | None = Field(
        None, description="the share of a customer's rows for which this condition is true; null over none"
    )
    distinct: str | None = Field(None, description="how many different keys a customer's rows have")
    favourite: str | None = Field(
        None, description="the key of most of a customer's rows; ties go to the key declared first"
    )
    ratio: tuple[str, str] | None = Field(
        None, description="a customer's one number over another; null where the other is null or 0"
    )
    member: str | None = Field(None, description="whether a customer is a member of this party")
    periods: str | None = Field(
        None, description="a date as the calendar period of the report that holds it; null outside"
    )
    cut: str | None = Field(None, description="a number or date, cut into labelled bands at public cuts")
    recode: str | None = Field(None, description="a category, its keys gathered into new ones")
    expression: str | None = Field(None, description="any expression over columns and features")
    where: str | None = Field(None, description="which rows count")
    during: During | None = Field(
        None,
        description="which time counts: previous (the period of the same length just before the report's), always, "
        "or {from, until}; else the report's period",
    )
    weighted_by: str | None = Field(
        None, description="of a favourite: the key with the largest sum of this number, not with most rows"
    )
    bounds: Bounds | None = Field(
        None, description="lowest and highest value, public; what lies outside is clamped"
    )
    step: Exact | None = Field(
        None, description="the smallest difference kept of a quotient, which is rounded half-even to it"
    )
    every: Literal["day", "week", "month", "quarter", "year"] | None = Field(
        None, description="how long each calendar period is"
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
        needs, takes = _FIELDS[given[0]]
        for field in needs:
            if getattr(self, field) is None:
                raise fault("missing-field", f"{given[0]} needs {field}")
        for field in _DETAILS:
            if getattr(self, field) is not None and field not in (*needs, *takes):
                word = "else" if field == "otherwise" else field
                raise fault("field-not-taken", f"{given[0]} takes no {word}")
        return self

    @property
    def kind(self) -> str:
        """Which of the measures this feature is."""
        return next(kind for kind in FEATURE_KINDS if getattr(self, kind) is not None)

    @property
    def of(self) -> str:
        """What the measure is taken of; of a ratio, what stands above the line."""
        of = getattr(self, self.kind)
        return str(of[0] if isinstance(of, tuple) else of)


_FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sum": (("bounds",), ("where", "during")),
    "count": (("bounds",), ("where", "during")),
    "any": ((), ("during",)),
    "all": ((), ("where", "during")),
    "min": ((), ("where", "during", "bounds")),
    "max": ((), ("where", "during", "bounds")),
    "first": ((), ("where", "during", "bounds")),
    "last": ((), ("where", "during", "bounds")),
    "mean": (("bounds",), ("where", "during", "step")),
    "share": ((), ("where", "during", "step")),
    "distinct": ((), ("where", "during")),
    "favourite": ((), ("where", "during", "weighted_by")),
    "ratio": (("bounds", "step"), ()),
    "member": ((), ()),
    "periods": (("every",), ()),
    "cut": (("at", "labels"), ()),
    "recode": (("into",), ("labels", "otherwise")),
    "expression": ((), ("bounds",)),
}
"""The fields that each kind needs, and those that it may have."""

FEATURE_KINDS = tuple(_FIELDS)
"""What a feature can be; each is a field that says of what."""

_DETAILS = ("where", "during", "weighted_by", "bounds", "step", "every", "at", "labels", "into", "otherwise")
