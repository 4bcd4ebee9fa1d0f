"""What a broker may do to messages: deliver one more than once, or long after it was sent."""

import json
import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import redis
from kombu.transport.redis import Channel
from kombu.utils.json import dumps

from orchestrator.store.keys import Keys
from schemas.tasks import Queue

COPIES = "CHAOS_COPIES"
"""The variable with the number of copies of each message that a process sends; all are also kept, to be sent again."""
KEPT = "kept"
HOUR_AGO = "2001-01-01T00:00:00+00:00"
"""A time that is long past."""


def install_as_told() -> None:
    """Multiply and keep the messages that this process sends, if its environment says so."""
    if copies := int(os.environ.get(COPIES, "0")):
        _multiply(copies)


def _multiply(copies: int) -> None:
    channel: Any = Channel
    put = channel._put

    def putting(self: Any, queue: str, message: Any, **named: Any) -> None:
        if queue not in set(Queue):
            put(self, queue, message, **named)
            return
        for _ in range(copies):
            put(self, queue, message, **named)
        with self.conn_or_acquire() as client:
            client.rpush(KEPT, dumps([queue, message]))

    channel._put = putting


def put_back(broker_url: str, keys: Keys) -> int:
    """Send every kept message again, and return how many were sent.

    Each is sent as it was, as one that should have run long ago, and as one that expired long ago.
    """
    with redis.Redis.from_url(broker_url) as client:
        kept = [json.loads(line) for line in client.lrange(keys.prefix + KEPT, 0, -1)]
        late = [(queue, message) for queue, original in kept for message in _late(original)]
        for queue, message in late:
            client.lpush(keys.prefix + queue, json.dumps(message))
    return len(late)


def _late(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for late in ({}, {"eta": HOUR_AGO}, {"expires": HOUR_AGO}):
        tag = {"delivery_tag": str(uuid4())}  # kombu identifies deliveries by it, so equal ones would be confused
        yield message | {"headers": message["headers"] | late, "properties": message["properties"] | tag}
