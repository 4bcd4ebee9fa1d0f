"""A paced row rests after its work: what is wanted meanwhile is due when the rest ends, and sent by a timekeeper."""

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.timing import REST_SECONDS
from orchestrator.store import due, scan
from schemas.events import due_topic
from schemas.tables import Inbox, Meeting
from tests.store.rows import LONG_AGO, Done, Rows, held, meeting

HOUR = timedelta(hours=1)


def test_taking_a_paced_row_begins_its_rest(rows: Rows) -> None:
    rows.add(meeting(), Inbox(id="m", due_at=LONG_AGO, dispatches=1))
    taken = rows.did(lambda tx: due.take(tx, Inbox, "m", 0))
    assert rows.stored(Inbox, "m").rests_until == taken.at(REST_SECONDS)
    assert taken.changed["inbox of m"]["due_at"] is None


@pytest.mark.parametrize("rested", [None, -HOUR], ids=["never worked on", "rested long ago"])
def test_what_is_wanted_of_a_rested_row_is_sent_at_once(rows: Rows, rested: timedelta | None) -> None:
    rows.add(meeting(), Inbox(id="m", rests_until=rows.now() + rested if rested else None))
    assert _want(rows).sent == [("m", 0)]


def test_what_is_wanted_of_a_row_that_rests_is_due_when_its_rest_ends(rows: Rows) -> None:
    ends_at = rows.now() + HOUR
    rows.add(meeting(), Inbox(id="m", rests_until=ends_at))
    for generation in (1, 2):
        wanted = _want(rows)
        assert (wanted.sent, wanted.topics) == ([], {due_topic(ends_at)})
        inbox = rows.stored(Inbox, "m")
        assert (inbox.due_at, inbox.dispatches, inbox.generation) == (ends_at, 0, generation)


def test_the_end_of_a_rest_is_sent_by_a_timekeeper(rows: Rows) -> None:
    rows.add(meeting(), Inbox(id="m", due_at=rows.now() - HOUR, rests_until=rows.now() - HOUR))
    assert rows.did(lambda tx: scan.dispatch_due(tx, Inbox, 10, {})).sent == [("m", 0)]


@pytest.mark.parametrize(
    "work",
    [
        pytest.param({"due_at": LONG_AGO, "dispatches": 1}, id="its message waits"),
        pytest.param({"holder": "somebody", "due_at": LONG_AGO}, id="somebody holds it"),
    ],
)
def test_a_rest_changes_nothing_for_a_row_that_is_sent_or_held(rows: Rows, work: dict[str, Any]) -> None:
    rows.add(meeting(), Inbox(id="m", rests_until=rows.now() + HOUR, **work))
    wanted = _want(rows)
    assert (wanted.sent, wanted.changed) == ([], {"inbox of m": {"generation": 1}})


def test_other_rows_never_rest(rows: Rows) -> None:
    rows.add(held(holder=None))
    claim = rows.stored(Meeting, "m").claim
    rows.did(lambda tx: due.take(tx, Meeting, "m", claim))
    assert rows.did(lambda tx: due.want(tx, Meeting, ["m"])).sent == [("m", claim + 1)]


def _want(rows: Rows) -> Done[None]:
    return rows.did(lambda tx: due.want(tx, Inbox, ["m"]))
