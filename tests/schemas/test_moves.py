"""Every pair of states of every kind: the legal moves, written down once more, and all others, which are illegal."""

import pytest

from orchestrator.domain.lifecycle import can_move, check_move
from orchestrator.errors import IllegalMove
from schemas.states import BreakoutState, RecordingState, RoomState, SeatState, State

LEGAL: dict[type[State], str] = {
    BreakoutState: """
        draft -> scheduled opening cancelled failed
        scheduled -> draft opening cancelled failed
        opening -> open closing failed
        open -> closing
        closing -> closed open
    """,
    RoomState: """
        planned -> preparing closed
        preparing -> ready closing failed
        ready -> open closing failed
        open -> closing preparing
        closing -> closed
        failed -> preparing closed
    """,
    SeatState: """
        assigned -> admitted never_joined
        admitted -> invited never_joined
        invited -> joined never_joined
        joined -> away returning
        away -> joined returning
        returning -> returned lost
        lost -> returned
        never_joined -> returned
    """,
    RecordingState: """
        requested -> recording failed skipped
        recording -> stopped failed
        stopped -> uploaded failed
    """,
}


def _moves(kind: type[State]) -> set[tuple[str, str]]:
    lines = [line.split(" -> ") for line in LEGAL[kind].split("\n") if line.strip()]
    return {(state.strip(), to) for state, all_to in lines for to in all_to.split()}


def _is_legal(state: State, to: State) -> bool:
    return (state.value, to.value) in _moves(type(state))


PAIRS = [(state, to) for kind in LEGAL for state in kind for to in kind]
ALLOWED = [pair for pair in PAIRS if _is_legal(*pair)]
FORBIDDEN = [pair for pair in PAIRS if not _is_legal(*pair)]


def _name(value: State) -> str:
    return f"{type(value).__name__}.{value}"


@pytest.mark.parametrize(("state", "to"), ALLOWED, ids=_name)
def test_a_legal_move_passes(state: State, to: State) -> None:
    assert can_move(state, to)
    check_move(state, to)


@pytest.mark.parametrize(("state", "to"), FORBIDDEN, ids=_name)
def test_an_illegal_move_is_refused_and_named(state: State, to: State) -> None:
    assert not can_move(state, to)
    with pytest.raises(IllegalMove) as caught:
        check_move(state, to)
    assert str(caught.value) == f"{type(state).__name__} can't go from {state.value} to {to.value}"


def test_the_table_above_names_no_state_that_there_is_not() -> None:
    known = {(state.value, to.value) for state, to in PAIRS}
    assert all(_moves(kind) <= known for kind in LEGAL)
    assert len(ALLOWED) == sum(len(_moves(kind)) for kind in LEGAL)
