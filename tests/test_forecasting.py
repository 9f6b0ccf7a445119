"""A calendar charged in thought comes out as the ledger's own charges do, run after run."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpinsights.budget import cap_of, open_budget
from dpinsights.cli.forecasts import forecast_lines
from dpinsights.definitions.loading import load_contract, load_policy
from dpinsights.errors import BudgetError, DefinitionError, LedgerError
from dpinsights.forecasting import (
    Forecast,
    Promise,
    Standing,
    forecast,
    of_ledger,
    of_policy,
    read_forecast,
)
from dpinsights.governance.accountant import Loss
from dpinsights.governance.ledger.interface import Cap, Period
from dpinsights.governance.ledger.sqlite import SqliteLedger
from dpinsights.mechanisms.loss import epsilon_of
from dpinsights.model.calendar import Calendar, Promised
from dpinsights.model.names import FrozenMap
from dpinsights.model.noisy import Balance
from dpinsights.state import State
from tests.governance.house import (
    CONTRACT,
    CONVERSION,
    DISCOVERY,
    LEASE,
    PARTNERSHIP,
    POLICY,
    Clock,
    draw,
    noisy,
    plan,
)

GOOD = Path(__file__).parent / "definitions" / "good"


def promised(every: str = "month", first: str = "2018-01") -> Promised:
    return Promised.model_validate({"report": "x.yaml", "every": every, "first": first})


def calendar(*when: Promised, months: int = 12, start: str = "2018-01") -> Calendar:
    return Calendar.model_validate(
        {"calendar": "gongyin-xiaobai", "from": start, "months": months, "reports": when or (promised(),)}
    )


def balances(**caps: int) -> FrozenMap[str, Balance]:
    return FrozenMap({name: Balance(name, cap, 10**7, 0, 0, "1") for name, cap in caps.items()})


def charged(found: Forecast) -> list[tuple[str, date, bool]]:
    return [(run.promise.report, month.first, not run.short) for month in found.months for run in month.runs]


def test_the_month_and_the_account_that_run_out_first() -> None:
    begin = Standing(balances(lifetime=1000, jd=250), {}, {})
    monthly = Promise("a", "jd", Loss(100), promised())
    found = forecast(calendar(), [monthly], begin)
    assert [one for *_, one in charged(found)] == [True, True, *[False] * 10]
    assert found.runs_out is not None
    month, run = found.runs_out
    (short,) = run.short
    assert (month.first, short.account, short.missing) == (date(2018, 3, 1), "jd", Loss(50))
    assert (short.needed, short.left.rho) == (Loss(100), 50)
    assert [balance.spent_rho for balance in found.months[-1].balances] == [200, 200]
    assert forecast(calendar(months=2), [monthly], begin).runs_out is None


def test_a_smaller_report_still_runs_where_a_larger_is_refused() -> None:
    begin = Standing(balances(lifetime=130, jd=1000, icbc=1000), {}, {})
    large, small = Promise("a", "jd", Loss(100), promised()), Promise("b", "icbc", Loss(15), promised())
    found = forecast(calendar(months=3), [large, small], begin)
    assert [one for *_, one in charged(found)] == [True, True, False, True, False, False]
    assert found.runs_out is not None and found.runs_out[1].short[0].account == "lifetime"


def test_a_period_has_new_room_and_the_caps_for_ever_have_not() -> None:
    period = Period("quarter", Cap(250, "1"), FrozenMap({"b": Cap(100, "1")}))
    begin = Standing(balances(lifetime=10**6, jd=700), {"jd": period}, {})
    adhoc, kept = (
        Promise("a", "jd", Loss(100), promised()),
        Promise("b", "jd", Loss(90), promised("quarter", "2018-03")),
    )
    found = forecast(calendar(months=9), [adhoc, kept], begin)
    of_a = [fits for report, _, fits in charged(found) if report == "a"]
    # One in each quarter beside what is kept for b, two where b has run and left ten; the third month finds 60 left.
    assert of_a == [True, False, False, True, False, False, True, False, False]
    assert [fits for report, _, fits in charged(found) if report == "b"] == [True, True, True]
    assert found.runs_out is not None
    short = found.runs_out[1].short[0]
    assert short.period is not None and short.period.until == date(2018, 4, 1)
    assert (short.left, short.missing) == (Loss(50), Loss(50))
    last = found.months[-1]
    assert (last.periods[0].spent_rho, last.periods[0].reserved_rho) == (190, 10)
    assert last.balances[0].left_rho == 700 - 3 * 190


def test_delta_runs_out_too() -> None:
    begin = Standing(balances(lifetime=10**6, jd=10**6), {}, {})
    found = forecast(calendar(), [Promise("a", "jd", Loss(1, 3 * 10**6), promised())], begin)
    assert found.runs_out is not None
    month, run = found.runs_out
    assert month.first == date(2018, 4, 1)
    assert [(short.account, short.missing) for short in run.short] == [
        ("jd", Loss(0, 2 * 10**6)),
        ("lifetime", Loss(0, 2 * 10**6)),
    ]


def test_what_the_ledger_has_seen_is_not_charged_again() -> None:
    charges = {("jd", date(2018, 3, 1)): {"a": 100}}
    begin = Standing(balances(lifetime=10**6, jd=10**6), {}, charges, date(2018, 3, 9))
    both = [Promise("a", "jd", Loss(100), promised()), Promise("b", "jd", Loss(1), promised())]
    found = charged(forecast(calendar(months=4), both, begin))
    assert found == [
        ("b", date(2018, 3, 1), True),
        ("a", date(2018, 4, 1), True),
        ("b", date(2018, 4, 1), True),
    ]


# Against a ledger

WHEN = st.builds(
    promised,
    st.sampled_from(["once", "month", "quarter", "year"]),
    st.sampled_from(["2017-11", "2018-01", "2018-02", "2018-05"]),
)
PERIOD = st.builds(
    lambda every, cap, kept: Period(every, Cap(cap, "1"), FrozenMap({"r0": Cap(min(kept, cap), "1")})),
    st.sampled_from(["month", "quarter", "year"]),
    st.integers(0, 400),
    st.integers(0, 400),
)


@settings(max_examples=30)
@given(
    reports=st.lists(
        st.tuples(WHEN, st.sampled_from(["jd", "icbc"]), st.integers(1, 120)), min_size=1, max_size=4
    ),
    caps=st.tuples(*[st.integers(50, 900)] * 3),
    periods=st.dictionaries(st.sampled_from(["jd", "icbc"]), PERIOD),
    months=st.integers(1, 9),
)
def test_a_forecast_is_what_the_ledger_would_do(
    reports: list[tuple[Promised, str, int]],
    caps: tuple[int, int, int],
    periods: dict[str, Period],
    months: int,
) -> None:
    asked = calendar(*(when for when, *_ in reports), months=months)
    promises = [
        Promise(f"r{number}", account, Loss(rho), when) for number, (when, account, rho) in enumerate(reports)
    ]
    clock = Clock()
    clock.now = datetime(2017, 12, 30, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger.create(
            Path(folder) / "ledger.db",
            partnership=PARTNERSHIP,
            policy_name="gongyin-xiaobai",
            policy_digest=POLICY,
            conversion_delta=CONVERSION,
            discovery_delta=DISCOVERY,
            lifetime=Cap(caps[0], "1"),
            accounts={"jd": Cap(caps[1], "1"), "icbc": Cap(caps[2], "1")},
            periods=periods,
            clock=clock,
        )
        found = forecast(asked, promises, of_ledger(ledger))
        for month in found.months:
            clock.now = datetime(month.first.year, month.first.month, 20, tzinfo=UTC)
            for run in month.runs:
                snapshot = f"{month.first:%Y-%m}-{run.promise.report}"
                ledger.register_snapshot(snapshot, CONTRACT, "map-1")
                planned = plan(
                    run.promise.account, draw(snapshot, run.promise.loss.rho, 10.0), report=run.promise.report
                )
                try:
                    made = ledger.charge(
                        planned,
                        snapshot=snapshot,
                        origin="synthetic",
                        exploration=False,
                        lease=LEASE,
                        epsilon_of=str,
                    )
                except BudgetError:
                    assert run.short, (month.first, run.promise)
                else:
                    assert not run.short, (month.first, run)
                    ledger.store(ledger.begin_drawing(made), noisy(made, planned))
        now = {balance.account: balance for balance in ledger.balances()}
        for balance in found.months[-1].balances:
            assert balance == now[balance.account]
        ledger.close()


# From files


def copied(folder: Path, **changes: str) -> Path:
    """The shared definitions, with changes of the policy's text."""
    for name in ("contract", "policy", "partner-quarterly", "calendar"):
        shutil.copy(GOOD / f"{name}.yaml", folder / f"{name}.yaml")
    policy = (folder / "policy.yaml").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in policy
        policy = policy.replace(old, new)
    (folder / "policy.yaml").write_text(policy, encoding="utf-8")
    return folder / "calendar.yaml"


def test_a_calendar_s_file_from_a_policy_and_from_its_ledger(tmp_path: Path) -> None:
    path = copied(tmp_path)
    contract = load_contract(tmp_path / "contract.yaml")
    policy = load_policy(tmp_path / "policy.yaml", contract)
    asked, begin, found, delta = read_forecast(path, None)
    assert begin == of_policy(policy) and begin.balances["jd"].cap_rho == cap_of(Decimal(4), delta).rho_units
    assert [month.first.month for month in found.months if month.runs] == [1, 4, 7, 10]
    ledger = open_budget(policy, contract, State(tmp_path / "state"))
    of_it = of_ledger(ledger)
    assert dict(of_it.balances) == dict(begin.balances) and of_it.periods == begin.periods
    # This ledger was opened today, and the calendar's months lie before it.
    over = read_forecast(path, ledger)
    assert over[2].months == ()
    said = list(forecast_lines(*over, lambda units: str(epsilon_of(units, delta))))
    assert said[-1].startswith("nothing of it is still to come") and "no month runs out" not in " ".join(said)
    lines = list(forecast_lines(asked, begin, found, delta, lambda units: str(epsilon_of(units, delta))))
    assert lines[0] == (
        "forecast for gongyin-xiaobai, 2018-01 to 2018-12, beginning with the policy's caps, of which nothing is spent"
    )
    assert "on a new snapshot" in lines[1] and "delta 1e-10" in lines[1]
    assert lines[2:5] == [
        "2018-01",
        "  partner-quarterly: rho 0.013242583764 (epsilon 1.000000) of jd",
        "  jd: charged rho 0.013242583764 (epsilon 1.000000), left rho 0.172032723908 (epsilon 3.844659)",
    ]
    assert (
        lines[6] == "2018-02: nothing is due"
        and lines[-1] == "no month runs out: all of it fits until 2018-12"
    )
    ledger.close()


def test_what_runs_out_is_said_with_month_account_and_missing() -> None:
    period = Period("quarter", Cap(150, "1"), FrozenMap({"b": Cap(40, "1")}))
    begin = Standing(balances(lifetime=10**6, jd=190), {"jd": period}, {})
    found = forecast(calendar(months=4), [Promise("a", "jd", Loss(100), promised("quarter"))], begin)
    lines = list(forecast_lines(calendar(months=4), begin, found, CONVERSION, str))
    assert lines[2:6] == [
        "2018-01",
        "  a: rho 0.0000000001 (epsilon 100) of jd",
        "  jd: charged rho 0.0000000001 (epsilon 100), left rho 0.00000000009 (epsilon 90)",
        "    in the period until 2018-03-31: charged rho 0.0000000001 (epsilon 100), left rho 0.00000000005 (epsilon 50), "
        "of which rho 0.00000000004 (epsilon 40) is kept for promised reports",
    ]
    assert lines[-2:] == [
        "runs out first in 2018-04, for a:",
        "  the account jd has rho 0.00000000009 (epsilon 90) left, rho 0.00000000001 (epsilon 10) too little for "
        "rho 0.0000000001 (epsilon 100)",
    ]
    delta = forecast(calendar(), [Promise("a", "jd", Loss(1, 6 * 10**6), promised())], begin)
    assert (
        "  the lifetime account has delta 4e-12 left, delta 2e-12 too little for delta 6e-12"
        in forecast_lines(calendar(), begin, delta, CONVERSION, str)
    )
    tight = Standing(balances(lifetime=10**6, jd=10**6), {"jd": Period("month", Cap(50, "1"))}, {})
    month = forecast(calendar(), [Promise("a", "jd", Loss(100), promised())], tight)
    assert (
        "  the account jd, in its period until 2018-01-31, has rho 0.00000000005 (epsilon 50) left, "
        "rho 0.00000000005 (epsilon 50) too little for rho 0.0000000001 (epsilon 100)"
    ) in forecast_lines(calendar(), tight, month, CONVERSION, str)


def test_reports_of_another_partnership_or_policy_are_refused(tmp_path: Path) -> None:
    path = copied(tmp_path)
    text = path.read_text(encoding="utf-8")
    other = tmp_path / "other"
    other.mkdir()
    copied(other, **{"\nversion: 1": "\nversion: 2"})
    path.write_text(
        text + "  - {report: other/partner-quarterly.yaml, every: once, first: 2018-02}\n", encoding="utf-8"
    )
    with pytest.raises(DefinitionError, match=r"calendar.yaml:6:14: .*another policy than the first"):
        read_forecast(path, None)
    path.write_text(text.replace("calendar: gongyin-xiaobai", "calendar: another"), encoding="utf-8")
    with pytest.raises(
        DefinitionError, match=r"calendar.yaml:5:14: .*of 'gongyin-xiaobai', the calendar of 'another'"
    ):
        read_forecast(path, None)


def test_reports_of_another_ledger_are_refused(tmp_path: Path) -> None:
    path = copied(tmp_path)
    changes: tuple[tuple[dict[str, object], str], ...] = (
        ({"partnership": "f" * 16}, "right --state"),
        ({"discovery_delta": Decimal("1e-12")}, "write 0.0000000001 and 0.000000000001 into the policy"),
        ({"accounts": {"icbc": Cap(1, "1")}}, "no such account: there are lifetime, icbc"),
    )
    for number, (changed, message) in enumerate(changes):
        options: dict[str, object] = {
            "partnership": PARTNERSHIP,
            "policy_name": "gongyin-xiaobai",
            "policy_digest": POLICY,
            "conversion_delta": CONVERSION,
            "discovery_delta": DISCOVERY,
            "lifetime": Cap(1000, "1"),
            "accounts": {"jd": Cap(100, "1")},
        }
        ledger = SqliteLedger.create(tmp_path / f"{number}.db", clock=Clock(), **(options | changed))  # type: ignore[arg-type]
        with pytest.raises(LedgerError, match=message):
            read_forecast(path, ledger)
        ledger.close()
