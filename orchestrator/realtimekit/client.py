"""RealtimeKit's REST API as we use it: one method for each endpoint, in our own records and errors.

Nothing is ever repeated in here. After OutcomeUnknown the caller looks (`find_meetings`, `participants`,
`active_recording`) before it asks for something to be made again. A read that fails may simply be repeated.
"""

from collections.abc import Sequence
from typing import Literal

from orchestrator.errors import Conflict, NotFound, Refused
from orchestrator.realtimekit.answers import mapping
from orchestrator.realtimekit.app_client import AppClient
from orchestrator.realtimekit.paging import PER_PAGE, one_page
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import (
    MeetingRecord,
    ParticipantRecord,
    PeerRecord,
    RecordingRecord,
    SessionRecord,
    required,
)

RecordingStatus = Literal["INVOKED", "RECORDING", "UPLOADING", "UPLOADED", "ERRORED", "PAUSED"]

SHORTEST_RECORDING, LONGEST_RECORDING = 60, 86_400
"""The seconds that RealtimeKit takes as `max_seconds` (RealtimeKit docs)."""
RUNNING: list[RecordingStatus] = ["INVOKED", "RECORDING", "PAUSED"]
STOPPED = frozenset({"UPLOADING", "UPLOADED", "ERRORED"})


class RealtimeKit(AppClient):
    """All coroutines run on this object's own loop thread: hand them to `run` or `submit`.

    Every method raises TryAgain (nothing happened), OutcomeUnknown (it may have) or Refused (it never will), and takes
    a `priority` for when the quota is short. `on_call(operation, outcome, seconds)` is told of each call that was made.
    """

    async def create_meeting(
        self, title: str, *, keep_alive_seconds: int = 600, priority: Priority = Priority.OPENING
    ) -> MeetingRecord:
        """Make a meeting whose session outlives its last participant by `keep_alive_seconds` (60 to 600)."""
        answer = await self._call(
            "create_meeting",
            priority,
            lambda kit: kit.meetings.with_raw_response.create(
                **self._app, title=title, session_keep_alive_time_in_secs=keep_alive_seconds
            ),
            title,
        )
        return MeetingRecord.read(mapping(answer, "data"))

    async def find_meetings(self, search: str, *, priority: Priority = Priority.OPENING) -> list[MeetingRecord]:
        """ACTIVE meetings that RealtimeKit's search finds; how it matches is undocumented, so compare the titles."""
        found = await self._all(
            "find_meetings",
            priority,
            lambda page: (
                lambda kit: kit.meetings.with_raw_response.get(
                    **self._app, search=search, status="ACTIVE", page_no=page, per_page=PER_PAGE
                )
            ),
            search,
        )
        meetings = [MeetingRecord.read(item) for item in found]
        return [meeting for meeting in meetings if meeting.status == "ACTIVE"]

    async def meetings_page(
        self, page: int, *, priority: Priority = Priority.POLLING
    ) -> tuple[list[MeetingRecord], bool]:
        """ACTIVE meetings of everybody, a page (from 1) at a time, and whether that page is the last."""
        found, is_last = await one_page(
            lambda number: self._call(
                "meetings",
                priority,
                lambda kit: kit.meetings.with_raw_response.get(
                    **self._app, status="ACTIVE", page_no=number, per_page=PER_PAGE
                ),
                number,
            ),
            page,
            "data",
        )
        return [MeetingRecord.read(item) for item in found], is_last

    async def running_recordings(self, *, priority: Priority = Priority.POLLING) -> list[RecordingRecord]:
        """All recordings of everybody that have not been stopped."""
        found = await self._all(
            "running_recordings",
            priority,
            lambda page: (
                lambda kit: kit.recordings.with_raw_response.get_recordings(
                    **self._app, status=RUNNING, page_no=page, per_page=PER_PAGE
                )
            ),
        )
        return [record for record in map(RecordingRecord.read, found) if record.status in RUNNING]

    async def get_meeting(self, meeting_id: str, *, priority: Priority = Priority.OPENING) -> MeetingRecord:
        """One meeting; NotFound when there is none."""
        answer = await self._call(
            "get_meeting",
            priority,
            lambda kit: kit.meetings.with_raw_response.get_meeting_by_id(meeting_id, **self._app),
            meeting_id,
        )
        return MeetingRecord.read(mapping(answer, "data"))

    async def rename_meeting(self, meeting_id: str, title: str, *, priority: Priority = Priority.OPENING) -> None:
        """Give it another title. Repeat freely."""
        await self._call(
            "rename_meeting",
            priority,
            lambda kit: kit.meetings.with_raw_response.update_meeting_by_id(meeting_id, **self._app, title=title),
            meeting_id,
        )

    async def retire_meeting(self, meeting_id: str, *, priority: Priority = Priority.CLOSING) -> None:
        """Make it INACTIVE, so that nobody joins any more; there is no deleting. Repeat freely."""
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
        """Admit a person, with a token; the nameless can't join (RealtimeKit bug), so the id stands in for a name."""
        answer = await self._call(
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
        data = mapping(answer, "data")
        required(data, "token")
        return ParticipantRecord.read({**data, "custom_participant_id": custom_participant_id})

    async def participants(self, meeting_id: str, *, priority: Priority = Priority.OPENING) -> list[ParticipantRecord]:
        """Everybody admitted to the meeting, without tokens; RealtimeKit has no search here."""
        found = await self._all(
            "participants",
            priority,
            lambda page: (
                lambda kit: kit.meetings.with_raw_response.get_meeting_participants(
                    meeting_id, **self._app, page_no=page, per_page=PER_PAGE
                )
            ),
            meeting_id,
        )
        return [ParticipantRecord.read(item) for item in found]

    async def refresh_token(self, meeting_id: str, participant_id: str, *, priority: Priority = Priority.MOVING) -> str:
        """A new token for somebody admitted before; whether the old one still works is undocumented."""
        answer = await self._call(
            "refresh_token",
            priority,
            lambda kit: kit.meetings.with_raw_response.refresh_participant_token(
                participant_id, **self._app, meeting_id=meeting_id
            ),
            meeting_id,
            participant_id,
        )
        return required(mapping(answer, "data"), "token")

    async def start_recording(
        self, meeting_id: str, *, max_seconds: int, file_name_prefix: str, priority: Priority = Priority.MOVING
    ) -> RecordingRecord:
        """Record the meeting's live session; refused while nobody is there or while a recording runs."""
        seconds = min(max(max_seconds, SHORTEST_RECORDING), LONGEST_RECORDING)
        answer = await self._call(
            "start_recording",
            priority,
            lambda kit: kit.recordings.with_raw_response.start_recordings(
                **self._app, meeting_id=meeting_id, max_seconds=seconds, file_name_prefix=file_name_prefix
            ),
            meeting_id,
        )
        return RecordingRecord.read(mapping(answer, "data"))

    async def active_recording(
        self, meeting_id: str, *, priority: Priority = Priority.MOVING
    ) -> RecordingRecord | None:
        """The recording that runs in the meeting, if any."""
        try:
            answer = await self._call(
                "active_recording",
                priority,
                lambda kit: kit.recordings.with_raw_response.get_active_recordings(meeting_id, **self._app),
                meeting_id,
            )
        except NotFound:
            return None
        return RecordingRecord.read(mapping(answer, "data"))

    async def stop_recording(
        self, recording_id: str, *, priority: Priority = Priority.CLOSING
    ) -> RecordingRecord | None:
        """Stop it; None or its present state when it had stopped before. Repeat freely.

        How RealtimeKit refuses a second stop is undocumented: after a refusal the recording's own state decides.
        """
        try:
            answer = await self._call(
                "stop_recording",
                priority,
                lambda kit: kit.recordings.with_raw_response.pause_resume_stop_recording(
                    recording_id, **self._app, action="stop"
                ),
                recording_id,
            )
        except (NotFound, Conflict):
            return None
        except Refused:
            record = await self.recording(recording_id, priority=priority)
            if record.status in STOPPED:
                return record
            raise
        return RecordingRecord.read(mapping(answer, "data"))

    async def recording(self, recording_id: str, *, priority: Priority = Priority.POLLING) -> RecordingRecord:
        """One recording as it stands."""
        answer = await self._call(
            "recording",
            priority,
            lambda kit: kit.recordings.with_raw_response.get_one_recording(recording_id, **self._app),
            recording_id,
        )
        return RecordingRecord.read(mapping(answer, "data"))

    async def kick(
        self, meeting_id: str, custom_participant_ids: Sequence[str], *, priority: Priority = Priority.CLOSING
    ) -> None:
        """Throw these people out of the live session; nobody there counts as done."""
        if not custom_participant_ids:
            return
        try:
            await self._call(
                "kick",
                priority,
                lambda kit: kit.active_session.with_raw_response.kick_participants(
                    meeting_id, **self._app, custom_participant_ids=list(custom_participant_ids)
                ),
                meeting_id,
            )
        except NotFound:
            return

    async def kick_all(self, meeting_id: str, *, priority: Priority = Priority.CLOSING) -> None:
        """Empty the live session; no session counts as done."""
        try:
            await self._call(
                "kick_all",
                priority,
                lambda kit: kit.active_session.with_raw_response.kick_all_participants(meeting_id, **self._app),
                meeting_id,
            )
        except NotFound:
            return

    async def active_session(self, meeting_id: str, *, priority: Priority = Priority.POLLING) -> SessionRecord | None:
        """The meeting's live session; None when nobody is there."""
        try:
            answer = await self._call(
                "active_session",
                priority,
                lambda kit: kit.active_session.with_raw_response.get_active_session(meeting_id, **self._app),
                meeting_id,
            )
        except NotFound:
            return None
        return SessionRecord.read(mapping(answer, "data"))

    async def live_sessions(self, *, priority: Priority = Priority.POLLING) -> list[SessionRecord]:
        """The live sessions of all the app's meetings, ours or not."""
        found = await self._all(
            "live_sessions",
            priority,
            lambda page: (
                lambda kit: kit.sessions.with_raw_response.get_sessions(
                    **self._app, status="LIVE", page_no=page, per_page=PER_PAGE
                )
            ),
            path=("data", "sessions"),
        )
        return [SessionRecord.read(item) for item in found if item.get("status") == "LIVE"]

    async def session_peers(self, session_id: str, *, priority: Priority = Priority.POLLING) -> list[PeerRecord]:
        """Every connection that the session has seen, also those that have left."""
        found = await self._all(
            "session_peers",
            priority,
            lambda page: (
                lambda kit: kit.sessions.with_raw_response.get_session_participants(
                    session_id, **self._app, page_no=page, per_page=PER_PAGE
                )
            ),
            session_id,
            path=("data", "participants"),
        )
        return [PeerRecord.read(item) for item in found]
