"""Whatever a host does to an open breakout, and whoever comes and goes: everybody is in one place, and gets home.

Actions come at random through the API. What is due is done by hand, so that nothing happens at the same time; what may
happen at the same time is the simulation's (tests/simulation).
"""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from orchestrator.services.deps import Deps
from orchestrator.services.people import seats
from schemas.tables import Breakout, Leftover, Meeting, Recording, Room
from tests.api.server import Api, bearer
from tests.services.browser import Browser, pass_deadlines
from tests.services.hand import Hand
from tests.support.invariants import log
from tests.support.sandbox_server import JSON, SandboxServer

BREAKOUTS, STEPS = 40, 20
MOST_PEOPLE = 10
PEOPLE, HOST, ROOMS = ["ana", "bo", "cy", "di", "ed", "flo"], "hal", 3
TAKEN = {200, 201, 202, 204, 409, 422}
"""Answers to an action that may be impossible as things stand."""
WAITING = {"open", "closing"}
DONE = {"closed", "failed"}

people, numbers = st.sampled_from([*PEOPLE, HOST]), st.integers(0, 5)


class Classroom(RuleBasedStateMachine):
    """One meeting with an open breakout, and everybody's browser."""

    parts: tuple[Deps, SandboxServer]
    api: Api

    def __init__(self) -> None:
        super().__init__()
        self.hand = Hand(
            *self.parts, PEOPLE, {"participants": _registered()}, rooms=ROOMS, record=True, duration_seconds=3600
        )
        self.path = f"/v1/breakouts/{self.hand.breakout_id}"
        self.browsers = {name: Browser(self.hand, name) for name in [*PEOPLE, HOST]}
        self.names = (f"Room {number}" for number in range(100, 1000))

    @property
    def breakout(self) -> JSON:
        """The breakout as the API shows it."""
        return self.api.get(self.path)

    def ask(self, method: str, path: str, body: JSON | None = None) -> httpx.Response:
        """Ask for a change of the breakout. It is taken, or refused for a reason."""
        answer = self.api.client.request(method, f"{self.path}{path}", json=body)
        assert answer.status_code in TAKEN, answer.text
        return answer

    def room(self, number: int) -> str:
        """Return the id of one of the rooms."""
        rooms = self.breakout["rooms"]
        return str(rooms[number % len(rooms)]["id"])

    @rule(name=people, number=st.none() | numbers)
    def move(self, name: str, number: int | None) -> None:
        """Move somebody."""
        self.ask("PUT", f"/participants/{name}/room", {"room_id": None if number is None else self.room(number)})

    @rule(name=people, number=st.none() | numbers)
    def choose(self, name: str, number: int | None) -> None:
        """Let somebody choose for themselves."""
        token = self.api.token({"id": self.hand.meeting_id}, name)
        body = {"room_id": None if number is None else self.room(number)}
        answer = self.api.stranger.put("/v1/seat/room", json=body, headers=bearer(token))
        assert answer.status_code in TAKEN | {403}, answer.text

    @rule(limit=st.none() | st.integers(1, 8))
    def add_room(self, limit: int | None) -> None:
        """Add a room."""
        self.ask("POST", "/rooms", {"name": next(self.names), "max_participants": limit})

    @rule(number=numbers)
    def delete_room(self, number: int) -> None:
        """Delete a room."""
        self.ask("DELETE", f"/rooms/{self.room(number)}")

    @rule(number=numbers, change=st.sampled_from(["name", "max_participants", "closes_at", "paused", "extend"]))
    def change_room(self, number: int, change: str) -> None:
        """Change a room: its name, its limit, its own clock."""
        bodies: dict[str, JSON] = {
            "name": {"name": next(self.names)},
            "max_participants": {"max_participants": 4},
            "closes_at": {"closes_at": self.breakout["closes_at"]},
            "paused": {"paused": True},
            "extend": {"extend_seconds": -60},
        }
        self.ask("PATCH", f"/rooms/{self.room(number)}", bodies[change])

    @rule(least=st.integers(2, 4))
    def rebalance(self, least: int) -> None:
        """Dissolve small rooms."""
        self.ask("POST", "/rebalance", {"min_room_size": least})

    @rule(change=st.sampled_from([{"extend_seconds": 60}, {"paused": True}, {"paused": False}, {"name": "Another"}]))
    def change(self, change: JSON) -> None:
        """Change the breakout."""
        self.ask("PATCH", "", change)

    @rule(number=numbers, action=st.sampled_from(["start", "stop", "pause", "resume"]))
    def record(self, number: int, action: str) -> None:
        """Start, stop, pause or resume the recording of a room."""
        self.ask("POST", f"/rooms/{self.room(number)}/recording", {"action": action})

    @rule()
    def broadcast(self) -> None:
        """Tell everybody something."""
        self.ask("POST", "/broadcast", {"text": "five more minutes"})

    @rule(name=people)
    def follow(self, name: str) -> None:
        """Let somebody's browser go where their seat says."""
        self._go(name)

    @rule(name=people)
    def leave(self, name: str) -> None:
        """Let somebody close their page."""
        browser = self.browsers[name]
        if browser.peer_id and not browser.has_left:
            self.hand.sandbox.leave(browser.peer_id)
            browser.tell("Left")

    @precondition(lambda self: len(self.browsers) < MOST_PEOPLE)
    @rule()
    def come_late(self) -> None:
        """Let somebody register and come to main who was not there at the start."""
        name = f"late {len(self.browsers)}"
        body = {"participants": [{"custom_participant_id": name, "name": name}]}
        self.api.post(f"/v1/meetings/{self.hand.meeting_id}/participants", body)
        self.browsers[name] = Browser(self.hand, name)
        self._go(name)

    @rule(name=people)
    def remove(self, name: str) -> None:
        """Remove somebody for good, and register them anew."""
        path = f"/v1/meetings/{self.hand.meeting_id}/participants"
        assert self.api.client.delete(f"{path}/{name}").status_code == 202
        assert name not in {it["custom_participant_id"] for it in self.api.get(path)["items"]}
        assert name not in _listed(self.breakout, {"assigned", "admitted", "invited", "joined", "away"})
        self.work()
        self.browsers[name].tell_if_put_out()
        self.api.post(path, {"participants": [it for it in _registered() if it["custom_participant_id"] == name]})
        self.browsers[name] = Browser(self.hand, name)

    @rule()
    def work(self) -> None:
        """Do what is due."""
        self.hand.work(Breakout, Room, Meeting, Recording, Leftover)

    @rule()
    def let_deadlines_pass(self) -> None:
        """Put people out who should have gone, and do what is due."""
        pass_deadlines(self.hand)
        self.work()
        for browser in self.browsers.values():
            browser.tell_if_put_out()

    @precondition(lambda self: self.breakout["state"] == "open")
    @rule()
    def call_a_countdown_off(self) -> None:
        """Begin to close, and think better of it."""
        self.ask("POST", "/close", {"countdown_seconds": 60})
        assert self.ask("PATCH", "", {"closes_at": None}).json()["state"] == "open"

    @invariant()
    def everybody_is_in_one_place(self) -> None:
        """Check that nobody is listed twice, and that every seat points to where the person is listed."""
        breakout = self.breakout
        listed = {it["custom_participant_id"]: room for room in breakout["rooms"] for it in room["participants"]}
        times = Counter(it["custom_participant_id"] for room in breakout["rooms"] for it in room["participants"])
        assert not [name for name, number in times.items() if number > 1]
        limits = [(len(it["participants"]), it["max_participants"]) for it in breakout["rooms"]]
        assert all(limit is None or people <= limit for people, limit in limits)
        shown = seats.read(self.hand.deps, [browser.participant_id for browser in self.browsers.values()]).found
        for name, browser in self.browsers.items():
            seat = shown[browser.participant_id]
            if seat.location == "room" and seat.room_name != listed.get(name, {"name": None})["name"]:
                previous = next(room for room in breakout["rooms"] if room["id"] == seat.room_id)
                assert previous["state"] in ("open", "closing"), (
                    "they wait where they are for the token of their next room"
                )

    def _check_log(self) -> None:
        """Check that states have moved along legal edges, without a gap in the log."""
        found = self.api.get(f"{self.path}/log", limit=200)
        events, cursor = found["items"], found["next_cursor"]
        while cursor:
            found = self.api.get(f"{self.path}/log", limit=200, cursor=cursor)
            events, cursor = events + found["items"], found["next_cursor"]
        facts: Any = SimpleNamespace(log=events)
        assert not list(log(facts))

    def teardown(self) -> None:
        """Close, and check that everybody gets home and nothing is left."""
        if self.breakout["state"] not in DONE:
            self.ask("POST", "/close", {"countdown_seconds": 0})
        for step in (lambda: None, lambda: None, self.hand.pass_grace, self.hand.pass_second_grace):
            self._settle(step)
        self._check_log()
        breakout = self.breakout
        assert breakout["state"] in DONE, breakout
        states = {it["state"] for room in breakout["rooms"] for it in room["participants"]}
        assert states <= {"returned", "never_joined"}
        meetings = {it["id"]: it for it in self.hand.sandbox.state()["meetings"]}
        rooms = {room["realtimekit_meeting_id"] for room in breakout["rooms"]} - {None}
        assert {meetings[it]["status"] for it in rooms} <= {"INACTIVE"}
        assert not [it for it in self.hand.sandbox.state()["peers"] if it["meeting_id"] in rooms and not it["left_at"]]

    def _settle(self, step: Callable[[], None]) -> None:
        step()
        self.work()
        for name in self.browsers:
            self.browsers[name].tell_if_put_out()
            self._go(name)
        self.work()

    def _go(self, name: str) -> None:
        if self.browsers[name].seat.auth_token is None:
            self.hand.work(Meeting)
        if self.browsers[name].seat.auth_token is not None:
            self.browsers[name].follow()


def _listed(breakout: JSON, states: set[str]) -> set[str]:
    """Return who is in a room in one of these states."""
    listed = [it for room in breakout["rooms"] for it in room["participants"] if it["state"] in states]
    return {str(it["custom_participant_id"]) for it in listed}


def _registered() -> list[JSON]:
    found: list[JSON] = [{"custom_participant_id": name, "name": name} for name in PEOPLE]
    return [*found, {"custom_participant_id": HOST, "name": HOST, "role": "host"}]


def test_everybody_is_in_one_place_and_gets_home(built: tuple[Deps, SandboxServer]) -> None:
    with Api(built[0]) as api:
        machine = type("Class", (Classroom,), {"parts": built, "api": api})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=BREAKOUTS,
                stateful_step_count=STEPS,
                deadline=None,
                phases=[Phase.generate],
                derandomize=False,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
