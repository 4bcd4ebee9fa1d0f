"""What all streams of a process share: one subscription, few reading threads, a look at their keys, and the end."""

import asyncio
from contextlib import suppress

from orchestrator.api.auth import Keys
from orchestrator.api.streams.log_listeners import LogListeners
from orchestrator.api.streams.readers import Readers
from orchestrator.api.streams.seat_listeners import SeatListeners
from orchestrator.api.streams.wakes import Subscription, Wakes
from orchestrator.services.deps import Deps
from schemas.events import Topic


class Hub:
    """Wakes streams when there is something to say; everything but the reads happens on the event loop."""

    def __init__(self, deps: Deps, keys: Keys) -> None:
        self.ending = False
        self._keys = keys
        readers = Readers()
        self.seats = SeatListeners(deps, readers)
        self.logs = LogListeners(deps, readers)
        self._subscription = Subscription(
            deps.settings.broker,
            {Topic.SEATS: [self.seats.changed_seats], Topic.BREAKOUT: [self.seats.grown_logs, self.logs.grown]},
        )
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen and to read."""
        running = (
            self._subscription.run(),
            self.seats.changed_seats.follow(self.seats.look_at_seats),
            self.seats.grown_logs.follow(self.seats.look_at_logs),
            self.logs.grown.follow(self.logs.look),
            Wakes().follow(self._look_at_keys),
        )
        self._tasks = [asyncio.create_task(one) for one in running]

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self.seats) + len(self.logs)

    async def _look_at_keys(self, _: set[str] | None) -> None:
        """End the streams of keys that were revoked; nobody tells of that, so it is looked at every now and then."""
        self.logs.end_for(await self._keys.are_gone(self.logs.callers))

    def end(self) -> None:
        """Let all streams end, for the process is to stop."""
        self.ending = True
        self.seats.wake_everybody()
        self.logs.wake_everybody()

    async def stop(self) -> None:
        """End everything."""
        self.end()
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
