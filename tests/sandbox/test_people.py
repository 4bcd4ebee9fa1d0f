"""Simulated people join the meeting that their seat names, whatever happens in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from orchestrator.sandbox.people.crowd import Crowd
from orchestrator.sandbox.people.person import Behaviour, Person
from tests.sandbox.kit import Kit
from tests.sandbox.stub_api import StubApi
from tests.support.waiting import LONG


class Stage:
    """A main meeting and two rooms, a crowd, and a token of each person for each meeting."""

    def __init__(self, kit: Kit, api: StubApi, crowd: Crowd, *names: str) -> None:
        self.kit, self.api, self.crowd = kit, api, crowd
        self.meetings = {title: kit.meeting(title) for title in ("main", "one", "two")}
        self.tokens = {
            (name, title): kit.participant(meeting_id, name)["token"]
            for name in names
            for title, meeting_id in self.meetings.items()
        }

    def send(self, title: str, *names: str) -> None:
        """Point seats to a meeting."""
        for name in names:
            room = None if title == "main" else f"room-{title}"
            self.api.seat(name, self.meetings[title], self.tokens[name, title], room)

    def send_unheard(self, title: str, name: str) -> None:
        """Point a seat to a meeting, as while the stream that tells of it is dead."""
        self.api.seat(name, self.meetings[title], self.tokens[name, title], quietly=True)

    def present(self, title: str) -> list[str]:
        """Return who is in a meeting, according to the sandbox."""
        return self.kit.sandbox.present(self.meetings[title])

    async def enter(self, *names: str, behaviour: Behaviour | None = None) -> list[Person]:
        """Start people with their seats in main, and wait until they are there."""
        self.send("main", *names)
        people = await self.crowd.add({name: name for name in names}, behaviour)
        await until(lambda: self.present("main") == sorted(names))
        return people


async def until(condition: Callable[[], bool], deadline: float = LONG) -> None:
    """Poll a condition while the people act."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "did not come true"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def stage(kit: Kit, *names: str) -> AsyncIterator[Stage]:
    async with StubApi() as api:
        crowd = Crowd(api.base, kit.sandbox.root)
        try:
            yield Stage(kit, api, crowd, *names)
        finally:
            await crowd.stop()


def test_people_follow_their_seats_and_acknowledge_them(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann", "bo", "cy") as here:
            await here.enter("ann", "bo", "cy")
            here.send("one", "ann")
            here.send("two", "bo")
            await until(lambda: (here.present("one"), here.present("two")) == (["ann"], ["bo"]))
            await until(lambda: len(here.api.acks) == 5)
            assert here.present("main") == ["cy"]
            assert ("ann", {"location": "room", "room_id": "room-one", "version": 2}) in here.api.acks
            assert ("cy", {"location": "main", "version": 1}) in here.api.acks
            here.send("main", "ann", "bo")
            await until(lambda: here.present("main") == ["ann", "bo", "cy"])
            assert here.present("one") == here.present("two") == []
            ann = here.crowd.people["ann"]
            await until(lambda: [stay.location for stay in ann.stays] == ["main", "room", "main"])
            await here.crowd.settle(LONG)
            assert set(here.crowd.where().values()) == {here.meetings["main"]}
        assert here.present("main") == []

    asyncio.run(story())


def test_a_kicked_person_joins_again(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann") as here:
            (ann,) = await here.enter("ann")
            kit.api.active_session.kick_participants(
                here.meetings["main"], **kit.ids, custom_participant_ids=["ann"], participant_ids=[]
            )
            await until(lambda: len(ann.stays) == 2 and here.present("main") == ["ann"])

    asyncio.run(story())


def test_a_person_who_is_refused_tries_again_until_the_seat_changes(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann") as here:
            await here.enter("ann")
            kit.api.meetings.update_meeting_by_id(here.meetings["one"], **kit.ids, status="INACTIVE")
            here.send("one", "ann")
            await until(lambda: here.present("main") == [])
            kit.api.meetings.update_meeting_by_id(here.meetings["one"], **kit.ids, status="ACTIVE")
            await until(lambda: here.present("one") == ["ann"])
            kit.api.meetings.update_meeting_by_id(here.meetings["two"], **kit.ids, status="INACTIVE")
            here.send("two", "ann")
            await until(lambda: here.present("one") == [])
            here.send("main", "ann")
            await until(lambda: here.present("main") == ["ann"])

    asyncio.run(story())


def test_a_person_who_is_put_out_or_refused_asks_for_the_seat_anew(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann") as here:
            (ann,) = await here.enter("ann")
            here.send_unheard("two", "ann")
            kit.api.active_session.kick_all_participants(here.meetings["main"], **kit.ids)
            await until(lambda: here.present("two") == ["ann"] and len(ann.stays) > 1)
            assert len(ann.stays) == 2, "it never went back to where its stream still points"
            kit.api.meetings.update_meeting_by_id(here.meetings["one"], **kit.ids, status="INACTIVE")
            here.send("one", "ann")
            await until(lambda: here.present("two") == [])
            here.send_unheard("main", "ann")
            await until(lambda: here.present("main") == ["ann"])
            assert ann.connections == 1

    asyncio.run(story())


def test_a_person_whose_seat_has_no_token_yet_waits(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann") as here:
            (ann,) = await here.enter("ann")
            version = here.api.seat("ann", here.meetings["one"], None, "room-one")
            await until(lambda: ann.seat is not None and ann.seat["version"] == version)
            assert here.present("main") == ["ann"]
            here.send("one", "ann")
            await until(lambda: here.present("one") == ["ann"])

    asyncio.run(story())


def test_a_broken_stream_is_resumed(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann") as here:
            (ann,) = await here.enter("ann")
            here.api.break_streams()
            here.send("one", "ann")
            await until(lambda: here.present("one") == ["ann"])
            await until(lambda: ann.connections == 2 and len(ann.stays) == 2)
            assert here.api.resumed_from[0] is None
            assert here.api.resumed_from[-1] in {"seat-1", "seat-2"}

    asyncio.run(story())


def test_an_older_seat_counts_only_after_a_backup_was_restored(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann") as here:
            (ann,) = await here.enter("ann")
            here.send("one", "ann")
            here.send("two", "ann")
            await until(lambda: here.present("two") == ["ann"])
            older = {"version": 2, "realtimekit_meeting_id": here.meetings["one"], "location": "room"}
            here.api.send("ann", "seat", older)
            here.api.send("ann", "broadcast", {"text": "heard after it"})
            await until(lambda: bool(ann.notices.broadcasts))
            assert (ann.seat or {})["version"] == 3
            here.api.restore_backup("ann", here.meetings["main"], here.tokens["ann", "main"])
            await until(lambda: here.present("main") == ["ann"])

    asyncio.run(story())


def test_acknowledgements_are_repeated_after_a_5xx_only(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann") as here:
            here.api.ack_statuses = [503, 503]
            (ann,) = await here.enter("ann")
            await until(lambda: len(here.api.acks) == 3)
            assert len(ann.stays) == 1
            here.api.ack_statuses = [409]
            here.send("one", "ann")
            await until(lambda: len(here.api.acks) == 4)

    asyncio.run(story())


def test_behaviours(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "stubborn", "leaver", "mute", "slow") as here:
            await here.enter("stubborn", behaviour=Behaviour(never_moves=True))
            here.send("main", "leaver", "mute", "slow")
            await here.crowd.add({"leaver": "leaver"}, Behaviour(leaves_after=0.05))
            await here.crowd.add({"mute": "mute"}, Behaviour(no_ack=True))
            await here.crowd.add({"slow": "slow"}, Behaviour(reaction=(0.2, 0.3)))
            await until(lambda: len(here.present("main")) == 4)
            began = time.time()
            here.send("one", "stubborn", "leaver", "mute", "slow")
            await until(lambda: here.present("one") == ["mute", "slow"])
            leaver, slow = here.crowd.people["leaver"], here.crowd.people["slow"]
            await until(lambda: leaver.hung_up and leaver.stay is None and len(slow.stays) == 2)
            assert len(leaver.stays) == 2
            assert here.present("main") == ["stubborn"]
            assert slow.stays[-1].joined_at >= began + 0.2
            assert "mute" not in {name for name, _ in here.api.acks}
            with pytest.raises(TimeoutError, match="stubborn"):
                await here.crowd.settle(0.05)

    asyncio.run(story())


def test_people_keep_warnings_broadcasts_and_closings(kit: Kit) -> None:
    async def story() -> None:
        async with stage(kit, "ann") as here:
            (ann,) = await here.enter("ann")
            here.api.send("ann", "warning", {"remaining_seconds": 60})
            here.api.send("ann", "broadcast", {"text": "Two\nlines"})
            here.api.send("ann", "closing", {"countdown_seconds": 5})
            await until(lambda: bool(ann.notices.closings))
            assert ann.notices.warnings == [{"remaining_seconds": 60}]
            assert ann.notices.broadcasts == [{"text": "Two\nlines"}]

    asyncio.run(story())


def test_a_person_works_without_a_crowd(kit: Kit) -> None:
    async def story() -> None:
        async with StubApi() as api:
            meeting_id = kit.meeting()
            api.seat("ann", meeting_id, kit.participant(meeting_id)["token"])
            ann = Person(api.base, "ann", kit.sandbox.root, "Ann")
            await ann.start()
            await until(lambda: ann.settled)
            kit.sandbox.end(meeting_id)
            await until(lambda: len(ann.stays) == 2)
            await ann.stop()
            assert kit.sandbox.present(meeting_id) == []

    asyncio.run(story())
