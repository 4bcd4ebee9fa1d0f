"""How rough a run is: each kind of trouble is absent from many runs, so that one kind shows what others would hide."""

from dataclasses import dataclass
from random import Random

FAIR = 0.45
"""The share of runs without a given kind of trouble."""


@dataclass(frozen=True)
class Weather:
    """The probability of each kind of trouble, each time that it could come."""

    fails: float = 0.0
    """A call to RealtimeKit goes wrong, and may have happened."""
    refuses: float = 0.0
    """RealtimeKit refuses a call for good."""
    slow: float = 0.0
    """A call or its answer takes long."""
    dies: float = 0.0
    """A process dies at one of its points."""
    freezes: float = 0.0
    """A process stands still, perhaps beyond its leases."""
    pauses: float = 0.0
    """A thread is held up between two statements or transactions."""
    message: float = 0.0
    """A message of the broker is lost, late or repeated."""
    webhook: float = 0.0
    """A webhook is lost, late or repeated."""
    wake: float = 0.0
    """A wake-up of streams or of the timekeeper is lost."""
    browser: float = 0.0
    """A browser does something odd: it is slow, its ack is lost, it comes with two tabs."""
    odd: float = 0.0
    """A switch of the sandbox stands the other way: something that RealtimeKit does not document."""


def weather(luck: Random) -> Weather:
    """Draw the weather of a run."""

    def some(*levels: float) -> float:
        return 0.0 if luck.random() < FAIR else luck.choice(levels)

    return Weather(
        fails=some(0.03, 0.1, 0.3),
        refuses=0.0 if luck.random() < 0.85 else 0.03,
        slow=some(0.05, 0.2),
        dies=some(0.002, 0.01),
        freezes=some(0.003, 0.01),
        pauses=some(0.01, 0.05),
        message=some(0.05, 0.2, 0.5),
        webhook=some(0.1, 0.4, 1.0),
        wake=some(0.1, 0.5),
        browser=some(0.05, 0.2),
        odd=some(0.05, 0.2),
    )
