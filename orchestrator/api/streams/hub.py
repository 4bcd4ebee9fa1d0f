"""What all streams of a process share: subscription, reading threads, the check of their callers, and the end."""

import asyncio
from contextlib import suppress

from orchestrator.api.callers import Callers
from orchestrator.api.crowd.desk import Desk
from orchestrator.api.streams.changed_ids import ChangedIds
from orchestrator.api.streams.log_listeners import LogListeners
from orchestrator.api.streams.meeting_listeners import MeetingListeners
from orchestrator.api.streams.room_counts import RoomCounts
from orchestrator.api.streams.seat_listeners import SeatListeners
from orchestrator.api.streams.subscription import Subscription
from orchestrator.services.deps import Deps
from schemas.events import Topic


class Hub:
    """Wakes streams when there is something to send. Only the database reads leave the event loop."""

    def __init__(self, deps: Deps, callers: Callers, desk: Desk) -> None:
        self.ending = False
        self.desk = desk
        self._callers = callers
        self.seats = SeatListeners(deps, desk)
        self.counts = RoomCounts(deps, desk.readers, self.seats)
        self.logs = LogListeners(deps, desk.readers)
        self.meetings = MeetingListeners(deps, desk.readers)
        self._subscription = Subscription(
            deps.settings.broker,
            lambda: deps.broker.keys,
            {
                Topic.SEATS: [self.seats.changed_meetings, self.counts.changed_meetings],
                Topic.MEETING: [self.meetings.changed_meetings],
                Topic.BREAKOUT: [self.seats.changed_breakouts, self.logs.changed_breakouts],
            },
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the subscription and the reads."""
        running = (
            self._subscription.run(),
            self.seats.changed_meetings.follow(self.seats.read_seats),
            self.counts.changed_meetings.follow(self.counts.look),
            self.seats.changed_breakouts.follow(self.seats.read_logs),
            self.logs.changed_breakouts.follow(self.logs.read_heads),
            self.meetings.changed_meetings.follow(self.meetings.read),
            ChangedIds().follow(self._check_callers),
        )
        self._tasks = [asyncio.create_task(one) for one in running]

    @property
    def streams(self) -> int:
        """The number of open streams."""
        return len(self.seats) + len(self.logs) + len(self.meetings)

    async def _check_callers(self, _: set[str] | None) -> None:
        """End the streams of keys and tokens that have ended. It runs regularly, because nothing is published then."""
        for listeners in (self.logs, self.meetings):
            listeners.end_for(await self._callers.gone(listeners.callers))

    def end(self) -> None:
        """Let all streams end, because the process stops."""
        self.ending = True
        self.seats.wake_all()
        self.logs.wake_all()
        self.meetings.wake_all()

    async def stop(self) -> None:
        """End all streams and tasks."""
        self.end()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
