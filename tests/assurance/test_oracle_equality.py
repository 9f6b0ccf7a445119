"""What DuckDB computes is what docs/formulation.md says, to the bit, selection order included."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpinsights.errors import SourceError
from tests.assurance.engine import Format, by_engine, by_oracle, random_case

MERGED = 14
REFUSED = 13
"""The seed of a schema that is refused: its bounds and decimals together need more than 38 digits."""


def assert_equal(schema: int, seeds: list[int], folder: Path, format: Format) -> None:
    """Engine and oracle agree on the relation and on the vectors."""
    case = random_case(schema, seeds, schema)
    found, expected = by_engine(case, folder, format), by_oracle(case, format)
    assert found[0] == expected[0]
    assert found[1] == expected[1]


def test_a_schema_is_refused(tmp_path: Path) -> None:
    """Before any row is read."""
    with pytest.raises(SourceError, match="more than 38 digits"):
        assert_equal(REFUSED, [1], tmp_path, "parquet")


@pytest.mark.parametrize("seed", [*range(REFUSED), REFUSED + 1])
def test_merged_parquet(seed: int, tmp_path: Path) -> None:
    """Fourteen databases in one scan."""
    assert_equal(seed, [100 * seed + n for n in range(MERGED)], tmp_path, "parquet")


@pytest.mark.parametrize("seed", range(20, 26))
def test_merged_csv(seed: int, tmp_path: Path) -> None:
    """Fourteen databases as text."""
    assert_equal(seed, [100 * seed + n for n in range(MERGED)], tmp_path, "csv")


@pytest.mark.parametrize("seed", range(30, 44))
def test_parquet(seed: int, tmp_path: Path) -> None:
    """One database; ids may be stored as integers."""
    assert_equal(seed, [seed], tmp_path, "parquet")


@pytest.mark.parametrize("seed", range(46, 54))
def test_csv(seed: int, tmp_path: Path) -> None:
    """One database as text."""
    assert_equal(seed, [seed], tmp_path, "csv")


@pytest.mark.slow
@pytest.mark.parametrize("format", ["parquet", "csv"])
@pytest.mark.parametrize("seed", range(54, 114))
def test_many_more(seed: int, format: Format, tmp_path: Path) -> None:
    """A hundred and twenty more merges; some schemas are refused."""
    try:
        assert_equal(seed, [100 * seed + n for n in range(MERGED)], tmp_path, format)
    except SourceError as refused:
        assert "more than 38 digits" in str(refused)
