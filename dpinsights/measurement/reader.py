"""Declared tables as rows of cleaned whole numbers, one source row at a time."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from dpinsights.errors import SourceError
from dpinsights.measurement import tree
from dpinsights.measurement.engines.interface import Engine
from dpinsights.measurement.reading import cleaned, customer_id
from dpinsights.measurement.tree import Sql
from dpinsights.model.contract import Contract

CUSTOMER = "customer"


class Reader:
    """Reads declared tables as cleaned whole numbers; knows schemas, never rows."""

    def __init__(self, contract: Contract, engine: Engine) -> None:
        """Checks that every declared table has its columns in a readable storage.

        Raises:
            SourceError: naming the table and column; found from schemas alone.
        """
        self.contract = contract
        self.engine = engine
        self.storage = {table: engine.storage(table) for table in contract.tables}
        for name, declared in contract.tables.items():
            for column in (declared.customer, *declared.columns):
                if column not in self.storage[name]:
                    raise SourceError(
                        f"{name}: the source has no column {column!r}; it has {', '.join(sorted(self.storage[name]))}"
                    )
        kinds = {self.storage[name][table.customer].kind for name, table in contract.tables.items()}
        self.ids_as_text = kinds != {"integer"}
        for name in contract.tables:
            self.rows(name, contract.tables[name].columns)

    def rows(self, name: str, columns: Iterable[str]) -> exp.Select:
        """A table's rows: the customer, never null, and the given columns cleaned, each under its own name."""
        declared = self.contract.tables[name]
        wanted = sorted(set(columns))
        select = (
            exp.select(exp.alias_(self._customer(name), CUSTOMER, quoted=True))
            .select(*(exp.alias_(tree.column(column), f"_{column}", quoted=True) for column in wanted))
            .from_(self.engine.source(name))
        )
        stages = {c: cleaned(declared.columns[c], self.storage[name][c], place=f"{name}.{c}") for c in wanted}
        for step in range(max((len(steps) for steps in stages.values()), default=0)):
            made = [
                exp.alias_(steps[step](tree.column(f"_{c}")), f"_{c}", quoted=True)
                if step < len(steps)
                else tree.column(f"_{c}")
                for c, steps in stages.items()
            ]
            select = exp.select(tree.column(CUSTOMER), *made).from_(select.subquery("stored"))
        present = exp.select(tree.column(CUSTOMER), *(tree.column(f"_{column}") for column in wanted))
        return present.from_(select.subquery("read")).where(tree.not_null(tree.column(CUSTOMER)))

    def _customer(self, name: str) -> Sql:
        column = self.contract.tables[name].customer
        return customer_id(
            tree.column(column),
            self.storage[name][column],
            as_text=self.ids_as_text,
            place=f"{name}.{column}",
        )

    def members(self, party: str) -> tuple[str, ...]:
        """The tables whose customers are a party's members."""
        listed = self.contract.parties[party].members
        return (listed,) if listed else tuple(t for t in self.contract.tables if t.split(".")[0] == party)
