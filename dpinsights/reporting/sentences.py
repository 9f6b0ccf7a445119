"""What a table's numbers estimate, in sentences, and the limits, bounds and processing that a reader must know of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from markupsafe import Markup

from dpinsights.model.release import Cell, Flag, Release, ResultTable
from dpinsights.reporting.conditions import condition_in_words
from dpinsights.reporting.figures import per_cent, unit_name
from dpinsights.reporting.kinds import kind_of
from dpinsights.reporting.labels import Labels
from dpinsights.reporting.words import Words

# Measures whose groups say more than "in the group".
_OWN = frozenset(
    {"histogram", "pairs", "funnel", "retention", "quantile", "top", "corr", "regression", "concentration"}
)

_BOUNDS = {
    "sum": "bounds_customer",
    "ratio": "bounds_first",
    "corr": "bounds_first",
    "regression": "bounds_first",
}
_CUT_AT_ZERO = frozenset(
    {"customers", "rows", "total", "mean-per-customer", "mean-per-row", "share-of-customers", "share-of-rows"}
)


def is_suppressed(cell: Cell) -> bool:
    """Whether a number is not shown."""
    return Flag.SUPPRESSED in cell.estimate.flags


class Sentences:
    """Speaks of one table of a release; `first` is the first table of its query, perhaps itself."""

    def __init__(self, release: Release, table: ResultTable, first: ResultTable, words: Words) -> None:
        self.release, self.table, self.first, self.words = release, table, first, words
        self.kind = kind_of(table)
        self.flags = {flag for cell in table.cells for flag in cell.estimate.flags}

    def all(self) -> list[Markup]:
        """What a number estimates, then the filters."""
        table, words = self.table, self.words
        found = [self._compared() if self.kind.comparison else self._estimates()]
        if table is not self.first:
            return found
        if table.measure in _OWN and len(table.axes) > self._own_axes():
            found.append(words.say("each_group"))
        for key, condition in (("where", table.where), ("rows_where", table.rows_where)):
            if condition:
                found.append(words.say(key, condition=self.condition(condition)))
        return found

    def _own_axes(self) -> int:
        return {"corr": 0, "pairs": 2, "retention": 2}.get(self.table.measure, 1)

    def _estimates(self) -> Markup:
        table, words = self.table, self.words
        rows = table.of.rpartition(".")[0]
        key = f"est_{self._key()}"
        if not words.has(key):
            key = f"{key}_{'grouped' if table.axes else 'all'}"
        return words.say(
            key,
            people=self.people(),
            of=self.of(),
            over=self.named(table.over) if table.over else "",
            condition=self.condition(table.of),
            rows=words.name(self.release.names.get(rows), rows or table.of),
        )

    def _key(self) -> str:
        table = self.table
        if table.estimates == "customers" and table.measure in _OWN:
            return table.measure
        if table.measure == "corr":
            # Ranks come from one table of counts, moments from several sums of products.
            products = any("*" in fact.role for fact in table.noise)
            return "correlation_values" if products else "correlation_ranks"
        return table.estimates

    def _compared(self) -> Markup:
        """What is set against what: the group that a comparison leaves out is its base."""
        words = self.words
        how = words.say(f"compared_{self.kind.comparison}")
        pairs = zip(self.first.axes, self.table.axes, strict=False)
        for place, (whole, axis) in enumerate(pairs):
            kept = [key.key for key in axis.keys]
            missing = [at for at, key in enumerate(whole.keys) if key.key not in kept]
            if not missing:
                continue
            label = Labels(self.release, self.first, words).keys[place][whole.keys[missing[0]].key]
            if self.table.against[-1:] == ("previous",) and len(whole.keys) > 2:
                return words.say("compared_previous", how=how)
            return words.say("compared_base", how=how, base=label)
        return words.say("compared_total", how=how)

    def people(self) -> Markup:
        """Which customers the numbers are about."""
        words, parties = self.words, self.release.parties
        first, second = [words.name(names, party) for party, names in parties.items()][:2]
        if self.table.population in parties:
            return words.say(
                "people_party", party=words.name(parties[self.table.population], self.table.population)
            )
        return words.say(f"people_{self.table.population}", first=first, second=second)

    def of(self) -> str:
        """What is summed, averaged or counted, as readers may call it."""
        if self.table.measure == "corr":
            first, _, second = self.table.of.partition(", ")
            return self.words.text("of_two", first=self.named(first), second=self.named(second))
        return self.named(self.table.of)

    def named(self, of: str) -> str:
        """A feature or a column, the latter with its table."""
        names = self.release.names
        table, _, column = of.rpartition(".")
        if column and table in names and of in names:
            named = (self.words.name(names[of], column), self.words.name(names[table], table))
            return self.words.text("column_of", column=named[0], table=named[1])
        return self.words.name(names.get(of), of)

    def condition(self, text: str) -> Markup:
        """A condition as a clause."""
        return condition_in_words(text, self.release.names, self.words)

    # Notes

    def notes(self) -> Iterator[Markup]:
        """Limits, bounds, processing and wishes that hold for the whole table."""
        table, words = self.table, self.words
        if table is self.first:
            yield from self._limits()
        if table is self.first and self.bounds():
            yield self._bounds()
            yield words.say("bounds_bias")
        for flag in (Flag.BETWEEN_CUTS, Flag.DISCOVERED):
            if flag in self.flags:
                yield words.say(f"note_{flag.value}")
        if table.threshold is not None:
            yield words.say("note_threshold", n=words.number(Decimal(table.threshold)))
            if not table.cells:
                yield words.say("note_no_keys")
        if table.smallest_group is not None and Flag.SUPPRESSED in self.flags:
            yield words.say("note_suppressed", n=words.number(Decimal(table.smallest_group)))
        if table.rank is not None:
            confidence = words.number(self.release.confidence * 100)
            yield words.say("note_rank", n=words.number(Decimal(table.rank)), confidence=confidence)
        if table.estimates == "concentration":
            yield words.say("note_concentration")
        if table.measure == "pairs":
            yield words.say("note_pairs")
        if (
            self.kind.base in _CUT_AT_ZERO
            and self.kind.never_negative
            and any(cell.estimate.low <= 0 for cell in table.cells if not is_suppressed(cell))
        ):
            yield words.say("cut_at_zero")
        if table.margin_wanted is not None:
            yield words.say("margin_wanted", wanted=self.exact_margin())
        if Flag.CONSISTENT in self.flags:
            yield words.say("flag_consistent")

    def _bounds(self) -> Markup:
        table, (low, high) = self.table, self.bounds()
        of = self.named(table.of.partition(", ")[0])
        if table.measure == "regression" and table.unit is None and table.low == 0 and table.high == 1:
            return self.words.say("bounds_variables")  # what is explained is true or false
        if table.r:
            return self.words.say("bounds_row", low=low, high=high)
        key = _BOUNDS.get(table.measure, "bounds_value")
        return self.words.say(key, low=low, high=high, of=of)

    def _limits(self) -> Iterator[Markup]:
        table, words = self.table, self.words
        if table.k:
            yield words.say("values_limited" if table.measure == "pairs" else "groups_limited", n=table.k)
        if table.r:
            yield words.say("rows_limited", n=table.r)
        if table.k or table.r:
            yield words.say("limit_bias")
        if table.k and table.estimates == "customers":
            yield words.say("overlap")

    def bounds(self) -> Sequence[str]:
        """The declared bounds that values were clipped to, as printed; empty where none were."""
        table = self.table
        if Flag.BOUND_DECLARED not in self.flags or table.low is None or table.high is None:
            return ()
        unit = (table.unit or "").removesuffix("²") if table.measure != "ratio" else ""
        return [self.with_unit(self.words.number(end), unit) for end in (table.low, table.high)]

    def exact_margin(self) -> str:
        """The margin that the definition asks for, with its unit."""
        wanted = self.table.margin_wanted
        if wanted is None:
            return ""
        if self.kind.share:
            places = min(int((wanted * 100).normalize().as_tuple().exponent), 0)
            return per_cent(wanted, self.words, places)
        return self.with_unit(self.words.number(wanted), self.table.unit)

    def with_unit(self, number: str, unit: str | None) -> str:
        """A number's text with a unit, if there is one."""
        named = unit_name(unit, self.words)
        return self.words.text("with_unit", number=number, unit=named) if named else number
