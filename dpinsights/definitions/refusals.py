"""What the language of expressions leaves out, and what to write instead."""

from __future__ import annotations

from dpinsights.definitions import dates
from dpinsights.definitions.places import Fault, nearest

FUNCTIONS = ("coalesce", "case", "if", "extract", "date_trunc", *dates.PARTS)
"""The functions that there are."""

_REFUSED: tuple[tuple[tuple[str, ...], str, str, str], ...] = (
    (("Subquery", "Select", "Exists", "SetOperation", "Union", "All", "Any"), "subquery", "no subqueries",
     "a feature of the contract"),
    (("Div", "IntDiv", "SafeDivide"), "division", "division can fail", "write a share as a later measure, a mean"),
    (("Mod",), "division", "a remainder can fail", ""),
    (("Cast", "TryCast"), "cast", "no casts but date '2017-10-01' and timestamp '2017-10-01 12:00'", ""),
    (("Like", "ILike", "RegexpLike", "RegexpILike", "SimilarTo", "Glob", "RegexpFullMatch", "StartsWith"), "pattern",
     "no patterns: categories have declared keys", "in ('...', '...')"),
    (("CurrentDate", "CurrentTimestamp", "CurrentTime", "CurrentDatetime", "CurrentUser", "Rand", "Randn", "Uuid",
      "Localtime", "Localtimestamp", "CurrentSchema", "SessionUser"),
     "not-deterministic", "nothing may depend on the clock, on chance or on who asks", "a written date"),
    (("Placeholder", "Parameter", "SessionParameter"), "parameter", "no parameters: write the value", ""),
    (("Star",), "star", "'*' names nothing here", "the column's full name"),
    (("Window",), "window", "no windows: one customer's rows are seen by features only", "first or last"),
    (("DPipe", "Concat"), "text-arithmetic", "texts are not put together", ""),
)  # fmt: skip
_UNSURE = (
    "now",
    "today",
    "random",
    "rand",
    "current_user",
    "user",
    "getdate",
    "sysdate",
    "uuid",
    "nextval",
    "clock_timestamp",
)


def refusal(kinds: frozenset[str], function: str, text: str) -> Fault:
    """The fault of a piece of SQL that is not of the language.

    Args:
        kinds: what sqlglot takes it for, the more general kinds included.
        function: its name, if it is a function.
        text: as it would be written.

    >>> refusal(frozenset({"Div", "Binary"}), "", "a / b").code
    'division'
    >>> refusal(frozenset({"Func"}), "coalescee", "coalescee(a)").hint
    'coalesce'
    """
    for names, code, message, hint in _REFUSED:
        if kinds & set(names):
            return Fault(code, message, hint)
    if "AggFunc" in kinds:
        return Fault(
            "aggregate", f"no aggregates inside an expression: {function}", "a feature of the contract"
        )
    if function in _UNSURE:
        message = "nothing may depend on the clock, on chance or on who asks"
        return Fault("not-deterministic", message, "a written date")
    if "Func" in kinds:
        hint = nearest(function, FUNCTIONS) or f"one of {', '.join(FUNCTIONS)}"
        return Fault("unknown-function", f"no function {function} here", hint)
    return Fault("unsupported-expression", f"'{text[:60]}' is not of this language")
