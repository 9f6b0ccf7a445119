"""From a declared population to Parquet files and the sources.yaml that names them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from dpinsights.synthetic.blocks import Blocks
from dpinsights.synthetic.defects import spoil
from dpinsights.synthetic.errors import PopulationError
from dpinsights.synthetic.population import Population, read_population, sizes_of
from dpinsights.synthetic.streams import Stream


@dataclass(frozen=True)
class Generated:
    """What was made: where its sources.yaml lies, and how much there is. Made up, so sizes are no secret."""

    sources: Path
    snapshot: str
    customers: Mapping[str, int]
    rows: Mapping[str, int]


def generate(
    spec: Path | Population,
    out: Path,
    *,
    sizes: Mapping[str, int] | None = None,
    seed: int,
    defects: bool = False,
) -> Generated:
    """Make a population: `<party>/<table>.parquet` for each table, and `sources.yaml`, below `out`.

    The same declaration, sizes, seed and numpy version give the same rows. Blocks of people stream to the
    files, so memory does not grow with the sizes.

    Args:
        spec: a population.yaml, or a population that was built.
        out: a directory; made if missing, and files of the same names are replaced.
        sizes: customers by party, and `shared`; what is not given is as declared.
        seed: any whole number that is not negative.
        defects: whether to inject the declared defects.

    Raises:
        PopulationError: the declaration or the sizes can't be used; nothing is left behind half written.
    """
    population = spec if isinstance(spec, Population) else read_population(spec)
    if seed < 0:
        raise PopulationError(f"seed: expected a whole number from 0 on, found {seed}")
    blocks = Blocks(population, sizes_of(population, sizes), seed)
    places = {name: f"{name.replace('.', '/')}.parquet" for name in population.tables}
    unfinished = {name: out / f"{place}.part" for name, place in places.items()}
    rows = dict.fromkeys(places, 0)
    try:
        with ExitStack() as stack:
            writers: dict[str, pq.ParquetWriter] = {}
            for block in range(len(blocks)):
                for name, table in blocks.make(block).items():
                    if defects and name in population.defects:
                        at = Stream(seed, block).child("defects").child(name)
                        table = spoil(table, population.tables[name].customer, population.defects[name], at)
                    if name not in writers:
                        unfinished[name].parent.mkdir(parents=True, exist_ok=True)
                        writers[name] = stack.enter_context(_writer(unfinished[name], table.schema))
                    writers[name].write_table(table)
                    rows[name] += table.num_rows
        for name, place in places.items():
            os.replace(unfinished[name], out / place)
    finally:
        for path in unfinished.values():
            path.unlink(missing_ok=True)
    sources = out / "sources.yaml"
    sources.write_text(_sources(population.snapshot, places), encoding="utf-8")
    return Generated(sources, population.snapshot, blocks.sizes.customers, rows)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Plain columns for any reader: no Arrow types are stored, keys are strings, decimals integers inside."""
    texts = [
        field.name for field in schema if pa.types.is_dictionary(field.type) or pa.types.is_string(field.type)
    ]
    return pq.ParquetWriter(
        path,
        schema,
        use_dictionary=texts,
        store_schema=False,
        store_decimal_as_integer=True,
        compression="snappy",
    )


def _sources(snapshot: str, places: Mapping[str, str]) -> str:
    tables = "\n".join(f"  {name}: {{parquet: {place}}}" for name, place in places.items())
    return f"""# Made up from declared distributions: no row here belongs to anyone.
snapshot: {snapshot}
origin: synthetic
engine: {{duckdb: {{memory: 4GB}}}}
tables:
{tables}
"""
