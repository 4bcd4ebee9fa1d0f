"""How large the breakouts of some benchmarks are."""

from dataclasses import dataclass

from tests.support.stack import Stack

AT_ONCE = 1000
"""How many people one request may register."""


@dataclass(frozen=True)
class Size:
    """A number of rooms and of people."""

    rooms: int
    people: int

    def meeting(self, stack: Stack) -> str:
        """Create a meeting with so many people, and return its id."""
        meeting = stack.meeting(min(self.people, AT_ONCE))
        for begin in range(AT_ONCE, self.people, AT_ONCE):
            names = [f"p{number}" for number in range(begin, min(begin + AT_ONCE, self.people))]
            persons = [{"custom_participant_id": name, "name": name} for name in names]
            stack.post(f"/v1/meetings/{meeting}/participants", {"participants": persons})
        return meeting


LARGE, LARGEST = Size(100, 1000), Size(500, 5000)
"""A large breakout, and the largest that is allowed."""
