"""Webhook endpoints: callers' servers that hear what happens."""

from contextlib import nullcontext

from fastapi import Response
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.idempotency import Idempotent, IdempotentSecret
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.parameters import DeliveryId, DepsHere, EndpointId, PageHere
from orchestrator.api.versions import ChangeHere
from orchestrator.services.views import endpoints as views
from orchestrator.services.webhooks import delivering, endpoints
from orchestrator.services.webhooks.endpoints import Secret
from schemas.requests import EndpointChange, EndpointRequest
from schemas.responses import DeliveryRow, EndpointResponse, NewEndpointResponse, Page, SecretResponse

router = door.router("/v1/webhook-endpoints", "webhook endpoints", OPERATOR)


@router.post("", status_code=201, response_model=NewEndpointResponse, summary="Register a webhook endpoint")
def create_endpoint(body: EndpointRequest, idempotent: IdempotentSecret) -> Response:
    """Have events sent to a server of yours from now on, signed as the Standard Webhooks specification says.

    The secret is in this answer and in no later one. 422 also for a URL whose name does not resolve, or that leads to
    an address that is not public.
    """

    def build(session: Session, made: Secret) -> tuple[int, NewEndpointResponse]:
        shown = views.endpoint(session, made.endpoint_id).model_dump()
        return 201, NewEndpointResponse(**shown, secret=made.secret)

    return idempotent.run(
        lambda deps: endpoints.create(deps, body), build, check=lambda deps: endpoints.check_url(deps, body.url)
    )


@router.get("", summary="List webhook endpoints")
def list_endpoints(deps: DepsHere, asked: PageHere) -> Page[EndpointResponse]:
    """All endpoints, without their secrets."""
    with deps.database.reading() as session:
        return views.endpoints(session, asked, deps.reach)


@router.get("/{endpoint_id}", summary="Get a webhook endpoint")
def get_endpoint(endpoint_id: EndpointId, deps: DepsHere) -> EndpointResponse:
    """One endpoint, without its secret."""
    with deps.database.reading() as session:
        return views.endpoint(session, endpoint_id, deps.reach)


@router.patch("/{endpoint_id}", summary="Change a webhook endpoint")
def change_endpoint(endpoint_id: EndpointId, body: EndpointChange, change: ChangeHere) -> EndpointResponse:
    """Its URL, the events that it hears, whether it is disabled: what happens meanwhile is not sent later."""
    deps = change.begin()
    if "url" in body.model_fields_set:
        endpoints.check_url(deps, body.url)
    with delivering.silence_after(deps) if body.disabled else nullcontext():
        endpoints.change(deps, endpoint_id, body)
    return get_endpoint(endpoint_id, deps)


@router.delete("/{endpoint_id}", status_code=204, summary="Delete a webhook endpoint")
def delete_endpoint(endpoint_id: EndpointId, change: ChangeHere) -> None:
    """Send nothing more there, and forget its deliveries."""
    deps = change.begin()
    with delivering.silence_after(deps):
        endpoints.remove(deps, endpoint_id)


@router.post("/{endpoint_id}/secret", response_model=SecretResponse, summary="Rotate a webhook endpoint's secret")
def rotate_endpoint_secret(endpoint_id: EndpointId, idempotent: IdempotentSecret) -> Response:
    """Make another secret. For 24 hours each delivery has a signature of the one before too."""

    def build(_: Session, made: Secret) -> tuple[int, SecretResponse]:
        return 200, SecretResponse(secret=made.secret)

    return idempotent.run(lambda deps: endpoints.rotate(deps, endpoint_id), build)


@router.post("/{endpoint_id}/ping", status_code=202, response_model=DeliveryRow, summary="Ping a webhook endpoint")
def ping_endpoint(endpoint_id: EndpointId, idempotent: Idempotent) -> Response:
    """Send a delivery of the type `ping`, whatever events it hears, also while it is disabled."""

    def build(session: Session, delivery_id: str) -> tuple[int, DeliveryRow]:
        return 202, views.delivery(session, endpoint_id, delivery_id)

    return idempotent.run(lambda deps: endpoints.ping(deps, endpoint_id), build)


@router.get("/{endpoint_id}/deliveries", summary="List deliveries")
def list_deliveries(endpoint_id: EndpointId, deps: DepsHere, asked: PageHere) -> Page[DeliveryRow]:
    """All that was or is to be sent to an endpoint, for 30 days."""
    with deps.database.reading() as session:
        return views.deliveries(session, endpoint_id, asked, deps.reach)


@router.post(
    "/{endpoint_id}/deliveries/{delivery_id}/redeliver",
    status_code=202,
    response_model=DeliveryRow,
    summary="Send a delivery again",
)
def redeliver(endpoint_id: EndpointId, delivery_id: DeliveryId, idempotent: Idempotent) -> Response:
    """Send it again at once, under the same `webhook-id`; if that fails, it is tried again like a new one."""

    def build(session: Session, delivery_id: str) -> tuple[int, DeliveryRow]:
        return 202, views.delivery(session, endpoint_id, delivery_id)

    return idempotent.run(lambda deps: endpoints.redeliver(deps, endpoint_id, delivery_id), build)
