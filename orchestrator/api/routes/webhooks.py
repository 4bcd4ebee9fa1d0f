"""Webhooks from RealtimeKit: the signature over the raw bytes is checked, the body stored; a task applies it."""

import hashlib
import json
import math
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.api import door
from orchestrator.api.crowd.desk import Desk
from orchestrator.api.crowd.quick_route import OpenRoute, answer
from orchestrator.api.openapi.responses import errors
from orchestrator.errors import NotNow, Unauthenticated, UserError
from orchestrator.log import logger
from orchestrator.realtimekit.signatures import SignatureChecker
from orchestrator.realtimekit.webhooks import DELIVERY_HEADER, SIGNATURE_HEADER
from orchestrator.services.webhooks.incoming import Delivery
from schemas.problems import ProblemCode
from schemas.responses import DeliveryResponse

log = logger(__name__)

MAX_ID_CHARACTERS = 100
"""The width of the column; a longer delivery id is stored as a hash."""

CHECKED_AT_ONCE_BYTES_MOST = 65_536
"""A thread checks the signatures of larger bodies, because anybody can send some that are large."""
OK = DeliveryResponse(status="ok").model_dump_json()

router = APIRouter(
    prefix="/v1/webhooks", tags=["webhooks"], route_class=OpenRoute, generate_unique_id_function=door.operation_id
)


@router.post(
    "/realtimekit",
    response_model=DeliveryResponse,
    responses=errors(400, 401, 413, 503),
    summary="Webhook of RealtimeKit",
)
async def receive_webhook(request: Request) -> Response:
    """For RealtimeKit alone: `rtk-signature` over the raw body. Any order, any number of times, same result."""
    raw, desk = await request.body(), request.app.state.desk
    delivery_id = request.headers.get(DELIVERY_HEADER, "")
    try:
        await _check(request, desk, raw)
        await desk.deliver(Delivery(_storable_id(delivery_id, raw), _storable_body(raw)))
    except UserError:
        raise
    except Exception as error:
        log.exception("a delivery was not stored")
        raise NotNow("the delivery could not be stored") from error  # RealtimeKit then sends it again
    return answer(OK)


async def _check(request: Request, desk: Desk, raw: bytes) -> None:
    """Check the signature: at once if it fits the key that is known, which is quicker than to find a thread for it."""
    checker: SignatureChecker = request.app.state.signatures
    signature = request.headers.get(SIGNATURE_HEADER)
    if not signature:
        raise Unauthenticated(f"no {SIGNATURE_HEADER}", ProblemCode.INVALID_SIGNATURE)
    if len(raw) <= CHECKED_AT_ONCE_BYTES_MOST and checker.fits(raw, signature):
        return
    genuine = await desk.checkers.run(lambda: checker.verify(raw, signature))
    if genuine is None:
        raise NotNow("RealtimeKit's public key can't be had now")
    if not genuine:
        raise Unauthenticated(f"{SIGNATURE_HEADER} does not fit the body", ProblemCode.INVALID_SIGNATURE)


def _storable_body(raw: bytes) -> bytes:
    """Return the same JSON in a form that every database accepts."""
    try:
        return json.dumps(_storable(json.loads(raw))).encode()
    except (ValueError, RecursionError):
        raise UserError("the body is not JSON") from None


def _storable(value: Any) -> Any:
    """Replace what PostgreSQL refuses: NUL, lone surrogates, and numbers that are not finite."""
    match value:
        case str():
            return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
        case float():
            return value if math.isfinite(value) else None
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def _storable_id(delivery_id: str, raw: bytes) -> str:
    """Return the delivery's id, or a hash of the body if it has none, so that equal bodies count as one delivery."""
    if not delivery_id:
        return "body-" + hashlib.sha256(raw).hexdigest()
    if len(delivery_id) > MAX_ID_CHARACTERS:
        return "id-" + hashlib.sha256(delivery_id.encode()).hexdigest()
    return delivery_id
