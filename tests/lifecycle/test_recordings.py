"""A recording that breaks down while people are in the room is followed by another, with and without webhooks."""

from collections.abc import Iterator

import pytest

from tests.support.stack import JSON, Stack

pytestmark = pytest.mark.parametrize("running", ["postgresql"], indirect=True)


@pytest.fixture(params=[True, False], ids=["webhooks", "no webhooks"])
def heard(request: pytest.FixtureRequest, stack: Stack) -> Iterator[Stack]:
    """Let the sandbox deliver webhooks, or none."""
    stack.sandbox.switches(webhooks_delivered=request.param)
    yield stack
    stack.sandbox.switches(webhooks_delivered=True)


def test_a_recording_that_breaks_down_is_followed_by_another_until_the_room_closes(heard: Stack) -> None:
    meeting = heard.meeting(2)
    heard.people(meeting, ["p0", "p1"])
    made = heard.breakout(meeting, rooms=1, record=True)
    opened = heard.wait(made["id"], "open", condition=_is_recorded)
    room = opened["rooms"][0]["realtimekit_meeting_id"]
    heard.sandbox.record(room, "fail")
    again = heard.wait(made["id"], "open", condition=lambda b: _is_recorded(b) and len(b["problems"]) == 2)
    assert [problem["what"] for problem in again["problems"]] == ["recording failed", "recording interrupted"]
    heard.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    heard.wait(made["id"], "closed", condition=lambda b: b["progress"]["recordings"]["uploaded"] == 1)
    rows = heard.get(f"/v1/breakouts/{made['id']}/recordings")["items"]
    assert [row["state"] for row in rows] == ["failed", "uploaded"]
    assert sum(one["meeting_id"] == room for one in heard.sandbox.state()["recordings"]) == 2


def _is_recorded(breakout: JSON) -> bool:
    return bool(breakout["progress"]["recordings"]["recording"] == 1)
