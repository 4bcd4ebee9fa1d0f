"""A recording that a host starts by hand in a room is told of like ours, and ends with its room."""

from collections.abc import Callable

import pytest

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.views import breakouts as views
from orchestrator.services.views import event_log
from orchestrator.services.views.pages import Asked
from schemas.states import BreakoutState, RecordingAction, RecordingState
from schemas.tables import Breakout, Recording, Room
from tests.services.hand import Hand
from tests.services.test_steered_recordings import come, latest, look, made, say, shown, states, there
from tests.support.sandbox_server import JSON, SandboxServer

A, R = RecordingAction, RecordingState


@pytest.fixture
def hand(fresh: tuple[Deps, SandboxServer]) -> Hand:
    """Put Ana into a room that is not to be recorded."""
    hand = made(fresh, record=False)
    come(hand, "ana")
    return hand


@pytest.fixture(params=["webhook", "poll"])
def heard(request: pytest.FixtureRequest) -> Callable[[Hand], None]:
    """Return what lets us hear of the recordings at RealtimeKit: a webhook, or a poll while none come."""
    return tell if request.param == "webhook" else look


def by_host(hand: Hand, action: str = "start") -> None:
    """Do what a host does by hand in the room."""
    (meeting_id,) = hand.places()
    hand.sandbox.record(meeting_id or "", action)


def update(hand: Hand, **fields: str) -> JSON:
    """Return RealtimeKit's webhook about the latest recording, as it stands."""
    it = hand.sandbox.state()["recordings"][-1]
    times = {"startedTime": it["started_time"], "stoppedTime": it["stopped_time"]}
    recording = {"id": it["id"], "status": it["status"], "meetingId": it["meeting_id"], **times, **fields}
    return {"event": "recording.statusUpdate", "recording": recording, "meeting": {"id": it["meeting_id"]}}


def tell(hand: Hand, *events: JSON) -> None:
    hand.deliver(*(events or [update(hand)]))
    hand.apply()
    hand.work(Recording, Room)


def close(hand: Hand) -> None:
    """Close the breakout. Ana goes home by herself."""
    operations.close(hand.deps, hand.breakout_id, 0)
    (room,) = hand.places()
    for peer in hand.sandbox.state()["peers"]:
        if peer["meeting_id"] == room:
            hand.sandbox.leave(peer["peer_id"])
    hand.sandbox.join(hand.main_token("ana"))
    hand.poll()
    hand.pass_grace()
    hand.work(Breakout)


def moves(hand: Hand) -> list[tuple[str, str, str]]:
    with hand.deps.database.reading() as session:
        log = event_log.after(session, hand.breakout_id, 0, 1000)
    return [(it.actor, it.data["from"], it.data["to"]) for it in log if it.type == "recording.state"]


def test_it_is_shown_while_it_runs_and_kept(hand: Hand, heard: Callable[[Hand], None]) -> None:
    before = shown(hand)
    by_host(hand)
    heard(hand)
    assert (states(hand), there(hand)) == ([R.RECORDING], ["RECORDING"])
    assert shown(hand) == (before[0] + 1, True)
    heard(hand)
    assert (states(hand), shown(hand)) == ([R.RECORDING], (before[0] + 1, True)), "a repetition changes nothing"
    by_host(hand, "stop")
    heard(hand)
    assert states(hand)[0] in (R.STOPPED, R.UPLOADED)
    assert shown(hand) == (before[0] + 2, False)
    look(hand)
    look(hand)
    found = latest(hand)
    assert found
    assert (found.state, bool(found.file_name), bool(found.download_url)) == (R.UPLOADED, True, True)
    steps = [("requested", "recording"), ("recording", "stopped"), ("stopped", "uploaded")]
    assert moves(hand) == [("realtimekit", *step) for step in steps]
    come(hand, "bo")
    assert (len(states(hand)), hand.problems()) == (1, []), "no other follows"


def test_the_breakout_closes_when_it_has_ended(hand: Hand, heard: Callable[[Hand], None]) -> None:
    by_host(hand)
    heard(hand)
    close(hand)
    assert (there(hand)[0] in ("UPLOADING", "UPLOADED"), states(hand)[0] in (R.STOPPED, R.UPLOADED)) == (True, True)
    with hand.deps.database.reading() as session:
        assert session.get_one(Breakout, hand.breakout_id).state is BreakoutState.CLOSED


@pytest.mark.parametrize("status", ["RECORDING", "UPLOADING", "UPLOADED", "ERRORED"])
def test_one_that_is_heard_of_after_the_end_has_a_row_too(hand: Hand, status: str) -> None:
    by_host(hand)
    late = update(hand, status=status)
    close(hand)
    assert states(hand) == []
    tell(hand, late)
    assert states(hand)[0] in (R.STOPPED, R.UPLOADED, R.FAILED)
    with hand.deps.database.reading() as session:
        (item,) = views.recordings(session, hand.breakout_id, Asked(10)).items
    assert item.realtimekit_recording_id == late["recording"]["id"]


def test_an_operator_steers_it_as_one_of_ours(hand: Hand, heard: Callable[[Hand], None]) -> None:
    assert say(hand, A.STOP) == "none"
    by_host(hand)
    heard(hand)
    for action, status in ((A.PAUSE, "PAUSED"), (A.RESUME, "RECORDING"), (A.STOP, "UPLOAD")):
        assert say(hand, action) is None
        assert there(hand)[0].startswith(status)
    assert states(hand)[0] in (R.STOPPED, R.UPLOADED)
    assert shown(hand)[1] is False
    assert say(hand, A.STOP) in (R.STOPPED, R.UPLOADED)


def test_a_start_makes_it_the_operators(hand: Hand, heard: Callable[[Hand], None]) -> None:
    by_host(hand)
    heard(hand)
    assert say(hand, A.START) is None
    assert (say(hand, A.START), there(hand)) == (R.RECORDING, ["RECORDING"])
    by_host(hand, "fail")
    look(hand)
    look(hand)
    assert (states(hand), shown(hand)[1]) == ([R.FAILED, R.RECORDING], True), "another follows, as with record"


def test_an_operators_stop_does_not_end_what_a_host_starts_later(
    fresh: tuple[Deps, SandboxServer],
) -> None:
    hand = made(fresh, record=True)
    come(hand, "ana")
    assert say(hand, A.STOP) is None
    by_host(hand)
    tell(hand)
    assert (states(hand)[-1], there(hand)[-1], shown(hand)[1]) == (R.RECORDING, "RECORDING", True)
    by_host(hand, "stop")
    tell(hand)
    come(hand, "bo")
    look(hand)
    assert (len(states(hand)), shown(hand)[1]) == (2, False), "the stop holds still"


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", ["in order", "in the other order"])
def test_of_two_recordings_of_hosts_the_second_is_shown_and_ended_whatever_comes_when(
    hand: Hand, order: str, *, together: bool
) -> None:
    by_host(hand)
    begun = update(hand)
    by_host(hand, "stop")
    first_over = [update(hand, status=status) for status in ("UPLOADING", "UPLOADED")]
    by_host(hand)
    second = [update(hand)]
    events = [*first_over[:1], *second, *first_over[1:]] if order == "in order" else [*second, *first_over]
    for event in [begun, *events]:
        hand.deliver(event)
        if not together:
            hand.apply()
    hand.apply()
    assert (states(hand), shown(hand)[1]) == ([R.UPLOADED, R.RECORDING], True)
    close(hand)
    assert states(hand)[1] in (R.STOPPED, R.UPLOADED)
    assert [status in ("UPLOADING", "UPLOADED") for status in there(hand)] == [True, True]
    with hand.deps.database.reading() as session:
        assert session.get_one(Breakout, hand.breakout_id).state is BreakoutState.CLOSED


def test_an_end_that_nobody_told_of_is_asked_for_when_another_begins(hand: Hand) -> None:
    by_host(hand)
    tell(hand)
    by_host(hand, "stop")
    by_host(hand)
    tell(hand)
    assert states(hand)[0] in (R.STOPPED, R.UPLOADED)
    assert (states(hand)[1], shown(hand)[1]) == (R.RECORDING, True)


def test_one_in_the_main_meeting_is_not_ours(hand: Hand) -> None:
    hand.sandbox.join(hand.main_token("bo"))
    hand.sandbox.record(hand.parent(), "start")
    tell(hand)
    look(hand)
    assert (states(hand), shown(hand)[1]) == ([], False)
