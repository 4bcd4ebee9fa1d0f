"""The body of a delivery: built from the log each time, so that names that were erased are not in it."""

from schemas.responses import WebhookBody
from schemas.tables import Delivery, Event


def body_of(delivery: Delivery, event: Event | None, meeting_id: str | None) -> str:
    """Return the body of a delivery: the same for every attempt."""
    actor = delivery.actor if event is None else event.actor
    more = {"breakout_id": delivery.breakout_id, "meeting_id": meeting_id, "actor": actor}
    if event is None:
        return WebhookBody(type=delivery.type, timestamp=delivery.created_at, data=more).model_dump_json()
    return WebhookBody(type=event.type, timestamp=event.at, data=event.data | more).model_dump_json()
