"""The rules of the budget, and nothing else: no storage, no clock, no noise.

PRIVACY.md, Accounting, is in force; comments cite it. A loss is a pair of integers (rho in units of 1e-12, delta in
1e-18), added and compared element by element. What an account was charged bounds what its reader has seen; what the
lifetime account was charged bounds what all readers together have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from dpinsights.errors import InternalError, LedgerError
from dpinsights.governance.approvals.errors import UsedUpError
from dpinsights.governance.ledger.interface import PeriodSpent
from dpinsights.governance.period_refusal import refuse_period
from dpinsights.governance.refusal import refuse, refuse_delta
from dpinsights.model.canonical import digest
from dpinsights.model.measurement import Discovery, Draw, Specification
from dpinsights.model.noisy import Balance
from dpinsights.model.numbers import DELTA_UNITS
from dpinsights.model.plan import Plan
from dpinsights.model.policy import Delta

LIFETIME = "lifetime"
"""The account that every fresh draw is charged to, whoever it is for."""

MOST_UNITS = 2**62
"""The largest amount or cap: stored integers have 64 bits, and the sum of two must fit."""

TOLERANCE = 1e-12
"""How much larger than planned a combined scale may be, relatively: rounding of floats. It concerns accuracy only."""


@dataclass(frozen=True)
class Loss:
    """A privacy loss in ledger units, or what is left of one.

    >>> Loss(3) + Loss(4, 1)
    Loss(rho=7, delta=1)
    >>> Loss(3, 2).fits(Loss(5, 1))
    False
    """

    rho: int
    delta: int = 0

    def __add__(self, other: Loss) -> Loss:
        return Loss(self.rho + other.rho, self.delta + other.delta)

    def fits(self, room: Loss) -> bool:
        """Whether it is within `room`, element by element."""
        return self.rho <= room.rho and self.delta <= room.delta


NOTHING = Loss(0)


@dataclass(frozen=True)
class Stored:
    """A noisy vector that the ledger holds, without its values: which run drew it, its noise, its cost, who saw it.

    `threshold` is that of a discovery's keys.
    """

    run: str
    key: str
    scale: float
    loss: Loss
    exploration: bool
    seen: bool
    threshold: int | None = None

    def usable(self, exploration: bool) -> bool:
        """Exploration's vectors serve exploration only: an analyst who chose after seeing them must not publish them."""
        return exploration or not self.exploration

    def serves(self, draw: Draw) -> bool:
        """Whether it alone is as good as planned: as precise, and of a discovery no fewer keys shown."""
        lower = draw.threshold is None or (self.threshold is not None and self.threshold <= draw.threshold)
        return lower and precise_enough((self.scale,), draw.scale)


class Verdict(StrEnum):
    """How a planned measurement is answered."""

    FREE = "free"  # the account has seen vectors that are precise enough together
    SHOWN = (
        "shown"  # a stored vector is shown to the account, which is charged its whole loss; lifetime nothing
    )
    FRESH = "fresh"  # a new draw, charged to both


@dataclass(frozen=True)
class Item:
    """The decision about one measurement; `uses` are the stored vectors to combine (a fresh one joins them).

    `specification` is that of the planned draw; a fresh draw's loss can be stated from it again.
    """

    key: str
    cells: int
    specification: Specification
    verdict: Verdict
    uses: tuple[Stored, ...]
    account: Loss
    lifetime: Loss


@dataclass(frozen=True)
class Decision:
    """What a run will be charged, one item for each measurement, in the order of their keys."""

    items: tuple[Item, ...]

    @property
    def account(self) -> Loss:
        """What the recipient's account pays: all that it will newly see."""
        return sum((item.account for item in self.items), NOTHING)

    @property
    def lifetime(self) -> Loss:
        """What the lifetime account pays: fresh draws."""
        return sum((item.lifetime for item in self.items), NOTHING)


def combined_scale(scales: tuple[float, ...]) -> float:
    """The noise of an inverse-variance weighted mean of independent vectors; infinite if there are none.

    >>> combined_scale((5.0,)), round(combined_scale((6.0, 8.0)), 9), combined_scale(())
    (5.0, 4.8, inf)
    """
    precision = math.hypot(*(1 / scale for scale in scales))
    return 1 / precision if precision else math.inf


def precise_enough(scales: tuple[float, ...], planned: float) -> bool:
    """Whether vectors of these scales, combined, are at least as precise as planned."""
    return combined_scale(scales) <= planned * (1 + TOLERANCE)


def units(amount: object, what: str) -> int:
    """An amount that a ledger can hold.

    >>> units(2**62 + 1, "the cap of jd")
    Traceback (most recent call last):
    ...
    dpinsights.errors.LedgerError: the cap of jd is over 2**62 ledger units, which is more than a ledger can count
    """
    if type(amount) is not int or amount < 0:
        raise LedgerError(f"{what} must be a whole number of ledger units, zero or more")
    if amount > MOST_UNITS:
        raise LedgerError(f"{what} is over 2**62 ledger units, which is more than a ledger can count")
    return amount


def admit(
    plan: Plan, *, partnership: str, deltas: Delta, contract_digest: str, snapshot: str
) -> dict[str, Draw]:
    """The plan's draws by key, if the plan is of this ledger and of the contract that the snapshot is bound to.

    Raises:
        LedgerError: if it is not.
        InternalError: if the plan breaks a promise of the planner's.
    """
    if plan.partnership != partnership:
        raise LedgerError(
            f"the contract {plan.contract} is of partnership {plan.partnership}, this ledger of {partnership}: "
            "use that partnership's state directory; a new ledger would be fresh budget over the same people"
        )
    if (plan.conversion_delta, plan.discovery_delta) != (deltas.conversion, deltas.discovery):
        raise LedgerError(
            f"the plan states its epsilon at delta {plan.conversion_delta} and {plan.discovery_delta}, this ledger at "
            f"{deltas.conversion} and {deltas.discovery}: plan with the ledger's deltas, they are fixed for life"
        )
    if plan.contract_digest != contract_digest:
        raise LedgerError(
            f"the snapshot {snapshot} was registered under another version of the contract: name a new snapshot"
        )
    if plan.account == LIFETIME:
        raise LedgerError(f"{LIFETIME} is the account over all others: charge {plan.report} to one of those")
    draws = {draw.key: draw for draw in plan.draws}
    if len(draws) != len(plan.draws):
        raise InternalError(f"the plan of {plan.report} draws one measurement twice")
    for draw in draws.values():
        units(draw.rho_units, f"a charge of {plan.report}")
        units(draw.delta_units, f"a charge in delta of {plan.report}")
        discovers = isinstance(draw.measurement, Discovery)
        if discovers != (draw.delta_units > 0) or discovers != (draw.threshold is not None):
            raise InternalError(
                f"the plan of {plan.report} has a delta or a threshold where no keys are discovered"
            )
        if not (math.isfinite(draw.scale) and draw.scale > 0):
            raise InternalError(
                f"the plan of {plan.report} has a noise scale that is not finite and above zero"
            )
        if draw.rho_units == 0 and draw.measurement.l2_squared > 0:
            raise InternalError(f"the plan of {plan.report} draws a measurement that costs nothing")
    if plan.rho_units > plan.budget_units:
        raise InternalError(f"the plan of {plan.report} costs more than its own ceiling")
    if plan.delta_units > plan.discovery_delta * DELTA_UNITS:
        raise InternalError(f"the plan of {plan.report} costs more than the discovery delta")
    return draws


def not_below_spent(balance: Balance, cap: int) -> None:
    """Raises LedgerError if a cap would become less than what is spent."""
    if cap < balance.spent_rho:
        raise LedgerError(
            f"{balance.account} has spent {balance.spent_rho} ledger units of rho already: its cap can't become {cap}"
        )


def not_frozen(*balances: Balance) -> None:
    """Raises LedgerError if one of the accounts is frozen."""
    for balance in balances:
        if balance.frozen is not None:
            raise LedgerError(
                f"the account {balance.account} is frozen ({balance.frozen}): nothing is charged to it or drawn for it "
                f"until an operator has looked into the reason and resolved it"
            )


def one_origin(snapshot: str, origin: str, so_far: tuple[str, ...]) -> None:
    """Raises LedgerError if a snapshot is asked for with another origin than it was used with."""
    if origin not in ("real", "synthetic"):
        raise LedgerError(f"an origin is real or synthetic, not {origin!r}")
    if any(other != origin for other in so_far):
        raise LedgerError(
            f"the snapshot {snapshot} was used as {so_far[0]}, not {origin}: name a new snapshot"
        )


def not_used_up(plan: Plan, runs: int, max_runs: int) -> None:
    """Raises UsedUpError if a lock has been run as often as its approval allows."""
    if runs >= max_runs:
        raise UsedUpError(
            f"the approval of {plan.report} version {plan.version} allows {max_runs} runs of its lock, and as many were "
            "charged: nothing was charged now; a further run needs a new approval"
        )


def identity(
    plan: Plan,
    draws: Mapping[str, Draw],
    *,
    snapshot: str,
    origin: str,
    exploration: bool,
    lock: str | None = None,
) -> str:
    """The digest of what makes two requests the same run: a retry of one resumes the other.

    Costs are part of it, so that a run that was charged by an older map is never resumed under a newer one; and so is
    the digest of its lock, so that a run under one approval is never resumed under another.
    """
    body = {
        "partnership": plan.partnership,
        "account": plan.account,
        "snapshot": snapshot,
        "origin": origin,
        "exploration": exploration,
        "measurement_digest": plan.measurement_digest,
        "lock": lock,
        "draws": [_named(draws[key]) for key in sorted(draws)],
    }
    return digest(body, purpose="run")


def _named(draw: Draw) -> dict[str, object]:
    named: dict[str, object] = {"key": draw.key, "scale": draw.scale, "rho": draw.rho_units}
    return (
        named if draw.threshold is None else {**named, "delta": draw.delta_units, "threshold": draw.threshold}
    )


def _seen(draw: Draw, usable: tuple[Stored, ...]) -> tuple[Stored, ...]:
    """What the account has seen of a measurement and can use together."""
    seen = tuple(vector for vector in usable if vector.seen)
    if draw.serves_alone:
        # Each draw leaves out keys of its own, or chooses for itself, so one serves alone or not at all.
        return tuple(vector for vector in seen if vector.serves(draw))[:1]
    return seen


def free_of_charge(
    draws: Iterable[Draw], stored: Mapping[str, tuple[Stored, ...]], *, exploration: bool
) -> frozenset[str]:
    """The measurements that an account has seen precisely enough already: rule 1 of `decide`."""
    found = set()
    for draw in draws:
        usable = tuple(vector for vector in stored.get(draw.key, ()) if vector.usable(exploration))
        if precise_enough(tuple(vector.scale for vector in _seen(draw, usable)), draw.scale):
            found.add(draw.key)
    return frozenset(found)


def decide(
    plan: Plan,
    draws: Mapping[str, Draw],
    stored: Mapping[str, tuple[Stored, ...]],
    *,
    exploration: bool,
    account: Balance,
    lifetime: Balance,
    epsilon_of: Callable[[int], str],
    period: PeriodSpent | None = None,
) -> Decision:
    """What each measurement of a plan costs this account, given what is stored for its snapshot.

    1. What the account has seen is precise enough: free.
    2. Else a stored vector that it has not seen is precise enough and fits the report's ceiling: it is shown, the
       account pays its whole loss and the lifetime account nothing. Of several, the cheapest; of equals one that was
       drawn for outside, because it can be used again there, and of those the first drawn (`stored` is in that order).
    3. Else a fresh draw, charged to both; the estimate combines it with what the account has seen.

    Raises:
        BudgetError: if the account, in its period or for ever, or the lifetime account has not enough left.
    """
    left = Loss(account.left_rho, account.left_delta)
    now_left = left.rho if period is None else min(left.rho, max(0, period.left_rho))
    items: dict[str, Item] = {}
    shown: dict[str, Item] = {}
    for key in sorted(draws):
        draw = draws[key]
        usable = tuple(vector for vector in stored.get(key, ()) if vector.usable(exploration))
        seen = _seen(draw, usable)
        cells, specification = draw.measurement.size, draw.specification
        if precise_enough(tuple(vector.scale for vector in seen), draw.scale):
            items[key] = Item(key, cells, specification, Verdict.FREE, seen, NOTHING, NOTHING)
            continue
        loss = Loss(draw.rho_units, draw.delta_units)
        items[key] = Item(key, cells, specification, Verdict.FRESH, seen, loss, loss)
        adequate = [v for v in usable if not v.seen and v.serves(draw)]
        if adequate:
            best = min(adequate, key=lambda v: (v.loss.rho, v.loss.delta, v.exploration, v.scale))
            shown[key] = Item(key, cells, specification, Verdict.SHOWN, (*seen, best), best.loss, NOTHING)
    # Cheapest first, so that a costly vector never takes the room of one that saves.
    room = Loss(min(plan.budget_units, now_left), left.delta)
    for key in sorted(shown, key=lambda key: (shown[key].account.rho - items[key].account.rho, key)):
        saves = shown[key].account.fits(items[key].account)
        if saves or Decision(tuple({**items, key: shown[key]}.values())).account.fits(room):
            items[key] = shown[key]
    decision = Decision(tuple(items.values()))
    costs = {key: (item.account.rho, item.lifetime.rho) for key, item in items.items()}
    if decision.account.rho > left.rho:
        refuse(plan, account, {key: cost[0] for key, cost in costs.items()}, epsilon_of)
    if period is not None and decision.account.rho > now_left:
        refuse_period(plan, period, {key: cost[0] for key, cost in costs.items()}, epsilon_of)
    if decision.lifetime.rho > lifetime.left_rho:
        refuse(plan, lifetime, {key: cost[1] for key, cost in costs.items()}, epsilon_of)
    for asked, balance in ((decision.account, account), (decision.lifetime, lifetime)):
        if asked.delta > balance.left_delta:
            refuse_delta(plan, balance, asked.delta)
    return decision
