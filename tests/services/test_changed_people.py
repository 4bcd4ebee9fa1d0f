"""Name, role and preset of somebody are carried to RealtimeKit, wherever they are admitted."""

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import creating, registering
from orchestrator.services.views import meetings
from schemas.requests import MeetingRequest, PersonRequest
from schemas.states import Role
from schemas.tables import Breakout, Meeting, Room
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

HOST, GUEST = "group_call_host", "group_call_participant"


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout with Ana and Bo in one room, and their tokens for main in stock."""
    hand = Hand(*fresh, ["ana", "bo"], rooms=1)
    hand.work(Meeting)
    return hand


def test_somebody_who_is_made_host_is_host_in_main_and_in_their_room(hand: Hand) -> None:
    before = hand.look("ana")
    _register(hand, "ana", role=Role.HOST)
    hand.work(Meeting, Room)
    for meeting_id in [hand.parent(), *hand.places()]:
        presets = {name: it["preset_name"] for name, it in hand.sandbox.records(str(meeting_id)).items()}
        assert presets == {"ana": HOST, "bo": GUEST}
    after = hand.look("ana")
    assert after.version > before.version
    assert after.auth_token not in (None, before.auth_token)
    hand.sandbox.join(str(after.auth_token))


def test_another_name_is_carried_to_a_prepared_room(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1, start="manual")
    operations.prepare(hand.deps, hand.breakout_id)
    hand.work(Breakout, Room)
    _register(hand, "ana", name="Anna")
    hand.work(Meeting, Room)
    (place,) = hand.places()
    assert hand.sandbox.records(str(place))["ana"]["name"] == "Anna"


def test_nothing_is_edited_twice(hand: Hand) -> None:
    _register(hand, "ana", name="Anna", role=Role.HOST)
    hand.work(Meeting, Room)
    hand.sandbox.forget_calls()
    _register(hand, "ana", name="Anna")
    hand.work(Meeting, Room)
    hand.poll()
    assert "edit_participant" not in hand.sandbox.calls()["counts"]


def test_a_change_that_realtimekit_refuses_is_reported_and_leaves_them_where_they_are(hand: Hand) -> None:
    before = hand.look("ana")
    _register(hand, "ana", preset_name="mistyped")
    for _ in range(2):
        hand.work(Meeting, Room)
        hand.poll()
    assert hand.look("ana") == before
    assert hand.problems() == ["participant refused"] * 2  # for main, and for the room
    _register(hand, "ana", preset_name=HOST)
    hand.work(Meeting, Room)
    assert hand.look("ana").auth_token not in (None, before.auth_token)


def test_somebody_who_was_refused_in_a_room_is_admitted_after_a_corrected_registration(hand: Hand) -> None:
    _register(hand, "cy", preset_name="mistyped")
    hand.work(Room)
    assert hand.look("cy").room_id is None
    _register(hand, "cy", preset_name=GUEST)
    hand.work(Meeting, Room)
    assert hand.look("cy").room_id


def test_the_role_of_somebody_who_is_registered_again_stays_unless_it_is_given(hand: Hand) -> None:
    _register(hand, "ana", role=Role.HOST)
    _register(hand, "ana", name="Anna")
    with hand.deps.database.reading() as session:
        assert meetings.person(session, hand.meeting_id, "ana").role is Role.HOST


def test_an_import_undoes_nothing_that_callers_registered(fresh: tuple[Deps, SandboxServer]) -> None:
    deps, sandbox = fresh
    at_realtimekit = sandbox.rest("POST", "/meetings", {"title": "Physics"})["id"]
    for name in ("ana", "bo"):
        body = {"custom_participant_id": name, "name": name, "preset_name": GUEST}
        sandbox.rest("POST", f"/meetings/{at_realtimekit}/participants", body)
    hand = _adopted(deps, sandbox, at_realtimekit, [{"custom_participant_id": "ana", "name": "Ana", "role": "host"}])
    hand.work(Meeting, Meeting)
    records = sandbox.records(at_realtimekit)
    assert {name: (it["name"], it["preset_name"]) for name, it in records.items()} == {
        "ana": ("Ana", HOST),
        "bo": ("bo", GUEST),
    }
    _register(hand, "bo", role=Role.HOST)
    hand.work(Meeting)
    assert sandbox.records(at_realtimekit)["bo"]["preset_name"] == HOST


def _adopted(deps: Deps, sandbox: SandboxServer, meeting_id: str, people: Sequence[dict[str, str]]) -> Hand:
    hand = Hand.__new__(Hand)
    body = {"realtimekit_meeting_id": meeting_id, "participants": people}
    hand.deps, hand.sandbox, hand.breakout_id = deps, sandbox, ""
    hand.meeting_id = creating.create(deps, MeetingRequest.model_validate(body))
    return hand


def _register(hand: Hand, who: str, name: str | None = None, **more: Any) -> None:
    person = PersonRequest(custom_participant_id=who, name=name or who, **more)
    registering.register(hand.deps, hand.meeting_id, [person])
