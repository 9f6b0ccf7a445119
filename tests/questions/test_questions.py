"""Each of the thirty questions: YAML and Python are one query, and without noise its numbers are those of plain SQL."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dpinsights.definitions.resolving import check_report, report_digests
from dpinsights.model.release import Estimate, ResultTable
from dpinsights.pipeline import Definitions, define
from tests.questions.in_python import QUERIES
from tests.questions.population import write_population
from tests.questions.sql import ANSWERS, Plain
from tests.questions.truth import (
    CONCENTRATIONS,
    QUANTILES,
    REGRESSIONS,
    TIERS,
    Reals,
    fitted,
    gini,
    lorenz,
    quantiles,
    rank_correlation,
    spends,
    top_share,
)
from tests.real.nearly_exact import NearlyExact, nearly_exact

HERE = Path(__file__).resolve().parent
QUESTIONS = sorted({name[:3] for name in QUERIES})

SUMS = ("count", "sum", "histogram", "pairs", "funnel", "retention")
"""Measures whose number for nobody is 0; those of all others have none."""


@pytest.fixture(scope="module")
def definitions() -> Definitions:
    return define(HERE / "partnership" / "report.yaml")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("thirty")


@pytest.fixture(scope="module")
def released(data: Path) -> NearlyExact:
    """One run for all questions."""
    sources = write_population(data / "rows")
    return nearly_exact(HERE / "partnership", sources, data / "rows", data / "work")


@pytest.fixture(scope="module")
def plain(released: NearlyExact, data: Path) -> Plain:
    return Plain(data / "rows")


def estimates(released: NearlyExact, name: str) -> dict[tuple[str, ...], Estimate]:
    return {cell.keys: cell.estimate for cell in released.tables[name].cells}


def value(released: NearlyExact, name: str, *keys: str) -> float:
    found = estimates(released, name)[keys].value
    assert found is not None
    return float(found)


def test_there_are_thirty_questions() -> None:
    assert QUESTIONS == [f"q{number:02}" for number in range(1, 31)]


@pytest.mark.parametrize("question", QUESTIONS)
def test_yaml_and_python_are_the_same_queries(question: str, definitions: Definitions) -> None:
    """The same numbers are measured, to the digest; titles alone differ."""
    report, checked = definitions.report, definitions.checked
    written = {name: query for name, query in report.queries.items() if name[:3] == question}
    assert list(written) == [name for name in QUERIES if name[:3] == question]
    digests = []
    for queries in (written, {name: QUERIES[name] for name in written}):
        one = report.replace(queries=queries)
        digests.append(report_digests(one, checked, check_report(one, checked))[0])
    assert digests[0] == digests[1]
    assert all(query.title is not None and {*query.title} == {"en", "zh"} for query in written.values())


@pytest.mark.parametrize("name", ANSWERS)
def test_every_cell_is_what_sql_says(name: str, released: NearlyExact, plain: Plain) -> None:
    table = released.tables[name]
    found, expected = estimates(released, name), plain.numbers(ANSWERS[name])
    assert set(expected) <= set(found) and expected
    assert set(expected) == set(found) or table.measure != "top"
    for keys, estimate in found.items():
        exact = expected.get(keys)
        if exact is None and table.measure in SUMS and not table.name.endswith((".rates", ".change")):
            exact = 0.0
        same(estimate, exact, table)


def same(estimate: Estimate, exact: float | None, table: ResultTable) -> None:
    """Equal as it is printed, to a ten-thousandth of a step, and within its interval.

    A deviation is put right for the variance of noise whether or not noise was drawn: a few parts in a million here.
    """
    if exact is None:
        assert estimate.value is None
        return
    assert estimate.value is not None
    rounding = 0.51e-4 * float(table.step)
    assert float(estimate.value) == pytest.approx(
        exact, abs=rounding, rel=1e-5 if table.measure == "std" else 1e-9
    )
    assert float(estimate.low) - rounding <= exact <= float(estimate.high) + rounding


def test_every_table_is_compared(released: NearlyExact) -> None:
    """By SQL in one statement, or below."""
    below = {*QUANTILES, *REGRESSIONS, *CONCENTRATIONS, "q16_rank_of_level_and_tier"}
    below |= {f"{name}.fit" for name in REGRESSIONS} | {f"{name}.lorenz" for name in CONCENTRATIONS}
    assert set(released.tables) == set(ANSWERS) | below


@pytest.mark.parametrize("name", QUANTILES)
def test_quantiles_lie_between_the_cuts_around_them(name: str, released: NearlyExact, plain: Plain) -> None:
    column, groups, cuts, highest, at = QUANTILES[name]
    edges = np.array([0, *cuts, highest], dtype=float)
    found, exact = estimates(released, name), quantiles(plain, name)
    tight = 0
    for group, who in groups.items():
        rows = plain.rows(f"SELECT {column} FROM person WHERE {who}")
        values = np.sort([float(x) for (x,) in rows])
        counts = np.histogram(values, edges)[0]
        for p in at:
            keys = (*group, f"p{p * 100:g}")
            estimate = found[keys]
            rank = int(np.ceil(p * len(values)))
            assert exact[keys] == values[rank - 1]
            # The bin of the quantile, and of the order statistics within two ranks, which conventions may name.
            ranks = np.clip(np.arange(rank - 2, rank + 3), 1, len(values)) - 1
            bins = np.searchsorted(edges[1:-1], values[ranks], side="right")
            own = edges[bins[2]], edges[bins[2] + 1]
            assert edges[bins[:3]].min() <= estimate.low <= own[0]
            assert own[1] <= estimate.high <= edges[bins[2:] + 1].max()
            tight += (estimate.low, estimate.high) == own
            part = (p * len(values) - counts[: bins[2]].sum()) / counts[bins[2]]
            assert float(estimate.value or 0) == pytest.approx(own[0] + part * (own[1] - own[0]), rel=1e-3)
    assert tight >= 0.8 * len(found)


def test_16_rank_correlation_is_scipys(released: NearlyExact, plain: Plain) -> None:
    assert value(released, "q16_rank_of_level_and_tier") == pytest.approx(rank_correlation(plain), abs=1e-4)


@pytest.mark.parametrize("name", REGRESSIONS)
def test_18_regression_is_numpys(name: str, released: NearlyExact, plain: Plain) -> None:
    select, terms = REGRESSIONS[name]
    coefficients, explained = fitted(plain, select)
    for term, coefficient in zip(terms, coefficients, strict=True):
        assert value(released, name, term) == pytest.approx(coefficient, rel=2e-3, abs=1e-6)
    assert value(released, f"{name}.fit") == pytest.approx(explained, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", CONCENTRATIONS)
def test_30_concentration(name: str, released: NearlyExact, plain: Plain) -> None:
    """Lorenz points exactly; Gini and the top share between what the bins allow, which is what the interval says."""
    groups, cuts, top = CONCENTRATIONS[name]
    edges = np.array([0, *cuts, 10_000], dtype=float)
    for keys, who in groups.items():
        held = spends(plain, who)
        n, total = len(held), held.sum()
        for point, exact in lorenz(held, cuts):
            assert value(released, f"{name}.lorenz", *keys, *point) == pytest.approx(exact, abs=1e-5)
        counts, sums = (np.histogram(held, edges, weights=weights)[0] for weights in (np.ones(n), held))
        lattice = 4e-3 + 2.5 / n
        between = _gini_between(counts, sums, edges)
        _spans(estimates(released, name)[*keys, "gini"], *between, gini(held), lattice)
        tail = np.append(np.cumsum(counts[::-1])[::-1], 0), np.append(np.cumsum(sums[::-1])[::-1], 0)
        most = (edges * (top * n - tail[0]) + tail[1]).min() / total
        chord = np.interp(top, tail[0][::-1] / n, tail[1][::-1] / total)
        _spans(estimates(released, name)[*keys, "top"], chord, most, top_share(held, top), lattice)


def _gini_between(counts: Reals, sums: Reals, edges: Reals) -> tuple[float, float]:
    """With everybody of a bin at its mean, and at its two edges (Gastwirth 1972)."""
    below = np.cumsum(sums) - sums
    whole = counts.sum() * sums.sum()
    low = float(1 - (counts * (2 * below + sums)).sum() / whole)
    more = (sums - counts * edges[:-1]) * (counts * edges[1:] - sums) / np.diff(edges)
    return low, low + float(more.sum() / whole)


def _spans(estimate: Estimate, low: float, high: float, exact: float, lattice: float) -> None:
    """The interval is that of the bounds, but for the room of a lattice step, and the value lies in the middle."""
    assert low <= exact <= high and estimate.value is not None
    assert float(estimate.low) <= exact <= float(estimate.high)
    assert (float(estimate.low), float(estimate.high)) == pytest.approx((low, high), abs=lattice)
    assert float(estimate.value) == pytest.approx((low + high) / 2, abs=2e-4)


def test_12_and_20_and_29_differences_are_scipys(released: NearlyExact, plain: Plain) -> None:
    bought = _by_arm(plain, "bought_cd::INT", "true")
    [test] = released.tables["q12_conversion.change"].tests
    assert test.statistic == pytest.approx(_two_shares(*bought), rel=1e-3)
    by_tier = released.tables["q12_conversion_by_tier.change"].tests
    assert [one.keys for one in by_tier] == [(tier, "exposed") for tier in TIERS]
    for one in by_tier:
        groups = _by_arm(plain, "bought_cd::INT", f"tier = '{one.keys[0]}'")
        assert one.statistic == pytest.approx(_two_shares(*groups), rel=3e-3)  # few are private customers
    for name, column, where in (
        ("q20_change_in_activity", "after::INT - before::INT", "balance > 1000"),
        ("q29_uplift_618", "greatest(-500, least(500, uplift))", "true"),
    ):
        control, exposed = _by_arm(plain, column, where)
        [test] = released.tables[f"{name}.change"].tests
        welch = stats.ttest_ind(exposed, control, equal_var=False).statistic
        assert test.statistic == pytest.approx(welch, rel=1e-2, abs=1e-3)


def _by_arm(plain: Plain, column: str, where: str) -> tuple[list[float], list[float]]:
    rows = plain.rows(f"SELECT arm, {column} FROM person WHERE shared AND {where}")
    control, exposed = ([float(x) for a, x in rows if a == arm] for arm in ("control", "exposed"))
    return control, exposed


def _two_shares(control: list[float], exposed: list[float]) -> float:
    table = [[sum(group), len(group) - sum(group)] for group in (control, exposed)]
    z = float(np.sqrt(stats.chi2_contingency(table, correction=False).statistic))
    return z if np.mean(exposed) > np.mean(control) else -z


def test_15_trend_is_cochran_and_armitages(released: NearlyExact, plain: Plain) -> None:
    rows = plain.rows("""SELECT CASE WHEN return_rate = 0 THEN 0 WHEN return_rate < 0.15 THEN 1 WHEN return_rate < 0.4
        THEN 2 ELSE 3 END, (days_past_due >= 90)::INT FROM person WHERE shared AND return_rate IS NOT NULL
        AND days_past_due IS NOT NULL""")
    band, late = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    [test] = released.tables["q15_default_by_return_rate"].tests
    r = stats.pearsonr(band, late).statistic
    assert test.statistic == pytest.approx(r * np.sqrt(len(band)), rel=1e-3)
    assert test.found


def test_17_independence_is_pearsons(released: NearlyExact, plain: Plain) -> None:
    counts = plain.numbers(ANSWERS["q17_category_and_investment"])
    rows = [
        [counts[category, product] or 0.0 for product in ("cd", "wealth", "metals")]
        for category in ("phones", "apparel", "food", "other")
    ]
    exact = stats.chi2_contingency(rows)
    [test] = released.tables["q17_category_and_investment"].tests
    assert test.degrees == exact.dof
    assert test.statistic == pytest.approx(exact.statistic, rel=1e-3)
    assert test.p_value == pytest.approx(exact.pvalue, rel=0.02)


def test_23_changes_between_months_are_told_from_chance(released: NearlyExact, plain: Plain) -> None:
    """The change over the root of both months' sums of squares."""
    squares = plain.numbers("""SELECT category, month, sum(least(s, 500) ** 2) FROM (SELECT customer_id, category, month,
        sum(amount) AS s FROM orders GROUP BY ALL) JOIN person USING (customer_id) WHERE shared GROUP BY ALL""")
    changes = plain.numbers(ANSWERS["q23_category_spend_by_month.change"])
    tests = released.tables["q23_category_spend_by_month.change"].tests
    assert [test.keys for test in tests] == list(changes) or {test.keys for test in tests} == set(changes)
    months = sorted({month for _, month in squares})
    for test in tests:
        category, month = test.keys
        before = months[months.index(month) - 1]
        spread = (squares.get((category, month)) or 0) + (squares.get((category, before)) or 0)
        change = changes[test.keys]
        assert change is not None
        assert test.statistic == pytest.approx(change / np.sqrt(spread), rel=1e-3, abs=1e-3)
