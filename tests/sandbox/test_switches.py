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


@pytest.mark.parametrize(
    ("wanted", "error"), [("conflict", cloudflare.ConflictError), ("bad_request", cloudflare.BadRequestError)]
)
def test_the_same_custom_id_is_refused(kit: Kit, wanted: str, error: type[cloudflare.APIStatusError]) -> None:
    kit.sandbox.switches(duplicate_participant=wanted)
    meeting_id, other = kit.meeting(), kit.meeting()
    kit.participant(meeting_id)
    with pytest.raises(error, match="already exists"):
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


@pytest.mark.parametrize(("first", "pages"), [(1, ["a", "a", "b"]), (0, ["a", "b", ""])])
def test_pages_count_from_0_or_1(kit: Kit, first: int, pages: list[str]) -> None:
    kit.sandbox.switches(pages_from=first, meetings_order="oldest_first")
    for title in ("a", "b"):
        kit.meeting(title)
    assert ["".join(listed(kit, page_no=str(number), per_page="1")) for number in range(3)] == pages


@pytest.mark.parametrize("totals", [True, False])
def test_lists_may_have_no_totals(kit: Kit, totals: bool) -> None:
    kit.sandbox.switches(lists_have_totals=totals)
    answers = [kit.request("GET", path).json() for path in ("/meetings", "/sessions")]
    assert ["paging" in answer for answer in answers] == [totals, totals]


@pytest.mark.parametrize(("too_many", "status"), [("cap", 200), ("refuse", 400)])
def test_too_many_items_per_page_are_capped_or_refused(kit: Kit, too_many: str, status: int) -> None:
    kit.sandbox.switches(most_per_page=1, too_many_per_page=too_many)
    for title in ("a", "b"):
        kit.meeting(title)
    answer = kit.request("GET", "/meetings", params={"per_page": 2})
    assert answer.status_code == status
    assert len(listed(kit, per_page="1")) == 1


def test_new_participants_sessions_and_peers_may_be_shown_late(kit: Kit) -> None:
    kit.sandbox.switches(participants_lag_seconds=60, sessions_lag_seconds=60)
    meeting_id = kit.meeting()
    session_id = kit.joined(meeting_id)["session_id"]
    paths = (f"/meetings/{meeting_id}/participants", "/sessions", f"/sessions/{session_id}/participants")
    assert [shown(kit, path) for path in paths] == [0, 0, 0]
    kit.sandbox.switches(participants_lag_seconds=0, sessions_lag_seconds=0)
    assert [shown(kit, path) for path in paths] == [1, 1, 1]


@pytest.mark.parametrize(("view", "rows"), [("raw", 2), ("consolidated", 1)])
def test_peers_are_listed_in_one_view_or_the_other_unless_one_is_asked_for(kit: Kit, view: str, rows: int) -> None:
    kit.sandbox.switches(peers_view=view)
    token = kit.participant(kit.meeting())["token"]
    _, session_id = (kit.sandbox.join(token)["session_id"] for _ in range(2))
    path = f"/sessions/{session_id}/participants"
    assert (shown(kit, path), shown(kit, f"{path}?view=raw")) == (rows, 2)


@pytest.mark.parametrize("stay", [True, False])
def test_a_browser_may_keep_its_peer_id(kit: Kit, stay: bool) -> None:
    kit.sandbox.switches(peer_ids_stay=stay)
    sessions = [kit.joined(kit.meeting())["session_id"] for _ in range(2)]
    peers = [kit.request("GET", f"/sessions/{it}/participants").json()["data"]["participants"] for it in sessions]
    assert (peers[0][0]["id"] == peers[1][0]["id"]) == stay


@pytest.mark.parametrize("revokes", [True, False])
def test_a_new_token_may_revoke_the_old_one(kit: Kit, revokes: bool) -> None:
    kit.sandbox.switches(refresh_revokes=revokes)
    meeting_id = kit.meeting()
    old = kit.participant(meeting_id)
    new = kit.request("POST", f"/meetings/{meeting_id}/participants/{old['id']}/token").json()["data"]
    kit.sandbox.join(new["token"])
    if not revokes:
        kit.sandbox.join(old["token"])
        return
    with pytest.raises(httpx.HTTPStatusError, match="401"):
        kit.sandbox.join(old["token"])


@pytest.mark.parametrize(("wanted", "status"), [("ok", 200), ("conflict", 409)])
def test_retiring_a_retired_meeting(kit: Kit, wanted: str, status: int) -> None:
    kit.sandbox.switches(retire_retired=wanted)
    path = f"/meetings/{kit.meeting()}"
    statuses = [kit.request("PATCH", path, json={"status": "INACTIVE"}).status_code for _ in range(2)]
    assert statuses == [200, status]


@pytest.mark.parametrize(("wanted", "left"), [("ignore", []), ("not_found", ["ann"])])
def test_one_who_is_absent_may_prevent_a_kick(kit: Kit, wanted: str, left: list[str]) -> None:
    kit.sandbox.switches(kick_absent=wanted)
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    ids = {"custom_participant_ids": ["ann", "bob"]}
    kit.request("POST", f"/meetings/{meeting_id}/active-session/kick", json=ids)
    assert kit.sandbox.present(meeting_id) == left


@pytest.mark.parametrize(("wanted", "status"), [("conflict", 409), ("bad_request", 400)])
def test_a_second_recording_is_refused(kit: Kit, wanted: str, status: int) -> None:
    kit.sandbox.switches(start_running_recording=wanted)
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    kit.record(meeting_id)
    assert kit.request("POST", "/recordings", json={"meeting_id": meeting_id}).status_code == status


@pytest.mark.parametrize("counted", [True, False])
def test_the_recorder_may_be_counted(kit: Kit, counted: bool) -> None:
    kit.sandbox.switches(recorder_is_counted=counted)
    meeting_id = kit.meeting()
    session_id = kit.joined(meeting_id)["session_id"]
    kit.record(meeting_id)
    kit.api.active_session.get_active_session(meeting_id, **kit.ids)
    assert kit.data["live_participants"] == shown(kit, f"/sessions/{session_id}/participants") == 1 + counted


@pytest.mark.parametrize(("count", "found"), [("each", 1), ("last", 0)])
def test_of_several_statuses_of_recordings_all_or_the_last_count(kit: Kit, count: str, found: int) -> None:
    kit.sandbox.switches(recording_statuses=count)
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    kit.record(meeting_id)
    assert shown(kit, "/recordings?status=INVOKED&status=RECORDING&status=PAUSED") == found


def shown(kit: Kit, path: str) -> int:
    """Return how many items a list has."""
    data = kit.request("GET", path).json()["data"]
    return len(data if isinstance(data, list) else data.get("sessions", data.get("participants")))


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


@pytest.mark.parametrize(
    ("wanted", "status"), [("conflict", 409), ("bad_request", 400), ("not_found", 404), ("ok", 200)]
)
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
