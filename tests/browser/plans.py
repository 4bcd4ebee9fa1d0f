"""Plans that tests of the console make, and what they do with them."""

from tests.browser.console import Console, Open
from tests.support.stack import Stack

SLOW_MS = 1200
SEATED = [{"name": "A", "participants": ["p0", "p1", "p2", "p3"]}, {"name": "B"}]


def draft(stack: Stack, people: int = 4, **more: object) -> str:
    """Make a plan, and return its id."""
    wanted = {"start": "manual", "rooms": 2, "name": "Plan", **more}
    return str(stack.breakout(stack.meeting(people), **wanted)["id"])


def open_breakout(stack: Stack) -> str:
    """Start a breakout of two people, wait until it is open, and return its id."""
    breakout_id = draft(stack, people=2, duration_seconds=600)
    stack.post(f"/v1/breakouts/{breakout_id}/start")
    stack.wait(breakout_id, "open")
    return breakout_id


def opened(open_console: Open, breakout_id: str) -> Console:
    """Sign in to the page of a breakout, and wait until it is there."""
    console = open_console(f"/console/breakouts/{breakout_id}").sign_in()
    console.page.get_by_role("group").first.wait_for()
    return console


def choose(console: Console, *names: str) -> None:
    """Choose people in room A."""
    for name in names:
        console.person("A", name).click()


def move_to_b(console: Console) -> None:
    """Move those who are chosen to room B."""
    console.button("Move to…").click()
    console.page.get_by_role("option", name="B 0 people").click()
