"""The statement's periods and changes of caps, in both languages, in pages, data and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from dpinsights.model.names import LANGUAGES
from dpinsights.model.release import CapChange, PeriodSpending, Release, Spending
from dpinsights.reporting.codec import from_data, to_data
from dpinsights.reporting.documents import render
from dpinsights.reporting.statement import statement_data
from dpinsights.reporting.words import Words
from tests.reporting.parsing import parse
from tests.reporting.releases import quarterly

PERIOD = PeriodSpending(
    start=date(2018, 1, 1),
    until=date(2018, 4, 1),
    spent=Spending(13_242_583_000, Decimal("0.999999")),
    cap=Spending(50_000_000_000, Decimal("2.0")),
    reserved=Spending(3_000_000_000, Decimal("0.4501")),
)


def with_statement(**changes: object) -> Release:
    release = quarterly()
    return replace(release, statement=replace(release.statement, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_period_is_stated_with_its_end_and_what_never_begins_anew(language: str) -> None:
    html = render(with_statement(period=PERIOD), language=language)
    text = parse(html).text()
    expected = {
        "en": [
            "of it from 1 January 2018 to 31 March 2018: ε = 1.00 of 2.00 · all recipients so far",
            "Charged to account “jd” in this period, 1 January 2018 to 31 March 2018",
            "The cap of the period is counted anew from 1 April 2018. The account's own cap and the cap over all "
            "recipients never are",
            "Of the period's cap, ε = 0.451 is kept for other reports that were promised.",
        ],
        "zh": [
            "其中2018年1月1日至2018年3月31日：ε = 1.00，上限2.00 · 全部接收方累计",
            "账户“jd”在本周期（2018年1月1日至2018年3月31日）内已计费",
            "周期上限自2018年4月1日起重新计算。账户自身的上限与全部接收方的上限永不重新计算",
            "周期上限中，ε = 0.451为已承诺的其他报告保留。",
        ],
    }[language]
    for line in expected:
        assert line in " ".join(text.split()), line


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_period_nothing_is_said_of_one(language: str) -> None:
    data = statement_data(quarterly(), [], Words(language))
    assert data["period"] == [] and len(data["spending"]) == 5
    nothing = replace(PERIOD, reserved=Spending(0, Decimal(0)))
    said = statement_data(with_statement(period=nothing), [], Words(language))
    assert len(said["period"]) == 1 and len(said["spending"]) == 6
    assert said["spending"][4]["used"] == "26.5%"


def test_changes_of_caps_say_by_how_many_they_were_signed() -> None:
    changes = (
        CapChange(date(2017, 11, 1), "jd", Decimal(3), Decimal("2.5")),
        CapChange(date(2017, 12, 1), "jd", Decimal("2.5"), Decimal(4), 1),
        CapChange(date(2018, 1, 2), "lifetime", Decimal(8), Decimal(9), 3),
    )
    release = with_statement(amendments=changes)
    assert statement_data(release, [], Words("en"))["amendments"] == [
        "1 November 2017: jd, from ε = 3 to ε = 2.5",
        "1 December 2017: jd, from ε = 2.5 to ε = 4, signed by 1 person",
        "2 January 2018: lifetime, all recipients, from ε = 8 to ε = 9, signed by 3 persons",
    ]
    assert statement_data(release, [], Words("zh"))["amendments"][2] == (
        "2018年1月2日：全部接收方终身合计，由ε = 8改为ε = 9，经3人签署"
    )


def test_changes_of_periods_are_changes_of_caps() -> None:
    changes = (
        CapChange(date(2017, 11, 1), "jd", None, Decimal(2), period="quarter"),
        CapChange(date(2017, 12, 1), "jd", Decimal(2), None, 3, "quarter"),
    )
    release = with_statement(amendments=changes)
    assert statement_data(release, [], Words("en"))["amendments"] == [
        "1 November 2017: jd, each quarter, from no cap to ε = 2",
        "1 December 2017: jd, each quarter, from ε = 2 to no cap, signed by 3 persons",
    ]
    assert statement_data(release, [], Words("zh"))["amendments"][0] == (
        "2017年11月1日：jd每季度，由无上限改为ε = 2"
    )
    assert from_data(Release, to_data(release)) == release


def test_both_go_into_the_release_s_data_and_back() -> None:
    release = with_statement(period=PERIOD)
    data = to_data(release)
    assert from_data(Release, data) == release
    assert data["statement"]["period"]["until"] == "2018-04-01"
    assert data["statement"]["amendments"][0]["signed_by"] == "3"
    del data["statement"]["period"]
    assert from_data(Release, data) == quarterly()
