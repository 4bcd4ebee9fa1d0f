"""Live sessions of an app's meetings, and who is in them."""

from collections.abc import Sequence

from orchestrator.errors import NotFound
from orchestrator.realtimekit.answers import object_at
from orchestrator.realtimekit.connection import Connection
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.records import PeerRecord, PollText, SessionRecord


class SessionClient(Connection):
    """Live sessions and their peers."""

    async def active_session(self, meeting_id: str, *, priority: Priority = Priority.POLLING) -> SessionRecord | None:
        """Return the meeting's live session; None when nobody is there."""
        try:
            body = await self._call(
                "active_session",
                priority,
                lambda kit: kit.active_session.get_active_session(meeting_id, **self._app),
                meeting_id,
            )
        except NotFound:
            return None
        return SessionRecord.read(object_at(body, "data"))

    async def live_sessions(self, *, priority: Priority = Priority.POLLING) -> list[SessionRecord]:
        """Return the live sessions of all the app's meetings, also of those that are not ours."""
        found = await self._all(
            "live_sessions",
            priority,
            lambda page: lambda kit: kit.sessions.get_sessions(**self._app, status="LIVE", **page),
            path=("data", "sessions"),
        )
        return [SessionRecord.read(item) for item in found if item.get("status") == "LIVE"]

    async def session_peers(self, session_id: str, *, priority: Priority = Priority.POLLING) -> list[PeerRecord]:
        """Return every peer that was ever in the session; which view an API gives unasked is undocumented."""
        found = await self._all(
            "session_peers",
            priority,
            lambda page: lambda kit: kit.sessions.get_session_participants(session_id, **self._app, view="raw", **page),
            session_id,
            path=("data", "participants"),
        )
        return [PeerRecord.read(item) for item in found]

    async def create_poll(self, meeting_id: str, poll: PollText, *, priority: Priority = Priority.MOVING) -> None:
        """Ask the people of the live session. Raises NotFound when nobody is there.

        Nothing tells afterwards whether a poll was made (RealtimeKit docs), so a call without an answer must not be
        repeated.
        """
        await self._call(
            "create_poll",
            priority,
            lambda kit: kit.active_session.create_poll(
                meeting_id,
                **self._app,
                question=poll.question,
                options=list(poll.options),
                anonymous=poll.anonymous,
                hide_votes=poll.hide_votes,
            ),
            meeting_id,
            poll.question,
        )

    async def kick(
        self, meeting_id: str, custom_participant_ids: Sequence[str], *, priority: Priority = Priority.CLOSING
    ) -> None:
        """Put these people out of the live session; counts as done when nobody is there.

        Whether one person who is not there lets the whole call fail is undocumented. So after a 404 each is put out by
        a call of their own.
        """
        ids = list(custom_participant_ids)
        if not ids:
            return
        try:
            await self._call(
                "kick",
                priority,
                lambda kit: kit.active_session.kick_participants(meeting_id, **self._app, custom_participant_ids=ids),
                meeting_id,
                *ids[:1],
            )
        except NotFound:
            for one in ids if len(ids) > 1 else ():
                await self.kick(meeting_id, [one], priority=priority)

    async def kick_record(self, meeting_id: str, participant_id: str, *, priority: Priority = Priority.MOVING) -> None:
        """Put whoever has come with this record out of the live session; counts as done when nobody has."""
        try:
            await self._call(
                "kick",
                priority,
                lambda kit: kit.active_session.kick_participants(
                    meeting_id, **self._app, participant_ids=[participant_id]
                ),
                meeting_id,
                participant_id,
            )
        except NotFound:
            return

    async def kick_all(self, meeting_id: str, *, priority: Priority = Priority.CLOSING) -> None:
        """Put everybody out of the live session; counts as done when there is none."""
        try:
            await self._call(
                "kick_all",
                priority,
                lambda kit: kit.active_session.kick_all_participants(meeting_id, **self._app),
                meeting_id,
            )
        except NotFound:
            return
