"""The line before the write lock: in order, past the dead, and never in the way for good."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from dpinsights.governance.ledger import queue
from dpinsights.governance.ledger.queue import turn

FORK = multiprocessing.get_context("fork")


def stand(path: Path, name: str, patience: float, had: Event, leave: Event) -> None:
    """A process that stands in line, notes when it is its turn, and stays until it is told to leave."""
    with turn(path, patience):
        with path.with_name("order").open("a") as notes:
            notes.write(f"{name} ")
        had.set()
        leave.wait()


class Line:
    """Processes in one line, begun one after another."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "line"
        self.order = folder / "order"
        self.all: dict[str, tuple[BaseProcess, Event, Event]] = {}

    def join(self, name: str, patience: float = 60.0) -> tuple[BaseProcess, Event, Event]:
        """Begins a process and waits until it has drawn its number."""
        had, leave = FORK.Event(), FORK.Event()
        process = FORK.Process(target=stand, args=(self.path, name, patience, had, leave))
        before = self.drawn()
        process.start()
        while self.drawn() == before and process.is_alive():
            pass
        self.all[name] = (process, had, leave)
        return self.all[name]

    def drawn(self) -> bytes:
        """The number that was drawn last."""
        return self.path.read_bytes() if self.path.exists() else b""

    def leave(self) -> None:
        """Lets all go, and waits for them."""
        for process, _, leave in self.all.values():
            leave.set()
            process.join()


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """An empty line."""
    return Line(tmp_path)


def test_turns_come_in_the_order_of_the_numbers(line: Line) -> None:
    names = [f"{number:02}" for number in range(8)]
    for name in names:
        line.join(name)
    assert line.all["00"][1].wait(60)
    assert not any(line.all[name][1].is_set() for name in names[1:])
    line.leave()
    assert line.order.read_text().split() == names


@pytest.mark.parametrize("dead", ["head", "waiting"])
def test_the_dead_move_the_line_on(line: Line, dead: str) -> None:
    for name in ("head", "waiting", "last"):
        line.join(name)
    assert line.all["head"][1].wait(60)
    killed, _, _ = line.all.pop(dead)
    assert killed.pid is not None
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    # Behind a dead head the next one has its turn; behind one who died waiting, the next one has it early.
    assert line.all["waiting" if dead == "head" else "last"][1].wait(60)
    line.leave()


def test_who_does_not_move_is_passed_after_a_while(line: Line) -> None:
    line.join("stays")
    assert line.all["stays"][1].wait(60)
    _, had, _ = line.join("impatient", patience=0.1)
    assert had.wait(60)
    line.leave()


def forbidden(path: Path) -> None:
    """A line that can't be made: its folder is missing."""
    path.parent.rmdir()


def damaged(path: Path) -> None:
    """A line whose number is nonsense."""
    path.write_bytes(b"\xff" * 20)


@pytest.mark.parametrize("harm", [forbidden, damaged])
def test_without_a_line_work_goes_on(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    path = tmp_path / "more" / "line"
    path.parent.mkdir()
    harm(path)
    with turn(path, 1.0):
        went = True
    assert went


def test_a_system_without_such_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "fcntl", None)
    with turn(tmp_path / "line", 1.0):
        assert not (tmp_path / "line").read_bytes()
