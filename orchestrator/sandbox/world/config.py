"""What can be set about the sandbox, at its start and while it runs.

Whatever RealtimeKit's documentation leaves open is a field of `Switches`, so that each outcome can be tested.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat


class Settable(BaseModel):
    """Base of all settings: unknown names are refused, so that a typing error can't pass for a setting."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Switches(Settable):
    """Behaviours that RealtimeKit does not document (or documents in two ways)."""

    duplicate_participant: Literal["second_record", "conflict", "same_record"] = "second_record"
    """The same custom_participant_id is added to a meeting once more."""
    search_matches: Literal["substring", "exact"] = "substring"
    """How `GET /meetings?search=` compares with title and id (substring ignores case)."""
    search_lag_seconds: float = Field(0.0, ge=0)
    """New meetings appear in answers to `search` only after this long."""
    record_empty_meeting: Literal["refuse", "allow"] = "refuse"
    inactive_ejects: bool = False
    """INACTIVE puts out who is in already, and ends the session."""
    kick_all_ends_session: Literal["at_once", "after_keep_alive"] = "at_once"
    kick_all_when_empty: Literal["not_found", "ok"] = "not_found"
    lingering_session_is_active: bool = False
    """active-session answers 200 (with nobody in it) between the last leave and the end of the session."""
    stop_stopped_recording: Literal["conflict", "ok"] = "conflict"
    stop_answers: Literal["uploading", "running"] = "uploading"
    """What the answer to a stop calls the recording: an API that stops it a moment later might call it running."""
    nameless_can_join: bool = False
    """A token of a participant without a name works (cloudflare-typescript#2737 says that it does not)."""
    recorder_triggers_events: bool = False
    """The recorder's bot causes meeting.started, participantJoined and participantLeft like a person."""
    recordings_fail_matching: str | None = None
    """Recordings whose meeting title or file name contains this end ERRORED."""
    webhooks_delivered: bool = True
    webhook_retry_keeps_uuid: bool = True
    webhook_duplicates: int = Field(0, ge=0, le=20)
    """So many extra deliveries of each event, with the same rtk-uuid."""
    webhook_delay_seconds: float = Field(0.0, ge=0)
    webhook_reorder_seconds: float = Field(0.0, ge=0)
    """Each delivery waits a random part of this, so that later events may overtake earlier ones."""


class Timings(Settable):
    """How long things take, in seconds."""

    keep_alive_seconds: float | None = Field(None, ge=0)
    """End of a session after the last leave; None: what the meeting says (60 to 600)."""
    recording_starts_after: float = Field(0.3, ge=0)
    """INVOKED to RECORDING."""
    recording_uploads_after: float = Field(1.0, ge=0)
    """UPLOADING to UPLOADED."""
    recording_stops_when_empty_after: float = Field(60.0, ge=0)
    recording_shortest: float = Field(0.0, ge=0)
    """Recordings shorter than this end ERRORED (RealtimeKit: "less than 5 s may")."""
    token_lifetime_seconds: PositiveFloat = 8_640_000
    """100 days, as seen in samples of RealtimeKit's tokens."""


class Delivery(Settable):
    """How webhooks are retried: on 5xx and network errors only."""

    attempts: int = Field(5, ge=1)
    backoff_seconds: float = Field(0.5, ge=0)
    """Before the second attempt; doubles each time."""
    timeout_seconds: PositiveFloat = 3.0


class Latency(Settable):
    """How long a call takes; half of it passes before its effect, half after."""

    default_ms: float = Field(0.0, ge=0)
    operations: dict[str, float] = Field(default_factory=dict)
    """Milliseconds per operation, instead of the default."""
    jitter_ms: float = Field(0.0, ge=0)
    """A random part of this comes on top."""


class FaultKind(StrEnum):
    """What goes wrong."""

    RATE_LIMITED = "rate_limited"  # 429 with Retry-After, this call only
    BLOCKED = "blocked"  # 429 for this call and every call in the next `seconds`
    ERROR_BEFORE = "error_before"  # 500, nothing happened
    ERROR_AFTER = "error_after"  # 500 after the effect
    TIMEOUT_AFTER = "timeout_after"  # the effect, then silence for `seconds`, then the answer
    SILENCE = "silence"  # no effect, silence for `seconds`, then the connection is closed
    RESET_BEFORE = "reset_before"  # connection reset, no effect
    RESET_AFTER = "reset_after"  # the effect, then connection reset
    SUCCESS_FALSE = "success_false"  # HTTP 200 with success: false, no effect
    GARBLED = "garbled"  # the effect, then a body that is not JSON
    REFUSE = "refuse"  # RealtimeKit's error envelope with `status` and `message`, no effect


class Fault(Settable):
    """One rule; the first that applies to a call is used."""

    operation: str = "*"
    """Name of an operation (see `routes`), or "*"."""
    kind: FaultKind
    times: int | None = Field(1, ge=0)
    """How often it strikes; None: for ever."""
    skip: int = Field(0, ge=0)
    """So many matching calls are let through first."""
    probability: float = Field(1.0, ge=0, le=1)
    seed: int | None = None
    match: str | None = None
    """Strikes only calls with this text in the path, the body, or the title of the meeting that they are about."""
    seconds: float = Field(30.0, ge=0)
    """Length of a silence or a block."""
    retry_after: int | None = Field(1, ge=0)
    """Header of `rate_limited`; None leaves it out."""
    status: int = Field(400, ge=400, le=599)
    message: str = "Refused by the sandbox"


class Budget(Settable):
    """Cloudflare's limit: `calls` per sliding window, then 429 for everything for `block_seconds`."""

    calls: int = Field(1200, ge=1)
    window_seconds: PositiveFloat = 300
    block_seconds: float = Field(300, ge=0)


class SandboxConfig(Settable):
    """All of it."""

    account_id: str | None = None
    """With this set, other accounts are answered 404."""
    app_id: str | None = None
    """With this set, other apps are answered 404."""
    api_token: str | None = None
    """The only token that is let in; None: any that is not empty."""
    public_url: str | None = None
    """Where download links point; None: the Host of the latest call."""
    presets: list[str] = ["group_call_host", "group_call_participant", "webinar_presenter", "webinar_viewer"]
    default_per_page: int = Field(20, ge=1)
    max_per_page: int = Field(100, ge=1)
    webhook_private_key: str | None = None
    """PEM of the RSA key that signs webhooks; None: one is made."""
    log_size: int = Field(50_000, ge=0)
    """Calls that `/_sandbox/calls` remembers one by one (counts never forget)."""
    switches: Switches = Field(default_factory=Switches)
    timings: Timings = Field(default_factory=Timings)
    delivery: Delivery = Field(default_factory=Delivery)
    latency: Latency = Field(default_factory=Latency)
    faults: list[Fault] = []
    budget: Budget | None = None
