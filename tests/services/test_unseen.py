"""People who are in a room without our knowing come home like others, with the same time for it."""

from pathlib import Path
from threading import Thread

from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from schemas.states import SeatState
from schemas.tables import Room
from tests.api.conftest import parts
from tests.services.hand import Hand, webhook
from tests.support.sandbox_server import JSON, SandboxServer
from tests.support.waiting import wait_until

INACTIVE = "update_meeting_by_id"


def test_a_person_whom_no_poll_has_shown_is_not_put_out_before_the_others(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    hand.sandbox.join(hand.tokens()["ana"])
    _close(hand)
    assert _there(hand) == ["ana"]
    hand.pass_grace()
    assert _there(hand) == []


def test_a_person_whose_webhook_was_lost_is_put_out_when_the_rooms_close(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana", "bo"], rooms=1)
    hand.sandbox.join(hand.tokens()["ana"])
    hand.sandbox.join(hand.tokens()["bo"])
    _tell(hand, "Joined", "bo")
    _close(hand)
    hand.pass_grace()
    assert _there(hand) == []


def test_a_person_who_comes_while_the_room_is_being_closed_is_put_out(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana"], rooms=1)
    hand.sandbox.join(hand.tokens()["ana"])
    _tell(hand, "Joined", "ana")
    hand.sandbox.leave(_peers(hand)[0]["peer_id"])
    _tell(hand, "Left", "ana")
    hand.sandbox.join(hand.tokens()["ana"])
    hand.sandbox.latency(**{INACTIVE: 1000})
    operations.close(hand.deps, hand.breakout_id, 0)
    closing = Thread(target=hand.work, args=(Room,))
    closing.start()
    wait_until(lambda: any(it["status"] == "INACTIVE" for it in hand.sandbox.state()["meetings"]))
    _tell(hand, "Joined", "ana")
    closing.join()
    assert _there(hand) == ["ana"]
    hand.work(Room)
    assert _there(hand) == []


def test_people_are_seen_coming_home_although_the_quota_is_almost_spent(
    sqlite_url: str, broker_url: str, tmp_path: Path
) -> None:
    urls = {"database_url": sqlite_url, "broker_url": broker_url}
    quota = {"realtimekit_requests_per_5_minutes": 100}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, **urls, **quota) as deps:
        hand = Hand(deps, sandbox, ["ana"], rooms=1)
        hand.sandbox.join(hand.tokens()["ana"])
        _tell(hand, "Joined", "ana")
        while sum(sandbox.calls()["counts"].values()) < 75:
            deps.realtimekit.run(deps.realtimekit.preset_names(priority=Priority.MOVING))
        operations.close(deps, hand.breakout_id, 0)
        hand.sandbox.leave(_peers(hand)[0]["peer_id"])
        _tell(hand, "Left", "ana")
        hand.sandbox.join(hand.main_token("ana"))
        hand.poll()
        assert hand.seats() == {"ana": SeatState.RETURNED}


def _close(hand: Hand) -> None:
    operations.close(hand.deps, hand.breakout_id, 0)
    hand.work(Room)


def _peers(hand: Hand) -> list[JSON]:
    return [peer for peer in hand.sandbox.state()["peers"] if peer["meeting_id"] in hand.places()]


def _tell(hand: Hand, what: str, name: str) -> None:
    """Deliver and apply a webhook about a person's last connection in their room."""
    last = [peer for peer in _peers(hand) if peer["custom_participant_id"] == name][-1]
    hand.deliver(webhook(what, last))
    hand.apply()


def _there(hand: Hand) -> list[str]:
    (room,) = hand.places()
    return hand.sandbox.present(str(room))
