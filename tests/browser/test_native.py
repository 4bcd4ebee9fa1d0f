"""RealtimeKit's own breakouts in the sandbox: what its client and its UI do where none of ours is."""

from collections.abc import Callable
from typing import Any

from tests.browser.manager import MANAGER, PAGE, TOGGLE, start_by_clicks
from tests.browser.site import Site
from tests.browser.tab import Tab
from tests.support.stack import Stack
from tests.support.waiting import wait_until

ENTER = """async ({authToken, baseURI, on, ui}) => {
    window.events = [];
    const follow = (meeting) => {
        window.session = {meeting};
        if (ui) document.querySelector(ui).meeting = meeting;
        meeting.connectedMeetings.once("meetingChanged", follow);
    };
    const first = await RealtimeKitClient.init({authToken, baseURI, defaults: {audio: on, video: on}});
    await first.join();
    follow(first);
}"""
ASK_EVERY = 1.2
"""Seconds; the client takes 60 questions in a minute."""
ROOMS = "session.meeting.connectedMeetings"
SHOWN = f"() => {ROOMS}.meetings.map((it) => [it.title, it.participants.map((one) => one.customParticipantId)])"


def made(stack: Stack) -> str:
    """Make a meeting at RealtimeKit, of which ours knows nothing."""
    return str(stack.sandbox.rest("POST", "/meetings", {"title": "Physics"})["id"])


def enter(stack: Stack, tab: Tab, meeting: str, name: str, *, preset: str, on: bool = False, ui: str = "") -> None:
    """Let a page join a meeting with nothing but RealtimeKit's client."""
    body = {"custom_participant_id": name, "name": name.title(), "preset_name": preset}
    token = stack.sandbox.rest("POST", f"/meetings/{meeting}/participants", body)["token"]
    tab.page.evaluate(ENTER, {"authToken": token, "baseURI": f"localhost:{stack.sandbox.port}", "on": on, "ui": ui})
    tab.arrives(meeting)


def rooms_seen(tab: Tab) -> list[Any]:
    """Return the rooms with their people, as the client has them after it has asked."""
    tab.page.evaluate(f"{ROOMS}.getConnectedMeetings()")
    found: list[Any] = tab.page.evaluate(SHOWN)
    return found


def test_a_host_makes_rooms_and_people_are_transferred(stack: Stack, open_tab: Callable[[], Tab]) -> None:
    main, host, ann = made(stack), open_tab(), open_tab()
    enter(stack, host, main, "hal", preset="group_call_host")
    enter(stack, ann, main, "ann", preset="group_call_participant", on=True)
    camera = ann.state["camera"]
    titles = [{"title": "Blue"}, {"title": "Green"}]
    blue, _ = host.page.evaluate(f"(titles) => {ROOMS}.createMeetings(titles)", titles)
    wait_until(lambda: ann.page.evaluate(SHOWN) == [["Blue", []], ["Green", []]], what="both know the rooms")
    refused = f"{ROOMS}.createMeetings([{{title: 'Red'}}]).then(() => '', (error) => error.message)"
    assert "canAlterConnectedMeetings" in ann.page.evaluate(refused)

    move = f"""(to) => {ROOMS}.moveParticipants({ROOMS}.parentMeeting.id, to, {ROOMS}.parentMeeting.participants
        .filter((it) => it.customParticipantId === "ann").map((it) => it.id))"""
    rooms_seen(host)
    assert host.page.evaluate(move, blue["id"]) == {"success": True}
    there = ann.arrives(blue["id"])
    assert (there["audio"], there["video"], there["camera"]) == (True, True, camera)
    assert stack.sandbox.present(blue["id"]) == ["ann"]
    assert ann.page.evaluate(f"{ROOMS}.parentMeeting.id") == main
    assert host.page.evaluate(SHOWN) == [["Blue", ["ann"]], ["Green", []]]
    assert host.page.evaluate(f"{ROOMS}.moveParticipants('{main}', '{blue['id']}', ['nobody'])")["success"] is False

    assert len(host.page.evaluate(f"{ROOMS}.deleteMeetings({ROOMS}.meetings.map((it) => it.id))")) == 2
    ann.arrives(main)
    wait_until(lambda: ann.page.evaluate(SHOWN) == host.page.evaluate(SHOWN) == [], what="no rooms")
    assert stack.sandbox.rest("GET", f"/meetings/{blue['id']}")["status"] == "INACTIVE"


def test_the_manager_does_so_by_clicks(stack: Stack, site: Site, open_tab: Callable[..., Tab]) -> None:
    site.pages["/native"] = PAGE
    main, ann = made(stack), open_tab()
    host = open_tab(path="/native")  # the last is in front, where clicks are fast
    enter(stack, host, main, "hal", preset="group_call_host", ui="#ui")
    enter(stack, ann, main, "ann", preset="group_call_participant")
    toggle, manager = host.page.locator(TOGGLE), host.page.locator(MANAGER)
    toggle.click()
    start_by_clicks(host.page, manager)
    host.shows(lambda it: it["joined"] and it["meeting"] != main)
    ann.shows(lambda it: it["joined"] and it["meeting"] != main)
    wait_until(
        lambda: [len(there) for _, there in rooms_seen(host)] == [1, 1], every=ASK_EVERY, what="one in each room"
    )
    toggle.click()
    manager.get_by_text("Close Breakout").click()
    host.page.get_by_text("Yes, close breakout").click()
    host.arrives(main)
    ann.arrives(main)
