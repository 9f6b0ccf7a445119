"""Tests under noise: scipy's without it, the level with it, and what is not tested."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, false_discovery_control, norm, ttest_1samp, ttest_ind

from dpinsights.estimation.intervals import Noisy
from dpinsights.estimation.significance import Tested, benjamini_hochberg, independence, trend
from dpinsights.estimation.two_groups import Moments, paired, total_change, two_means, two_shares
from tests.assurance.null_populations import Case, bins, changes, exposed, means, rate, reports, table

POPULATIONS = 4_000


@given(st.integers(2, 8), st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_independence_without_noise_is_pearsons_chi_square(rows: int, columns: int, seed: int) -> None:
    counts = np.random.default_rng(seed).integers(20, 400, (rows, columns))
    expected = chi2_contingency(counts, correction=False)
    found = independence(counts, 0.0)
    assert found.degrees == expected.dof
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_an_empty_row_without_noise_is_left_out() -> None:
    counts = [[30, 20], [0, 0], [20, 30]]
    assert independence(counts, 0.0) == independence([counts[0], counts[2]], 0.0)


def test_a_monte_carlo_p_value_is_near_the_chi_squares_where_both_hold() -> None:
    counts = [[2, 40, 30], [7, 30, 41]]
    found = independence(counts, 0.0)
    assert found.p_value != pytest.approx(chi2_contingency(counts, correction=False).pvalue, abs=1e-6)
    assert independence([[14, 40, 31], [22, 30, 41]], 8.0) == independence([[14, 40, 31], [22, 30, 41]], 8.0)
    assert found.p_value == pytest.approx(chi2_contingency(counts, correction=False).pvalue, abs=0.02)


def test_trend_without_noise_is_cochran_and_armitage() -> None:
    s, t, w = np.array([30, 45, 80, 60]), np.array([300, 310, 420, 260]), np.array([0.0, 1.0, 2.0, 5.0])
    p = s.sum() / t.sum()
    score = (w * (s - p * t)).sum()
    variance = p * (1 - p) * ((t * w**2).sum() - (t * w).sum() ** 2 / t.sum())
    found = trend(s, t, 0.0, 0.0, w)
    assert found.statistic == pytest.approx(score / math.sqrt(variance))
    assert found.p_value == pytest.approx(2 * norm.sf(abs(found.statistic)))


def test_shares_without_noise_are_the_two_by_two_table() -> None:
    found = two_shares(Noisy(80.0, 0.0), Noisy(500.0, 0.0), Noisy(130.0, 0.0), Noisy(1300.0, 0.0))
    expected = chi2_contingency([[80, 420], [130, 1170]], correction=False)
    assert found.statistic == pytest.approx(math.sqrt(expected.statistic))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_means_and_changes_without_noise_are_welch_and_the_paired_z() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.integers(0, 100, 400).astype(float), rng.integers(0, 95, 400).astype(float)
    groups = [
        Moments(*(Noisy(float(v), 0.0) for v in (len(each), each.sum(), each @ each))) for each in (x, y)
    ]
    assert two_means(*groups).statistic == pytest.approx(ttest_ind(x, y, equal_var=False).statistic)
    d = x - y
    found = paired(Noisy(float(d.sum()), 0.0), Noisy(float(d @ d), 0.0)).statistic
    assert found == pytest.approx(ttest_1samp(d, 0).statistic, rel=0.02)
    sums = Noisy(float(x.sum()), 0.0), Noisy(float(y.sum()), 0.0)
    bound = total_change(*sums, Noisy(float(x @ x), 0.0), Noisy(float(y @ y), 0.0))
    assert 0 < bound.statistic < found


NONE = Noisy(20.0, 10.0)
SOME = Noisy(900.0, 10.0)
LESS = Noisy(-5.0, 10.0)


@pytest.mark.parametrize(
    "found",
    [
        independence(np.full((3, 3), -2.0), 10.0),
        independence([[30, 0], [25, 0]], 0.0),
        trend([3, -2, 5], [10, 20, -12], 10.0, 10.0),
        trend([0, 0], [50, 40], 0.0, 0.0),
        two_shares(NONE, NONE, SOME, SOME),
        two_shares(SOME, SOME, NONE, LESS),
        two_means(Moments(NONE, SOME, SOME), Moments(SOME, SOME, SOME)),
        two_means(Moments(SOME, SOME, LESS), Moments(SOME, SOME, SOME)),
        paired(SOME, LESS),
        total_change(SOME, SOME, LESS, LESS),
    ],
)
def test_what_the_noise_drowns_is_not_tested(found: Tested) -> None:
    assert found.p_value is None


@given(st.lists(st.integers(-60, 200), min_size=6, max_size=6), st.integers(1, 60))
def test_negative_cells_break_nothing(cells: list[int], scale: int) -> None:
    found = independence(np.array(cells).reshape(2, 3), float(scale), draws=19)
    assert found.p_value is None or 0 <= found.p_value <= 1
    rates = trend(cells[:3], cells[3:], float(scale), float(scale), draws=19)
    assert rates.p_value is None or 0 <= rates.p_value <= 1


@pytest.mark.parametrize("bad", [[[1, 2]], [1, 2, 3]])
def test_no_table(bad: list[object]) -> None:
    with pytest.raises(ValueError, match="2 x 2"):
        independence(np.array(bad, dtype=float), 1.0)


def test_no_trend() -> None:
    with pytest.raises(ValueError, match="scores"):
        trend([1, 2], [3, 4], 0.0, 0.0, [1.0, 1.0])


def in_three_bins(n: int, scale: float, rng: np.random.Generator) -> Tested:
    """Each customer has one answer, counted in three of twelve bins: nothing depends on the bin."""
    first, answer = rng.integers(0, 10, n), rng.random(n) < 0.3
    places = first[:, None] + np.arange(3)
    sizes = np.bincount(places.ravel(), minlength=12).astype(float)
    hits = np.bincount(places[answer].ravel(), minlength=12).astype(float)
    noise_s, noise_t = rng.normal(0, scale, (2, 12)) if scale else np.zeros((2, 12))
    return trend(hits + noise_s, sizes + noise_t, scale, scale, most=3, draws=199)


@pytest.mark.parametrize(("n", "scale"), [(3_000, 0.0), (3_000, 20.0), (300, 5.0)])
def test_customers_in_several_bins_do_not_make_a_trend(n: int, scale: float) -> None:
    """Taken for different customers they would in one of five data sets."""
    rng = np.random.default_rng(5)
    p = [in_three_bins(n, scale, rng).p_value for _ in range(400)]
    assert sum(x is not None and x <= 0.05 for x in p) <= 33


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 5))
def test_benjamini_hochberg_is_scipys_with_none_as_one(p: list[float], nones: int) -> None:
    adjusted = false_discovery_control([*p, *[1.0] * nones])
    near = np.abs(adjusted - 0.05) < 1e-9
    found = benjamini_hochberg([*p, *[None] * nones], 0.05)
    assert all(f == (a <= 0.05) for f, a, close in zip(found, adjusted, near, strict=True) if not close)
    assert benjamini_hochberg([], 0.05) == ()


EXACT = [
    table(300, 2, 2, 4),
    table(3_000, 3, 4, 12),
    table(3_000, 4, 3, 10, rare=True),
    table(100_000, 8, 6, 625),
    bins(300, 4, 0.3, 4),
    bins(3_000, 6, 0.05, 25),
    bins(100_000, 12, 0.02, 417),
    exposed(500, 20_000, 0.05, 10),
    exposed(20_000, 20_000, 0.02, 60),
    means(5_000, 5_000, 5),
    means(5_000, 5_000, 30),
]
AT_MOST = [
    table(300, 2, 2, 75),
    table(3_000, 3, 4, 250),
    bins(3_000, 6, 0.05, 150),
    exposed(200, 200, 0.3, 60),
    means(200, 2_000, 5),
    changes(3_000, 5, True),
    changes(3_000, 30, False),
]


def _name(case: Case) -> str:
    return f"{case.test} {case.setting}"


@pytest.mark.slow
@pytest.mark.parametrize("case", EXACT, ids=_name)
def test_the_level_is_kept(case: Case) -> None:
    false, _ = rate(case, 0.0, POPULATIONS)
    assert abs(false - 0.05) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("case", AT_MOST, ids=_name)
def test_the_level_is_not_passed_where_noise_is_large(case: Case) -> None:
    false, _ = rate(case, 0.0, POPULATIONS)
    assert false <= 0.06


@pytest.mark.parametrize("case", [table(3_000, 3, 4, 12), exposed(20_000, 20_000, 0.02, 10)], ids=_name)
def test_an_effect_is_found(case: Case) -> None:
    power, _ = rate(case, case.effect, 100)
    assert power > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.0, 10.0])
def test_reports_invent_nothing(scale: float) -> None:
    share = reports(1_000, scale)
    assert share <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 1_000)
