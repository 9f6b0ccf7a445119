"""From a declared draw to values: one function for each kind, vectorised, registered by type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import singledispatch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dpinsights.synthetic import draws
from dpinsights.synthetic.errors import PopulationError
from dpinsights.synthetic.streams import Stream
from dpinsights.synthetic.values import SEGMENT, Array, Floats, Integers, Scope, Values, merged


def draw(how: draws.Draw, scope: Scope, stream: Stream) -> Values:
    """One column, drawn as declared.

    >>> scope = Scope({}, 4)
    >>> draw(draws.as_draw({"constant": "city"}), scope, Stream(1, 0)).texts()
    ['city', 'city', 'city', 'city']
    """
    try:
        values = _draw(how, scope, stream)
    except PopulationError as error:
        if "(at " in str(error):
            raise
        raise PopulationError(f"{error} (at {stream.path.strip('/')})") from None
    array = values.array
    if how.between is not None:
        array = np.clip(array, *how.between).astype(array.dtype)
    if how.whole:
        array = np.rint(array).astype(np.int64)
    null = values.null
    if how.null_rate:
        gone = stream.child("null").rng().random(len(values)) < how.null_rate
        null = gone if null is None else gone | null
    return Values(array, values.labels, null)


@singledispatch
def _draw(how: draws.Draw, scope: Scope, stream: Stream) -> Values:
    raise PopulationError(f"no way to draw {type(how).__name__}")


@_draw.register
def _(how: draws.ConstantDraw, scope: Scope, stream: Stream) -> Values:
    if how.constant is None:
        return Values(np.zeros(scope.size), null=np.ones(scope.size, bool))
    if isinstance(how.constant, str):
        return Values(np.zeros(scope.size, np.int64), (how.constant,))
    return Values(np.full(scope.size, how.constant))


@_draw.register
def _(how: draws.SharesDraw, scope: Scope, stream: Stream) -> Values:
    return Values(_pick(list(how.shares.values()), stream.rng().random(scope.size)), tuple(how.shares))


@_draw.register
def _(how: draws.MarginalsDraw, scope: Scope, stream: Stream) -> Values:
    segments = scope[SEGMENT]
    labels = tuple(dict.fromkeys(key for shares in how.marginals.values() for key in shares))
    uniform = stream.rng().random(scope.size)
    codes = np.zeros(scope.size, np.int64)
    for code, segment in enumerate(segments.labels or ()):
        party = how.shared_like if segment == "shared" else segment
        if party not in how.marginals:
            raise PopulationError(f"marginals give no shares for {party}")
        if party == how.shared_like:
            wanted = _over(labels, how.marginals[party])
        else:
            wanted = _remainder(how, party, labels, stream.fitted[f"shared/{party}"])
        chosen = segments.array == code
        codes[chosen] = _pick(wanted, uniform[chosen])
    return Values(codes, labels)


@_draw.register
def _(how: draws.NormalDraw, scope: Scope, stream: Stream) -> Values:
    normal = _standard(how.normal.latent, how.normal.correlation, scope, stream)
    seen = how.normal.seen_by
    if seen is not None:
        # Who has no event is not a member, so a member's latent has the density phi(z) * (1 - exp(-rate(z))).
        rng = stream.child("seen").rng()
        segments = scope[SEGMENT]
        member = segments.mapped({"shared": 1.0, seen.party: 1.0}, 0.0) > 0
        todo = np.flatnonzero(member)
        while len(todo):
            kept = rng.random(len(todo)) < -np.expm1(-np.exp(seen.mu + seen.sd * normal[todo]))
            todo = todo[~kept]
            normal[todo] = rng.standard_normal(len(todo))
    return Values(how.normal.mean + how.normal.sd * normal)


@_draw.register
def _(how: draws.LognormalDraw, scope: Scope, stream: Stream) -> Values:
    spec = how.lognormal
    centre = np.log(spec.median) if spec.median is not None else np.log(spec.mean or 1.0) - spec.sd**2 / 2
    logs = centre + spec.sd * _standard(spec.latent, spec.correlation, scope, stream)
    amounts = np.exp(logs) * _times(spec.times, scope)
    if spec.zero:
        amounts[stream.child("zero").rng().random(scope.size) < spec.zero] = 0.0
    return Values(amounts)


@_draw.register
def _(how: draws.PoissonLognormalDraw, scope: Scope, stream: Stream) -> Values:
    return Values(counts(how.poisson_lognormal, scope, stream))


@_draw.register
def _(how: draws.BernoulliDraw, scope: Scope, stream: Stream) -> Values:
    return Values(stream.rng().random(scope.size) < chances(how.bernoulli, scope, stream))


@_draw.register
def _(how: draws.UniformDraw, scope: Scope, stream: Stream) -> Values:
    return Values(stream.rng().uniform(*how.uniform, scope.size))


@_draw.register
def _(how: draws.DatesDraw, scope: Scope, stream: Stream) -> Values:
    return Values(_days(how.dates, scope.size, stream))


@_draw.register
def _(how: draws.MomentsDraw, scope: Scope, stream: Stream) -> Values:
    first, last = (hour * 3600 for hour in how.moments.hours)
    seconds = stream.child("clock").rng().integers(first, last, scope.size)
    local = _days(how.moments, scope.size, stream).astype("datetime64[us]") + seconds.astype("timedelta64[s]")
    utc = pc.assume_timezone(pa.array(local), how.moments.zone, ambiguous="earliest", nonexistent="earliest")
    return Values(utc.cast(pa.int64()).to_numpy(zero_copy_only=False).astype("datetime64[us]"))


@_draw.register
def _(how: draws.CutDraw, scope: Scope, stream: Stream) -> Values:
    column = scope[how.cut]
    at: Array
    if any(isinstance(cut, date) for cut in how.at):
        at = np.array([cut if isinstance(cut, date) else "NaT" for cut in how.at], dtype="datetime64[D]")
    else:
        at = np.array(how.at, dtype=np.float64)
    return Values(np.searchsorted(at, column.array, side="right"), how.labels, column.null)


@_draw.register
def _(how: draws.RecodeDraw, scope: Scope, stream: Stream) -> Values:
    column = scope[how.recode].keyed()
    new = {old: key for key, olds in how.into.items() for old in olds}
    labels = tuple(dict.fromkeys([*how.into, *([how.otherwise] if how.otherwise is not None else [])]))
    codes = []
    for old in column.labels or ():
        key = new.get(old, how.otherwise)
        if key is None:
            raise PopulationError(f"recode takes every key or gives else; {old} is in no new key")
        codes.append(labels.index(key))
    return Values(np.array(codes, np.int64)[column.array], labels, column.null)


@_draw.register
def _(how: draws.CopyDraw, scope: Scope, stream: Stream) -> Values:
    column = scope[how.copy_of]
    return column if how.times == 1 else Values(column.numbers() * how.times, None, column.null)


@_draw.register
def _(how: draws.ByDraw, scope: Scope, stream: Stream) -> Values:
    column = scope[how.by].keyed()
    known = column.labels or ()
    unknown = sorted(set(how.cases) - set(known))
    if unknown:
        raise PopulationError(
            f"by {how.by}: no such key: {', '.join(unknown)}; the keys are {', '.join(known)}"
        )
    parts = []
    for label, case in how.cases.items():
        rows = np.flatnonzero(column.array == known.index(label))
        parts.append((rows, draw(case, scope.subset(rows), stream.child(label))))
    if how.otherwise is not None:
        rest = np.array([label not in how.cases for label in known])
        rows = np.flatnonzero(rest[column.array])
        parts.append((rows, draw(how.otherwise, scope.subset(rows), stream.child("else"))))
    return merged(parts, scope.size)


def counts(spec: draws.PoissonLognormal, scope: Scope, stream: Stream) -> Integers:
    """Poisson-lognormal counts, one for each entry of the scope."""
    rate = np.exp(spec.mu + spec.sd * _standard(spec.latent, 1.0, scope, stream)) * _times(spec.times, scope)
    rng = stream.child("count").rng()
    if not spec.truncated:
        return rng.poisson(rate).astype(np.int64)
    # At least one event: draw when the first one comes, given that it comes, and what follows it.
    first = -np.log1p(rng.random(scope.size) * np.expm1(-rate))
    return 1 + rng.poisson(np.maximum(rate - first, 0.0)).astype(np.int64)


def chances(spec: draws.Bernoulli, scope: Scope, stream: Stream) -> Floats:
    """The probability of each entry; calibrating finds the intercept that gives `rate` over the members."""
    logits = np.zeros(scope.size)
    for column, factors in spec.odds.items():
        logits += np.log(scope[column].mapped(factors, 1.0))
    for column, slope in spec.slopes.items():
        logits += slope * scope[column].numbers()
    if stream.calibrating:
        stream.fitted[stream.path] = _intercept(
            logits if scope.member is None else logits[scope.member], spec.rate
        )
    return 1.0 / (1.0 + np.exp(-(logits + stream.fitted[stream.path])))


def _intercept(logits: Floats, rate: float) -> float:
    """What to add to the log-odds so that the mean probability is `rate`: bisection, as it only grows.

    >>> round(_intercept(np.zeros(5), 0.9), 6) == round(float(np.log(9)), 6)
    True
    """
    if not len(logits):
        return float(np.log(rate / (1 - rate)))
    low, high = -40.0, 40.0
    for _ in range(50):
        middle = (low + high) / 2
        mean = float((1.0 / (1.0 + np.exp(-(logits + middle)))).mean())
        low, high = (middle, high) if mean < rate else (low, middle)
    return (low + high) / 2


def _standard(latent: str | None, correlation: float, scope: Scope, stream: Stream) -> Floats:
    """Standard normal numbers, correlated with a latent column when one is named."""
    if latent is None:
        return stream.rng().standard_normal(scope.size)
    known = scope[latent].numbers()
    if correlation == 1.0:
        return known.copy()
    fresh = stream.rng().standard_normal(scope.size)
    return correlation * known + float(np.sqrt(1 - correlation**2)) * fresh


def _times(effects: Mapping[str, Mapping[str, float]], scope: Scope) -> Floats:
    product = np.ones(scope.size)
    for column, factors in effects.items():
        product *= scope[column].mapped(factors, 1.0)
    return product


def _pick(weights: list[float], uniform: Floats) -> Integers:
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    codes = np.searchsorted(cumulative / cumulative[-1], uniform, side="right")
    return np.minimum(codes, len(weights) - 1).astype(np.int64)


def _over(labels: tuple[str, ...], shares: Mapping[str, float]) -> list[float]:
    total = sum(shares.values())
    return [shares.get(label, 0.0) / total for label in labels]


def _remainder(how: draws.MarginalsDraw, party: str, labels: tuple[str, ...], shared: float) -> list[float]:
    """The shares of those whom `party` alone has, so that with the shared ones its marginal shares hold.

    With a part f shared, q = f s + (1 - f) r is solved for r; it must not be negative.
    """
    own, like = _over(labels, how.marginals[party]), _over(labels, how.marginals[how.shared_like])
    rest = [q - shared * s for q, s in zip(own, like, strict=True)]
    if min(rest) < -1e-9:
        ratios = {label: q / s for label, q, s in zip(labels, own, like, strict=True) if s}
        key = min(ratios, key=ratios.__getitem__)
        raise PopulationError(
            f"with {shared:.1%} of {party}'s customers shared there would be more shared customers of {key} "
            f"than {party} has; at most {ratios[key]:.1%} can be shared: "
            f"give {party} more customers, or fewer to shared"
        )
    return [max(value, 0.0) for value in rest]


def _days(spec: draws.Dates, size: int, stream: Stream) -> Array:
    days = [spec.start + timedelta(days=offset) for offset in range((spec.until - spec.start).days)]
    weights = [
        spec.years.get(day.year, 1.0) * spec.months.get(day.month, 1.0) * spec.peaks.get(f"{day:%m-%d}", 1.0)
        for day in days
    ]
    if not sum(weights) > 0:
        raise PopulationError("no day has a weight above zero")
    return np.datetime64(spec.start, "D") + _pick(weights, stream.rng().random(size)).astype("timedelta64[D]")
