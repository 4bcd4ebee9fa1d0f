"""The types of a breakout's events, the kinds of problems, and the topics by which processes wake each other."""

from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """Every type of entry in a breakout's log."""

    BREAKOUT_STATE = "breakout.state"
    BREAKOUT_CHANGED = "breakout.changed"
    BREAKOUT_WARNING = "breakout.warning"
    BREAKOUT_BROADCAST = "breakout.broadcast"
    HELP_REQUESTED = "help.requested"
    HELP_RESOLVED = "help.resolved"
    ROOM_STATE = "room.state"
    PARTICIPANT_STATE = "participant.state"
    RECORDING_STATE = "recording.state"
    RECORDING_EXPIRING = "recording.expiring"
    PROBLEM = "problem"


PING = "ping"
"""The type of a delivery that no event has caused: a try of an endpoint."""


class MeetingEvent(StrEnum):
    """Every type of event of a meeting's stream. These are stored nowhere."""

    PARTICIPANT = "meeting.participant"
    """Somebody was registered or changed, or was seen somewhere else."""
    PARTICIPANT_REMOVED = "meeting.participant_removed"
    CHANGED = "meeting.changed"
    BREAKOUT = "meeting.breakout"
    """A breakout was made, or is in another state."""


class ProblemKind(StrEnum):
    """Every `what` of a problem: a phrase that programs may compare."""

    IMPOSSIBLE_PLAN = "impossible plan"
    MEETING_RETIRED_LATE = "meeting retired late"
    NO_PLACE = "no place"
    PARENT_INACTIVE = "parent inactive"
    PARTICIPANT_REFUSED = "participant refused"
    PEOPLE_LOST = "people lost"
    PEOPLE_SEEN_LATE = "people seen late"
    POLL_REFUSED = "poll refused"
    POLL_UNCERTAIN = "poll uncertain"
    REALTIMEKIT_REFUSED = "RealtimeKit refused"
    RECORDING_FAILED = "recording failed"
    RECORDING_INTERRUPTED = "recording interrupted"
    RECORDING_REFUSED = "recording refused"
    RECORDING_STOPPED_LATE = "recording stopped late"
    ROOM_FAILED = "room failed"
    ROOM_GIVEN_UP = "room given up"
    ROOM_MENDED = "room mended"
    ROOM_NOT_CLOSED = "room not closed"
    ROOM_NOT_PREPARED = "room not prepared"
    RULE_BROKEN = "rule broken"
    SERIES_STOPPED = "series stopped"
    START_MISSED = "start missed"
    SURPLUS_RETIRED = "surplus retired"


class Actor(StrEnum):
    """Who did what stands in a breakout's log, where it was nobody with a name."""

    TIMER = "timer"
    """A time that had come: a start, a warning, an end."""
    REALTIMEKIT = "realtimekit"
    """RealtimeKit told it, by a webhook or when it was asked."""
    SYSTEM = "system"
    """Our own tasks: rooms that are opened and closed, plans that are solved, what a sweep finds."""


class ActorKind(StrEnum):
    """The kinds of actors with a name, which stands behind the kind."""

    KEY = "key"
    """An API key."""
    HOST = "host"
    """A host, with a host token."""
    PARTICIPANT = "participant"
    """A participant's browser."""

    def named(self, name: str) -> str:
        """Return the actor of this kind and name."""
        return f"{self}:{name}"


class Topic(StrEnum):
    """What a publish on Redis is about. A publish only wakes a process, which then reads the database."""

    BREAKOUT = "breakout"
    """The log of a breakout has grown."""
    SEATS = "seats"
    """Seats of people of a meeting have changed."""
    MEETING = "meeting"
    """A meeting, its people or its breakouts have changed."""
    DUE = "due"
    """A row is due at the time in the topic, perhaps earlier than a timekeeper expects."""

    def of(self, what: str) -> str:
        """Return the topic for one id."""
        return f"{self}:{what}"

    @property
    def pattern(self) -> str:
        """The Redis pattern that matches every id of this topic."""
        return self.of("*")


def due_topic(at: datetime) -> str:
    """Return the topic that says that a row is due at `at`."""
    return Topic.DUE.of(str(at.timestamp()))


def topic_and_id(topic: str) -> tuple[Topic, str]:
    """Split a topic into its kind and the id behind it."""
    kind, _, what = topic.partition(":")
    return Topic(kind), what
