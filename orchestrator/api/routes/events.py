"""A breakout's log: live, and as a list for ever."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from starlette.responses import StreamingResponse

from orchestrator.api.auth import CALLER
from orchestrator.api.common import FIRST_LIMIT, OPERATOR, BreakoutId, DepsHere, Limit
from orchestrator.api.streams.event_stream import open_event_stream
from orchestrator.api.streams.streaming import LiveStream, stream_of
from orchestrator.services.views import event_log
from schemas.responses import EventResponse, Page

router = APIRouter(prefix="/v1/breakouts/{breakout_id}", tags=["breakouts"], dependencies=OPERATOR)

Number = Annotated[str | None, Query(pattern=r"^(0|[1-9][0-9]{0,8})$", description="The id of the last event seen.")]
STREAM = stream_of(
    "Each event as `{id, type, at, data}`, in the order of their ids.",
    'event: breakout.state\nid: 7\ndata: {"id": 7, "type": "breakout.state", "at": "2026-01-02T03:04:05Z", '
    '"data": {"from": "opening", "to": "open"}}\n\n',
)


@router.get("/events", response_class=StreamingResponse, responses=STREAM, summary="Follow a breakout, live")
async def events(
    breakout_id: BreakoutId, request: Request, last_event_id: Annotated[str | None, Header()] = None
) -> LiveStream:
    """Everything that has happened so far and then what happens; after `Last-Event-ID` only what follows it."""
    return await open_event_stream(request.app.state.hub, breakout_id, request.scope[CALLER], last_event_id)


@router.get("/log", summary="Read a breakout's log")
def log(
    breakout_id: BreakoutId, deps: DepsHere, limit: Limit = FIRST_LIMIT, cursor: Number = None
) -> Page[EventResponse]:
    """The same events as a list; a page's `next_cursor` is the id of its last event."""
    with deps.database.reading() as session:
        return event_log.log(session, breakout_id, limit, int(cursor or 0))
