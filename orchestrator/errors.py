"""Every error the orchestrator raises on purpose.

OrchestratorError
├── UserError                 a caller asked for something that can't be done; carries its HTTP status
│   ├── Malformed             422: the request makes no sense, and nothing was written
│   ├── Unauthenticated       401
│   ├── Forbidden             403
│   ├── Unknown               404
│   ├── NameTaken             409: somebody else has that name
│   ├── WrongState            409: legal in another state; names the state and what is allowed
│   └── NotNow                503: RealtimeKit or the quota does not allow it now; safe to repeat
├── IllegalMove               a state was asked to go where its table of moves has no arrow
├── LockedOutOfOrder          a transaction asked for locks in an order in which two could wait for each other
├── LeaseLost                 another worker owns the row by now: roll back and end quietly
└── RealtimeKitError          what RealtimeKit answered, in its own words
    ├── TryAgain              certainly nothing happened there; repeat later
    │   ├── OutOfQuota        our budget or RealtimeKit's 429; `retry_after` is always set
    │   ├── TooEarly          what an earlier try has done can't be seen yet
    │   └── Stopping          this process was told to stop: another goes on
    ├── OutcomeUnknown        it may have happened: look before repeating
    └── Refused               repeating will never work
        ├── NotFound          404
        └── Conflict          409
"""

from typing import Any


class OrchestratorError(Exception):
    """Root of everything raised on purpose."""


class UserError(OrchestratorError):
    """A request that can't be served; `status` is the HTTP status, `detail` says why in a sentence."""

    status = 400
    title = "Bad request"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


class Malformed(UserError):
    """The request is malformed or impossible; `loc` names the field."""

    status = 422
    title = "Unprocessable content"

    def __init__(self, detail: str, loc: tuple[str | int, ...] = ("body",)) -> None:
        super().__init__(detail, errors=[{"loc": list(loc), "msg": detail}])


class Unauthenticated(UserError):
    """No credentials, or none that this path accepts."""

    status = 401
    title = "Unauthorized"


class Forbidden(UserError):
    """Known credentials that are too weak for this."""

    status = 403
    title = "Forbidden"


class Unknown(UserError):
    """No such thing."""

    status = 404
    title = "Not found"


class NameTaken(UserError):
    """The name is in use."""

    status = 409
    title = "Conflict"


class WrongState(UserError):
    """The state does not allow it; the answer names the state and what is allowed in it."""

    status = 409
    title = "Conflict"

    def __init__(self, detail: str, state: str, allowed: list[str]) -> None:
        super().__init__(detail, state=state, allowed=allowed)


class NotNow(UserError):
    """RealtimeKit can't be used right now; nothing was written; repeat after `retry_after` seconds."""

    status = 503
    title = "Service unavailable"

    def __init__(self, detail: str, retry_after: float = 5.0) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class IllegalMove(OrchestratorError):
    """The table of legal moves has no such arrow."""


class LockedOutOfOrder(OrchestratorError):
    """A transaction asked for locks in an order in which two could wait for each other in a circle."""


class LeaseLost(OrchestratorError):
    """The row's claim number has moved on: somebody else works on it now."""


class RealtimeKitError(OrchestratorError):
    """RealtimeKit did not do what was asked; `message` keeps its own words."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class TryAgain(RealtimeKitError):
    """Nothing happened at RealtimeKit; repeat, after `retry_after` seconds where given."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


class OutOfQuota(TryAgain):
    """No budget for the call until `retry_after` seconds from now; says nothing about the thing called for."""

    def __init__(self, message: str, *, retry_after: float, status: int | None = None) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.retry_after: float = retry_after


class TooEarly(TryAgain):
    """What an earlier try has done can't be seen yet; waiting for it is no failure."""


class Stopping(TryAgain):
    """This process was told to stop and makes no more calls; another one may make them at once."""


class OutcomeUnknown(RealtimeKitError):
    """A timeout, a 5xx, a reset or a garbled answer: it may have happened, so look before repeating."""


class Refused(RealtimeKitError):
    """Repeating the same call will never work."""


class NotFound(Refused):
    """RealtimeKit knows no such thing (404)."""


class Conflict(Refused):
    """It is already so, or something stands in the way (409)."""
