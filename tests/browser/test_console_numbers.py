"""Numbers that are typed in a host's console: what is none is said, and never taken for nothing or for another."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator

from tests.browser.console import IS_BUILT, NOT_BUILT, Open
from tests.browser.plans import draft, open_breakout, opened
from tests.support.stack import JSON, Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)
GIVEN = {
    "rooms": [{"name": "A", "max_participants": 150}, {"name": "B"}],
    "duration_seconds": 900,
    "record": True,
    "recording": {"max_seconds": 600},
    "warn_before_seconds": [60],
}
MINUTES = "Minutes open (empty: no timer)"
WARNINGS = "Warn so many seconds before, with commas"


class Field(NamedTuple):
    """A field, what is no number in it, a number, and what is saved of it."""

    label: str
    wrong: list[str]
    right: str
    saved: Callable[[JSON], object]
    meant: object


FIELDS = [
    Field(MINUTES, ["10-15", "2e", "1.2.3", "1,440", "9" * 400], "7,5", lambda it: it["duration_seconds"], 450),
    Field("Minutes at most", ["10-15"], "2.5", lambda it: it["recording"]["max_seconds"], 150),
    Field("Seconds to come back", ["", "7,5"], "30", lambda it: it["countdown_seconds"], 30),
    Field(WARNINGS, ["60-30", "60, x"], "90, 30", lambda it: it["warn_before_seconds"], [90, 30]),
    Field("People at most", ["100-120"], "120", lambda it: it["rooms"][0]["max_participants"], 120),
    Field("Or people per room", ["2-3"], "2", lambda it: it["room_size"], 2),
    Field("Rooms", ["", "3-4"], "3", lambda it: len(it["rooms"]), 3),
]


@pytest.mark.parametrize("field", FIELDS, ids=[field.label for field in FIELDS])
def test_what_is_no_number_is_said_and_not_saved(open_console: Open, stack: Stack, field: Field) -> None:
    breakout_id = draft(stack, 4, **GIVEN)
    before = stack.see(breakout_id)
    console = opened(open_console, breakout_id)
    if field.label == "People at most":
        console.button("Options of A").click()
    box = console.page.get_by_role("textbox", name=field.label, exact=True)
    for text in field.wrong:
        type_in(box, text)
        box.press("Enter")
        console.said(f"not “{text}”" if text else f"“{field.label}” needs a whole number.").wait_for()
        assert box.input_value() == text
    assert stack.see(breakout_id) == before
    type_in(box, field.right)
    box.press("Enter")
    wait_until(lambda: field.saved(stack.see(breakout_id)) == field.meant, what=f"{field.label} {field.right}")


def type_in(box: Locator, text: str) -> None:
    """Type key by key, because a browser may drop some of them."""
    box.fill("")
    box.press_sequentially(text)


def test_a_breakout_is_not_closed_at_once_for_seconds_that_are_none(open_console: Open, stack: Stack) -> None:
    breakout_id = open_breakout(stack)
    console = opened(open_console, breakout_id)
    console.button("Close breakout").click()
    seconds = console.page.get_by_label("Seconds to come back")
    type_in(seconds, "10-15")
    assert not console.page.get_by_text("called back").count()
    console.button("Yes, close").click()
    console.said("needs a whole number, not “10-15”").wait_for()
    assert stack.see(breakout_id)["state"] == "open"
    seconds.fill("0")
    console.page.get_by_text("called back at once").wait_for()
    console.button("Yes, close").click()
    console.page.get_by_text("Closed by an operator.").wait_for()


def test_a_seed_and_the_minutes_of_rounds_are_as_they_were_typed(open_console: Open, stack: Stack) -> None:
    breakout_id = draft(stack)
    console = opened(open_console, breakout_id)
    seed = console.page.get_by_label("Seed")
    type_in(seed, "1-2")
    console.button("Shuffle").click()
    console.said("“Seed” needs a whole number, not “1-2”").wait_for()
    seed.fill("-12")
    console.button("Shuffle").click()
    console.said("Dealt anew with seed -12").wait_for()
    console.page.get_by_role("link", name="Physics").click()
    console.button("Plan rounds").click()
    minutes = console.page.get_by_label("Minutes each")
    for text, is_taken in (("7-5", False), ("", False), ("7,5", True)):
        type_in(minutes, text)
        assert minutes.evaluate("it => it.form.checkValidity()") is is_taken
    console.button("Plan them").click()
    console.said("rounds are planned").wait_for()
    path = f"/v1/meetings/{stack.see(breakout_id)['meeting_id']}/breakouts"
    assert {it["duration_seconds"] for it in stack.get(path)["items"] if it["round"]} == {450}
