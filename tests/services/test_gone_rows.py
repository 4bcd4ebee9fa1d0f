"""Messages about rows that were deleted with their meeting, before their task or while it runs."""

import pytest
from sqlalchemy import select
from sqlmodel import col

from orchestrator.errors import LeaseLost
from orchestrator.services.deps import Deps
from orchestrator.services.meetings.deleting import delete_meeting
from orchestrator.services.passes.leased import start_pass
from orchestrator.services.result import NOTHING_TO_DO
from orchestrator.services.rooms.work import begin_work
from orchestrator.store import due
from schemas.columns import new_id
from schemas.tables import Room
from schemas.tasks import Task
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer
from workers.services import work


@pytest.mark.parametrize("task", Task)
def test_a_message_about_a_row_that_is_gone_does_nothing(fresh: tuple[Deps, SandboxServer], task: Task) -> None:
    assert work(fresh[0], task, new_id(), 0) == NOTHING_TO_DO


def test_a_pass_whose_row_is_deleted_meanwhile_is_left(draft: Hand) -> None:
    room_id, claim = _wanted_room(draft)
    with pytest.raises(LeaseLost, match="deleted"):
        _fail_after_deletion(draft, room_id, claim)


def test_a_pass_whose_row_is_deleted_while_it_is_given_back_is_left(draft: Hand) -> None:
    room_id, claim = _wanted_room(draft)

    def give_back(*_: object) -> None:
        delete_meeting(draft.deps, draft.meeting_id)
        raise LookupError("the room is gone too")

    with (
        pytest.raises(LeaseLost, match="deleted"),
        start_pass(draft.deps, Room, room_id, claim, begin_work, after_error=give_back),
    ):
        raise LookupError("something else")


def _wanted_room(draft: Hand) -> tuple[str, int]:
    with draft.deps.database.transaction() as tx:
        mine = select(Room).where(col(Room.breakout_id) == draft.breakout_id)
        room = tx.session.scalars(mine).first()
        assert room is not None
        due.want(tx, Room, [room.id])
        return room.id, room.claim


def _fail_after_deletion(draft: Hand, room_id: str, claim: int) -> None:
    with start_pass(draft.deps, Room, room_id, claim, begin_work) as begun:
        assert begun is not None
        delete_meeting(draft.deps, draft.meeting_id)
        raise LookupError("the breakout is gone")
