"""What is pressed in a host's console is done once: twice in a row, and again after an answer that never came."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from playwright.sync_api import FilePayload, Locator, Request, Route

from tests.browser.console import IS_BUILT, NOT_BUILT, Console, Open
from tests.browser.plans import SLOW_MS, draft, open_breakout
from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)
SHEET = FilePayload(name="groups.csv", mimeType="text/csv", buffer=b"room,custom_participant_id\nA,p0\nB,p1\n")
MESSAGE = "Message to everybody in the rooms"
Page = Callable[[Stack], str]


def home(_: Stack) -> str:
    return ""


def meeting(stack: Stack) -> str:
    return f"/meetings/{stack.meeting(2)}"


def plan(stack: Stack) -> str:
    return f"/breakouts/{draft(stack, people=2)}"


def running(stack: Stack) -> str:
    return f"/breakouts/{open_breakout(stack)}"


def over(stack: Stack) -> str:
    breakout_id = draft(stack, people=2)
    stack.post(f"/v1/breakouts/{breakout_id}/cancel")
    return f"/breakouts/{breakout_id}"


def title(console: Console) -> None:
    console.button("New meeting").click()
    console.page.get_by_label("Title", exact=True).fill("Pressed")


def sheet(console: Console) -> None:
    console.button("Import CSV").click()
    console.page.get_by_label("CSV file", exact=True).set_input_files(SHEET)
    console.page.get_by_text("2 can be used").wait_for()


def rounds(console: Console) -> None:
    console.button("Plan rounds").click()


def question(console: Console) -> None:
    console.button("Ask a question").click()
    console.page.get_by_label("Question", exact=True).fill("Ready?")
    console.page.get_by_label("Answers").fill("Yes\nNo")


def message(console: Console) -> None:
    console.page.get_by_label(MESSAGE).fill("Hurry up")


def two(console: Console) -> None:
    console.page.get_by_text("Rules", exact=True).click()
    for name in ("P0", "P1"):
        console.page.get_by_role("option", name=re.compile(rf"^{name}\b")).click()


def one(console: Console) -> None:
    console.page.get_by_role("option", name="P0").click()


def nothing(_: Console) -> None:
    pass


class Press(NamedTuple):
    """A button, what it needs first, the end of the path that it asks for, and what the page says then."""

    page: Page
    prepare: Callable[[Console], None]
    button: str
    path: str
    said: str | re.Pattern[str]


PRESSES = [
    Press(home, title, "Create it", "/v1/meetings", "Nobody is registered yet"),
    Press(meeting, nothing, "New breakout", "/breakouts", "Start breakout"),
    Press(meeting, sheet, "Import 2 rows", "&dry_run=false", "Start breakout"),
    Press(meeting, rounds, "Plan them", "/rounds", "rounds are planned"),
    Press(plan, two, "Keep together", "", "Together: P"),
    Press(plan, one, "Pin here", "/room", re.compile("^pinned$")),
    Press(plan, nothing, "Shuffle", "/shuffle", "Dealt anew"),
    Press(plan, nothing, "Add a room", "/rooms", "is added"),
    Press(running, question, "Ask it", "/poll", "is asked in every room"),
    Press(running, message, "Broadcast", "/broadcast", "Sent to every room"),
    Press(running, nothing, "Extend", "", "5 minutes longer"),
    Press(over, nothing, "Same rooms again", "/breakouts", "Start breakout"),
]


def opened(open_console: Open, stack: Stack, press: Press) -> tuple[Console, list[Request], Locator]:
    """Open the page, and bring it to the press. Returns it with all that it asks for by this press, and the button."""
    path = press.page(stack)
    console = open_console(f"/console{path}").sign_in()
    console.page.get_by_role("heading", level=1).wait_for()
    asked: list[Request] = []
    end = press.path or f"/v1{path}"

    def note(request: Request) -> None:
        if request.method in ("POST", "PUT", "PATCH") and request.url.endswith(end):
            asked.append(request)

    console.page.on("request", note)
    press.prepare(console)
    return console, asked, console.page.get_by_role("button", name=press.button, exact=True)


@pytest.mark.parametrize("press", PRESSES, ids=[press.button for press in PRESSES])
def test_a_double_click_does_it_once(open_console: Open, stack: Stack, press: Press) -> None:
    console, asked, button = opened(open_console, stack, press)
    console.slow(SLOW_MS)
    button.dblclick()
    console.page.get_by_text(press.said).first.wait_for()
    console.slow(0)
    assert len(asked) == 1
    assert not console.page.get_by_text("Not done").count()


NEW = [press for press in PRESSES if press.page is not plan and press.path]
"""Those that ask for the same whatever has changed in the breakout meanwhile, by a POST."""


@pytest.mark.parametrize("press", NEW, ids=[press.button for press in NEW])
def test_a_press_after_an_answer_that_never_came_is_the_same_one(
    open_console: Open, stack: Stack, press: Press
) -> None:
    console, asked, button = opened(open_console, stack, press)
    lose_an_answer(console, asked, press, button)
    button.click()
    console.page.get_by_text(press.said).first.wait_for()
    assert len({request.headers["idempotency-key"] for request in asked}) == 1


def lose_an_answer(console: Console, asked: list[Request], press: Press, button: Locator) -> None:
    """Press, and lose the answer to what is done."""
    end = re.compile(re.escape(press.path) + "$")

    def lose(route: Route) -> None:
        route.fetch() if len(asked) == 1 else None
        route.abort("internetdisconnected")

    console.page.route(end, lose)
    button.click()
    console.said("be reached").wait_for()
    console.page.unroute(end)


def test_a_minute_later_the_same_is_meant_a_second_time(open_console: Open, stack: Stack) -> None:
    press = next(press for press in NEW if press.button == "Broadcast")
    console, asked, button = opened(open_console, stack, press)
    lose_an_answer(console, asked, press, button)
    console.page.evaluate("const now = Date.now; Date.now = () => now() + 61000")
    button.click()
    console.page.get_by_text(press.said).first.wait_for()
    assert len({request.headers["idempotency-key"] for request in asked}) == 2


def test_a_plan_that_came_of_a_lost_answer_and_was_discarded_is_not_opened(open_console: Open, stack: Stack) -> None:
    press = next(press for press in NEW if press.button == "New breakout")
    console, asked, button = opened(open_console, stack, press)
    lose_an_answer(console, asked, press, button)
    (made,) = stack.get(f"/v1{console.page.url.rpartition('/console')[2]}/breakouts")["items"]
    stack.post(f"/v1/breakouts/{made['id']}/cancel")
    button.click()
    console.page.get_by_text(press.said).first.wait_for()
    assert not console.page.url.endswith(made["id"])


def test_a_message_is_the_same_one_while_its_words_are(open_console: Open, stack: Stack) -> None:
    press = next(press for press in PRESSES if press.button == "Broadcast")
    console, asked, button = opened(open_console, stack, press)
    breakout_id = console.page.url.rsplit("/", 1)[1]
    busy = {"code": "overloaded", "detail": "the server is over its head"}
    console.page.route("**/broadcast", lambda route: route.fulfill(status=503, json=busy))
    button.click()
    console.said("over its head").wait_for()
    console.page.unroute("**/broadcast")
    stack.patch(f"/v1/breakouts/{breakout_id}", {"name": "Theirs"})
    console.page.get_by_role("heading", name="Theirs", exact=True).wait_for()
    for words in ("Hurry up", "Hurry up", "Now"):
        console.page.get_by_label(MESSAGE).fill(words)
        button.click()
        wait_until(lambda: console.page.get_by_label(MESSAGE).input_value() == "", what=f"{words} sent")
    first, again, later, other = (request.headers["idempotency-key"] for request in asked)
    assert first == again
    assert len({first, later, other}) == 3
