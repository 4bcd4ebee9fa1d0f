"""What a seat stream tells a browser that comes back after breakouts have begun and ended."""

import json

import pytest

from orchestrator.api.crowd.position import Position
from orchestrator.api.crowd.shown import ShownSeat
from orchestrator.api.crowd.starts import Asked, read_logs
from orchestrator.store.queries import participant_ids
from schemas.states import BreakoutState
from schemas.tables import Breakout
from tests.api.server import JSON, Api


@pytest.fixture
def meeting(api: Api) -> JSON:
    return api.meeting("ana")


def held(api: Api, meeting: JSON, *texts: str) -> None:
    """Let a breakout begin, say this in it, and end."""
    breakout = api.breakout(meeting, 202, start="now")
    for text in texts:
        api.post(f"/v1/breakouts/{breakout['id']}/broadcast", {"text": text}, 202)
    with api.deps.database.transaction() as tx:
        tx.session.get_one(Breakout, breakout["id"]).state = BreakoutState.CLOSED


def replayed(api: Api, token: str, seen: str | None) -> tuple[list[str], str | None]:
    """Return the broadcasts that a browser is told when it comes back, and the id that its seat has then."""
    texts = []
    with api.stream(token, seen) as stream:
        while (event := stream.next()).name == "broadcast":
            texts.append(event.data["text"])
    assert event.name == "seat"
    return texts, event.id


def test_what_was_said_in_breakouts_that_began_and_ended_meanwhile_is_told_once(api: Api, meeting: JSON) -> None:
    token = api.token(meeting, "ana")
    assert replayed(api, token, "-:0") == ([], "-:0")
    held(api, meeting, "one")
    told, first = replayed(api, token, "-:0")
    assert told == ["one"]
    assert replayed(api, token, first)[0] == []
    held(api, meeting, "two", "three")
    held(api, meeting, "four")
    api.breakout(meeting, 202, start="now")
    told, latest = replayed(api, token, first)
    assert (told, replayed(api, token, latest)[0]) == (["two", "three", "four"], [])
    assert replayed(api, token, None)[0] == [], "a new browser has missed nothing"


def test_of_two_that_come_back_together_each_is_told_what_it_has_missed(api: Api, meeting: JSON) -> None:
    token = api.token(meeting, "ana")
    held(api, meeting, "one")
    _, early = replayed(api, token, None)
    held(api, meeting, "two")
    _, late = replayed(api, token, early)
    held(api, meeting, "three")
    with api.deps.database.reading() as session:
        person = participant_ids(session, meeting["id"], ["ana"])["ana"]
    asked = [Asked(person, meeting["id"], Position.parse(seen)) for seen in (early, late, "-:0")]
    logs = read_logs(api.deps, asked)
    told = [[json.loads(it.text)["text"] for it in logs.start(one, ShownSeat(1, "{}")).missed] for one in asked]
    assert told == [["two", "three"], ["three"], ["one", "two", "three"]]
