"""Calls that remove people and meetings, and the stream of a meeting."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.api.server import JSON, OPERATOR, UNKNOWN_ID, Api, Stream, bearer, open_stream
from tests.support.waiting import wait_until


def test_a_removed_person_is_refused_everywhere(api: Api) -> None:
    meeting = api.meeting("ana", "bo/ra")
    breakout = api.breakout(meeting, start="manual")
    token = api.token(meeting, "bo/ra")
    path = f"/v1/meetings/{meeting['id']}/participants"
    with api.stream(token) as stream:
        assert stream.next().name == "seat"
        assert api.client.delete(f"{path}/bo/ra").status_code == 202
        assert list(stream) == [], "the stream ends"
    calls = {"GET": "/v1/seat", "POST": "/v1/seat/ack", "PUT": "/v1/seat/room"}
    bodies = {"POST": {"location": "main", "version": 1}, "PUT": {"room_id": None}}
    for method, seat_path in calls.items():
        refused = api.stranger.request(method, seat_path, headers=bearer(token), json=bodies.get(method))
        assert (method, refused.status_code) == (method, 401)
    assert [person["custom_participant_id"] for person in api.get(path)["items"]] == ["ana"]
    assert "bo/ra" not in str(api.get(f"/v1/breakouts/{breakout['id']}"))
    assert api.get(f"/v1/meetings/{meeting['id']}")["participant_count"] == 1
    for query, status in (("", 202), ("?erase=true", 202), ("?erase=true", 202), ("?erase=maybe", 422), ("?x=1", 422)):
        assert api.client.delete(f"{path}/bo%2Fra{query}").status_code == status
    for never_known in (f"{path}/nobody", f"/v1/meetings/{UNKNOWN_ID}/participants/ana"):
        assert api.client.delete(never_known).status_code == 404
    api.post(path, {"participants": [{"custom_participant_id": "bo/ra", "name": "Bora"}]})
    assert api.stranger.get("/v1/seat", headers=bearer(token)).status_code == 401, "old tokens stay refused"
    assert api.stranger.get("/v1/seat", headers=bearer(api.token(meeting, "bo/ra"))).status_code == 200


def test_an_encoded_slash_belongs_to_the_id(api: Api) -> None:
    meeting = api.meeting("bo", "bo/present", "bo/client-tokens")
    path = f"/v1/meetings/{meeting['id']}/participants"
    refused = httpx.delete(f"{api.url}{path}/bo/present", headers=bearer(OPERATOR), trust_env=False)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "PUT, OPTIONS")
    assert api.client.delete(f"{path}/bo/client-tokens").status_code == 204
    assert len(api.get(path)["items"]) == 3
    for ending in ("%2Fpresent", "%2Fclient-tokens"):
        assert api.client.delete(f"{path}/bo{ending}").status_code == 202
    assert [person["custom_participant_id"] for person in api.get(path)["items"]] == ["bo"]


def test_a_removal_counts_as_a_change_of_the_people(api: Api) -> None:
    meeting = api.meeting("ana", "bo")
    path = f"/v1/meetings/{meeting['id']}/participants"
    seen = {"If-Match": f'"{meeting["version"]}"'}
    assert api.client.delete(f"{path}/ana", headers=seen).status_code == 202
    stale = api.client.delete(f"{path}/bo", headers=seen)
    assert (stale.status_code, stale.json()["fields"]) == (412, ["participants"])


def test_a_kept_answer_names_the_erased_no_more(api: Api) -> None:
    meeting = api.meeting("ana")
    path = f"/v1/meetings/{meeting['id']}"
    person = {"custom_participant_id": "zoe@example.com", "name": "Zoe", "attributes": {"team": "crimson"}}
    calls = [(f"{path}/participants", {"participants": [person]}), (f"{path}/breakouts", {"rooms": 2})]

    def repeat() -> list[str]:
        key = {"Idempotency-Key": "the same"}
        return [api.client.post(where, json=body, headers=key).text for where, body in calls]

    before = repeat()
    assert api.client.delete(f"{path}/participants/zoe@example.com?erase=true").status_code == 202
    after = repeat()
    assert all("zoe@example.com" in text and "Zoe" in text for text in before)
    assert not any(word in text for word in ("zoe@example.com", "Zoe", "crimson") for text in after)
    assert all("erased-" in text for text in after)


def test_a_deleted_meeting_is_unknown(api: Api) -> None:
    meeting = api.meeting("ana", hosts=("hana",))
    breakout = api.breakout(meeting, start="manual")
    token = api.token(meeting, "ana")
    mine = f"/v1/meetings/{meeting['id']}"
    with api.stream(token) as seats, _meeting_stream(api, meeting) as events, api.events(breakout) as log:
        assert seats.next().name == "seat"
        assert api.client.delete(mine).status_code == 204
        assert (list(seats), list(events)) == ([], [])
        assert all(event.name for event in log), "the log's stream ends too"
    assert api.stranger.get("/v1/seat", headers=bearer(token)).status_code == 401
    theirs = f"/v1/breakouts/{breakout['id']}"
    for path in (mine, f"{mine}/participants", f"{mine}/breakouts", f"{mine}/events", theirs, f"{theirs}/log"):
        assert api.client.get(path).status_code == 404, path
    assert api.client.delete(mine).status_code == 404
    assert meeting["id"] not in str(api.get("/v1/meetings"))
    adopted = {"realtimekit_meeting_id": meeting["realtimekit_meeting_id"]}
    assert api.post("/v1/meetings", adopted, 201)["id"] != meeting["id"], "RealtimeKit's meeting is still there"


def test_a_meeting_whose_breakout_runs_is_not_deleted(api: Api) -> None:
    meeting = api.meeting("ana")
    breakout = api.breakout(meeting, 202, start="now")
    refused = api.client.delete(f"/v1/meetings/{meeting['id']}")
    assert (refused.status_code, refused.json()["breakout_id"]) == (409, breakout["id"])
    assert refused.json()["state"] == "opening"


def test_a_meetings_stream_tells_what_happens(api: Api) -> None:
    meeting = api.meeting("ana")
    mine = f"/v1/meetings/{meeting['id']}"
    with _meeting_stream(api, meeting) as events:
        api.post(f"{mine}/participants", {"participants": [{"custom_participant_id": "bo", "name": "Bo"}]})
        came = events.next()
        assert (came.name, came.data) == ("meeting.participant", api.get(f"{mine}/participants")["items"][1])
        api.put(f"{mine}/participants/bo/present", {"present": True})
        seen = events.next().data
        assert (seen["custom_participant_id"], seen["location"], seen["present"]) == ("bo", "main", True)
        assert api.client.patch(mine, json={"title": "Chemistry"}).status_code == 200
        changed = events.next()
        assert (changed.name, changed.data) == ("meeting.changed", {"fields": ["title"]})
        breakout = api.breakout(meeting, start="manual")
        made = events.next()
        assert (made.name, made.data) == ("meeting.breakout", {"id": breakout["id"], "state": "draft"})
        api.post(f"/v1/breakouts/{breakout['id']}/cancel", None, 202)
        assert events.next().data == {"id": breakout["id"], "state": "cancelled"}
        assert api.client.delete(f"{mine}/participants/bo").status_code == 202
        gone = events.next()
        assert (gone.name, gone.data) == ("meeting.participant_removed", {"custom_participant_id": "bo"})


def test_a_crowd_that_registers_is_told_of_in_a_few_reads(api: Api) -> None:
    meeting = api.meeting()
    people = [{"custom_participant_id": f"p{number}", "name": f"P {number}"} for number in range(1000)]
    with _meeting_stream(api, meeting) as events:
        reads_before = api.app.state.hub.meetings.reads
        for first in range(0, 1000, 50):
            api.post(f"/v1/meetings/{meeting['id']}/participants", {"participants": people[first : first + 50]})
        told = [events.next().data["custom_participant_id"] for _ in people]
        assert told == [person["custom_participant_id"] for person in people]
        assert api.app.state.hub.meetings.reads - reads_before < 100


def test_the_stream_of_an_unknown_meeting_is_refused(api: Api) -> None:
    assert api.client.get(f"/v1/meetings/{UNKNOWN_ID}/events").status_code == 404
    wait_until(lambda: len(api.app.state.hub.meetings) == 0, what="no stream to be left")


@contextmanager
def _meeting_stream(api: Api, meeting: JSON) -> Iterator[Stream]:
    path = f"/v1/meetings/{meeting['id']}/events"
    with open_stream(api.stranger, path, OPERATOR) as stream:
        yield stream
