"""What each kind of fault makes of a call."""

from collections.abc import Callable

from orchestrator.sandbox.rest.faults import Gate, too_many
from orchestrator.sandbox.rest.http import Connection
from orchestrator.sandbox.world.answers import Answer, Refusal
from orchestrator.sandbox.world.config import Fault, FaultKind

BROKEN = Refusal(500, "Internal server error").answer()
GARBLED = Answer(200, b"<html><body>upstream connect error</body></html>", ((b"content-type", b"text/html"),))


async def spoil(fault: Fault, connection: Connection, gate: Gate, effect: Callable[[], Answer]) -> Answer | None:
    """The answer in place of the right one; None: the connection was cut. `effect` is called by some kinds only."""
    if fault.kind is FaultKind.SILENCE:
        await connection.silence(fault.seconds)
    if fault.kind in {FaultKind.SILENCE, FaultKind.RESET_BEFORE}:
        await connection.reset()
        return None
    return _instead(fault, gate) or await _after(fault, connection, effect())


def _instead(fault: Fault, gate: Gate) -> Answer | None:
    """The kinds that answer without doing anything."""
    match fault.kind:
        case FaultKind.RATE_LIMITED:
            return too_many(fault.retry_after)
        case FaultKind.BLOCKED:
            gate.block(fault.seconds)
            return too_many(fault.seconds)
        case FaultKind.ERROR_BEFORE:
            return BROKEN
        case FaultKind.REFUSE:
            return Refusal(fault.status, fault.message).answer()
        case FaultKind.SUCCESS_FALSE:
            error = {"code": fault.status, "message": fault.message}
            return Answer(200, {"success": False, "error": error})
    return None


async def _after(fault: Fault, connection: Connection, answer: Answer) -> Answer | None:
    """The kinds that do it, and then hide that."""
    match fault.kind:
        case FaultKind.ERROR_AFTER:
            return BROKEN
        case FaultKind.GARBLED:
            return GARBLED
        case FaultKind.RESET_AFTER:
            await connection.reset()
            return None
    await connection.silence(fault.seconds)
    return answer
