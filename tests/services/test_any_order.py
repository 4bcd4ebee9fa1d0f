"""Whatever share of a session's webhooks arrives, in whatever order and number, the end state is what happened."""

import itertools
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from orchestrator.services.deps import Deps
from schemas.states import SeatState
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import JSON, SandboxServer

NAMES = ("ana", "bo")
STEPS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(["comes", "leaves"])), min_size=1, max_size=8)
"""A person who comes while they are there opens another tab. A person who leaves closes the oldest tab."""
MANY = settings(max_examples=12, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
"""Each example takes a good part of a second, so a failing one is not shrunk."""


@MANY
@given(steps=STEPS, data=st.data())
def test_any_order_any_number_any_share(
    built: tuple[Deps, SandboxServer], steps: list[tuple[str, str]], data: st.DataObject
) -> None:
    hand = Hand(*built, NAMES, rooms=1)
    events = _live_through(hand, steps)
    delivered = data.draw(st.lists(st.sampled_from(events), max_size=2 * len(events)), label="delivered")
    for event in delivered:
        hand.deliver(event)
        if data.draw(st.booleans(), label="applied at once"):
            hand.apply()
    hand.apply()
    if any(event not in delivered for event in events):
        hand.poll()
    assert _known(hand) == _truth(hand)
    hand.deliver(*data.draw(st.permutations(events), label="minutes late"))
    hand.apply()
    assert _known(hand) == _truth(hand), "what came late changed something"


def _live_through(hand: Hand, steps: list[tuple[str, str]]) -> list[JSON]:
    """Take these steps at RealtimeKit, and return the webhooks that it would send."""
    tokens = hand.tokens()
    tabs: dict[str, list[str]] = {name: [] for name in NAMES}
    for name, step in steps:
        if step == "comes":
            tabs[name].append(hand.sandbox.join(tokens[name])["peer_id"])
        elif tabs[name]:
            hand.sandbox.leave(tabs[name].pop(0))
    pairs = [[webhook("Joined", peer), *([webhook("Left", peer)] if peer["left_at"] else [])] for peer in _peers(hand)]
    return list(itertools.chain(*pairs)) or [{"event": "meeting.started", "meeting": {"id": "of nobody"}}]


def _peers(hand: Hand) -> list[JSON]:
    return [peer for peer in hand.sandbox.state()["peers"] if peer["meeting_id"] in hand.places()]


def _known(hand: Hand) -> tuple[Any, Any]:
    return hand.there(), hand.seats()


def _truth(hand: Hand) -> tuple[Any, Any]:
    here = {(peer["custom_participant_id"], peer["peer_id"]) for peer in _peers(hand) if not peer["left_at"]}
    been = {peer["custom_participant_id"] for peer in _peers(hand)}
    joined = {name for name, _ in here}
    states = {
        name: SeatState.JOINED if name in joined else SeatState.AWAY if name in been else SeatState.INVITED
        for name in NAMES
    }
    return here, states
