"""Reading calendars of promised reports."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dpinsights.definitions.places import Origin, refuse
from dpinsights.definitions.reading import read_file
from dpinsights.definitions.validation import validate
from dpinsights.errors import Problem
from dpinsights.model.calendar import Calendar


@dataclass(frozen=True)
class ReadCalendar:
    """A calendar with its place, so that what is found out later has a line too.

    Attributes:
        files: each promised report's file, in the calendar's order.
    """

    calendar: Calendar
    origin: Origin
    files: tuple[Path, ...]


def load_calendar(path: Path | str) -> ReadCalendar:
    """A calendar whose reports' files are there.

    Raises:
        DefinitionError: all problems of the file at once.
    """
    written = read_file(path)
    calendar = validate(Calendar, written)
    files = tuple(Path(path).parent / one.report for one in calendar.reports)
    refuse(_problems(calendar, files, written.origin))
    return ReadCalendar(calendar, written.origin, files)


def _problems(calendar: Calendar, files: tuple[Path, ...], origin: Origin) -> Iterator[Problem]:
    last = calendar.every_month[-1]
    for number, (one, file) in enumerate(zip(calendar.reports, files, strict=True)):
        if not file.is_file():
            message = f"there is no file {one.report} beside this calendar"
            yield origin.problem(("reports", number, "report"), "unknown-report", message)
        if one.first > last:
            message = f"its first run lies after the calendar's last month, {last:%Y-%m}"
            yield origin.problem(("reports", number, "first"), "outside-calendar", message, f"{last:%Y-%m}")
        if files.index(file) < number:
            yield origin.problem(
                ("reports", number, "report"), "report-twice", f"{one.report} stands twice in this calendar"
            )
