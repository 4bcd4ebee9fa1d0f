"""What each kind of fault does to a call."""

from collections.abc import Callable

from orchestrator.sandbox.rest.faults import Faults, RateLimit, too_many_requests
from orchestrator.sandbox.rest.http import Connection
from orchestrator.sandbox.rest.responses import Response, refused
from orchestrator.sandbox.world.config import Fault, FaultKind
from orchestrator.sandbox.world.values import Refusal

BROKEN = refused(Refusal(500, "Internal server error"))
GARBLED = Response(200, b"<html><body>upstream connect error</body></html>", ((b"content-type", b"text/html"),))


async def spoil(
    fault: Fault, connection: Connection, faults: Faults, rate_limit: RateLimit, effect: Callable[[], Response]
) -> Response | None:
    """Return the spoiled response, or None when the connection was cut; only some kinds of fault call `effect`."""
    if fault.kind is FaultKind.SILENCE:
        await connection.silence(fault.seconds)
    if fault.kind in {FaultKind.SILENCE, FaultKind.RESET_BEFORE}:
        await connection.reset()
        return None
    if fault.kind in {FaultKind.HELD_BEFORE, FaultKind.HELD_AFTER}:
        return await _hold(faults, effect, before=fault.kind is FaultKind.HELD_BEFORE)
    return _without_effect(fault, rate_limit) or await _after_effect(fault, connection, effect())


async def _hold(faults: Faults, effect: Callable[[], Response], *, before: bool) -> Response:
    """Hold a call on the wire, before or after its effect."""
    if before:
        await faults.hold()
    response = effect()
    if not before:
        await faults.hold()
    return response


def _without_effect(fault: Fault, rate_limit: RateLimit) -> Response | None:
    """Return the response of the kinds that have no effect; None for other kinds."""
    match fault.kind:
        case FaultKind.RATE_LIMITED:
            return too_many_requests(fault.retry_after)
        case FaultKind.BLOCKED:
            rate_limit.block(fault.seconds)
            return too_many_requests(fault.seconds)
        case FaultKind.ERROR_BEFORE:
            return BROKEN
        case FaultKind.REFUSE:
            return refused(Refusal(fault.status, fault.message))
        case FaultKind.SUCCESS_FALSE:
            error = {"code": fault.status, "message": fault.message}
            return Response(200, {"success": False, "error": error})
    return None


async def _after_effect(fault: Fault, connection: Connection, response: Response) -> Response | None:
    """Hide or delay the response of a call that has had its effect."""
    match fault.kind:
        case FaultKind.ERROR_AFTER:
            return BROKEN
        case FaultKind.GARBLED:
            return GARBLED
        case FaultKind.RESET_AFTER:
            await connection.reset()
            return None
    await connection.silence(fault.seconds)
    return response
