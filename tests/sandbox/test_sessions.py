"""Joins, leaves and kicks, and when sessions start and end."""

import cloudflare
import httpx
import pytest

from tests.sandbox.kit import Kit
from tests.support.waiting import wait_until


def test_a_session_begins_with_the_first_join_and_counts_its_people(kit: Kit) -> None:
    meeting_id = kit.meeting("Main")
    first, second = kit.joined(meeting_id, "ann"), kit.joined(meeting_id, "bo")
    assert first["session_id"] == second["session_id"]
    kit.sandbox.leave(second["peer_id"])
    kit.api.active_session.get_active_session(meeting_id, **kit.ids)
    assert (kit.data["live_participants"], kit.data["max_concurrent_participants"]) == (1, 2)
    assert (kit.data["associated_id"], kit.data["meeting_display_name"]) == (meeting_id, "Main")


def test_an_empty_meeting_has_no_active_session(kit: Kit) -> None:
    meeting_id = kit.meeting()
    for leave_first in (False, True):
        if leave_first:
            kit.sandbox.leave(kit.joined(meeting_id)["peer_id"])
        with pytest.raises(cloudflare.NotFoundError, match="No active session found"):
            kit.api.active_session.get_active_session(meeting_id, **kit.ids)
        with pytest.raises(cloudflare.NotFoundError):
            kit.api.active_session.kick_participants(
                meeting_id, **kit.ids, custom_participant_ids=["ann"], participant_ids=[]
            )


def test_a_session_ends_when_its_keep_alive_time_is_over(kit: Kit) -> None:
    kit.sandbox.timings(keep_alive_seconds=0.05)
    joined = kit.joined(kit.meeting())
    kit.sandbox.leave(joined["peer_id"])

    def ended() -> bool:
        kit.api.sessions.get_session_details(joined["session_id"], **kit.ids)
        return bool(kit.data["status"] == "ENDED" and kit.data["ended_at"])

    wait_until(ended)


def test_a_participant_who_rejoins_in_time_is_in_the_same_session(kit: Kit) -> None:
    meeting_id = kit.meeting()
    token = kit.participant(meeting_id)["token"]
    first = kit.sandbox.join(token)
    kit.sandbox.leave(first["peer_id"])
    assert kit.sandbox.join(token)["session_id"] == first["session_id"]


def test_a_kick_by_custom_id_or_participant_id_puts_out_all_tabs(kit: Kit) -> None:
    meeting_id = kit.meeting()
    ann, bo = kit.participant(meeting_id, "ann"), kit.participant(meeting_id, "bo")
    for token in (ann["token"], ann["token"], bo["token"]):
        kit.sandbox.join(token)
    kit.joined(meeting_id, "cy")
    kick = kit.api.active_session.kick_participants
    kick(meeting_id, **kit.ids, custom_participant_ids=["ann", "nobody"], participant_ids=[])
    assert [each["id"] for each in kit.data["participants"]] == [ann["id"]]
    assert kit.sandbox.present(meeting_id) == ["bo", "cy"]
    kick(meeting_id, **kit.ids, custom_participant_ids=[], participant_ids=[bo["id"]])
    assert kit.sandbox.present(meeting_id) == ["cy"]
    kit.sandbox.join(ann["token"])
    assert kit.sandbox.present(meeting_id) == ["ann", "cy"]


def test_kick_all_empties_the_meeting_and_ends_the_session(kit: Kit) -> None:
    meeting_id = kit.meeting()
    session_id = kit.joined(meeting_id, "ann")["session_id"]
    kit.joined(meeting_id, "bo")
    kit.api.active_session.kick_all_participants(meeting_id, **kit.ids)
    assert kit.data["kicked_participants_count"] == 2
    kit.api.sessions.get_session_details(session_id, **kit.ids)
    assert (kit.data["status"], kit.data["live_participants"]) == ("ENDED", 0)
    assert kit.joined(meeting_id, "cy")["session_id"] != session_id


def test_an_inactive_meeting_refuses_joins_until_it_is_active_again(kit: Kit) -> None:
    meeting_id = kit.meeting()
    token = kit.participant(meeting_id)["token"]
    kit.sandbox.join(token)
    kit.api.meetings.update_meeting_by_id(meeting_id, **kit.ids, status="INACTIVE")
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        kit.sandbox.join(token)
    assert kit.sandbox.present(meeting_id) == ["ann"]
    kit.api.meetings.update_meeting_by_id(meeting_id, **kit.ids, status="ACTIVE")
    kit.sandbox.join(token)


def test_a_forged_token_and_one_of_a_deleted_participant_are_refused(kit: Kit) -> None:
    meeting_id = kit.meeting()
    person = kit.participant(meeting_id)
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        kit.sandbox.join(person["token"][:-4] + "AAAA")
    kit.api.meetings.delete_meeting_participant(person["id"], **kit.ids, meeting_id=meeting_id)
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        kit.sandbox.join(person["token"])


def test_an_expired_token_is_refused(kit: Kit) -> None:
    kit.sandbox.timings(token_lifetime_seconds=0.5)
    token = kit.participant(kit.meeting())["token"]
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        kit.sandbox.join(token)


def test_leaving_twice_is_reported(kit: Kit) -> None:
    peer_id = kit.joined(kit.meeting())["peer_id"]
    assert kit.sandbox.leave(peer_id) == {"left": True, "because": "left"}
    assert kit.sandbox.leave(peer_id) == {"left": False, "because": "left"}
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        kit.sandbox.leave("nobody")


def test_participants_of_a_session_are_peers_and_can_be_consolidated(kit: Kit) -> None:
    meeting_id = kit.meeting()
    ann = kit.participant(meeting_id, "ann")
    first = kit.sandbox.join(ann["token"])
    kit.sandbox.leave(first["peer_id"])
    kit.sandbox.join(ann["token"])
    kit.joined(meeting_id, "bo")
    listed = kit.api.sessions.get_session_participants
    listed(first["session_id"], **kit.ids)
    raw = kit.data["participants"]
    assert [each["custom_participant_id"] for each in raw] == ["ann", "ann", "bo"]
    assert (raw[0]["id"], raw[0]["user_id"]) == (first["peer_id"], ann["id"])
    assert ["left_at" in each for each in raw] == [True, False, False]
    listed(first["session_id"], **kit.ids, view="consolidated", search="ann")
    assert [each["user_id"] for each in kit.data["participants"]] == [ann["id"]]
    listed(first["session_id"], **kit.ids, page_no=2, per_page=2, sort_order="DESC")
    assert [each["id"] for each in kit.data["participants"]] == [first["peer_id"]]


def test_sessions_are_found_by_meeting_status_and_size(kit: Kit) -> None:
    one, other = kit.meeting("One"), kit.meeting("Other")
    first = kit.joined(one)["session_id"]
    kit.sandbox.end(one)
    second = kit.joined(other)["session_id"]
    kit.joined(other, "bo")

    def found(**filters: str) -> list[str]:
        answer = kit.request("GET", "/sessions", params=filters).json()
        return [session["id"] for session in answer["data"]["sessions"]]

    assert found() == [second, first]
    assert found(sort_order="ASC") == [first, second]
    assert found(associated_id=one) == [first]
    assert found(status="LIVE") == [second]
    assert found(search="one") == [first]
    assert found(participants="2:10") == [second]
