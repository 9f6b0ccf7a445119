"""Declarations that can't be used say what is wrong and where; every word of the vocabulary works."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpinsights.synthetic import PopulationError, generate, read_population
from dpinsights.synthetic.columns import as_arrow, identifiers
from dpinsights.synthetic.drawing import draw
from dpinsights.synthetic.draws import as_draw
from dpinsights.synthetic.streams import Stream
from dpinsights.synthetic.values import Scope, Values

MINIMAL = """
population: tiny
snapshot: s1
basis: none
people: {sizes: {a: 50, b: 40}, shared: {of: b, share: 0.5}}
traits: {kind: {shares: {x: 0.5, y: 0.5}}}
tables:
  a.customers: {rows: one, columns: {kind: {copy: kind}}}
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{x: 0.5, y: 0.5}", "{x: 0.5, y: 0.9}", "add up to 1.4"),
        ("{shares: {x: 0.5, y: 0.5}}", "{share: 1}", "exactly one of constant"),
        ("{shares: {x: 0.5, y: 0.5}}", "{normal: {}, uniform: [0, 1]}", "found normal, uniform"),
        ("a.customers:", "c.customers:", "with a party of a, b"),
        ("of: b", "of: c", "no such party c"),
        ("rows: one, ", "", "exactly one of rows and each"),
        ("{copy: kind}", "{copy: kin}", "kin is not drawn yet; known here: segment, kind"),
        ("{copy: kind}", "{by: kind, cases: {z: {constant: 1}}}", "no such key: z; the keys are x, y"),
        ("{copy: kind}", "{bernoulli: {rate: 0.5, odds: {kind: {z: 2}}}}", "no such key: z"),
        ("{copy: kind}", "{cut: kind, at: [1, 2], labels: [p, q]}", "2 cuts make 3 labels, found 2"),
        ("{copy: kind}", "{lognormal: {sd: 1}}", "exactly one of mean and median"),
        ("{copy: kind}", "{dates: {from: 2018-01-01, until: 2017-01-01}}", "before until"),
        ("{copy: kind}", "{recode: kind, into: {p: [x]}}", "y is in no new key"),
        ("kind: {shares", "segment: {shares", "can't be called segment"),
        (
            "basis: none",
            "basis: none\ndefects: {a.customers: {negative: {amount: 0.1}}}",
            "no such column: amount",
        ),
        ("basis: none", "basis: none\nother: 1", "other: Extra inputs"),
        ("basis: none", "basis: [", "not YAML"),
    ],
)
def test_a_fault_is_named_with_its_place(old: str, new: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "population.yaml"
    assert old in MINIMAL
    path.write_text(MINIMAL.replace(old, new), encoding="utf-8")
    with pytest.raises(PopulationError) as caught:
        generate(path, tmp_path / "out", seed=1)
    assert message in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PopulationError, match="can't be read"):
        read_population(tmp_path / "nowhere.yaml")


def drawn(how: dict[str, Any], size: int = 4_000, **columns: Values) -> Values:
    return draw(as_draw(how), Scope(dict(columns), size), Stream(1, 0, str(how), calibrating=True))


def test_numbers_are_kept_between_and_made_whole() -> None:
    values = drawn({"normal": {"mean": 5, "sd": 10}, "between": [0, 10], "whole": True}).array
    assert (int(values.min()), int(values.max())) == (0, 10)
    assert values.dtype == np.int64


def test_nulls_at_their_rate() -> None:
    null = drawn({"uniform": [0, 1], "null_rate": 0.3}).null
    assert null is not None
    assert null.mean() == pytest.approx(0.3, abs=0.03)


def test_a_latent_correlates() -> None:
    latent = drawn({"normal": {}})
    amounts = drawn(
        {"lognormal": {"median": 100, "sd": 2, "latent": "z", "correlation": 0.7}}, z=latent
    ).array
    assert np.corrcoef(np.log(amounts), latent.array)[0, 1] == pytest.approx(0.7, abs=0.03)
    assert np.median(amounts) == pytest.approx(100, rel=0.12)


def test_cut_is_half_open_also_on_dates() -> None:
    days = Values(np.array(["2016-12-31", "2017-01-01"], dtype="datetime64[D]"))
    cut = drawn({"cut": "day", "at": [date(2017, 1, 1)], "labels": ["old", "new"]}, 2, day=days)
    assert cut.texts() == ["old", "new"]


def test_moments_are_local_hours_written_in_utc() -> None:
    how = {
        "moments": {
            "from": date(2017, 10, 1),
            "until": date(2017, 10, 2),
            "zone": "Asia/Shanghai",
            "hours": [0, 1],
        }
    }
    column = as_arrow(drawn(how))
    assert str(column.type) == "timestamp[us, tz=UTC]"
    assert {f"{moment:%m-%d %H}" for moment in column.to_pylist()} == {"09-30 16"}


def test_cases_without_else_are_null() -> None:
    kind = Values(np.array([0, 1, 0]), ("x", "y"))
    amounts = drawn({"by": "kind", "cases": {"y": {"constant": 2.5}}, "step": 0.01}, 3, kind=kind)
    assert [
        None if value is None else str(value)
        for value in as_arrow(amounts, as_draw({"uniform": [0, 1], "step": 0.01})).to_pylist()
    ] == [None, "2.50", None]


def test_identifiers_differ_and_are_in_no_order() -> None:
    ids = identifiers(np.arange(100_000), 3).to_pylist()
    assert len(set(ids)) == 100_000
    assert {len(one) for one in ids} == {10}
    assert ids != sorted(ids)
