"""A population from a contract alone: every declared key equally likely, every number between its bounds.

It knows nothing of the parties beyond what they signed, so it serves to try definitions out before there is
any data.
"""

from __future__ import annotations

from datetime import date
from typing import Any, assert_never

from dpinsights.model.contract import (
    Boolean,
    Category,
    Column,
    Contract,
    Date,
    DecimalColumn,
    Integer,
    Text,
    Timestamp,
)
from dpinsights.synthetic.draws import Draw, as_draw
from dpinsights.synthetic.errors import PopulationError
from dpinsights.synthetic.population import Population

LARGEST = 10_000
"""Customers of the larger party, unless `generate` is told otherwise."""

ROWS_PER_CUSTOMER = {"poisson_lognormal": {"mu": 0.7, "sd": 0.9}}
"""About 3 rows for each member of a table with many rows, and some members without any."""


def population_from_contract(contract: Contract, *, start: date, until: date, snapshot: str) -> Population:
    """A population whose tables, columns, keys and bounds are the contract's.

    Args:
        contract: the contract; its planning figures give the proportions of the parties.
        start: the first day on which anything happens.
        until: the day after the last.
        snapshot: what the sources call the snapshot.

    Raises:
        PopulationError: the contract plans no customers for a party, or none shared.
    """
    parties, planned = tuple(contract.parties), contract.planning.customers
    missing = [name for name in (*parties, "shared") if not planned.get(name)]
    if missing:
        raise PopulationError(
            f"{contract.contract}: planning.customers gives no figure for {', '.join(missing)}"
        )
    scale = LARGEST / max(planned[party] for party in parties)
    smaller = min(parties, key=lambda party: planned[party])
    share = min(planned["shared"] / planned[smaller], 0.99)
    return Population.model_validate(
        {
            "population": contract.contract,
            "snapshot": snapshot,
            "basis": "the contract alone: even shares, even numbers",
            "people": {
                "sizes": {party: max(1, round(planned[party] * scale)) for party in parties},
                "shared": {"of": smaller, "share": share},
            },
            "tables": {
                name: {
                    "rows": "one" if table.rows == "one" else ROWS_PER_CUSTOMER,
                    "customer": table.customer,
                    "columns": {key: even(column, start, until) for key, column in table.columns.items()},
                }
                for name, table in contract.tables.items()
            },
        }
    )


def even(column: Column, start: date, until: date) -> Draw:
    """The draw that favours no value of a column.

    >>> column = Integer(type="integer", bounds=(0, 9))
    >>> even(column, date(2017, 1, 1), date(2018, 1, 1)).uniform
    (0.0, 9.0)
    """
    window: dict[str, Any] = {"from": start, "until": until}
    match column:
        case Category():
            keys = [key for key in column.keys if key != column.absent]
            return as_draw({"shares": dict.fromkeys(keys, 1 / len(keys))})
        case Boolean():
            return as_draw({"bernoulli": {"rate": 0.5}})
        case Integer():
            return as_draw({"uniform": [float(bound) for bound in column.bounds], "whole": True})
        case DecimalColumn():
            return as_draw({"uniform": [float(bound) for bound in column.bounds], "step": column.step})
        case Date():
            return as_draw({"dates": window})
        case Timestamp():
            return as_draw({"moments": {**window, "zone": column.zone}})
        case Text():
            texts = sorted({f"{number} text"[: column.max_length].strip() for number in range(9)})
            return as_draw({"shares": dict.fromkeys(texts, 1 / len(texts))})
        case _:
            assert_never(column)
