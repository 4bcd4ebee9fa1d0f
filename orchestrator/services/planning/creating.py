"""Creating a breakout in one transaction: its rooms, who sits where, and when it starts. Tasks do the rest."""

from datetime import datetime

from orchestrator.domain.distribution import random_seed
from orchestrator.services.breakout.aggregate import LockedBreakout
from orchestrator.services.breakout.dealing import deal_on_request
from orchestrator.services.breakout.locked import made
from orchestrator.services.breakout.planned import schedule, start_now
from orchestrator.services.breakout.rights import want_rights
from orchestrator.services.breakout.seating import dealable
from orchestrator.services.deps import Deps
from orchestrator.services.planning.rooms import continue_from, set_rooms
from orchestrator.services.planning.settings import columns, when_dealt
from orchestrator.store.database import Transaction
from orchestrator.store.queries import lock_meeting
from schemas.requests import BreakoutRequest
from schemas.states import Deal
from schemas.tables import Breakout, Meeting


def create(deps: Deps, meeting_id: str, body: BreakoutRequest) -> str:
    """Plan a breakout, and start or schedule it if asked to. Returns its id.

    Raises Unknown, WrongState while another breakout is live, Malformed for an impossible split.
    """
    with deps.database.transaction() as tx:
        breakout = _plan(tx, lock_meeting(tx, meeting_id), body)
        with made(deps, tx, breakout) as b:
            want_rights(tx, breakout)
            if body.from_breakout is not None:
                continue_from(b, body.from_breakout)
            else:
                set_rooms(b, body.rooms or [])
            deal = when_dealt(body, anybody=bool(dealable(b).ids))
            breakout.deal = deal
            breakout.dealt_at = b.now if deal is Deal.NOW or body.start == "now" else None
            deal_on_request(b)
            begin(b, body.start)
        return breakout.id


def _plan(tx: Transaction, meeting: Meeting, body: BreakoutRequest) -> Breakout:
    meeting.breakouts += 1
    breakout = Breakout(
        meeting_id=meeting.id,
        name=body.name or f"Breakout {meeting.breakouts}",
        seed=body.assignment.seed if body.assignment.seed is not None else random_seed(),
        deal_is_default=body.assignment.deal is None,
        created_at=tx.now(),
        **columns(tx, meeting.id, body),
    )
    tx.session.add(breakout)
    tx.session.flush()
    return breakout


def begin(b: LockedBreakout, start: datetime | str) -> None:
    """Start a new plan now, or schedule its start; `manual` leaves it a draft."""
    if start == "now":
        start_now(b)
    elif isinstance(start, datetime):
        schedule(b, start)
