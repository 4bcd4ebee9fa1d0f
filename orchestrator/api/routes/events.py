"""A breakout's log, as a live stream and as a list."""

from typing import Annotated

from fastapi import Header, Query, Request
from starlette.responses import StreamingResponse

from orchestrator.api import door
from orchestrator.api.auth import SCOPE_CALLER
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.parameters import DEFAULT_LIMIT, BreakoutId, DepsHere, Limit, ListOrder, Order
from orchestrator.api.streams.log_stream import open_log_stream
from orchestrator.api.streams.streaming import LiveStream, stream_of
from orchestrator.services.views import event_log
from schemas.responses import EventResponse, Page

router = door.router("/v1/breakouts/{breakout_id}", "breakouts", OPERATOR)

EventCursor = Annotated[
    str | None, Query(pattern=r"^(0|[1-9][0-9]{0,8})$", description="The id of the last event seen.")
]
STREAM = stream_of(
    "Each event as `{id, type, at, actor, data}`, in the order of their ids.",
    'event: breakout.state\nid: 7\ndata: {"id": 7, "type": "breakout.state", "at": "2026-01-02T03:04:05Z", '
    '"actor": "system", "data": {"from": "opening", "to": "open"}}\n\n',
)


@router.get("/events", response_class=StreamingResponse, responses=STREAM, summary="Follow a breakout, live")
async def follow_breakout(
    breakout_id: BreakoutId, request: Request, last_event_id: Annotated[str | None, Header()] = None
) -> LiveStream:
    """Everything that has happened so far and then what happens; after `Last-Event-ID` only what follows it."""
    return await open_log_stream(request.app.state.hub, breakout_id, request.scope[SCOPE_CALLER], last_event_id)


@router.get(
    "/log",
    summary="Read a breakout's log",
    description="The same events as a list; a page's `next_cursor` is the id of its last event.",
)
def list_events(
    breakout_id: BreakoutId,
    deps: DepsHere,
    limit: Limit = DEFAULT_LIMIT,
    cursor: EventCursor = None,
    order: Order = ListOrder.ASC,
) -> Page[EventResponse]:
    """List the events of a breakout."""
    with deps.database.reading() as session:
        return event_log.log(
            session, breakout_id, limit, int(cursor) if cursor else None, newest_first=order is ListOrder.DESC
        )
