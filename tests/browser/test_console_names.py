"""Names that are written from the right, or say that they are, turn nothing around them in the console."""

from collections.abc import Callable

import pytest

from tests.browser.console import IS_BUILT, NOT_BUILT, Console, Open
from tests.browser.plans import opened
from tests.support.stack import Stack

pytestmark = pytest.mark.skipif(not IS_BUILT, reason=NOT_BUILT)
EVE, BOB, RED = (f"{name}\u202edehsinif" for name in ("Eve", "Bob", "Red"))
TURNED = r"""(names) => {
    const alone = (text) => text.replace(/\u2068[^\u2069]*\u2069/g, "").trim();
    const turns = (text) => alone(text).includes("\u202e") && !names.includes(alone(text));
    const isWhole = (it) => {
        const { display, unicodeBidi } = getComputedStyle(it);
        return !["inline", "contents"].includes(display) || it.matches("bdi, svg *") || unicodeBidi === "isolate";
    };
    const around = (it) => (isWhole(it) ? it : around(it.parentElement));
    const said = (one) => one.data ?? (one instanceof Element && !isWhole(one) ? textOf(one) : "");
    const textOf = (it) => [...it.childNodes].map(said).join("");
    const found = [document.title, ...[...document.querySelectorAll("[title]")].map((it) => it.title)];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
        if (texts.currentNode.data.includes("\u202e")) found.push(textOf(around(texts.currentNode.parentElement)));
    return found.filter(turns);
}"""
"""Returns each text that has a name with an override in it that nothing isolates from the rest."""


def turned(console: Console) -> list[str]:
    found: list[str] = console.page.evaluate(TURNED, [EVE, BOB, RED])
    return found


def meeting_of_two(stack: Stack) -> str:
    """Make a meeting of Eve and Bob, of whom Bob is there."""
    people = [{"custom_participant_id": "eve", "name": EVE}, {"custom_participant_id": "bob", "name": BOB}]
    meeting_id = str(stack.post("/v1/meetings", {"title": RED, "participants": people})["id"])
    stack.people(meeting_id, ["bob"])
    stack.crowds.settle()
    return meeting_id


def test_names_turn_nothing_around_them(open_console: Open, stack: Stack) -> None:
    meeting_id = meeting_of_two(stack)
    rooms = [{"name": RED, "participants": ["eve", "bob"]}, {"name": "Blue"}]
    assignment = {"together": [["eve", "bob"]]}
    made = stack.breakout(meeting_id, name=RED, start="manual", rooms=rooms, assignment=assignment)
    console = opened(open_console, made["id"])
    found: dict[str, list[str]] = {}

    def look(where: str, ask: Callable[[], object]) -> None:
        ask()
        found[where] = turned(console)

    console.page.locator("summary", has_text="Rules").click()
    look("the rules of a plan", console.page.get_by_text("Together: ").wait_for)
    console.room(RED).get_by_role("option").first.click()
    console.button("Move to…").click()
    look("where to", console.page.get_by_role("dialog").get_by_role("option").first.wait_for)
    console.page.get_by_role("option", name="Blue").click()
    look("who was moved, or why not", console.page.locator(".saying:not(:empty)").first.wait_for)
    console.room(RED).get_by_role("button").click()
    look("the options of a room", console.page.get_by_role("dialog").wait_for)
    console.button("Done").click()
    console.button("Start breakout").click()
    look("the question before the start", console.button("Yes, start").wait_for)
    console.button("Yes, start").click()
    stack.wait(made["id"], "open", condition=lambda it: it["progress"]["participants"]["joined"] == 1)
    asking = {"Authorization": f"Bearer {stack.token(meeting_id, 'bob')}"}
    assert stack.api.post("/v1/seat/help", headers=asking).status_code == 201
    console.button("Helped").wait_for()
    missing = console.page.get_by_role("region", name="Not in their room")
    look("who is missing, who asks for help", missing.get_by_text("Eve").wait_for)
    console.button("Close breakout").click()
    look("the question before the end", console.button("Yes, close").wait_for)
    console.page.get_by_label("Seconds to come back").fill("0")
    console.button("Yes, close").click()
    console.page.get_by_text("Closed by an operator.").wait_for()
    look("who was where", console.page.get_by_role("img", name="Bob").first.wait_for)
    console.page.goto(f"{stack.url}/console/meetings/{meeting_id}")
    look("the meeting", console.page.get_by_role("link", name="Red").wait_for)
    assert {where: texts for where, texts in found.items() if texts} == {}
