"""What may have changed, by id: as publishes name it, and every second or two everything that anybody listens to.

A publish only wakes; whoever is woken asks the database. A publish may get lost, and Redis may be away.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

import redis.asyncio
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.log import logger
from orchestrator.store.broker import TOPIC_PREFIX
from schemas.events import Topic, topic_and_id

log = logger(__name__)

ANYWAY_SECONDS = 1.5
"""How often everything is looked at although nobody named it."""
GATHER_SECONDS = 0.02
"""Publishes come in bursts: what comes within this is looked at together."""
PAUSE_SECONDS = 1.0
"""After trouble with the database or Redis."""


class Wakes:
    """Ids that were named and not looked at yet."""

    def __init__(self) -> None:
        self._named: set[str] = set()
        self._something = asyncio.Event()
        self._everything_at = 0.0

    def name(self, row_id: str) -> None:
        """Something may be new about this id."""
        self._named.add(row_id)
        self._something.set()

    def name_everything(self) -> None:
        """Something may be new about any id."""
        self._everything_at = 0.0
        self._something.set()

    async def follow(self, look: Callable[[set[str] | None], Awaitable[None]]) -> None:
        """Have whatever is named looked at, for ever; None stands for everything."""
        while True:
            named = await self._next()
            try:
                await look(named)
            except Exception as error:
                known = isinstance(error, SQLAlchemyError)
                log.warning("can't read what is new", error=type(error).__name__, exc_info=not known)
                self.name_everything()
                await asyncio.sleep(PAUSE_SECONDS)
            await asyncio.sleep(GATHER_SECONDS)

    async def _next(self) -> set[str] | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._everything_at - time.monotonic())):
                await self._something.wait()
        self._something.clear()
        named, self._named = self._named, set()
        if time.monotonic() < self._everything_at:
            return named
        self._everything_at = time.monotonic() + ANYWAY_SECONDS
        return None


class Subscription:
    """The only one of a process: hears `kind:id`, and names the id to those who wait for that kind."""

    def __init__(self, broker_url: str, waiting: Mapping[Topic, Sequence[Wakes]]) -> None:
        self._broker_url = broker_url
        self._waiting = waiting

    async def run(self) -> None:
        """Listen for ever; after a gap anything may have changed."""
        while True:
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                log.warning("no subscription", error=type(error).__name__)
            self._name_everything()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(
            self._broker_url, socket_connect_timeout=2, health_check_interval=10, client_name="breakout-streams"
        )
        async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.psubscribe(*(TOPIC_PREFIX + kind.pattern for kind in self._waiting))
            self._name_everything()
            while True:
                message = await subscription.get_message(timeout=5)
                if message is not None:
                    self._name(message["channel"].decode().removeprefix(TOPIC_PREFIX))

    def _name(self, topic: str) -> None:
        kind, row_id = topic_and_id(topic)
        for wakes in self._waiting[kind]:
            wakes.name(row_id)

    def _name_everything(self) -> None:
        for all_of_kind in self._waiting.values():
            for wakes in all_of_kind:
                wakes.name_everything()
