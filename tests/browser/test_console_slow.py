"""A host's console on a slow network: nothing that is typed or made is lost, and nobody is in their own way."""

import re

import pytest
from playwright.sync_api import FilePayload

from tests.browser.console import IS_BUILT, NOT_BUILT, Open
from tests.browser.plans import SLOW_MS, draft, open_breakout, opened
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)


def is_named(stack: Stack, breakout_id: str, name: str) -> None:
    wait_until(lambda: stack.see(breakout_id)["name"] == name, what=f"the name {name}")


def test_nothing_typed_is_lost_on_a_slow_network(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    box = console.page.get_by_label("Name", exact=True)
    console.slow(SLOW_MS)
    box.fill("Alpha")
    box.press("Enter")
    box.click()
    box.press("End")
    console.page.keyboard.type(" and Beta")
    console.page.get_by_role("heading", name="Alpha", exact=True).wait_for()
    assert box.input_value() == "Alpha and Beta"
    box.press("Enter")
    is_named(stack, breakout_id, "Alpha and Beta")
    assert not console.asks_about_another()


def test_own_changes_in_a_row_are_no_conflict(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    name, seconds = (console.page.get_by_label(label, exact=True) for label in ("Name", "Seconds to come back"))
    console.slow(SLOW_MS)
    for text in ("One", "Two", "Three", "Two"):
        name.fill(text)
        name.press("Enter")
    seconds.fill("31")
    seconds.press("Enter")
    wait_until(lambda: stack.see(breakout_id)["countdown_seconds"] == 31, what="the last change")
    assert stack.see(breakout_id)["name"] == "Two"
    assert not console.asks_about_another()
    console.slow(0)
    stack.patch(f"/v1/breakouts/{breakout_id}", {"name": "Theirs"})
    wait_until(lambda: name.input_value() == "Theirs", what="what somebody else has written")


def test_a_message_typed_while_another_is_sent_stays(open_console: Open, stack: Stack) -> None:
    breakout_id = open_breakout(stack)
    console = opened(open_console, breakout_id)
    message = console.page.get_by_label("Message to everybody in the rooms")
    message.fill("First")
    console.slow(SLOW_MS)
    console.button("Broadcast").click()
    message.fill("Second")
    console.said("Sent to every room").wait_for()
    assert message.input_value() == "Second"
    stack.post(f"/v1/breakouts/{breakout_id}/close", {"countdown_seconds": 0})


def test_of_two_files_the_one_that_was_chosen_last_is_imported(open_console: Open, stack: Stack) -> None:
    meeting_id = stack.meeting(2)
    console = open_console(f"/console/meetings/{meeting_id}").sign_in()
    console.button("Import CSV").click()
    held = console.hold_first("**/import?*")
    file = console.page.get_by_label("CSV file", exact=True)
    file.set_input_files(sheet("first", "A,p0\n"))
    first = held()
    file.set_input_files(sheet("second", "B,p0\nB,p1\n"))
    console.page.get_by_text("2 can be used").wait_for()
    with console.page.expect_response(lambda answer: "name=first" in answer.url):
        first.continue_()
    console.button("Import 2 rows").click()
    console.page.get_by_role("heading", name="second", exact=True).wait_for()
    (made,) = stack.get(f"/v1/meetings/{meeting_id}/breakouts")["items"]
    assert [room["name"] for room in stack.see(made["id"])["rooms"]] == ["B"]


def sheet(name: str, rows: str) -> FilePayload:
    text = f"room,custom_participant_id\n{rows}"
    return FilePayload(name=f"{name}.csv", mimeType="text/csv", buffer=text.encode())


def test_rules_made_in_a_row_are_all_kept(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    people = [console.page.get_by_role("option", name=re.compile(rf"^P{number}\b")) for number in range(4)]
    console.page.get_by_text("Rules", exact=True).click()
    console.slow(SLOW_MS)
    for one in people[:2]:
        one.click()
    console.button("Keep together").click()
    console.button("Choose nobody").click()
    for one in people[2:]:
        one.click()
    console.button("Keep together").click()
    wait_until(lambda: len(stack.see(breakout_id)["assignment"]["together"]) == 2, what="both rules")
    assert sorted(map(sorted, stack.see(breakout_id)["assignment"]["together"])) == [["p0", "p1"], ["p2", "p3"]]
    assert not console.asks_about_another()
