"""Constraints of an assignment: whom to seat in which rooms, and what must hold."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from orchestrator.domain.distribution import RoomSpec
from orchestrator.domain.rules import Rules


@dataclass(frozen=True)
class Constraints:
    """Whom to seat, and what must hold."""

    people: frozenset[str]
    """Everybody who is dealt, facilitators included; who is pinned counts as well."""
    rooms: tuple[RoomSpec, ...]
    names: tuple[str, ...]
    """The names of the rooms."""
    rules: Rules = field(default_factory=Rules)
    facilitators: frozenset[str] = frozenset()
    """Hosts of whom each room gets at most one."""

    @cached_property
    def pins(self) -> Mapping[str, int]:
        """The room of each person who is pinned."""
        return {person: index for index, room in enumerate(self.rooms) for person in room.pinned}

    @cached_property
    def everybody(self) -> frozenset[str]:
        """Whom to seat, those who are pinned included."""
        return self.people | frozenset(self.pins)

    @cached_property
    def apart(self) -> list[tuple[str, str]]:
        """Each two people who must be apart: by a rule, or as the facilitators of two rooms."""
        rules = Rules(apart=(*self.rules.apart, *self.facilitator_lists()))
        return rules.among(self.everybody).apart_pairs()

    def facilitator_lists(self) -> list[tuple[str, ...]]:
        """Return the facilitators who must be apart: all who are dealt, and each of them from each who is pinned."""
        dealt = tuple(sorted(self.facilitators - set(self.pins)))
        pinned = sorted(self.facilitators & set(self.pins))
        return [dealt, *((one, other) for one in dealt for other in pinned)]

    def among(self, people: Collection[str]) -> "Constraints":
        """Return what is left of the constraints when only these people are seated."""
        rooms = tuple(replace(it, pinned=tuple(name for name in it.pinned if name in people)) for it in self.rooms)
        kept = frozenset(people)
        return replace(
            self,
            people=self.people & kept,
            rooms=rooms,
            rules=self.rules.among(kept),
            facilitators=self.facilitators & kept,
        )
