"""Periods: the calendar, what fits in one, what is kept for promised reports, and that nothing refreshes silently."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpinsights.errors import BudgetError, LedgerError
from dpinsights.governance import periods
from dpinsights.governance.ledger.interface import Cap, Every, Period, PeriodSpent
from dpinsights.model.names import FrozenMap
from tests.governance.house import House, draw, noisy, plan

DAYS = st.dates(date(1, 1, 1), date(9998, 12, 31))
EVERY: st.SearchStrategy[Every] = st.sampled_from(["month", "quarter", "year"])
MONTHLY = Period("month", Cap(100, "2"))
KEEPING = Period("quarter", Cap(100, "2"), FrozenMap({"quarterly": Cap(60, "1"), "yearly": Cap(20, "0.5")}))


@given(every=EVERY, day=DAYS)
def test_a_day_is_in_one_period_of_its_calendar(every: Every, day: date) -> None:
    start, until = periods.calendar(every, day)
    assert start <= day < until
    assert (start.day, until.day) == (1, 1)
    months = (until.year - start.year) * 12 + until.month - start.month
    assert months == {"month": 1, "quarter": 3, "year": 12}[every]
    assert (start.month - 1) % months == 0
    assert periods.calendar(every, until - timedelta(days=1)) == (start, until)
    assert periods.calendar(every, until)[0] == until


AMOUNTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 50))


@given(kept=AMOUNTS, charged=AMOUNTS, report=st.sampled_from(["a", "b", "c", "d"]))
def test_what_is_left_and_what_is_kept_make_the_cap(
    kept: dict[str, int], charged: dict[str, int], report: str
) -> None:
    period = Period("year", Cap(150, "2"), FrozenMap({name: Cap(rho, "1") for name, rho in kept.items()}))
    said = periods.standing("jd", period, date(2018, 5, 1), charged, report)
    assert said.left_rho + said.spent_rho + said.reserved_rho == 150
    others = {name: rho for name, rho in kept.items() if name != report}
    assert said.reserved_rho == Counter(others).total() - sum(
        min(rho, charged.get(name, 0)) for name, rho in others.items()
    )


@given(
    kept=st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 40), min_size=2),
    asked=st.lists(st.tuples(st.sampled_from(["a", "b", "d"]), st.integers(1, 60)), max_size=12),
)
def test_a_promised_report_always_finds_its_reserve(
    kept: dict[str, int], asked: list[tuple[str, int]]
) -> None:
    period = Period("year", Cap(100, "2"), FrozenMap({name: Cap(rho, "1") for name, rho in kept.items()}))
    charged: Counter[str] = Counter()
    for report, rho in asked:
        if rho <= periods.standing("jd", period, date(2018, 5, 1), charged, report).left_rho:
            charged[report] += rho
        for name, promised in kept.items():
            said = periods.standing("jd", period, date(2018, 5, 1), charged, name)
            assert said.left_rho >= promised - charged[name]
    assert charged.total() <= 100


def with_period(tmp_path: Path, period: Period) -> House:
    """A house whose account jd has a period."""
    house = House(tmp_path)
    house.ledger.set_period("jd", period)
    return house


@pytest.fixture
def monthly(house: House) -> House:
    """A house whose account jd may spend 100 in a month."""
    house.ledger.set_period("jd", MONTHLY)
    return house


def test_what_fits_in_a_period_and_not_beyond(monthly: House) -> None:
    monthly.release(plan("jd", draw("a", 70, 10.0)))
    before = (monthly.ledger.head(), monthly.ledger.balances())
    with pytest.raises(BudgetError, match="in its period from 2018-01-01 until 2018-02-01"):
        monthly.charge(plan("jd", draw("b", 31, 10.0)))
    assert (monthly.ledger.head(), monthly.ledger.balances()) == before
    monthly.release(plan("jd", draw("b", 30, 10.0)))
    monthly.release(plan("icbc", draw("c", 300, 10.0)))
    monthly.ledger.check()


def test_a_new_period_is_new_room_below_the_cap_for_ever(monthly: House) -> None:
    for month in range(1, 6):
        monthly.clock.now = datetime(2018, month, 28, 23, 59, tzinfo=UTC)
        monthly.release(plan("jd", draw(f"a{month}", 100, 10.0)))
    monthly.clock.now = datetime(2018, 6, 1, tzinfo=UTC)
    with pytest.raises(BudgetError, match="the account jd can't pay for quarterly version 1; nothing"):
        monthly.charge(plan("jd", draw("b", 1, 10.0)))
    assert monthly.balance("jd").left_rho == 0
    monthly.ledger.check()


def test_what_a_period_did_not_spend_is_not_carried_over(monthly: House) -> None:
    monthly.clock.now = datetime(2018, 7, 1, tzinfo=UTC)
    with pytest.raises(BudgetError, match="from 2018-07-01"):
        monthly.charge(plan("jd", draw("a", 101, 10.0)))


def test_an_abandoned_run_stays_charged_in_its_period(monthly: House) -> None:
    monthly.ledger.abandon(monthly.charge(plan("jd", draw("a", 80, 10.0))), "tested")
    with pytest.raises(BudgetError, match="in its period"):
        monthly.charge(plan("jd", draw("b", 21, 10.0)))


def test_a_shown_measurement_counts_in_the_period_of_who_sees_it(monthly: House) -> None:
    monthly.release(plan("icbc", draw("a", 90, 10.0)))
    monthly.release(plan("jd", draw("a", 90, 10.0)))
    with pytest.raises(BudgetError, match="in its period"):
        monthly.charge(plan("jd", draw("b", 11, 10.0)))
    assert monthly.spent("lifetime") == (90,)


def test_what_costs_nothing_is_never_refused(monthly: House) -> None:
    asked = plan("jd", draw("a", 100, 10.0))
    monthly.release(asked)
    monthly.ledger.set_period("jd", Period("month", Cap(10, "0.2")))
    assert monthly.charge(asked).charged_account_units == 0
    monthly.ledger.check()


def test_a_cheaper_fresh_draw_is_taken_where_a_shown_one_has_no_room(monthly: House) -> None:
    monthly.release(plan("icbc", draw("a", 150, 5.0)))
    run = monthly.charge(plan("jd", draw("a", 90, 10.0)))
    assert (run.charged_account_units, len(run.fresh)) == (90, 1)


@pytest.mark.parametrize(("report", "most"), [("adhoc", 20), ("quarterly", 80), ("yearly", 40)])
def test_a_reserve_is_for_its_report_alone(tmp_path: Path, report: str, most: int) -> None:
    house = with_period(tmp_path, KEEPING)
    with pytest.raises(BudgetError, match="for other reports, which were promised"):
        house.charge(plan("jd", draw("a", most + 1, 10.0), report=report))
    house.release(plan("jd", draw("a", most, 10.0), report=report))
    house.ledger.check()


def test_a_reserve_that_was_spent_is_not_kept_again_until_the_next_period(tmp_path: Path) -> None:
    house = with_period(tmp_path, KEEPING)
    house.release(plan("jd", draw("a", 60, 10.0), report="quarterly"))
    house.release(plan("jd", draw("b", 20, 10.0), report="adhoc"))
    with pytest.raises(BudgetError):
        house.charge(plan("jd", draw("c", 1, 10.0), report="adhoc"))
    house.clock.now = datetime(2018, 4, 1, tzinfo=UTC)
    with pytest.raises(BudgetError):
        house.charge(plan("jd", draw("c", 21, 10.0), report="adhoc"))
    house.charge(plan("jd", draw("c", 20, 10.0), report="adhoc"))


def test_a_refusal_in_words(tmp_path: Path) -> None:
    house = with_period(tmp_path, KEEPING)
    house.release(plan("jd", draw("a", 30, 10.0), report="quarterly"))
    with pytest.raises(BudgetError) as refused:
        house.charge(plan("jd", draw("b", 10, 10.0), draw("c", 20, 10.0), draw("d", 80, 9.0), report="adhoc"))
    assert str(refused.value) == (
        "the account jd can't pay for adhoc version 1 in its period from 2018-01-01 until 2018-04-01; nothing was charged\n"
        "  requested: rho 0.00000000011 (epsilon ~110)\n"
        "  spent:     rho 0.00000000003 (epsilon ~30) in this period\n"
        "  reserved:  rho 0.00000000005 (epsilon ~50) for other reports, which were promised\n"
        "  remaining: rho 0.00000000002 (epsilon ~20) of rho 0.0000000001 (epsilon ~100)\n"
        "  missing:   rho 0.00000000009 (epsilon ~90)\n"
        "  would fit: q0\n"
        "three ways on:\n"
        "  coarser margins (about 2.4 times as wide, all of them)\n"
        "  fewer queries, or such as were measured already\n"
        "  wait until 2018-04-01, when the next period begins; the cap for ever counts on"
    )


def test_a_statement_says_the_period_of_its_charge_as_of_its_measuring(tmp_path: Path) -> None:
    house = with_period(tmp_path, KEEPING)
    asked = plan("jd", draw("a", 50, 10.0))
    house.clock.now = datetime(2018, 3, 31, 23, 59, tzinfo=UTC)
    run = house.ledger.begin_drawing(house.charge(asked))
    house.clock.now = datetime(2018, 4, 1, 0, 1, tzinfo=UTC)
    run = house.ledger.store(run, noisy(run, asked))
    house.release(plan("jd", draw("b", 20, 10.0), report="adhoc"))
    house.ledger.set_period("jd", None)
    said = house.ledger.spent_by(run)
    start, until = date(2018, 1, 1), date(2018, 4, 1)
    assert said.period == PeriodSpent("jd", start, until, 50, KEEPING.cap, 20)
    assert [change.after for change in said.period_changes] == [KEEPING]
    assert house.ledger.spent_by(house.release(plan("icbc", draw("a", 50, 10.0)))).period is None


def test_a_change_of_a_period_is_an_entry_that_later_statements_show(house: House) -> None:
    first = house.release(plan("jd", draw("a", 10, 10.0)))
    set_once = house.ledger.set_period("jd", MONTHLY, ("signed",))
    ended = house.ledger.set_period("jd", None)
    assert (set_once.before, set_once.after, set_once.envelopes) == (None, MONTHLY, ("signed",))
    assert (ended.before, ended.after, ended.seq) == (MONTHLY, None, house.ledger.head().seq)
    last = house.release(plan("jd", draw("b", 10, 10.0)))
    assert house.ledger.spent_by(first).period_changes == ()
    assert house.ledger.spent_by(last).period_changes == (set_once, ended)
    assert house.open().periods() == {}


def test_periods_of_a_new_ledger(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.path.unlink()
    house.ledger = house.create(periods={"jd": KEEPING, "icbc": MONTHLY})
    house.ledger.register_snapshot("q4", "c" * 64, "map-1")
    assert house.open().periods() == {"icbc": MONTHLY, "jd": KEEPING}
    with pytest.raises(BudgetError, match="in its period"):
        house.charge(plan("icbc", draw("a", 101, 10.0)))
    house.ledger.check()


@pytest.mark.parametrize(
    ("account", "period", "words"),
    [
        ("lifetime", MONTHLY, "lifetime is a cap for ever"),
        ("nobody", MONTHLY, "no account 'nobody'|no account below lifetime"),
        ("jd", Period("week", Cap(1, "1")), "a period is a month, quarter, year"),  # type: ignore[arg-type]
        ("jd", Period("month", Cap(-1, "1")), "whole number"),
        ("jd", Period("month", Cap(9, "1"), FrozenMap({"r": Cap(10, "1")})), "keeps more for promised"),
        ("jd", Period("month", Cap(9, "1"), FrozenMap({"R 1": Cap(1, "1")})), "lower case"),
        ("jd", Period("month", Cap(9, "1"), FrozenMap({"r": Cap(-1, "1")})), "whole number"),
    ],
)
def test_what_is_no_period(house: House, account: str, period: Period, words: str, tmp_path: Path) -> None:
    head = house.ledger.head()
    with pytest.raises(LedgerError, match=words):
        house.ledger.set_period(account, period)
    assert house.ledger.head() == head
    with pytest.raises(LedgerError, match=words):
        house.create(periods={account: period})


STEPS = st.lists(
    st.tuples(st.sampled_from(["quarterly", "yearly", "adhoc"]), st.integers(1, 70), st.integers(0, 40)),
    max_size=10,
)


@settings(max_examples=25)
@given(steps=STEPS, every=EVERY)
def test_the_ledger_and_its_entries_agree_on_periods(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]], every: Every
) -> None:
    house = House(tmp_path_factory.mktemp("house"))
    period = Period(every, Cap(100, "2"), KEEPING.reserve)
    house.ledger.set_period("jd", period)
    charged: list[tuple[date, str, int]] = []
    for number, (report, rho, days) in enumerate(steps):
        house.clock.now += timedelta(days=days)
        day = house.clock.now.date()
        start, until = periods.calendar(every, day)
        before: dict[str, Any] = Counter()
        for one, name, amount in charged:
            before[name] += amount if start <= one < until else 0
        room = periods.standing("jd", period, day, before, report).left_rho
        fits = rho <= min(room, 500 - sum(amount for *_, amount in charged))
        try:
            run = house.charge(plan("jd", draw(f"s{number}", rho, 10.0), report=report))
        except BudgetError:
            assert not fits
            continue
        assert fits
        charged.append((day, report, rho))
        said = house.ledger.spent_by(
            house.ledger.store(
                house.ledger.begin_drawing(run), noisy(run, plan("jd", draw(f"s{number}", rho, 10.0)))
            )
        )
        before[report] += rho
        assert said.period == periods.standing("jd", period, day, before, report)
    house.open().check()
