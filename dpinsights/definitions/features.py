"""Features of a contract, resolved for a period: from what is written to a node with its type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dpinsights.definitions import building as build
from dpinsights.definitions.aggregates import OVER_ROWS, aggregated, bounded, ratio
from dpinsights.definitions.aggregates import whole_bounds as whole_bounds
from dpinsights.definitions.expressions import parse
from dpinsights.definitions.naming import column_value, find_column
from dpinsights.definitions.periods import Days, PeriodFault, during, end_of_period, periods
from dpinsights.definitions.places import Fault, nearest, within
from dpinsights.definitions.recoding import cut, recode
from dpinsights.definitions.rows import has_time
from dpinsights.definitions.rows import many_rows as many_rows
from dpinsights.definitions.rows import rows_table as rows_table
from dpinsights.definitions.rows import within_period as within_period
from dpinsights.definitions.typed import BOOLEAN, Typed, known, truth
from dpinsights.model.contract import Contract, Feature
from dpinsights.model.expressions import Member, Node, conjunction
from dpinsights.model.names import FrozenMap
from dpinsights.model.report import Period
from dpinsights.model.values import ValueType


@dataclass(frozen=True)
class ResolvedFeature:
    """A feature with its node and type.

    Attributes:
        table: the many-row table whose rows it is about; None if it is about customers.
    """

    name: str
    node: Node
    type: ValueType
    table: str | None
    names: FrozenMap[str, str] | None

    @property
    def level(self) -> Literal["row", "customer"]:
        """What the feature is about."""
        return "customer" if self.table is None else "row"


@dataclass
class Features:
    """The features of one contract over one period; resolved when first asked for."""

    contract: Contract
    period: Period
    broken: frozenset[str] = frozenset()
    """Full names of columns that have a problem of their own, which is reported there."""
    _done: dict[str, ResolvedFeature | Fault] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    def lookup(self, parts: tuple[str, ...]) -> Typed:
        """The value behind a name: a feature, a full column name, or an end of the period."""
        ends = end_of_period(".".join(parts), self.period)
        if ends is not None:
            return ends
        if len(parts) == 1 and parts[0] in self.contract.features:
            try:
                feature = self.get(parts[0])
            except Cycle:
                raise
            except PeriodFault as fault:
                raise fault.of(parts[0]) from None
            except Fault:
                raise _broken(parts[0]) from None
            return Typed(feature.node, feature.type)
        found = find_column(self.contract, parts)
        if ".".join(parts) in self.broken:
            raise _broken(".".join(parts))
        return column_value(*found)

    def get(self, name: str) -> ResolvedFeature:
        """A feature.

        Raises:
            Fault: what is wrong with it; `broken-feature` if that is another feature's fault; `feature-cycle`.
        """
        if name in self._open:
            cycle = self._open[self._open.index(name) :]
            raise Cycle([*cycle, name])
        if name not in self._done:
            self._open.append(name)
            try:
                self._done[name] = self._resolve(name, self.contract.features[name])
            except Cycle as cycle:
                again = Cycle(cycle.members)
                again.path = (self.contract.features[name].kind,)
                self._done[name] = again if name in cycle.members else _broken(name)
                raise
            except Fault as fault:
                self._done[name] = fault
                raise
            finally:
                self._open.pop()
        done = self._done[name]
        if isinstance(done, Fault):
            raise done
        return done

    def faults(self) -> dict[str, Fault]:
        """What is wrong with each faulty feature; a cycle is named once."""
        for name in self.contract.features:
            try:
                self.get(name)
            except Fault:
                continue
        found: dict[str, Fault] = {}
        cycles: set[frozenset[str]] = set()
        for name, done in self._done.items():
            if isinstance(done, Cycle):
                if frozenset(done.members) in cycles:
                    continue
                cycles.add(frozenset(done.members))
            if isinstance(done, Fault) and done.code != "broken-feature":
                found[name] = done
        return found

    def _resolve(self, name: str, feature: Feature) -> ResolvedFeature:
        kind = feature.kind
        with within(kind):
            value, about = self._value(feature)
        match kind:
            case "member":
                result = value
            case "cut":
                result = cut(feature, value)
            case "recode":
                result = recode(feature, value)
            case "periods":
                result = periods(feature, value, self.period)
            case "expression":
                result = bounded(feature, value)
            case "ratio":
                assert feature.ratio is not None
                with within(kind, 1):
                    below = parse(feature.ratio[1], self.lookup)
                result = ratio(feature, value, below)
            case _:
                result, about = self._over_rows(feature, value, about), None
        return ResolvedFeature(name, result.node, known(result), about, feature.name)

    def _value(self, feature: Feature) -> tuple[Typed, str | None]:
        """What a feature is taken of, and the table whose rows that is about."""
        if feature.kind == "count":
            about = many_rows(self.contract, feature.of)
            return Typed(build.TRUE, ValueType("number", 1, 1, nullable=False)), about
        if feature.kind == "member":
            parties = self.contract.parties
            if feature.of not in parties:
                hint = nearest(feature.of, parties) or " or ".join(parties)
                raise Fault("unknown-party", f"'{feature.of}' is not a party of this contract", hint)
            return Typed(Member(feature.of), BOOLEAN), None
        with within(*((0,) if feature.kind == "ratio" else ())):
            value = parse(feature.of, self.lookup)
        return value, rows_table(value.node)

    def _over_rows(self, feature: Feature, value: Typed, table: str | None) -> Typed:
        kind = feature.kind
        assert kind in OVER_ROWS
        if table is None:
            with within(kind):
                raise Fault(
                    "not-about-rows",
                    f"{kind} is made from rows of a many-row table, and this is about customers",
                )
        where = None
        if feature.where is not None:
            with within("where"):
                where = truth(parse(feature.where, self.lookup)).node
                if rows_table(where) != table:
                    raise Fault("where-about-rows", f"where must be about rows of {table}")
        time = self._time(feature, table)
        if time is None and kind in ("first", "last"):
            where = conjunction(where, has_time(self.contract, table))
        rows = within_period(self.contract, table, time, where)
        return aggregated(feature, value, table, rows, self.lookup)

    def _time(self, feature: Feature, table: str) -> Days | None:
        """The time that a feature's rows must lie in."""
        time = self.contract.tables[table].time
        for needs, given in ((feature.kind, feature.kind in ("first", "last")), ("during", feature.during)):
            if given and time is None:
                with within(needs):
                    raise Fault(
                        "time-needed",
                        f"{needs} goes by the time column, and {table} declares none",
                        f"time: in {table}",
                    )
        if time is not None and f"{table}.{time}" in self.broken:
            raise _broken(f"{table}.{time}")
        with within("during"):
            return during(feature, self.period)


class Cycle(Fault):
    """Features that need each other."""

    def __init__(self, path: list[str]) -> None:
        super().__init__("feature-cycle", f"features need each other: {' -> '.join(path)}")
        self.members = path


def _broken(name: str) -> Fault:
    return Fault("broken-feature", f"{name} has a problem of its own")
