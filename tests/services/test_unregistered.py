"""People whom the caller's own backend has added at RealtimeKit are found, imported, and then treated like anybody."""

from orchestrator.services.deps import Deps
from orchestrator.services.views import meetings
from orchestrator.services.views.pages import Asked
from orchestrator.store import due
from orchestrator.store.queries import participant
from schemas.responses import ParticipantResponse
from schemas.states import Location, Role
from schemas.tables import Meeting
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import SandboxServer

HOST, PARTICIPANT = "group_call_host", "group_call_participant"


def test_who_joins_without_being_registered_is_imported_and_seated(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=2)
    for name, preset in (("eve", PARTICIPANT), ("fay", HOST)):
        _come(hand, name, preset)
    _admit(hand, "never seen", PARTICIPANT)
    hand.apply()
    hand.work(Meeting)
    people = _people(hand)
    assert {name: it.role for name, it in people.items() if name in ("eve", "fay")} == {
        "eve": Role.PARTICIPANT,
        "fay": Role.HOST,
    }
    assert (people["eve"].name, people["eve"].location) == ("Eve", Location.MAIN)
    assert "never seen" not in people
    assert set(hand.seats()) == {"ana", "bo", "eve"}
    assert _stored_record(hand, "eve") == _records(hand)["eve"]


def test_a_name_that_no_database_takes_holds_nobody_up(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    _come(hand, "eve", PARTICIPANT, name="E\x00ve")
    _come(hand, "fay", PARTICIPANT)
    hand.apply()
    hand.work(Meeting)
    assert [_people(hand)[name].name for name in ("eve", "fay")] == ["E\ufffdve", "Fay"]


def test_who_is_shown_by_a_poll_is_imported_too(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    hand.sandbox.join(_admit(hand, "eve", PARTICIPANT))
    hand.poll()
    hand.work(Meeting)
    assert (_people(hand)["eve"].location, set(hand.seats())) == (Location.MAIN, {"ana", "eve"})


def test_a_recorder_is_nobody_and_is_asked_about_once(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    hand.sandbox.join(hand.main_token("ana"))
    bot = {"peer_id": "bot", "custom_participant_id": "recorder-1", "joined_at": "2026-01-01T10:00:00Z"}
    hand.deliver(webhook("Joined", bot | {"meeting_id": hand.parent(), "session_id": "s"}))
    hand.apply()
    hand.sandbox.forget_calls()
    hand.work(Meeting, Meeting)
    assert hand.sandbox.calls()["counts"]["get_meeting_participants"] == 1
    assert list(_people(hand)) == ["ana"]
    assert _unregistered(hand) == []


def test_who_has_no_id_of_their_own_is_shown_while_they_are_there(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    token = _admit(hand, "guest", PARTICIPANT)
    record = _records(hand)["guest"]
    hand.sandbox.make_anonymous(record)
    for _ in range(2):
        hand.sandbox.join(token)
    peers = [peer for peer in hand.sandbox.state()["peers"] if peer["meeting_id"] == hand.parent()]
    hand.deliver(*(webhook("Joined", peer) for peer in peers))
    hand.apply()
    hand.work(Meeting)
    assert _unregistered(hand) == [(record, "Guest")]
    for peer in peers:
        hand.sandbox.leave(peer["peer_id"])
        assert _unregistered(hand) == [(record, "Guest")]
        hand.deliver(webhook("Left", peer | {"left_at": "2031-01-01T10:00:00Z"}))
        hand.apply()
    assert _unregistered(hand) == []
    assert list(_people(hand)) == ["ana"]


def test_late_news_that_an_earlier_session_ended_hides_nobody(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    token = _admit(hand, "guest", PARTICIPANT)
    record = _records(hand)["guest"]
    hand.sandbox.make_anonymous(record)
    hand.sandbox.join(token)
    hand.deliver(webhook("Joined", hand.sandbox.state()["peers"][-1]))
    hand.apply()
    hand.work(Meeting)
    shown = []
    for year in ("2001", "2101"):
        meeting = {"id": hand.parent(), "endedAt": f"{year}-01-01T10:00:00Z"}
        hand.deliver({"event": "meeting.ended", "meeting": meeting, "reason": "ALL_PARTICIPANTS_LEFT"})
        hand.apply()
        shown.append(_unregistered(hand))
    assert shown == [[(record, "Guest")], []]


def test_an_id_that_is_too_long_for_us_does_not_hold_up_an_import(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    for who in ("x" * 201, "eve"):
        _admit(hand, who, PARTICIPANT)
    with hand.deps.database.transaction() as tx:
        tx.session.get_one(Meeting, hand.meeting_id).to_import = True
        due.want(tx, Meeting, [hand.meeting_id])
    hand.work(Meeting)
    assert set(_people(hand)) == {"ana", "eve"}


def test_who_has_left_before_they_are_found_is_imported_as_away(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    _admit(hand, "eve", PARTICIPANT)
    peer = {"peer_id": "p", "custom_participant_id": "eve", "meeting_id": hand.parent(), "session_id": "s"}
    times = {"joined_at": "2026-01-01T10:00:00Z", "left_at": "2026-01-01T10:05:00Z"}
    for what in ("Left", "Joined"):
        hand.deliver(webhook(what, peer | times))
        hand.apply()
    hand.work(Meeting)
    assert _people(hand)["eve"].location is Location.AWAY


def test_a_crowd_of_unknown_people_costs_as_many_calls_as_a_few(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    for number in range(60):
        _come(hand, f"p{number}", PARTICIPANT)
    hand.sandbox.forget_calls()
    hand.apply()
    hand.work(Meeting)
    assert len(hand.seats()) == 61
    counts = hand.sandbox.calls()["counts"]
    asked = {name: counts.get(name, 0) for name in ("get_meeting_participants", "get_presets", "get_preset_by_id")}
    assert all(number == 1 for number in asked.values()), counts


def _admit(hand: Hand, who: str, preset: str, name: str = "") -> str:
    """Admit somebody to the main meeting as the caller's own backend does, and return their token."""
    kit = hand.deps.realtimekit
    adding = kit.add_participant(
        hand.parent(), custom_participant_id=who, name=name or who.capitalize(), preset_name=preset
    )
    return str(kit.run(adding).token)


def _come(hand: Hand, who: str, preset: str, name: str = "") -> None:
    hand.sandbox.join(_admit(hand, who, preset, name))
    hand.deliver(webhook("Joined", hand.sandbox.state()["peers"][-1]))


def _people(hand: Hand) -> dict[str, ParticipantResponse]:
    with hand.deps.database.reading() as session:
        found = meetings.participants(session, hand.meeting_id, Asked(200)).items
    return {person.custom_participant_id: person for person in found}


def _records(hand: Hand) -> dict[str, str]:
    """Return the ids of everybody's record in the main meeting, as RealtimeKit has them."""
    found = hand.sandbox.state()["participants"]
    return {one["custom_participant_id"]: one["id"] for one in found if one["meeting_id"] == hand.parent()}


def _stored_record(hand: Hand, name: str) -> str | None:
    with hand.deps.database.reading() as session:
        return participant(session, hand.meeting_id, name).realtimekit_participant_id


def _unregistered(hand: Hand) -> list[tuple[str, str]]:
    with hand.deps.database.reading() as session:
        found = meetings.meeting(session, hand.meeting_id).unregistered_present
    return [(person.realtimekit_participant_id, person.name) for person in found]
