"""Breakouts whose log grows when a test says so, and a worker in this thread that tells endpoints of it."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import or_, select, update
from sqlmodel import col

from orchestrator.services.breakout.locked import locked
from orchestrator.services.deps import Deps
from orchestrator.services.meetings import creating
from orchestrator.services.planning import creating as planning
from orchestrator.services.views import endpoints as views
from orchestrator.services.views.pages import Asked
from orchestrator.services.webhooks import endpoints
from orchestrator.services.webhooks.delivering import deliver
from orchestrator.services.webhooks.endpoints import Secret
from orchestrator.services.webhooks.spreading import spread
from schemas.events import EventType
from schemas.requests import BreakoutRequest, EndpointRequest, MeetingRequest
from schemas.responses import DeliveryRow
from schemas.tables import Delivery, Endpoint, EndpointCursor, Outbox
from tests.support.waiting import wait_until

WORK: tuple[tuple[Any, Any], ...] = ((Outbox, spread), (Endpoint, deliver))


class Outgoing:
    """One meeting with breakouts."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.meeting_id = creating.create(deps, MeetingRequest(title="Told"))

    def breakout(self) -> str:
        """Plan a breakout."""
        return planning.create(self.deps, self.meeting_id, BreakoutRequest(rooms=1, start="manual"))

    def endpoint(self, url: str, **more: Any) -> Secret:
        """Register an endpoint that hears of this meeting."""
        body = {"url": url, "meeting_id": self.meeting_id, **more}
        return endpoints.create(self.deps, EndpointRequest.model_validate(body))

    def say(self, breakout_id: str, *words: str, kind: EventType = EventType.BREAKOUT_CHANGED) -> None:
        """Write an event for each word, each in a transaction of its own."""
        for word in words:
            with locked(self.deps, breakout_id) as b:
                b.log(kind, {"fields": [word]})

    def deliveries(self, endpoint_id: str) -> list[DeliveryRow]:
        """Return the deliveries of an endpoint."""
        with self.deps.database.reading() as session:
            return views.deliveries(session, endpoint_id, Asked(200)).items

    def states(self, endpoint_id: str) -> list[str]:
        """Return the states of the deliveries of an endpoint."""
        return [delivery.state.value for delivery in self.deliveries(endpoint_id)]

    def work(self, deps: Deps | None = None) -> None:
        """Do what is due, as a worker's tasks do. Calls go on when this returns."""
        deps = deps or self.deps
        for table, task in WORK:
            with deps.database.transaction() as tx:
                is_sent = or_(table.due_at <= tx.now(), table.dispatches > 0)
                rows = tx.session.execute(select(table.id, table.claim).where(table.holder.is_(None), is_sent)).all()
            for row_id, claim in rows:
                task(deps, row_id, claim)

    def until(self, condition: Callable[[], Any], what: str, deps: Deps | None = None) -> None:
        """Work until `condition` holds."""

        def holds() -> bool:
            if condition():
                return True
            self.work(deps)
            return False

        wait_until(holds, what=what)

    def rest(self, endpoint_id: str) -> None:
        """Work until nobody holds an endpoint and nothing is due for it."""

        def rests() -> bool:
            with self.deps.database.transaction() as tx:
                row = tx.session.get_one(Endpoint, endpoint_id)
                outbox = tx.session.scalar(select(col(Outbox.id)).where(col(Outbox.due_at).is_not(None)).limit(1))
                is_sent = row.dispatches > 0 or (row.due_at is not None and row.due_at <= tx.now())
                return outbox is None and row.holder is None and not is_sent

        self.until(rests, "an endpoint to which all was sent")

    def settle(self, endpoint_id: str) -> None:
        """Let the time come at which an endpoint looks for what nobody has told it."""
        with self.deps.database.transaction() as tx:
            mine = update(Endpoint).where(col(Endpoint.id) == endpoint_id)
            tx.session.execute(mine.values(settles_at=tx.now(), due_at=tx.now()))

    def hasten(self, endpoint_id: str) -> None:
        """Let the time of all retries come."""
        with self.deps.database.transaction() as tx:
            now = tx.now()
            waits = col(Delivery.endpoint_id) == endpoint_id, col(Delivery.next_attempt_at).is_not(None)
            tx.session.execute(update(Delivery).where(*waits).values(next_attempt_at=now))
            lines = col(EndpointCursor.endpoint_id) == endpoint_id, col(EndpointCursor.ready_at).is_not(None)
            tx.session.execute(update(EndpointCursor).where(*lines).values(ready_at=now))
            tx.session.execute(update(Endpoint).where(col(Endpoint.id) == endpoint_id).values(due_at=now))
