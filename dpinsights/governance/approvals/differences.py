"""What changed between two locks, in words: what a reviewer must see before signing the second."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dpinsights.governance.approvals.describing import (
    ABSENT,
    EpsilonOf,
    cost_text,
    is_number,
    margin_text,
    query_text,
    value_text,
)
from dpinsights.governance.approvals.lock import Lock

ABOUT = (
    "queries", "columns", "filters", "groups", "measures", "bounds", "noise", "margins", "cost", "audience", "contract",
    "approval", "text", "templates", "policy", "files", "versions", "author",
)  # fmt: skip
"""What a difference can be about, in the order in which a reviewer reads."""

_FIELDS = {
    **dict.fromkeys(("where", "rows_where", "population", "period"), "filters"),
    **dict.fromkeys(("by", "cuts", "cohort", "keys", "labels", "at", "into"), "groups"),
    **dict.fromkeys(
        (
            "bounds", "over_bounds", "groups_per_customer", "rows_per_customer", "values_per_customer", "step", "nulls",
        ),
        "bounds",
    ),
    **dict.fromkeys(("margin", "forecasts", "confidence", "rank"), "margins"),
    **dict.fromkeys(("cost", "weight", "budget", "rho_units", "delta_units", "budget_units"), "cost"),
    **dict.fromkeys(("title", "note", "summary", "name"), "text"),
    **dict.fromkeys(("audience", "account"), "audience"),
    "columns": "columns",
    "template": "templates",
}  # fmt: skip
"""What a field, whose last path says its name, is about."""

_ROOMS = {
    "contract": "contract", "templates": "templates", "files": "files", "versions": "versions", "author": "author",
    "seed": "noise", "map_version": "contract", "report": "measures", "plan": "measures",
}  # fmt: skip


_SAME_MEASURE = frozenset({"title", "note", "margin", "cost", "weight", "group_size"})
"""Fields of a query that change how it is worded or what it may cost, never what is measured."""


@dataclass(frozen=True)
class Difference:
    """One change.

    Attributes:
        about: one of `ABOUT`.
        place: the path inside the lock, with dots.
        text: the change in words.
    """

    about: str
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


_Path = tuple[str, ...]
_Change = tuple[_Path, Any, Any]


def differences(old: Lock, new: Lock, epsilon_of: EpsilonOf | None = None) -> tuple[Difference, ...]:
    """Every change from one lock to another; none exactly if their bytes are equal.

    Args:
        old, new: the locks.
        epsilon_of: words units of rho as an epsilon.
    """
    if old.content == new.content:
        return ()
    found = [
        _worded(change, old.data, new.data, epsilon_of)
        for change in _changes((), old.data, new.data)
        if not _derived(change, old.data, new.data)
    ]
    if not found:
        found = [_other(change) for change in _changes((), old.data, new.data)]
    if not found:  # a class changed its name, and nothing else
        found = [Difference("contract", "", "the kind of a part changed")]
    return tuple(sorted(set(found), key=lambda one: (ABOUT.index(one.about), one.place, one.text)))


def _changes(path: _Path, old: Any, new: Any) -> Iterator[_Change]:
    """The innermost parts that differ."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new} - {"_"}):
            yield from _changes((*path, name), old.get(name, ABSENT), new.get(name, ABSENT))
    elif _is_named(old) and _is_named(new):
        before, after = dict(old), dict(new)
        bare = not any(before.values()) and not any(after.values())
        if not bare:
            yield from _changes(path, before, after)
        if bare or (before.keys() == after.keys() and list(before) != list(after)):
            yield path, list(before), list(after)
    else:
        yield path, old, new


def _is_named(value: Any) -> bool:
    """Whether a list is an ordered mapping: pairs of a name and a value, each name once."""
    if not isinstance(value, list) or not value:
        return False
    pairs = all(isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) for item in value)
    return pairs and len({item[0] for item in value}) == len(value)


def _derived(change: _Change, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a change follows from others that are said in better words."""
    path = change[0]
    match path:
        case ("digests", _):
            return True
        case ("files", name):
            part = "contract" if name == "contract.yaml" else "report"
            return bool(old[part] != new[part])
        case ("plan", "queries", name, "rho_units" | "delta_units" | "forecasts" | "columns"):
            return False
        case ("plan", "queries", name):
            return True
        case ("plan", "queries", name, "parts"):
            # Said as what is measured, unless the report says it better.
            before, after = _asked(old, name), _asked(new, name)
            return any(before.get(field) != after.get(field) for field in {*before, *after} - _SAME_MEASURE)
        case ("plan", "queries", name, field):
            return bool(_asked(old, name).get(field) != _asked(new, name).get(field))
        case ("plan", "draws", *_) | ("plan", "families"):
            return bool(old["plan"]["queries"] != new["plan"]["queries"])
        case ("plan", "rho_units" | "budget_units" | "delta_units"):
            return "budget_units" in path
    return False


def _asked(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    asked: dict[str, Any] = dict(data["report"]["queries"])[name]
    return asked


def _worded(
    change: _Change, old: Mapping[str, Any], new: Mapping[str, Any], epsilon_of: EpsilonOf | None
) -> Difference:
    path, before, after = change
    place = ".".join(path)
    match path:
        case ("report", "queries", name) if before is ABSENT:
            text = query_text(after, new["plan"]["queries"][name], epsilon_of)
            return Difference("queries", place, f"{name} is new: {text}")
        case ("report", "queries", name) if after is ABSENT:
            return Difference("queries", place, f"{name} is gone")
        case ("report", "queries"):
            return Difference(
                "queries", place, f"their order was {value_text(before)}, is {value_text(after)}"
            )
        case ("files", name):
            return Difference("files", place, f"{name}: its layout or comments changed, its meaning did not")
        case ("templates", name):
            how = "is new" if before is ABSENT else "is gone" if after is ABSENT else "changed"
            return Difference("templates", place, f"{name} {how}")
        case ("plan", "queries", name, "parts"):
            return Difference("measures", place, f"{name}: what is measured for it changed")
        case ("plan", "queries", name, "forecasts"):
            text = f"{name}: expected margin was {margin_text(before)}, is {margin_text(after)}"
            return Difference("margins", place, text)
        case ("plan", "queries", name, "columns"):
            return Difference("columns", place, f"{name} reads{_gained(before, after)}")
        case ("plan", "draws", *_):
            return Difference("noise", place, f"a draw's noise: {_was(before, after)}")
        case ("plan", "queries", whose, "rho_units"):
            return _cost(whose, change, epsilon_of)
        case ("plan", "rho_units"):
            return _cost("the whole report", change, epsilon_of)
    return Difference(_about(path), place, f"{_name(path)} {_was(before, after)}")


def _cost(whose: str, change: _Change, epsilon_of: EpsilonOf | None) -> Difference:
    path, before, after = change
    text = f"{whose}: at most {cost_text(before, epsilon_of)} before, {cost_text(after, epsilon_of)} now"
    return Difference("cost", ".".join(path), text)


def _other(change: _Change) -> Difference:
    path, before, after = change
    return Difference(_about(path), ".".join(path), f"{_name(path)} {_was(before, after)}")


def _about(path: _Path) -> str:
    if path[:2] == ("contract", "tables") and path[-1] in ("columns", "sensitivity"):
        return "contract"
    if path[0] == "policy":
        return "policy"
    if path[:2] == ("report", "approval"):
        return "approval"
    for name in reversed(path):
        if name in _FIELDS:
            return _FIELDS[name]
    return _ROOMS.get(path[0], "contract")


def _name(path: _Path) -> str:
    """A place as a reviewer finds it in the file."""
    match path:
        case ("report" | "plan", "queries", name, *rest):
            return " ".join((f"{name}:", *(part.replace("_", " ") for part in rest)))
        case ("contract", *rest) if rest:
            return f"in the contract, {'.'.join(rest)}:"
        case ("policy", *rest) if rest:
            return f"in the policy, {'.'.join(rest)}:"
        case ("report", *rest) if rest:
            return f"{'.'.join(rest)}:"
    return f"{'.'.join(path)}:"


def _was(before: Any, after: Any) -> str:
    lists = isinstance(before, list) and isinstance(after, list)
    names = lists and all(isinstance(item, str) and not is_number(item) for item in (*before, *after))
    if names and set(before) != set(after):
        return f"has{_gained(before, after)}"
    if before is ABSENT:
        return f"is new: {value_text(after)}"
    if after is ABSENT:
        return f"is gone, was {value_text(before)}"
    return f"was {value_text(before)}, is {value_text(after)}"


def _gained(before: list[str], after: list[str]) -> str:
    """Which of a list's texts came and went."""
    came = [item for item in after if item not in set(before)]
    went = [item for item in before if item not in set(after)]
    parts = ([f" also {', '.join(came)}"] if came else []) + (
        [f" no longer {', '.join(went)}"] if went else []
    )
    return " and".join(parts)
