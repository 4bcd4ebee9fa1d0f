"""Creating a series of breakouts in one transaction. Each round is dealt against the groups of those before."""

from dataclasses import dataclass, field

from sqlmodel import Session

from orchestrator.domain.distribution import random_seed
from orchestrator.domain.rounds import Met, repeated_pairs
from orchestrator.services.breakout import series
from orchestrator.services.breakout.dealing import deal_on_request
from orchestrator.services.breakout.locked import made
from orchestrator.services.breakout.rights import want_rights
from orchestrator.services.deps import Deps
from orchestrator.services.planning.creating import begin
from orchestrator.services.planning.rooms import set_rooms
from orchestrator.services.planning.settings import columns, when_dealt
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_meeting
from schemas.columns import new_id
from schemas.fields import LONGEST_NAME
from schemas.requests import RoundsRequest
from schemas.states import Deal
from schemas.tables import Breakout

DEFAULT_NAME = "Round"


@dataclass(frozen=True)
class Series:
    """A series that was made."""

    id: str
    seed: int
    breakout_ids: list[str] = field(default_factory=list)


def create_rounds(deps: Deps, meeting_id: str, body: RoundsRequest) -> Series:
    """Plan so many breakouts in one series, and start or schedule the first if asked to.

    Raises Unknown, WrongState while another breakout is live, Malformed for impossible rules, pins or limits.
    """
    seed = body.assignment.seed if body.assignment.seed is not None else random_seed()
    made_now = Series(new_id(), seed)
    with deps.database.transaction() as tx:
        lock_meeting(tx, meeting_id).breakouts += body.rounds
        rows = [_plan(tx, meeting_id, body, made_now, number) for number in range(1, body.rounds + 1)]
        met = Met()
        for row in rows:
            with made(deps, tx, row) as b:
                want_rights(tx, row)
                set_rooms(b, body.rooms or [])
                deal_on_request(b, met=met)
            made_now.breakout_ids.append(row.id)
        with made(deps, tx, rows[0]) as b:
            begin(b, body.start)
    return made_now


def pairs_that_meet_again(session: Session, breakout_ids: list[str]) -> int:
    """Return how many pairs meet in more than one of these rounds, as they are dealt now."""
    last = session.get_one(Breakout, breakout_ids[-1])
    groups = series.groups_of(session, last, upto=last.round or 0)
    return repeated_pairs(groups, series.together(session, last))


def _plan(tx: Transaction, meeting_id: str, body: RoundsRequest, of: Series, number: int) -> Breakout:
    """Add the row of a round. It is dealt at its start, unless the request says otherwise."""
    deal, now = when_dealt(body, anybody=True), tx.now()
    starts_now = number == 1 and body.start == "now"
    row = Breakout(
        meeting_id=meeting_id,
        series_id=of.id,
        round=number,
        name=_name(body.name or DEFAULT_NAME, number),
        seed=of.seed,
        deal=deal,
        deal_is_default=body.assignment.deal is None,
        dealt_at=now if deal is Deal.NOW or starts_now else None,
        gap_seconds=body.gap_seconds,
        awaits_round=number > 1,
        created_at=now,
        **columns(tx, meeting_id, body),
    )
    tx.session.add(row)
    tx.session.flush()
    return row


def _name(of_series: str, number: int) -> str:
    """Return the name of a round, which is no longer than any other name."""
    ending = f" {number}"
    return of_series[: LONGEST_NAME - len(ending)].rstrip() + ending
