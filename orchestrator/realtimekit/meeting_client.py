"""Meetings of an app and the participants that they admit."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator.errors import NotFound, Refused
from orchestrator.realtimekit.answers import object_at
from orchestrator.realtimekit.connection import Connection
from orchestrator.realtimekit.paging import Fetch, Page
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.recent import created_since
from orchestrator.realtimekit.records import MeetingRecord, ParticipantRecord, required, text
from orchestrator.realtimekit.sdk import Request
from schemas.texts import shows_nothing

CLOCK_MARGIN = timedelta(minutes=10)
"""How far RealtimeKit's clock may be behind that of our database.

It also covers a doubt, which is noted up to one pass later than its first call was sent.
"""


class MeetingClient(Connection):
    """Meetings and their participants."""

    async def create_meeting(
        self, title: str, *, keep_alive_seconds: int = 600, priority: Priority = Priority.OPENING
    ) -> MeetingRecord:
        """Create a meeting whose session outlives its last participant by `keep_alive_seconds` (60 to 600)."""
        body = await self._call(
            "create_meeting",
            priority,
            lambda kit: kit.meetings.create(
                **self._app, title=title, session_keep_alive_time_in_secs=keep_alive_seconds
            ),
            title,
        )
        return MeetingRecord.read(object_at(body, "data"))

    async def find_meetings(self, search: str, *, priority: Priority = Priority.OPENING) -> list[MeetingRecord]:
        """Return the ACTIVE meetings on the first page that a search gives.

        How it matches is undocumented: compare their titles. One page is enough for what has the text in its title, and
        an API that ignores `search` gives all meetings there are.
        """
        found = await self._page_of_meetings("find_meetings", 1, priority, search=search)
        return _active(found.items)

    async def meetings_since(
        self, since: datetime, *, by_start_time: bool, priority: Priority = Priority.OPENING
    ) -> list[MeetingRecord]:
        """Return the ACTIVE meetings that were created since then by our clock, as RealtimeKit's list shows them.

        Meetings that are older by up to CLOCK_MARGIN are among them, because RealtimeKit's clock may differ from ours.

        With `by_start_time` RealtimeKit is told so. Which time of a meeting it compares is undocumented: it could be
        that of its session, and a meeting that nobody has joined has none.
        """
        since -= CLOCK_MARGIN
        when = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        fetch = self._meetings("meetings_since", priority, **({"start_time": when} if by_start_time else {}))
        return _active(await created_since(self._pager, "meetings_since", fetch, since))

    async def meetings_page(
        self, page: int, *, priority: Priority = Priority.POLLING
    ) -> tuple[list[MeetingRecord], bool]:
        """Return one page (from 1) of all ACTIVE meetings of the app, and whether it is the last."""
        found = await self._page_of_meetings("meetings", page, priority)
        return [MeetingRecord.read(item) for item in found.items], found.is_last

    async def _page_of_meetings(self, operation: str, number: int, priority: Priority, **filters: str) -> Page:
        return await self._pager.page(operation, self._meetings(operation, priority, **filters), number, "data")

    def _meetings(self, operation: str, priority: Priority, **filters: Any) -> Fetch:
        """Return what fetches a page of the ACTIVE meetings that pass these filters."""

        def request(page: Mapping[str, Any]) -> Request:
            return lambda kit: kit.meetings.get(**self._app, status="ACTIVE", **filters, **page)

        return self._pages(operation, priority, request, *filters.values())

    async def get_meeting(self, meeting_id: str, *, priority: Priority = Priority.OPENING) -> MeetingRecord:
        """Return one meeting; NotFound when there is none."""
        body = await self._call(
            "get_meeting",
            priority,
            lambda kit: kit.meetings.get_meeting_by_id(meeting_id, **self._app),
            meeting_id,
        )
        return MeetingRecord.read(object_at(body, "data"))

    async def rename_meeting(self, meeting_id: str, title: str, *, priority: Priority = Priority.OPENING) -> None:
        """Give a meeting another title; safe to repeat."""
        await self._call(
            "rename_meeting",
            priority,
            lambda kit: kit.meetings.update_meeting_by_id(meeting_id, **self._app, title=title),
            meeting_id,
        )

    async def restore_meeting(self, meeting_id: str, *, priority: Priority = Priority.OPENING) -> None:
        """Make a meeting ACTIVE again, which keeps its participants and their tokens. Safe to repeat."""
        await self._call(
            "restore_meeting",
            priority,
            lambda kit: kit.meetings.update_meeting_by_id(meeting_id, **self._app, status="ACTIVE"),
            meeting_id,
        )

    async def retire_meeting(self, meeting_id: str, *, priority: Priority = Priority.CLOSING) -> None:
        """Make a meeting INACTIVE, so that nobody can join; meetings can't be deleted. Safe to repeat.

        What RealtimeKit answers to a repetition is undocumented. So after a refusal the status of the meeting decides.
        """
        try:
            await self._call(
                "retire_meeting",
                priority,
                lambda kit: kit.meetings.update_meeting_by_id(meeting_id, **self._app, status="INACTIVE"),
                meeting_id,
            )
        except NotFound:
            return
        except Refused:
            if (await self.get_meeting(meeting_id, priority=priority)).status != "INACTIVE":
                raise

    async def add_participant(
        self,
        meeting_id: str,
        *,
        custom_participant_id: str,
        name: str,
        preset_name: str,
        priority: Priority = Priority.OPENING,
    ) -> ParticipantRecord:
        """Admit a person and return their token.

        A person without a name could not join (a bug of RealtimeKit), so their id is sent in place of one that shows
        nothing.
        """
        body = await self._call(
            "add_participant",
            priority,
            lambda kit: kit.meetings.add_participant(
                meeting_id,
                **self._app,
                custom_participant_id=custom_participant_id,
                preset_name=preset_name,
                name=custom_participant_id if shows_nothing(name) else name.strip(),
            ),
            meeting_id,
            custom_participant_id,
        )
        data = object_at(body, "data")
        required(data, "token")
        return ParticipantRecord.read({**data, "custom_participant_id": custom_participant_id})

    async def participants(self, meeting_id: str, *, priority: Priority = Priority.OPENING) -> list[ParticipantRecord]:
        """Return everybody admitted to the meeting, without tokens; RealtimeKit can't search them."""
        found = await self._all(
            "participants",
            priority,
            lambda page: lambda kit: kit.meetings.get_meeting_participants(meeting_id, **self._app, **page),
            meeting_id,
        )
        return [ParticipantRecord.read(item) for item in found]

    async def refresh_token(self, meeting_id: str, participant_id: str, *, priority: Priority = Priority.MOVING) -> str:
        """Return a new token for an admitted person; whether the old one still works is undocumented."""
        body = await self._call(
            "refresh_token",
            priority,
            lambda kit: kit.meetings.refresh_participant_token(participant_id, **self._app, meeting_id=meeting_id),
            meeting_id,
            participant_id,
        )
        return required(object_at(body, "data"), "token")

    async def delete_participant(
        self, meeting_id: str, participant_id: str, *, priority: Priority = Priority.MOVING
    ) -> None:
        """Delete a record, so that its tokens admit nobody any more; counts as done when there is none.

        Somebody who has joined stays: whether they are put out is undocumented.
        """
        try:
            await self._call(
                "delete_participant",
                priority,
                lambda kit: kit.meetings.delete_meeting_participant(participant_id, **self._app, meeting_id=meeting_id),
                meeting_id,
                participant_id,
            )
        except NotFound:
            return

    async def edit_participant(
        self, meeting_id: str, participant_id: str, *, name: str, preset_name: str, priority: Priority = Priority.MOVING
    ) -> str | None:
        """Give a record another name and preset. Return the new token, which RealtimeKit documents; safe to repeat.

        Whether the change reaches somebody who has joined already is undocumented.
        """
        body = await self._call(
            "edit_participant",
            priority,
            lambda kit: kit.meetings.edit_participant(
                participant_id, **self._app, meeting_id=meeting_id, name=name, preset_name=preset_name
            ),
            meeting_id,
            participant_id,
        )
        return text(object_at(body, "data"), "token")


def _active(items: Sequence[Mapping[str, Any]]) -> list[MeetingRecord]:
    return [meeting for meeting in map(MeetingRecord.read, items) if meeting.status == "ACTIVE"]
