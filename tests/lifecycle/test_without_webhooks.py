"""Without RealtimeKit's webhooks, acks or polling alone lead to the same end; late webhooks still count."""

from collections.abc import Iterator

import pytest

from tests.support.stack import JSON, Stack

pytestmark = pytest.mark.parametrize("running", ["postgresql"], indirect=True)

NAMES = [f"p{number}" for number in range(6)]


@pytest.fixture(autouse=True)
def silence(stack: Stack) -> Iterator[None]:
    """Let the sandbox deliver no webhooks."""
    stack.sandbox.switches(webhooks_delivered=False)
    yield
    stack.sandbox.switches(webhooks_delivered=True)


@pytest.mark.parametrize("no_ack", [False, True], ids=["acks", "polling alone"])
def test_everybody_is_recorded_and_accounted_for(stack: Stack, no_ack: bool) -> None:
    meeting = stack.meeting(6)
    stack.people(meeting, NAMES, no_ack=no_ack)
    made = stack.breakout(meeting, rooms=3, record=True)
    stack.wait(made["id"], "open", condition=_all_joined_and_recorded)
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 1})
    closed = stack.wait(made["id"], "closed")
    assert closed["progress"]["participants"]["returned"] == 6
    stack.wait(made["id"], "closed", 60, lambda b: b["progress"]["recordings"]["uploaded"] == 3)


def test_who_stays_in_a_room_is_put_out_and_who_never_comes_back_is_lost(stack: Stack) -> None:
    meeting = stack.meeting(2)
    stack.people(meeting, ["p0"])
    stack.people(meeting, ["p1"], leaves_after=0.5)
    made = stack.breakout(meeting, rooms=1)
    stack.wait(made["id"], "open", condition=lambda b: _states(b)["p1"] == "away")
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    closed = stack.wait(made["id"], "closed")
    assert _states(closed) == {"p0": "returned", "p1": "lost"}
    stack.api.put(f"/v1/meetings/{meeting}/participants/p1/present", json={"present": True})
    assert _states(stack.see(made["id"])) == {"p0": "returned", "p1": "returned"}


def _all_joined_and_recorded(breakout: JSON) -> bool:
    progress = breakout["progress"]
    return bool(progress["participants"]["joined"] == 6 and progress["recordings"]["recording"] == 3)


def _states(breakout: JSON) -> dict[str, str]:
    return {one["custom_participant_id"]: one["state"] for room in breakout["rooms"] for one in room["participants"]}
