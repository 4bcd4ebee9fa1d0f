"""The settings of the sandbox, at its start and while it runs.

Each question that RealtimeKit's documentation leaves open is a field of `Switches`, so that every answer can be tested.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat


class Settable(BaseModel):
    """Base of all settings; it refuses unknown names, so that a misspelt setting is noticed."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Switches(Settable):
    """Behaviour that RealtimeKit does not document, or documents in two ways."""

    duplicate_participant: Literal["second_record", "conflict", "bad_request", "same_record"] = "second_record"
    """What happens when a custom_participant_id is added to a meeting again."""
    search_matches: Literal["substring", "exact", "prefix", "words", "nothing", "everything"] = "substring"
    """How `GET /meetings?search=` compares the text with title and id; `substring` and `words` ignore case.

    `nothing` finds no meeting, and `everything` gives all meetings, as an API that ignores the parameter.
    """
    search_lag_seconds: float = Field(0.0, ge=0)
    """How long it takes until `search` finds a new meeting."""
    list_lag_seconds: float = Field(0.0, ge=0)
    """How long it takes until `GET /meetings` without `search` shows a new meeting."""
    start_time_compares: Literal["created_at", "updated_at", "session", "nothing"] = "created_at"
    """Which time of a meeting `start_time` and `end_time` are compared with.

    `session` leaves out meetings that nobody is in, and `nothing` ignores both parameters.
    """
    meetings_order: Literal["newest_first", "oldest_first", "by_title"] = "newest_first"
    pages_from: Literal[0, 1] = 1
    """The number of the first page of each list; where it is 1, 0 means the same page."""
    lists_have_totals: bool = True
    """Answers with lists have `paging`. That of a session's participants never has it."""
    most_per_page: int = Field(100, ge=1)
    too_many_per_page: Literal["cap", "refuse"] = "cap"
    participants_lag_seconds: float = Field(0.0, ge=0)
    """How long it takes until `GET participants` shows a new participant."""
    sessions_lag_seconds: float = Field(0.0, ge=0)
    """How long it takes until `GET /sessions` shows a new session, and the list of its participants a new peer."""
    peers_view: Literal["raw", "consolidated"] = "raw"
    """What the list of a session's participants gives without `view`."""
    peer_ids_stay: bool = False
    """A person's browser keeps its peer id in all meetings, as the web SDK's did before 1.2.5."""
    refresh_revokes: bool = False
    """A new token of a participant makes the older ones invalid."""
    retire_retired: Literal["ok", "conflict"] = "ok"
    """What happens when INACTIVE is set again."""
    record_empty_meeting: Literal["refuse", "allow"] = "refuse"
    inactive_ejects: bool = False
    """INACTIVE also ends the session and puts everybody out."""
    kick_all_ends_session: Literal["at_once", "after_keep_alive"] = "at_once"
    kick_absent: Literal["ignore", "not_found"] = "ignore"
    """What happens when one of the people to be kicked is not there; with `not_found` nobody is kicked."""
    kick_all_when_empty: Literal["not_found", "ok"] = "not_found"
    lingering_session_is_active: bool = False
    """active-session answers 200, with nobody in it, between the last leave and the end of the session."""
    start_running_recording: Literal["conflict", "bad_request"] = "conflict"
    """How a second recording of a meeting is refused."""
    stop_stopped_recording: Literal["conflict", "bad_request", "not_found", "ok"] = "conflict"
    stop_answers: Literal["uploading", "running"] = "uploading"
    """The status in the answer to a stop; an API that stops the recording a moment later might answer `running`."""
    nameless_can_join: bool = False
    """The token of a participant without a name works (it does not: cloudflare-typescript#2737)."""
    recorder_triggers_events: bool = False
    """The recorder's bot causes meeting.started, participantJoined and participantLeft, as a person does."""
    recorder_is_counted: bool = False
    """The recorder's bot is one of a session's participants, and counts in `live_participants`."""
    recording_statuses: Literal["each", "last"] = "each"
    """Which of several `status` parameters of `GET /recordings` count."""
    recordings_fail_matching: str | None = None
    """Recordings with this text in the title of their meeting or in their file name end ERRORED."""
    webhooks_delivered: bool = True
    webhook_retry_keeps_uuid: bool = True
    webhook_duplicates: int = Field(0, ge=0, le=20)
    """How many extra times each event is delivered, with the same rtk-uuid."""
    webhook_delay_seconds: float = Field(0.0, ge=0)
    webhook_reorder_seconds: float = Field(0.0, ge=0)
    """Each delivery waits for a random part of this, so that later events may arrive before earlier ones."""


class Timings(Settable):
    """Durations in seconds."""

    keep_alive_seconds: float | None = Field(None, ge=0)
    """From the last leave to the end of a session; None: what the meeting says (60 to 600)."""
    recording_starts_after: float = Field(0.3, ge=0)
    """From INVOKED to RECORDING."""
    recording_uploads_after: float = Field(1.0, ge=0)
    """From UPLOADING to UPLOADED."""
    recording_stops_when_empty_after: float = Field(60.0, ge=0)
    recording_shortest: float = Field(0.0, ge=0)
    """Shorter recordings end ERRORED; RealtimeKit says that those of less than 5 s may."""
    page_lost_after: float = Field(5.0, ge=0)
    """How long a real page whose connection has broken is still in its session."""
    media_lost_after: float = Field(30.0, ge=0)
    """How long after that its ways for media still work, if it comes back."""
    token_lifetime_seconds: PositiveFloat = 8_640_000
    """100 days, as in samples of RealtimeKit's tokens."""


class Delivery(Settable):
    """How webhooks are retried, after 5xx and network errors only."""

    attempts: int = Field(5, ge=1)
    backoff_seconds: float = Field(0.5, ge=0)
    """The wait before the second attempt; it doubles each time."""
    timeout_seconds: PositiveFloat = 3.0


class Latency(Settable):
    """How long a call takes: half of it passes before its effect, half after."""

    default_ms: float = Field(0.0, ge=0)
    operations: dict[str, float] = Field(default_factory=dict)
    """Milliseconds per operation, instead of the default."""
    jitter_ms: float = Field(0.0, ge=0)
    """A random part of this is added."""


class FaultKind(StrEnum):
    """What goes wrong with a call; its effect is the change that it makes."""

    RATE_LIMITED = "rate_limited"  # 429 with Retry-After for this call only, no effect
    BLOCKED = "blocked"  # 429 for this call and every call in the next `seconds`, no effect
    ERROR_BEFORE = "error_before"  # 500, no effect
    ERROR_AFTER = "error_after"  # the effect, then 500
    TIMEOUT_AFTER = "timeout_after"  # the effect, then silence for `seconds`, then the answer
    SILENCE = "silence"  # no effect, silence for `seconds`, then the connection is closed
    RESET_BEFORE = "reset_before"  # connection reset, no effect
    RESET_AFTER = "reset_after"  # the effect, then connection reset
    SUCCESS_FALSE = "success_false"  # HTTP 200 with success: false, no effect
    GARBLED = "garbled"  # the effect, then a body that is not JSON
    HELD_BEFORE = "held_before"  # nothing until the faults are replaced, then the effect and the answer
    HELD_AFTER = "held_after"  # the effect, then nothing until the faults are replaced, then the answer
    REFUSE = "refuse"  # RealtimeKit's error envelope with `status` and `message`, no effect


class Fault(Settable):
    """One rule; a call is spoiled by the first that strikes it."""

    operation: str = "*"
    """The name of an operation (see `rest.routes` and `edge.hub`), or "*" for all."""
    kind: FaultKind
    times: int | None = Field(1, ge=0)
    """How many calls it strikes; None: all."""
    skip: int = Field(0, ge=0)
    """How many matching calls it leaves alone first."""
    probability: float = Field(1.0, ge=0, le=1)
    seed: int | None = None
    match: str | None = None
    """It strikes only calls with this text in their path, their body, or the title of their meeting."""
    seconds: float = Field(30.0, ge=0)
    """The length of a silence or a block."""
    retry_after: int | None = Field(1, ge=0)
    """The Retry-After of `rate_limited`, in seconds; None leaves it out."""
    status: int = Field(400, ge=400, le=599)
    message: str = "Refused by the sandbox"


class Budget(Settable):
    """Cloudflare's limit: `calls` per sliding window; a call beyond it blocks all calls for `block_seconds` (429)."""

    calls: int = Field(1200, ge=1)
    window_seconds: PositiveFloat = 300
    block_seconds: float = Field(300, ge=0)


class SandboxConfig(Settable):
    """All settings."""

    account_id: str | None = None
    """The only account that is not answered 404; None: any."""
    app_id: str | None = None
    """The only app that is not answered 404; None: any."""
    api_token: str | None = None
    """The only token that is accepted; None: any that is not empty."""
    public_url: str | None = None
    """The base of download links; None: the Host of the latest call."""
    presets: list[str] = ["group_call_host", "group_call_participant", "webinar_presenter", "webinar_viewer"]
    default_per_page: int = Field(20, ge=1)
    webhook_private_key: str | None = None
    """The PEM of the RSA key that signs webhooks; None: a key is generated."""
    log_size: int = Field(50_000, ge=0)
    """How many calls `/_sandbox/calls` lists; its counts have no limit."""
    switches: Switches = Field(default_factory=Switches)
    timings: Timings = Field(default_factory=Timings)
    delivery: Delivery = Field(default_factory=Delivery)
    latency: Latency = Field(default_factory=Latency)
    faults: list[Fault] = []
    budget: Budget | None = None
