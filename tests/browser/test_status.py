"""`<breakouts-status>` shows what RealtimeKit's breakout UI has no place for."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Locator

from tests.browser.console import AXE, serious
from tests.browser.tab import Tab
from tests.support.stack import Stack
from tests.support.waiting import wait_until

ADD = """async (url) => {
    await import(`${url}/sdk/v1/breakouts-status.js`);
    const status = document.body.appendChild(document.createElement("breakouts-status"));
    status.session = session;
}"""
TEXTS = """document.querySelector("breakouts-status").texts =
    {open: "noch {time}", problems: {one: "{count} Problem", other: "{count} Probleme"}}"""
POLL = {"question": "Ready?", "options": ["yes", "no"]}


def added(tab: Tab, stack: Stack) -> Locator:
    """Add the element to a page, and give it the page's session."""
    tab.page.evaluate(ADD, stack.url)
    return tab.page.locator("breakouts-status")


def reads(part: Locator, words: str) -> None:
    """Wait until a part of the element has just these words, which may be a pattern."""
    wait_until(lambda: re.fullmatch(words, part.inner_text()), what=words)


def test_a_host_sees_time_people_recordings_and_problems(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, tab = stack.meeting(2, hosts=1), open_tab()
    stack.people(meeting, ["p0"])
    tab.connect(stack.token(meeting, "h0", scope="host"), host=True)
    status = added(tab, stack)
    timer = status.get_by_role("timer", name="Time left", include_hidden=True)
    reads(timer, "")
    rooms = [{"name": "Blue", "participants": ["p0", "p1"]}]
    made = stack.breakout(
        meeting, rooms=rooms, assignment={"mode": "manual"}, duration_seconds=600, record=True, warn_before_seconds=[]
    )["id"]
    reads(timer, r"(10:00|9:\d\d) left")
    status.get_by_text("1 of 2 in their rooms").wait_for()
    status.get_by_text("1 room is being recorded").wait_for()
    left = stack.patch(f"/v1/breakouts/{made}", {"paused": True})["remaining_seconds"]
    reads(timer, f"Paused, {left // 60}:{left % 60:02} left")
    stack.patch(f"/v1/breakouts/{made}", {"paused": False})
    reads(timer, r"(10:00|9:\d\d) left")

    assert not status.locator("details").is_visible()
    stack.sandbox.faults({"operation": "create_poll", "kind": "refuse", "message": "No polls today"})
    stack.post(f"/v1/breakouts/{made}/poll", POLL)
    reads(status.get_by_role("status"), r"Problem\. Blue: .*No polls today.*")
    status.get_by_text("1 problem", exact=True).click()
    reads(status.get_by_role("listitem"), "Blue: .*No polls today.*")
    if AXE.exists():
        assert serious(tab.page) == []
    tab.page.evaluate(TEXTS)
    reads(timer, r"noch (10:00|9:\d\d)")
    reads(status.locator("summary"), "1 Problem")

    stack.post(f"/v1/breakouts/{made}/close", {"countdown_seconds": 0})
    reads(timer, "The breakout is over")
    reads(status.get_by_role("listitem"), "Blue: .*No polls today.*")
    assert not tab.ours()


def test_a_participant_sees_and_hears_how_much_time_is_left(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, tab = stack.meeting(1), open_tab()
    tab.connect(stack.token(meeting, "p0"))
    status = added(tab, stack)
    timer, said = (status.get_by_role(role, include_hidden=True) for role in ("timer", "status"))
    made = stack.breakout(
        meeting, rooms=["Blue"], duration_seconds=3600, warn_before_seconds=[2], countdown_seconds=120
    )["id"]
    reads(timer, r"1:00:00 left|59:\d\d left")
    tab.shows(lambda it: it["title"] == "Blue")
    tab.page.evaluate("""document.querySelector("breakouts-status").session.on("warning", () => (window.warned =
        document.querySelector("breakouts-status").shadowRoot.querySelector("[role=status]").textContent))""")
    stack.end_soon(made, 4)
    reads(said, "Everybody is called back, in 2 minutes")
    assert tab.page.evaluate("window.warned") == "2 seconds left"
    reads(timer, r"Everybody is back in (2:00|1:\d\d)")
    stack.patch(f"/v1/breakouts/{made}", {"closes_at": None})
    reads(timer, "No time limit")
    stack.post(f"/v1/breakouts/{made}/close", {"countdown_seconds": 0})
    reads(timer, "")


def test_a_warning_of_their_own_room_does_not_change_the_time_that_a_host_sees(
    stack: Stack, open_tab: Callable[[], Tab]
) -> None:
    meeting, tab = stack.meeting(0, hosts=1), open_tab()
    tab.connect(stack.token(meeting, "h0", scope="host"), host=True)
    rooms = [{"name": "Blue", "participants": ["h0"]}, "Green"]
    assignment = {"mode": "manual", "include_hosts": True}
    made = stack.breakout(meeting, rooms=rooms, assignment=assignment, duration_seconds=3600, warn_before_seconds=[10])[
        "id"
    ]
    blue = stack.wait(made, "open")["rooms"][0]
    tab.arrives(blue["realtimekit_meeting_id"])
    timer = added(tab, stack).get_by_role("timer")
    reads(timer, r"59:\d\d left")
    soon = (datetime.now(UTC) + timedelta(seconds=12)).isoformat()
    stack.patch(f"/v1/breakouts/{made}/rooms/{blue['id']}", {"closes_at": soon})
    wait_until(lambda: tab.events("warning"), what="the warning")
    reads(timer, r"59:\d\d left")
