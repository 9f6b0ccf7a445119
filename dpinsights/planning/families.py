"""Which tables of a plan must add up: proved from definitions, before anything is drawn.

Two counts of customers are images of one vector per customer where population, condition and null rule are the same and
each customer lies in exactly one cell of either. The proof is by structure. Every group's code must be known never to
be null for a member of the population, so that no customer is in one table and left out of the other. And a group must
be a function of another's code alone: the same code, keys gathered into fewer ones, or coarser cuts of the same number.
What a customer adds to several groups, or to chosen ones, is no such image and never enters.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from dpinsights.estimation.agreement import cells_of
from dpinsights.model.canonical import canonical_bytes
from dpinsights.model.contract import Boolean, Category, Contract, DecimalColumn, Integer
from dpinsights.model.expressions import (
    Absent,
    Aggregate,
    Case,
    Coalesce,
    Constant,
    CustomerColumn,
    Cut,
    Divide,
    IsNull,
    Member,
    Node,
    Recode,
    RowColumn,
    parts_of,
)
from dpinsights.model.measurement import Group, Measured, Measurement, Relation
from dpinsights.model.plan import Family, Image

MOST_CELLS, MOST_BASE = 6_000, 100_000
"""Cells of a family's tables together, and of the base that they are images of: beyond, adjusting takes longer than a
report should."""

NEVER_NULL = frozenset({"sum", "count", "any", "all", "distinct"})
"""Aggregates that have a value over no rows too."""


def families(measurements: Sequence[Measured], contract: Contract) -> tuple[Family, ...]:
    """The families of two tables or more, in the order of the plan."""
    together: dict[bytes, list[Measured]] = {}
    for measurement in measurements:
        vector = _vector(measurement, contract)
        if isinstance(measurement, Measurement) and vector is not None and _is_reachable(measurement):
            together.setdefault(vector, []).append(measurement)
    found = [
        common_base(members)
        for members in together.values()
        if len(members) > 1 and sum(member.relation.cells for member in members) <= MOST_CELLS
    ]
    return tuple(family for family in found if math.prod(family.sizes) <= MOST_BASE)


def _is_reachable(measurement: Measurement) -> bool:
    """Whether somebody can be in each cell: not where one group is a function of another of the same table."""
    family = common_base([measurement])
    if math.prod(family.sizes) > MOST_BASE:
        return False
    return len(np.unique(cells_of(family, family.images[0]))) == measurement.relation.cells


def same_vector(measurements: Sequence[Measured], contract: Contract) -> bool:
    """Whether counts are images of one vector per customer."""
    vectors = {_vector(measurement, contract) for measurement in measurements}
    return len(vectors) == 1 and None not in vectors


def _vector(measurement: Measured, contract: Contract) -> bytes | None:
    """What tells the per-customer vector of a count from others, or None for what is no plain count of everyone."""
    relation = measurement.relation
    if not _is_plain_count(measurement) or not _covers_everyone(relation, contract):
        return None
    return canonical_bytes((relation.population, relation.where, relation.present))


def _is_plain_count(measurement: Measured) -> bool:
    relation = measurement.relation
    return (
        isinstance(measurement, Measurement)
        and measurement.value is None
        and measurement.strategy is None
        and relation.rows is None
        and not relation.pairs
    )


def _covers_everyone(relation: Relation, contract: Contract) -> bool:
    """Whether each customer who meets the conditions has a code in every group."""
    return all(is_known(group.code, relation.population, contract, frozenset()) for group in relation.groups)


def is_known(node: Node, population: str, contract: Contract, present: frozenset[str]) -> bool:
    """Whether a node is proved not to be null for any member of a population.

    `present` holds the tables in which the customer is known to have a row.
    """
    match node:
        case CustomerColumn(table, column):
            return (table in present or _lists(table, population, contract)) and _keeps_nulls(
                contract, table, column
            )
        case Aggregate():
            return node.how in NEVER_NULL
        case Absent() | Member() | IsNull():
            return True
        case Constant(value):
            return value is not None
        case RowColumn() | Divide():
            return False
        case Coalesce(parts):
            return any(is_known(part, population, contract, present) for part in parts)
        case Recode(part, codes):
            return -1 not in codes and is_known(part, population, contract, present)
        case Case(branches, otherwise):
            absent = branches[0][0] if len(branches) == 1 else None
            here = present | ({absent.table} if isinstance(absent, Absent) else set())
            return is_known(otherwise, population, contract, here) and all(
                is_known(then, population, contract, present) for _, then in branches
            )
    return all(is_known(part, population, contract, present) for part in parts_of(node))


def _lists(table: str, population: str, contract: Contract) -> bool:
    """Whether a population's members are all listed in a table of one row each."""
    parties = list(contract.parties) if population == "shared" else [population]
    listing = [contract.parties[party].members for party in parties if party in contract.parties]
    return table in listing and contract.tables[table].rows == "one"


def _keeps_nulls(contract: Contract, table: str, column: str) -> bool:
    """Whether a column's nulls, and a category's unknown texts, become values."""
    match contract.tables[table].columns[column]:
        case Category() as category:
            return category.nulls is not None and category.unknown is not None
        case Boolean() | Integer() | DecimalColumn() as declared:
            return declared.nulls is not None
    return False


def common_base(members: Sequence[Measured]) -> Family:
    """The base of some tables of one vector, and each one's image of it."""
    groups = [group for member in members for group in member.relation.groups]
    roots = _roots(groups)
    order = list(roots)
    sizes = tuple(size for size, _ in roots.values())
    images = tuple(
        Image(
            member.key,
            tuple(
                (order.index(_root(group)[0]), group.size, _codes(group, roots))
                for group in member.relation.groups
            ),
        )
        for member in members
    )
    return Family(sizes, images)


Roots = Mapping[bytes, tuple[int, tuple[int, ...]]]
"""For each root, how many base codes it has, and the cuts between them if it is a number."""


def _root(group: Group) -> tuple[bytes, tuple[int, ...] | None, tuple[tuple[int, ...], ...]]:
    """What a group's code is a function of: a root, its cuts if the root is a number, and the recodings after it."""
    node, recodings = group.code, []
    while isinstance(node, Recode):
        recodings.append(node.codes)
        node = node.part
    if isinstance(node, Cut):
        return canonical_bytes(("cut", node.part)), node.at, tuple(reversed(recodings))
    return canonical_bytes(node), None, tuple(reversed(recodings))


def _roots(groups: Sequence[Group]) -> dict[bytes, tuple[int, tuple[int, ...]]]:
    roots: dict[bytes, tuple[int, tuple[int, ...]]] = {}
    for group in groups:
        root, at, recodings = _root(group)
        size, cuts = roots.get(root, (0, ()))
        if at is None:
            roots[root] = (len(recodings[0]) if recodings else group.size, ())
        else:
            cuts = tuple(sorted({*cuts, *at}))
            roots[root] = (len(cuts) + 1, cuts)
    return roots


def _codes(group: Group, roots: Roots) -> tuple[int, ...]:
    """For each base code of the group's root, the group's own code."""
    root, at, recodings = _root(group)
    size, cuts = roots[root]
    codes = list(range(size)) if at is None else [bisect_right(at, low) for low in (at[0] - 1, *cuts)]
    for recoding in recodings:
        codes = [recoding[code] for code in codes]
    return tuple(codes)
