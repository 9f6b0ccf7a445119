"""The states of a run: which may follow which, and what a retry does that finds an unfinished one. Rules only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import assert_never

from dpinsights.errors import InternalError
from dpinsights.model.noisy import State

STEPS: Mapping[State, tuple[State, ...]] = {
    State.CHARGED: (State.DRAWING, State.ABANDONED),
    State.DRAWING: (State.MEASURED, State.ABANDONED),
    State.MEASURED: (State.RELEASED, State.ABANDONED),
    State.RELEASED: (),
    State.ABANDONED: (),
}
"""Which state may follow which. A run that draws nothing may also go from charged to measured."""


class Course(StrEnum):
    """What a request does that finds an unfinished run of its identity."""

    RESUME = "resume"  # takes it over, free
    REPLACE = "replace"  # abandons it and pays for a new one
    WAIT = "wait"  # another process has it


def course(state: State, *, ours: bool, lease_over: bool) -> Course:
    """PRIVACY.md, States: charged goes on, nothing noisy exists; drawing pays again; measured is served.

    >>> course(State.DRAWING, ours=False, lease_over=True).value, course(State.MEASURED, ours=False, lease_over=False).value
    ('replace', 'resume')
    """
    match state:
        case State.MEASURED:
            return Course.RESUME
        case State.CHARGED:
            return Course.RESUME if ours or lease_over else Course.WAIT
        case State.DRAWING:
            # Noise may have been seen: nothing proves that it was not.
            return Course.REPLACE if ours or lease_over else Course.WAIT
        case State.RELEASED | State.ABANDONED:
            raise InternalError(f"a run that is {state} is finished")
        case _:
            assert_never(state)


def may_step(before: State, after: State, *, draws: bool) -> bool:
    """Whether a run may go from one state to another.

    >>> may_step(State.CHARGED, State.MEASURED, draws=True), may_step(State.CHARGED, State.MEASURED, draws=False)
    (False, True)
    """
    return after in STEPS[before] or (not draws and (before, after) == (State.CHARGED, State.MEASURED))
