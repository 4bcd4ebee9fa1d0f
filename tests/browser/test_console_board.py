"""The rooms and their people in the console: what keys and the search find, and what of many is shown."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Request, expect

from tests.browser.console import IS_BUILT, NOT_BUILT, Console, Open
from tests.browser.plans import SEATED, SLOW_MS, draft, open_breakout, opened
from tests.support.stack import JSON, Stack

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)
MANUAL = {"mode": "manual"}
DRAWN_AT_FIRST, ROOMS_IN_A_LIST, PROBLEMS_AT_FIRST = 60, 100, 50


def move(console: Console) -> None:
    console.button("Move to…").click()
    console.page.get_by_role("option", name="B 3 people").click()


def pin(console: Console) -> None:
    console.button("Pin here").click()


def names(first: int, end: int) -> list[str]:
    return [f"p{number}" for number in range(first, end)]


@pytest.mark.parametrize("change", [move, pin], ids=["moved", "pinned"])
def test_what_opening_costs_is_asked_for_after_own_changes(
    open_console: Open, stack: Stack, change: Callable[[Console], None]
) -> None:
    console = opened(open_console, draft(stack, people=6, rooms=["A", "B"]))
    console.page.get_by_text("calls, opens in about").wait_for()
    for one in console.room("A").get_by_role("option").all():
        one.click()
    console.page.get_by_text("3 chosen").wait_for()
    asked: list[str] = []

    def note(request: Request) -> None:
        if request.method != "GET":
            asked.append(request.method)

    console.page.on("request", note)
    console.slow(SLOW_MS)
    with console.page.expect_response(lambda it: "dry_run" in it.url):
        change(console)
    assert asked == ["PUT", "PUT", "PUT", "POST"], "once, when nothing else waits"
    console.slow(0)


def test_keys_go_through_all_people_of_a_room(open_console: Open, stack: Stack) -> None:
    size = DRAWN_AT_FIRST + 10
    rooms = [{"name": "A", "participants": names(0, size)}, {"name": "B"}]
    console = opened(open_console, draft(stack, people=size, rooms=rooms, assignment=MANUAL))
    people, keys = console.room("A").get_by_role("option"), console.page.keyboard
    people.first.focus()
    keys.press("Control+a")
    console.page.get_by_text(f"{size} chosen").wait_for()
    keys.press("Escape")
    people.nth(DRAWN_AT_FIRST - 1).focus()
    keys.press("Shift+ArrowDown")
    console.page.get_by_text("2 chosen").wait_for()
    expect(people.nth(DRAWN_AT_FIRST)).to_be_focused()
    keys.press("Escape")
    console.page.get_by_label("Find a room or a person").fill("P1")
    expect(people).to_have_count(11)
    people.first.focus()
    keys.press("Control+a")
    console.page.get_by_text("11 chosen").wait_for()


@pytest.mark.parametrize(
    ("words", "found"), [("P4", ["Main meeting"]), ("P0", ["A"]), ("B", ["B"]), ("p", ["A", "Main meeting"]), ("?", [])]
)
def test_the_search_says_that_nobody_matches_when_that_is_so(
    open_console: Open, stack: Stack, words: str, found: list[str]
) -> None:
    console = opened(open_console, draft(stack, people=5, rooms=SEATED, assignment=MANUAL))
    console.person("Main meeting", "P4").wait_for()
    console.page.get_by_label("Find a room or a person").fill(words)
    cards = console.page.get_by_role("region", name="2 rooms").locator(".card")
    expect(cards.get_by_role("heading")).to_have_text(found)
    expect(console.page.get_by_text("No room and nobody matches.")).to_have_count(0 if found else 1)


def test_a_move_by_keyboard_reaches_each_of_many_rooms(open_console: Open, stack: Stack) -> None:
    hidden, crowd = 20, DRAWN_AT_FIRST + 5
    rooms: list[JSON] = [{"name": f"Room {number}"} for number in range(1, ROOMS_IN_A_LIST + hidden + 1)]
    rooms[0]["participants"], rooms[-1]["participants"] = ["p0"], names(1, crowd)
    console = opened(open_console, draft(stack, people=crowd, rooms=rooms, assignment=MANUAL))
    page, keys = console.page, console.page.keyboard

    def ask() -> Locator:
        keys.press("m")
        page.get_by_role("combobox", name="Find a room").wait_for()
        return page.get_by_role("dialog").get_by_role("option")

    console.person("Room 1", "P0").focus()
    choices = ask()
    expect(choices).to_have_count(ROOMS_IN_A_LIST + 1)
    expect(choices.last).to_have_text(re.compile("^Main meeting"))
    page.get_by_text(f"{hidden} rooms more").wait_for()
    keys.type(rooms[-1]["name"])
    expect(choices).to_have_count(1)
    keys.press("Enter")
    expect(console.person(rooms[-1]["name"], "P0")).to_be_focused()
    ask()
    keys.type("main")
    keys.press("Enter")
    expect(console.person("Main meeting", "P0")).to_be_focused()


def test_the_options_of_a_room_stay_when_the_search_no_longer_finds_it(open_console: Open, stack: Stack) -> None:
    console = opened(open_console, draft(stack, rooms=SEATED, assignment=MANUAL))
    search = console.page.get_by_label("Find a room or a person")
    search.fill("A")
    console.room("B").wait_for(state="detached")
    console.button("Options of A").click()
    console.set("Name of the room", "Zebr")
    console.room("A").wait_for(state="detached")
    console.set("People at most", "7")
    console.page.get_by_role("heading", name="Options of Zebr").wait_for()
    console.button("Done").click()
    expect(search).to_be_focused()
    search.fill("")
    console.room("Zebr").get_by_text("4 of 7").wait_for()


def test_every_problem_can_be_seen_and_every_room_tried_again(open_console: Open, stack: Stack) -> None:
    breakout_id, total = open_breakout(stack), PROBLEMS_AT_FIRST * 2 + 20
    console = open_console().sign_in()
    path = f"/v1/breakouts/{breakout_id}"

    def many(found: JSON) -> JSON:
        """Return it with problems, of which the oldest is about a room that could not be opened."""
        room = found["rooms"][1]
        problem = {"at": found["created_at"], "what": "refused", "detail": "no", "custom_participant_id": None}
        others = [{**problem, "detail": f"number {number}", "room_id": None} for number in range(total - 1)]
        rooms = [found["rooms"][0], {**room, "state": "failed"}]
        return {**found, "rooms": rooms, "problems": [{**problem, "room_id": room["id"]}, *others]}

    console.page.route(f"**{path}", lambda route: route.fulfill(json=many(route.fetch().json())))
    console.page.goto(f"{stack.url}/console/breakouts/{breakout_id}")
    problems = console.page.get_by_role("region", name="Problems")
    for is_over in (False, True):
        problems.get_by_text(str(total), exact=True).wait_for()
        for more in (PROBLEMS_AT_FIRST, total - 2 * PROBLEMS_AT_FIRST):
            problems.get_by_role("button", name=f"Show {more} more").click()
        expect(problems.get_by_role("listitem")).to_have_count(total)
        expect(problems.get_by_role("button", name="Try Room 2 again")).to_have_count(0 if is_over else 1)
        if not is_over:
            stack.post(f"{path}/close", {"countdown_seconds": 0})
            console.page.get_by_text("Closed by an operator.").wait_for()
