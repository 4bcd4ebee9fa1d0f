"""RealtimeKit's REST API as we use it: one method for each endpoint, in our own records and errors.

Nothing is ever repeated in here. After OutcomeUnknown the caller looks (`find_meetings`, `participants`,
`active_recording`) before it asks for something to be made again. A read that fails may simply be repeated.
"""

from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, Literal, TypeVar

from orchestrator.errors import Conflict, NotFound, Refused
from orchestrator.realtimekit.answers import listing, mapping
from orchestrator.realtimekit.calls import Calls, OnCall, Request, checking
from orchestrator.realtimekit.loop import LoopThread
from orchestrator.realtimekit.paging import PER_PAGE, all_pages, one_page
from orchestrator.realtimekit.priority import Priority
from orchestrator.realtimekit.quota import Quota
from orchestrator.realtimekit.records import (
    MeetingRecord,
    ParticipantRecord,
    PeerRecord,
    PresetRecord,
    RecordingRecord,
    SessionRecord,
    WebhookRecord,
    required,
)
from orchestrator.settings import Settings

T = TypeVar("T")

RecordingStatus = Literal["INVOKED", "RECORDING", "UPLOADING", "UPLOADED", "ERRORED", "PAUSED"]

SHORTEST_RECORDING, LONGEST_RECORDING = 60, 86_400
"""The seconds that RealtimeKit takes as `max_seconds` (RealtimeKit docs)."""
RUNNING: list[RecordingStatus] = ["INVOKED", "RECORDING", "PAUSED"]
STOPPED = frozenset({"UPLOADING", "UPLOADED", "ERRORED"})


class RealtimeKit:
    """All coroutines run on this object's own loop thread: hand them to `run` or `submit`.

    Every method raises TryAgain (nothing happened), OutcomeUnknown (it may have) or Refused (it never will), and takes
    a `priority` for when the quota is short. `on_call(operation, outcome, seconds)` is told of each call that was made.
    """

    def __init__(self, settings: Settings, quota: Quota, on_call: OnCall | None = None) -> None:
        self._app: dict[str, Any] = {
            "account_id": settings.realtimekit_account_id,
            "app_id": settings.realtimekit_app_id,
        }
        self._quota = quota
        self._call = Calls(settings, quota, on_call)
        self._loop = LoopThread("realtimekit")

    def run(self, coroutine: Coroutine[Any, Any, T], before_send: Callable[[], None] | None = None) -> T:
        """Wait, in any thread but the loop's own, for what `coroutine` gives.

        `before_send` is called on the loop's thread before each of its calls takes of the quota, and again before it
        goes out, after all queueing: what it raises holds the call back. Whoever works under a lease checks there that
        the lease still lasts.
        """
        with checking(before_send):
            return self._loop.run(coroutine)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin `coroutine`; another event loop awaits it through `asyncio.wrap_future`."""
        return self._loop.submit(coroutine)

    def close(self) -> None:
        """Cancel calls still out (their outcome is unknown) and end the loop's thread, for good."""
        self._loop.close(last=self._close)

    def has_answered_since(self, monotonic: float) -> bool:
        """Whether RealtimeKit has answered any call of this process since then."""
        return self._call.answered_at >= monotonic

    async def calls_in_window(self) -> int:
        """How many calls the quota has let go out of late; raises RedisError or OSError."""
        return await self._quota.used()

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

    async def presets(self, *, priority: Priority = Priority.POLLING) -> list[PresetRecord]:
        """The presets that people can be admitted with."""
        found = await self._all(
            "presets",
            priority,
            lambda page: lambda kit: kit.presets.with_raw_response.get(**self._app, page_no=page, per_page=PER_PAGE),
        )
        return [PresetRecord.read(item) for item in found]

    async def preset(self, preset_id: str, *, priority: Priority = Priority.POLLING) -> PresetRecord:
        """One preset, with what it permits."""
        answer = await self._call(
            "preset",
            priority,
            lambda kit: kit.presets.with_raw_response.get_preset_by_id(preset_id, **self._app),
            preset_id,
        )
        return PresetRecord.read(mapping(answer, "data"))

    async def preset_names(self, *, priority: Priority = Priority.POLLING) -> set[str]:
        """How the presets are called."""
        return {preset.name for preset in await self.presets(priority=priority) if preset.name}

    async def webhooks(self, *, priority: Priority = Priority.POLLING) -> list[WebhookRecord]:
        """The app's webhooks; RealtimeKit does not page these."""
        answer = await self._call(
            "webhooks", priority, lambda kit: kit.webhooks.with_raw_response.get_webhooks(**self._app)
        )
        return [WebhookRecord.read(item) for item in listing(answer, "data")]

    async def create_webhook(
        self, name: str, url: str, events: Sequence[str], *, priority: Priority = Priority.POLLING
    ) -> WebhookRecord:
        """Have RealtimeKit tell `url` of `events`."""
        fields: dict[str, Any] = {"name": name, "url": url, "events": list(events)}
        answer = await self._call(
            "create_webhook",
            priority,
            lambda kit: kit.webhooks.with_raw_response.create_webhook(**self._app, **fields),
            name,
        )
        return WebhookRecord.read(mapping(answer, "data"))

    async def update_webhook(
        self, webhook_id: str, *, url: str, events: Sequence[str], priority: Priority = Priority.POLLING
    ) -> None:
        """Point a webhook elsewhere and switch it on."""
        fields: dict[str, Any] = {"url": url, "events": list(events), "enabled": True}
        await self._call(
            "update_webhook",
            priority,
            lambda kit: kit.webhooks.with_raw_response.edit_webhook(webhook_id, **self._app, **fields),
            webhook_id,
        )

    async def _all(
        self,
        operation: str,
        priority: Priority,
        request: Callable[[int], Request],
        *what: str,
        path: Sequence[str] = ("data",),
    ) -> list[dict[str, Any]]:
        """Every item of a paged list; each page is a call of its own."""
        return await all_pages(lambda page: self._call(operation, priority, request(page), *what, page), *path)

    async def _close(self) -> None:
        await self._call.close()
        await self._quota.close()
