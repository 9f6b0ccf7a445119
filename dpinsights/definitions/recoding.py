"""Bands and recodings: features that make a category."""

from __future__ import annotations

from decimal import Decimal

from dpinsights.definitions import ranges
from dpinsights.definitions.naming import keys_of
from dpinsights.definitions.places import Fault, within
from dpinsights.definitions.typed import Typed, code_of, known
from dpinsights.model.contract import Feature
from dpinsights.model.expressions import Cut, Recode
from dpinsights.model.values import Key, ValueType


def cut(feature: Feature, value: Typed) -> Typed:
    """A number or date, cut into labelled bands: label i holds at[i-1] <= x < at[i]."""
    kind = known(value)
    assert feature.at is not None and feature.labels is not None  # the contract's own rule
    if kind.kind not in ("number", "date", "timestamp"):
        with within("cut"):
            raise Fault("wrong-type", f"a cut is of numbers or dates, and this is {value.kind}", "recode")
    cuts: list[int] = []
    for index, at in enumerate(feature.at):
        with within("at", index):
            edge = _cut_at(at, kind)
            if cuts and edge <= cuts[-1]:
                raise Fault("cuts-order", "cuts must ascend")
            if not kind.low < edge <= kind.high:
                raise Fault(
                    "cut-out-of-range", "this cut lies outside the values, so a label would stay empty"
                )
            cuts.append(edge)
    if not cuts:
        with within("at"):
            raise Fault("no-cuts", "expected at least one cut")
    if len(feature.labels) != len(cuts) + 1:
        with within("labels"):
            expected = len(cuts) + 1
            raise Fault(
                "labels-mismatch", f"{len(cuts)} cuts make {expected} labels, found {len(feature.labels)}"
            )
    keys = keys_of(feature.labels)
    return Typed(Cut(value.node, tuple(cuts)), ValueType("category", 0, len(cuts), kind.nullable, keys=keys))


def recode(feature: Feature, value: Typed) -> Typed:
    """A category whose keys go into new ones; old keys without a new one become null."""
    kind = known(value)
    assert feature.into is not None  # the contract's own rule
    if kind.kind != "category":
        with within("recode"):
            raise Fault("wrong-type", f"a recode is of a category, and this is {value.kind}", "cut")
    names = list(feature.into)
    if feature.otherwise is not None and feature.otherwise not in names:
        names.append(feature.otherwise)
    codes = [-1 if feature.otherwise is None else names.index(feature.otherwise)] * len(kind.keys)
    taken: dict[int, str] = {}
    for new, olds in feature.into.items():
        for index, old in enumerate(olds):
            with within("into", new, index):
                code = code_of(old, kind.keys)
                if code in taken:
                    raise Fault("key-taken", f"'{old}' goes into '{taken[code]}' already")
                taken[code] = new
                codes[code] = names.index(new)
    keys = _named(feature, names)
    nullable = kind.nullable or -1 in codes
    return Typed(
        Recode(value.node, tuple(codes)), ValueType("category", 0, len(keys) - 1, nullable, keys=keys)
    )


def _named(feature: Feature, names: list[str]) -> tuple[Key, ...]:
    if feature.labels is None:
        return tuple(Key(name) for name in names)
    if set(feature.labels) != set(names):
        with within("labels"):
            odd = sorted(set(feature.labels) ^ set(names))
            raise Fault("labels-mismatch", f"labels name the new keys, no more and no less: {', '.join(odd)}")
    return tuple(Key(name, feature.labels[name]) for name in names)


def _cut_at(at: Decimal | str, kind: ValueType) -> int:
    if kind.kind == "number":
        if isinstance(at, str):
            raise Fault("wrong-type", f"expected a number, found the text '{at}'")
        return ranges.steps_of(at, kind.step)
    if not isinstance(at, str):
        raise Fault("wrong-type", f"expected a {kind.kind}, found the number {at:f}", "2017-10-01")
    return ranges.day_number(at) if kind.kind == "date" else ranges.second_number(at)
