"""The hourly look for what is kept no longer: names in breakouts that ended long ago, and stored webhooks."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlmodel import col

from orchestrator.domain.wording import count
from orchestrator.runtime.clock import elapsed
from orchestrator.services.breakout.forgetting import eraser_of_all, forget_people
from orchestrator.services.breakout.locked import locked_if_kept
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency.erasing import erase_answers_about
from orchestrator.services.idempotency.keys import KEY_LIFETIME, purge_old
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.store import due
from schemas.states import ENDED
from schemas.tables import OLD_NAMES, Breakout, Fact, Sweep

EVERY = timedelta(hours=1)
BREAKOUTS_AT_ONCE = 50
"""Breakouts that lose their names in one pass at most."""
PASS_SECONDS = 0.5
"""After so long a pass begins with no other breakout."""
REST = timedelta(seconds=1)
"""How long after a pass further breakouts are due. On SQLite nobody else came to write between two breakouts of a pass,
because whoever waits for long looks only each tenth of a second (measured)."""
DELIVERIES_LIVE = timedelta(days=30)
"""How long a webhook of RealtimeKit's is known as a repetition at most."""


def plan(deps: Deps) -> None:
    """Look now, because a timekeeper starts: perhaps there was none for long, or names are kept less long now."""
    with deps.database.transaction() as tx:
        due.due_by(tx, Sweep, {OLD_NAMES: tx.now()})


def forget(deps: Deps, row_id: str, claim: int) -> Result:
    """Do one pass, and plan the next. This is the task of the sweep for old names.

    It calls nobody outside. What is done twice does no harm: names that are gone are not found again.
    """
    with deps.database.transaction() as tx:
        taken = due.take(tx, Sweep, row_id, claim)
        if taken is None:
            return NOTHING_TO_DO
        _, now = taken
        due.set_due(tx, Sweep, row_id, now + EVERY)
    with deps.database.transaction() as tx:
        tx.session.execute(delete(Fact).where(col(Fact.received_at) < now - DELIVERIES_LIVE))
        purge_old(tx, now - KEY_LIFETIME)  # where no new keys come to purge them
    until, ended = elapsed() + PASS_SECONDS, _with_old_names(deps, now)
    done = 0
    while done < len(ended) and (done == 0 or elapsed() < until):
        _forget_one(deps, ended[done])
        done += 1
    if done < len(ended) or done == BREAKOUTS_AT_ONCE:
        with deps.database.transaction() as tx:
            due.set_due(tx, Sweep, row_id, tx.now() + REST)
    return Result(f"{count(done, 'breakout')} without names")


def _forget_one(deps: Deps, breakout_id: str) -> None:
    with locked_if_kept(deps, breakout_id) as b:
        if b is not None:
            eraser = eraser_of_all(b)
            erase_answers_about(b.tx.session, b.row, eraser)
            forget_people(b, eraser)


def _with_old_names(deps: Deps, now: datetime) -> Sequence[str]:
    days = deps.settings.retention_days
    if days is None:
        return []
    statement = select(col(Breakout.id)).where(
        col(Breakout.closed_at) <= now - timedelta(days=days), col(Breakout.names_kept), col(Breakout.state).in_(ENDED)
    )
    with deps.database.glancing() as session:
        return session.scalars(statement.order_by(col(Breakout.closed_at)).limit(BREAKOUTS_AT_ONCE)).all()
