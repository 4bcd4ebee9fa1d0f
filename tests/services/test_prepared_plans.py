"""A plan that is prepared is changed: what was made for it is used, or retired, and its people are admitted again."""

import pytest

from orchestrator.services.breakout import operations
from orchestrator.services.meetings import removing
from orchestrator.services.planning import changing, rooms
from orchestrator.services.views import breakouts
from schemas.requests import BreakoutChange, ShuffleRequest
from schemas.responses import BreakoutResponse
from schemas.states import BreakoutState, RoomState
from schemas.tables import Breakout, Leftover, Room
from tests.services.hand import Hand


def look(hand: Hand) -> BreakoutResponse:
    with hand.deps.database.reading() as session:
        return breakouts.breakout(session, hand.breakout_id)


def groups(breakout: BreakoutResponse) -> list[list[str]]:
    return [[one.custom_participant_id for one in room.participants] for room in breakout.rooms]


def settle(hand: Hand) -> None:
    hand.work(Breakout, Room, Breakout, Room)


def statuses(hand: Hand) -> dict[str, str]:
    return {each["id"]: each["status"] for each in hand.sandbox.state()["meetings"] if each["id"] != hand.parent()}


def change(hand: Hand, **body: object) -> None:
    changing.change(hand.deps, hand.breakout_id, BreakoutChange.model_validate(body))


def test_rooms_that_go_are_retired_and_those_that_stay_are_used(draft: Hand) -> None:
    before = look(draft)
    change(draft, rooms=["Room 2", "New"])
    settle(draft)
    after = look(draft)
    assert [room.name for room in after.rooms] == ["Room 2", "New"]
    assert after.rooms[0].realtimekit_meeting_id == before.rooms[1].realtimekit_meeting_id
    assert {room.state for room in after.rooms} == {RoomState.READY}
    gone = str(before.rooms[0].realtimekit_meeting_id)
    assert {each for each, status in statuses(draft).items() if status == "INACTIVE"} == {gone}
    operations.start(draft.deps, draft.breakout_id)
    settle(draft)
    opened = look(draft)
    assert (opened.state, opened.problems) == (BreakoutState.OPEN, [])
    assert sorted(map(len, groups(opened))) == [1, 1]
    assert opened.progress.participants.admitted == 2


def test_a_deleted_room_leaves_nothing_behind_and_its_name_is_free(draft: Hand) -> None:
    first = look(draft).rooms[0]
    rooms.delete_room(draft.deps, draft.breakout_id, first.id)
    change(draft, rooms=["Room 1", "Room 2"])
    settle(draft)
    after = look(draft)
    assert [room.name for room in after.rooms] == ["Room 1", "Room 2"]
    assert after.rooms[0].id != first.id
    assert statuses(draft)[str(first.realtimekit_meeting_id)] == "INACTIVE"
    assert after.progress.rooms.total == 2


def test_who_leaves_for_good_has_no_record_in_deleted_rooms_either(draft: Hand) -> None:
    for room in look(draft).rooms:
        rooms.delete_room(draft.deps, draft.breakout_id, room.id)
    settle(draft)
    change(draft, rooms=2)
    settle(draft)
    records = [one["custom_participant_id"] for one in draft.sandbox.state()["participants"]]
    assert records.count("ana") == 2
    removing.remove(draft.deps, draft.meeting_id, "ana", erase=True)
    draft.work(Leftover)
    assert "ana" not in [one["custom_participant_id"] for one in draft.sandbox.state()["participants"]]


@pytest.mark.parametrize("seed", range(4))
def test_a_shuffle_there_and_back_admits_everybody_where_they_sit(draft: Hand, seed: int) -> None:
    for each in (seed, 1, seed):
        changing.shuffle(draft.deps, draft.breakout_id, ShuffleRequest(seed=each))
        settle(draft)
    operations.start(draft.deps, draft.breakout_id)
    settle(draft)
    opened = look(draft)
    assert (opened.state, opened.problems) == (BreakoutState.OPEN, [])
    for room, group in zip(opened.rooms, groups(opened), strict=True):
        assert set(group) <= set(draft.sandbox.records(str(room.realtimekit_meeting_id)))
        assert {draft.look(name).room_id for name in group} == {room.id}


def test_cancelling_retires_all_that_was_ever_prepared(draft: Hand) -> None:
    change(draft, rooms=3)
    settle(draft)
    change(draft, rooms=1)
    operations.cancel(draft.deps, draft.breakout_id)
    settle(draft)
    assert set(statuses(draft).values()) == {"INACTIVE"}
    assert len(statuses(draft)) == 3
