"""The presets that people have in rooms: of all breakouts of a meeting, or of one."""

from pydantic import Field

from schemas.fields import Preset
from schemas.requests.base import RequestBody


class RoomPresetsRequest(RequestBody):
    """The presets at RealtimeKit that people have in rooms, where they differ from those in the main meeting."""

    host: Preset | None = Field(
        default=None, description="That of hosts without a `preset_name`. Default: null, as in the main meeting."
    )
    participant: Preset | None = Field(
        default=None, description="That of all others without a `preset_name`. Default: null, as in the main meeting."
    )
