"""Openings as others would write them: their tables, the calls that they make, and how long one takes.

Each call's result is stored by a statement of its own, so that a crash loses no more than the calls under way. None of
them looks what became of a call without an answer, and none keeps to a quota.
"""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

import httpx
from sqlalchemy import Engine, create_engine, text

from tests.support.processes import Processes
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

DATABASE, BROKER, KIT, TOKEN = "OPENINGS_DATABASE", "OPENINGS_BROKER", "OPENINGS_KIT", "OPENINGS_TOKEN"
"""The environment variables of a rival's processes."""
POOL_SIZE = 16
DEADLINE_SECONDS = 120
TABLES = (
    "CREATE TABLE room (opening int, number int, meeting text, PRIMARY KEY (opening, number))",
    "CREATE TABLE seat (opening int, person int, room int, token text, PRIMARY KEY (opening, person))",
)
STORE_ROOM = "INSERT INTO room VALUES (:opening, :number, :meeting)"
STORE_SEAT = "INSERT INTO seat VALUES (:opening, :person, :room, :token)"
COUNT = "SELECT count(*) FROM seat WHERE opening = :opening"


@dataclass(frozen=True)
class Place:
    """Where a rival runs."""

    processes: Processes
    database_url: str
    broker_url: str
    kit_url: str
    """The address under which RealtimeKit has its meetings."""

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are told."""
        return {
            DATABASE: self.database_url,
            BROKER: self.broker_url,
            KIT: self.kit_url,
            TOKEN: SandboxServer.api_token,
        }


class Rival(Protocol):
    """A way to open rooms."""

    def open(self, opening: int, rooms: int, people: int) -> None:
        """Begin to open so many rooms for so many people."""


Start = Callable[[Place], AbstractContextManager[Rival]]


def kit_url(root: str) -> str:
    """Return the address under which a sandbox has its meetings."""
    return f"{root}/accounts/{SandboxServer.account_id}/realtime/kit/{SandboxServer.app_id}"


def meeting_body(number: int) -> dict[str, str]:
    """Return the body that makes a room's meeting."""
    return {"title": f"Room {number}"}


def person_body(person: int) -> dict[str, str]:
    """Return the body that admits a person."""
    return {"custom_participant_id": f"p{person}", "preset_name": "group_call_participant", "name": f"P {person}"}


def people_of(room: int, rooms: int, people: int) -> range:
    """Return who sits in a room."""
    return range(room, people, rooms)


def engine_of(database_url: str) -> Engine:
    """Make an engine as each of its processes does."""
    return create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"), pool_size=POOL_SIZE)


@cache
def engine() -> Engine:
    """Return the engine of this process."""
    return engine_of(os.environ[DATABASE])


@cache
def _http() -> httpx.Client:
    headers = {"Authorization": f"Bearer {os.environ[TOKEN]}"}
    return httpx.Client(headers=headers, timeout=30, trust_env=False, limits=httpx.Limits(max_connections=None))


def post(path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Make one call, and return what it has made."""
    made: dict[str, Any] = _http().post(f"{os.environ[KIT]}/{path}", json=body).raise_for_status().json()["data"]
    return made


def store(statement: str, **values: object) -> None:
    """Store one result."""
    with engine().begin() as connection:
        connection.execute(text(statement), values)


def seconds_of(rival: Rival, at: Engine, opening: int, rooms: int, people: int) -> float:
    """Return how long it takes from the request until the last seat is stored."""
    begun = time.monotonic()
    rival.open(opening, rooms, people)
    with at.connect() as connection:
        wait_until(
            lambda: connection.execute(text(COUNT), {"opening": opening}).scalar_one() == people,
            DEADLINE_SECONDS,
            every=0.02,
            what="all seats stored",
        )
    return time.monotonic() - begun
