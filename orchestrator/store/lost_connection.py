"""Messages that a worker has begun: what becomes of them when it loses its connection to the broker."""

from typing import Any

from kombu.transport.redis import Channel, QoS


class Begun(QoS):
    """Forgets what was begun over a connection that is gone: it can't be acknowledged any more, nor put back.

    kombu 5.7 tries both, on what is left of the connection, and the worker dies of the AttributeError that comes of it
    (`'NoneType' object has no attribute 'hostname'`, or `'client'`) whenever a task was under way. Nothing is lost by
    forgetting: rows tell what is to be done, and a message that comes again is stale.
    """

    restore_at_shutdown = False

    def ack(self, delivery_tag: str) -> None:
        """Say that a message is done with."""
        if not self.channel.closed:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]  # kombu has few

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Say that a message is not wanted (again: with `requeue`)."""
        if not self.channel.closed:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]


def forget_with_the_connection() -> None:
    """From here on that is how all channels of this process do it."""
    channel: Any = Channel
    channel.QoS = Begun
