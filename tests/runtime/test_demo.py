"""The demo ends well, and reports it if it does not."""

import io
import re
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from orchestrator.cli.demo.outcome import failings
from orchestrator.cli.demo.story import NAMES
from orchestrator.cli.show.ending import report
from orchestrator.cli.show.picture import Picture
from orchestrator.cli.show.words import seconds_left, time_left
from schemas.responses import BreakoutResponse, MeetingResponse, RoomPresets
from tests.runtime.test_up import START_SECONDS, children
from tests.support.processes import Processes, lives
from tests.support.waiting import wait_until

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PARENT = "parent"


def rooms() -> list[dict[str, Any]]:
    """Return four rooms with returned people and uploaded recordings."""
    return [
        {
            "id": f"room-{index}",
            "index": index,
            "name": f"Room {index + 1}",
            "state": "closed",
            "max_participants": None,
            "deleted": False,
            "facilitators": [],
            "realtimekit_meeting_id": f"child-{index}",
            "closes_at": None,
            "paused": False,
            "remaining_seconds": None,
            "participants": [
                {"custom_participant_id": name.lower(), "name": name, "state": "returned", "pinned": False}
                for name in NAMES[index::4]
            ],
            "recording": {
                "id": f"recording-{index}",
                "realtimekit_recording_id": "x",
                "state": "uploaded",
                "started_at": NOW,
                "stopped_at": NOW + timedelta(seconds=25),
                "download_url": "http://example.com/video",
                "error": None,
            },
            "error": None,
        }
        for index in range(4)
    ]


ASSIGNMENT = {
    "mode": "even",
    "seed": 1,
    "who": "registered",
    "include_hosts": False,
    "deal": "now",
    "together": [],
    "apart": [],
    "balance_by": [],
}


def breakout(**changes: Any) -> BreakoutResponse:
    """Return the demo's breakout after a good end, with some changes."""
    return BreakoutResponse.model_validate(
        {
            "id": "b",
            "meeting_id": "m",
            "name": "Round 1",
            "state": "closed",
            "seed": 1,
            "series_id": None,
            "round": None,
            "plan": {"state": "ready", "spread": 1, "unbalanced": {}, "optimal": None},
            "assignment": ASSIGNMENT,
            "room_presets": {"host": None, "participant": None},
            "room_size": None,
            "duration_seconds": 20,
            "countdown_seconds": 5,
            "warn_before_seconds": [],
            "record": True,
            "recording": {"max_seconds": None, "file_name_prefix": None},
            "late_join": "least_filled",
            "on_room_failure": "redistribute",
            "allow_switch": False,
            "allow_return": True,
            "scheduled_for": None,
            "starts_at": None,
            "opened_at": NOW,
            "closes_at": NOW + timedelta(seconds=20),
            "empties_at": None,
            "paused": False,
            "remaining_seconds": None,
            "closed_at": NOW + timedelta(seconds=26),
            "close_reason": "timer",
            "created_at": NOW,
            "version": 1,
            "progress": {"rooms": {}, "participants": {}, "recordings": {}},
            "problems": [],
            "rooms": rooms(),
            "unassigned": [],
        }
        | changes
    )


def meeting() -> MeetingResponse:
    return MeetingResponse(
        id="m",
        realtimekit_meeting_id=PARENT,
        title="Town hall",
        host_preset="h",
        participant_preset="p",
        room_presets=RoomPresets(host=None, participant=None),
        version=1,
        ends_at=None,
        created_at=NOW,
        participant_count=18,
        present_count=18,
        unregistered_present=[],
    )


def other_side(*, away: str = "", left_open: str = "", surplus: str = "") -> dict[str, Any]:
    """Return RealtimeKit's state after a good end, with some changes."""
    meetings = {PARENT: "ACTIVE"} | {f"child-{index}": "INACTIVE" for index in range(4)}
    meetings |= {left_open: "ACTIVE"} if left_open else {}
    meetings |= {surplus: "ACTIVE"} if surplus else {}
    return {
        "meetings": [{"id": key, "status": status} for key, status in meetings.items()],
        "peers": [
            {"custom_participant_id": name.lower(), "meeting_id": PARENT, "left_at": NOW if name == away else None}
            for name in NAMES
        ],
    }


def spoiled(room: int, path: tuple[str, ...], value: Any) -> BreakoutResponse:
    """Return a good end with one value of one room changed."""
    whole = breakout().model_dump(mode="json")
    place: Any = whole["rooms"][room]
    for key in path[:-1]:
        place = place[int(key)] if key.isdigit() else place[key]
    place[path[-1]] = value
    return BreakoutResponse.model_validate(whole)


def test_nothing_is_missing_when_all_is_well() -> None:
    assert failings(breakout(), meeting(), other_side()) == []


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (breakout(state="closing"), "the breakout is closing"),
        (spoiled(1, ("participants", "0", "state"), "lost"), r"Alan \(Room 2\) is lost"),
        (spoiled(2, ("recording", "state"), "failed"), "Room 3 has no uploaded recording"),
        (spoiled(2, ("recording",), None), "Room 3 has no uploaded recording"),
        (spoiled(3, ("participants",), []), "nobody gave a seat to"),
        (spoiled(0, ("state",), "failed"), "Room 1 is failed"),
    ],
)
def test_whatever_is_not_accounted_for_on_our_side_is_named(ended: BreakoutResponse, said: str) -> None:
    assert re.search(said, "\n".join(failings(ended, meeting(), other_side())))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (other_side(away="Grace"), "not in the main meeting: grace"),
        (other_side(left_open="child-2"), "the meeting of Room 3 was not retired"),
        (other_side(surplus="twin"), "1 meetings too many"),
    ],
)
def test_whatever_is_not_accounted_for_at_realtimekit_is_named(state: dict[str, Any], said: str) -> None:
    assert said in "\n".join(failings(breakout(), meeting(), state))


def test_the_picture_shows_rooms_people_recordings_and_the_time_left() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    open_one = breakout(state="open", closed_at=None)
    console.print(Picture(open_one, NOW + timedelta(seconds=8), in_main=3))
    shown = console.export_text()
    assert all(name in shown for name in NAMES)
    assert "Room 4" in shown
    assert "uploaded" in shown
    assert "12 s left" in shown
    assert "3 in main" in shown


def test_there_is_no_time_left_to_show_unless_a_timer_runs() -> None:
    assert seconds_left(breakout(state="closing"), NOW) is None
    assert seconds_left(breakout(state="open", closes_at=None), NOW) is None
    assert seconds_left(breakout(state="open"), NOW + timedelta(seconds=99)) == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"state": "scheduled", "starts_at": NOW + timedelta(hours=1)}, "opens in 1:00:00"),
        ({"state": "opening"}, "opening the rooms"),
        ({"state": "open", "closes_at": NOW + timedelta(seconds=725)}, "12:05 left"),
        ({"state": "open", "closes_at": None}, "no timer"),
        ({"state": "open", "closes_at": None, "paused": True, "remaining_seconds": 90}, "1:30 left, paused"),
        ({"state": "closing", "empties_at": NOW + timedelta(seconds=7)}, "called back to main in 7 s"),
        ({"state": "closed"}, ""),
    ],
)
def test_it_is_said_what_is_waited_for_and_how_long(changes: dict[str, Any], said: str) -> None:
    assert time_left(breakout(**changes), NOW).endswith(said)


def test_a_crowded_picture_leaves_out_rooms_but_none_that_failed() -> None:
    many = [{**rooms()[0], "id": str(index), "name": f"Room {index + 1}"} for index in range(200)]
    many[150]["state"] = "failed"
    console = Console(width=120, height=30, record=True, file=io.StringIO())
    console.print(Picture(breakout(rooms=many), NOW), height=30)
    shown = console.export_text()
    assert "Room 151" in shown
    assert "more rooms" in shown
    assert len(shown.splitlines()) <= 30


@pytest.mark.long
def test_the_demo_brings_everyone_home_and_when_kept_stays_up_until_ctrl_c(
    cold_processes: Processes, tmp_path: Path
) -> None:
    arguments = ("--keep", "--seconds", "10", "--countdown", "1")
    demo = cold_processes.breakouts("demo", *arguments, env={"TMPDIR": str(tmp_path)})
    demo.wait_for_text("Still up", 110)
    assert "all 18 people are home" in demo.output
    for name in ("Console", "API docs", "Flower"):
        address = re.search(rf"{name} +(http://\S+)", demo.output)
        assert address
        assert httpx.get(address[1]).is_success
    started = children(demo)
    demo.send(signal.SIGINT)
    assert demo.wait() == 0, demo.output
    assert not any(lives(pid) for pid in started)
    assert not list(tmp_path.glob("breakouts-demo-*"))


def test_a_demo_that_is_interrupted_says_so_by_its_exit_code(cold_processes: Processes, tmp_path: Path) -> None:
    demo = cold_processes.breakouts("demo", env={"TMPDIR": str(tmp_path)})
    wait_until(lambda: children(demo), START_SECONDS, what="the stack's first process")
    started = children(demo)
    demo.send(signal.SIGTERM)
    assert demo.wait() == 130, demo.output
    assert not any(lives(pid) for pid in started)
    assert not list(tmp_path.glob("breakouts-demo-*"))


SECOND = timedelta(seconds=1)
EARLY = {"close_reason": "api", "closes_at": NOW + 8 * SECOND, "empties_at": NOW + 10 * SECOND}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "open for 20 s (timer); everything done 26.0 s after opening"),
        (EARLY, "open for 8 s (on request, 12 s earlier than planned); 2 s of countdown; everything done"),
        ({"closes_at": NOW + 80 * SECOND}, "open for 1:20 (timer, 1:00 later than planned); everything done"),
        ({"duration_seconds": None} | EARLY, "open for 8 s (on request); 2 s of countdown"),
        ({"starts_at": NOW + timedelta(milliseconds=3)}, "opened in 0.0 s; open for 20 s"),
        ({"state": "open", "closed_at": None}, "closes 20 s after opening\n"),
        ({"state": "open", "closed_at": None, "paused": True, "remaining_seconds": 7}, "paused with 7 s left\n"),
        ({"opened_at": None}, ": closed"),
    ],
)
def test_a_report_tells_what_happened_and_not_what_was_planned(changes: dict[str, Any], words: str) -> None:
    said = io.StringIO()
    Console(file=said, width=200).print(report(breakout(**changes)))
    assert words in said.getvalue()
