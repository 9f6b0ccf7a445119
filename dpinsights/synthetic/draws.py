"""The vocabulary of population.yaml: how a column can be drawn. Declarations only; `drawing` does the work.

A draw is a mapping with the name of one kind (`shares`, `lognormal`, `by`, ...) and may say besides:

- `null_rate`: the share of entries that are null;
- `step`: the column is written as a decimal counted in this step; `whole`: as whole numbers;
- `between`: values outside are moved to the nearer end;
- `hidden`: the column serves other columns and is not written.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Shares: TypeAlias = dict[str, float]


def _keys_as_text(value: Any) -> Any:
    """YAML reads `true:` as a boolean key; here keys are texts."""
    if isinstance(value, dict):
        return {str(key).lower() if isinstance(key, bool) else str(key): item for key, item in value.items()}
    return value


def _add_up(value: Any) -> Any:
    value = _keys_as_text(value)
    if isinstance(value, dict) and all(isinstance(item, int | float) for item in value.values()):
        total = sum(value.values())
        if any(item < 0 for item in value.values()) or not 0.98 <= total <= 1.02:
            raise ValueError(f"shares are not negative and add up to 1; these add up to {total:g}")
    return value


AddingUp = Annotated[Shares, BeforeValidator(_add_up), Field(min_length=1)]
Factors = Annotated[dict[str, Annotated[float, Field(gt=0)]], BeforeValidator(_keys_as_text)]
Effects = dict[str, Factors]
"""For each category column, a factor by key; keys that are not listed have the factor 1."""
Share = Annotated[float, Field(ge=0, le=1)]


class Part(BaseModel):
    """A part of a population's declaration: frozen, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Lognormal(Part):
    """Amounts: `mean` or `median` before the factors of `times`; `sd` of the logarithm.

    `latent` is a standard normal column with which the logarithm is correlated; `zero` is the share of zeros.
    """

    mean: float | None = Field(None, gt=0)
    median: float | None = Field(None, gt=0)
    sd: float = Field(ge=0)
    latent: str | None = None
    correlation: float = Field(0.0, ge=-1, le=1)
    zero: Share = 0.0
    times: Effects = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_centre(self) -> Lognormal:
        if (self.mean is None) == (self.median is None):
            raise ValueError("give exactly one of mean and median")
        return self


class PoissonLognormal(Part):
    """Counts: Poisson, with a rate whose logarithm is normal (`mu`, `sd`).

    `latent` supplies the normal number. `truncated` counts are at least 1; with a latent that is `seen_by`
    the same party, they are exactly zero-truncated Poisson-lognormal.
    """

    mu: float
    sd: float = Field(ge=0)
    latent: str | None = None
    truncated: bool = False
    times: Effects = Field(default_factory=dict)


class Bernoulli(Part):
    """Truth values: `rate` is the share over all entries; the intercept is found by calibration.

    `odds` multiplies the odds by a factor for each key of a column; `slopes` adds to the log-odds per unit of
    a number.
    """

    rate: float = Field(gt=0, lt=1)
    odds: Effects = Field(default_factory=dict)
    slopes: dict[str, float] = Field(default_factory=dict)


class SeenBy(Part):
    """Members of a party have at least one event, at a lognormal rate; that tilts the latent of members."""

    party: str
    mu: float
    sd: float = Field(ge=0)


class Normal(Part):
    """A normal number; a standard one is a latent."""

    mean: float = 0.0
    sd: float = Field(1.0, ge=0)
    latent: str | None = None
    correlation: float = Field(0.0, ge=-1, le=1)
    seen_by: SeenBy | None = None


class Dates(Part):
    """Days from `from` until the day before `until`, weighted by year, month and peak days (`11-11: 4`)."""

    start: date = Field(alias="from")
    until: date
    years: dict[int, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    months: dict[Annotated[int, Field(ge=1, le=12)], Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict
    )
    peaks: dict[Annotated[str, Field(pattern=r"^\d\d-\d\d$")], Annotated[float, Field(ge=0)]] = Field(
        default_factory=dict
    )

    @model_validator(mode="after")
    def _order(self) -> Dates:
        if not self.start < self.until:
            raise ValueError("from must lie before until")
        return self


class Moments(Dates):
    """Moments of such days in a time zone, between two hours of the day, written in UTC."""

    zone: str
    hours: tuple[int, int] = (7, 23)


class Draw(Part):
    """What all draws may say besides their kind."""

    null_rate: Share = 0.0
    step: Decimal | None = Field(None, gt=0)
    whole: bool = False
    between: tuple[float, float] | None = None
    hidden: bool = False


class ConstantDraw(Draw):
    """The same value everywhere; null if nothing is given."""

    constant: bool | int | float | str | None


class SharesDraw(Draw):
    """A category drawn by shares."""

    shares: AddingUp


class MarginalsDraw(Draw):
    """A category with shares for each party; shared customers are drawn like those of `shared_like`.

    The other party's shares hold over all of its customers: those whom it alone has make up the difference.
    """

    marginals: dict[str, AddingUp] = Field(min_length=2, max_length=2)
    shared_like: str


class NormalDraw(Draw):
    """A normal number."""

    normal: Normal


class LognormalDraw(Draw):
    """An amount."""

    lognormal: Lognormal


class PoissonLognormalDraw(Draw):
    """A count."""

    poisson_lognormal: PoissonLognormal


class BernoulliDraw(Draw):
    """A truth value."""

    bernoulli: Bernoulli


class UniformDraw(Draw):
    """A number between two others."""

    uniform: tuple[float, float]


class DatesDraw(Draw):
    """A day."""

    dates: Dates


class MomentsDraw(Draw):
    """A moment."""

    moments: Moments


class CutDraw(Draw):
    """A category by thresholds of a number or a date: label i holds at[i-1] <= x < at[i]."""

    cut: str
    at: tuple[float | date, ...]
    labels: tuple[str, ...]

    @model_validator(mode="after")
    def _sizes(self) -> CutDraw:
        if len(self.labels) != len(self.at) + 1:
            raise ValueError(f"{len(self.at)} cuts make {len(self.at) + 1} labels, found {len(self.labels)}")
        return self


class RecodeDraw(Draw):
    """A category from another one; what no new key takes becomes `else`."""

    recode: str
    into: dict[str, tuple[str, ...]]
    otherwise: str | None = Field(None, alias="else")


class CopyDraw(Draw):
    """A column again, perhaps with nulls, a factor, or another precision."""

    copy_of: str = Field(alias="copy")
    times: float = 1.0


class ByDraw(Draw):
    """Another draw for each key of a category or boolean; keys with no case take `else`, or null."""

    by: str
    cases: Annotated[dict[str, AnyDraw], BeforeValidator(_keys_as_text)]
    otherwise: AnyDraw | None = Field(None, alias="else")


KINDS: dict[str, type[Draw]] = {
    "constant": ConstantDraw,
    "shares": SharesDraw,
    "marginals": MarginalsDraw,
    "normal": NormalDraw,
    "lognormal": LognormalDraw,
    "poisson_lognormal": PoissonLognormalDraw,
    "bernoulli": BernoulliDraw,
    "uniform": UniformDraw,
    "dates": DatesDraw,
    "moments": MomentsDraw,
    "cut": CutDraw,
    "recode": RecodeDraw,
    "copy": CopyDraw,
    "by": ByDraw,
}


def as_draw(value: Any) -> Draw:
    """A draw from its mapping: the one kind that it names decides which fields it takes.

    >>> as_draw({"shares": {"a": 0.25, "b": 0.75}}).shares["b"]
    0.75
    """
    if isinstance(value, Draw):
        return value
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping with one of {', '.join(KINDS)}")
    named = [kind for kind in KINDS if kind in value]
    if len(named) != 1:
        raise ValueError(f"expected exactly one of {', '.join(KINDS)}; found {', '.join(named) or 'none'}")
    return KINDS[named[0]].model_validate(value)


AnyDraw = Annotated[Draw, BeforeValidator(as_draw)]
ByDraw.model_rebuild()
