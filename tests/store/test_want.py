"""want: raise the generation, so that a holder sees it, and dispatch the rows that nobody holds."""

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.states import RoomWanted
from schemas.tables import Meeting, Room
from schemas.tasks import Task
from tests.store.rows import Rows, breakout, held, meeting, room

SITUATIONS: dict[str, tuple[dict[str, Any], float | None, bool]] = {
    "at rest": ({"dispatches": 0}, None, True),
    "due later": ({"dispatches": 0}, 3600, True),
    "due at once and not sent": ({"dispatches": 0}, -1, True),
    "just sent": ({"dispatches": 1}, 4, False),
    "sent a while ago, and sent again in another while": ({"dispatches": 1}, 8, True),
    "sent, and due to be sent again": ({"dispatches": 1}, -1, False),
    "sent again and again, and not soon once more": ({"dispatches": 3}, 30, True),
    "held": ({"dispatches": 0, "holder": "me"}, 60, False),
    "held beyond its lease": ({"dispatches": 0, "holder": "me"}, -60, False),
    "held, and sent before its holder died": ({"dispatches": 2, "holder": "me"}, 30, False),
}


@pytest.mark.parametrize(("facts", "due_in", "sent"), SITUATIONS.values(), ids=SITUATIONS)
def test_a_row_is_sent_unless_it_is_held_or_was_just_sent(
    rows: Rows, facts: dict[str, Any], due_in: float | None, sent: bool
) -> None:
    due_at = None if due_in is None else rows.now() + timedelta(seconds=due_in)
    rows.add(meeting(due_at=due_at, **facts), meeting("n"))
    done = rows.did(lambda tx: due.want(tx, Meeting, ["m"]))
    assert done.changed.keys() == {"m"}
    assert done.changed["m"]["generation"] == 4
    assert done.sent == ([("m", 7)] if sent else [])
    assert done.changed["m"].get("dispatches") == (facts["dispatches"] + 1 if sent else None)


def test_a_row_at_rest_is_due_again_after_the_first_wait(rows: Rows) -> None:
    rows.add(meeting(dispatches=0, due_at=None))
    done = rows.did(lambda tx: due.want(tx, Meeting, ["m"]))
    assert done.changed == {"m": {"generation": 4, "dispatches": 1, "due_at": done.at(5)}}


def test_of_several_rows_each_is_judged_by_itself(rows: Rows) -> None:
    later = rows.now() + timedelta(hours=1)
    rows.add(meeting("a", dispatches=0), held("b"), meeting("c"), meeting("d", due_at=later), meeting("e"))
    done = rows.did(lambda tx: due.want(tx, Meeting, iter(["d", "c", "b", "a"])))
    assert {row_id: changes["generation"] for row_id, changes in done.changed.items()} == dict.fromkeys("abcd", 4)
    assert done.sent == [("a", 7), ("d", 7)]


def test_nothing_is_wanted_of_no_rows(rows: Rows) -> None:
    rows.add(meeting())
    done = rows.did(lambda tx: due.want(tx, Meeting, []))
    assert (done.changed, done.messages) == ({}, [])


def test_a_hint_names_the_task(rows: Rows) -> None:
    rows.add(meeting(), breakout(), room(dispatches=0))
    done = rows.did(lambda tx: due.want(tx, Room, ["r"], Task.ROOM_RECORD))
    assert [message.task for message in done.messages] == [Task.ROOM_RECORD]


def test_without_a_hint_the_task_is_what_the_row_needs_now(rows: Rows) -> None:
    rows.add(meeting(), breakout(), room(dispatches=0))

    def work(tx: Transaction) -> None:
        tx.session.get_one(Room, "r").wanted = RoomWanted.CLOSED
        due.want(tx, Room, ["r"])

    done = rows.did(work)
    assert [message.task for message in done.messages] == [Task.ROOM_CLOSE]


def test_a_holder_learns_when_it_releases(rows: Rows) -> None:
    rows.add(held())
    mine = due.Claim(Meeting, "m", fence=7, generation=3, tries=1)
    rows.did(lambda tx: due.want(tx, Meeting, ["m"]))
    done = rows.did(lambda tx: due.release(tx, mine, due_at=None))
    assert done.sent == [("m", 7)]
