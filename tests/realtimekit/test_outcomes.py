"""Which error a failed call raises: it says whether the call may have worked, and no call is repeated."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.errors import (
    Conflict,
    NotFound,
    OutcomeUnknown,
    OutOfQuota,
    RealtimeKitError,
    Refused,
    TryAgain,
)
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.sdk import API_VERSION
from tests.realtimekit.conftest import Connect
from tests.realtimekit.scripted import Reply, ScriptedServer
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import LONG, wait_until

PRESET = "group_call_participant"


def add(kit: RealtimeKit, meeting_id: str) -> Any:
    return kit.run(kit.add_participant(meeting_id, custom_participant_id="ana", name="Ana", preset_name=PRESET))


CREATING: dict[str, Callable[[RealtimeKit, str], Any]] = {
    "create_meeting": lambda kit, _: kit.run(kit.create_meeting("Room 1")),
    "add_participant": add,
    "start_recordings": lambda kit, meeting_id: kit.run(
        kit.start_recording(meeting_id, max_seconds=60, file_name_prefix="x")
    ),
}


def a_live_meeting(kit: RealtimeKit, sandbox: SandboxServer) -> str:
    """Make a meeting with somebody in it, and forget the calls that this took."""
    meeting = kit.run(kit.create_meeting("Room 0"))
    host = kit.run(kit.add_participant(meeting.id, custom_participant_id="host", name="H", preset_name=PRESET))
    assert host.token
    sandbox.join(host.token)
    sandbox.forget_calls()
    return meeting.id


@pytest.mark.parametrize("operation", CREATING)
@pytest.mark.parametrize(
    "kind", ["timeout_after", "error_after", "error_before", "reset_after", "reset_before", "garbled"]
)
def test_a_creating_call_whose_outcome_is_unknown_is_made_exactly_once(
    sandbox: SandboxServer, connect: Connect, operation: str, kind: str
) -> None:
    kit, impatient = connect(sandbox.base_url), connect(sandbox.base_url, realtimekit_timeout_seconds=0.3)
    meeting_id = a_live_meeting(kit, sandbox)
    sandbox.faults({"operation": operation, "kind": kind, "seconds": LONG})
    with pytest.raises(OutcomeUnknown):
        CREATING[operation](impatient if kind == "timeout_after" else kit, meeting_id)
    sandbox.faults()
    kit.run(kit.get_meeting(meeting_id))
    assert sandbox.calls()["counts"] == {operation: 1, "get_meeting_by_id": 1}


def test_the_deadline_holds(sandbox: SandboxServer, connect: Connect) -> None:
    kit = connect(sandbox.base_url, realtimekit_timeout_seconds=0.2)
    sandbox.latency(600_000)
    with pytest.raises(OutcomeUnknown, match=r"no answer within 0\.2 s"):
        kit.run(kit.create_meeting("slow"))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Refused),
        (401, Refused),
        (403, Refused),
        (404, NotFound),
        (408, OutcomeUnknown),
        (409, Conflict),
        (422, Refused),
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (524, OutcomeUnknown),
    ],
)
@pytest.mark.parametrize("gateway", [False, True])
def test_a_status_becomes_our_error_with_realtimekits_own_words(
    scripted: ScriptedServer, connect: Connect, status: int, expected: type[RealtimeKitError], gateway: bool
) -> None:
    if gateway:
        scripted.reply({"success": False, "errors": [{"code": 7003, "message": "in its words"}]}, status=status)
    else:
        scripted.reply({"success": False, "error": {"code": status, "message": "in its words"}}, status=status)
    kit = connect(scripted.url)
    with pytest.raises(RealtimeKitError) as raised:
        kit.run(kit.create_meeting("Room 1"))
    assert type(raised.value) is expected
    assert (raised.value.message, raised.value.status) == ("in its words", status)
    assert len(scripted.asked) == 1


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, Refused),
        (404, NotFound),
        (409, Conflict),
        (500, OutcomeUnknown),
        (7003, OutcomeUnknown),
        (None, OutcomeUnknown),
    ],
)
def test_success_false_is_an_error_though_the_status_is_200(
    scripted: ScriptedServer, connect: Connect, code: int | None, expected: type[RealtimeKitError]
) -> None:
    scripted.reply({"success": False, "error": {"code": code, "message": "no"}})
    kit = connect(scripted.url)
    with pytest.raises(RealtimeKitError, match="no") as raised:
        kit.run(kit.create_meeting("Room 1"))
    assert type(raised.value) is expected


def test_success_false_of_the_sandbox_is_an_error(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    sandbox.faults({"operation": "create_meeting", "kind": "success_false", "message": "not today"})
    with pytest.raises(Refused, match="not today"):
        kit.run(kit.create_meeting("Room 1"))


@pytest.mark.parametrize(
    "body",
    [
        b"<html>upstream</html>",
        b"",
        b"[]",
        {"success": True},
        {"success": True, "data": None},
        {"success": True, "data": []},
        {"success": True, "data": {"title": "no id"}},
        {"success": True, "data": {"id": ""}},
        {"success": True, "data": {"id": 7}},
        {"success": True, "data": {"id": "p1", "custom_participant_id": "ana"}},
        {"success": True, "data": {"id": "p1", "token": None}},
    ],
)
def test_an_answer_without_what_was_asked_for_leaves_the_outcome_unknown(
    scripted: ScriptedServer, connect: Connect, body: Any
) -> None:
    scripted.reply(body)
    with pytest.raises(OutcomeUnknown, match="garbled"):
        add(connect(scripted.url), "m1")


def test_an_error_page_without_an_envelope_is_named_by_its_status(scripted: ScriptedServer, connect: Connect) -> None:
    kit = connect(scripted.url)
    scripted.reply(b"<html>bad gateway</html>", status=502)
    with pytest.raises(OutcomeUnknown, match="HTTP 502"):
        kit.run(kit.create_meeting("Room 1"))
    scripted.reply(b"moved", status=307, headers={"location": f"{scripted.url}/elsewhere"})
    with pytest.raises(Refused, match="HTTP 307"):
        kit.run(kit.create_meeting("Room 1"))
    assert len(scripted.asked) == 2


def test_a_refused_connection_means_that_nothing_happened(connect: Connect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        kit = connect(f"http://127.0.0.1:{free.getsockname()[1]}")
        with pytest.raises(TryAgain, match="can't be reached"):
            kit.run(kit.create_meeting("Room 1"))


def test_an_unknown_host_means_that_nothing_happened(connect: Connect) -> None:
    kit = connect("http://no-such-host.invalid")
    with pytest.raises(TryAgain, match="can't be reached"):
        kit.run(kit.create_meeting("Room 1"))


def test_a_429_says_when_to_come_back(sandbox: SandboxServer, connect: Connect) -> None:
    kit = connect(sandbox.base_url)
    sandbox.faults({"operation": "create_meeting", "kind": "rate_limited", "retry_after": 90})
    with pytest.raises(OutOfQuota, match="throttling") as raised:
        kit.run(kit.create_meeting("Room 1"))
    assert raised.value.retry_after == 90
    assert raised.value.status == 429


@pytest.mark.parametrize(
    ("header", "least", "most"), [({}, 30, 30), ({"retry-after": "soon"}, 30, 30), ({"retry-after": "17"}, 17, 17)]
)
def test_a_429_without_a_usable_date_still_keeps_us_away(
    scripted: ScriptedServer, connect: Connect, header: dict[str, str], least: float, most: float
) -> None:
    scripted.reply({"success": False, "errors": []}, status=429, headers=header)
    kit = connect(scripted.url)
    with pytest.raises(OutOfQuota) as raised:
        kit.run(kit.create_meeting("Room 1"))
    assert least <= raised.value.retry_after <= most


def test_the_429_of_one_process_stops_the_others_until_it_is_over(sandbox: SandboxServer, connect: Connect) -> None:
    one, other = connect(sandbox.base_url), connect(sandbox.base_url)
    kit_with_another_token = connect(sandbox.base_url, realtimekit_api_token="another")
    sandbox.faults({"kind": "rate_limited", "retry_after": 3})
    with pytest.raises(OutOfQuota):
        one.run(one.create_meeting("Room 1"))
    sandbox.forget_calls()
    for kit in (one, other):
        with pytest.raises(OutOfQuota) as raised:
            kit.run(kit.create_meeting("Room 2"))
        assert 2 < raised.value.retry_after <= 3
    assert sandbox.calls()["counts"] == {}
    kit_with_another_token.run(kit_with_another_token.create_meeting("Room 3"))
    wait_until(lambda: made(other))


def test_no_call_goes_out_any_more_after_a_429_although_it_was_granted(
    sandbox: SandboxServer, connect: Connect
) -> None:
    """With 40 in flight, ten more have the quota's answer, and wait for a slot."""
    kit = connect(sandbox.base_url, realtimekit_concurrency=40)
    sandbox.latency(100)
    sandbox.faults({"kind": "rate_limited", "retry_after": 30, "times": 100})

    async def make_all() -> list[object]:
        return await asyncio.gather(*(kit.create_meeting(f"Room {it}") for it in range(100)), return_exceptions=True)

    for error in kit.run(make_all()):
        assert isinstance(error, OutOfQuota)
        assert 28 < error.retry_after <= 30
    assert sandbox.calls()["counts"] == {"create_meeting": 40}


def made(kit: RealtimeKit) -> bool:
    try:
        kit.run(kit.create_meeting("Room 2"))
    except OutOfQuota:
        return False
    return True


def test_the_environment_changes_nothing_about_requests(
    scripted: ScriptedServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_EMAIL", "somebody@example.org")
    monkeypatch.setenv("CLOUDFLARE_API_KEY", "another-key")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "another-token")
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    kit = connect(scripted.url)
    kit.run(kit.create_meeting("Room 1", keep_alive_seconds=120))
    (asked,) = scripted.asked
    assert asked.method == "POST"
    assert asked.path == f"/accounts/{SandboxServer.account_id}/realtime/kit/{SandboxServer.app_id}/meetings"
    assert asked.body == {"title": "Room 1", "session_keep_alive_time_in_secs": 120}
    assert asked.headers["authorization"] == f"Bearer {SandboxServer.api_token}"
    assert asked.headers["api-version"] == API_VERSION
    assert not {"x-auth-email", "x-auth-key"} & asked.headers.keys()


def test_a_proxy_of_the_environment_gets_the_calls_to_other_machines(
    scripted: ScriptedServer, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", scripted.url)
    kit = connect("http://realtimekit.invalid/client/v4/")
    scripted.default = Reply({"success": True, "data": []})
    kit.run(kit.find_meetings("a key & more"))
    asked = scripted.asked[0]
    assert asked.path.startswith("http://realtimekit.invalid/client/v4/accounts/")
    assert "search=a%20key%20%26%20more" in asked.path.replace("+", "%20")


def test_no_log_names_tokens_or_people(
    sandbox: SandboxServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "cloudflare", "httpx"):
        caplog.set_level(logging.DEBUG, logger=name or None)
    kit = connect(sandbox.base_url)
    meeting = kit.run(kit.create_meeting("Room 1"))
    person = kit.run(
        kit.add_participant(meeting.id, custom_participant_id="ana", name="Ana Secret", preset_name=PRESET)
    )
    with pytest.raises(NotFound):
        kit.run(kit.refresh_token(meeting.id, "00000000-0000-4000-8000-000000000000"))
    assert person.token
    for secret in (person.token, "Ana Secret", sandbox.api_token):
        assert secret not in caplog.text
