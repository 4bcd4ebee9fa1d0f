"""Versions of breakouts and meetings: counting changes, and comparing with what a caller has seen (`If-Match`)."""

import re
from dataclasses import dataclass

from sqlmodel import Session

from orchestrator.errors import StaleVersion
from schemas.tables import Breakout, Meeting

PEOPLE = "participants"
"""What a stale version is told to have changed when people of a meeting have."""
PLACES = ("plan", "rooms", "unassigned")
"""The fields of B that show who belongs where."""
ALSO_IN = {"closes_at": "rooms"}
"""Fields of B that another one shows too: a room closes with its breakout unless it has an end of its own."""
OURS = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Expected:
    """A breakout or a meeting, and the versions of it on which a change may rest."""

    table: type[Breakout] | type[Meeting]
    row_id: str
    versions: frozenset[str]

    def look(self, session: Session) -> None:
        """Compare before anything is locked. A row that is not there is left to the change. Raises StaleVersion."""
        row = session.get(self.table, self.row_id)
        if isinstance(row, Breakout | Meeting):
            self.require(row)

    def is_about(self, row: Breakout | Meeting) -> bool:
        """Return whether it names this row."""
        return isinstance(row, self.table) and row.id == self.row_id

    def require(self, row: Breakout | Meeting) -> None:
        """Raise StaleVersion with the fields that have changed since the newest of the versions."""
        if str(row.version) in self.versions:
            return
        seen = max((int(version) for version in self.versions if OURS.fullmatch(version)), default=0)
        fields = sorted(name for name, version in row.changed_at.items() if version > seen)
        raise StaleVersion(f"this is version {row.version} by now", version=row.version, fields=fields)


def count_change(row: Breakout | Meeting, *fields: str) -> None:
    """Count an operator's change of these fields of B or M. The row is locked."""
    row.version += 1
    shown = {*fields, *(ALSO_IN[name] for name in fields if name in ALSO_IN)}
    row.changed_at = {**row.changed_at, **dict.fromkeys(shown, row.version)}
