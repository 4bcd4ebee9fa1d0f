"""Each switch for behaviour that RealtimeKit does not document, in all its positions."""

from datetime import UTC, datetime, timedelta

import cloudflare
import httpx
import pytest

from tests.sandbox.kit import Kit
from tests.sandbox.receiver import Receiver
from tests.support.waiting import wait_until


def test_the_same_custom_id_makes_a_second_record(kit: Kit) -> None:
    kit.sandbox.switches(duplicate_participant="second_record")
    meeting_id = kit.meeting()
    assert kit.participant(meeting_id)["id"] != kit.participant(meeting_id)["id"]
    assert len(kit.sandbox.state()["participants"]) == 2


def test_the_same_custom_id_conflicts(kit: Kit) -> None:
    kit.sandbox.switches(duplicate_participant="conflict")
    meeting_id, other = kit.meeting(), kit.meeting()
    kit.participant(meeting_id)
    with pytest.raises(cloudflare.ConflictError, match="already exists"):
        kit.participant(meeting_id)
    kit.participant(other)


def test_the_same_custom_id_gives_the_same_record(kit: Kit) -> None:
    kit.sandbox.switches(duplicate_participant="same_record")
    meeting_id = kit.meeting()
    first, again = kit.participant(meeting_id), kit.participant(meeting_id, name="Anna")
    assert first["id"] == again["id"]
    assert first["token"] != again["token"]
    assert again["name"] == "Anna"


@pytest.mark.parametrize(
    ("matches", "found"),
    [
        ("substring", ["k-1", "K-10", "a k-1"]),
        ("exact", ["k-1"]),
        ("prefix", ["k-1"]),
        ("words", ["k-1", "a k-1"]),
        ("nothing", []),
        ("everything", ["k-1", "K-10", "a k-1", "other"]),
    ],
)
def test_search_matches_parts_of_titles_or_whole_titles(kit: Kit, matches: str, found: list[str]) -> None:
    kit.sandbox.switches(search_matches=matches, meetings_order="oldest_first")
    for title in ("k-1", "K-10", "a k-1", "other"):
        kit.meeting(title)
    assert listed(kit, search="k-1") == found


@pytest.mark.parametrize(("lag", "query"), [("search_lag_seconds", {"search": "fresh"}), ("list_lag_seconds", {})])
def test_the_search_or_the_list_may_lag_behind(kit: Kit, lag: str, query: dict[str, str]) -> None:
    kit.sandbox.switches(**{lag: 0.8})
    kit.meeting("fresh")
    other = {} if query else {"search": "fresh"}
    assert (listed(kit, **query), listed(kit, **other)) == ([], ["fresh"])
    wait_until(lambda: listed(kit, **query) == ["fresh"])


@pytest.mark.parametrize(
    ("compares", "found"),
    [
        ("created_at", ["new"]),
        ("updated_at", ["renamed", "new"]),
        ("session", ["live"]),
        ("nothing", ["old", "renamed", "live", "new"]),
    ],
)
def test_start_time_is_compared_with_one_of_several_times(kit: Kit, compares: str, found: list[str]) -> None:
    kit.sandbox.switches(start_time_compares=compares, meetings_order="oldest_first")
    for title in ("old", "old name", "live"):
        kit.sandbox.age(kit.meeting(title), 3600)
    _, to_rename, to_join = (meeting["id"] for meeting in kit.sandbox.state()["meetings"])
    kit.api.meetings.update_meeting_by_id(to_rename, **kit.ids, title="renamed")
    kit.joined(to_join)
    kit.meeting("new")
    assert listed(kit, start_time=(datetime.now(UTC) - timedelta(minutes=1)).isoformat()) == found


@pytest.mark.parametrize(
    ("order", "found"),
    [("newest_first", ["a", "c", "b"]), ("oldest_first", ["b", "c", "a"]), ("by_title", ["a", "b", "c"])],
)
def test_meetings_come_in_one_of_several_orders(kit: Kit, order: str, found: list[str]) -> None:
    kit.sandbox.switches(meetings_order=order)
    for title in ("b", "c", "a"):
        kit.meeting(title)
    assert listed(kit) == found


def listed(kit: Kit, **query: str) -> list[str]:
    """Return the titles of the meetings that a query gives."""
    return [meeting["title"] for meeting in kit.request("GET", "/meetings", params=query).json()["data"]]


@pytest.mark.parametrize("triggers", [False, True])
def test_an_empty_meeting_may_be_recorded(kit: Kit, receiver: Receiver, triggers: bool) -> None:
    names = ["meeting.started", "meeting.participantJoined", "meeting.participantLeft"]
    kit.sandbox.switches(record_empty_meeting="allow", recorder_triggers_events=triggers)
    kit.sandbox.timings(recording_stops_when_empty_after=0.2)
    kit.request("POST", "/webhooks", json={"name": "x", "url": receiver.url, "events": names})
    recording = kit.record(kit.meeting())
    assert (recording["session_id"] is not None) == triggers
    wait_until(lambda: kit.recording(recording["id"])["status"] == "UPLOADED")
    wait_until(lambda: kit.sandbox.deliveries()["pending"] == 0)
    assert sorted(receiver.events()) == (sorted(names) if triggers else [])
    assert kit.data["stop_reason"]["reason"] == "ALL_PEERS_LEFT"


def test_a_recording_of_an_empty_meeting_waits_for_the_first_join(kit: Kit) -> None:
    kit.sandbox.switches(record_empty_meeting="allow")
    meeting_id = kit.meeting()
    recording = kit.record(meeting_id)
    joined = kit.joined(meeting_id)
    assert kit.recording(recording["id"])["session_id"] == joined["session_id"]


@pytest.mark.parametrize("ejects", [False, True])
def test_inactive_may_put_everybody_out(kit: Kit, ejects: bool) -> None:
    kit.sandbox.switches(inactive_ejects=ejects)
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    kit.api.meetings.update_meeting_by_id(meeting_id, **kit.ids, status="INACTIVE")
    assert kit.sandbox.present(meeting_id) == ([] if ejects else ["ann"])


def test_kick_all_may_leave_the_session_to_its_keep_alive_time(kit: Kit) -> None:
    kit.sandbox.switches(kick_all_ends_session="after_keep_alive")
    meeting_id = kit.meeting()
    session_id = kit.joined(meeting_id)["session_id"]
    recording = kit.record(meeting_id)
    kit.api.active_session.kick_all_participants(meeting_id, **kit.ids)
    kit.api.sessions.get_session_details(session_id, **kit.ids)
    assert (kit.data["status"], kit.data["live_participants"]) == ("LIVE", 0)
    assert kit.sandbox.present(meeting_id) == []
    assert kit.recording(recording["id"])["stopped_time"] is None


@pytest.mark.parametrize(("wanted", "status"), [("not_found", 404), ("ok", 200)])
def test_kick_all_in_an_empty_meeting(kit: Kit, wanted: str, status: int) -> None:
    kit.sandbox.switches(kick_all_when_empty=wanted)
    answer = kit.request("POST", f"/meetings/{kit.meeting()}/active-session/kick-all")
    assert answer.status_code == status


def test_a_lingering_session_may_count_as_active(kit: Kit) -> None:
    kit.sandbox.switches(lingering_session_is_active=True)
    meeting_id = kit.meeting()
    kit.sandbox.leave(kit.joined(meeting_id)["peer_id"])
    kit.api.active_session.get_active_session(meeting_id, **kit.ids)
    assert kit.data["live_participants"] == 0


@pytest.mark.parametrize(("wanted", "status"), [("conflict", 409), ("ok", 200)])
def test_stopping_a_stopped_recording(kit: Kit, wanted: str, status: int) -> None:
    kit.sandbox.switches(stop_stopped_recording=wanted)
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    path = f"/recordings/{kit.record(meeting_id)['id']}"
    statuses = [kit.request("PUT", path, json={"action": "stop"}).status_code for _ in range(2)]
    assert statuses == [200, status]


def test_participants_without_a_name_can_join_only_with_the_switch(kit: Kit) -> None:
    meeting_id = kit.meeting()
    tokens = [kit.participant(meeting_id, f"user-{n}", name=name)["token"] for n, name in enumerate((None, ""))]
    for token in tokens:
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            kit.sandbox.join(token)
    kit.sandbox.switches(nameless_can_join=True)
    for token in tokens:
        kit.sandbox.join(token)


def test_recordings_can_be_made_to_fail(kit: Kit) -> None:
    kit.sandbox.switches(recordings_fail_matching="Room 2")
    ends = []
    for title in ("Room 1", "Room 2"):
        meeting_id = kit.meeting(title)
        kit.joined(meeting_id)
        ends.append(kit.stop(kit.record(meeting_id)["id"])["status"])
    assert ends == ["UPLOADING", "ERRORED"]


def test_recordings_that_are_too_short_can_be_made_to_fail(kit: Kit) -> None:
    kit.sandbox.timings(recording_shortest=5)
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    assert kit.stop(kit.record(meeting_id)["id"])["status"] == "ERRORED"
