"""Edits of the chain are found; entries that break a rule are found even if their hashes are made right again."""

from __future__ import annotations

import functools
import json
import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from dpinsights.errors import LedgerError
from dpinsights.governance import books, chain
from dpinsights.governance.chain import Entry
from dpinsights.governance.ledger.interface import Cap, Period
from dpinsights.governance.ledger.sql_ledger import SqlLedger
from tests.governance.house import House, draw, plan

A = plan("jd", draw("a", 100, 10.0))


@pytest.fixture
def entries(house: House) -> tuple[Entry, ...]:
    """A chain with every kind of entry."""
    house.release(A)
    house.release(plan("icbc", draw("a", 100, 10.0), draw("b", 50, 10.0)))
    house.release(plan("exploration", draw("e", 50, 10.0)), exploration=True)
    house.charge(plan("jd", draw("c", 10, 10.0)))
    house.ledger.abandon(house.charge(plan("jd", draw("c", 10, 10.0))), "tested")
    house.ledger.amend("jd", Cap(600, "5"))
    house.ledger.set_period("jd", Period("month", Cap(500, "4")))
    house.release(plan("jd", draw("p", 10, 10.0)))
    house.ledger.freeze("jd", "relation-check")
    house.ledger.resolve("jd")
    ledger = house.ledger
    assert isinstance(ledger, SqlLedger)
    with ledger._connection.reading():
        return tuple(ledger._tables.entries())


def test_the_chain_has_every_kind_of_entry(entries: tuple[Entry, ...]) -> None:
    kinds = {
        "opened",
        "snapshot",
        "charged",
        "resumed",
        "drawing",
        "measured",
        "released",
        "abandoned",
        "amended",
        "period-set",
    }
    assert {entry.type for entry in entries} == kinds | {"frozen", "resolved"}
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert tuple(chain.verified(entries)) == entries


@pytest.mark.parametrize(
    "edit",
    [
        lambda e: [*e[:2], replace(e[2], body=e[2].body.replace('"100"', '"1"')), *e[3:]],
        lambda e: [*e[:2], replace(e[2], type="drawing"), *e[3:]],
        lambda e: [*e[:2], replace(e[2], hash="0" * 64), *e[3:]],
        lambda e: [*e[:2], replace(e[2], prev="0" * 64), *e[3:]],
        lambda e: [*e[:2], *e[3:]],
        lambda e: [*e[:2], e[3], e[2], *e[4:]],
        lambda e: e[1:],
        lambda e: [*e, e[-1]],
        lambda e: [*e[:2], replace(e[2], seq=7), *e[3:]],
    ],
)
def test_an_edited_chain_is_found(
    entries: tuple[Entry, ...], edit: Callable[[tuple[Entry, ...]], list[Entry]]
) -> None:
    assert tuple(edit(entries)) != entries
    with pytest.raises(LedgerError, match="chain is broken at entry"):
        list(chain.verified(edit(entries)))


Change = Callable[[int, str, dict[str, Any]], Any]
"""Given how many of its kind came with an entry, its kind and its body: another body, a kind and a body, or None."""


def rebuilt(entries: tuple[Entry, ...], change: Change) -> list[Entry]:
    """The chain with its bodies changed (None leaves an entry out) and all hashes made right again."""
    made: list[Entry] = []
    kinds: Counter[str] = Counter()
    for entry in entries:
        kinds[entry.type] += 1
        body = change(kinds[entry.type], entry.type, json.loads(entry.body))
        if body is None:
            continue
        kind, body = body if isinstance(body, tuple) else (entry.type, body)
        made.append(chain.link(made[-1] if made else None, kind, body))
    return list(chain.verified(made))


def leave_out(kind: str, nth: int = 1) -> Change:
    """Leaves out the nth entry of a kind."""
    return lambda count, found, body: None if (found, count) == (kind, nth) else body


def edit(kind: str, nth: int, apply: Callable[[dict[str, Any]], Any]) -> Change:
    """Changes the body of the nth entry of a kind."""
    return lambda count, found, body: apply(body) or body if (found, count) == (kind, nth) else body


def item(number: int, **changes: Any) -> Callable[[dict[str, Any]], None]:
    """Changes an item of a charge."""
    return lambda body: body["items"][number].update(changes)


def show_exploration(body: dict[str, Any]) -> None:
    """Says that the exploration run was for outside, so that its vector was used there."""
    body["exploration"] = False


FORGED = {
    "never charged": leave_out("charged"),
    "does not begin with its opening": leave_out("opened"),
    "from charged to measured": leave_out("drawing"),
    "from drawing to released": leave_out("measured"),
    "by a process that had lost it": leave_out("resumed"),
    "charged twice": edit("charged", 2, lambda body: ("charged", {**body, "run": "RUN"})),
    "not the sum of what it lets be seen": edit("charged", 1, item(0, account={"rho": "99", "delta": "0"})),
    "an account was overspent;": edit("opened", 1, lambda body: body["accounts"][2].update(cap_rho="99")),
    "overspent in its period": edit("period-set", 1, lambda body: body["after"].update(cap_rho="9")),
    "was changed from": edit("period-set", 1, lambda body: body.update(before=body["after"])),
    "a cap that was not what it was changed from": edit(
        "amended", 1, lambda body: body["before"].update(cap_rho="1")
    ),
    "a day before that of the entry before it": edit(
        "charged", 1, lambda body: body.update(day="2018-01-14")
    ),
    "a snapshot that was never registered": leave_out("snapshot"),
    "a body that can't be read": edit("drawing", 1, lambda body: body.pop("run") and None),
    "a cap below what was spent": edit("amended", 1, lambda body: body["after"].update(cap_rho="9")),
    "does not know": edit("frozen", 1, lambda body: ("thawed", body)),
    "must not be": edit("measured", 1, lambda body: ("resumed", {**body, "fence": "2"})),
    "a vector of another snapshot": edit("charged", 2, lambda body: body.update(snapshot="q1")),
}


@pytest.mark.parametrize("words", sorted(FORGED))
def test_a_forged_chain_is_found_by_its_rules(entries: tuple[Entry, ...], words: str) -> None:
    first = next(entry for entry in entries if entry.type == "charged").data["run"]
    books.replay(entries)
    forged = rebuilt(entries, FORGED[words])
    if words == "charged twice":
        forged = rebuilt(
            tuple(forged),
            lambda count, kind, body: {**body, "run": first} if body.get("run") == "RUN" else body,
        )
    with pytest.raises(LedgerError, match=words):
        books.replay(forged)


def places(body: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value in a body."""
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    return [path] * bool(path) + [place for key, value in inner for place in places(value, (*path, key))]


ODD = (None, True, "", "-1", "x", "1e9", "99999999999999999999", [], {}, ["x"], {"x": "1"})


def test_replay_reads_any_body_or_says_which_it_cannot(entries: tuple[Entry, ...]) -> None:
    """Whoever reads a ledger that a stranger wrote gets a LedgerError, never a traceback."""
    refused = 0
    for place, entry in enumerate(entries):
        for *way, last in places(entry.data):
            for odd in ODD:
                body = entry.data
                holder = functools.reduce(operator.getitem, way, body)
                holder[last] = odd
                changed = replace(entry, body=json.dumps(body))
                try:
                    books.replay((*entries[:place], changed, *entries[place + 1 :]))
                except LedgerError:
                    refused += 1
    assert refused > 1000


def test_a_charge_while_frozen_is_found(entries: tuple[Entry, ...]) -> None:
    forged = rebuilt(
        entries,
        edit("snapshot", 1, lambda body: ("frozen", {"account": "jd", "why": "x", "day": "2018-01-15"})),
    )
    with pytest.raises(LedgerError, match="a frozen account was charged"):
        books.replay(forged)


def test_an_exploration_vector_outside_is_found(house: House) -> None:
    house.release(plan("exploration", draw("a", 10, 10.0)), exploration=True)
    house.release(plan("icbc", draw("a", 10, 10.0)), exploration=True)
    ledger = house.ledger
    assert isinstance(ledger, SqlLedger)
    with ledger._connection.reading():
        entries = tuple(ledger._tables.entries())
    with pytest.raises(LedgerError, match="a vector of exploration for an outside report"):
        books.replay(rebuilt(entries, edit("charged", 2, show_exploration)))


def test_no_entries_at_all() -> None:
    with pytest.raises(LedgerError, match="no entries"):
        books.replay(())


def test_entries_hold_no_noisy_value_and_no_time_finer_than_a_day(house: House) -> None:
    house.release(plan("jd", draw("a", 100, 10.0)), value=987654321)
    ledger = house.ledger
    assert isinstance(ledger, SqlLedger)
    with ledger._connection.reading():
        bodies = "".join(entry.body for entry in ledger._tables.entries())
    assert "987654321" not in bodies
    assert "09:0" not in bodies
    assert '"day":"2018-01-15"' in bodies


def test_entries_of_one_history_are_the_same_everywhere(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    twin = House(tmp_path_factory.mktemp("twin"))
    for one, value in ((house, 5), (twin, 6)):
        one.release(A, value=value)
    assert house.ledger.head() == twin.ledger.head()
