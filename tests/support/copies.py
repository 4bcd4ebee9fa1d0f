"""Many copies of a breakout, row by row, that differ only in ids, keys and RealtimeKit's ids.

A meeting is copied with its people, and may have several copies of a breakout.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlmodel import SQLModel

OWN_ID = "lpad(to_hex({number}), 8, '0') || substr(original.{column}, 9)"
"""The id of a row's copy: its first digits number the copy, so that copied rows refer to each other."""

OF_A_MEETING = {
    "meeting": "id = :meeting",
    "inbox": "id = :meeting",
    "participant": "meeting_id = :meeting",
    "presence": "meeting_id = :meeting AND room_id IS NULL",
}
"""Every table with rows of a meeting, and which they are."""

OF_A_BREAKOUT = {
    "breakout": "id = :breakout",
    "room": "breakout_id = :breakout",
    "seat": "breakout_id = :breakout",
    "presence": "room_id IN (SELECT id FROM room WHERE breakout_id = :breakout)",
    "event": "breakout_id = :breakout",
}
"""Every table with rows of a breakout, likewise."""

NUMBERED = {
    "meeting": ("id",),
    "inbox": ("id",),
    "participant": ("id", "meeting_id", "location_room_id"),
    "breakout": ("id", "meeting_id"),
    "room": ("id", "breakout_id", "key"),
    "seat": ("id", "breakout_id", "room_id", "participant_id"),
    "presence": ("id", "meeting_id", "participant_id", "room_id"),
    "event": ("breakout_id",),
}
"""The columns of each table that contain our ids."""

OF_ITS_MEETING = frozenset({"meeting_id", "participant_id"})
"""The columns with an id of the meeting or of its people, whom all its breakouts share."""

COPIES = "CREATE TEMPORARY TABLE copy (number int PRIMARY KEY, meeting int, meetings text[])"
NOWHERE = f"'nowhere-' || {OWN_ID.format(number='copy.number', column='id')}"
"""The id at RealtimeKit of what is not there."""


@dataclass(frozen=True)
class Original:
    """The breakout to copy."""

    meeting_id: str
    breakout_id: str

    def copies(self, numbers: Iterable[int]) -> list[str]:
        """Return the ids of the copies with these numbers, which count from 1."""
        return [f"{number:08x}{self.breakout_id[8:]}" for number in numbers]

    def meetings(self, numbers: Iterable[int]) -> list[str]:
        """Return the ids of their parent meetings."""
        return [f"{number:08x}{self.meeting_id[8:]}" for number in numbers]


def copy_breakout(connection: Connection, original: Original, copies: int, meetings: Sequence[Sequence[str]]) -> None:
    """Add copies on PostgreSQL, each with a meeting and people of its own.

    The first ones get RealtimeKit `meetings`: the parent's, then each room's.
    """
    connection.execute(text(COPIES))
    rows = [{"number": number, "meetings": list(ids)} for number, ids in enumerate(meetings, 1)]
    if rows:
        connection.execute(text("INSERT INTO copy VALUES (:number, :number, :meetings)"), rows)
    _number(connection, range(len(rows) + 1, copies + 1), each=1)
    _copy_all(connection, original, [*OF_A_MEETING.items(), *OF_A_BREAKOUT.items()])
    connection.execute(text("ANALYZE"))


def copy_into_meetings(connection: Connection, original: Original, numbers: range, each: int | None) -> None:
    """Add copies on PostgreSQL to meetings that were copied before, `each` to a meeting, beginning with the first.

    Without `each` all copies belong to the original's own meeting.
    """
    connection.execute(text(COPIES))
    _number(connection, numbers, each)
    _copy_all(connection, original, OF_A_BREAKOUT.items())


def _number(connection: Connection, numbers: range, each: int | None) -> None:
    series = "generate_series(CAST(:first AS int), CAST(:last AS int)) number"
    more = f"INSERT INTO copy SELECT number, (number - 1) / CAST(:each AS int) + 1 FROM {series}"
    connection.execute(text(more), {"first": numbers.start, "last": numbers.stop - 1, "each": each})
    connection.execute(text("ANALYZE copy"))


def _copy_all(connection: Connection, original: Original, rows_of: Iterable[tuple[str, str]]) -> None:
    """Copy rows of each table, without checks of foreign keys, and forget which copies were made."""
    for setting in ("statement_timeout = 0", "session_replication_role = replica"):
        connection.execute(text(f"SET {setting}"))
    whose = {"meeting": original.meeting_id, "breakout": original.breakout_id}
    for table, condition in rows_of:
        made = _made(table)
        names = ", ".join(f'"{name}"' for name in made)
        rows = f"FROM copy CROSS JOIN (SELECT * FROM {table} WHERE {condition}) original ORDER BY copy.number"
        connection.execute(text(f"INSERT INTO {table} ({names}) SELECT {', '.join(made.values())} {rows}"), whose)
    connection.execute(text("DROP TABLE copy"))
    connection.execute(text("RESET ALL"))


def _made(table: str) -> Mapping[str, str]:
    """Return the SQL of each column of a copy."""
    columns = {column.name: f'original."{column.name}"' for column in SQLModel.metadata.tables[table].columns}
    for name in NUMBERED[table]:
        own = OWN_ID.format(number="copy.meeting" if name in OF_ITS_MEETING else "copy.number", column=name)
        columns[name] = f"coalesce({own}, original.{name})"
    return columns | _differences(table)


def _differences(table: str) -> dict[str, str]:
    """Return the SQL of what differs in a copy beside our ids."""
    match table:
        case "meeting":
            return {"realtimekit_meeting_id": f"coalesce(copy.meetings[1], {NOWHERE})"}
        case "room":
            return {"realtimekit_meeting_id": f"coalesce(copy.meetings[original.index + 2], {NOWHERE})"}
    return {}
