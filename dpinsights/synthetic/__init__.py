"""Populations that are made up, from declared distributions or from a contract alone.

The only room with a random number generator of its own: it draws data, never noise.

- `population`: what population.yaml may say, and how large the population is;
- `draws`: the vocabulary of its columns; `drawing`: each word of it as a vectorised function;
- `streams`: random numbers by address, so that blocks and columns don't depend on each other;
- `values`, `columns`: columns under construction, and as Arrow;
- `blocks`: people block by block, with all of their rows;
- `defects`: what real extracts have wrong with them;
- `contracts`: a population from a contract alone;
- `generation`: all of it into Parquet files.
"""

from dpinsights.synthetic.contracts import population_from_contract
from dpinsights.synthetic.errors import PopulationError
from dpinsights.synthetic.generation import Generated, generate
from dpinsights.synthetic.population import Population, read_population

__all__ = [
    "Generated",
    "Population",
    "PopulationError",
    "generate",
    "population_from_contract",
    "read_population",
]
