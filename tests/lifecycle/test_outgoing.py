"""Callers' servers hear all of a breakout, while another hangs and a third is dead, and no timer waits for them."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from httpx import Response

from orchestrator.outside.post import ANSWER_SECONDS
from tests.support.endpoint import CallersServer, Heard
from tests.support.stack import JSON, Stack
from tests.support.waiting import wait_until

PATH = "/v1/webhook-endpoints"
DEAD = "http://127.0.0.1:9/"


def _log(stack: Stack, breakout_id: str) -> list[JSON]:
    found: list[JSON] = stack.get(f"/v1/breakouts/{breakout_id}/log?limit=200")["items"]
    return found


def _heard(server: CallersServer, breakout_id: str) -> list[Heard]:
    """Return what was heard of one breakout: people of others may leave at the same time."""
    return [it for it in server.heard if it.body["data"]["breakout_id"] == breakout_id]


def test_an_endpoint_hears_the_log_beside_one_that_hangs_and_one_that_is_dead(
    stack: Stack, server: CallersServer
) -> None:
    with CallersServer(wait_seconds=15) as hanging:
        made = [stack.post(PATH, {"url": url}) for url in (server.url, hanging.url, DEAD)]
        meeting_id = stack.meeting(people=6)
        stack.people(meeting_id, [f"p{number}" for number in range(6)])
        breakout_id = stack.breakout(meeting_id, rooms=3, duration_seconds=10, warn_before_seconds=[2])["id"]
        closed = stack.wait(breakout_id, "closed")
        log = _log(stack, breakout_id)

        wait_until(lambda: len(_heard(server, breakout_id)) >= len(log), what="the whole log")
        told = [heard.verified(made[0]["secret"]) for heard in _heard(server, breakout_id)]
        more = {"breakout_id": breakout_id, "meeting_id": meeting_id}
        assert told == [
            {"type": it["type"], "timestamp": it["at"], "data": it["data"] | more | {"actor": it["actor"]}}
            for it in log
        ]
        assert hanging.heard
        for endpoint in made:
            assert stack.api.delete(f"{PATH}/{endpoint['id']}").status_code == 204

    moves = {it["data"]["to"]: datetime.fromisoformat(it["at"]) for it in log if it["type"] == "breakout.state"}
    opened_at = datetime.fromisoformat(closed["opened_at"])
    late = moves["closing"] - opened_at - timedelta(seconds=10)
    assert late < timedelta(seconds=ANSWER_SECONDS / 2), "the timer waits for no answer"


def test_what_a_killed_worker_has_sent_and_not_recorded_is_sent_again_and_the_order_is_kept(
    stack: Stack, server: CallersServer
) -> None:
    made = stack.post(PATH, {"url": server.url})
    breakout_id = stack.breakout(stack.meeting(people=2), rooms=2, start="manual")["id"]
    server.wait_seconds = 0.2
    for number in range(8):
        stack.patch(f"/v1/breakouts/{breakout_id}", {"name": f"Round {number}"})
    wait_until(lambda: len(server.heard) >= 3, what="the first deliveries")
    stack.workers.pop().kill()
    server.wait_seconds = 0
    stack.workers.append(stack.start_worker())
    log = _log(stack, breakout_id)
    wait_until(lambda: len(set(server.ids())) >= len(log), what="the whole log")
    bodies = {heard.id: heard.body for heard in server.heard}
    assert [bodies[delivery_id]["timestamp"] for delivery_id in dict.fromkeys(server.ids())] == [it["at"] for it in log]
    assert all(bodies[heard.id] == heard.body for heard in server.heard)
    stack.api.delete(f"{PATH}/{made['id']}")


def _told_by_a_host(stack: Stack, meeting_id: str, times: int) -> None:
    """Have a host change a plan so often; each change is told, and names the host."""
    breakout_id = stack.breakout(meeting_id, rooms=2, start="manual")["id"]
    host = {"Authorization": f"Bearer {stack.token(meeting_id, 'h0', scope='host')}"}
    for number in range(times):
        answer = stack.api.patch(f"/v1/breakouts/{breakout_id}", json={"name": f"Round {number}"}, headers=host)
        assert answer.status_code == 200


CHANGES = 60
ENDS: dict[str, Callable[[Stack, str, str], Response]] = {
    "the meeting is deleted": lambda stack, _, meeting: stack.api.delete(f"/v1/meetings/{meeting}"),
    "the host is erased": lambda stack, _, meeting: stack.api.delete(
        f"/v1/meetings/{meeting}/participants/h0?erase=true"
    ),
    "the endpoint is disabled": lambda stack, it, _: stack.api.patch(f"{PATH}/{it}", json={"disabled": True}),
    "the endpoint is deleted": lambda stack, it, _: stack.api.delete(f"{PATH}/{it}"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_is_over_is_not_told_any_more_from_the_answer_on(
    stack: Stack, server: CallersServer, end: Callable[[Stack, str, str], Response]
) -> None:
    server.wait_seconds = 6
    made, ping = (stack.post(PATH, {"url": server.url})["id"] for _ in range(2))
    stack.api.patch(f"{PATH}/{ping}", json={"events": ["help.requested"]})
    meeting = stack.meeting(0, hosts=1)
    _told_by_a_host(stack, meeting, CHANGES)
    wait_until(lambda: server.heard, what="the first of the line")
    server.wait_seconds = 0.05
    wait_until(lambda: len(server.heard) > 2, what="the line goes on")
    assert end(stack, made, meeting).status_code in {200, 202, 204}
    told = len(server.heard)
    assert told < CHANGES, "some are left to be told"
    stack.post(f"{PATH}/{ping}/ping")
    wait_until(lambda: any("ping" in it.raw for it in server.heard), what="the ping")
    assert not [it for it in server.heard[told:] if "host:h0" in it.raw]
    for endpoint in (made, ping):
        stack.api.delete(f"{PATH}/{endpoint}")
