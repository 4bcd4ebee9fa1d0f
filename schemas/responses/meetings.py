"""Bodies of responses about parent meetings and their people."""

from datetime import datetime

from pydantic import Field

from schemas.responses.base import ResponseBody
from schemas.states import BreakoutState, Location, Role


class UnregisteredPerson(ResponseBody):
    """Somebody in the main meeting who has no `custom_participant_id`, so that they can't be registered here."""

    realtimekit_participant_id: str = Field(description="The id of their record at RealtimeKit.")
    name: str = Field(description="Their name there.")


class RoomPresets(ResponseBody):
    """The presets at RealtimeKit that people have in rooms; null where they are those of the main meeting."""

    host: str | None = Field(description="That of hosts without a `preset_name`; null: the same as in main.")
    participant: str | None = Field(
        description="That of all others without a `preset_name`; null: the same as in main."
    )


class MeetingResponse(ResponseBody):
    """M: a parent meeting."""

    id: str = Field(description="Our id of the meeting.")
    realtimekit_meeting_id: str = Field(description="Its id at RealtimeKit.")
    title: str = Field(description="Its title.")
    host_preset: str = Field(description="The preset at RealtimeKit of hosts without a `preset_name`.")
    participant_preset: str = Field(description="The preset at RealtimeKit of all others without a `preset_name`.")
    room_presets: RoomPresets = Field(description="The presets that people have in rooms, where they differ.")
    ends_at: datetime | None = Field(description="By then every seat points to main; null: it has no end.")
    created_at: datetime = Field(description="When it was created or adopted here.")
    participant_count: int = Field(description="How many people are registered.")
    present_count: int = Field(description="How many of them are in it, or in one of its rooms.")
    unregistered_present: list[UnregisteredPerson] = Field(
        description="Who is in the main meeting now without a `custom_participant_id`. Others whom the caller's own "
        "backend has added are imported when they are first seen."
    )
    version: int = Field(description="Counts operators' changes, from 1.")


class ParticipantResponse(ResponseBody):
    """P+: a person of a meeting, and where they were last seen."""

    id: str = Field(description="Our id of the person in this meeting.")
    custom_participant_id: str = Field(description="The caller's own id of the person.")
    name: str = Field(description="What others see.")
    role: Role = Field(description="`host` or `participant`.")
    preset_name: str | None = Field(description="Their own preset at RealtimeKit; null: the meeting's for the role.")
    attributes: dict[str, str] = Field(description="Texts of the caller's own about the person.")
    present: bool = Field(description="In the main meeting or in one of its rooms.")
    location: Location = Field(description="Where they were last seen.")
    room_id: str | None = Field(description="Our id of the room that they are in; null outside of rooms.")


class ParticipantsResponse(ResponseBody):
    """People in the order in which they were given."""

    participants: list[ParticipantResponse] = Field(description="P+ of each.")


class ParticipantRemovedMessage(ResponseBody):
    """A meeting stream's `meeting.participant_removed`: somebody has left for good."""

    custom_participant_id: str = Field(description="The caller's own id of the person.")


class MeetingChangedMessage(ResponseBody):
    """A meeting stream's `meeting.changed`."""

    fields: list[str] = Field(description="The fields of M that have another value now.")


class MeetingBreakoutMessage(ResponseBody):
    """A meeting stream's `meeting.breakout`: one was made, or is in another state."""

    id: str = Field(description="Our id of the breakout.")
    state: BreakoutState = Field(description="Its state now.")


class ClientTokenResponse(ResponseBody):
    """A browser's token, good for one person of one meeting and only under /v1/seat."""

    token: str = Field(description="To be sent as `Authorization: Bearer`.")
    expires_at: datetime = Field(description="From then on it is refused.")
