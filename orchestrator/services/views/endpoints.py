"""Endpoints and deliveries as operators see them. Secrets are in none of these."""

from sqlalchemy import select
from sqlmodel import Session, col

from orchestrator.errors import Unknown
from orchestrator.services.reach import EVERYTHING, Reach
from orchestrator.services.views.pages import Asked, page
from schemas.problems import ProblemCode
from schemas.responses import DeliveryRow, EndpointResponse, Page
from schemas.tables import Delivery, Endpoint


def row(session: Session, endpoint_id: str, reach: Reach = EVERYTHING) -> Endpoint:
    """Return the row of an endpoint. Raises Unknown."""
    found = session.get(Endpoint, endpoint_id)
    if found is None or reach.tenant not in (None, found.tenant):
        raise Unknown(f"there is no webhook endpoint {endpoint_id}", ProblemCode.UNKNOWN_ENDPOINT)
    return found


def endpoint(session: Session, endpoint_id: str, reach: Reach = EVERYTHING) -> EndpointResponse:
    """Return one endpoint. Raises Unknown."""
    return EndpointResponse(**fields(row(session, endpoint_id, reach)))


def endpoints(session: Session, asked: Asked, reach: Reach = EVERYTHING) -> Page[EndpointResponse]:
    """Return a page of endpoints: all, or those of a tenant."""
    theirs = [col(Endpoint.tenant) == reach.tenant] if reach.tenant is not None else []
    rows, cursor = page(session, select(Endpoint).where(*theirs), col(Endpoint.id), asked)
    return Page(items=[EndpointResponse(**fields(it)) for it in rows], next_cursor=cursor)


def fields(found: Endpoint) -> dict[str, object]:
    """Return what every answer shows of an endpoint."""
    return found.model_dump(include=set(EndpointResponse.model_fields))


def delivery(session: Session, endpoint_id: str, delivery_id: str) -> DeliveryRow:
    """Return one delivery. Raises Unknown."""
    found = session.get(Delivery, delivery_id)
    if found is None or found.endpoint_id != endpoint_id:
        raise Unknown(f"this endpoint has no delivery {delivery_id}", ProblemCode.UNKNOWN_DELIVERY)
    return _shown(found, row(session, endpoint_id))


def deliveries(session: Session, endpoint_id: str, asked: Asked, reach: Reach = EVERYTHING) -> Page[DeliveryRow]:
    """Return a page of an endpoint's deliveries. Raises Unknown."""
    owner = row(session, endpoint_id, reach)
    mine = select(Delivery).where(col(Delivery.endpoint_id) == endpoint_id)
    rows, cursor = page(session, mine, col(Delivery.id), asked)
    return Page(items=[_shown(it, owner) for it in rows], next_cursor=cursor)


def _shown(found: Delivery, owner: Endpoint) -> DeliveryRow:
    shown = found.model_dump(include=set(DeliveryRow.model_fields))
    if owner.disabled and not found.at_once:
        shown["next_attempt_at"] = None
    return DeliveryRow(**shown)
