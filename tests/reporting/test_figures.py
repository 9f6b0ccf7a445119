"""Printed numbers: no more digits than the margin supports, never a narrower interval than the release's."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from dpinsights.model.names import LANGUAGES
from dpinsights.model.release import Estimate, Flag, ResultTable
from dpinsights.reporting.charts import chart, panels_of, shortened
from dpinsights.reporting.documents import render
from dpinsights.reporting.figures import Figures, State, place_of, power_text, rounded, significant
from dpinsights.reporting.words import Words
from tests.reporting.parsing import parse
from tests.reporting.releases import cells_of, large, quarterly

EN, ZH = Words("en"), Words("zh")
TABLES = {found.name: found for found in quarterly().tables}


def _estimate(value: str | None, low: str, high: str, margin: str, *flags: Flag) -> Estimate:
    return Estimate(
        None if value is None else Decimal(value), Decimal(low), Decimal(high), Decimal(margin), flags
    )


def _count(**more: object) -> ResultTable:
    return replace(TABLES["shared_customers"], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "low", "high", "margin", "text", "interval"),
    [
        ("18244", "17621", "18867", "623", "18,240 ± 630", "17,620 to 18,870"),
        ("61010", "60910", "61110", "100", "61,010 ± 100", "60,910 to 61,110"),
        ("7", "5", "9", "2", "7 ± 2", "5 to 9"),
        ("123", "123", "123", "0", "123 ± 0", "123"),
        ("123.4", "123.1", "123.7", "0.3", "123 ± 1", "123 to 124"),
        ("999999", "900001", "1099997", "99998", "1,000,000 ± 100,000", "900,000 to 1,100,000"),
    ],
)
def test_counts(value: str, low: str, high: str, margin: str, text: str, interval: str) -> None:
    figure = Figures(_count(), EN).figure(_estimate(value, low, high, margin))
    assert (figure.short, figure.interval, figure.state) == (text, interval, State.PLAIN)


@pytest.mark.parametrize(
    ("low", "high", "text", "chinese"),
    [
        ("0", "60", "not distinguishable from 0 (at most 60)", "与0无法区分（至多60）"),
        ("-38", "137", "not distinguishable from 0 (at most 137)", "与0无法区分（至多137）"),
        (
            "-200",
            "-5",
            "not distinguishable from 0 (the noise took it below 0)",
            "与0无法区分（噪声使其低于0）",
        ),
        ("0", "0", "not distinguishable from 0 (the noise took it below 0)", "与0无法区分（噪声使其低于0）"),
    ],
)
def test_counts_near_zero(low: str, high: str, text: str, chinese: str) -> None:
    estimate = _estimate("-38", low, high, "98", Flag.NOT_ABOVE_ZERO)
    assert Figures(_count(), EN).figure(estimate).text == text
    assert Figures(_count(), ZH).figure(estimate).text == chinese


def test_signed_sums_near_zero_show_both_ends() -> None:
    signed = replace(TABLES["spend_by_category"], low=Decimal(-500), high=Decimal(500))
    signed = replace(signed, axes=(), cells=cells_of("x", (), [_estimate("3", "-97.5", "103.5", "100.5")]))
    figure = Figures(signed, EN).figure(signed.cells[0].estimate)
    assert figure.text == "not distinguishable from 0 (-100 to 110)"
    assert Figures(signed, EN).figure(_estimate("-300", "-400.5", "-199.5", "100.5")).text == "-300"


def test_what_is_too_wide_is_not_said() -> None:
    for value in (None, "4000"):
        figure = Figures(TABLES["spend_by_tier"], EN).figure(
            _estimate(value, "0", "8000", "4000", Flag.TOO_WIDE)
        )
        assert (figure.text, figure.state, figure.interval) == (
            "too wide to say",
            State.TOO_WIDE,
            "0 to 8,000",
        )


def test_shares_are_per_cent_and_margins_points() -> None:
    figure = Figures(TABLES["shopping_by_tier"], EN).figure(
        _estimate("0.31214", "0.31042", "0.31391", "0.00177")
    )
    assert (figure.text, figure.margin, figure.interval) == ("31.21%", "0.18", "31.04% to 31.40%")


def test_large_totals_are_printed_in_thousands_and_wan() -> None:
    assert Figures(TABLES["spend_by_category"], EN).unit == "thousand CNY"
    assert Figures(TABLES["spend_by_category"], ZH).unit == "万元"
    assert Figures(TABLES["transactions"], EN).unit == "million rows"
    assert Figures(TABLES["transactions"], ZH).unit == "万条"
    assert Figures(TABLES["shared_by_province"], EN).unit == "customers"


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("%", ""))


@pytest.mark.parametrize("language", LANGUAGES)
def test_printed_intervals_hold_the_releases_and_margins_are_never_less(language: str) -> None:
    draw = random.Random(11)
    words = Words(language)
    for _ in range(600):
        margin = Decimal(repr(10 ** draw.uniform(-3, 7)))
        value = margin * Decimal(repr(draw.uniform(1.2, 500)))
        kind = draw.choice(["shared_customers", "spend_by_category", "spend_by_tier", "shopping_by_tier"])
        made = TABLES[kind]
        if kind == "shopping_by_tier":
            value, margin = value / (2 * value + margin), margin / (4 * value + 4 * margin)
        elif kind != "spend_by_tier":
            step = 0 if kind == "shared_customers" else -2
            value, margin = rounded(value, step) + 1, rounded(margin, step) + 1
        estimate = Estimate(value, value - margin, value + margin, margin)
        if kind == "spend_by_tier":
            made = replace(made, low=Decimal(0), high=Decimal(10) ** 15)
        cells = cells_of(made.name, (), [estimate])
        figures = Figures(replace(made, axes=(), cells=cells), words)
        figure = figures.figure(estimate)
        if figure.state is not State.PLAIN:
            continue
        factor = Decimal(100) if figures.share else Decimal(1) / 10**figures.power
        low, _, high = figure.interval.partition(" to " if language == "en" else "至")
        high = high or low
        assert _number(low) <= estimate.low * factor and estimate.high * factor <= _number(high)
        assert _number(figure.margin) >= margin * factor
        assert abs(_number(figure.text) - value * factor) <= _number(figure.margin) / 2 + Decimal("1e-12")
        shown = figure.margin.replace(",", "").replace(".", "").strip("0")
        assert len(shown) <= 2 or figures.place(estimate) == -6


def test_places_and_powers() -> None:
    assert place_of(Decimal("0.00999"), -9) == -4
    assert power_text(Decimal("0.000001")) == "1e-6"
    assert power_text(Decimal("3.50e-12")) == "3.5e-12"
    assert significant(Decimal("123456"), 3, EN) == "123,000"
    assert significant(Decimal(0), 3, EN) == "0"


def test_charts_share_one_scale_from_zero() -> None:
    for found in (*quarterly().tables, *large().tables):
        labels = [[key.key for key in axis.keys] for axis in found.axes]
        panels = panels_of(labels, found.cells, " · ")
        if not panels:
            continue
        data = chart("t", panels, Figures(found, EN), EN)
        assert len({panel["zero"] for panel in data["panels"]}) == 1
        assert len({tuple(tick["at"] for tick in panel["ticks"]) for panel in data["panels"]}) == 1
        for panel in data["panels"]:
            assert 2 <= len(panel["ticks"]) <= 8
            for bar in panel["bars"]:
                for place in (bar["low"], bar["high"]):
                    assert 0 <= float(place.rstrip("%")) <= 100
                assert float(bar["low"][:-1]) <= float(bar["high"][:-1])
                if bar["bar"] and bar["state"] == "plain":
                    end = float(bar["bar"]["x"][:-1]) + float(bar["bar"]["width"][:-1])
                    assert float(bar["low"][:-1]) - 0.02 <= end <= float(bar["high"][:-1]) + 0.02


def test_negative_values_are_drawn_to_the_left_of_zero() -> None:
    made = replace(
        TABLES["spend_by_category"], low=Decimal(-500), high=Decimal(500), axes=TABLES["spend_by_tier"].axes
    )
    estimates = [_estimate(v, str(int(v) - 10), str(int(v) + 10), "10") for v in ("-300", "100", "0", "-5")]
    made = replace(made, cells=cells_of("x", made.axes, estimates))
    data = chart("t", panels_of([["a", "b", "c", "d"]], made.cells, ""), Figures(made, EN), EN)
    first, second, *_ = data["panels"][0]["bars"]
    zero = float(data["panels"][0]["zero"][:-1])
    assert float(first["bar"]["x"][:-1]) < zero - 50
    assert abs(float(second["bar"]["x"][:-1]) - zero) < 0.02


def test_empty_and_hopeless_tables_have_charts_too() -> None:
    wide = [_estimate(None, "0", "8000", "4000", Flag.TOO_WIDE)] * 4
    made = replace(TABLES["spend_by_tier"], cells=cells_of("x", TABLES["spend_by_tier"].axes, wide))
    data = chart("t", panels_of([["a", "b", "c", "d"]], made.cells, ""), Figures(made, EN), EN)
    assert all(bar["bar"] is None for bar in data["panels"][0]["bars"])
    zeros = [_estimate("0", "0", "0", "0")] * 4
    made = replace(made, cells=cells_of("x", made.axes, zeros))
    assert chart("t", panels_of([["a", "b", "c", "d"]], made.cells, ""), Figures(made, EN), EN)["panels"]


def test_labels_are_cut_where_they_would_run_into_values() -> None:
    assert shortened("珠宝黄金", 8) == "珠宝黄金"
    assert shortened("珠宝黄金", 7) == "珠宝黄…"
    assert not re.search(r"\s…", shortened("Phones and digital", 8))


def test_every_cell_of_a_matrix_is_where_its_keys_say() -> None:
    release = large()
    root = parse(render(release, language="en"))
    for name in ("province_by_category", "pyramid"):
        found = next(t for t in release.tables if t.name == name)
        section = next(e for e in root.all("section") if e.attributes.get("id") == f"result-{name}")
        named = [{key.key: Words("en").name(key.names, key.key) for key in axis.keys} for axis in found.axes]
        (element,) = section.all("table")
        columns = [e.text() for e in element.all("th") if e.attributes["scope"] == "col"][1:]
        places = {}
        for body in element.all("tbody"):
            heading = ""
            for row in body.all("tr"):
                first, *cells = row.elements()
                if first.attributes["scope"] == "rowgroup":
                    heading = first.text()
                    continue
                for column, cell in zip(columns, cells, strict=True):
                    (data,) = cell.all("data")
                    places[data.attributes["data-address"]] = (heading, first.text(), column)
        for number in found.cells:
            labels = [labels[key] for labels, key in zip(named, number.keys, strict=True)]
            assert places[number.address] == (" · ".join(labels[:-2]), *labels[-2:])
