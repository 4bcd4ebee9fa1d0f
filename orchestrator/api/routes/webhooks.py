"""Webhooks from RealtimeKit: the signature over the raw bytes is checked, the body stored; a task applies it."""

import hashlib
import json
import math
from typing import Any

from fastapi import APIRouter, Request

from orchestrator.api.openapi.responses import errors
from orchestrator.api.parameters import DeskHere
from orchestrator.errors import NotNow, Unauthenticated, UserError
from orchestrator.log import logger
from orchestrator.realtimekit.signatures import SignatureChecker
from orchestrator.realtimekit.webhooks import DELIVERY_HEADER, SIGNATURE_HEADER
from orchestrator.services.webhooks.incoming import Delivery
from schemas.responses import DeliveryResponse

log = logger(__name__)

MAX_ID_CHARACTERS = 100
"""The width of the column; a longer delivery id is stored as a hash."""

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])


@router.post("/realtimekit", responses=errors(400, 401, 413, 503), summary="Webhook of RealtimeKit")
async def realtimekit(request: Request, desk: DeskHere) -> DeliveryResponse:
    """For RealtimeKit alone: `rtk-signature` over the raw body. Any order, any number of times, same result."""
    raw = await request.body()
    signature, delivery_id = request.headers.get(SIGNATURE_HEADER, ""), request.headers.get(DELIVERY_HEADER, "")
    checker: SignatureChecker = request.app.state.signatures
    try:
        await desk.checkers.run(lambda: _check(checker, raw, signature))
        await desk.deliver(Delivery(_storable_id(delivery_id, raw), _storable_body(raw)))
    except UserError:
        raise
    except Exception as error:
        log.exception("a delivery was not stored")
        raise NotNow("the delivery could not be stored") from error  # RealtimeKit then sends it again
    return DeliveryResponse(status="ok")


def _check(signatures: SignatureChecker, raw: bytes, signature: str) -> None:
    if not signature:
        raise Unauthenticated(f"no {SIGNATURE_HEADER}")
    genuine = signatures.verify(raw, signature)
    if genuine is None:
        raise NotNow("RealtimeKit's public key can't be had now")
    if not genuine:
        raise Unauthenticated(f"{SIGNATURE_HEADER} does not fit the body")


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
