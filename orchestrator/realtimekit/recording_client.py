"""Recordings of an app's meetings."""

import asyncio
from typing import Literal

from orchestrator.errors import Conflict, NotFound, Refused, TryAgain
from orchestrator.realtimekit.answers import object_at
from orchestrator.realtimekit.connection import Connection
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import RecordingRecord

RecordingStatus = Literal["INVOKED", "RECORDING", "UPLOADING", "UPLOADED", "ERRORED", "PAUSED"]

MIN_RECORDING_SECONDS, MAX_RECORDING_SECONDS = 60, 86_400
"""The limits of `max_seconds` (RealtimeKit docs)."""
RUNNING: list[RecordingStatus] = ["INVOKED", "RECORDING", "PAUSED"]
STOPPED = frozenset({"UPLOADING", "UPLOADED", "ERRORED"})


class RecordingClient(Connection):
    """Recordings: start, find, stop."""

    async def start_recording(
        self, meeting_id: str, *, max_seconds: int, file_name_prefix: str, priority: Priority = Priority.MOVING
    ) -> RecordingRecord:
        """Record the meeting's live session; refused while nobody is there or a recording runs.

        `max_seconds` is limited to the range from MIN_RECORDING_SECONDS to MAX_RECORDING_SECONDS.
        """
        seconds = min(max(max_seconds, MIN_RECORDING_SECONDS), MAX_RECORDING_SECONDS)
        body = await self._call(
            "start_recording",
            priority,
            lambda kit: kit.recordings.start_recordings(
                **self._app, meeting_id=meeting_id, max_seconds=seconds, file_name_prefix=file_name_prefix
            ),
            meeting_id,
        )
        return RecordingRecord.read(object_at(body, "data"))

    async def active_recording(
        self, meeting_id: str, *, priority: Priority = Priority.MOVING
    ) -> RecordingRecord | None:
        """Return the recording that runs in the meeting, if any."""
        try:
            body = await self._call(
                "active_recording",
                priority,
                lambda kit: kit.recordings.get_active_recordings(meeting_id, **self._app),
                meeting_id,
            )
        except NotFound:
            return None
        return RecordingRecord.read(object_at(body, "data"))

    async def recording(self, recording_id: str, *, priority: Priority = Priority.POLLING) -> RecordingRecord:
        """Return one recording."""
        body = await self._call(
            "recording",
            priority,
            lambda kit: kit.recordings.get_one_recording(recording_id, **self._app),
            recording_id,
        )
        return RecordingRecord.read(object_at(body, "data"))

    async def running_recordings(self, *, priority: Priority = Priority.POLLING) -> list[RecordingRecord]:
        """Return all recordings of the app that have not stopped.

        There are two documented ways to ask for several statuses in one call, so each is asked for by itself.
        """
        found = await asyncio.gather(*(self._recordings(status, priority) for status in RUNNING))
        return [record for records in found for record in records]

    async def _recordings(self, status: RecordingStatus, priority: Priority) -> list[RecordingRecord]:
        found = await self._all(
            "running_recordings",
            priority,
            lambda page: lambda kit: kit.recordings.get_recordings(**self._app, status=[status], **page),
            status,
        )
        return [record for record in map(RecordingRecord.read, found) if record.status == status]

    async def set_recording_paused(
        self, recording_id: str, *, paused: bool, priority: Priority = Priority.MOVING
    ) -> RecordingRecord:
        """Pause a recording or resume it. Safe to repeat. Raises TryAgain for one that has not begun yet.

        How RealtimeKit refuses a second pause is undocumented. So after a refusal the status of the recording decides.
        """
        try:
            body = await self._call(
                "pause_recording" if paused else "resume_recording",
                priority,
                lambda kit: kit.recordings.pause_resume_stop_recording(
                    recording_id, **self._app, action="pause" if paused else "resume"
                ),
                recording_id,
            )
        except NotFound:
            raise
        except Refused:
            record = await self.recording(recording_id, priority=priority)
            if record.status in STOPPED or record.status == ("PAUSED" if paused else "RECORDING"):
                return record
            if record.status == "INVOKED":
                raise TryAgain("the recording has not begun yet") from None
            raise
        return RecordingRecord.read(object_at(body, "data"))

    async def stop_recording(
        self, recording_id: str, *, priority: Priority = Priority.CLOSING
    ) -> RecordingRecord | None:
        """Stop a recording; None, or its present state, when it had stopped before. Safe to repeat.

        How RealtimeKit refuses a second stop is undocumented. So after a refusal the status of the recording decides.
        """
        try:
            body = await self._call(
                "stop_recording",
                priority,
                lambda kit: kit.recordings.pause_resume_stop_recording(recording_id, **self._app, action="stop"),
                recording_id,
            )
        except (NotFound, Conflict):
            return None
        except Refused:
            record = await self.recording(recording_id, priority=priority)
            if record.status in STOPPED:
                return record
            raise
        return RecordingRecord.read(object_at(body, "data"))
