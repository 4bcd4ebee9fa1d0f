"""Names of tasks and queues: what the processes that send and those that work have in common."""

from enum import StrEnum


class Queue(StrEnum):
    """Queues in strict order: a worker that serves several always empties the first one first."""

    LIFECYCLE = "lifecycle"
    """What calls nobody outside, and keeps everybody's time: no task of it may wait behind one that does."""
    WEBHOOKS = "webhooks"
    """Apart, so that no timer waits behind a storm of them."""
    CLOSING = "closing"
    ROOMS = "rooms"
    RECORDINGS = "recordings"
    RECONCILE = "reconcile"


class Task(StrEnum):
    """Every task; the name in a message is a hint, the work is derived from the locked row."""

    BREAKOUT_PREPARE = "breakout.prepare"
    BREAKOUT_OPEN = "breakout.open"
    BREAKOUT_WARN = "breakout.warn"
    BREAKOUT_CLOSE = "breakout.close"
    BREAKOUT_FINISH = "breakout.finish"
    BREAKOUT_TIDY = "breakout.tidy"
    BREAKOUT_RECONCILE = "breakout.reconcile"
    ROOM_OPEN = "room.open"
    ROOM_RECORD = "room.record"
    ROOM_CLOSE = "room.close"
    RECORDING_FOLLOW = "recording.follow"
    WEBHOOK_APPLY = "webhook.apply"
    MEETING_SYNC = "meeting.sync"


QUEUE_OF: dict[Task, Queue] = {
    Task.BREAKOUT_PREPARE: Queue.LIFECYCLE,
    Task.BREAKOUT_OPEN: Queue.LIFECYCLE,
    Task.BREAKOUT_WARN: Queue.LIFECYCLE,
    Task.BREAKOUT_CLOSE: Queue.LIFECYCLE,
    Task.BREAKOUT_FINISH: Queue.LIFECYCLE,
    Task.WEBHOOK_APPLY: Queue.WEBHOOKS,
    Task.BREAKOUT_TIDY: Queue.CLOSING,
    Task.ROOM_CLOSE: Queue.CLOSING,
    Task.ROOM_OPEN: Queue.ROOMS,
    Task.ROOM_RECORD: Queue.RECORDINGS,
    Task.RECORDING_FOLLOW: Queue.RECONCILE,
    Task.MEETING_SYNC: Queue.RECONCILE,
    Task.BREAKOUT_RECONCILE: Queue.RECONCILE,
}
