"""Attendance is what happened, whatever the order in which it is told, and however late."""

import csv
import io
import itertools
import random

import pytest

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from schemas.tables import Breakout, Room
from tests.api.server import OPERATOR, Api, bearer
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import JSON, SandboxServer

FIELDS = [
    "custom_participant_id",
    "name",
    "role",
    "room_id",
    "room_name",
    "joined_at",
    "left_at",
    "seconds",
    "presumed",
]
FORMULA = "=1+1"
ROOMS = [{"name": FORMULA, "participants": ["ana", "bo"]}]


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    return Hand(*fresh, ["ana", "bo", "cy"], rooms=ROOMS, assignment={"mode": "manual"})


def rows(hand: Hand) -> list[JSON]:
    with Api(hand.deps) as api:
        return list(api.get(f"/v1/breakouts/{hand.breakout_id}/attendance", limit=200)["items"])


def times(hand: Hand) -> list[tuple[str, str, str | None, bool]]:
    """Return who was there from when to when, in minutes, and whether the end was presumed."""
    return [(row["custom_participant_id"], row["joined_at"], row["left_at"], row["presumed"]) for row in rows(hand)]


def minute(number: int) -> str:
    return f"2026-03-02T09:{number:02}:00Z"


def stay(hand: Hand, name: str, peer: str, begin: int, end: int | None) -> list[JSON]:
    """Return the webhooks about a stay in the room."""
    (meeting_id,) = hand.places()
    said = {"peer_id": peer, "custom_participant_id": name, "meeting_id": meeting_id, "session_id": "s1"}
    said |= {"joined_at": minute(begin), "left_at": None if end is None else minute(end)}
    return [webhook("Joined", said), *([webhook("Left", said)] if end is not None else [])]


LIVED = (("ana", "a", 0, 4), ("ana", "a", 6, 9), ("ana", "b", 8, 12), ("bo", "c", 1, None), ("ana", "a", 20, 22))
EXPECTED = [
    ("ana", minute(0), minute(4), False),
    ("bo", minute(1), None, False),
    ("ana", minute(6), minute(12), False),
    ("ana", minute(20), minute(22), False),
]


@pytest.mark.parametrize("seed", range(4))
def test_a_reconnect_is_another_interval_in_any_order_of_webhooks(hand: Hand, seed: int) -> None:
    """The same device comes back, a second one overlaps, and everything is told late, twice, and shuffled."""
    events = 2 * list(itertools.chain(*(stay(hand, *one) for one in LIVED)))
    random.Random(seed).shuffle(events)
    for event in events:
        hand.deliver(event)
        if seed % 2:
            hand.apply()
    hand.apply()
    assert times(hand) == EXPECTED


def test_an_end_that_was_not_told_is_presumed_until_it_is(hand: Hand) -> None:
    peer = hand.sandbox.join(hand.tokens()["ana"])
    hand.deliver(*(webhook("Joined", it) for it in hand.sandbox.state()["peers"]))
    hand.apply()
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.work(Breakout, Room)
    hand.pass_grace()
    (row,) = rows(hand)
    assert (row["presumed"], row["seconds"] is not None) == (True, True)
    (gone,) = (it for it in hand.sandbox.state()["peers"] if it["peer_id"] == peer["peer_id"])
    hand.deliver(webhook("Left", gone))
    hand.apply()
    (told,) = rows(hand)
    assert (told["presumed"], told["left_at"][:19]) == (False, gone["left_at"][:19]), "RealtimeKit's time, however late"


def test_pages_and_the_file_have_the_same_rows(hand: Hand) -> None:
    hand.deliver(*itertools.chain(*(stay(hand, *one) for one in LIVED)))
    hand.apply()
    path, found, cursor = f"/v1/breakouts/{hand.breakout_id}/attendance", [], None
    with Api(hand.deps) as api:
        while True:
            page = api.get(path, limit=1, **({"cursor": cursor} if cursor else {}))
            found += page["items"]
            if not (cursor := page["next_cursor"]):
                break
        assert found == api.get(path)["items"] == api.get(path, order="desc")["items"][::-1]
        assert [list(row) for row in found] == [FIELDS] * 4
        answer = api.client.get(path, params={"bom": 1, "limit": 1}, headers=bearer(OPERATOR) | {"Accept": "text/csv"})
        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        cells = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert cells[0] == FIELDS
    assert [row[4] for row in cells[1:]] == ["'" + FORMULA] * 4, "no formula for a spreadsheet"
    assert [row[6] for row in cells[1:]] == [row["left_at"] or "" for row in found]
    assert cells[1][-2:] == ["240", "false"]
