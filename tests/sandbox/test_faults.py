"""Faults, latency and the limit on calls: which calls they strike, how often, and whether the effect comes before."""

import asyncio
import time
from threading import Thread

import cloudflare
import httpx
import pytest
from cloudflare import AsyncCloudflare, DefaultAioHttpClient

from orchestrator.sandbox.world.config import Budget, Fault, FaultKind, Latency, SandboxConfig
from tests.sandbox.kit import Kit
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until


def titles(kit: Kit) -> list[str]:
    return [meeting["title"] for meeting in kit.sandbox.state()["meetings"]]


def fail(kit: Kit, kind: str, **more: object) -> None:
    kit.sandbox.faults({"operation": "create_meeting", "kind": kind} | more)


def test_rate_limited_has_a_retry_after_and_no_effect(kit: Kit) -> None:
    fail(kit, "rate_limited", retry_after=7)
    with pytest.raises(cloudflare.RateLimitError) as caught:
        kit.meeting()
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.response.json()["errors"]
    kit.meeting("Second try")
    assert titles(kit) == ["Second try"]


def test_rate_limited_may_come_without_a_retry_after(kit: Kit) -> None:
    fail(kit, "rate_limited", retry_after=None)
    with pytest.raises(cloudflare.RateLimitError) as caught:
        kit.meeting()
    assert "retry-after" not in caught.value.response.headers


def test_a_block_refuses_every_call_until_it_is_over(kit: Kit) -> None:
    fail(kit, "blocked", seconds=300)
    with pytest.raises(cloudflare.RateLimitError) as caught:
        kit.meeting()
    assert caught.value.response.headers["retry-after"] == "300"
    assert kit.request("GET", "/presets").status_code == 429
    kit.sandbox.budget()
    fail(kit, "blocked", seconds=0.1)
    assert kit.request("POST", "/meetings").status_code == 429
    wait_until(lambda: kit.request("GET", "/presets").status_code == 200)


@pytest.mark.parametrize(("kind", "made"), [("error_before", []), ("error_after", ["Room 1"])])
def test_500_with_or_without_the_effect(kit: Kit, kind: str, made: list[str]) -> None:
    fail(kit, kind)
    with pytest.raises(cloudflare.InternalServerError):
        kit.meeting()
    assert titles(kit) == made


@pytest.mark.parametrize(("kind", "made"), [("silence", []), ("timeout_after", ["Room 1"])])
def test_silence_with_or_without_the_effect(kit: Kit, kind: str, made: list[str]) -> None:
    fail(kit, kind, seconds=30)
    api = kit.client.with_options(timeout=0.2).realtime_kit
    with pytest.raises(cloudflare.APITimeoutError):
        api.meetings.create(kit.sandbox.app_id, **kit.account, title="Room 1")
    assert titles(kit) == made


def test_after_its_silence_a_timeout_answers_and_a_silence_hangs_up(kit: Kit) -> None:
    fail(kit, "timeout_after", seconds=0.1)
    kit.meeting("late")
    fail(kit, "silence", seconds=0.1)
    with pytest.raises(cloudflare.APIConnectionError):
        kit.meeting("never")
    assert titles(kit) == ["late"]


@pytest.mark.parametrize(("kind", "made"), [("held_before", []), ("held_after", ["Room 1"])])
def test_a_call_is_held_until_the_faults_are_replaced(kit: Kit, kind: str, made: list[str]) -> None:
    fail(kit, kind)
    call = Thread(target=kit.meeting)
    call.start()
    wait_until(kit.sandbox.faults_met)
    assert titles(kit) == made
    kit.sandbox.faults()
    call.join()
    assert titles(kit) == ["Room 1"]


@pytest.mark.parametrize(("kind", "made"), [("reset_before", []), ("reset_after", ["Room 1"])])
def test_a_reset_cuts_the_connection_with_or_without_the_effect(kit: Kit, kind: str, made: list[str]) -> None:
    fail(kit, kind)
    with pytest.raises(cloudflare.APIConnectionError) as caught:
        kit.meeting()
    assert isinstance(caught.value.__cause__, httpx.ReadError | httpx.RemoteProtocolError)
    assert titles(kit) == made


def test_success_false_comes_with_200_and_the_sdk_does_not_raise(kit: Kit) -> None:
    fail(kit, "success_false", message="no")
    answer = kit.api.meetings.create(kit.sandbox.app_id, **kit.account, title="Room 1")
    assert (answer.success, answer.data) == (False, None)
    assert kit.body["error"]["message"] == "no"
    assert titles(kit) == []


def test_garbled_has_the_effect_and_a_body_that_is_not_json(kit: Kit) -> None:
    fail(kit, "garbled")
    answer = kit.request("POST", "/meetings", json={"title": "Room 1"})
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert titles(kit) == ["Room 1"]


def test_refuse_gives_any_status_with_realtimekits_words(kit: Kit) -> None:
    fail(kit, "refuse", status=403, message="not today")
    with pytest.raises(cloudflare.PermissionDeniedError, match="not today"):
        kit.meeting()
    assert titles(kit) == []


def test_a_fault_skips_some_calls_and_strikes_a_number_of_times(kit: Kit) -> None:
    fail(kit, "error_before", skip=1, times=2)
    statuses = [kit.request("POST", "/meetings").status_code for _ in range(5)]
    assert statuses == [201, 500, 500, 201, 201]


def test_a_fault_without_times_strikes_until_it_is_removed(kit: Kit) -> None:
    fail(kit, "error_before", times=None)
    assert {kit.request("POST", "/meetings").status_code for _ in range(5)} == {500}
    kit.sandbox.faults()
    kit.meeting()


def test_a_star_strikes_every_operation(kit: Kit) -> None:
    kit.sandbox.faults({"kind": "error_before", "times": None})
    paths = ("/meetings", "/presets", "/recordings", "/sessions")
    assert {kit.request("GET", path).status_code for path in paths} == {500}


def test_the_same_seed_gives_the_same_luck(kit: Kit) -> None:
    def luck() -> list[int]:
        fail(kit, "error_before", probability=0.5, seed=7, times=None)
        return [kit.request("POST", "/meetings").status_code for _ in range(20)]

    first = luck()
    assert set(first) == {201, 500}
    assert luck() == first


def test_match_finds_the_title_of_the_meeting_for_every_kind_of_call(kit: Kit) -> None:
    one, other = kit.meeting("Room 1"), kit.meeting("Room 2")
    for meeting_id in (one, other):
        kit.joined(meeting_id)
    kit.sandbox.faults({"kind": "error_before", "match": "Room 2", "times": None})
    for meeting_id, expected in ((one, False), (other, True)):
        recording = kit.request("POST", "/recordings", json={"meeting_id": meeting_id})
        kicked = kit.request("POST", f"/meetings/{meeting_id}/active-session/kick-all")
        assert (recording.status_code == 500, kicked.status_code == 500) == (expected, expected)
    assert kit.request("POST", "/meetings", json={"title": "Room 2"}).status_code == 500


def test_the_first_fault_that_applies_is_used_and_each_is_counted(kit: Kit) -> None:
    kit.sandbox.faults(
        {"operation": "create_meeting", "kind": "error_before"}, {"kind": "refuse", "status": 422, "times": None}
    )
    assert [kit.request("POST", "/meetings").status_code for _ in range(3)] == [500, 422, 422]
    shown = kit.plain.get(f"{kit.sandbox.root}/_sandbox/faults").json()["faults"]
    assert [(fault["met"], fault["struck"]) for fault in shown] == [(1, 1), (2, 2)]


def test_each_kind_can_be_set_at_the_start() -> None:
    faults = [Fault(operation="create_meeting", kind=FaultKind.REFUSE, status=418)]
    with SandboxServer(SandboxConfig(faults=faults, latency=Latency(default_ms=30))) as sandbox:
        kit, began = Kit(sandbox), time.monotonic()
        assert kit.request("POST", "/meetings").status_code == 418
        assert time.monotonic() - began >= 0.03


def test_latency_is_per_operation(kit: Kit) -> None:
    kit.sandbox.latency(1, create_meeting=600_000)
    with pytest.raises(httpx.ReadTimeout):
        kit.request("POST", "/meetings", timeout=0.4)
    assert kit.request("GET", "/meetings").status_code == 200


def test_delayed_calls_run_at_the_same_time_and_the_most_in_flight_are_counted(kit: Kit) -> None:
    kit.sandbox.latency(1000)

    async def many() -> None:
        client = AsyncCloudflare(
            api_token="x", base_url=kit.sandbox.base_url, max_retries=0, http_client=DefaultAioHttpClient()
        )
        async with client:
            create = client.realtime_kit.meetings.create
            await asyncio.gather(*(create(kit.sandbox.app_id, **kit.account, title=f"Room {n}") for n in range(40)))

    asyncio.run(many())
    calls = kit.sandbox.calls()
    assert calls["counts"] == {"create_meeting": 40}
    assert 10 < calls["max_in_flight"] <= 40


def test_a_call_beyond_the_budget_blocks_all_calls_for_a_while(kit: Kit) -> None:
    kit.sandbox.budget(3, window_seconds=60, block_seconds=300)
    answers = [kit.request("GET", "/presets") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[3].headers["retry-after"]) in {299, 300}
    shown = kit.sandbox.calls()["budget"]
    assert (shown["most"], shown["turned_away"]) == (3, 2)
    kit.sandbox.budget()
    assert kit.request("GET", "/presets").status_code == 200


def test_the_budget_is_a_sliding_window() -> None:
    with SandboxServer(SandboxConfig(budget=Budget(calls=2, window_seconds=0.2, block_seconds=60))) as sandbox:
        kit = Kit(sandbox)
        for _ in range(3):
            assert kit.request("GET", "/presets").status_code == 200
            time.sleep(0.11)


def test_calls_are_listed_with_their_arguments(kit: Kit) -> None:
    meeting_id = kit.meeting("Main")
    kit.sandbox.faults({"operation": "add_participant", "kind": "reset_after"})
    with pytest.raises(cloudflare.APIConnectionError):
        kit.participant(meeting_id)
    kit.request("GET", "/no-such-thing?x=1")
    calls = kit.sandbox.calls()
    assert calls["statuses"] == {"create_meeting": {"201": 1}, "add_participant": {"0": 1}, "unknown": {"404": 1}}
    created, added, unknown = calls["log"]
    assert created["args"]["body"]["title"] == "Main"
    assert created["at"] == pytest.approx(time.time(), abs=30)
    assert (added["fault"], added["status"]) == ("reset_after", 0)
    assert added["args"]["path"] == {"meeting_id": meeting_id}
    assert unknown["args"]["query"] == {"x": ["1"]}
    kit.sandbox.forget_calls()
    assert kit.sandbox.calls()["total"] == 0
