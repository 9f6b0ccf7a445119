"""Consistency: least squares against a dense oracle, its statistics by simulation, and integers that add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import chi2

from dpinsights.errors import InternalError
from dpinsights.estimation import equations
from dpinsights.estimation.consistency import Adjusted, Observed, consistent, rounded

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

PROVINCE, TIER, AGE = (axis.ravel() for axis in np.indices((4, 3, 2)))
TOTAL = np.zeros(24, dtype=np.int64)
REPORT = {
    "all": TOTAL,
    "tier": TIER,
    "cross": PROVINCE * 3 + TIER,
    "base": np.arange(24),
    "province": PROVINCE,
}
MARGINS = {"province": PROVINCE, "tier": TIER}
PAIRS = {"pt": PROVINCE * 3 + TIER, "ta": TIER * 2 + AGE, "pa": PROVINCE * 2 + AGE}
# The third is the sum of the first two: an equation that no two tables have with one another.
ADDED = {
    "a": np.repeat([0, 1, 2], 3),
    "b": np.tile([0, 1, 2], 3),
    "sum": np.add.outer(range(3), range(3)).ravel(),
}
WEEKS = {"week": np.arange(56) // 7, "fortnight": np.arange(56) // 14, "decade": np.arange(56) // 10}
SCHEMES = [REPORT, MARGINS, PAIRS, ADDED, WEEKS, {"tier": TIER, "again": TIER}, {"alone": PROVINCE}]


def matrix(cell: Integers) -> Floats:
    return np.equal.outer(np.arange(cell.max() + 1), cell).astype(float)


def observe(
    scheme: dict[str, Integers], base: Floats, scales: list[float], random: np.random.Generator
) -> list[Observed]:
    return [
        Observed(key, matrix(cell) @ base + random.normal(0, scale, cell.max() + 1), scale, cell)
        for (key, cell), scale in zip(scheme.items(), scales, strict=True)
    ]


def oracle(observed: list[Observed]) -> tuple[Floats, Floats, float, int]:
    """Least squares over the base by its definition: fit, variances, statistic and degrees of freedom."""
    stacked = np.vstack([matrix(table.cell_of) for table in observed])
    scale = np.concatenate([np.full(len(table.values), table.scale) for table in observed])
    noisy = np.concatenate([table.values for table in observed])
    weighted = stacked / scale[:, None]
    base, _, rank, _ = np.linalg.lstsq(weighted, noisy / scale, rcond=1e-10)
    covariance = stacked @ np.linalg.pinv(weighted.T @ weighted, rcond=1e-10, hermitian=True) @ stacked.T
    fitted = stacked @ base
    return fitted, np.diag(covariance), float((((noisy - fitted) / scale) ** 2).sum()), len(noisy) - int(rank)


def joint(tables: Adjusted, field: str) -> Floats:
    return np.concatenate([getattr(table, field) for table in tables.tables])


@st.composite
def tables(draw: st.DrawFn) -> list[Observed]:
    """Random partitions of a small base, with random noisy numbers, some far below zero."""
    size = draw(st.integers(1, 12))
    made = []
    for at in range(draw(st.integers(1, 4))):
        named = draw(st.lists(st.integers(0, 5), min_size=size, max_size=size))
        cell = np.unique(named, return_inverse=True)[1].astype(np.int64)
        cell = np.arange(size) if draw(st.integers(0, 3)) == 0 else cell
        cells = int(cell.max()) + 1
        values = draw(st.lists(st.integers(-60, 200), min_size=cells, max_size=cells))
        scale = draw(st.floats(0.5, 50))
        made.append(Observed(f"t{at}", np.array(values, dtype=float), scale, cell))
    return made


@settings(max_examples=200)
@given(tables())
def test_the_fit_is_the_least_squares_one(observed: list[Observed]) -> None:
    found = consistent(observed)
    fitted, variances, statistic, degrees = oracle(observed)
    assert found.degrees == degrees
    assert joint(found, "values") == pytest.approx(fitted, abs=1e-6)
    assert joint(found, "variances") == pytest.approx(variances, rel=1e-6, abs=1e-6)
    assert found.statistic == pytest.approx(statistic, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("dense", [True, False])
def test_named_schemes_by_either_solver(
    scheme: dict[str, Integers], dense: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(equations, "FULL", 0 if dense else 1)
    monkeypatch.setattr(equations, "BLOCK", 40)
    random = np.random.default_rng(1)
    base = random.integers(0, 1000, len(next(iter(scheme.values())))).astype(float)
    observed = observe(scheme, base, [3.0, 10.0, 1.0, 30.0, 5.0][: len(scheme)], random)
    found = consistent(observed)
    fitted, variances, statistic, degrees = oracle(observed)
    assert joint(found, "values") == pytest.approx(fitted)
    assert joint(found, "variances") == pytest.approx(variances)
    assert (found.statistic, found.degrees) == (pytest.approx(statistic), degrees)
    assert found.p_value == pytest.approx(chi2.sf(statistic, degrees) if degrees else 1.0)


@pytest.mark.parametrize(
    ("scheme", "degrees"),
    [
        (REPORT, 1 + 3 + 12 + 4),
        (MARGINS, 1),
        (PAIRS, 12 + 6 + 8 - (24 - 3 * 2 * 1)),
        (ADDED, 2 + 1),
        (WEEKS, 4 + 1),
    ],
)
def test_degrees_of_freedom_count_independent_equations(scheme: dict[str, Integers], degrees: int) -> None:
    """Pairs leave out the three-way interaction; fortnights are weeks, and decades share only the total with them."""
    base = np.full(len(next(iter(scheme.values()))), 10.0)
    found = consistent(observe(scheme, base, [1.0] * len(scheme), np.random.default_rng(2)))
    assert found.degrees == degrees


@settings(max_examples=200)
@given(tables(), st.integers(0, 2**32))
def test_the_fit_is_linear_and_keeps_what_adds_up(observed: list[Observed], seed: int) -> None:
    """Together these are unbiasedness: the fit of truth plus noise is the truth plus the fit of the noise."""
    base = np.random.default_rng(seed).integers(0, 500, len(observed[0].cell_of)).astype(float)
    truth = [matrix(table.cell_of) @ base for table in observed]

    def fit(values: list[Floats]) -> Floats:
        return joint(
            consistent(
                [Observed(t.key, v, t.scale, t.cell_of) for t, v in zip(observed, values, strict=True)]
            ),
            "values",
        )

    noise = [table.values for table in observed]
    both = fit([t + n for t, n in zip(truth, noise, strict=True)])
    assert fit(truth) == pytest.approx(np.concatenate(truth), abs=1e-6)
    assert both == pytest.approx(np.concatenate(truth) + fit(noise), abs=1e-5)


@settings(max_examples=200)
@given(tables())
def test_variances_never_exceed_the_raw_ones_and_tables_keep_their_places(observed: list[Observed]) -> None:
    found = consistent(observed)
    for raw, table in zip(observed, found.tables, strict=True):
        assert (table.key, len(table.values)) == (raw.key, len(raw.values))
        assert (table.variances <= raw.scale**2).all()
        assert (table.variances > 0).all()


def test_fitted_tables_add_up() -> None:
    random = np.random.default_rng(3)
    observed = observe(REPORT, random.integers(0, 50, 24).astype(float), [5.0, 9.0, 2.0, 7.0, 4.0], random)
    found = {table.key: table.values for table in consistent(observed).tables}
    for key, cell in REPORT.items():
        assert found[key] == pytest.approx(np.bincount(cell, weights=found["base"]))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [REPORT, MARGINS, PAIRS, ADDED])
def test_variances_coverage_and_false_alarms_by_simulation(scheme: dict[str, Integers]) -> None:
    """With the noise that is drawn, a discrete Gaussian; the alarm set where false ones can be counted."""
    random, rounds, scale = np.random.default_rng(4), 1500, 6.0
    base = random.integers(0, 1000, len(next(iter(scheme.values()))))
    steps = np.arange(-80, 81)
    mass = np.exp(-(steps**2) / (2 * scale**2))
    truth = {key: np.bincount(cell, weights=base) for key, cell in scheme.items()}
    errors, alarms = [], 0
    for _ in range(rounds):
        noise = {key: random.choice(steps, len(true), p=mass / mass.sum()) for key, true in truth.items()}
        found = consistent(
            [Observed(k, truth[k] + noise[k], scale, cell) for k, cell in scheme.items()], alarm=0.05
        )
        errors.append(joint(found, "values") - np.concatenate(list(truth.values())))
        alarms += found.raised
    deviations, variances = np.array(errors), joint(found, "variances")
    assert deviations.mean(axis=0) == pytest.approx(0, abs=4.5 * scale / rounds**0.5)
    assert deviations.var(axis=0) / variances == pytest.approx(1, abs=4.5 * (2 / rounds) ** 0.5)
    assert 0.03 < alarms / rounds < 0.07
    covered = np.abs(deviations) <= 1.959964 * np.sqrt(variances)
    ends = np.cumsum([len(true) for true in truth.values()])[:-1]
    assert min(part.mean() for part in np.split(covered, ends, axis=1)) >= 0.939


@pytest.mark.parametrize("scheme", [REPORT, MARGINS])
def test_a_table_of_another_population_raises_the_alarm(scheme: dict[str, Integers]) -> None:
    random = np.random.default_rng(5)
    base = np.full(24, 500.0)
    observed = observe(scheme, base, [10.0] * len(scheme), random)
    assert not consistent(observed).raised
    other = observe(scheme, base * 0.9, [10.0] * len(scheme), random)[1]
    assert consistent([observed[0], other, *observed[2:]]).raised


@settings(max_examples=200)
@given(tables())
def test_rounded_tables_are_images_of_one_table(observed: list[Observed]) -> None:
    adjusted = consistent(observed)
    found = rounded(adjusted)
    joined = np.unique(np.array([table.cell_of for table in observed]), axis=1).shape[1]
    finest = max(range(len(observed)), key=lambda at: len(observed[at].values))
    assert (adjusted.base is not None) == (len(observed[finest].values) == joined)
    for table, integers in zip(adjusted.tables, found, strict=True):
        assert integers.key == table.key
        assert (integers.values >= 0).all()
        assert integers.changed.tolist() == (np.abs(integers.values - table.values) >= 1).tolist()
        if adjusted.base is None:
            assert not integers.changed[table.values >= 0].any()
    if adjusted.base is not None:
        _, place = np.unique(observed[adjusted.base].cell_of, return_index=True)
        for table, integers in zip(observed, found, strict=True):
            image = np.zeros(len(integers.values), dtype=np.int64)
            np.add.at(image, table.cell_of[place], found[adjusted.base].values)
            assert integers.values.tolist() == image.tolist()


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.floats(0.5, 40))
def test_down_a_hierarchy_integers_are_next_to_the_nearest_non_negative_fit(seed: int, scale: float) -> None:
    """The non-negative fit by an independent method, and each cell its floor or its ceiling."""
    random = np.random.default_rng(seed)
    scheme = {"all": TOTAL, "province": PROVINCE, "base": np.arange(24)}
    observed = observe(scheme, random.integers(0, 12, 24).astype(float), [scale, 3.0, scale], random)
    stacked = np.vstack([matrix(table.cell_of) / table.scale for table in observed])
    best, _ = nnls(stacked, np.concatenate([table.values / table.scale for table in observed]))
    for table, integers in zip(observed, rounded(consistent(observed)), strict=True):
        assert np.abs(integers.values - matrix(table.cell_of) @ best).max() < 1 + 1e-4


def test_without_negative_fits_a_hierarchy_only_rounds() -> None:
    random = np.random.default_rng(6)
    scheme = {"base": np.arange(24), "province": PROVINCE, "all": TOTAL}
    adjusted = consistent(observe(scheme, np.full(24, 900.0), [3.0, 5.0, 7.0], random))
    assert not any(table.changed.any() for table in rounded(adjusted))


def test_large_sums_keep_adding_up() -> None:
    scheme = {"base": np.arange(24), "all": TOTAL}
    base = np.random.default_rng(7).integers(0, 2**52, 24).astype(float)
    fine, total = rounded(consistent(observe(scheme, base, [1e6, 1e6], np.random.default_rng(8))))
    assert total.values.tolist() == [int(fine.values.sum())]


def test_what_is_no_coarsening_is_refused() -> None:
    values = np.zeros(2)
    for cell in ([0, 0, 0], [0, 1, 2], [-1, 0, 1], []):
        with pytest.raises(InternalError):
            Observed("x", values, 1.0, np.array(cell, dtype=np.int64))
    for scale in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(InternalError, match="scale"):
            Observed("x", values, scale, np.array([0, 1]))
    with pytest.raises(InternalError, match="common base"):
        consistent([])
    with pytest.raises(InternalError, match="common base"):
        consistent(
            [Observed("x", values, 1.0, np.array([0, 1])), Observed("y", values, 1.0, np.array([0, 1, 1]))]
        )
