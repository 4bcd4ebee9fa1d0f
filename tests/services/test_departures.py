"""People who leave for good: out of every live session and every list, deleted at RealtimeKit, and not let in again."""

import json

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from orchestrator.errors import Unknown
from orchestrator.services.breakout import moving, operations
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import registering, removing
from orchestrator.services.people import seats
from orchestrator.services.planning import creating as planning
from orchestrator.services.views import breakouts, event_log, meetings
from orchestrator.services.views.pages import Asked
from schemas.requests import BreakoutRequest, PersonRequest
from schemas.states import SeatState
from schemas.tables import Breakout, IdempotencyKey, Leftover, Meeting, Room, Visit
from tests.services.browser import Browser
from tests.services.hand import Hand, webhook
from tests.support.dumps import dump, places_of
from tests.support.sandbox_server import JSON, SandboxServer

Built = tuple[Deps, SandboxServer]
ID, NAME = "zoe-4711@example.com", "Zoe Zimmermann"
YARA, YARAS_NAME = "yaraline-4712@example.com", "Yaraline Yilmazer"
XENIA, XENIAS_NAME = "xenia-4713@example.com", "Xenia Xanthou"


def test_who_is_removed_is_out_of_everything(fresh: Built) -> None:
    hand, zoe = _open(fresh)
    remove(hand)
    hand.work(Leftover)
    assert zoe.kicks == 1
    assert not any(hand.sandbox.present(place or "").count(ID) for place in hand.places())
    assert [ID in hand.sandbox.records(place or "") for place in (hand.parent(), *hand.places())] == [False] * 3
    assert (ID in people(hand), ID in hand.seats()) == (False, False)
    assert moves(hand)[-2:] == [("joined", "returning"), ("returning", "returned")]
    assert zoe.participant_id not in seats.read(hand.deps, [zoe.participant_id]).found


def test_who_was_not_there_has_never_joined(fresh: Built) -> None:
    hand = Hand(*fresh, ["ana", ID], rooms=2)
    remove(hand)
    assert moves(hand)[-1] == ("invited", "never_joined")


def test_a_person_is_removed_from_plans_too(fresh: Built) -> None:
    hand, _ = _open(fresh)
    asked = BreakoutRequest.model_validate(
        {"rooms": 2, "assignment": {"mode": "even", "together": [["ana", ID, "bo"]], "apart": [[ID, "cy"]]}}
    )
    later = planning.create(hand.deps, hand.meeting_id, asked)
    remove(hand)
    with hand.deps.database.reading() as session:
        found = breakouts.breakout(session, later)
    assert ID not in found.model_dump_json()
    assert (found.assignment.together, found.assignment.apart) == ([["ana", "bo"]], [])


def test_who_was_never_known_is_unknown_and_again_is_well(fresh: Built) -> None:
    hand, _ = _open(fresh)
    with pytest.raises(Unknown):
        remove(hand, name="nobody")
    for erase in (False, False, True, True, False):
        remove(hand, erase=erase)


def test_late_news_lets_nobody_in_again(fresh: Built) -> None:
    hand, zoe = _open(fresh)
    came = webhook("Joined", peer_of(hand, zoe) | {"meeting_id": hand.parent()})
    remove(hand)
    hand.work(Leftover)
    hand.deliver(came)
    hand.apply()
    hand.poll()
    hand.work(Meeting, Leftover)
    assert ID not in people(hand)
    remove(hand, erase=True)
    hand.deliver(came)
    hand.apply()
    hand.poll()
    assert ID not in people(hand)
    with hand.deps.database.reading() as session:
        assert meetings.meeting(session, hand.meeting_id).unregistered_present == []


def test_who_comes_back_by_another_backend_is_put_out_again(fresh: Built) -> None:
    hand, _ = _open(fresh)
    remove(hand, erase=True)
    hand.work(Leftover)
    path = f"/meetings/{hand.parent()}/participants"
    body = {"custom_participant_id": ID, "name": NAME, "preset_name": "group_call_participant"}
    hand.sandbox.join(hand.sandbox.rest("POST", path, body)["token"])
    hand.deliver(webhook("Joined", hand.sandbox.state()["peers"][-1]))
    hand.apply()
    hand.work(Leftover)
    assert hand.sandbox.present(hand.parent()).count(ID) == 0
    assert ID not in hand.sandbox.records(hand.parent())


def test_registering_anew_lets_somebody_in_as_somebody_new(fresh: Built) -> None:
    hand, zoe = _open(fresh)
    remove(hand)
    registering.register(hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id=ID, name=NAME)])
    hand.work(Room, Meeting, Leftover)
    again = Browser(hand, ID)
    assert again.participant_id != zoe.participant_id, "old client tokens are for the other row"
    again.follow()
    finish_leftovers(hand)
    assert again.is_where_the_seat_says
    assert (again.kicks, hand.seats()[ID]) == (1, SeatState.JOINED), "the kick was that of the removal"


LATE_NEWS = {"of leaving": ["Left"], "of both": ["Joined", "Left"], "in another order": ["Left", "Joined"]}


@pytest.mark.parametrize("erase", [False, True])
def test_the_versions_of_a_seat_go_on_when_somebody_is_let_in_again(fresh: Built, *, erase: bool) -> None:
    hand = Hand(*fresh, [ID, "bo"], rooms=1)
    before = hand.look(ID).version
    remove(hand, erase=erase)
    _register_anew(hand)
    assert hand.look(ID).version > before, "or a page that stayed open would pass over what it is told"


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
@pytest.mark.parametrize("kinds", LATE_NEWS.values(), ids=LATE_NEWS)
def test_late_news_of_who_somebody_was_before_is_not_about_who_they_are_now(
    fresh: Built, kinds: list[str], together: bool
) -> None:
    hand, peer = _let_in_again(fresh)
    for kind in kinds:
        hand.deliver(webhook(kind, peer))
        if not together and kind != "Joined":
            hand.apply()
    hand.apply()
    assert moves(hand)[-1] == ("admitted", "invited")
    with hand.deps.database.reading() as session:
        (left_at,) = session.scalars(select(col(Visit.left_at)).where(col(Visit.peer_id) == peer["peer_id"]))
    assert left_at is not None, "attendance has it all the same"


def test_late_news_of_an_arrival_whose_end_is_known_is_not_about_who_somebody_is_now(fresh: Built) -> None:
    hand, peer = _removed_unseen(fresh)
    hand.deliver(webhook("Left", peer))
    hand.apply()
    _register_anew(hand)
    hand.deliver(webhook("Joined", peer))
    hand.apply()
    assert moves(hand)[-1] == ("admitted", "invited")


def test_a_poll_that_shows_who_somebody_was_before_is_not_about_who_they_are_now(fresh: Built) -> None:
    hand, _ = _let_in_again(fresh)
    hand.poll()
    assert moves(hand)[-1] == ("admitted", "invited")


def test_who_is_let_in_again_and_comes_is_seen_by_webhooks_and_polls(fresh: Built) -> None:
    hand, _ = _let_in_again(fresh)
    again = Browser(hand, ID)
    hand.sandbox.join(hand.seat(again.participant_id).auth_token or "")
    hand.poll()
    assert moves(hand)[-1] == ("invited", "joined")


def _let_in_again(fresh: Built) -> tuple[Hand, JSON]:
    hand, peer = _removed_unseen(fresh)
    _register_anew(hand)
    return hand, peer


def _removed_unseen(fresh: Built) -> tuple[Hand, JSON]:
    """Remove Zoe from a room in which nobody has seen her yet. Returns her connection too."""
    hand = Hand(*fresh, ["ana", ID], rooms=1)
    peer_id = hand.sandbox.join(hand.tokens()[ID])["peer_id"]
    remove(hand)
    hand.work(Leftover)
    return hand, next(peer for peer in hand.sandbox.state()["peers"] if peer["peer_id"] == peer_id)


def _register_anew(hand: Hand) -> None:
    registering.register(hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id=ID, name=NAME)])
    hand.work(Room, Meeting)


def _removed_while_added(fresh: Built) -> Hand:
    """Remove Zoe for good while it is in doubt whether a room's meeting has a record of her, which it has."""
    hand = Hand(*fresh, ["ana", ID], rooms=1, start="manual")
    operations.prepare(hand.deps, hand.breakout_id)
    hand.work(Breakout)
    hand.sandbox.faults({"operation": "add_participant", "kind": "error_after", "match": ID, "times": None})
    hand.work(Room)
    remove(hand)
    hand.sandbox.faults()
    return hand


def test_a_record_that_was_being_made_is_deleted_too(fresh: Built) -> None:
    hand = _removed_while_added(fresh)
    finish_leftovers(hand)
    assert all(ID not in hand.sandbox.records(place or "") for place in hand.places())


@pytest.mark.parametrize("is_admitted", [True, False], ids=["admitted", "not yet"])
def test_of_who_is_let_in_again_only_a_record_that_is_certainly_not_theirs_is_deleted(
    fresh: Built, is_admitted: bool
) -> None:
    hand = _removed_while_added(fresh)
    registering.register(hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id=ID, name=NAME)])
    (place,) = hand.places()
    if is_admitted:
        _seat_anew(hand)
    before = _records(hand, place)
    finish_leftovers(hand)
    assert (before, _records(hand, place)) == ((2, 1) if is_admitted else (1, 1))


def _records(hand: Hand, place: str | None) -> int:
    """Return how many records Zoe has in a meeting."""
    found = hand.sandbox.state()["participants"]
    return sum((it["meeting_id"], it["custom_participant_id"]) == (place, ID) for it in found)


def _seat_anew(hand: Hand) -> None:
    """Seat Zoe in the prepared room, and let her be admitted there."""
    with hand.deps.database.reading() as session:
        (room,) = breakouts.breakout(session, hand.breakout_id).rooms
    moving.move_person(hand.deps, hand.breakout_id, ID, room.id)
    hand.work(Room)


def test_erasing_leaves_no_name_anywhere(fresh: Built) -> None:
    hand, zoe = _open(fresh, YARA, YARAS_NAME)
    answer = {
        "id": "x",
        "meeting_id": hand.meeting_id,
        "rooms": [{"participants": [{"custom_participant_id": YARA, "name": YARAS_NAME}]}],
    }
    with hand.deps.database.transaction() as tx:
        kept = IdempotencyKey(id="kept", body_hash="x", created_at=tx.now(), status=201, about=hand.breakout_id)
        kept.answer = json.dumps(answer)
        tx.session.add(kept)
    hand.deliver(webhook("Left", peer_of(hand, zoe)))
    remove(hand, YARA, erase=True)
    finish_leftovers(hand)
    assert not places_of(["yaraline", "yilmazer"], dump(hand.deps.database))
    with hand.deps.database.reading() as session:
        log = event_log.after(session, hand.breakout_id, 0, 1000)
    stands_for = {str(event.data.get("custom_participant_id")) for event in log} - {"ana", "bo", "cy", "None"}
    assert len(stands_for) == 1
    assert stands_for.pop().startswith("erased-")


def test_erasing_goes_on_after_the_death_of_a_process(fresh: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    hand, _ = _open(fresh, XENIA, XENIAS_NAME)
    with monkeypatch.context() as patched:
        patched.setattr("orchestrator.services.meetings.erasing.finish", lambda *_: None)
        remove(hand, XENIA, erase=True)
    assert XENIAS_NAME not in dump(hand.deps.database)
    finish_leftovers(hand)
    assert XENIA not in dump(hand.deps.database)


def _open(fresh: Built, who: str = ID, name: str = NAME) -> tuple[Hand, Browser]:
    """Open a breakout with Zoe, or somebody else, in a room."""
    hand = Hand(*fresh, ["ana", "bo", "cy"], rooms=2, start="manual")
    registering.register(hand.deps, hand.meeting_id, [PersonRequest(custom_participant_id=who, name=name)])
    operations.start(hand.deps, hand.breakout_id)
    with hand.deps.database.reading() as session:
        room = breakouts.breakout(session, hand.breakout_id).rooms[0].id
    moving.move_person(hand.deps, hand.breakout_id, who, room)
    hand.work(Breakout, Room, Breakout, Meeting)
    zoe = Browser(hand, who)
    zoe.follow()
    assert zoe.room is not None
    return hand, zoe


def remove(hand: Hand, name: str = ID, *, erase: bool = False) -> None:
    removing.remove(hand.deps, hand.meeting_id, name, erase=erase)


def finish_leftovers(hand: Hand) -> None:
    """Let the time pass in which a call may be on its way, and remove what is left."""
    hand.work(Leftover)
    with hand.deps.database.transaction() as tx:
        mine = update(Leftover).where(col(Leftover.meeting_id) == hand.meeting_id)
        tx.session.execute(mine.values(until=tx.now(), due_at=tx.now()))
    hand.work(Leftover)
    with hand.deps.database.reading() as session:
        assert session.scalars(select(Leftover).where(col(Leftover.meeting_id) == hand.meeting_id)).all() == []


def people(hand: Hand) -> list[str]:
    with hand.deps.database.reading() as session:
        found = meetings.participants(session, hand.meeting_id, Asked(200, None, newest_first=False))
    return [person.custom_participant_id for person in found.items]


def moves(hand: Hand) -> list[tuple[str, str]]:
    """Return from where to where Zoe's seat has moved, by the log."""
    with hand.deps.database.reading() as session:
        log = event_log.after(session, hand.breakout_id, 0, 1000)
    mine = (event.data for event in log if event.data.get("custom_participant_id") == ID and "from" in event.data)
    return [(data["from"], data["to"]) for data in mine]


def peer_of(hand: Hand, browser: Browser) -> JSON:
    """Return RealtimeKit's connection of a browser."""
    return next(peer for peer in hand.sandbox.state()["peers"] if peer["peer_id"] == browser.peer_id)
