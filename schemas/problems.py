"""Every `code` of a problem document: one for each cause, with its statuses and what it means.

`docs/errors.md` is made from this table: `python -m orchestrator.api.error_page`.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class Meaning(NamedTuple):
    """With which statuses a code comes, and what it means."""

    statuses: tuple[int, ...]
    words: str


class ProblemCode(StrEnum):
    """The `code` of a problem document, which programs may compare."""

    BODY_TOO_LARGE = "body_too_large"
    BREAKOUT_RUNNING = "breakout_running"
    CROSS_ORIGIN = "cross_origin"
    DATABASE_UNAVAILABLE = "database_unavailable"
    IDEMPOTENCY_KEY_BUSY = "idempotency_key_busy"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    IDEMPOTENCY_KEY_SEALED = "idempotency_key_sealed"
    HOSTS_MAY_NOT = "hosts_may_not"
    IMPOSSIBLE_PLAN = "impossible_plan"
    INTERNAL_ERROR = "internal_error"
    INVALID_KEY = "invalid_key"
    INVALID_SIGNATURE = "invalid_signature"
    INVALID_TOKEN = "invalid_token"  # noqa: S105 - the name of a mistake
    MALFORMED = "malformed"
    MEETING_TAKEN = "meeting_taken"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    MISSING_CREDENTIALS = "missing_credentials"
    NAME_TAKEN = "name_taken"
    NEEDS_CONSTRAINTS = "needs_constraints"
    NOT_A_HOST = "not_a_host"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    NOT_JSON = "not_json"
    NOT_READY = "not_ready"
    PARENT_ENDS_TOO_SOON = "parent_ends_too_soon"
    PARENT_INACTIVE = "parent_inactive"
    REALTIMEKIT_REFUSED = "realtimekit_refused"
    REALTIMEKIT_UNAVAILABLE = "realtimekit_unavailable"
    ROOM_FULL = "room_full"
    STALE_VERSION = "stale_version"
    TIME_PAST = "time_past"
    TOO_BUSY = "too_busy"
    TOO_MANY_WRONG_KEYS = "too_many_wrong_keys"
    UNKNOWN_BREAKOUT = "unknown_breakout"
    UNKNOWN_DELIVERY = "unknown_delivery"
    UNKNOWN_ENDPOINT = "unknown_endpoint"
    UNKNOWN_FIELD = "unknown_field"
    UNKNOWN_ID = "unknown_id"
    UNKNOWN_MEETING = "unknown_meeting"
    UNKNOWN_PARAMETER = "unknown_parameter"
    UNKNOWN_PARTICIPANT = "unknown_participant"
    UNKNOWN_PRESET = "unknown_preset"
    UNKNOWN_ROOM = "unknown_room"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    UNUSABLE_URL = "unusable_url"
    VIEWER_ONLY = "viewer_only"
    WRONG_STATE = "wrong_state"


_C = ProblemCode

MEANINGS: Mapping[ProblemCode, Meaning] = MappingProxyType(
    {
        _C.BODY_TOO_LARGE: Meaning((413,), "The body is larger than this server takes."),
        _C.BREAKOUT_RUNNING: Meaning((409,), "Another breakout of the meeting runs: `breakout_id` names it."),
        _C.CROSS_ORIGIN: Meaning((403,), "The console's cookie came from another page than the console's own."),
        _C.DATABASE_UNAVAILABLE: Meaning((503,), "The database or the broker does not answer. Try again later."),
        _C.IDEMPOTENCY_KEY_BUSY: Meaning((503,), "Another request with this `Idempotency-Key` is still at work."),
        _C.IDEMPOTENCY_KEY_REUSED: Meaning((422,), "This `Idempotency-Key` came with another body before."),
        _C.IDEMPOTENCY_KEY_SEALED: Meaning((422,), "The answer to this `Idempotency-Key` can't be decrypted any more."),
        _C.HOSTS_MAY_NOT: Meaning((403,), "This is for API keys, and not for hosts."),
        _C.IMPOSSIBLE_PLAN: Meaning(
            (422,), "Pins, limits or rules contradict each other, or rooms are too small or missing."
        ),
        _C.INTERNAL_ERROR: Meaning((500,), "Our mistake. It has been logged."),
        _C.INVALID_KEY: Meaning((401,), "The API key is unknown, revoked or expired."),
        _C.INVALID_SIGNATURE: Meaning((401,), "The signature of a webhook is missing or wrong."),
        _C.INVALID_TOKEN: Meaning((401,), "The client token is unknown, expired, taken back, or not good here."),
        _C.MALFORMED: Meaning((422,), "A field or a parameter is missing or has a value that it can't have."),
        _C.MEETING_TAKEN: Meaning((409,), "The meeting at RealtimeKit belongs to somebody else, or is a room."),
        _C.METHOD_NOT_ALLOWED: Meaning((405,), "The path does not have this method: `Allow` names those that it has."),
        _C.MISSING_CREDENTIALS: Meaning((401,), "There is no `Authorization: Bearer`."),
        _C.NAME_TAKEN: Meaning((409, 422), "The name is in use."),
        _C.NEEDS_CONSTRAINTS: Meaning((422,), "Rules need the extra `[constraints]`, which is not installed."),
        _C.NOT_A_HOST: Meaning((409,), "The participant is not a host, so they get no token of one."),
        _C.NOT_ALLOWED: Meaning((403,), "The breakout does not let this person go there by themselves."),
        _C.NOT_FOUND: Meaning((404,), "There is nothing at this path."),
        _C.NOT_JSON: Meaning((400, 422), "The body is not JSON."),
        _C.NOT_READY: Meaning((503,), "A part that this server needs is missing: `failing` names it."),
        _C.PARENT_ENDS_TOO_SOON: Meaning((422,), "The main meeting ends too soon: `detail` has the latest start."),
        _C.PARENT_INACTIVE: Meaning((409,), "The main meeting is not ACTIVE at RealtimeKit."),
        _C.REALTIMEKIT_REFUSED: Meaning((422,), "RealtimeKit refused; `detail` has its words."),
        _C.REALTIMEKIT_UNAVAILABLE: Meaning((503,), "RealtimeKit or its quota does not allow it now."),
        _C.ROOM_FULL: Meaning((409,), "The room takes nobody more."),
        _C.STALE_VERSION: Meaning((412,), "It is not as in `If-Match`: `version` it has now, `fields` have changed."),
        _C.TIME_PAST: Meaning((422,), "The time is past."),
        _C.TOO_BUSY: Meaning((503,), "This server can't do it now. Try again after `Retry-After`."),
        _C.TOO_MANY_WRONG_KEYS: Meaning(
            (429,), "Too many wrong keys or tokens from this address: wait for `Retry-After`."
        ),
        _C.UNKNOWN_BREAKOUT: Meaning((404, 422), "There is no such breakout."),
        _C.UNKNOWN_DELIVERY: Meaning((404,), "The webhook endpoint has no such delivery."),
        _C.UNKNOWN_ENDPOINT: Meaning((404,), "There is no such webhook endpoint."),
        _C.UNKNOWN_FIELD: Meaning((422,), "A body has a field that is not known; `msg` says what may have been meant."),
        _C.UNKNOWN_ID: Meaning((404,), "There is no such id."),
        _C.UNKNOWN_MEETING: Meaning((404, 422), "There is no such meeting."),
        _C.UNKNOWN_PARAMETER: Meaning((422,), "The query has a parameter that is not known."),
        _C.UNKNOWN_PARTICIPANT: Meaning((404, 422), "The meeting has no such participant."),
        _C.UNKNOWN_PRESET: Meaning((422,), "RealtimeKit has no such preset."),
        _C.UNKNOWN_ROOM: Meaning((404, 422), "The breakout has no such room."),
        _C.UNSUPPORTED_MEDIA_TYPE: Meaning((415,), "The `Content-Type` is not JSON."),
        _C.UNUSABLE_URL: Meaning((422,), "Webhooks can't or may not go to this URL; `detail` says why."),
        _C.VIEWER_ONLY: Meaning((403,), "A viewer's key may only look."),
        _C.WRONG_STATE: Meaning((409,), "The state does not allow it: `state` names it, `allowed` those that do."),
    }
)
