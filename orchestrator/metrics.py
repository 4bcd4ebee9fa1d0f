"""The metrics that each process counts, for Prometheus.

The values of labels are our own words: states, tables, tasks, queues, operations, route templates. Ids, names and texts
from outside are never labels, because there is no limit to them, and who may scrape may not know people's names.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics

from orchestrator.version import PYTHON, VERSION
from schemas.events import EventType

disable_created_metrics()  # type: ignore[no-untyped-call]  # it adds a series to each one, which only says when the process started

BUILD = Info("breakouts_build", "Which version runs here, and on which Python.")
BUILD.info({"version": VERSION, "python": PYTHON})

STATE_CHANGES = Counter(
    "breakouts_state_changes", "Moves of breakouts, rooms, participants and recordings to a state.", ["thing", "to"]
)
PROBLEMS = Counter("breakouts_problems", "Problems reported to operators, by what they are.", ["what"])

TIMER_LATENESS = Histogram(
    "breakouts_timer_lateness_seconds",
    "How much later than stored a time was acted on; a start also waits for another breakout of its meeting to close.",
    ["timer"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
for _timer in ("starts_at", "closes_at", "empties_at"):
    TIMER_LATENESS.labels(_timer)

TASKS = Counter("breakouts_tasks", "Tasks that a worker has ended.", ["task", "outcome"])
TASK_SECONDS = Histogram(
    "breakouts_task_duration_seconds",
    "How long a task took, calls to RealtimeKit included.",
    ["task"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60),
)
POLL_AGE = Histogram(
    "breakouts_poll_age_seconds",
    "When RealtimeKit was asked who is where, for no webhooks come: how old the oldest of what was known had become.",
    buckets=(5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600),
)
STALE_MESSAGES = Counter(
    "breakouts_stale_messages", "Messages that started nothing: their row was started already.", ["table"]
)
RETRIES = Counter("breakouts_retries", "Passes over a row that are to be tried again, by why.", ["table", "reason"])
LEASES_ENDED = Counter(
    "breakouts_leases_ended", "Leases that ended by themselves, as a timekeeper found: workers that died.", ["table"]
)
LEASES_LOST = Counter(
    "breakouts_leases_lost", "Tasks that gave up because their lease was too short or gone: workers too slow.", ["task"]
)
MESSAGES = Counter(
    "breakouts_messages",
    "Messages (task) and publishes (wake), by what became of them.",
    ["kind", "fate"],
)

REALTIMEKIT_CALLS = Counter("breakouts_realtimekit_calls", "Calls to RealtimeKit.", ["operation", "outcome"])
REALTIMEKIT_SECONDS = Histogram(
    "breakouts_realtimekit_call_duration_seconds",
    "How long a call to RealtimeKit took, from when it went out.",
    ["operation"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 6, 10),
)
QUOTA_GRANTED = Counter("breakouts_quota_granted", "Calls that the quota let go out.", ["priority"])
QUOTA_WAITED = Counter("breakouts_quota_waited_seconds", "Time that calls waited for their turn.", ["priority"])
QUOTA_REFUSED = Counter(
    "breakouts_quota_refused", "Calls whose turn was too far off: their rows come back for it.", ["priority"]
)
QUOTA_WITHOUT_REDIS = Counter(
    "breakouts_quota_without_redis",
    "Calls that asked the process's own share because Redis did not answer.",
    ["priority"],
)
RATE_LIMITED = Counter("breakouts_realtimekit_rate_limited", "Answers 429 of RealtimeKit.")

DELIVERIES = Counter(
    "breakouts_webhook_attempts", "Attempts to deliver our webhooks to callers' endpoints, by outcome.", ["outcome"]
)

HTTP_REQUESTS = Counter("breakouts_http_requests", "Requests answered.", ["method", "route", "status"])
HTTP_SECONDS = Histogram(
    "breakouts_http_request_duration_seconds",
    "From a request to the beginning of its answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
HTTP_TURNED_AWAY = Counter(
    "breakouts_http_turned_away", "Requests of participants and webhooks that were not worked on, by why.", ["reason"]
)
STREAMS = Gauge("breakouts_streams", "Streams of seats and of events that this process has open.")


MOVING_THINGS = {
    EventType.BREAKOUT_STATE: "breakout",
    EventType.ROOM_STATE: "room",
    EventType.PARTICIPANT_STATE: "participant",
    EventType.RECORDING_STATE: "recording",
}
"""The label of STATE_CHANGES for each type of event that is a move."""


def count_event(kind: EventType, data: Mapping[str, Any]) -> None:
    """Count a committed event of a breakout's log."""
    if kind in MOVING_THINGS:
        STATE_CHANGES.labels(MOVING_THINGS[kind], data["to"]).inc()
    elif kind is EventType.PROBLEM:
        PROBLEMS.labels(data["what"]).inc()


def count_lateness(timer: str, lateness: timedelta) -> None:
    """Count how much later than stored a timer was acted on."""
    TIMER_LATENESS.labels(timer).observe(lateness.total_seconds())


def count_call(operation: str, outcome: str, seconds: float) -> None:
    """Count a call to RealtimeKit."""
    REALTIMEKIT_CALLS.labels(operation, outcome).inc()
    REALTIMEKIT_SECONDS.labels(operation).observe(seconds)
