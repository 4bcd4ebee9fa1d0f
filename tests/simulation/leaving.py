"""People who are removed for good or erased, and whose client tokens are taken back."""

import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, select
from sqlmodel import SQLModel

from orchestrator.services.access import holders
from orchestrator.services.meetings import registering, removing
from schemas.requests import PersonRequest
from tests.simulation.doing import Doing

if TYPE_CHECKING:
    from tests.simulation.people import Person
    from tests.simulation.simulation import Simulation

LEAVING = Doing()
action = LEAVING.action
AGAIN_SECONDS = 1.0
LET_IN_AFTER = (3.0, 8.0, 20.0)
"""How long after somebody was removed they may be registered anew."""


@action(2)
def remove(run: "Simulation", luck: Random) -> None:
    """Remove somebody for good, perhaps twice. They may be let in again later."""
    person = _remove(run, luck, erase=False)
    if person is not None and luck.random() < 0.5:
        run.hub.loop.call_later(luck.choice(LET_IN_AFTER), _let_in_again, run, person)


@action(2)
def erase(run: "Simulation", luck: Random) -> None:
    """Remove somebody for good and erase what names them, perhaps some time after."""
    _remove(run, luck, erase=True)


@action()
def take_back_tokens(run: "Simulation", luck: Random) -> None:
    """Take back the client tokens that somebody has. They get another one a moment later."""
    person = luck.choice(run.members)
    run.request(lambda deps: holders.take_back_tokens(deps, run.meeting_id, person.name))


def _remove(run: "Simulation", luck: Random, *, erase: bool) -> "Person | None":
    if len(run.members) < 2:
        return None
    person, twice = luck.choice(run.members), luck.random() < 0.3
    if not person.row_id:
        return None
    person.is_gone, person.is_erased = True, erase
    _ask(run, person, erase=erase and not twice)
    if twice:
        run.hub.loop.call_later(luck.choice((0.1, 2.0)), lambda: _ask(run, person, erase=erase))
    return person


def _ask(run: "Simulation", person: "Person", *, erase: bool) -> None:
    def answered(_: None) -> None:
        person.removals -= 1

    person.removals += 1
    run.request(lambda deps: removing.remove(deps, run.meeting_id, person.name, erase=erase), answered)


def _let_in_again(run: "Simulation", person: "Person") -> None:
    """Register somebody anew who was removed. Their page is loaded anew too.

    Who asks for that before the removal was answered can't know which of the two comes last.
    """
    if person.removals:
        run.hub.loop.call_later(AGAIN_SECONDS, _let_in_again, run, person)
        return
    body = PersonRequest.model_validate(person.registered)

    def registered(ids: Sequence[str] | None) -> None:
        if ids:
            person.begin_anew(ids[0])
            run.streams.wake()

    run.request(lambda deps: registering.register(deps, run.meeting_id, [body]), registered)


def left(run: "Simulation") -> Iterator[str]:
    """Yield what is still there of people who were removed for good."""
    for person in (it for it in run.people if it.is_gone):
        records = [it for it in run.world.participants.values() if it.custom_participant_id == person.name]
        if records:
            yield f"removed: {person.name} still has records in {[it.meeting.title for it in records]}"
        if person.peers:
            yield f"removed: {person.name} is still in {person.where}"
        if run.kept.ask(IS_MEMBER, person.name):
            yield f"removed: {person.name} is still in the meeting's list"
        if run.kept.ask(IS_LOST, person.row_id):
            yield f"removed: {person.name} is lost"
        if person.is_erased:
            yield from _named(run, person.name)


def _named(run: "Simulation", name: str) -> Iterator[str]:
    """Yield the columns in which a name still stands."""
    as_word = re.compile(rf"\b{re.escape(name)}\b")
    with run.eyes.database.reading() as session:
        for table in SQLModel.metadata.sorted_tables:
            for row in session.execute(select(table)).mappings():
                yield from (f"erased: {name} in {it}: {row[it]}" for it in _columns(table, row, as_word))


def _columns(table: Table, row: Any, as_word: re.Pattern[str]) -> list[Any]:
    return [column for column in table.columns if as_word.search(str(row[column]))]


IS_MEMBER = "SELECT 1 FROM participant WHERE custom_participant_id = ? AND meeting_id IS NOT NULL"
IS_LOST = "SELECT 1 FROM seat WHERE participant_id = ? AND state = 'lost'"
