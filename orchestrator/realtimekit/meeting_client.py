"""Meetings of an app and the participants that they admit."""

from orchestrator.errors import NotFound
from orchestrator.realtimekit.answers import object_at
from orchestrator.realtimekit.connection import Connection
from orchestrator.realtimekit.paging import ITEMS_PER_PAGE, one_page
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import MeetingRecord, ParticipantRecord, required


class MeetingClient(Connection):
    """Meetings and their participants."""

    async def create_meeting(
        self, title: str, *, keep_alive_seconds: int = 600, priority: Priority = Priority.OPENING
    ) -> MeetingRecord:
        """Create a meeting whose session outlives its last participant by `keep_alive_seconds` (60 to 600)."""
        body = await self._call(
            "create_meeting",
            priority,
            lambda kit: kit.meetings.with_raw_response.create(
                **self._app, title=title, session_keep_alive_time_in_secs=keep_alive_seconds
            ),
            title,
        )
        return MeetingRecord.read(object_at(body, "data"))

    async def find_meetings(self, search: str, *, priority: Priority = Priority.OPENING) -> list[MeetingRecord]:
        """Return the ACTIVE meetings that a search finds; compare their titles, as its matching is undocumented."""
        found = await self._all(
            "find_meetings",
            priority,
            lambda page: (
                lambda kit: kit.meetings.with_raw_response.get(
                    **self._app, search=search, status="ACTIVE", page_no=page, per_page=ITEMS_PER_PAGE
                )
            ),
            search,
        )
        meetings = [MeetingRecord.read(item) for item in found]
        return [meeting for meeting in meetings if meeting.status == "ACTIVE"]

    async def meetings_page(
        self, page: int, *, priority: Priority = Priority.POLLING
    ) -> tuple[list[MeetingRecord], bool]:
        """Return one page (from 1) of all ACTIVE meetings of the app, and whether it is the last."""
        found, is_last = await one_page(
            lambda number: self._call(
                "meetings",
                priority,
                lambda kit: kit.meetings.with_raw_response.get(
                    **self._app, status="ACTIVE", page_no=number, per_page=ITEMS_PER_PAGE
                ),
                number,
            ),
            page,
            "data",
        )
        return [MeetingRecord.read(item) for item in found], is_last

    async def get_meeting(self, meeting_id: str, *, priority: Priority = Priority.OPENING) -> MeetingRecord:
        """Return one meeting; NotFound when there is none."""
        body = await self._call(
            "get_meeting",
            priority,
            lambda kit: kit.meetings.with_raw_response.get_meeting_by_id(meeting_id, **self._app),
            meeting_id,
        )
        return MeetingRecord.read(object_at(body, "data"))

    async def rename_meeting(self, meeting_id: str, title: str, *, priority: Priority = Priority.OPENING) -> None:
        """Give a meeting another title; safe to repeat."""
        await self._call(
            "rename_meeting",
            priority,
            lambda kit: kit.meetings.with_raw_response.update_meeting_by_id(meeting_id, **self._app, title=title),
            meeting_id,
        )

    async def retire_meeting(self, meeting_id: str, *, priority: Priority = Priority.CLOSING) -> None:
        """Make a meeting INACTIVE, so that nobody can join; meetings can't be deleted. Safe to repeat."""
        try:
            await self._call(
                "retire_meeting",
                priority,
                lambda kit: kit.meetings.with_raw_response.update_meeting_by_id(
                    meeting_id, **self._app, status="INACTIVE"
                ),
                meeting_id,
            )
        except NotFound:
            return

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

        A person without a name could not join (a bug of RealtimeKit), so their id is sent in place of a blank name.
        """
        body = await self._call(
            "add_participant",
            priority,
            lambda kit: kit.meetings.with_raw_response.add_participant(
                meeting_id,
                **self._app,
                custom_participant_id=custom_participant_id,
                preset_name=preset_name,
                name=name.strip() or custom_participant_id,
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
            lambda page: (
                lambda kit: kit.meetings.with_raw_response.get_meeting_participants(
                    meeting_id, **self._app, page_no=page, per_page=ITEMS_PER_PAGE
                )
            ),
            meeting_id,
        )
        return [ParticipantRecord.read(item) for item in found]

    async def refresh_token(self, meeting_id: str, participant_id: str, *, priority: Priority = Priority.MOVING) -> str:
        """Return a new token for an admitted person; whether the old one still works is undocumented."""
        body = await self._call(
            "refresh_token",
            priority,
            lambda kit: kit.meetings.with_raw_response.refresh_participant_token(
                participant_id, **self._app, meeting_id=meeting_id
            ),
            meeting_id,
            participant_id,
        )
        return required(object_at(body, "data"), "token")
