"""The names of everything in Redis that belongs to one deployment, because several may share a Redis."""

from dataclasses import dataclass

from schemas.tasks import Queue


@dataclass(frozen=True)
class Keys:
    """All names begin with the deployment's mark, channels too: Redis has one set of channels for all its databases."""

    install: str

    @property
    def prefix(self) -> str:
        """What Celery puts before its queues, its exchanges and the channels of its events."""
        return f"bo:{self.install}:"

    @property
    def epoch(self) -> str:
        """A key that is gone once the broker was emptied or replaced."""
        return f"{self.prefix}epoch"

    @property
    def timekeeper(self) -> str:
        """The key that each tick of a timekeeper sets. It expires soon after the last tick."""
        return f"{self.prefix}timekeeper"

    @property
    def first_timekeeper(self) -> str:
        """The key that the timekeeper holds which looks first; the others look a moment later."""
        return f"{self.prefix}first"

    @property
    def written(self) -> str:
        """The key by which an API proves that Redis can be written."""
        return f"{self.prefix}written"

    @property
    def teller(self) -> str:
        """The key that the worker holds which tells Flower how far breakouts are."""
        return f"{self.prefix}flower"

    @property
    def topics(self) -> str:
        """What the channel of every topic begins with."""
        return f"{self.prefix}topic:"

    def queue(self, name: Queue) -> str:
        """Return the list of a queue's messages."""
        return f"{self.prefix}{name.value}"

    def served(self, name: Queue) -> str:
        """Return the key that says that a worker takes messages from this queue."""
        return f"{self.prefix}served:{name.value}"

    def moving(self, name: Queue) -> str:
        """Return the key that says that a worker has lately begun a task of this queue."""
        return f"{self.prefix}moving:{name.value}"
