"""Counting wrong keys by the address that sent them, so that guessing takes for ever and nobody else is held up.

Each process counts for itself. However many addresses there are, a few MB are enough. Of IPv6 the network counts,
because whoever has one address there has 2**64 of them.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address

ADDRESSES_MOST = 50_000
"""How many addresses are remembered; beyond that the one whose last wrong key is the oldest is forgotten."""


NETWORK_BITS = 64
"""How many bits of an IPv6 address are its network's."""
MADE_UP_CHARACTERS = 100
"""How much is remembered of what a proxy says and what is no address."""


class WrongTries:
    """At most so many wrong tries of one address within so many seconds, counted from the first of them."""

    def __init__(self, most: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._now = most, seconds, now
        self._tries: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def add(self, address: str) -> float:
        """Count a wrong try. Returns 0, or how many seconds are to be waited when there are too many."""
        address, now = _counted(address), self._now()
        began_at, tries = self._tries.get(address, (now, 0))
        if now - began_at >= self._seconds:
            began_at, tries = now, 0
        self._tries[address] = began_at, tries + 1
        self._tries.move_to_end(address)
        if len(self._tries) > ADDRESSES_MOST:
            self._tries.popitem(last=False)
        return began_at + self._seconds - now if tries >= self._most else 0.0


def _counted(address: str) -> str:
    """Return what tells those apart who send wrong keys."""
    try:
        given = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:MADE_UP_CHARACTERS]
    if isinstance(given, IPv4Address):
        return str(given)
    return str(given.ipv4_mapped or f"{int(given) >> NETWORK_BITS:x}::/{NETWORK_BITS}")
