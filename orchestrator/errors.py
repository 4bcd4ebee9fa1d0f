"""All errors that are raised on purpose.

OrchestratorError
├── UserError                 the request can't be served; carries its HTTP status
│   ├── Malformed             422: the request is malformed or impossible; nothing was written
│   ├── Unauthenticated       401
│   ├── Forbidden             403
│   ├── Unknown               404
│   ├── NameTaken             409: the name is in use
│   ├── StaleVersion          412: it has changed since the caller read it
│   ├── UnsupportedMediaType  415: the body is not of the type that the path takes
│   ├── WrongState            409: the state does not allow it; names the state and what is allowed
│   └── NotNow                503: it can't be done now; safe to repeat
├── Unusable                  a setting is missing or does not work here
├── IllegalMove               the table of legal moves has no such move
├── LockedOutOfOrder          a transaction asked for locks in an order in which two could wait for each other
├── DatabaseAway               the database does not answer; for a command that can't wait
├── NotMigrated               the database lacks our tables, or has those of an older release
├── NewerSchema               a newer release has migrated the database
├── WebhookTaken              another's webhook calls our address
├── LeaseLost                 another worker has the row now: roll back and end quietly
└── RealtimeKitError          RealtimeKit did not do what was asked
    ├── TryAgain              it has certainly not happened: repeat later
    │   ├── OutOfQuota        our budget is used up, or RealtimeKit answered 429; `retry_after` is set
    │   ├── TooEarly          the effect of an earlier try may not be visible yet
    │   └── Stopping          this process stops: another one continues
    ├── OutcomeUnknown        it may have happened: look before repeating
    └── Refused               repeating will never work
        ├── NotFound          404
        └── Conflict          409
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from schemas.problems import ProblemCode


class OrchestratorError(Exception):
    """The root of all errors that are raised on purpose."""


class Unusable(OrchestratorError):
    """A setting is missing or does not work here; the message names it."""

    exit_code: ClassVar[int] = 2


class UserError(OrchestratorError):
    """A request that can't be served; `status` is the HTTP status, `detail` says why in a sentence."""

    status = 400
    title = "Bad request"
    code = ProblemCode.NOT_JSON

    def __init__(self, detail: str, code: ProblemCode | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        self.code = code or type(self).code


class Malformed(UserError):
    """The request is malformed or impossible; `loc` names the field."""

    status = 422
    title = "Unprocessable content"
    code = ProblemCode.MALFORMED

    def __init__(self, detail: str, loc: tuple[str | int, ...] = ("body",), code: ProblemCode | None = None) -> None:
        super().__init__(detail, code, errors=[{"loc": list(loc), "msg": detail}])


class Unauthenticated(UserError):
    """No credentials, or none that this path accepts."""

    status = 401
    title = "Unauthorized"
    code = ProblemCode.INVALID_KEY


class WrongCredentials(Unauthenticated):
    """Credentials that never were any of ours. Who sends many is slowed down."""


class TooMany(UserError):
    """Too many wrong credentials; `retry_after` says in how many seconds the next is looked at."""

    status = 429
    title = "Too many requests"
    code = ProblemCode.TOO_MANY_WRONG_KEYS

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Forbidden(UserError):
    """Known credentials that are too weak for this."""

    status = 403
    title = "Forbidden"
    code = ProblemCode.VIEWER_ONLY


class Unknown(UserError):
    """There is no such thing."""

    status = 404
    title = "Not found"
    code = ProblemCode.UNKNOWN_ID


class NameTaken(UserError):
    """The name is in use."""

    status = 409
    title = "Conflict"
    code = ProblemCode.NAME_TAKEN


class WrongState(UserError):
    """The state does not allow it.

    The answer names the present `state` of what stands in the way, and the states in which the call is taken.
    """

    status = 409
    title = "Conflict"
    code = ProblemCode.WRONG_STATE

    def __init__(
        self, detail: str, state: str, allowed: Iterable[str], code: ProblemCode | None = None, **extra: Any
    ) -> None:
        super().__init__(detail, code, state=state, allowed=sorted(allowed), **extra)


class StaleVersion(UserError):
    """It has changed since the caller read it: the answer names its `version`, and the `fields` that have changed."""

    status = 412
    title = "Precondition failed"
    code = ProblemCode.STALE_VERSION


class UnsupportedMediaType(UserError):
    """The body has another `Content-Type` than this path takes."""

    status = 415
    title = "Unsupported media type"
    code = ProblemCode.UNSUPPORTED_MEDIA_TYPE


class NotNow(UserError):
    """It can't be done now and nothing was written; repeat after `retry_after` seconds."""

    status = 503
    title = "Service unavailable"
    code = ProblemCode.TOO_BUSY

    def __init__(self, detail: str, retry_after: float = 5.0, code: ProblemCode | None = None) -> None:
        super().__init__(detail, code)
        self.retry_after = retry_after


class IllegalMove(OrchestratorError):
    """The table of legal moves has no such move."""


class LockedOutOfOrder(OrchestratorError):
    """A transaction asked for locks in an order in which two could wait for each other in a circle."""


class DatabaseAway(OrchestratorError):
    """The database does not answer, and a command can't wait for it."""


class NotMigrated(OrchestratorError):
    """The database lacks our tables, and with them the identity of this deployment, or has those of an older release.

    The message says which it is.
    """

    def __init__(self, found: str = "the database has not been migrated yet") -> None:
        super().__init__(f"{found}: run `breakouts migrate`")


class NewerSchema(OrchestratorError):
    """A newer release has migrated the database, so this one can't migrate it."""


class WebhookTaken(OrchestratorError):
    """RealtimeKit calls our address already, for somebody else; says for whom, and what to do."""


class LeaseLost(OrchestratorError):
    """The row's claim number has changed, so another worker has it now."""


class RealtimeKitError(OrchestratorError):
    """RealtimeKit did not do what was asked; `message` is in its words."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class TryAgain(RealtimeKitError):
    """Nothing happened at RealtimeKit; repeat, after `retry_after` seconds if set."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class OutOfQuota(TryAgain):
    """The quota has no room for the call for `retry_after` seconds; it says nothing about the call's object."""

    def __init__(self, message: str, *, retry_after: float, status: int | None = None) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.retry_after: float = retry_after


class TooEarly(TryAgain):
    """The effect of an earlier try may not be visible yet; waiting for it is not a failure."""


class Stopping(TryAgain):
    """This process stops and makes no more calls; another one may make them at once."""


class OutcomeUnknown(RealtimeKitError):
    """After a timeout, a 5xx, a reset or a garbled answer: it may have happened, so look before repeating."""


class Refused(RealtimeKitError):
    """Repeating the same call will never work."""


class NotFound(Refused):
    """RealtimeKit has no such thing (404)."""


class Conflict(Refused):
    """It is so already, or RealtimeKit's state does not allow it (409)."""
