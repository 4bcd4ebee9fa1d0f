"""A main meeting that is INACTIVE at RealtimeKit can't be adopted, and no breakout of it is started."""

from tests.api.server import JSON, Api, checked
from tests.support.sandbox_server import SandboxServer


def test_a_closed_meeting_is_not_adopted(api: Api, sandbox: SandboxServer) -> None:
    meeting = api.meeting("ana")
    _close(sandbox, meeting)
    answer = api.post("/v1/meetings", {"realtimekit_meeting_id": meeting["realtimekit_meeting_id"]}, 409)
    assert (answer["state"], answer["allowed"]) == ("INACTIVE", ["ACTIVE"])


def test_no_breakout_of_a_closed_meeting_is_started(api: Api, sandbox: SandboxServer) -> None:
    meeting = api.meeting("ana")
    draft = api.breakout(meeting, 201)
    _close(sandbox, meeting)
    answer = api.post(f"/v1/breakouts/{draft['id']}/start", None, 409)
    assert (answer["state"], answer["allowed"]) == ("INACTIVE", ["ACTIVE"])
    api.breakout(meeting, 409, start="now")
    assert [it["state"] for it in api.get(f"/v1/meetings/{meeting['id']}/breakouts")["items"]] == ["draft"]


def test_a_start_that_gets_no_answer_about_the_meeting_begins_within_seconds(api: Api, sandbox: SandboxServer) -> None:
    meeting = api.meeting("ana")
    sandbox.faults({"operation": "get_meeting_by_id", "kind": "silence", "seconds": 20})
    api.breakout(meeting, 202, start="now")


def test_a_repeated_start_gets_its_first_answer_also_when_the_meeting_was_closed_meanwhile(
    api: Api, sandbox: SandboxServer
) -> None:
    meeting = api.meeting("ana")
    path, headers = f"/v1/meetings/{meeting['id']}/breakouts", {"Idempotency-Key": "once"}
    first = checked(api.client.post(path, json={"rooms": 1, "start": "now"}, headers=headers), 202)
    _close(sandbox, meeting)
    assert checked(api.client.post(path, json={"rooms": 1, "start": "now"}, headers=headers), 202) == first


def _close(sandbox: SandboxServer, meeting: JSON) -> None:
    sandbox.rest("PATCH", f"/meetings/{meeting['realtimekit_meeting_id']}", {"status": "INACTIVE"})
