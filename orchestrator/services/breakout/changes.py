"""Operators' changes of a planned or running breakout: its name, or one change of its clock."""

from datetime import datetime, timedelta
from typing import Any

from orchestrator.errors import Malformed, WrongState
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.calling_off import call_off
from orchestrator.services.breakout.clock import arm_warnings, set_end
from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from schemas.problems import ProblemCode
from schemas.requests import BreakoutChange
from schemas.states import PLANNED, BreakoutState
from schemas.tables import Breakout

SHORTEST_PAUSED_SECONDS = 0.001
"""The least that a paused timer keeps: one that was due already must still be positive when it goes on."""


def change(deps: Deps, breakout_id: str, body: BreakoutChange) -> None:
    """Change the name, or the clock of an open breakout, or call the countdown of a closing one off.

    Raises Unknown, WrongState, Malformed for a time past.
    """
    with locked(deps, breakout_id) as b:
        before = _shown(b.row)
        if body.name is not None:
            b.row.name = body.name
        elif b.row.state is BreakoutState.CLOSING and "closes_at" in body.model_fields_set:
            call_off(b, body.closes_at)
        else:
            _require_open(b.row, body)
            _change_clock(b, body)
        if changed := [name for name, value in _shown(b.row).items() if before[name] != value]:
            b.change_by_operator(changed)


def _shown(breakout: Breakout) -> dict[str, Any]:
    """Return the fields of B that such a change may change."""
    left = breakout.paused_with_seconds
    return {
        "close_reason": breakout.close_reason,
        "closes_at": breakout.closes_at,
        "empties_at": breakout.empties_at,
        "name": breakout.name,
        "opened_at": breakout.opened_at,
        "paused": left is not None,
        "remaining_seconds": left,
        "state": breakout.state,
    }


def require_planned(b: LockedBreakout, what: str) -> None:
    """Raise WrongState for a breakout that has started."""
    if b.row.state not in PLANNED:
        raise WrongState(
            f"a breakout that is {b.row.state} can't {what}",
            b.row.state.value,
            sorted(state.value for state in PLANNED),
        )


def _change_clock(b: LockedBreakout, body: BreakoutChange) -> None:
    """Change the clock. Each change arms the warnings anew, those of rooms with an end of their own too."""
    breakout = b.row
    if body.paused is not None:
        _pause(breakout, b.now) if body.paused else _resume(breakout, b.now)
    elif body.closes_at is None and body.extend_seconds is None:
        breakout.paused_with_seconds = None
        set_end(breakout, None)
    else:
        _set_left(breakout, body, b.now)
    arm_warnings(b)


def _set_left(breakout: Breakout, body: BreakoutChange, now: datetime) -> None:
    left = _left_by(breakout, body, now)
    if left <= timedelta(0):
        words = "the breakout would have to close before now; use close"
        raise Malformed(words, ("body", *body.model_fields_set), ProblemCode.TIME_PAST)
    if breakout.paused_with_seconds is not None:
        breakout.paused_with_seconds = left.total_seconds()
    else:
        set_end(breakout, now + left)


def _left_by(breakout: Breakout, body: BreakoutChange, now: datetime) -> timedelta:
    """Return what is to be left of the timer after the change."""
    if body.closes_at is not None:
        return body.closes_at - now
    left, by = _left(breakout, now, "extended"), timedelta(seconds=body.extend_seconds or 0)
    if by < timedelta(0) and breakout.closes_at is not None:
        left = breakout.closes_at - now  # it is to close so much sooner than it says
    return left + by


def _left(breakout: Breakout, now: datetime, verb: str) -> timedelta:
    """Return what is left of the breakout's own timer, which may end after its parent meeting, and then ends with it.

    Raises WrongState when there is none.
    """
    if breakout.paused_with_seconds is not None:
        return timedelta(seconds=breakout.paused_with_seconds)
    if breakout.own_end is None:
        words = f"this breakout has no timer that could be {verb}"
        raise WrongState(words, breakout.state.value, ["open"])
    return breakout.own_end - now


def _pause(breakout: Breakout, now: datetime) -> None:
    """Stop the timer, and keep what is left of it."""
    breakout.paused_with_seconds = max(_left(breakout, now, "paused").total_seconds(), SHORTEST_PAUSED_SECONDS)
    breakout.own_end = breakout.closes_at = None


def _resume(breakout: Breakout, now: datetime) -> None:
    if breakout.paused_with_seconds is not None:
        set_end(breakout, now + timedelta(seconds=breakout.paused_with_seconds))
        breakout.paused_with_seconds = None


def _require_open(breakout: Breakout, body: BreakoutChange) -> None:
    if breakout.state is not BreakoutState.OPEN:
        words = f"the timer of a breakout that is {breakout.state} can't be changed"
        also = [BreakoutState.CLOSING.value] if "closes_at" in body.model_fields_set else []
        raise WrongState(words, breakout.state.value, [BreakoutState.OPEN.value, *also])
