"""RealtimeKit's own breakout UI, unmodified, drives our breakouts through the host's adapter."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from playwright.sync_api import Request

from tests.browser.manager import MANAGER, PAGE, TOGGLE, card_of, rename_by_clicks, start_by_clicks
from tests.browser.site import Site
from tests.browser.tab import Tab
from tests.support.stack import Stack
from tests.support.waiting import wait_until

JSON = dict[str, Any]
SETTINGS = {"duration_seconds": 600, "countdown_seconds": 0, "record": True}
OURS = re.compile(r"/v1/(meetings|breakouts)/")


class Host(Tab):
    """A host's page with RealtimeKit's UI; `calls` are the changes that it has asked us for."""

    calls: list[tuple[str, str, JSON]]

    def begin(self, stack: Stack, meeting: str) -> None:
        """Connect as the host."""
        self.calls = []
        self.page.on("request", self._note)
        self.page.wait_for_function("() => window.BreakoutRoomsManager")
        self.connect(stack.token(meeting, "h0", scope="host"), host=SETTINGS, ui="#ui")

    def changes(self) -> list[tuple[str, str]]:
        """Return the changes so far, with ids left out."""
        self.page.evaluate("0")  # what the browser has told before is heard by then
        return [(method, re.sub(r"[0-9a-f-]{36}", "*", path)) for method, path, _ in self.calls]

    def rooms(self) -> list[str]:
        """Return the titles of the rooms as the adapter has them."""
        return rooms_of(self)

    def _note(self, request: Request) -> None:
        if OURS.search(request.url) and request.method not in {"GET", "OPTIONS"}:
            path = request.url.split("/v1")[1]
            self.calls.append((request.method, path, request.post_data_json or {}))


def running(stack: Stack, meeting: str) -> JSON | None:
    """Return the breakout that runs, if any."""
    found = [it for it in stack.get(f"/v1/meetings/{meeting}/breakouts")["items"] if it["state"] in {"opening", "open"}]
    return stack.see(found[0]["id"]) if found else None


def sizes(breakout: JSON) -> list[int]:
    return sorted(len(room["participants"]) for room in breakout["rooms"] if not room["deleted"])


def test_every_click_of_the_manager_reaches_our_api(stack: Stack, site: Site, open_tab: Callable[..., Tab]) -> None:
    meeting = stack.meeting(5, hosts=1)
    stack.people(meeting, [f"p{index}" for index in range(5)])
    site.pages["/host"] = PAGE
    host = open_tab(Host, "/host")
    assert isinstance(host, Host)
    host.begin(stack, meeting)
    main = host.shows(lambda it: it["joined"] and len(it["others"]) == 5)["meeting"]
    page = host.page

    toggle, manager = page.locator(TOGGLE), page.locator(MANAGER)
    toggle.click()
    start_by_clicks(page, manager)
    made = wait_until(lambda: running(stack, meeting), what="a breakout")
    assert made
    assert host.changes() == [("POST", "/meetings/*/breakouts")], "one wish is one call"
    opened = stack.wait(made["id"], "open", condition=lambda it: it["progress"]["participants"]["joined"] == 5)
    assert sizes(opened) == [2, 3], "even, without the host"
    assert (opened["duration_seconds"], opened["record"]) == (600, True)
    assert [room["name"] for room in opened["rooms"]] == ["Room 1", "Room 2"]

    stack.patch(f"/v1/breakouts/{made['id']}/rooms/{opened['rooms'][0]['id']}", {"name": "Blue"})
    wait_until(lambda: host.rooms() == ["Blue", "Room 2"], what="what others change shows")
    toggle.click()
    rename_by_clicks(card_of(manager, "Room 2"), "Green")
    wait_until(lambda: host.rooms() == ["Blue", "Green"], what="the new name")

    manager.get_by_text("Add Room").click()
    manager.get_by_text("Update Breakout").click()
    wait_until(lambda: host.rooms() == ["Blue", "Green", "Room 3"], what="the new room")
    assert ("POST", "/breakouts/*/rooms") in host.changes()

    toggle.click()
    card_of(manager, "Green").get_by_text("Join", exact=True).click()
    host.shows(lambda it: it["title"] == "Green")
    assert page.evaluate("session.meeting.connectedMeetings.parentMeeting.id") == main, "as in main"

    toggle.click()
    manager.get_by_text("Close Breakout").click()
    page.get_by_text("Yes, close breakout").click()
    closed = stack.wait(made["id"], "closed", 40, lambda it: it["progress"]["participants"]["returned"] == 6)
    assert closed["close_reason"] == "api"
    wait_until(lambda: host.rooms() == [], what="no rooms")
    assert host.changes()[-1] == ("POST", "/breakouts/*/close")
    wait_until(lambda: len(stack.sandbox.present(main)) == 6, what="everybody is home")
    assert not host.ours()
    assert not host.events("error")


def test_the_adapter_says_what_can_not_be(stack: Stack, site: Site, open_tab: Callable[..., Tab]) -> None:
    meeting = stack.meeting(1, hosts=1)
    site.pages["/host"] = PAGE
    host = open_tab(Host, "/host")
    assert isinstance(host, Host)
    host.begin(stack, meeting)
    host.shows(lambda it: it["joined"])
    twice = (
        "session.meeting.connectedMeetings.createMeetings([{title: 'A'}, {title: 'A'}]).then(() => 0, (e) => e.code)"
    )
    assert host.page.evaluate(twice) == "equal_titles"
    other = stack.breakout(meeting, rooms=["Blue"])
    started = "session.meeting.connectedMeetings.createMeetings([{title: 'A'}])"
    host.page.evaluate(f"{started}.catch(() => {{}})")
    wait_until(lambda: "breakout_running" in [it["code"] for it in host.events("error")], what="the error")
    wait_until(lambda: host.rooms() == ["Blue"], what="the one that runs")
    host.page.evaluate("session.meeting.connectedMeetings.getConnectedMeetings()")
    assert host.page.evaluate(f"{started}.then((made) => made.length)") == 1
    wait_until(lambda: host.rooms() == ["Blue", "A"], what="the room that was added")
    moved = "session.meeting.connectedMeetings.moveParticipants('parent', 'nowhere', ['p0']).then((it) => it.success)"
    assert host.page.evaluate(moved) is False
    stack.post(f"/v1/breakouts/{other['id']}/close", {"countdown_seconds": 0})
    wait_until(lambda: host.rooms() == [], what="the end")


def test_three_tabs_of_a_host_share_their_streams(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, tabs, streams = stack.meeting(0, hosts=1), [open_tab() for _ in range(3)], list[str]()
    made = stack.breakout(meeting, rooms=["Blue"], assignment={"mode": "manual"})["id"]
    room = stack.wait(made, "open")["rooms"][0]["id"]
    for tab in tabs:
        tab.page.on("request", lambda it: streams.append(it.url) if it.url.endswith("/events") else None)
        tab.connect(stack.token(meeting, "h0", scope="host"), host=True)
    for name in ("Blue", "Green", "Red"):
        stack.patch(f"/v1/breakouts/{made}/rooms/{room}", {"name": name})
        wait_until(partial(is_in_all, tabs, name), what=f"{name} in every tab")
        if name == "Green":
            assert len(streams) < 6, "the seat's, the meeting's, and the breakout's: more would leave no connection"
            tabs.pop(0).close()


def is_in_all(tabs: list[Tab], name: str) -> bool:
    """Whether each of these pages knows one room, with this name."""
    return all(rooms_of(tab) == [name] for tab in tabs)


def rooms_of(tab: Tab) -> list[str]:
    """Return the titles of the rooms as a page's adapter has them."""
    found: list[str] = tab.page.evaluate("session.meeting.connectedMeetings.meetings.map((it) => it.title)")
    return found
