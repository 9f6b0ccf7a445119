"""The error tree. Every message names the figures, the place and the next step; none holds a data value.

`DpInsightsError` is what a user can mend; `InternalError` is a bug of ours and a class apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar


class DpInsightsError(Exception):
    """The root of what a user can do something about. `exit_code` is what the command line returns."""

    exit_code: ClassVar[int] = 1


class InternalError(Exception):
    """A bug in dpinsights: an invariant of ours does not hold."""


@dataclass(frozen=True, order=True)
class Problem:
    """One fault of a definition, with its place.

    `code` is the fault's permanent name (`unknown-column`), `field` the path inside the document.

    >>> print(Problem("contract.yaml", 7, 5, "tables.icbc.x", "unknown-type", "no such type 'catgory'", "category"))
    contract.yaml:7:5: tables.icbc.x: no such type 'catgory' (unknown-type); try: category
    """

    file: str
    line: int
    column: int
    field: str
    code: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        where = f" {self.field}:" if self.field else ""
        hint = f"; try: {self.hint}" if self.hint else ""
        return f"{place}:{where} {self.message} ({self.code}){hint}"


class DefinitionError(DpInsightsError):
    """A definition that can't be used: every problem of the file at once, nothing read, nothing charged."""

    exit_code = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = tuple(
            sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.field, p.code))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))


class PlanError(DpInsightsError):
    """A plan that can't be made: what was asked does not fit the report's budget, or a forecast lacks a figure.

    `would_fit` is the budget, as epsilon, that all of it would fit, where a budget is what lacks.
    """

    exit_code = 2

    def __init__(self, message: str, *, would_fit: Decimal | None = None) -> None:
        self.would_fit = would_fit
        super().__init__(message)


class BudgetError(DpInsightsError):
    """A charge that does not fit an account; states requested, remaining and what would fit."""

    exit_code = 3


class LedgerError(DpInsightsError):
    """The ledger can't be opened, read or written as it must be."""

    exit_code = 4


class SourceError(DpInsightsError):
    """A source is missing or has the wrong columns; found from schemas alone, before anything is charged."""

    exit_code = 5


class MeasurementError(DpInsightsError):
    """A run failed after it was charged. The message is fixed: it may depend on data, so it says nothing of it."""

    exit_code = 6


class ReportError(DpInsightsError):
    """A report that can't be rendered, read back or written; the release itself is safe, and rendering is free."""

    exit_code = 7
