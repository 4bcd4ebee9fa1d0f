"""What happens to unacknowledged messages when a worker loses its connection to the broker."""

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


def forget_unacked_on_lost_connections() -> None:
    """Make all channels of this process use ForgetfulQoS."""
    channel: Any = Channel
    channel.QoS = ForgetfulQoS
