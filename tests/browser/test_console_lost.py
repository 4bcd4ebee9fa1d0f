"""A host's console when the server can't be read, and when the session has ended."""

import pytest
from playwright.sync_api import Route

from tests.browser.console import IS_BUILT, NOT_BUILT, Console, Open
from tests.browser.plans import SEATED, choose, draft, move_to_b, open_breakout, opened
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)
LOST = "Connection lost"


def test_a_page_that_could_not_be_read_is_tried_again(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    path = f"/v1/breakouts/{breakout_id}"
    console = open_console(f"/console/meetings/{stack.see(breakout_id)['meeting_id']}").sign_in()
    page = console.page
    for pattern in (f"**{path}/log?*", f"**{path}"):
        relent = console.refuse(pattern)
        page.get_by_role("link", name="Plan").click()
        console.said(LOST).wait_for()
        relent()
        console.room("Room 1").wait_for()
        console.said("Connected again").wait_for()
        page.go_back()
        page.get_by_role("heading", name="Physics").wait_for()
    page.get_by_role("link", name="Plan").wait_for()
    page.context.set_offline(True)
    page.get_by_role("link", name="Plan").click()
    console.said(LOST).wait_for()
    page.context.set_offline(False)
    console.room("Room 1").wait_for()
    page.context.set_offline(True)
    page.get_by_role("link", name="Breakouts").click()
    console.said(LOST).wait_for()
    page.context.set_offline(False)
    page.get_by_role("link", name="Physics").first.wait_for()


def test_a_network_that_swallows_what_is_asked_is_one_that_is_lost(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    page, asked = console.page, list[Route]()
    page.clock.install()

    def swallow(route: Route) -> None:
        asked.append(route)

    page.route(f"**/v1/breakouts/{breakout_id}", swallow)
    name = page.get_by_label("Name", exact=True)
    name.fill("Alpha")
    name.press("Enter")
    swallowed(console, asked, 1)
    console.said("be reached").wait_for()
    assert name.input_value() == "Alpha"
    page.unroute(f"**/v1/breakouts/{breakout_id}")
    page.route("**/v1/meetings/*", swallow)
    page.get_by_role("link", name="Physics").click()
    for number in (2, 3):
        swallowed(console, asked, number)
    console.said(LOST).wait_for()
    page.unroute("**/v1/meetings/*")
    page.clock.fast_forward(10_000)
    page.get_by_role("heading", name="Physics").wait_for()
    console.said("Connected again").wait_for()


def swallowed(console: Console, asked: list[Route], number: int) -> None:
    """Wait for so many requests, and let all the time pass that an answer may take."""
    console.page.clock.fast_forward(1_000)
    wait_until(lambda: (console.page.evaluate("1"), len(asked) == number)[1], what=f"request {number}")
    console.page.clock.fast_forward(30_000)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("**/v1/meetings/*", "0 of 2 people here"),
        ("**/v1/meetings/*/breakouts?*", "Plan"),
        ("**/v1/meetings/*/participants?*", "P0"),
        ("**/console/session", "Physics"),
    ],
    ids=["meeting", "breakouts", "people", "session"],
)
def test_each_part_of_a_meeting_is_tried_again(open_console: Open, stack: Stack, pattern: str, text: str) -> None:
    breakout_id = draft(stack, people=2)
    console = open_console().sign_in()
    relent = console.refuse(pattern)
    console.page.goto(f"{stack.url}/console/meetings/{stack.see(breakout_id)['meeting_id']}")
    console.said(LOST).wait_for()
    relent()
    console.page.get_by_text(text).first.wait_for()
    console.said("Connected again").wait_for()


def test_each_part_of_a_breakout_is_tried_again(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack, people=2)
    console = open_console().sign_in()
    page = console.page
    relent = console.refuse("**/help?*")
    page.goto(f"{stack.url}/console/breakouts/{breakout_id}")
    console.said(LOST).wait_for()
    relent()
    console.said("Connected again").wait_for()
    stack.post(f"/v1/breakouts/{breakout_id}/start")
    stack.wait(breakout_id, "open")
    relent = console.refuse("**/attendance?*")
    stack.post(f"/v1/breakouts/{breakout_id}/close", {"countdown_seconds": 0})
    page.get_by_role("heading", name="Who was where").wait_for()
    console.said(LOST).wait_for()
    relent()
    page.get_by_text("Nobody was in a room.").wait_for()


def test_what_a_session_that_had_ended_refused_is_said_and_still_there(open_console: Open, stack: Stack) -> None:
    breakout_id = open_breakout(stack)
    console = opened(open_console, breakout_id)
    seconds = console.page.get_by_label("Seconds to come back")
    console.button("Close breakout").click()
    seconds.fill("0")
    console.end_session(stack, console.button("Yes, close").click)
    console.sign_in()
    console.said("Not done, because your session had ended").wait_for()
    assert seconds.input_value() == "0"
    assert stack.see(breakout_id)["state"] == "open"
    console.button("Yes, close").click()
    console.page.get_by_text("Closed by an operator.").wait_for()


def test_the_tab_is_named_after_what_it_shows(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    assert console.page.title() == "Plan · Breakouts"
    for change, name in (({"countdown_seconds": 30}, "Plan"), ({"name": "Theirs"}, "Theirs")):
        stack.execute("DELETE FROM console_session")
        stack.patch(f"/v1/breakouts/{breakout_id}", change)
        console.page.get_by_text("Your session has ended").wait_for()
        assert console.page.title() == "Sign in · Breakouts"
        console.sign_in()
        console.page.wait_for_function("name => document.title === name", arg=f"{name} · Breakouts")


def test_people_whom_an_ended_session_could_not_move_are_still_chosen(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack, rooms=SEATED, assignment={"mode": "manual"})
    console = opened(open_console, breakout_id)
    choose(console, "P0", "P1")
    console.end_session(stack, lambda: move_to_b(console))
    console.sign_in()
    console.said("Not done, because your session had ended").wait_for()
    console.page.get_by_text("2 chosen").wait_for()
    move_to_b(console)
    wait_until(lambda: len(stack.see(breakout_id)["rooms"][1]["participants"]) == 2, what="both in room B")


def test_a_late_refusal_of_an_ended_session_does_not_end_the_next(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    held = console.hold_first(f"**/v1/breakouts/{breakout_id}")
    stack.patch(f"/v1/breakouts/{breakout_id}", {"name": "Sooner"})
    first = held()
    console.end_session(stack, lambda: console.set("Name", "Mine"))
    console.sign_in()
    first.fulfill(status=401, content_type="application/problem+json", json={"code": "invalid_key", "detail": "late"})
    console.page.get_by_role("heading", name="Sooner").wait_for()
    assert not console.page.get_by_text("Your session has ended").count()


def test_a_lost_connection_is_said_in_an_open_window(open_console: Open, stack: Stack) -> None:
    console = opened(open_console, draft(stack))
    console.button("Options of Room 1").click()
    console.page.context.set_offline(True)
    window = console.page.get_by_role("dialog")
    console.page.get_by_label("Name of the room").fill("Blue")
    console.page.get_by_label("Name of the room").press("Enter")
    window.get_by_role("status").filter(has_text=LOST).wait_for()
    assert not console.serious()
    console.page.context.set_offline(False)
    window.get_by_role("status").filter(has_text=LOST).wait_for(state="detached")
