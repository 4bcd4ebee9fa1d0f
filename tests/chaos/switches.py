"""The positions of the sandbox's switches in which tales are played, and the combinations of them."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from tests.chaos.lane import QUICK
from tests.chaos.pairs import pairwise
from tests.support.invariants import Bounds
from tests.support.sandbox_server import SandboxServer

BOTH = (False, True)
SHORT_LAG_SECONDS = 1.0
"""Less than REALTIMEKIT_TIMEOUT_SECONDS and SEARCH_SETTLE_SECONDS (tests/chaos/lane.py) are together."""
SETTLE_SECONDS = float(QUICK["SEARCH_SETTLE_SECONDS"])
SEARCHES = ("substring", "exact", "prefix", "words", "nothing", "everything")
REFUSED = ("conflict", "bad_request")

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "duplicate_participant": ("second_record", "same_record", *REFUSED),
    "search_matches": SEARCHES,
    "search_lag_seconds": (0.0, SHORT_LAG_SECONDS),
    "list_lag_seconds": (0.0, SHORT_LAG_SECONDS),
    "start_time_compares": ("created_at", "updated_at", "session", "nothing"),
    "meetings_order": ("newest_first", "oldest_first", "by_title"),
    "pages_from": (1, 0),
    "lists_have_totals": BOTH,
    "most_per_page": (100, 20),
    "too_many_per_page": ("cap", "refuse"),
    "participants_lag_seconds": (0.0, SETTLE_SECONDS),
    "sessions_lag_seconds": (0.0, SETTLE_SECONDS),
    "peers_view": ("raw", "consolidated"),
    "peer_ids_stay": BOTH,
    "refresh_revokes": BOTH,
    "retire_retired": ("ok", "conflict"),
    "record_empty_meeting": ("refuse", "allow"),
    "inactive_ejects": BOTH,
    "kick_all_ends_session": ("at_once", "after_keep_alive"),
    "kick_absent": ("ignore", "not_found"),
    "kick_all_when_empty": ("not_found", "ok"),
    "lingering_session_is_active": BOTH,
    "start_running_recording": REFUSED,
    "stop_stopped_recording": ("ok", "not_found", *REFUSED),
    "stop_answers": ("uploading", "running"),
    "nameless_can_join": BOTH,
    "recorder_triggers_events": BOTH,
    "recorder_is_counted": BOTH,
    "recording_statuses": ("each", "last"),
    "webhook_retry_keeps_uuid": BOTH,
    "webhook_duplicates": (0, 2),
    "webhook_delay_seconds": (0.0, 1.0),
    "webhook_reorder_seconds": (0.0, 1.0),
}
MANY = 1_000
ELSEWHERE = {"webhooks_delivered", "recordings_fail_matching"}
"""Switches with tales of their own: one about webhooks that never come, and none in which recordings fail."""


@cache
def rows(seed: int) -> list[dict[str, Any]]:
    """Return combinations in which each pair of positions of two switches occurs."""
    return pairwise(CHOICES, seed)


def row_of(number: int | None, seed: int) -> dict[str, Any]:
    """Return a row; None stands for the usual positions."""
    return {} if number is None else rows(seed)[number]


def row_label(number: int | None) -> str:
    """Return the row's part of a run's line."""
    return "      " if number is None else f"row {number:>2}"


def in_turn(seed: int) -> Iterator[int]:
    """Yield the numbers of the rows again and again, so that each row is played, and no run is added for it."""
    return itertools.cycle(range(len(rows(seed))))


def allowed(bounds: Bounds, row: Mapping[str, Any]) -> Bounds:
    """Return the bounds with what these switches allow besides.

    People who were added without an answer are added again if the list of participants does not show them yet.
    """
    return replace(bounds, second_records=MANY) if row.get("participants_lag_seconds") else bounds


@contextmanager
def turned(sandbox: SandboxServer, switches: Mapping[str, Any]) -> Iterator[None]:
    """Turn these switches inside the block."""
    before = sandbox.switches()
    sandbox.switches(**switches)
    try:
        yield
    finally:
        sandbox.switches(**{name: before[name] for name in switches})
