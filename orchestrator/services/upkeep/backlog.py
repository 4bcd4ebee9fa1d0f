"""Whether work gets done: no row may wait for long while a queue stands still, or while nobody sends its message."""

from datetime import timedelta

from orchestrator.services.deps import Deps
from orchestrator.store import scan
from orchestrator.store.database import database_now
from orchestrator.store.kinds import KIND_OF


def stuck(deps: Deps) -> list[str]:
    """Return tables with rows that wait for longer than READY_MAX_OVERDUE_SECONDS while a queue does not move.

    Waiting alone proves nothing, because a row whose task fails again and again waits for ever while the others get
    done. Raises RedisError.
    """
    with deps.database.reading() as session:
        now = database_now(session)
        waiting = scan.waiting(session, now)
    since = now - timedelta(seconds=deps.settings.ready_max_overdue_seconds)
    late = {table: found for table, found in waiting.items() if found.since < since}
    if not late:
        return []
    lying = [queue for queue, length in deps.broker.queue_lengths().items() if length]
    if lying and all(deps.broker.is_moving(queue) for queue in lying):
        return []
    overdue = {table for table, found in late.items() if found.overdue_since and found.overdue_since < since}
    return [KIND_OF[table].name for table in late if lying or table in overdue]
