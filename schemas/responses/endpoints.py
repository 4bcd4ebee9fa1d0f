"""Bodies of responses about webhook endpoints, and the body of a webhook."""

from datetime import datetime
from typing import Any

from pydantic import Field

from schemas.responses.base import ResponseBody
from schemas.states import DeliveryState


class EndpointResponse(ResponseBody):
    """A server of the caller's that hears what happens."""

    id: str = Field(description="Our id of it.")
    url: str = Field(description="Where deliveries go.")
    events: list[str] | None = Field(description="The types of events that it hears; null: all.")
    meeting_id: str | None = Field(description="The meeting that it hears of; null: all meetings.")
    disabled: bool = Field(
        description="Whether nothing is sent: by an operator, after 5 days of failures, or after an answer 410."
    )
    created_at: datetime = Field(description="What happened before is not sent.")


class NewEndpointResponse(EndpointResponse):
    """A new endpoint, with its secret."""

    secret: str = Field(description="Signs deliveries. It is shown here once.")


class SecretResponse(ResponseBody):
    """The new secret of an endpoint."""

    secret: str = Field(description="Signs deliveries. The one before signs them too for 24 hours.")


class DeliveryRow(ResponseBody):
    """One event, as it is or was delivered to one endpoint."""

    id: str = Field(description="The `webhook-id` of each of its attempts.")
    type: str = Field(description="The event's type, or `ping`.")
    breakout_id: str | None = Field(description="The breakout; null for a ping.")
    state: DeliveryState = Field(
        description="`pending`: to be sent, or again; `failed`: given up; `refused`: it leads to no public address."
    )
    attempts: int = Field(description="How often it was sent.")
    last_status: int | None = Field(description="The HTTP status of the last answer; null when nobody answered.")
    next_attempt_at: datetime | None = Field(
        description="When it is sent next; null when it is not, or waits for the one before it."
    )
    created_at: datetime = Field(description="When it was put in line.")


class WebhookBody(ResponseBody):
    """The body of a webhook, as the Standard Webhooks specification has it."""

    type: str = Field(description="The event's type, or `ping`.")
    timestamp: datetime = Field(description="When it happened.")
    data: dict[str, Any] = Field(description="That of the event, with `breakout_id`, `meeting_id` and `actor`.")
