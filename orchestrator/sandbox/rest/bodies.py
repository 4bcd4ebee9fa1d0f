"""Request bodies with the limits of RealtimeKit's reference; fields that the sandbox does not use are not checked."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from orchestrator.sandbox.world.payloads import EventName


def _http(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise PydanticCustomError("url", "must be an http or https URL")
    return url


Url = Annotated[str, AfterValidator(_http)]
KeepAlive = Annotated[float, Field(ge=60, le=600)]
MaxSeconds = Annotated[int, Field(ge=60, le=86400)]


class Open(BaseModel):
    """A body that may have further fields, which are not checked."""

    model_config = ConfigDict(extra="allow")


class Video(Open):
    """video_config."""

    codec: Literal["H264", "VP8", "VP9"] = "H264"
    width: Annotated[int, Field(ge=1, le=1920)] = 1280
    height: Annotated[int, Field(ge=1, le=1920)] = 720


class Audio(Open):
    """audio_config."""

    codec: Literal["MP3", "AAC"] = "AAC"
    channel: Literal["mono", "stereo"] = "stereo"


class Storage(Open):
    """storage_config."""

    type: Literal["aws", "azure", "digitalocean", "gcs", "sftp"]


class RecordingSettings(Open):
    """recording_config of a meeting."""

    max_seconds: Annotated[float, Field(ge=60, le=86400)] | None = None
    file_name_prefix: str | None = None
    video_config: Video | None = None
    audio_config: Audio | None = None
    storage_config: Storage | None = None


class Summarization(Open):
    """ai_config.summarization."""

    word_limit: Annotated[int, Field(ge=150, le=1000)] = 500


class Ai(Open):
    """ai_config."""

    summarization: Summarization | None = None


class MeetingBody(BaseModel):
    """POST and PUT /meetings."""

    title: str | None = None
    record_on_start: bool | None = False
    live_stream_on_start: bool | None = False
    persist_chat: bool = False
    session_keep_alive_time_in_secs: KeepAlive = 60
    summarize_on_end: bool = False
    transcribe_on_end: bool = False
    recording_config: RecordingSettings | None = None
    ai_config: Ai | None = None


class MeetingPatch(MeetingBody):
    """PATCH /meetings/{id}."""

    status: Literal["ACTIVE", "INACTIVE"] = "ACTIVE"


class ParticipantBody(BaseModel):
    """POST and PUT participants."""

    custom_participant_id: Annotated[str, Field(min_length=1)]
    preset_name: str
    name: str | None = None
    picture: Url | None = None


class ParticipantPatch(BaseModel):
    """PATCH participants."""

    name: str | None = None
    picture: Url | None = None
    preset_name: str | None = None


class KickBody(BaseModel):
    """POST active-session/kick; one of the two lists is enough."""

    custom_participant_ids: list[str] = []
    participant_ids: list[str] = []


class MuteAllBody(BaseModel):
    """POST active-session/mute-all."""

    allow_unmute: bool = True


class PollBody(BaseModel):
    """POST active-session/poll."""

    question: str
    options: Annotated[list[str], Field(min_length=1)]
    anonymous: bool = False
    hide_votes: bool = False


class StartRecordingBody(BaseModel):
    """POST /recordings."""

    meeting_id: str
    allow_multiple_recordings: bool = False
    max_seconds: MaxSeconds = 86400
    file_name_prefix: str | None = None
    url: Url | None = None
    video_config: Video | None = None
    audio_config: Audio | None = None
    storage_config: Storage | None = None


class StartTrackBody(BaseModel):
    """POST /recordings/track."""

    meeting_id: str
    layers: dict[str, Any] | None = None
    user_ids: list[str] | None = None


class RecordingActionBody(BaseModel):
    """PUT /recordings/{id}."""

    action: Literal["stop", "pause", "resume"]


class WebhookBody(BaseModel):
    """POST and PUT /webhooks."""

    name: Annotated[str, Field(min_length=1)]
    url: Url
    events: Annotated[list[EventName], Field(min_length=1)]
    enabled: bool = True


class WebhookPatch(BaseModel):
    """PATCH /webhooks/{id}."""

    name: Annotated[str, Field(min_length=1)] | None = None
    url: Url | None = None
    events: Annotated[list[EventName], Field(min_length=1)] | None = None
    enabled: bool | None = None


class PresetBody(BaseModel):
    """POST and PUT /presets; the content of the three objects is not checked."""

    name: Annotated[str, Field(min_length=1)]
    config: dict[str, Any]
    permissions: dict[str, Any]
    ui: dict[str, Any]


class PresetPatch(BaseModel):
    """PATCH /presets/{id}."""

    name: Annotated[str, Field(min_length=1)] | None = None
    config: dict[str, Any] | None = None
    permissions: dict[str, Any] | None = None
    ui: dict[str, Any] | None = None
