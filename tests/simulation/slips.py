"""Known slips, each once made in this code or likely to be made, and how many runs it takes to catch them.

`python -m tests.simulation.slips` patches one after the other into the engine, plays seeds until a rule is broken, and
prints a table.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from sqlalchemy import select, update

from orchestrator.domain.lifecycle import can_move
from orchestrator.errors import RealtimeKitError
from orchestrator.services.breakout import aggregate, leaving, locked, reusing
from orchestrator.services.breakout.people_writes import PeopleWrites
from orchestrator.services.meetings import leftovers
from orchestrator.services.passes import leased
from orchestrator.services.people import presence, stays
from orchestrator.services.rooms import making, opening, putting_out
from orchestrator.services.rooms import work as rooms_work
from orchestrator.services.webhooks import delivering
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.columns import new_id
from schemas.states import SeatState
from schemas.tables import Breakout, Seat
from tests.simulation.runs import Player

MOST_SEEDS = 400


@dataclass(frozen=True)
class Slip:
    """A mistake in the engine."""

    what: str
    patched: Callable[[], Any]
    """Makes the mistake for the time of a block."""


SLIPS: list[Slip] = []


def slip(what: str) -> Callable[[Callable[[], Iterator[None]]], Callable[[], Iterator[None]]]:
    """Add a slip. The function patches the engine while it waits at its `yield`."""

    def add(make: Callable[[], Iterator[None]]) -> Callable[[], Iterator[None]]:
        SLIPS.append(Slip(what, contextmanager(make)))
        return make

    return add


def _present(tx: Transaction, claims: Sequence[due.Claim]) -> list[due.Claim]:
    """Return the claims as good as if they were those of the present holder."""
    table: Any = claims[0].table
    statement = select(table.id, table.claim).where(table.id.in_([claim.row_id for claim in claims]))
    numbers = dict(tx.session.execute(statement.with_for_update()).all())
    return [replace(claim, fence=numbers[claim.row_id]) for claim in claims]


@slip("a fence is not checked")
def unfenced() -> Iterator[None]:
    record, record_all = due.record, due.record_all

    def one(tx: Transaction, claim: due.Claim, **more: Any) -> None:
        record(tx, _present(tx, [claim])[0], **more)

    def many(tx: Transaction, claims: Sequence[due.Claim], *more: Any) -> Any:
        return record_all(tx, _present(tx, claims), *more)

    with patch.object(due, "record", one), patch.object(due, "record_all", many):
        yield


@slip("generation is not compared at the release")
def uncompared() -> Iterator[None]:
    release_all = due.release_all

    def release(tx: Transaction, claims: Sequence[due.Claim]) -> None:
        present = []
        for claim in claims:
            table: Any = claim.table
            statement = select(table.generation).where(table.id == claim.row_id).with_for_update()
            present.append(replace(claim, generation=tx.session.scalar(statement) or 0))
        release_all(tx, present)

    with patch.object(due, "release_all", release):
        yield


@slip("the breakout is not locked")
def unlocked() -> Iterator[None]:
    def read(tx: Transaction, breakout_id: str) -> Breakout:
        return tx.session.get_one(Breakout, breakout_id)

    with patch.object(locked, "_lock", read):
        yield


@slip("who is put out is read before the lock")
def stale_leavers() -> Iterator[None]:
    def choose(_deps: Any, _lease: Any, work: Any) -> Any:
        return tuple(leaver for leaver in work.leavers if leaver.is_still_there)

    with patch.object(putting_out, "_choose", choose):
        yield


@slip("an ack counts for a seat that is over")
def late_acks() -> Iterator[None]:
    move = presence._seat_move

    def revive(seat: Seat, where: set[str | None]) -> SeatState | None:
        if seat.room_id in where and seat.state in (SeatState.RETURNING, SeatState.NEVER_JOINED):
            return SeatState.JOINED
        return move(seat, where)

    def any_move(state: Any, to: Any) -> None:
        assert can_move(state, to) or to is SeatState.JOINED

    with patch.object(presence, "_seat_move", revive), patch.object(aggregate, "check_move", any_move):
        yield


@slip("a lease never ends")
def endless() -> Iterator[None]:
    start_all = due.start_all

    def start(tx: Transaction, table: Any, asked: Any, *, holder: str, lease: timedelta) -> Any:  # noqa: ARG001
        return start_all(tx, table, asked, holder=holder, lease=timedelta(days=1))

    with patch.object(due, "start_all", start):
        yield


@slip("a meeting in doubt is not looked for")
def unsought() -> Iterator[None]:
    with patch.object(making, "_look_up", lambda *_: None):
        yield


@slip("a person in doubt is added again")
def added_again() -> Iterator[None]:
    guest = rooms_work._guest

    def certain(*args: Any) -> Any:
        return replace(guest(*args), in_doubt=False)

    with patch.object(rooms_work, "_guest", certain):
        yield


@slip("somebody who is moved back is put out")
def kicked_back() -> Iterator[None]:
    begin = aggregate.LockedBreakout.begin_seat_again

    def keep_deadline(self: Any, seat: Seat, previous_id: str | None) -> None:
        leave_by = seat.leave_by
        begin(self, seat, previous_id)
        seat.leave_by = leave_by

    def all_leavers(session: Any, room_ids: Any, now: Any) -> Any:
        with patch.object(leaving, "_LEAVERS", wanted_or_not):
            return leaving_leavers(session, room_ids, now)

    leaving_leavers, found = leaving.leavers, leaving._LEAVERS
    *others, _is_not_wanted = found.whereclause.clauses  # type: ignore[union-attr]  # it is an AND
    wanted_or_not = select(*found.selected_columns).select_from(*found.get_final_froms()).where(*others)
    with (
        patch.object(aggregate.LockedBreakout, "begin_seat_again", keep_deadline),
        patch.object(putting_out, "leavers", all_leavers),
        patch.object(rooms_work, "leavers", all_leavers),
    ):
        yield


@slip("a repeated message starts a row twice")
def started_twice() -> Iterator[None]:
    start_all = leased._start_all

    def start_anyway(starting: Any, key: str, asked: list[tuple[str, int]]) -> Any:
        table: Any = starting.table
        with starting.deps.database.transaction() as tx:
            mine = table.id.in_([row_id for row_id, _ in asked])
            tx.session.execute(update(table).where(mine).values(holder=None))
            numbers = dict(tx.session.execute(select(table.id, table.claim).where(mine)).all())
        return start_all(starting, key, [(row_id, numbers[row_id]) for row_id, _ in asked])

    with patch.object(leased, "_start_all", start_anyway):
        yield


@slip("a recording is started without looking")
def recorded_blindly() -> Iterator[None]:
    async def record(kit: Any, meeting_id: str, work: Any) -> Any:
        try:
            return await kit.start_recording(meeting_id, max_seconds=600, file_name_prefix=work.key)
        except RealtimeKitError as error:
            return error

    with patch.object(opening, "_record", record):
        yield


@slip("old news of a stay brings somebody back")
def brought_back() -> Iterator[None]:
    def arrive(presence_row: Any, stay: Any) -> None:
        presence_row.joined_at, presence_row.left_at = stay.joined_at, None

    with patch.object(stays, "_merge_arriving", arrive):
        yield


@slip("a seat changes without a new version")
def unversioned() -> Iterator[None]:
    raise_versions = PeopleWrites.raise_versions

    def only_all(self: PeopleWrites, participant_ids: Any = None) -> None:
        if participant_ids is None:
            raise_versions(self)

    with patch.object(PeopleWrites, "raise_versions", only_all):
        yield


@slip("a pass that failed is not tried again")
def given_up() -> Iterator[None]:
    release = due.release

    def forget(tx: Transaction, claim: due.Claim, *, due_at: Any, untried: bool = False) -> None:  # noqa: ARG001
        release(tx, claim, due_at=None, untried=untried)

    with patch.object(due, "release", forget):
        yield


@slip("a delivery does not wait for the one before")
def out_of_turn() -> Iterator[None]:
    async def send(self: Any, work: Any, line: Any) -> Any:
        return [await self._call(work.url, work.secrets, letter.id, letter.body) for letter in line.letters]

    with patch.object(delivering._Pass, "_send", send):
        yield


@slip("a delivery is tried again under another id")
def sent_anew() -> Iterator[None]:
    call = delivering._Pass._call

    async def under_another(self: Any, url: str, secrets: Any, delivery_id: str, body: str) -> Any:
        return replace(await call(self, url, secrets, new_id(), body), delivery_id=delivery_id)

    with patch.object(delivering._Pass, "_call", under_another):
        yield


@slip("a round makes child meetings of its own")
def made_anew() -> Iterator[None]:
    with patch.object(reusing, "_kept", lambda *_: []):
        yield


@slip("who is removed stays where they are")
def still_there() -> Iterator[None]:
    async def delete(kit: Any, record: Any) -> None:
        await kit.delete_participant(record.meeting_id, record.participant_id)

    with patch.object(leftovers, "_end", delete):
        yield


def main(arguments: Sequence[str]) -> int:
    """Print after how many seeds each slip is caught. Returns 1 if one is not."""
    options = argparse.ArgumentParser("python -m tests.simulation.slips", description=__doc__)
    options.add_argument("--most", type=int, default=MOST_SEEDS, help="seeds to play for each slip at most")
    options.add_argument("--only", help="only slips whose words contain this")
    told = options.parse_args(arguments)
    player, missed = Player(), 0
    print(f"{'slip':<46} {'caught by seed':>14} {'CPU s':>7}  rule", flush=True)
    for one in SLIPS:
        if told.only and told.only not in one.what:
            continue
        begun = time.process_time()
        with one.patched():
            caught = next((run for seed in range(1, told.most + 1) if (run := player.play(seed)).violations), None)
        missed += caught is None
        seed, rule = (caught.seed, caught.violations[0][:70]) if caught else ("never", "")
        print(f"{one.what:<46} {seed:>14} {time.process_time() - begun:>7.1f}  {rule}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
