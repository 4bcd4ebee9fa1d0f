"""What seat streams begin with: the seat, what a returning browser has missed, and how far the logs go."""

from collections.abc import Sequence
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
        live = [Position(head.breakout_id, cursors[head.breakout_id]) for head in heads if head.live]
        return Start(seat, missed, cursors, live[0] if live else asked.last or Position())


def read_logs(deps: Deps, asked: Sequence[Asked]) -> Logs:
    """Read the logs for all these streams, in a constant number of queries."""
    with deps.database.reading() as session:
        returned = {one.last.breakout_id for one in asked if one.last}
        heads = news.heads(session, {one.meeting_id for one in asked}, returned)
        found = news.after(session, _earliest(asked, heads))
        return Logs(heads, found, database_now(session))


def _seen(one: Asked, heads: Sequence[Head]) -> dict[str, int]:
    """Return how far a returning browser has read each log of its meeting."""
    if one.last is None:
        return {}
    mine = (head.breakout_id for head in heads if head.meeting_id == one.meeting_id)
    return {key: one.last.number if key == one.last.breakout_id else 0 for key in mine}


def _earliest(asked: Sequence[Asked], heads: Sequence[Head]) -> dict[str, int]:
    """Return the number after which each log is read for all of them."""
    found: dict[str, int] = {}
    for one in {(one.meeting_id, one.last): one for one in asked}.values():
        for breakout_id, number in _seen(one, heads).items():
            found[breakout_id] = min(number, found.get(breakout_id, number))
    return found
