"""What readers call the groups of a table: the names that definitions give, and words for what measures bring."""

from __future__ import annotations

from dpinsights.model.numbers import exact
from dpinsights.model.plan import Axis
from dpinsights.model.release import Release, ResultTable
from dpinsights.model.values import Key
from dpinsights.reporting.conditions import condition_in_words
from dpinsights.reporting.words import Words


class Labels:
    """The labels of one table's axes and keys.

    Attributes:
        axes: what each axis is called.
        keys: for each axis, the label of each key, in order.
    """

    def __init__(self, release: Release, table: ResultTable, words: Words) -> None:
        self._release, self._table, self._words = release, table, words
        self.axes = [self._axis(axis, place) for place, axis in enumerate(table.axes)]
        self.keys = [
            {key.key: self._key(axis, place, key) for key in axis.keys}
            for place, axis in enumerate(table.axes)
        ]

    def of(self, keys: tuple[str, ...]) -> list[str]:
        """The labels of a cell's keys, or of the first few of them."""
        return [labels[key] for labels, key in zip(self.keys, keys, strict=False)]

    def _own(self, place: int) -> str:
        """The measure, where the measure brings this axis itself."""
        own = {
            "quantile": 1, "histogram": 1, "funnel": 1, "regression": 1, "pairs": 2, "retention": 2, "concentration": 2,
        }.get(self._table.measure, 0)  # fmt: skip
        if self._table.measure == "regression" and self._table.estimates != "coefficient":
            own = 0
        return self._table.measure if place >= len(self._table.axes) - own else ""

    def _axis(self, axis: Axis, place: int) -> str:
        words, own = self._words, self._own(place)
        if axis.names is None and own in ("funnel", "retention") and words.has(f"axis_{axis.source}"):
            return words.text(f"axis_{axis.source}")
        return words.name(axis.names or self._release.names.get(axis.source), axis.source)

    def _key(self, axis: Axis, place: int, key: Key) -> str:
        words, own, last = self._words, self._own(place), place == len(self._table.axes) - 1
        if own == "histogram":
            return self._bin(key.key, key == axis.keys[0], key == axis.keys[-1])
        if own == "quantile" and key.names is None:
            return words.text("quantile_key", percent=key.key.removeprefix("p"))
        if own == "concentration" and self._table.estimates == "lorenz" and not last:
            return words.text("bin_below", high=words.number(exact(key.key)))
        if own == "regression" and key.key == "intercept":
            return words.text("intercept")
        names = key.names or (self._release.names.get(key.key) if own in ("funnel", "regression") else None)
        if own == "funnel" and names is None and not key.key.isidentifier():
            said = condition_in_words(key.key, self._release.names, words)
            return words.name(None, key.key) if "<code>" in said else str(said.unescape())
        return words.name(names, key.key)

    def _bin(self, key: str, first: bool, last: bool) -> str:
        """`100..1000` in words; what lies outside the bounds is in the first and the last bin."""
        ends = key.split("..")
        try:
            low, high = (self._words.number(exact(end)) for end in ends)
        except ValueError:
            return self._words.name(None, key)
        if first and last:
            return self._words.text("range", low=low, high=high)
        which = "bin_below" if first else "bin_from" if last else "bin_between"
        return self._words.text(which, low=low, high=high)
