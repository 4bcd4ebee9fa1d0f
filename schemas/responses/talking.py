"""Bodies of responses about what people in rooms ask of hosts."""

from datetime import datetime

from pydantic import Field

from schemas.responses.base import ResponseBody


class HelpResponse(ResponseBody):
    """Somebody in a room who asks the hosts for help."""

    id: str = Field(description="Our id of the request.")
    room_id: str = Field(description="Our id of the room where they are.")
    room_name: str = Field(description="The room's name.")
    custom_participant_id: str = Field(description="The caller's own id of the person.")
    asked_at: datetime = Field(description="When they asked first.")
    resolved_at: datetime | None = Field(description="When somebody said that it is settled; null until then.")
