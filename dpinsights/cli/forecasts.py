"""A forecast in words, for `dpinsights budget --forecast`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

from dpinsights.forecasting import Forecast, Month, Planned, Short, Standing
from dpinsights.governance.accountant import Loss
from dpinsights.governance.refusal import loss_text
from dpinsights.model.calendar import Calendar
from dpinsights.model.numbers import DELTA_UNITS

EpsilonOf = Callable[[int], str]


def forecast_lines(
    calendar: Calendar, begin: Standing, found: Forecast, delta: Decimal, epsilon_of: EpsilonOf
) -> Iterator[str]:
    """What is charged and left, month by month, and which month runs out first."""
    last = calendar.every_month[-1]
    since = (
        f"the ledger's balances of {begin.since}"
        if begin.since
        else "the policy's caps, of which nothing is spent"
    )
    yield f"forecast for {calendar.calendar}, {calendar.start:%Y-%m} to {last:%Y-%m}, beginning with {since}"
    yield (
        "every run is taken to be on a new snapshot, so that all its noise is new; rho adds up, epsilon (at delta "
        f"{delta:.3g}) does not"
    )
    for balance in begin.balances.values():
        if balance.frozen is not None:
            yield f"the account {balance.account} is frozen ({balance.frozen}): nothing runs until that is resolved"
    if not found.months:
        yield f"nothing of it is still to come: its months end with {last:%Y-%m}, before those balances (write a later from)"
        return
    for month in found.months:
        yield from _month(month, epsilon_of)
    if found.runs_out is None:
        yield f"no month runs out: all of it fits until {last:%Y-%m}"
        return
    month, run = found.runs_out
    yield f"runs out first in {month.first:%Y-%m}, for {run.promise.report}:"
    for short in run.short:
        yield f"  {_short(short, epsilon_of)}"


def _month(month: Month, epsilon_of: EpsilonOf) -> Iterator[str]:
    if not month.runs:
        yield f"{month.first:%Y-%m}: nothing is due"
        return
    yield f"{month.first:%Y-%m}"
    for run in month.runs:
        yield f"  {_run(run, epsilon_of)}"
    periods = {period.account: period for period in month.periods}
    for balance in month.balances:
        spent, left = (
            loss_text(max(units, 0), epsilon_of) for units in (balance.spent_rho, balance.left_rho)
        )
        yield f"  {balance.account}: charged {spent}, left {left}"
        period = periods.get(balance.account)
        if period is not None:
            kept = f", of which {loss_text(period.reserved_rho, epsilon_of)} is kept for promised reports"
            left = loss_text(max(period.cap.rho_units - period.spent_rho, 0), epsilon_of)
            yield (
                f"    in the period until {period.until - timedelta(days=1)}: charged "
                f"{loss_text(period.spent_rho, epsilon_of)}, left {left}{kept if period.reserved_rho else ''}"
            )


def _run(run: Planned, epsilon_of: EpsilonOf) -> str:
    promise = run.promise
    cost = loss_text(promise.loss.rho, epsilon_of)
    if promise.loss.delta:
        cost += f" and delta {_delta(promise.loss.delta)}"
    if run.short:
        return f"REFUSED {promise.report}: it costs {cost}, and {promise.account} or a limit over it has less left"
    return f"{promise.report}: {cost} of {promise.account}"


def _short(short: Short, epsilon_of: EpsilonOf) -> str:
    whose = "the lifetime account" if short.account == "lifetime" else f"the account {short.account}"
    if short.period is not None:
        whose += f", in its period until {short.period.until - timedelta(days=1)},"
    parts = " and ".join(
        _part(short, missing, epsilon_of) for missing in ("rho", "delta") if getattr(short.missing, missing)
    )
    return f"{whose} {parts}"


def _part(short: Short, of: str, epsilon_of: EpsilonOf) -> str:
    def text(loss: Loss) -> str:
        units = max(getattr(loss, of), 0)
        return loss_text(units, epsilon_of) if of == "rho" else f"delta {_delta(units)}"

    return f"has {text(short.left)} left, {text(short.missing)} too little for {text(short.needed)}"


def _delta(units: int) -> str:
    return f"{Decimal(units) / DELTA_UNITS:.3g}"
