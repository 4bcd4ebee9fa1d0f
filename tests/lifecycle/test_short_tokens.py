"""With tokens that live for seconds nobody is lost, because they are renewed all the time."""

from collections.abc import Iterator

import pytest

from tests.support.stack import Stack
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("running", ["postgresql"], indirect=True)

NAMES = ["p0", "p1", "p2"]


@pytest.fixture
def short_lived(stack: Stack) -> Iterator[Stack]:
    """Let the tokens of the sandbox live for three seconds."""
    before = stack.sandbox.timings()
    stack.sandbox.timings(token_lifetime_seconds=3)
    yield stack
    stack.sandbox.timings(**before)


def test_people_come_home_with_tokens_that_have_been_renewed(short_lived: Stack) -> None:
    stack = short_lived
    meeting = stack.meeting(len(NAMES))
    stack.people(meeting, NAMES)
    stack.crowds.settle()
    made = stack.breakout(meeting, rooms=2)
    stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["joined"] == len(NAMES))
    for _ in range(2):
        before = _tokens(stack, meeting)
        wait_until(lambda seen=before: not seen & _tokens(stack, meeting), what="other tokens for all")  # type: ignore[misc]  # a default binds it
    stack.post(f"/v1/breakouts/{made['id']}/close", {"countdown_seconds": 0})
    closed = stack.wait(made["id"], "closed")
    assert closed["progress"]["participants"]["returned"] == len(NAMES)
    assert closed["problems"] == []


def _tokens(stack: Stack, meeting: str) -> set[str]:
    """Return everybody's token for the room in which they are."""
    seats = [stack.seat(meeting, name) for name in NAMES]
    assert {seat["location"] for seat in seats} == {"room"}
    return {seat["auth_token"] for seat in seats}
