"""Who listens to Celery's events, as Flower does."""

from contextlib import ExitStack, suppress

from celery import Celery
from celery.events.state import State, Task


class Audience:
    """A listener to Celery's events from now on, which understands them as Flower does."""

    def __init__(self, celery: Celery, stack: ExitStack) -> None:
        self.state = State()
        connection = stack.enter_context(celery.connection_for_read())
        receiver = celery.events.Receiver(connection, handlers={"*": self.state.event})
        self._connection, *_ = stack.enter_context(receiver.consumer_context())

    def listen(self) -> None:
        """Take what has come."""
        with suppress(TimeoutError):
            self._connection.drain_events(timeout=0.05)

    def row(self, breakout_id: str) -> Task:
        """Return the breakout's row after one more look. Raises AssertionError while there is none."""
        self.listen()
        assert breakout_id in self.state.tasks
        return self.state.tasks[breakout_id]

    def states(self, task: str) -> list[str]:
        """Return the states of all tasks of this name after one more look."""
        self.listen()
        return [one.state for one in self.state.tasks.values() if one.name == task]
