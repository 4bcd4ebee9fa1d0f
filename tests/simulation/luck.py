"""One seed decides everything that goes another way than usual, and remembers each of these ways.

A decision is named by what it is about and how often that came up before. Its outcome depends on the seed and on that
name alone, so that a decision which is taken away leaves the others as they are. That is what shrinking needs.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import TypeVar

T = TypeVar("T")

SCALE = 2.0**64


@dataclass(frozen=True)
class Twist:
    """A decision that went another way than usual."""

    name: str
    """Unique within a run, and the same in every run of the seed."""
    at: float
    """The virtual time, in seconds since the beginning."""
    what: str

    def __str__(self) -> str:
        return f"{self.at:8.2f}  {self.name}: {self.what}"


class Luck:
    """The decisions of one run. With `only`, all decisions but these go the usual way."""

    def __init__(self, seed: int, only: Collection[str] | None = None) -> None:
        self.seed = seed
        self.twists: list[Twist] = []
        self.now = 0.0
        self.on_twist: Callable[[str], None] = lambda _: None
        self._key = seed.to_bytes(8, "big")
        self._only = None if only is None else frozenset(only)
        self._counts: Counter[str] = Counter()

    def random(self, name: str) -> Random:
        """Return a generator of its own for something that needs many numbers."""
        return Random(self._number(name))

    def strikes(self, what: str, probability: float) -> bool:
        """Return whether something unusual happens; it is remembered."""
        return self.unusual(what, probability, (True,), usual=False)

    def unusual(self, about: str, probability: float, ways: Sequence[T], usual: T) -> T:
        """Return what is usual, or with this probability one of the other ways, which is remembered."""
        if probability <= 0.0:
            return usual
        self._counts[about] += 1
        name = f"{about} {self._counts[about]}"
        number = self._number(name)
        if number / SCALE >= probability or not self.allows(name):
            return usual
        way = ways[int(number / SCALE / probability * len(ways))]
        self.note(name, "" if way is True else str(way))
        return way

    def allows(self, name: str) -> bool:
        """Return whether this decision may go another way than usual."""
        return self._only is None or name in self._only

    def note(self, name: str, what: str) -> None:
        """Remember that a decision went another way than usual."""
        self.twists.append(Twist(name, self.now, what))
        self.on_twist(f"{name} {what}".rstrip())

    def between(self, about: str, low: float, high: float) -> float:
        """Return a number that depends on the seed and the name alone. It is not remembered."""
        return low + (high - low) * (self._number(about) / SCALE)

    def one_of(self, about: str, things: Sequence[T]) -> T:
        """Return one of these, by the seed and the name alone. It is not remembered."""
        return things[self._number(about) % len(things)]

    def _number(self, name: str) -> int:
        return int.from_bytes(blake2b(name.encode(), digest_size=8, key=self._key).digest(), "big")
