"""What is different in our channels of kombu: one client for all calls, and messages of a lost connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu.transport.redis import Channel, QoS


class ForgetfulQoS(QoS):
    """Forgets unacknowledged messages of a lost connection, which can neither acknowledge them nor put them back.

    kombu 5.7 tries both on the remains of the connection. When a task was running, that raises an AttributeError
    (`'NoneType' object has no attribute 'hostname'`, or `'client'`), and the worker dies. Forgetting loses nothing,
    because the rows hold what is to be done, and a message that comes again is stale.
    """

    restore_at_shutdown = False

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message, unless its channel is closed."""
        if not self.channel.closed:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]  # kombu has few

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Reject a message, or put it back with `requeue`, unless its channel is closed."""
        if not self.channel.closed:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]


@contextmanager
def _one_client(channel: Any, client: Any = None) -> Iterator[Any]:
    """Yield `client`, or the channel's own, which is made anew only after the channel has got another pool.

    kombu 5.7 makes a client for each message that is sent, acknowledged or told of, which took a twelfth of a worker's
    time while it opened rooms (measured). A client of redis-py has no state besides its pool.
    """
    if client is None:
        client = getattr(channel, "kept_client", None)
        if client is None or client.connection_pool is not channel.pool:
            client = channel.kept_client = channel._create_client()
    yield client


def adapt_channels() -> None:
    """Make all channels of this process so."""
    channel: Any = Channel
    channel.QoS = ForgetfulQoS
    channel.conn_or_acquire = _one_client
