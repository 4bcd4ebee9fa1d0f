"""Thousands of copies of a breakout, row by row, that differ only in ids, keys and RealtimeKit's ids."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

OWN_ID = "lpad(to_hex(copy.number), 8, '0') || substr({0}, 9)"
"""The id of a row's copy: its first digits number the copy, so that copied rows refer to each other."""

OF_A_BREAKOUT: dict[str, tuple[str, ...]] = {
    "meeting": ("id",),
    "inbox": ("id",),
    "participant": ("id", "meeting_id", "location_room_id"),
    "breakout": ("id", "meeting_id"),
    "room": ("id", "breakout_id", "key"),
    "seat": ("id", "breakout_id", "room_id", "participant_id"),
    "presence": ("id", "meeting_id", "participant_id", "room_id"),
    "event": ("breakout_id",),
}
"""Every table with rows of a breakout, in the order of its foreign keys, and the columns that contain our ids."""


NOWHERE = "'nowhere-' || copy.number"


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
    """Add copies on PostgreSQL. The first ones get RealtimeKit `meetings`: the parent's, then each room's."""
    for setting in ("statement_timeout = 0", "session_replication_role = replica"):  # copied rows need no checks
        connection.execute(text(f"SET {setting}"))
    rows = [{"number": number, "meetings": list(ids)} for number, ids in enumerate(meetings, 1)]
    connection.execute(text("CREATE TABLE copy (number int PRIMARY KEY, meetings text[])"))
    if rows:
        connection.execute(text("INSERT INTO copy VALUES (:number, :meetings)"), rows)
    more = "INSERT INTO copy SELECT number, NULL FROM generate_series(CAST(:first AS int), CAST(:last AS int)) number"
    connection.execute(text(more), {"first": len(rows) + 1, "last": copies})
    for table, ids in OF_A_BREAKOUT.items():
        _copy(connection, table, ids, original)
    connection.execute(text("DROP TABLE copy"))
    connection.execute(text("ANALYZE"))
    connection.execute(text("RESET ALL"))


def _copy(connection: Connection, table: str, ids: Sequence[str], original: Original) -> None:
    changed = {name: OWN_ID.format(f"original.{name}") for name in ids} | _differences(table)
    pairs = ", ".join(f"'{name}', {value}" for name, value in changed.items())
    mine = {"meeting": "id = :meeting", "inbox": "id = :meeting", "breakout": "id = :breakout"}
    of_meeting = "meeting_id = :meeting" if "meeting_id" in ids else "breakout_id = :breakout"
    made = f"LATERAL jsonb_populate_record(original, jsonb_build_object({pairs})) made"
    statement = f"INSERT INTO {table} SELECT made.* FROM {table} original, copy, {made} WHERE original."
    whose = {"meeting": original.meeting_id, "breakout": original.breakout_id}
    connection.execute(text(statement + mine.get(table, of_meeting)), whose)


def _differences(table: str) -> dict[str, str]:
    """Return the SQL of what differs in a copy beside our ids."""
    match table:
        case "meeting":
            return {"realtimekit_meeting_id": f"coalesce(copy.meetings[1], {NOWHERE} || '-0')"}
        case "room":
            nowhere = f"{NOWHERE} || '-' || original.index + 1"
            return {"realtimekit_meeting_id": f"coalesce(copy.meetings[original.index + 2], {nowhere})"}
    return {}
