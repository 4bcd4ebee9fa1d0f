"""What closed breakouts cost live ones: the same work in a database with a long history, and in one without.

Two databases of one PostgreSQL server have the same meetings, each with a live breakout of 4 rooms and 20 people. In
one of them each meeting has had a thousand breakouts besides, all closed, with the same people.
tests/benchmarks/years.py makes both.

Each piece of work is done in both databases in turn, once for each meeting, by the services that tasks and requests
call, and the ratio of the two times counts. history_largest.py does the same beside a million.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import text

from orchestrator.services.breakout import operations
from orchestrator.services.deps import Deps
from orchestrator.services.people import seats
from orchestrator.services.planning import creating as planning
from orchestrator.services.views import breakouts
from orchestrator.services.views.pages import Asked
from orchestrator.services.webhooks import applying, incoming
from orchestrator.store import scan
from orchestrator.store.kinds import TABLES
from schemas.columns import new_id
from schemas.requests import BreakoutRequest
from tests.api.conftest import parts
from tests.benchmarks.frame import Sheet, run
from tests.benchmarks.years import ROOMS, Databases, databases
from tests.support.copies import Original
from tests.support.sandbox_server import JSON, SandboxServer
from tests.support.valkey import valkey_in

BREAKOUTS, EACH = 20_000, 1000
"""How many have closed, and how many of them in each meeting."""
MOST_MEETINGS, AT_MOST = 100, 1.2
"""In how many meetings the work is done, and how much longer it may take."""
PLAN = BreakoutRequest.model_validate({"rooms": ROOMS, "start": "manual"})


@dataclass(frozen=True)
class Place:
    """One of the databases, seen as the services see it, and the live breakout of which all others are copies."""

    deps: Deps
    live: Original

    def works(self, number: int) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield each piece of work on the meeting with this number, by name, in this order."""
        [meeting_id], [breakout_id] = self.live.meetings([number]), self.live.copies([number])
        deps = self.deps
        yield "due scan", self._scan
        yield "GET of a live breakout", partial(self._get, breakout_id)
        yield "list of a meeting's breakouts", partial(self._list, meeting_id)
        people = self._column("SELECT id FROM participant WHERE meeting_id = :id ORDER BY id", meeting_id)
        yield "seat of one person", partial(seats.read, deps, people[:1])
        yield "seats of all", partial(seats.read, deps, people)
        incoming.store_all(deps, [incoming.Delivery(new_id(), json.dumps(self._leaving(breakout_id)).encode())])
        yield "webhook", partial(applying.apply, deps, meeting_id, self._claim("inbox", meeting_id))
        yield "create", partial(planning.create, deps, meeting_id, PLAN)
        yield "close", partial(operations.close, deps, breakout_id, 0)
        yield "step after the close", partial(operations.step, deps, breakout_id, self._claim("breakout", breakout_id))

    def _scan(self) -> None:
        """Look as a timekeeper does."""
        for table in TABLES:
            with self.deps.database.transaction() as tx:
                scan.next_due(tx.session, {})
                scan.dispatch_due(tx, table, 100, {})

    def _get(self, breakout_id: str) -> None:
        with self.deps.database.reading() as session:
            breakouts.breakout(session, breakout_id)

    def _list(self, meeting_id: str) -> None:
        with self.deps.database.reading() as session:
            breakouts.breakouts(session, Asked(1), meeting_id=meeting_id)

    def _leaving(self, breakout_id: str) -> JSON:
        """Return the webhook that says that somebody has left their room."""
        row = self._row(
            "SELECT room.realtimekit_meeting_id, peer_id, custom_participant_id, joined_at, left_at FROM presence"
            " JOIN room ON room.id = room_id JOIN participant ON participant.id = participant_id"
            " WHERE room.breakout_id = :id AND left_at IS NULL ORDER BY presence.id LIMIT 1",
            breakout_id,
        )
        person = {"peerId": row[1], "customParticipantId": row[2], "joinedAt": row[3].isoformat()}
        meeting = {"id": row[0], "sessionId": "session"}
        return {"event": "meeting.participantLeft", "meeting": meeting, "participant": person}

    def _claim(self, table: str, row_id: str) -> int:
        return int(self._row(f"SELECT claim FROM {table} WHERE id = :id", row_id).claim)

    def _row(self, statement: str, row_id: str) -> Any:
        with self.deps.database.reading() as session:
            return session.execute(text(statement), {"id": row_id}).one()

    def _column(self, statement: str, row_id: str) -> list[Any]:
        with self.deps.database.reading() as session:
            return list(session.scalars(text(statement), {"id": row_id}))


def measure(sheet: Sheet, *, closed: int = BREAKOUTS) -> None:
    """Make the databases, and do all work in both."""
    with _servers() as (sandbox, broker_url, home), databases(sandbox, broker_url, home, closed, EACH) as made:
        sheet.figure("closed breakouts").add(closed)
        sheet.figure("size of the database", "GB").add(made.bytes / 1e9)
        compare(sheet, sandbox, broker_url, home, made)


def compare(sheet: Sheet, sandbox: SandboxServer, broker_url: str, home: Path, made: Databases) -> None:
    """Do the same work in both databases in turn, for one meeting after another."""
    with (
        parts(sandbox, home, database_url=made.short, broker_url=broker_url) as short,
        parts(sandbox, home, database_url=made.long, broker_url=broker_url) as long,
    ):
        places = [Place(short, made.live), Place(long, made.live)]
        for number in range(1, min(made.meetings, MOST_MEETINGS) + 1):
            works = (place.works(number) for place in places)
            for (name, with_none), (_, with_history) in zip(*works, strict=True):
                before, after = _seconds(with_none), _seconds(with_history)
                sheet.figure(f"{name}, with none closed", "ms").add(before * 1000)
                sheet.figure(name, "times as long", at_most=AT_MOST).add(after / before)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


@contextmanager
def _servers() -> Iterator[tuple[SandboxServer, str, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with valkey_in(home / "valkey") as broker, SandboxServer() as sandbox:
            yield sandbox, broker.url, home


if __name__ == "__main__":
    run("history", measure)
