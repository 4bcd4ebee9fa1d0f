"""Bodies of requests about parent meetings and their people."""

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, ValidationInfo, field_validator, model_validator

from schemas.fields import Attributes, Clean, Name, PersonId, PersonName, Preset, Time, whole
from schemas.requests.base import MOST_PEOPLE, RequestBody, repeated, unchanged_by_default
from schemas.requests.presets import RoomPresetsRequest
from schemas.states import Role, TokenScope
from schemas.texts import shows_nothing


class PersonRequest(RequestBody):
    """P: a person of a meeting, under the caller's own id for them."""

    custom_participant_id: PersonId = Field(description="The caller's own id of this person.", examples=["ana"])
    name: PersonName = Field(
        description="What others see. In place of one that shows nothing stands the id.", examples=["Ana"]
    )
    role: Role = Field(
        default=Role.PARTICIPANT, description="A deal leaves hosts in main unless `assignment.include_hosts` is true."
    )
    preset_name: Preset | None = Field(
        default=None, description="A preset at RealtimeKit. Default: the meeting's for the role."
    )
    attributes: Attributes = Field(
        default_factory=dict,
        description="Texts of the caller's own about this person, kept and shown again. Default: none.",
        examples=[{"team": "blue"}],
    )

    @field_validator("name")
    @classmethod
    def _named(cls, name: str, info: ValidationInfo) -> str:
        """Let the id, which was validated before, stand in for a name that shows nothing."""
        return info.data.get("custom_participant_id", name) if shows_nothing(name) else name


def _nobody_twice(people: list[PersonRequest]) -> list[PersonRequest]:
    if twice := repeated(person.custom_participant_id for person in people):
        raise ValueError(f"the same custom_participant_id more than once: {', '.join(twice[:5])}")
    return people


class MeetingSettings(RequestBody):
    """What creating a parent meeting and changing it have in common."""

    host_preset: Preset = Field(
        default="group_call_host", description="The preset at RealtimeKit of hosts without a `preset_name`."
    )
    participant_preset: Preset = Field(
        default="group_call_participant", description="The preset at RealtimeKit of all others without a `preset_name`."
    )
    room_presets: RoomPresetsRequest = Field(
        default_factory=RoomPresetsRequest,
        description="The presets that people have in rooms, where they differ from those in the main meeting. "
        "Default: the same.",
    )
    ends_at: Time | None = Field(
        default=None,
        description="By then every seat points to main (RFC 3339): a breakout closes `countdown_seconds` before, "
        "whatever its own timer says. Null: it has no end. Default: null.",
    )


class MeetingRequest(MeetingSettings):
    """A parent meeting to create at RealtimeKit, or one to adopt."""

    title: Name | None = Field(
        default=None,
        description="Required unless an existing meeting is adopted. Default: that meeting's title at RealtimeKit.",
    )
    realtimekit_meeting_id: Annotated[str, Field(min_length=1, max_length=64), Clean] | None = Field(
        default=None,
        description="Adopts this meeting of RealtimeKit and imports its participants. Default: a new one is made.",
    )
    participants: Annotated[list[PersonRequest], Field(max_length=MOST_PEOPLE), AfterValidator(_nobody_twice)] = Field(
        default_factory=list, description="People to register at once. Default: nobody."
    )

    @model_validator(mode="after")
    def _titled_or_adopted(self) -> Self:
        if self.title is None and self.realtimekit_meeting_id is None:
            raise ValueError("give a title for a new meeting, or the realtimekit_meeting_id of one that exists")
        return self


class MeetingChange(MeetingSettings):
    """Changes of a parent meeting. What is left out stays as it is, also of the fields of `room_presets`."""

    model_config = ConfigDict(json_schema_extra=unchanged_by_default)

    title: Name = Field(default="", description="Its title here; RealtimeKit's stays.")


class ParticipantsRequest(RequestBody):
    """People to register in a meeting; those known already get the new name and role, and what else is given."""

    participants: Annotated[
        list[PersonRequest], Field(min_length=1, max_length=1000), AfterValidator(_nobody_twice)
    ] = Field(description="People to register, or to change.")


class ClientTokenRequest(RequestBody):
    """What a browser's token is good for, and for how long."""

    ttl_seconds: Annotated[int, whole(60, 86400)] = Field(
        default=14400, description="How many seconds the token is good for."
    )
    scope: TokenScope = Field(
        default=TokenScope.SEAT, description="`seat`: for `/v1/seat`; `host`: also for what hosts may do here."
    )


class PresentRequest(RequestBody):
    """Whether somebody is in the main meeting, said by a caller that has no webhooks."""

    present: StrictBool = Field(description="Whether this person is in the main meeting now.")
