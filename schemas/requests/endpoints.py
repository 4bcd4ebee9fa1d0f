"""Bodies of requests about webhook endpoints."""

from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool

from schemas.events import EventType
from schemas.fields import Clean, RowId
from schemas.requests.base import RequestBody, unchanged_by_default

Url = Annotated[str, Field(min_length=1, max_length=2000), Clean]


class EndpointRequest(RequestBody):
    """A server of the caller's that is to hear what happens."""

    url: Url = Field(description="Where deliveries go: `http` or `https`, at an address that anybody can reach.")
    events: list[EventType] | None = Field(
        default=None, max_length=100, description="The types of events that it hears. Null or none: all. Default: null."
    )
    meeting_id: RowId | None = Field(
        default=None, description="The meeting that it hears of. Null: all meetings. Default: null."
    )


class EndpointChange(RequestBody):
    """Changes of a webhook endpoint. What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra=unchanged_by_default)

    url: Url = Field(default="", description="Where deliveries go.")
    events: list[EventType] | None = Field(
        default=None, max_length=100, description="The types of events that it hears. Null or none: all."
    )
    disabled: StrictBool = Field(
        default=False, description="Whether nothing is sent. What happens while it is disabled is not sent later."
    )
