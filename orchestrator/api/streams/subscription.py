"""The one Redis subscription of a process."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import redis.asyncio
from redis.exceptions import RedisError

from orchestrator.api.streams.changed_ids import ChangedIds
from orchestrator.broker_address import parsed
from orchestrator.errors import NotMigrated
from orchestrator.log import logger
from orchestrator.store.keys import Keys
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.events import Topic, topic_and_id

log = logger(__name__)

RECONNECT_SECONDS = 1.0


class Subscription:
    """Receives publishes of `topic:id` and adds the id to the listeners of that topic."""

    def __init__(
        self, broker_url: str, keys: Callable[[], Keys], listeners: Mapping[Topic, Sequence[ChangedIds]]
    ) -> None:
        self._broker_url = broker_url
        self._keys = keys
        self._listeners = listeners

    async def run(self) -> None:
        """Listen for ever. Every new connection adds all ids, because publishes may have been missed before it."""
        while True:
            try:
                await self._listen()
            except Exception as error:  # whatever it is, streams must not be left to the slow reads for ever
                known = isinstance(error, (RedisError, OSError, NotMigrated, *DATABASE_TROUBLE))
                log.warning("no subscription", error=type(error).__name__, exc_info=not known)
            self._add_all()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self) -> None:
        topics = (await asyncio.to_thread(self._keys)).topics
        client = redis.asyncio.Redis.from_url(
            parsed(self._broker_url).for_redis_py,
            socket_connect_timeout=2,
            health_check_interval=10,
            client_name="breakout-streams",
        )
        async with client, client.pubsub(ignore_subscribe_messages=True) as subscription:
            await subscription.psubscribe(*(topics + topic.pattern for topic in self._listeners))
            self._add_all()
            while True:
                message = await subscription.get_message(timeout=5)
                if message is not None:
                    self._add(message["channel"].decode().removeprefix(topics))

    def _add(self, channel: str) -> None:
        topic, row_id = topic_and_id(channel)
        for changed in self._listeners[topic]:
            changed.add(row_id)

    def _add_all(self) -> None:
        for of_topic in self._listeners.values():
            for changed in of_topic:
                changed.add_all()
