"""A transaction's changes to people of a meeting. They are written last, because participants are locked last."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlmodel import col

from orchestrator.store.bulk import update_all
from orchestrator.store.database import Transaction
from schemas.events import Topic
from schemas.states import Role
from schemas.tables import Participant

SHOWN = frozenset({"name", "role", "preset_name", "attributes", "location", "location_room_id"})
"""The columns that a meeting's stream shows."""


class PeopleWrites:
    """Gathers changes, and writes them all at the end, in the order of ids.

    If people were locked twice, the second lock could wait for somebody who waits for the first (seen on PostgreSQL).
    """

    def __init__(self, tx: Transaction, meeting_id: str) -> None:
        self._tx = tx
        self._meeting_id = meeting_id
        self._changed: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        self._seats_changed: set[str] = set()
        self._all_seats_changed = False
        self._hosts_seats_changed = False

    def change(self, participant_id: str, **values: Any) -> None:
        """Set columns of a person. The database shows them only when this is written."""
        self._changed[participant_id].update(values)
        if not SHOWN.isdisjoint(values):
            self._tx.wake(Topic.MEETING.of(self._meeting_id))

    def value(self, person: Participant, column: str) -> Any:
        """Return a column of a person as it will be written."""
        return self._changed.get(person.id, {}).get(column, getattr(person, column))

    def changed(self, column: str) -> dict[str, Any]:
        """Return the new values of a column by person."""
        return {row_id: values[column] for row_id, values in self._changed.items() if column in values}

    def raise_versions(self, participant_ids: Iterable[str] | None = None) -> None:
        """Raise the versions of these people's seats, or of the whole meeting's, and wake their streams."""
        if participant_ids is None:
            self._all_seats_changed = True
        else:
            self._seats_changed.update(participant_ids)
        self._tx.wake(Topic.SEATS.of(self._meeting_id))

    def raise_versions_of_hosts(self) -> None:
        """Raise the versions of the hosts' seats, and wake their streams."""
        self._hosts_seats_changed = True
        self._tx.wake(Topic.SEATS.of(self._meeting_id))

    def write(self) -> None:
        """Write everything that was gathered."""
        self._tx.session.flush()
        if self._changed:
            self._write_columns()
        if self._all_seats_changed or self._hosts_seats_changed or self._seats_changed:
            self._write_versions()

    def _write_columns(self) -> None:
        self._tx.session.execute(self._in_order(self._changed.keys() | self._seats_changed))
        by_columns: defaultdict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
        for row_id in sorted(self._changed):
            values = self._changed[row_id]
            by_columns[frozenset(values)].append({"id": row_id, **values})
        for rows in by_columns.values():
            update_all(self._tx.session, Participant, rows)

    def _write_versions(self) -> None:
        """Raise the versions in one statement.

        The meeting is named twice, because PostgreSQL would else read all people to find these.
        """
        in_order = self._in_order(self._seats_changed)
        of_meeting = col(Participant.meeting_id) == self._meeting_id
        statement = update(Participant).where(of_meeting, col(Participant.id).in_(in_order))
        self._tx.session.execute(
            statement.values(version=Participant.version + 1), execution_options={"synchronize_session": False}
        )

    def _in_order(self, participant_ids: Iterable[str]) -> Select[Any]:
        """Select these people, or the whole meeting's, and lock them in the order of their ids."""
        whose: ColumnElement[bool] = col(Participant.id).in_(list(participant_ids))
        of_meeting = col(Participant.meeting_id) == self._meeting_id
        if self._all_seats_changed:
            whose = of_meeting
        elif self._hosts_seats_changed:
            whose = of_meeting & or_(whose, col(Participant.role) == Role.HOST)
        return select(col(Participant.id)).where(whose).order_by(col(Participant.id)).with_for_update(key_share=True)
