"""RealtimeKit itself is gone for a while, in the middle of a breakout with real pages."""

from collections.abc import Callable, Iterator

import pytest

from tests.browser.tab import Tab, main_of
from tests.support.stack import Stack
from tests.support.waiting import wait_until

FORGETS_AFTER, GONE_FOR = 1.0, 4.0
"""Seconds; when it is back, nobody is in its meetings any more but simulated people."""
MEDIA = {"p0": (True, True), "p1": (False, True), "p2": (False, False), "p3": (False, False)}


@pytest.fixture
def forgetful(stack: Stack) -> Iterator[Stack]:
    """Return a system whose RealtimeKit soon forgets pages that are cut off."""
    usual = stack.sandbox.timings()["page_lost_after"]
    stack.sandbox.timings(page_lost_after=FORGETS_AFTER)
    yield stack
    stack.sandbox.timings(page_lost_after=usual)


def sees(stack: Stack, meeting: str) -> dict[str, tuple[bool, bool]]:
    """Return who is in a meeting as the server sees it, with their microphones and cameras."""
    peers = [it for it in stack.sandbox.state()["peers"] if it["meeting_id"] == meeting and not it["left_at"]]
    return {peer["custom_participant_id"]: (peer["audio"], peer["video"]) for peer in peers}


def check(stack: Stack, meeting: str, *people: str) -> None:
    wanted = {name: MEDIA[name] for name in people}
    wait_until(lambda: sees(stack, meeting) == wanted, what=f"{wanted} in {meeting}")


def test_everybody_ends_in_the_right_room_when_it_is_back(forgetful: Stack, open_tab: Callable[[], Tab]) -> None:
    stack = forgetful
    meeting = stack.meeting(4)
    main = main_of(stack, meeting)
    stack.people(meeting, ["p2", "p3"])
    tabs = {name: open_tab() for name in ("p0", "p1")}
    for name, tab in tabs.items():
        tab.connect(stack.token(meeting, name), audio=MEDIA[name][0], video=MEDIA[name][1])
        tab.arrives(main)
    rooms = [{"name": "Blue", "participants": ["p0", "p2"]}, {"name": "Green", "participants": ["p1", "p3"]}]
    made = stack.breakout(meeting, rooms=rooms, assignment={"mode": "manual"})
    opened = stack.wait(made["id"], "open", condition=lambda it: it["progress"]["participants"]["joined"] == len(MEDIA))
    blue, green = (room["realtimekit_meeting_id"] for room in opened["rooms"])
    check(stack, blue, "p0", "p2")
    check(stack, green, "p1", "p3")

    assert stack.sandbox.outage(GONE_FOR) == {"cut": 2}
    stack.move(made["id"], "p0", opened["rooms"][1]["id"])
    stack.move(made["id"], "p2", opened["rooms"][1]["id"])
    check(stack, green, "p0", "p1", "p2", "p3")
    assert sees(stack, blue) == {}
    for tab in tabs.values():
        tab.arrives(green)

    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    closed = stack.wait(made["id"], "closed")["progress"]["participants"]
    assert (closed["returned"], closed["lost"]) == (len(MEDIA), 0)
    check(stack, main, *MEDIA)
    for tab in tabs.values():
        assert tab.arrives(main)
