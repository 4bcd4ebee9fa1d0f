"""Who sits where according to the rows of a file, and which rows could not be used."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from orchestrator.domain.sheets import Row, is_address
from schemas.fields import LONGEST_NAME


@dataclass
class SeatingPlan:
    """What the rows of a file say."""

    rooms: dict[str, list[str]] = field(default_factory=dict)
    """The people of each room, in the order in which the rooms come first in the file."""
    main: list[str] = field(default_factory=list)
    """People without a room."""
    new: dict[str, str] = field(default_factory=dict)
    """The names of people to register."""
    used: int = 0
    skipped: list[tuple[int, str]] = field(default_factory=list)
    """The line of each row that could not be used, and why."""


def plan_of(rows: Sequence[Row], known: Collection[str], *, register: bool) -> SeatingPlan:
    """Return what the rows say about people who are known, and about others if they are to be registered."""
    reader = _Reader(known, register=register)
    for row in rows:
        reader.read(row)
    plan = reader.plan
    order = dict.fromkeys(row.room for row in rows if row.room in plan.rooms)
    plan.rooms = {room: plan.rooms[room] for room in order}
    return plan


class _Reader:
    def __init__(self, known: Collection[str], *, register: bool) -> None:
        self.plan = SeatingPlan()
        self._register = register
        self._known = set(known)
        self._alike: dict[str, list[str]] = {}
        for one in sorted(known):
            self._alike.setdefault(one.casefold(), []).append(one)
        self._line_of: dict[str, int] = {}

    def read(self, row: Row) -> None:
        """Use a row, or skip it."""
        why = self._why_not(row)
        if why is not None:
            self.plan.skipped.append((row.line, why))
            return
        self.plan.used += 1
        people = self.plan.rooms.setdefault(row.room, []) if row.room else self.plan.main
        if row.person:
            person = self._found(row) or self._registered(row)
            self._line_of[person] = row.line
            people.append(person)

    def _why_not(self, row: Row) -> str | None:
        """Return why a row can't be used, if so."""
        if any(len(text) > LONGEST_NAME for text in (row.room, row.person, row.name)):
            return f"a cell has more than {LONGEST_NAME} characters"
        if row.person:
            return self._why_nobody(row)
        if row.name:
            return f"{row.name} has neither a custom_participant_id nor an e-mail address"
        return None if row.room else "neither a room nor a person"

    def _why_nobody(self, row: Row) -> str | None:
        """Return why the person of a row can't be seated, if so."""
        person = self._found(row)
        if person is not None:
            line = self._line_of.get(person)
            return None if line is None else f"{person} is listed before, in line {line}"
        if row.by_email and not is_address(row.person):
            return f"{row.person} is no e-mail address, and nobody of this meeting"
        if likely := self._likely(row):
            return f"{row.person} may be any of {', '.join(likely)}"
        return None if self._register else f"{row.person} is nobody of this meeting"

    def _found(self, row: Row) -> str | None:
        """Return the id of a person who is known. An exact one goes before one in other capitals."""
        if row.person in self._known:
            return row.person
        likely = self._likely(row)
        return likely[0] if len(likely) == 1 else None

    def _likely(self, row: Row) -> list[str]:
        """Return the ids that differ from an e-mail address in capitals alone."""
        return self._alike.get(row.person.casefold(), []) if row.by_email or is_address(row.person) else []

    def _registered(self, row: Row) -> str:
        self.plan.new[row.person] = row.name or row.person
        self._known.add(row.person)
        self._alike.setdefault(row.person.casefold(), []).append(row.person)
        return row.person
