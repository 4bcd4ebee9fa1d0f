"""Both error envelopes, and the calls that are refused."""

from typing import Any

import cloudflare
import pytest

from orchestrator.sandbox.world.config import SandboxConfig
from tests.sandbox.kit import Kit
from tests.support.sandbox_server import SandboxServer

PERSON = {"custom_participant_id": "ann", "preset_name": "group_call_host", "name": "Ann"}


def test_realtimekit_refuses_with_its_own_envelope(kit: Kit) -> None:
    with pytest.raises(cloudflare.NotFoundError) as caught:
        kit.api.meetings.get_meeting_by_id("no-such-meeting", **kit.ids)
    assert caught.value.body == {"success": False, "error": {"code": 404, "message": "Meeting not found"}}


def test_an_unknown_route_is_answered_by_the_gateway(kit: Kit) -> None:
    answer = kit.request("GET", "/no-such-thing")
    assert answer.status_code == 404
    assert answer.json()["errors"][0].keys() == {"code", "message"}
    assert answer.json()["result"] is None
    assert answer.json()["success"] is False


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic YTpi"])
def test_without_a_bearer_token_the_gateway_answers_401(kit: Kit, authorization: str) -> None:
    answer = kit.request("GET", "/presets", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["message"] == "Authentication error"


def test_a_configured_token_is_the_only_one() -> None:
    with SandboxServer(SandboxConfig(api_token=SandboxServer.api_token)) as sandbox:
        Kit(sandbox).meeting()
        with pytest.raises(cloudflare.AuthenticationError):
            Kit(sandbox, api_token="another").meeting()


def test_a_configured_app_is_the_only_one() -> None:
    config = SandboxConfig(account_id=SandboxServer.account_id, app_id=SandboxServer.app_id)
    with SandboxServer(config) as sandbox:
        kit = Kit(sandbox)
        kit.meeting()
        for wrong in ({"account_id": "b" * 32}, {"app_id": "other"}):
            with pytest.raises(cloudflare.NotFoundError):
                kit.api.presets.get(**(kit.ids | wrong))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/meetings", {"session_keep_alive_time_in_secs": 59}),
        ("/meetings", {"session_keep_alive_time_in_secs": 601}),
        ("/meetings", {"title": 7}),
        ("/meetings", {"recording_config": {"max_seconds": 59}}),
        ("/meetings", {"ai_config": {"summarization": {"word_limit": 149}}}),
        ("/meetings", []),
        ("/meetings/{id}/participants", {}),
        ("/meetings/{id}/participants", {"custom_participant_id": "ann"}),
        ("/meetings/{id}/participants", PERSON | {"custom_participant_id": ""}),
        ("/meetings/{id}/participants", PERSON | {"preset_name": "no-such-preset"}),
        ("/meetings/{id}/participants", PERSON | {"name": 7}),
        ("/meetings/{id}/participants", PERSON | {"picture": "not a url"}),
        ("/meetings/{id}/active-session/kick", {}),
        ("/meetings/{id}/active-session/kick", {"participant_ids": "ann"}),
        ("/meetings/{id}/active-session/poll", {"question": "Tea?"}),
        ("/recordings", {}),
        ("/recordings", {"meeting_id": "{id}", "max_seconds": 59}),
        ("/recordings", {"meeting_id": "{id}", "max_seconds": 86401}),
        ("/recordings", {"meeting_id": "{id}", "storage_config": {"type": "attic"}}),
        ("/recordings", {"meeting_id": "{id}", "video_config": {"width": 1921}}),
        ("/webhooks", {"name": "x", "url": "http://127.0.0.1/", "events": ["no.such.event"]}),
        ("/webhooks", {"name": "x", "url": "127.0.0.1", "events": ["meeting.ended"]}),
        ("/webhooks", {"name": "x", "url": "http://127.0.0.1/", "events": []}),
        ("/presets", {"name": "x"}),
    ],
)
def test_a_malformed_body_gets_400_and_changes_nothing(kit: Kit, path: str, body: Any) -> None:
    meeting_id = kit.meeting()
    kit.joined(meeting_id, "somebody")
    before = kit.sandbox.state()
    body = {k: meeting_id if v == "{id}" else v for k, v in body.items()} if isinstance(body, dict) else body
    answer = kit.request("POST", path.replace("{id}", meeting_id), json=body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["success"] is False
    assert answer.json()["error"]["code"] == 400
    assert _without_clocks(kit.sandbox.state()) == _without_clocks(before)


def test_a_body_that_is_not_json_gets_400(kit: Kit) -> None:
    assert kit.request("POST", "/meetings", content=b"{title").json()["error"]["code"] == 400


@pytest.mark.parametrize("query", ["status=OPEN", "page_no=-1", "per_page=many", "start_time=yesterday"])
def test_a_malformed_query_gets_400(kit: Kit, query: str) -> None:
    assert kit.request("GET", f"/meetings?{query}").json()["error"]["code"] == 400


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/meetings/x/participants/y", None),
        ("POST", "/meetings/x/participants/y/token", None),
        ("GET", "/meetings/x/active-session", None),
        ("GET", "/recordings/x", None),
        ("PUT", "/recordings/x", {"action": "stop"}),
        ("GET", "/recordings/active-recording/x", None),
        ("POST", "/recordings", {"meeting_id": "x"}),
        ("GET", "/sessions/x", None),
        ("GET", "/sessions/x/participants", None),
        ("GET", "/sessions/peer-report/x", None),
        ("GET", "/presets/x", None),
        ("DELETE", "/webhooks/x", None),
    ],
)
def test_an_unknown_id_gets_404(kit: Kit, method: str, path: str, body: Any) -> None:
    answer = kit.request(method, path, json=body)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", [{"kind": "no_such_kind"}]),
        ("faults", [{"kind": "silence", "operation": "no_such_operation"}]),
        ("faults", [{"kind": "silence", "probability": 2}]),
        ("latency", {"operations": {"no_such_operation": 1}}),
        ("switches", {"no_such_switch": True}),
        ("switches", {"duplicate_participant": "sometimes"}),
        ("timings", {"keep_alive_seconds": -1}),
        ("budget", {"calls": 0}),
    ],
)
def test_the_control_api_refuses_unknown_names_and_values(kit: Kit, path: str, body: Any) -> None:
    answer = kit.plain.put(f"{kit.sandbox.root}/_sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def _without_clocks(state: Any) -> Any:
    for session in state["sessions"]:
        session.pop("minutes_consumed")
    return state
