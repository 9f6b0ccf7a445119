"""The four populations, whole: files, sources, determinism, flat memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

import dpinsights.synthetic.blocks as blocks_module
from dpinsights.model.policy import Parquet, Sources
from dpinsights.synthetic import PopulationError, generate, read_population
from dpinsights.synthetic.blocks import Blocks
from dpinsights.synthetic.population import sizes_of

REPORTS = Path(__file__).parents[2] / "reports"
PARTNERSHIPS = ("gongyin-xiaobai", "abc-baidu", "boc-tencent", "ccb-ant")


def small(name: str) -> dict[str, int]:
    """The declared sizes, a fiftieth of them."""
    sizes = read_population(REPORTS / name / "population.yaml").people.sizes
    return {party: customers // 50 for party, customers in sizes.items()}


@pytest.mark.parametrize("name", PARTNERSHIPS)
def test_makes_every_table_of_the_contract_with_its_columns_and_keys(name: str, tmp_path: Path) -> None:
    sizes = small(name)
    generate(REPORTS / name / "population.yaml", tmp_path, sizes=sizes, seed=7)
    contract = YAML(typ="safe", pure=True).load(REPORTS / name / "contract.yaml")
    sources = Sources.model_validate(YAML(typ="safe", pure=True).load(tmp_path / "sources.yaml"))
    assert sources.origin == "synthetic"
    assert sources.snapshot == "2017-q4"
    assert set(sources.tables) == set(contract["tables"])
    for table, declared in contract["tables"].items():
        source = sources.tables[table]
        assert isinstance(source, Parquet)
        found = pq.read_table(tmp_path / str(source.parquet))
        assert set(found.column_names) == {declared["customer"], *declared["columns"]}
        if declared["rows"] == "one":
            assert (
                len(set(found[declared["customer"]].to_pylist()))
                == found.num_rows
                == sizes[table.split(".")[0]]
            )
        for column, spec in declared["columns"].items():
            values, kind = found[column], spec["type"]
            if kind == "category":
                assert set(values.drop_null().to_pylist()) <= set(spec["keys"])
            elif kind in ("integer", "decimal"):
                is_kind = pa.types.is_decimal if kind == "decimal" else pa.types.is_integer
                assert is_kind(values.type), f"{table}.{column} is {values.type}"
            else:
                assert str(values.type).startswith({"boolean": "bool"}.get(kind, kind))


@pytest.mark.parametrize("name", PARTNERSHIPS)
def test_shared_customers_are_as_many_as_told(name: str, tmp_path: Path) -> None:
    sizes = small(name)
    made = generate(REPORTS / name / "population.yaml", tmp_path, sizes={**sizes, "shared": 900}, seed=3)
    people = {
        path.parent.name: set(pq.read_table(path, columns=["customer_id"])["customer_id"].to_pylist())
        for path in tmp_path.glob("*/*.parquet")
        if path.stem in ("customers", "users")
    }
    assert {party: len(ids) for party, ids in people.items()} == sizes == made.customers
    assert len(set.intersection(*people.values())) == 900


def test_a_seed_means_one_population(tmp_path: Path) -> None:
    spec, sizes = REPORTS / "gongyin-xiaobai" / "population.yaml", {"icbc": 500, "jd": 300}
    files = {}
    for run, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(spec, tmp_path / run, sizes=sizes, seed=seed)
        files[run] = [path.read_bytes() for path in sorted((tmp_path / run).glob("*/*.parquet"))]
    assert files["a"] == files["b"]
    assert all(one != other for one, other in zip(files["a"], files["c"], strict=True))


def test_a_block_is_the_same_in_any_order_and_on_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks_module, "BLOCK", 400)
    population = read_population(REPORTS / "gongyin-xiaobai" / "population.yaml")
    sizes = sizes_of(population, {"icbc": 1000, "jd": 600})
    blocks = Blocks(population, sizes, 5)
    forward = [blocks.make(block) for block in range(len(blocks))]
    backward = [blocks.make(block) for block in reversed(range(len(blocks)))][::-1]
    alone = Blocks(population, sizes, 5).make(2)
    assert len(blocks) == 4
    assert forward == backward
    assert alone == forward[2]
    ids = np.concatenate([block["icbc.customers"]["customer_id"].to_numpy() for block in forward])
    assert len(set(ids)) == 1000


def test_memory_stays_flat(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ten times the people take no more Arrow memory at once: what is alive is one block."""
    monkeypatch.setattr(blocks_module, "BLOCK", 2_000)
    spec = REPORTS / "gongyin-xiaobai" / "population.yaml"
    peaks = []
    for customers in (4_000, 40_000):
        pool = pa.logging_memory_pool(pa.system_memory_pool())
        before = pa.default_memory_pool()
        tracked = pa.proxy_memory_pool(pool)
        pa.set_memory_pool(tracked)
        try:
            generate(spec, tmp_path / str(customers), sizes={"icbc": customers, "jd": customers // 2}, seed=1)
        finally:
            pa.set_memory_pool(before)
        peaks.append(tracked.max_memory())
    assert peaks[1] < 2 * peaks[0]


def test_nothing_half_written_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Blocks, block: int) -> dict[str, pa.Table]:
        if block:
            raise KeyboardInterrupt
        return make(self, block)

    make = Blocks.make
    monkeypatch.setattr(blocks_module, "BLOCK", 300)
    monkeypatch.setattr(Blocks, "make", fail)
    with pytest.raises(KeyboardInterrupt):
        generate(
            REPORTS / "abc-baidu" / "population.yaml", tmp_path, sizes={"abc": 300, "baidu": 200}, seed=1
        )
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"icbc": 100, "jd": 1000}, "do not fit"),
        ({"nobody": 5}, "no such party: nobody"),
        ({"icbc": 0}, "do not fit"),
        ({"icbc": 1000, "jd": 1000, "shared": 990}, "at most 49.5% can be shared"),
    ],
)
def test_sizes_that_can_not_be(sizes: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(PopulationError, match=message):
        generate(REPORTS / "gongyin-xiaobai" / "population.yaml", tmp_path, sizes=sizes, seed=1)
    assert not list(tmp_path.iterdir())
