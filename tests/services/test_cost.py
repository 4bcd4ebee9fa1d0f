"""What a lifecycle costs: calls to RealtimeKit, messages and statements. They are counted, and nothing is timed.

The bounds are what it costs today. A feature may cost something, but not without anybody's noticing.
"""

from collections import Counter

import pytest

from orchestrator.services.deps import Deps
from schemas.states import BreakoutState, SeatState
from tests.services.choosers import Choosers
from tests.services.lifecycles import Cost, Lifecycle
from tests.support.sandbox_server import SandboxServer

Parts = tuple[Deps, SandboxServer]
STATEMENTS, STATEMENTS_OF_A_ROOM, STATEMENTS_OF_A_MOVE, STATEMENTS_OF_CHOICES = 223, 71, 53, 35
"""Of a breakout, of each room, of each person who is moved by a request of their own, and of all choices of a moment.

None is of a person.

Here each task runs alone. Where several run at once they share most statements, so these are bounds from above.
"""


@pytest.fixture(scope="module")
def built(built_apart: Parts) -> Parts:
    """Take parts of this module's own, because it does and counts all that is due."""
    return built_apart


def _cost(parts: Parts, rooms: int, people: int, moved: int = 0) -> Cost:
    parts[1].reset()
    lifecycle = Lifecycle(parts, rooms, people)
    cost = lifecycle.run(moved=moved)
    assert lifecycle.state is BreakoutState.CLOSED
    return cost


@pytest.mark.parametrize("moved", [0, 4])
def test_a_lifecycle_takes_the_least_calls_that_the_rest_api_allows(fresh: Parts, moved: int) -> None:
    """tests/benchmarks/calls.py says why there can't be fewer; looks at what others may have changed come with time."""
    rooms, people = 3, 12
    assert _cost(fresh, rooms, people, moved).calls == Counter(
        create_meeting=rooms,
        add_participant=people + moved,
        start_recordings=rooms,
        pause_resume_stop_recording=rooms,
        update_meeting_by_id=rooms,
    )


def test_the_main_meeting_is_polled_on_the_way_home_only_while_somebody_is_missing(fresh: Parts) -> None:
    lifecycle = Lifecycle(fresh, 2, 4)
    lifecycle.open()
    fresh[1].faults({"operation": "update_meeting_by_id", "kind": "error_before", "times": None})
    lifecycle.close()
    assert lifecycle.poll() > 0
    lifecycle.follow()
    assert lifecycle.state is BreakoutState.CLOSING, "its rooms can't be retired"
    assert lifecycle.poll() == 0


@pytest.mark.parametrize("moved", [0, 4])
def test_a_lifecycle_takes_three_messages_a_room_and_one_for_each_that_somebody_is_moved_to(
    fresh: Parts, moved: int
) -> None:
    rooms = 3
    assert _cost(fresh, rooms, 12, moved).messages == {
        "breakout.open": 1,
        "room.open": rooms + moved,
        "room.record": rooms,
        "room.close": rooms,
        "meeting.sync": 1,
        "webhook.apply": 4 if moved else 3,
    }


def test_a_person_costs_no_statement_and_a_room_some(fresh: Parts) -> None:
    few, crowded = _cost(fresh, 2, 10), _cost(fresh, 2, 40)
    assert crowded.statements == few.statements
    more_rooms = _cost(fresh, 6, 40)
    of_a_room = (more_rooms.statements - crowded.statements) / 4
    assert of_a_room <= STATEMENTS_OF_A_ROOM
    assert few.statements - 2 * of_a_room <= STATEMENTS


@pytest.mark.parametrize("people", [10, 40])
def test_a_move_costs_some_statements_however_many_people_there_are(fresh: Parts, people: int) -> None:
    one, three = _cost(fresh, 2, people, moved=1), _cost(fresh, 2, people, moved=3)
    assert (three.statements - one.statements) / 2 <= STATEMENTS_OF_A_MOVE


def test_what_a_crowd_chooses_costs_some_statements_however_many_choose_and_wherever_they_were(fresh: Parts) -> None:
    """The breakout is locked meanwhile, and operators wait for it."""
    few, crowded = Choosers(fresh, 12), Choosers(fresh, 48)
    states = set()
    for _ in range(8):
        statements = few.choose()
        states |= few.states()
        assert crowded.choose() == statements
        assert statements <= STATEMENTS_OF_CHOICES
        few.follow()
        crowded.follow()
    assert states >= {SeatState.JOINED, SeatState.INVITED, SeatState.NEVER_JOINED, SeatState.RETURNING}
    few.close_room(0)
    crowded.close_room(0)
    assert crowded.choose(room=1) == few.choose(room=1), "some are told to leave, and the others are where they like"
