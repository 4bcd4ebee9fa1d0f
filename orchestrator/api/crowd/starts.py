"""What seat streams begin with: the seat, what a returning browser has missed, and how far the logs go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.api.crowd.position import Position
from orchestrator.api.crowd.shown import ShownSeat
from orchestrator.services.deps import Deps
from orchestrator.services.views import news
from orchestrator.services.views.news import Head, News
from orchestrator.store.database import database_now


@dataclass(frozen=True)
class Asked:
    """A browser that opens a stream, and how far it had read one before."""

    participant_id: str
    meeting_id: str
    last: Position | None
    """None: a new browser, which has missed nothing."""


@dataclass(frozen=True)
class Start:
    """What a stream begins with."""

    seat: ShownSeat
    missed: list[News]
    cursors: dict[str, int]
    """How far each breakout's log goes."""
    position: Position


@dataclass(frozen=True)
class Logs:
    """What the logs of some meetings' breakouts held when they were read."""

    heads: list[Head]
    news: list[News]
    now: datetime
    """The database's time then."""

    def start(self, asked: Asked, seat: ShownSeat) -> Start:
        """Return what this stream begins with. `seat` was read after the logs."""
        heads = [head for head in self.heads if head.meeting_id == asked.meeting_id]
        cursors, seen = {head.breakout_id: head.number for head in heads}, _seen(asked, heads)
        new = (it for it in self.news if it.breakout_id in seen and it.number > seen[it.breakout_id])
        missed = news.missed([it for it in new if it.concerns(asked.participant_id)], self.now)
        for item in missed:
            cursors[item.breakout_id] = max(item.number, cursors[item.breakout_id])
        return Start(seat, missed, cursors, _position(asked, heads, cursors))


def read_logs(deps: Deps, asked: Sequence[Asked]) -> Logs:
    """Read the logs for all these streams, in a constant number of queries."""
    with deps.database.reading() as session:
        returned = {one.last.breakout_id for one in asked if one.last}
        heads = news.heads(session, {one.meeting_id for one in asked}, returned)
        known = {head.breakout_id for head in heads}
        heads += [it for it in news.closed_heads(session, _without_live(asked, heads)) if it.breakout_id not in known]
        found = news.after(session, _earliest(asked, heads))
        return Logs(heads, found, database_now(session))


def _without_live(asked: Sequence[Asked], heads: Sequence[Head]) -> set[str]:
    """Return the meetings of streams that do not go on in the log of a live breakout."""
    live = {head.breakout_id: head.meeting_id for head in heads if head.live}
    goes_on = set(live.values())
    return {
        one.meeting_id
        for one in asked
        if one.meeting_id not in goes_on or (one.last is not None and one.last.breakout_id not in live)
    }


def _position(asked: Asked, heads: Sequence[Head], cursors: Mapping[str, int]) -> Position:
    """Return how far a stream has read: in the log of the live breakout, else of the one that closed last."""
    here = max(heads, key=lambda head: (head.live, head.began_at), default=None)
    return Position(here.breakout_id, cursors[here.breakout_id]) if here else asked.last or Position()


def _seen(one: Asked, heads: Sequence[Head]) -> dict[str, int]:
    """Return how far a returning browser has read each log of its meeting that it may have missed something of.

    These are the log that it was in, and those of breakouts that began later. A browser that was in none has seen none.
    """
    if one.last is None:
        return {}
    mine = [head for head in heads if head.meeting_id == one.meeting_id]
    last = next((head for head in mine if head.breakout_id == one.last.breakout_id), None)
    seen = {head.breakout_id: 0 for head in mine if head.live or _began_later(head, last, one.last)}
    return seen if last is None else seen | {last.breakout_id: one.last.number}


def _began_later(head: Head, last: Head | None, position: Position) -> bool:
    if last is None:
        return position == Position()
    return head.began_at > last.began_at


def _earliest(asked: Sequence[Asked], heads: Sequence[Head]) -> dict[str, int]:
    """Return the number after which each log is read for all of them."""
    found: dict[str, int] = {}
    for one in {(one.meeting_id, one.last): one for one in asked}.values():
        for breakout_id, number in _seen(one, heads).items():
            found[breakout_id] = min(number, found.get(breakout_id, number))
    return found
