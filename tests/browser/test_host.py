"""RealtimeKit's own breakout UI, unmodified, drives our breakouts through the host's adapter."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from playwright.sync_api import Request

from tests.browser.manager import MANAGER, PAGE, TOGGLE, card_of, rename_by_clicks, start_by_clicks
from tests.browser.site import Site
from tests.browser.tab import Tab, main_of
from tests.support.stack import Stack
from tests.support.waiting import wait_until

JSON = dict[str, Any]
SETTINGS = {"duration_seconds": 600, "countdown_seconds": 0, "record": True}
MOST_IN_A_PAGE, MOST_ROUNDS = 200, 100
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


def test_a_tab_whose_leader_sleeps_shows_what_others_start(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, leader, tab = stack.meeting(0, hosts=1), open_tab(), open_tab()
    for each in (leader, tab):
        each.connect(stack.token(meeting, "h0", scope="host"), host=True)
        each.arrives(main_of(stack, meeting))
    asleep = 15
    leader.page.evaluate(f"setTimeout(() => {{ for (const end = Date.now() + {asleep}e3; Date.now() < end; ); }})")
    stack.breakout(meeting, rooms=["Blue"], assignment={"mode": "manual"})
    wait_until(lambda: rooms_of(tab) == ["Blue"], asleep - 2, what="the room, while the leader sleeps")
    wait_until(lambda: rooms_of(leader) == ["Blue"], what="the room, when the leader is awake")


def test_the_one_that_runs_shows_however_many_are_planned_after_it(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, tab = stack.meeting(0, hosts=1), open_tab()
    made = stack.breakout(meeting, rooms=["Blue"], assignment={"mode": "manual"})["id"]
    for _ in range(MOST_IN_A_PAGE // MOST_ROUNDS):
        stack.post(f"/v1/meetings/{meeting}/rounds", {"rounds": MOST_ROUNDS, "rooms": 2})
    stack.breakout(meeting, rooms=2, start="manual")
    room = stack.wait(made, "open")["rooms"][0]["id"]
    tab.connect(stack.token(meeting, "h0", scope="host"), host=True)
    wait_until(lambda: rooms_of(tab) == ["Blue"], what="the room")
    stack.patch(f"/v1/breakouts/{made}/rooms/{room}", {"name": "Green"})
    wait_until(lambda: rooms_of(tab) == ["Green"], what="the new name")
    stack.post(f"/v1/breakouts/{made}/close", {"countdown_seconds": 0})
    wait_until(lambda: rooms_of(tab) == [], what="the end")


def test_closing_closes_rooms_that_are_still_being_made(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, tab = stack.meeting(2, hosts=1), open_tab()
    tab.connect(stack.token(meeting, "h0", scope="host"), host={"countdown_seconds": 0})
    tab.arrives(main_of(stack, meeting))
    fault = {"operation": "create_meeting", "kind": "refuse", "status": 500, "times": None, "match": "Slow"}
    stack.sandbox.faults(fault)
    made = stack.breakout(meeting, rooms=["Fast", "Slow"], countdown_seconds=0)["id"]
    wait_until(lambda: rooms_of(tab) == ["Fast"], what="the one that is there")
    tab.page.evaluate("""() => { const it = session.meeting.connectedMeetings;
        for (const { id, participants: all } of it.meetings) it.moveParticipants(id, "parent", all.map((p) => p.id));
        return it.deleteMeetings(it.meetings.map(({ id }) => id)); }""")
    stack.sandbox.faults()
    assert stack.wait(made, "closed", 40)["close_reason"] in {"api", "aborted"}


def test_a_room_that_was_just_made_keeps_the_breakout_open(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, tab = stack.meeting(2, hosts=1), open_tab()
    tab.connect(stack.token(meeting, "h0", scope="host"), host={"countdown_seconds": 0})
    tab.arrives(main_of(stack, meeting))
    made = stack.breakout(meeting, rooms=["Old"], countdown_seconds=0)["id"]
    wait_until(lambda: rooms_of(tab) == ["Old"], what="the one that is there")
    fault = {"operation": "create_meeting", "kind": "refuse", "status": 500, "times": None, "match": "New"}
    stack.sandbox.faults(fault)
    tab.page.evaluate("""async () => { const it = session.meeting.connectedMeetings;
        await it.getConnectedMeetings();
        const [old] = it.meetings;
        await it.createMeetings([{ title: "New" }]);
        await it.deleteMeetings([old.id]); }""")
    stack.sandbox.faults()
    found = stack.wait(made, "open", condition=lambda it: it["rooms"][0]["state"] == "closed")
    assert [room["name"] for room in found["rooms"] if not room["deleted"]] == ["New"]


def test_a_leader_whose_token_is_over_lets_another_tab_lead(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, leader, tab = stack.meeting(0, hosts=1), open_tab(), open_tab()
    made = stack.breakout(meeting, rooms=["Blue"], assignment={"mode": "manual"})["id"]
    room = stack.wait(made, "open")["rooms"][0]["id"]
    leader.connect(stack.token(meeting, "h0", scope="host"), host=True)
    leader.arrives(main_of(stack, meeting))
    assert stack.api.delete(f"/v1/meetings/{meeting}/participants/h0/client-tokens").status_code == 204
    tab.connect(stack.token(meeting, "h0", scope="host"), host=True)
    streams = list[str]()
    tab.page.on("request", lambda it: streams.append(it.url) if it.url.endswith("/events") else None)
    own = f"{made}/events"
    wait_until(lambda: tab.page.evaluate("1") and any(own in url for url in streams), what="its stream of the breakout")
    stack.patch(f"/v1/breakouts/{made}/rooms/{room}", {"name": "Green"})
    wait_until(lambda: rooms_of(tab) == ["Green"], what="the new name")


def test_a_tab_that_leads_again_reads_the_breakout_again(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, leader, tab = stack.meeting(0, hosts=1), open_tab(), open_tab()
    made = stack.breakout(meeting, rooms=["Blue"], assignment={"mode": "manual"})["id"]
    room = stack.wait(made, "open")["rooms"][0]["id"]
    for each in (leader, tab):
        each.connect(stack.token(meeting, "h0", scope="host"), host=True)
        wait_until(partial(is_in_all, [each], "Blue"), what="the room")
    unreadable = {"status": 503, "headers": {"Access-Control-Allow-Origin": "*"}}
    leader.page.route("**/v1/meetings/*", lambda route: route.fulfill(**unreadable))
    taken_over, again = list[str](), list[str]()
    tab.page.on("request", lambda it: taken_over.append(it.url) if f"{made}/events" in it.url else None)
    leader.page.on("request", lambda it: again.append(it.url) if f"{made}/events" in it.url else None)
    leader.page.evaluate("setTimeout(() => { for (const end = Date.now() + 12e3; Date.now() < end; ); })")
    wait_until(lambda: tab.page.evaluate("1") and taken_over, what="another leader")
    leader.page.evaluate("0")  # which is answered when it is awake
    tab.close()
    leader.page.unroute("**/v1/meetings/*")
    wait_until(lambda: leader.page.evaluate("1") and again, what="the breakout's stream")
    stack.patch(f"/v1/breakouts/{made}/rooms/{room}", {"name": "Green"})
    wait_until(lambda: rooms_of(leader) == ["Green"], what="the new name")


def test_who_is_no_longer_host_follows_their_seat_in_peace(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, tab, streams = stack.meeting(1, hosts=1), open_tab(), list[str]()
    tab.page.on("request", lambda it: streams.append(it.url) if "/events" in it.url else None)
    tab.connect(stack.token(meeting, "h0", scope="host"), renewed=stack.token(meeting, "h0"), host=True)
    tab.arrives(main_of(stack, meeting))
    person = {"custom_participant_id": "h0", "name": "h0", "role": "participant"}
    stack.post(f"/v1/meetings/{meeting}/participants", {"participants": [person]})
    wait_until(lambda: "invalid_token" in [it["code"] for it in tab.events("error")], what="the error")
    made = stack.breakout(meeting, rooms=[{"name": "Blue", "participants": ["h0"]}], assignment={"mode": "manual"})[
        "id"
    ]
    room = stack.wait(made, "open")["rooms"][0]["realtimekit_meeting_id"]
    tab.arrives(room)
    stack.post(f"/v1/breakouts/{made}/broadcast", {"text": "Hello"})
    wait_until(lambda: tab.events("broadcast") == [{"text": "Hello"}], what="the broadcast")
    assert (tab.page.evaluate("window.asked") < 10, len(streams) < 10) == (True, True), "a few tries in half a minute"


def test_the_uis_own_shuffle_is_back_after_the_last_of_two_sessions(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    meeting, tab = stack.meeting(0, hosts=1), open_tab()
    token = stack.token(meeting, "h0", scope="host")
    tab.connect(token)
    tab.arrives(main_of(stack, meeting))
    shuffles = tab.page.evaluate(
        """async (options) => {
            class Manager { assignParticipantsRandomly() {} }
            const { prototype } = Manager, own = prototype.assignParticipantsRandomly, found = [];
            const look = () => found.push(prototype.assignParticipantsRandomly === own);
            const host = { BreakoutRoomsManager: Manager }, { meeting } = session;
            const connect = () => connectBreakouts({ ...options, RealtimeKitClient, meeting, host });
            const [one, two] = await Promise.all([connect(), connect()]);
            look();
            one.close();
            look();
            two.close();
            look();
            return found;
        }""",
        {"baseUrl": stack.url, "clientToken": token},
    )
    assert shuffles == [False, False, True]


def is_in_all(tabs: list[Tab], name: str) -> bool:
    """Whether each of these pages knows one room, with this name."""
    return all(rooms_of(tab) == [name] for tab in tabs)


def rooms_of(tab: Tab) -> list[str]:
    """Return the titles of the rooms as a page's adapter has them."""
    found: list[str] = tab.page.evaluate("session.meeting.connectedMeetings.meetings.map((it) => it.title)")
    return found
