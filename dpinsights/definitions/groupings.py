"""Categories, bins and public figures as the groups of a query, for readers and for engines."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal

from dpinsights.definitions import building as build
from dpinsights.definitions.places import Fault, nearest, within
from dpinsights.definitions.ranges import steps_of
from dpinsights.definitions.typed import Typed, known
from dpinsights.model.contract import Contract
from dpinsights.model.expressions import Cut
from dpinsights.model.measurement import Group
from dpinsights.model.names import FrozenMap
from dpinsights.model.numbers import plain
from dpinsights.model.plan import Axis
from dpinsights.model.report import Query
from dpinsights.model.resolved import ResolvedValue
from dpinsights.model.values import Key

_TRUTHS = (Key("false", FrozenMap(en="No", zh="否")), Key("true", FrozenMap(en="Yes", zh="是")))


def grouping(name: str, value: Typed, contract: Contract) -> tuple[Axis, Group]:
    """A category or truth value as a group, for readers and for engines."""
    kind = known(value)
    keys = kind.keys if kind.kind == "category" else _TRUTHS
    return Axis(name, _names(name, contract), keys), Group(value.node, len(keys))


def _names(name: str, contract: Contract) -> FrozenMap[str, str] | None:
    if name in contract.features:
        return contract.features[name].name
    table, _, column = name.rpartition(".")
    return contract.tables[table].columns[column].name if table in contract.tables else None


def bins(query: Query, value: ResolvedValue) -> tuple[tuple[Axis, ...], tuple[Group, ...], tuple[int, ...]]:
    """The bins of a number between its bounds: axis, group and edges in steps.

    Raises:
        Fault: for a cut that is no whole number of steps or not within the bounds, or for bounds below 0.
    """
    cuts = tuple(_cuts(query, value))
    if query.measure == "concentration" and value.low < 0:
        with within("bounds" if query.bounds is not None else query.measure):
            message = f"concentration is of a number that is not negative, and this begins at {plain(value.low * value.type.step)}"
            raise Fault("negative-values", message, f"bounds: [0, {plain(value.high * value.type.step)}]")
    edges = (value.low, *cuts, value.high)
    texts = [plain(edge * value.type.step) for edge in edges]
    keys = tuple(
        Key(f"{a}..{b}", FrozenMap(en=f"{a} to {b}", zh=f"{a} 至 {b}")) for a, b in itertools.pairwise(texts)
    )
    within_bounds = value.type.low >= value.low and value.type.high <= value.high
    node = Cut(value.node if within_bounds else build.clamped(value.node, value.low, value.high), cuts)
    return (Axis(value.name, None, keys),), (Group(node, len(keys)),), edges


def _cuts(query: Query, value: ResolvedValue) -> Iterator[int]:
    low, high = (plain(bound * value.type.step) for bound in (value.low, value.high))
    for place, cut in enumerate(query.cuts or ()):
        with within("cuts", place):
            steps = steps_of(cut, value.type.step)
            if steps in (value.low, value.high):
                message = f"the cut {plain(cut)} is a bound, where the bins begin or end anyhow"
                raise Fault("cut-out-of-bounds", message, "leave it out")
            if not value.low < steps < value.high:
                message = f"the cut {plain(cut)} is not between the bounds {low} and {high}"
                raise Fault("cut-out-of-bounds", message, "wider bounds" if query.bounds else "leave it out")
            yield steps


def public_figures(query: Query, axes: tuple[Axis, ...], contract: Contract) -> tuple[Decimal | None, ...]:
    """For each key of the group that public figures are about, its figure.

    Raises:
        Fault: `unknown-figures`, `group-needed` or `unknown-key`.
    """
    name = query.out_of or ""
    if name not in contract.figures:
        hint = nearest(name, contract.figures) or ", ".join(contract.figures) or "figures, in the contract"
        raise Fault("unknown-figures", f"the contract has no figures '{name}'", hint)
    figures = contract.figures[name]
    axis = next((axis for axis in axes if axis.source == figures.of), None)
    if axis is None or query.count != "customers":
        raise Fault(
            "group-needed", f"{name} are by {figures.of}: count customers by it", f"by: [{figures.of}]"
        )
    keys = [key.key for key in axis.keys]
    for key in figures.values:
        if key not in keys:
            raise Fault("unknown-key", f"'{key}' is not a key of {figures.of}", nearest(key, keys))
    return tuple(figures.values.get(key) for key in keys)
