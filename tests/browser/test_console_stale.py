"""What a host's console offers when somebody else was faster, in the page and in its windows."""

import pytest

from tests.browser.console import IS_BUILT, NOT_BUILT, Open
from tests.browser.plans import SEATED, SLOW_MS, choose, draft, move_to_b, opened
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)


@pytest.mark.parametrize(
    ("answer", "name"), [("Change it all the same", "Mine"), ("Show the newer state", "Plan")], ids=["force", "show"]
)
def test_after_the_word_on_a_conflict_the_field_shows_what_holds(
    open_console: Open, stack: Stack, answer: str, name: str
) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    box = console.page.get_by_label("Name", exact=True)
    box.fill("Mine")
    stack.patch(f"/v1/breakouts/{breakout_id}", {"countdown_seconds": 30})
    box.press("Enter")
    console.button(answer).click()
    wait_until(lambda: box.input_value() == name == stack.see(breakout_id)["name"], what=f"{name} in the field")
    stack.patch(f"/v1/breakouts/{breakout_id}", {"name": "Theirs"})
    wait_until(lambda: box.input_value() == "Theirs", what="what somebody else has written")
    box.click()
    console.page.keyboard.press("Tab")
    assert not console.asks_about_another()


def test_all_of_several_people_are_moved_all_the_same(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack, rooms=SEATED, assignment={"mode": "manual"})
    console = opened(open_console, breakout_id)
    choose(console, "P0", "P1", "P2")
    relent = console.refuse(f"**/v1/breakouts/{breakout_id}")  # what the other has changed is not seen for a while
    stack.patch(f"/v1/breakouts/{breakout_id}", {"countdown_seconds": 30})
    move_to_b(console)
    console.button("Change it all the same").wait_for()
    console.room("A").get_by_text("4 people").wait_for()
    relent()
    console.button("Change it all the same").click()
    console.said("3 people → B").wait_for()
    assert [len(room["participants"]) for room in stack.see(breakout_id)["rooms"]] == [1, 3]
    console.room("B").get_by_text("3 people").wait_for()


def test_all_pins_are_set_all_the_same(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    first = console.room("Room 1").get_by_role("option")
    for number in range(2):
        first.nth(number).click()
    relent = console.refuse(f"**/v1/breakouts/{breakout_id}")
    stack.patch(f"/v1/breakouts/{breakout_id}", {"countdown_seconds": 30})
    console.button("Pin here").click()
    console.button("Change it all the same").wait_for()
    relent()
    console.button("Change it all the same").click()
    console.room("Room 1").get_by_text("pinned").nth(1).wait_for()
    assert not console.page.get_by_role("alert").filter(has_text="could not be moved").count()


def test_refusals_in_a_window_are_said_in_it(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack, rooms=SEATED, assignment={"mode": "manual"})
    console = opened(open_console, breakout_id)
    console.button("Options of A").click()
    window = console.page.get_by_role("dialog")
    name = window.get_by_label("Name of the room")
    name.fill("B")
    name.press("Enter")
    window.get_by_role("alert").filter(has_text="Not done").wait_for()
    assert console.page.get_by_role("alert").filter(has_text="Not done").count() == 1, "once, and not behind it"
    name.fill("Green")
    stack.patch(f"/v1/breakouts/{breakout_id}", {"countdown_seconds": 30})
    name.press("Enter")
    window.get_by_role("alert").filter(has_text="Somebody else has changed this meanwhile").wait_for()
    assert not console.serious()
    window.get_by_role("button", name="Change it all the same").click()
    window.get_by_role("status").filter(has_text="Saved").wait_for()
    assert name.input_value() == "Green"
    window.get_by_role("button", name="Done").click()
    console.room("Green").wait_for()


def test_a_stale_start_is_asked_about_in_its_window(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack, people=2)
    console = opened(open_console, breakout_id)
    window = console.page.get_by_role("dialog")
    console.button("Start breakout").click()
    relent = console.refuse(f"**/v1/breakouts/{breakout_id}")
    stack.patch(f"/v1/breakouts/{breakout_id}", {"countdown_seconds": 30})
    console.button("Yes, start").click()
    relent()
    window.get_by_role("button", name="Show the newer state").click()
    console.page.get_by_text("Somebody else has changed this meanwhile").wait_for(state="detached")
    console.button("Yes, start").click()
    console.page.get_by_role("timer").wait_for()
    stack.wait(breakout_id, "open")
    stack.post(f"/v1/breakouts/{breakout_id}/close", {"countdown_seconds": 0})


@pytest.mark.parametrize("answer", ["Change it all the same", "Show the newer state"], ids=["force", "show"])
def test_a_plan_that_somebody_else_has_changed_can_be_discarded(open_console: Open, stack: Stack, answer: str) -> None:
    breakout_id = draft(stack)
    console = open_console(f"/console/meetings/{stack.see(breakout_id)['meeting_id']}").sign_in()
    console.button("Discard Plan").wait_for()
    stack.patch(f"/v1/breakouts/{breakout_id}", {"name": "Theirs"})
    console.button("Discard Plan").click()
    console.page.get_by_role("alert").filter(has_text="Somebody else has changed this meanwhile").wait_for()
    console.button("Discard Theirs").wait_for()
    assert stack.see(breakout_id)["state"] == "draft"
    console.button(answer).click()
    if answer == "Show the newer state":
        console.said("This is the newer state").wait_for()
        console.button("Discard Theirs").click()
    stack.wait(breakout_id, "cancelled")
    console.button("Discard Theirs").wait_for(state="detached")
    assert not console.asks_about_another()
    console.page.get_by_role("link", name="Theirs").wait_for()


def test_what_is_asked_about_stays_on_its_page(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = open_console(f"/console/meetings/{stack.see(breakout_id)['meeting_id']}").sign_in()
    console.button("Discard Plan").wait_for()
    stack.patch(f"/v1/breakouts/{breakout_id}", {"name": "Theirs"})
    console.button("Discard Plan").click()
    console.button("Change it all the same").wait_for()
    console.page.get_by_role("link", name="Theirs").click()
    console.room("Room 1").wait_for()
    assert not console.asks_about_another()
    console.slow(SLOW_MS)
    box = console.page.get_by_label("Name", exact=True)
    box.fill("Mine")
    stack.patch(f"/v1/breakouts/{breakout_id}", {"countdown_seconds": 30})
    box.press("Enter")
    console.page.get_by_role("link", name="Breakouts").click()
    console.said("Not done").wait_for()
    assert not console.asks_about_another()
