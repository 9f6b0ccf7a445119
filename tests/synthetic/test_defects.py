"""Defects come at their rates, and only when they are asked for."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dpinsights.synthetic import PopulationError, generate
from dpinsights.synthetic.defects import UNKNOWN_KEY, spoil
from dpinsights.synthetic.population import Defects
from dpinsights.synthetic.streams import Stream

SPEC = Path(__file__).parents[2] / "reports" / "gongyin-xiaobai" / "population.yaml"
SIZES = {"icbc": 6_000, "jd": 4_000}


def test_defects_at_their_rates(tmp_path: Path) -> None:
    clean = generate(SPEC, tmp_path / "clean", sizes=SIZES, seed=1)
    spoiled = generate(SPEC, tmp_path / "spoiled", sizes=SIZES, seed=1, defects=True)
    orders = pq.read_table(tmp_path / "spoiled/jd/orders.parquet")
    assert spoiled.rows["jd.orders"] / clean.rows["jd.orders"] == pytest.approx(1.01, abs=0.004)
    ids, amounts = orders["customer_id"], orders["amount"].to_numpy()
    assert ids.null_count / len(ids) == pytest.approx(0.05, abs=0.01)
    assert pc.mean(pc.starts_with(ids, " ")).as_py() == pytest.approx(0.02, abs=0.005)
    assert pc.mean(pc.equal(orders["category"], UNKNOWN_KEY)).as_py() == pytest.approx(0.02, abs=0.005)
    assert (amounts < 0).mean() == pytest.approx(0.05, abs=0.01)
    assert (amounts != amounts).mean() == pytest.approx(0.002, abs=0.0015)
    assert pq.read_schema(tmp_path / "spoiled/icbc/holdings.parquet").field("opened_on").type == pa.string()


def test_clean_unless_asked(tmp_path: Path) -> None:
    generate(SPEC, tmp_path, sizes=SIZES, seed=1)
    orders = pq.read_table(tmp_path / "jd/orders.parquet")
    assert orders["customer_id"].null_count == 0
    assert pc.min(orders["amount"]).as_py() > 0
    assert UNKNOWN_KEY not in orders["category"].to_pylist()


def test_wide_ids_are_full_width_characters() -> None:
    table = pa.table({"id": ["0a9f"]})
    assert spoil(table, "id", Defects(wide_ids=1.0), Stream(1, 0))["id"].to_pylist() == ["０ａ９ｆ"]


def test_only_numbers_can_be_negative() -> None:
    table = pa.table({"id": ["0a"], "kind": ["x"]})
    with pytest.raises(PopulationError, match="kind is not a number"):
        spoil(table, "id", Defects(negative={"kind": 1.0}), Stream(1, 0))
