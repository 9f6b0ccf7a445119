"""Every measure as a reader sees it: what it estimates, its unit, its layout, its tests."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dpinsights.model.names import LANGUAGES
from dpinsights.model.release import Flag, Release, ResultTable
from dpinsights.model.release import TestFact as Fact  # a name that begins with Test would be collected
from dpinsights.reporting.data import read_release, release_json, tables_csv
from dpinsights.reporting.documents import render
from dpinsights.reporting.kinds import is_running, kind_of
from dpinsights.reporting.notebook import release_view
from dpinsights.reporting.results import ResultView
from dpinsights.reporting.verdicts import p_text
from dpinsights.reporting.view import view_of
from dpinsights.reporting.words import Words
from tests.reporting.measures import measures
from tests.reporting.parsing import Element, parse
from tests.reporting.releases import quarterly

RELEASE = measures()
TABLES = {table.name: table for table in RELEASE.tables}
EN, ZH = Words("en"), Words("zh")
VIEWS = {language: view_of(RELEASE, Words(language)) for language in LANGUAGES}
RESULTS = {
    language: {result["name"]: result for result in view["results"]} for language, view in VIEWS.items()
}
PAGES = {language: parse(render(RELEASE, language=language)) for language in LANGUAGES}


def _said(name: str, language: str = "en") -> str:
    return " ".join(str(sentence.unescape()) for sentence in RESULTS[language][name]["sentences"])


def _cells(name: str, language: str = "en") -> Iterator[dict[str, str]]:
    table = RESULTS[language][name]["table"]
    if table["kind"] == "list":
        yield from (row["cell"] for row in table["rows"])
        return
    for group in table["groups"]:
        yield from (cell for row in group["rows"] for cell in row["cells"] if cell)


@pytest.mark.parametrize(
    ("name", "said", "chinese"),
    [
        ("wallet", "a ratio of sums: the total of “Online spend”", "总额之比"),
        ("spread", "the variance of “Online spend” over the customers shared", "方差"),
        ("deviation", "The number estimates the standard deviation", "标准差"),
        ("balance", "that the named share of them does not exceed. Each group is taken by itself.", "分位数"),
        ("bins", "have a value of “Online spend” in the bin", "落在该区间内"),
        ("together", "on the diagonal, how many have the key at all", "对角线上"),
        ("reach", "they meet its condition and those of all steps before it", "此前所有步骤"),
        ("reach.rates", "the share of the customers at the step before", "上一步骤"),
        ("stay", "who began in the period were still active that many periods later", "经过所示期数"),
        ("so_far", "is a running total", "累计值"),
        ("corr", "correlation (Pearson) of “Online spend” and “Orders placed”", "皮尔逊"),
        ("ranks", "rank correlation (Spearman)", "斯皮尔曼"),
        ("drivers", "with one unit more of the variable, the other variables held equal", "每增加一个单位"),
        ("drivers.fit", "R squared", "决定系数"),
        ("unequal", "the Gini coefficient (0 is equal", "基尼系数"),
        ("unequal.lorenz", "lies below a public cut", "洛伦兹"),
        ("uptake", "for whom this is true: “Shopped in the period” holds", "符合“期内有消费”"),
        ("uptake.change", "Each number is a difference: the group set against “No”.", "该组与“否”相比"),
        ("rate.change", "a ratio, where 1 is equal: the group set against “Yes”.", "比值（1为相等）"),
        ("spend.change", "an index, where 100 is equal: the group set against all groups", "全部各组合计"),
        ("months.change", "set against the one before it", "与前一组相比"),
        ("brands", "Keys stand by falling estimates", "由大到小"),
    ],
)
def test_what_a_number_estimates(name: str, said: str, chinese: str) -> None:
    assert said in _said(name)
    assert chinese in _said(name, "zh")


@pytest.mark.parametrize(
    ("name", "unit", "chinese"),
    [
        ("wallet", "Unit: ratio · values clipped to declared bounds", "单位：比值"),
        (
            "spread",
            "Unit: CNY² · values clipped to 0 CNY to 50,000 CNY",
            "单位：元² · 数值限于0元至50,000元之内",
        ),
        ("balance", "Unit: CNY · values clipped", "单位：元"),
        ("reach", "Unit: customers", "单位：人"),
        ("reach.rates", "Unit: per cent; margins in percentage points", "单位：%，误差范围为百分点"),
        ("corr", "Unit: correlation from -1 to 1", "单位：相关系数，-1至1"),
        ("drivers", "Unit: CNY per unit of the variable; the intercept in CNY", "变量每增加一个单位对应的元"),
        ("unequal", "Unit: Gini coefficient from 0 to 1; top share in per cent", "基尼系数为0至1"),
        ("uptake.change", "Unit: percentage points", "单位：个百分点"),
        ("rate.change", "Unit: ratio, where 1 is equal", "单位：比值，1为相等"),
        ("spend.change", "Unit: index, where 100 is equal", "单位：指数，100为相等"),
        ("months.change", "Unit: CNY", "单位：元"),
    ],
)
def test_units(name: str, unit: str, chinese: str) -> None:
    assert RESULTS["en"][name]["unit"].startswith(unit)
    assert chinese in RESULTS["zh"][name]["unit"]


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("wallet", [("0.0281", "0.0257 to 0.0307"), ("too wide to say", "no limit")]),
        ("spread", [("740,000", "50,000 to 1,430,000"),
                    ("not distinguishable from 0 (at most 4,400,000)", "0 to 4,400,000")]),
        ("balance", [("580", "0 to 1,000"), ("4,600", "1,000 to 5,000"), ("0", "0 to 250"),
                     ("too wide to say", "0 to 50,000")]),
        ("corr", [("0.790", "0.776 to 0.813")]),
        ("ranks", [("not distinguishable from 0 (-0.030 to 0.100)", "-0.030 to 0.100"), ("-0.30", "-0.40 to -0.20")]),
        ("drivers", [("12.5", "10.2 to 14.8"), ("too wide to say", "no limit")]),
        ("drivers.fit", [("not distinguishable from 0 (at most 0.0025)", "0.0000 to 0.0025")]),
        ("unequal", [("0.86", "0.81 to 0.99"), ("74.3%", "69.2% to 79.6%")]),
        ("uptake.change", [("+0.63", "+0.24 to +1.02"), ("not distinguishable from 0 (-2.6 to +0.6)", "-2.6 to +0.6")]),
        ("spend.change", [("87", "77 to 98"), ("not distinguishable from 100 (91 to 111)", "91 to 111")]),
        ("rate.change", [("0.81", "0.70 to 0.95"), ("not distinguishable from 1 (0.90 to 1.50)", "0.90 to 1.50")]),
    ],
)  # fmt: skip
def test_numbers(name: str, texts: list[tuple[str, str]]) -> None:
    assert [(cell["text"], cell["interval"]) for cell in _cells(name)] == texts


def test_ends_of_quantiles_are_the_cuts_and_no_margin_is_made_of_them() -> None:
    assert {cell["margin"] for cell in _cells("balance")} == {""}
    assert "within two of them it is interpolated" in " ".join(map(str, RESULTS["en"]["balance"]["notes"]))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_limit_is_said_in_words(language: str) -> None:
    for page in (render(RELEASE, language=language), release_view(RELEASE, language)):
        assert not re.search("infinit|nan\\b", page, re.IGNORECASE)
        assert {"en": "no limit", "zh": "无界限"}[language] in page
    assert not any("Infinity" in text for text in tables_csv(RELEASE, language).values())


def test_ends_without_limit_and_tiny_p_values_read_back() -> None:
    again = read_release(release_json(RELEASE))
    assert again == RELEASE
    (test, _) = next(table for table in again.tables if table.name == "uptake.change").tests
    assert test.p_value == 1e-59


def _body(name: str) -> list[list[Element]]:
    section = next(e for e in PAGES["en"].all("section") if e.attributes.get("id") == f"result-{name}")
    (body,) = section.all("tbody")
    return [row.elements() for row in body.all("tr")]


def test_pairs_are_a_triangle_with_holders_on_the_diagonal() -> None:
    rows = _body("together")
    keys = [key.key for key in TABLES["together"].axes[0].keys]
    for at, (_, *cells) in enumerate(rows):
        addresses = [[e.attributes["data-address"] for e in cell.all("data")] for cell in cells]
        assert addresses[:at] == [[]] * at
        assert addresses[at:] == [[f"together/{keys[at]}/{other}"] for other in keys[at:]]


def test_cohorts_are_rows_and_ages_columns() -> None:
    counts, rates = _body("stay"), _body("stay.rates")
    assert [sum(1 for _ in cell.all("data")) for row in counts for cell in row[1:]] == [
        1 if age < 6 - month else 0 for month in range(6) for age in range(6)
    ]
    assert [row[0].text() for row in rates] == [f"2017-{month:02}" for month in range(7, 12)]
    assert RESULTS["en"]["stay"]["chart"] is None


def test_bins_and_steps_have_words() -> None:
    rows = [row["labels"] for row in RESULTS["en"]["bins"]["table"]["rows"]]
    assert rows == [["below 1"], ["1 to below 1,000"], ["1,000 and over"]]
    steps = [row["labels"][0] for row in RESULTS["zh"]["reach"]["table"]["rows"]]
    assert steps == ["期内有消费", "“线上消费”大于100", "holds_cd"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_tables_of_one_query_stand_together(language: str) -> None:
    articles = {e.attributes["id"]: e for e in PAGES[language].all("article")}
    assert list(articles) == [f"question-{table.name}" for table in RELEASE.tables if "." not in table.name]
    sections = [e.attributes["id"] for e in articles["question-reach"].all("section")]
    assert sections == ["result-reach", "result-reach.rates"]
    assert len(list(articles["question-reach"].all("h3"))) == 1
    assert len(list(articles["question-reach"].all("h4"))) == 2
    assert not list(articles["question-so_far"].all("h4"))


def test_verdicts() -> None:
    tests = {question["name"]: test for question in VIEWS["en"]["questions"] for test in question["tests"]}
    assert list(tests) == ["uptake", "independent", "trending"]
    assert [(row["group"], row["statistic"], row["p_value"], str(row["verdict"])) for row in tests["uptake"]["rows"]] == [
        ("Women · Yes", "z = 3.46", "< 0.001", "found: significant"),
        ("Men · Yes", "", "", "the noise is too large to test"),
    ]  # fmt: skip
    assert tests["independent"]["rows"][0]["statistic"] == "χ²(12) = 59.94"
    assert [row["verdict"] for row in tests["trending"]["rows"]] == ["not found"]
    assert "4 tests in this report" in tests["uptake"]["note"]
    assert "Benjamini-Hochberg at 5%" in tests["uptake"]["note"]
    assert p_text(0.99996, EN) == "1.000"


@pytest.mark.parametrize(("language", "word"), [("en", "ignifican"), ("zh", "显著")])
def test_only_a_test_is_called_significant(language: str, word: str) -> None:
    assert word not in render(quarterly(), language=language)
    for section in PAGES[language].all("section"):
        name = section.attributes.get("id", "").removeprefix("result-")
        if name in TABLES:
            flags = {flag for cell in TABLES[name].cells for flag in cell.estimate.flags}
            assert (word in section.text()) == (Flag.SIGNIFICANT in flags)


def _headlines(*tables: ResultTable) -> list[str]:
    release: Release = replace(RELEASE, tables=tables)
    return [tile["address"] for tile in view_of(release, EN)["headlines"]]


def test_no_tile_where_nothing_was_found() -> None:
    assert _headlines(TABLES["trending"]) == []
    found = replace(TABLES["trending"], tests=(Fact("trend", (), 4.0, None, 0.001, True),))
    assert _headlines(found) == ["trending/heavy"]
    lost = replace(TABLES["uptake.change"], tests=TABLES["uptake.change"].tests[1:])
    assert _headlines(TABLES["uptake"], lost) == []
    assert _headlines(TABLES["uptake"], TABLES["uptake.change"]) == ["uptake/male/false"]


def test_no_tile_of_what_only_means_something_together() -> None:
    for name in ("so_far", "together", "bins", "balance", "drivers", "unequal", "stay", "reach", "brands"):
        assert _headlines(TABLES[name]) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_discovered_keys_say_their_threshold_and_delta(language: str) -> None:
    spent = replace(RELEASE.statement.report, delta_units=3_000_000)
    account = replace(RELEASE.statement.account, delta_units=4_500_000)
    brands = replace(TABLES["brands"], threshold=1234)
    nothing = replace(brands, name="none", axes=(replace(brands.axes[0], keys=()),), cells=())
    release = replace(
        RELEASE,
        tables=(brands, nothing),
        statement=replace(RELEASE.statement, report=spent, account=account),
    )
    assert read_release(release_json(release)) == release
    assert tables_csv(release, language)["none.csv"].count("\n") == 1
    page = parse(render(release, language=language))
    text = page.text()
    assert text.count("1,234") == 2
    assert "δ = 3e-12" in text and "δ = 4.5e-12" in text
    none = {"en": "No key had a noisy count", "zh": "没有任何项"}[language]
    assert text.count(none) == 1
    assert "δ = 3e-12" not in PAGES[language].text()


@pytest.mark.parametrize(("language", "said"), [("en", "shown as drawn"), ("zh", "按原样列出")])
def test_alarm_and_adjustments_are_said(language: str, said: str) -> None:
    alarms = [e for e in PAGES[language].all("p") if e.attributes.get("class") == "alarm"]
    assert len(alarms) == 1 and said in alarms[0].text()
    notes = " ".join(map(str, RESULTS[language]["bins"]["notes"]))
    assert {"en": "Made to add up", "zh": "相加一致"}[language] in notes
    assert [mark["mark"] for mark in RESULTS[language]["reach.rates"]["marks"]] == ["‡"]
    assert len(VIEWS[language]["statement"]["processing"]) == 5


def _points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (point.split(",") for point in text.split())]


def test_a_running_total_is_a_line_within_its_band() -> None:
    assert is_running(TABLES["so_far"]) and not is_running(TABLES["independent"])
    (panel,) = RESULTS["en"]["so_far"]["chart"]["panels"]
    line, band = _points(panel["lines"][0]["points"]), _points(panel["band"])
    upper, lower = band[:6], band[6:][::-1]
    assert [x for x, _ in line] == sorted(x for x, _ in line)
    for (x, y), (above_x, above), (below_x, below) in zip(line, upper, lower, strict=True):
        assert x == above_x == below_x and 0 <= above < y < below <= 1000


def test_a_lorenz_curve_runs_from_corner_to_corner_and_leaves_out_what_is_too_wide() -> None:
    (panel,) = RESULTS["en"]["unequal.lorenz"]["chart"]["panels"]
    equal, curve = (_points(line["points"]) for line in panel["lines"])
    assert equal == [(0, 1000), (1000, 0)]
    assert curve == [(0, 1000), (650, 1000), (880, 790), (1000, 0)]
    assert len(panel["boxes"]) == 2
    assert {key: float(value) for key, value in panel["boxes"][1].items()} == {
        "x": 870, "y": 760, "width": 20, "height": 70,
    }  # fmt: skip


def test_comparisons_are_dots_beside_what_stands_for_nothing() -> None:
    (panel,) = RESULTS["en"]["spend.change"]["chart"]["panels"]
    low, high = panel["bars"]
    assert low["bar"] is None and float(low["dot"][:-1]) < float(panel["zero"][:-1]) < float(high["dot"][:-1])
    assert "-0" not in [
        tick["text"] for panel in RESULTS["en"]["months.change"]["chart"]["panels"] for tick in panel["ticks"]
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_noise_of_products_is_named(language: str) -> None:
    rows = [str(row["what"].unescape()) for row in VIEWS[language]["statement"]["noise"]]
    assert not [row for row in rows if re.search(r"\d\*\d", row)]
    assert len([row for row in rows if row.startswith(("Correlation: ", "相关："))]) == 6
    expected = {
        "en": "sum of products of “Online spend” and “Orders placed”",
        "zh": "“线上消费”与“订单数”的乘积之和",
    }
    assert any(expected[language] in row for row in rows)


def test_csv_of_the_new_tables() -> None:
    files = tables_csv(RELEASE, "en")

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(files[name])))

    assert [row["unit"] for row in rows("drivers.csv")] == ["CNY per unit"] * 2
    assert (rows("wallet.csv")[1]["low"], rows("wallet.csv")[1]["high"]) == ("", "")
    assert {
        rows(f"{name}.csv")[0]["unit"] for name in ("uptake", "uptake.change", "rate.change", "corr")
    } == {"1"}
    assert rows("spend.change.csv")[0]["unit"] == "index"
    assert files["together.csv"].startswith(
        "icbc.holdings.product,icbc.holdings.product.label,icbc.holdings.product.2,"
    )
    assert rows("brands.csv")[0]["jd.orders.brand"] == "'=x"
    found, untested = rows("uptake.change.tests.csv")
    assert (found["test"], found["p_value"], found["found"]) == ("difference", "1e-59", "true")
    assert (untested["statistic"], untested["p_value"], untested["found"]) == ("", "", "false")
    assert rows("independent.tests.csv")[0]["degrees"] == "12"


@pytest.mark.parametrize("name", TABLES)
def test_every_number_is_laid_out_once(name: str) -> None:
    assert sorted(cell["address"] for cell in _cells(name)) == sorted(
        cell.address for cell in TABLES[name].cells
    )
    kind = kind_of(TABLES[name])
    assert kind.base in TABLES[name].estimates
    assert ResultView(RELEASE, TABLES[name], ZH).title
