"""The names of tasks and queues, shared by the processes that send and those that work."""

from enum import StrEnum


class Queue(StrEnum):
    """Queues, the most urgent first."""

    LIFECYCLE = "lifecycle"
    """The timers. These tasks make no call to RealtimeKit, so that no timer waits for one."""
    WEBHOOKS = "webhooks"
    """A queue of their own, so that timers get four of five messages amid a storm of webhooks."""
    CLOSING = "closing"
    ROOMS = "rooms"
    RECORDINGS = "recordings"
    UPKEEP = "upkeep"
    OUTGOING = "outgoing"
    """Our webhooks to callers' systems. Their answers are waited for on a loop, and keep no thread of a worker."""


WEIGHTS = {
    Queue.LIFECYCLE: 64,
    Queue.WEBHOOKS: 16,
    Queue.CLOSING: 8,
    Queue.ROOMS: 8,
    Queue.RECORDINGS: 4,
    Queue.UPKEEP: 1,
    Queue.OUTGOING: 1,
}
"""How a worker shares the messages that it takes among those of its queues that have any.

People were called home when `closing` has messages, so those who wait for `rooms` get as much.
"""

TIMELY = frozenset({Queue.LIFECYCLE, Queue.WEBHOOKS})
"""The queues of everybody's time, which a worker of its own serves in compose.yaml, so that no timer waits."""


class Task(StrEnum):
    """Every task. The name in a message is a hint: the task derives its work from the locked row."""

    BREAKOUT_SOLVE = "breakout.solve"
    BREAKOUT_PREPARE = "breakout.prepare"
    BREAKOUT_OPEN = "breakout.open"
    BREAKOUT_WARN = "breakout.warn"
    BREAKOUT_CLOSE = "breakout.close"
    BREAKOUT_EMPTY = "breakout.empty"
    BREAKOUT_TIDY = "breakout.tidy"
    ROOM_OPEN = "room.open"
    ROOM_RECORD = "room.record"
    ROOM_CLOSE = "room.close"
    RECORDING_FOLLOW = "recording.follow"
    WEBHOOK_APPLY = "webhook.apply"
    WEBHOOK_SPREAD = "webhook.spread"
    WEBHOOK_DELIVER = "webhook.deliver"
    MEETING_SYNC = "meeting.sync"
    LEFTOVER_REMOVE = "leftover.remove"
    UPKEEP_SWEEP = "upkeep.sweep"
    UPKEEP_FORGET = "upkeep.forget"


QUEUE_OF: dict[Task, Queue] = {
    Task.BREAKOUT_PREPARE: Queue.LIFECYCLE,
    Task.BREAKOUT_OPEN: Queue.LIFECYCLE,
    Task.BREAKOUT_WARN: Queue.LIFECYCLE,
    Task.BREAKOUT_CLOSE: Queue.LIFECYCLE,
    Task.BREAKOUT_EMPTY: Queue.LIFECYCLE,
    Task.WEBHOOK_APPLY: Queue.WEBHOOKS,
    Task.BREAKOUT_TIDY: Queue.CLOSING,
    Task.ROOM_CLOSE: Queue.CLOSING,
    Task.ROOM_OPEN: Queue.ROOMS,
    Task.BREAKOUT_SOLVE: Queue.ROOMS,
    Task.ROOM_RECORD: Queue.RECORDINGS,
    Task.RECORDING_FOLLOW: Queue.UPKEEP,
    Task.MEETING_SYNC: Queue.UPKEEP,
    Task.LEFTOVER_REMOVE: Queue.ROOMS,
    Task.UPKEEP_SWEEP: Queue.UPKEEP,
    Task.WEBHOOK_SPREAD: Queue.OUTGOING,
    Task.WEBHOOK_DELIVER: Queue.OUTGOING,
    Task.UPKEEP_FORGET: Queue.UPKEEP,
}

if missing := set(Task) - QUEUE_OF.keys():
    raise LookupError(f"no queue for {', '.join(sorted(missing))}")
