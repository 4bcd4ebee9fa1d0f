"""Endpoints of callers: made, changed, deleted, and what operators ask of them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, select, update
from sqlmodel import col

from orchestrator.domain.delivering import KEPT_FOR, OLD_SECRET_SIGNS_FOR, SETTLED_AFTER
from orchestrator.errors import Malformed, Unknown
from orchestrator.outside.targets import Target
from orchestrator.services.deps import Deps
from orchestrator.services.webhooks.signing import new_secret
from orchestrator.store import due
from orchestrator.store.database import Transaction
from schemas.events import PING, EventType
from schemas.problems import ProblemCode
from schemas.requests import EndpointChange, EndpointRequest
from schemas.states import DeliveryState
from schemas.tables import Breakout, Delivery, Endpoint, EndpointCursor, Meeting

MOST_OLD_SECRETS = 5
"""Secrets that sign besides the newest. With more rotations in a day the oldest ends early."""


@dataclass(frozen=True)
class Secret:
    """An endpoint and its new secret, which can't be read again."""

    endpoint_id: str
    secret: str


def check_url(deps: Deps, url: str) -> None:
    """Raise Malformed for a URL that webhooks may not or can't go to. It asks a name server."""
    try:
        deps.post.check(url)
    except Target as error:
        words = f"the URL {error}" if str(error).startswith(("must", "is ", "names")) else str(error)
        raise Malformed(words, ("body", "url"), ProblemCode.UNUSABLE_URL) from None


def create(deps: Deps, body: EndpointRequest) -> Secret:
    """Register an endpoint. Raises Malformed for an unknown meeting."""
    secret = new_secret()
    with deps.database.transaction() as tx:
        if body.meeting_id is not None:
            _require_meeting(deps, tx, body.meeting_id)
        now = tx.now()
        row = Endpoint(
            url=body.url,
            events=_events(body.events),
            meeting_id=body.meeting_id,
            tenant=deps.reach.tenant,
            secret=deps.vault.seal(secret),
            created_at=now,
            settles_at=now + SETTLED_AFTER,
        )
        tx.session.add(row)
        due.due_by(tx, Endpoint, {row.id: now + SETTLED_AFTER})
        return Secret(row.id, secret)


def change(deps: Deps, endpoint_id: str, body: EndpointChange) -> None:
    """Change what `body` gives. Raises Unknown."""
    given = body.model_fields_set
    with deps.database.transaction() as tx:
        endpoint = _lock(deps, tx, endpoint_id)
        if "url" in given and body.url != endpoint.url:
            endpoint.url, endpoint.failing_since = body.url, None
        if "events" in given:
            endpoint.events = _events(body.events)
        if "disabled" in given and body.disabled != endpoint.disabled:
            disable(endpoint, tx.now()) if body.disabled else _enable(tx, endpoint)


def disable(endpoint: Endpoint, now: datetime) -> None:
    """Disable an endpoint. What waits for it stays; what happens from now on is not for it."""
    endpoint.disabled = True
    kept = [gap for gap in endpoint.deaf if gap[1] and datetime.fromisoformat(gap[1]) > now - KEPT_FOR]
    endpoint.deaf = [*kept, [now.isoformat(), None]]


def _enable(tx: Transaction, endpoint: Endpoint) -> None:
    """Enable an endpoint, and go on with what waited for it."""
    now = tx.now()
    endpoint.disabled, endpoint.failing_since, endpoint.settles_at = False, None, now + SETTLED_AFTER
    endpoint.deaf = [[begin, end or now.isoformat()] for begin, end in endpoint.deaf]
    tx.session.flush()
    behind = exists().where(
        col(Breakout.id) == col(EndpointCursor.breakout_id), col(Breakout.events) > col(EndpointCursor.number)
    )
    unread = update(EndpointCursor).where(col(EndpointCursor.endpoint_id) == endpoint.id, behind)
    tx.session.execute(unread.values(ready_at=now), execution_options={"synchronize_session": False})
    due.want(tx, Endpoint, [endpoint.id])


def remove(deps: Deps, endpoint_id: str) -> None:
    """Delete an endpoint and its deliveries. Raises Unknown."""
    with deps.database.transaction() as tx:
        _lock(deps, tx, endpoint_id)
        tx.session.execute(delete(Endpoint).where(col(Endpoint.id) == endpoint_id))


def rotate(deps: Deps, endpoint_id: str) -> Secret:
    """Give an endpoint another secret. The one before signs too for a day. Raises Unknown."""
    secret = new_secret()
    with deps.database.transaction() as tx:
        endpoint = _lock(deps, tx, endpoint_id)
        now = tx.now()
        kept = [old for old in endpoint.old_secrets if datetime.fromisoformat(old["until"]) > now]
        until = (now + OLD_SECRET_SIGNS_FOR).isoformat()
        endpoint.old_secrets = [*kept, {"secret": endpoint.secret, "until": until}][-MOST_OLD_SECRETS:]
        endpoint.secret = deps.vault.seal(secret)
    return Secret(endpoint_id, secret)


def ping(deps: Deps, endpoint_id: str) -> str:
    """Have a ping delivered, whatever the endpoint listens to, also to a disabled one. Raises Unknown."""
    with deps.database.transaction() as tx:
        _lock(deps, tx, endpoint_id)
        now = tx.now()
        row = Delivery(
            endpoint_id=endpoint_id, type=PING, actor=deps.actor, at_once=True, next_attempt_at=now, created_at=now
        )
        tx.session.add(row)
        due.want(tx, Endpoint, [endpoint_id])
        return row.id


def redeliver(deps: Deps, endpoint_id: str, delivery_id: str) -> str:
    """Have a delivery sent again, at once. One that was pending keeps its place in line. Raises Unknown."""
    with deps.database.transaction() as tx:
        _lock(deps, tx, endpoint_id)
        row = tx.session.get(Delivery, delivery_id)
        if row is None or row.endpoint_id != endpoint_id:
            raise unknown_delivery(delivery_id)
        row.state, row.at_once, row.attempts_in_round = DeliveryState.PENDING, True, 0
        row.next_attempt_at = tx.now()
        due.want(tx, Endpoint, [endpoint_id])
        return delivery_id


def unknown_delivery(delivery_id: str) -> Unknown:
    """Return the error for a delivery that this endpoint does not have."""
    return Unknown(f"this endpoint has no delivery {delivery_id}", ProblemCode.UNKNOWN_DELIVERY)


def _require_meeting(deps: Deps, tx: Transaction, meeting_id: str) -> None:
    found = tx.session.get(Meeting, meeting_id)
    if found is None or not deps.reach.covers(found):
        words = f"there is no meeting {meeting_id}"
        raise Malformed(words, ("body", "meeting_id"), ProblemCode.UNKNOWN_MEETING)


def _lock(deps: Deps, tx: Transaction, endpoint_id: str) -> Endpoint:
    statement = select(Endpoint).where(col(Endpoint.id) == endpoint_id).with_for_update(key_share=True)
    found = tx.session.scalar(statement, execution_options={"populate_existing": True})
    if found is None or deps.reach.tenant not in (None, found.tenant):
        raise Unknown(f"there is no webhook endpoint {endpoint_id}", ProblemCode.UNKNOWN_ENDPOINT)
    return found


def _events(given: list[EventType] | None) -> list[str] | None:
    return list(dict.fromkeys(given)) if given else None
