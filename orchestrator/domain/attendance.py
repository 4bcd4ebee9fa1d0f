"""Who was where, when: stays of one person's devices in one room, as intervals that do not overlap."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

ACK_TOLERANCE = timedelta(seconds=10)
"""A browser may acknowledge so much before RealtimeKit says that it has joined, by another clock."""


@dataclass(frozen=True)
class Interval:
    """One stay."""

    joined_at: datetime
    left_at: datetime | None
    """None: still there."""
    presumed: bool = False
    """Whether the end was concluded, and not told."""

    def ends_before(self, moment: datetime) -> bool:
        """Return whether the stay was over then."""
        return self.left_at is not None and self.left_at <= moment


def of_device(told: Sequence[Interval], ended_at: datetime | None) -> list[Interval]:
    """Return the stays of one device, by what RealtimeKit has told of them, in any order.

    One without an end has ended when the next began. The last one has ended at `ended_at`, if that was concluded.
    """
    stays = sorted(told, key=lambda it: it.joined_at)
    begun = [*(it.joined_at for it in stays[1:]), ended_at]
    return [
        stay if stay.left_at or end is None else replace(stay, left_at=max(end, stay.joined_at), presumed=True)
        for stay, end in zip(stays, begun, strict=True)
    ]


def without_known(acked: Iterable[Interval], told: Sequence[Interval]) -> list[Interval]:
    """Return the stays that only a browser has reported: RealtimeKit tells of none that it could mean."""
    return [ack for ack in acked if not any(_is_of(ack, stay) for stay in told)]


def _is_of(ack: Interval, stay: Interval) -> bool:
    return stay.joined_at - ACK_TOLERANCE <= ack.joined_at and not stay.ends_before(ack.joined_at)


def merged(stays: Iterable[Interval]) -> list[Interval]:
    """Return the same without overlaps. The end of several is that of the last of them."""
    found: list[Interval] = []
    for stay in sorted(stays, key=lambda it: it.joined_at):
        if not found or found[-1].ends_before(stay.joined_at):
            found.append(stay)
        else:
            found[-1] = _joined(found[-1], stay)
    return found


def _joined(first: Interval, second: Interval) -> Interval:
    if first.left_at is None or second.left_at is None:
        return replace(first, left_at=None, presumed=False)
    if first.left_at == second.left_at:
        return replace(first, presumed=first.presumed and second.presumed)
    last = max(first, second, key=lambda it: it.left_at or it.joined_at)
    return replace(first, left_at=last.left_at, presumed=last.presumed)
