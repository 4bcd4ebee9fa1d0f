"""How Flower counts what waits in the queues. Only Flower's process loads this."""

from typing import Any

import redis.asyncio
from flower.utils import broker
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from orchestrator.broker_address import BrokerAddress


def use(address: BrokerAddress) -> None:
    """Let Flower connect as we do. Its own client of a unix socket knows neither databases nor users."""

    class OurBroker(broker.RedisBase):  # type: ignore[misc]  # Flower ships no types
        def __init__(self, broker_url: str, *_: Any, **options: Any) -> None:
            super().__init__(broker_url, **options)
            self.redis = redis.asyncio.Redis.from_url(
                address.for_redis_py,
                socket_timeout=self.socket_timeout,
                socket_connect_timeout=self.socket_connect_timeout,
                retry=Retry(NoBackoff(), 0),
            )

    broker.Redis = broker.RedisSsl = broker.RedisSocket = OurBroker
