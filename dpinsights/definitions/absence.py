"""Populations whose members may lack the column that they are grouped by."""

from __future__ import annotations

from collections.abc import Iterator

from dpinsights.definitions.places import Fault
from dpinsights.definitions.typed import Typed, known
from dpinsights.model.contract import Contract
from dpinsights.model.expressions import Absent, Aggregate, Case, CustomerColumn, Node, parts_of


def check_absent(name: str, value: Typed, population: str | None, contract: Contract) -> None:
    """A population whose members may not be customers of a column's party needs the column's key for absence.

    Only a population that is written down: a query that names none asks about whoever has the value. Members of the
    column's own party may lack the row too; they have no value, and are in no group.

    Raises:
        Fault: `absent-needed`.
    """
    if not known(value).nullable or population is None or population == "shared":
        return
    if population != "any" and population not in contract.parties:
        return  # reported at the population
    for table in _unguarded(value.node):
        party = table.split(".")[0]
        if party != population:
            message = f"customers who are not {party}'s have no {name}: they need a key of their own"
            raise Fault("absent-needed", message, f"absent: in the column of {table}, or population: shared")


def _unguarded(node: Node) -> Iterator[str]:
    """Tables of one row whose absence a node does not handle."""
    if isinstance(node, Aggregate):
        return
    if isinstance(node, Case) and len(node.branches) == 1 and isinstance(node.branches[0][0], Absent):
        return
    if isinstance(node, CustomerColumn):
        yield node.table
        return
    for part in parts_of(node):
        yield from _unguarded(part)
