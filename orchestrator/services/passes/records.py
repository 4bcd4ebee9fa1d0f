"""Deleting people's records of a meeting that a pass has made which ended before it could be recorded."""

import asyncio
from collections.abc import Collection

from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota.priority import Priority


async def delete_records(
    kit: RealtimeKit, meeting_id: str, *, priority: Priority, but: Collection[str] = frozenset()
) -> None:
    """Delete the records of all whom RealtimeKit lists in a meeting, but these `custom_participant_id`s.

    Nobody is there: tokens are handed out only once a meeting is recorded. Raises RealtimeKitError.
    """
    listed = await kit.participants(meeting_id, priority=priority)
    others = [record for record in listed if record.custom_participant_id not in but]
    await asyncio.gather(*(kit.delete_participant(meeting_id, it.id, priority=priority) for it in others))
