"""One recorded breakout from its opening to its end: six real pages among thirty simulated people."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from tests.browser.tab import JSON, Tab, main_of
from tests.support.stack import Stack, person
from tests.support.waiting import wait_until

Media = dict[str, tuple[bool, bool]]
"""Of each person by name whether their microphone and their camera are on."""

PAGES = {
    "p0": (False, False),
    "p1": (True, True),
    "p2": (False, True),
    "p3": (True, False),
    "p4": (True, True),
    "p5": (False, True),
}
LATECOMER, AS_THEY_ARE = "p36", (True, False)
SIMULATED = [f"p{number}" for number in range(6, 36)]
ROOMS = {"Blue": ["p0", "p1"], "Green": ["p2", "p3"], "Red": ["p4", "p5"], "Grey": [], "Pink": [], "Teal": []}
OTHERS = """() => session.meeting.participants.joined.toArray().map(
    (it) => [it.customParticipantId, it.audioEnabled, it.videoEnabled])"""
RECORDING = "() => session.meeting.recording.recordingState"
CLOSES_AT = "() => session.seat.breakout?.closes_at"


class Lesson:
    """A class of people, of whom some are real pages, and the breakout that they go through."""

    breakout: str

    def __init__(self, stack: Stack, open_browser: Callable[[], Tab]) -> None:
        self.stack, self._open_browser = stack, open_browser
        self.meeting = stack.meeting(len(PAGES) + len(SIMULATED))
        self.main = main_of(stack, self.meeting)
        self.media: Media = dict.fromkeys(SIMULATED, (False, False))
        self.tabs: dict[str, Tab] = {}
        self.cameras: dict[str, Any] = {}

    def enter(self, name: str, audio: bool, video: bool) -> Tab:
        """Open the page of a person, who joins main; the id of their camera's track is noted."""
        tab = self._open_browser()
        tab.connect(self.stack.token(self.meeting, name), audio=audio, video=video)
        self.cameras[name] = tab.shows(lambda it: it["joined"] and (it["camera"] or not video))["camera"]
        self.tabs[name], self.media[name] = tab, (audio, video)
        return tab

    def open(self) -> JSON:
        """Open a recorded breakout, and wait until everybody is in their room."""
        rooms = [{"name": name, "participants": there} for name, there in ROOMS.items()]
        settings = {"duration_seconds": 3600, "countdown_seconds": 2, "warn_before_seconds": [2], "record": True}
        deal = {"mode": "even", "seed": 7}
        self.breakout = str(self.stack.breakout(self.meeting, rooms=rooms, assignment=deal, **settings)["id"])
        everybody = len(self.media)
        return self.stack.wait(
            self.breakout, "open", condition=lambda it: it["progress"]["participants"]["joined"] == everybody
        )

    def room(self, name: str) -> JSON:
        """Read a room of the breakout."""
        found: list[JSON] = self.stack.see(self.breakout)["rooms"]
        return next(room for room in found if room["name"] == name)

    def people(self, room: str) -> list[str]:
        """Return who is to be in a room now."""
        return [it["custom_participant_id"] for it in self.room(room)["participants"]]

    def check_rooms(self) -> None:
        """Wait until all rooms hold whom they should, as the server and every page see it."""
        for room in self.stack.see(self.breakout)["rooms"]:
            there = [it["custom_participant_id"] for it in room["participants"]]
            self.check(room["realtimekit_meeting_id"], there)
            for name in set(there) & self.tabs.keys():
                assert self.tabs[name].state["title"] == room["name"]
                says(self.tabs[name], RECORDING, "RECORDING")

    def check(self, meeting: str, people: list[str]) -> None:
        """Wait until just these people are in a meeting, and send what they sent when they came."""
        wanted = {name: self.media[name] for name in people}
        wait_until(lambda: _equal(self._server_sees(meeting), wanted), what="what the server sees")
        for name in wanted.keys() & self.tabs.keys():
            state = self.tabs[name].arrives(meeting)
            assert (state["audio"], state["video"]) == wanted[name]
            assert state["camera"] == self.cameras[name] or not state["video"], "the same track"
            self._check_view(name, {other: media for other, media in wanted.items() if other != name})

    def _check_view(self, name: str, others: Media) -> None:
        wait_until(lambda: _equal(self._page_sees(name), others), what=f"what {name} sees")

    def _server_sees(self, meeting: str) -> Media:
        peers = [it for it in self.stack.sandbox.state()["peers"] if it["meeting_id"] == meeting and not it["left_at"]]
        return {peer["custom_participant_id"]: (peer["audio"], peer["video"]) for peer in peers}

    def _page_sees(self, name: str) -> Media:
        return {other: (audio, video) for other, audio, video in self.tabs[name].page.evaluate(OTHERS)}


def _equal(found: Media, wanted: Media) -> bool:
    """Say what differs, where anything does."""
    differs = {name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)}
    assert not differs, {name: (found.get(name), wanted.get(name)) for name in differs}
    return True


def says(tab: Tab, expression: str, value: object) -> None:
    """Wait until something in a page has a value."""
    wait_until(lambda: tab.page.evaluate(expression) == value, what=f"{expression} is {value}")


def heard(lesson: Lesson, name: str, said: JSON | None = None) -> None:
    """Wait until every page has heard of an event, once."""
    for tab in lesson.tabs.values():
        says(tab, f"() => events.filter(([it]) => it === '{name}').length", 1)
        assert said is None or tab.events(name) == [said]


def move(lesson: Lesson, name: str, room: str) -> None:
    """Move somebody to another room by hand."""
    lesson.stack.move(lesson.breakout, name, lesson.room(room)["id"])
    assert name in lesson.people(room)


def extend(lesson: Lesson, seconds: int) -> None:
    """Give more time, which every page gets to know."""
    before = datetime.fromisoformat(lesson.stack.see(lesson.breakout)["closes_at"])
    after = lesson.stack.patch(f"/v1/breakouts/{lesson.breakout}", {"extend_seconds": seconds})["closes_at"]
    assert datetime.fromisoformat(after) == before + timedelta(seconds=seconds)
    for tab in lesson.tabs.values():
        says(tab, CLOSES_AT, after)


def come_late(lesson: Lesson) -> None:
    """Let somebody come who was not registered at the opening; they get the room with the fewest people.

    Until the server knows who has arrived where, another room may seem to have fewer.
    """
    everybody = len(lesson.media)
    lesson.stack.wait(
        lesson.breakout, "open", condition=lambda it: it["progress"]["participants"]["joined"] == everybody
    )
    lesson.stack.post(f"/v1/meetings/{lesson.meeting}/participants", {"participants": [person(LATECOMER)]})
    lesson.enter(LATECOMER, *AS_THEY_ARE)
    lesson.tabs[LATECOMER].shows(lambda it: it["joined"] and it["title"] == "Red")


def end(lesson: Lesson) -> None:
    """Let the timer close the breakout; everybody comes home, and every room's recording is there."""
    lesson.stack.end_soon(lesson.breakout, 4)
    for event in ("warning", "closing", "closed"):
        heard(lesson, event)
    lesson.check(lesson.main, list(lesson.media))
    closed = lesson.stack.wait(
        lesson.breakout, "closed", condition=lambda it: it["progress"]["recordings"]["uploaded"] == len(ROOMS)
    )
    people = closed["progress"]["participants"]
    assert (closed["close_reason"], people["returned"], people["lost"]) == ("timer", len(lesson.media), 0)
    assert not closed["problems"]


def test_a_whole_recorded_breakout(stack: Stack, open_browser: Callable[[], Tab]) -> None:
    lesson = Lesson(stack, open_browser)
    stack.people(lesson.meeting, SIMULATED)
    for name, on in PAGES.items():
        lesson.enter(name, *on)
    lesson.check(lesson.main, list(lesson.media))

    opened = lesson.open()
    assert [len(room["participants"]) for room in opened["rooms"]] == [6] * len(ROOMS)
    lesson.check_rooms()

    simulated = next(name for name in lesson.people("Red") if name not in lesson.tabs)
    move(lesson, "p0", "Green")
    move(lesson, simulated, "Blue")
    lesson.check_rooms()

    come_late(lesson)
    lesson.check_rooms()

    stack.post(f"/v1/breakouts/{lesson.breakout}/broadcast", {"text": "Five minutes more"})
    heard(lesson, "broadcast", {"text": "Five minutes more"})
    assert stack.crowds.notices(simulated).broadcasts == [{"text": "Five minutes more"}]
    extend(lesson, 300)

    end(lesson)
    for name, tab in lesson.tabs.items():
        moves = [tab.names().count(event) for event in ("changingMeeting", "meetingChanged")]
        assert moves == [3, 3] if name == "p0" else moves in ([2, 2], [1, 1] if name == LATECOMER else [])
        assert not tab.strangers()
        assert not tab.ours()
        assert not tab.events("error")
    assert not stack.crowds.wrongly_kicked()
