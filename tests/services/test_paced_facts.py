"""The facts of a meeting are applied in batches, between which its inbox rests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from orchestrator.services.breakout.locked import MeetingScope, locked_for_meeting
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks import applying
from schemas.tables import Inbox
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import JSON, SandboxServer


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Open a breakout with Ana in its room."""
    return Hand(*fresh, ["ana"], rooms=1)


def test_a_batch_that_leaves_facts_behind_is_followed_at_once(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "BATCHES", (1,))
    hand.deliver(*_news(hand))
    hand.apply()
    assert _inbox(hand).dispatches == 1


def test_what_is_said_during_a_batch_waits_for_the_end_of_the_rest(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    came, left = _news(hand)

    @contextmanager
    def locked(deps: Deps, meeting_id: str) -> Iterator[MeetingScope]:
        with locked_for_meeting(deps, meeting_id) as m:
            yield m
        hand.deliver(left)

    hand.deliver(came)
    monkeypatch.setattr(applying, "locked_for_meeting", locked)
    hand.apply()
    inbox = _inbox(hand)
    assert (inbox.dispatches, inbox.due_at) == (0, inbox.rests_until)
    assert inbox.due_at is not None


def test_after_a_batch_nothing_is_due_until_something_is_said(hand: Hand) -> None:
    came, left = _news(hand)
    hand.deliver(came)
    hand.apply()
    assert _inbox(hand).due_at is None
    hand.deliver(left)
    assert _inbox(hand).due_at is not None


def _news(hand: Hand) -> tuple[JSON, JSON]:
    """Let Ana come, and return RealtimeKit's news of that and of her leaving."""
    peer = hand.sandbox.join(hand.tokens()["ana"])["peer_id"]
    here = next(it for it in hand.sandbox.state()["peers"] if it["peer_id"] == peer)
    return webhook("Joined", here), webhook("Left", here)


def _inbox(hand: Hand) -> Inbox:
    with hand.deps.database.reading() as session:
        return session.get_one(Inbox, hand.meeting_id)
