"""Who was in which room, when."""

from typing import Annotated

from fastapi import Depends, Header, Query, Response

from orchestrator.api import door
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import Responses
from orchestrator.api.parameters import DEFAULT_LIMIT, BreakoutId, DepsHere, Limit, ListOrder, Order
from orchestrator.domain.sheets import write_rows
from orchestrator.services.views import attendance
from orchestrator.services.views.pages import Asked
from schemas.responses import AttendanceRow, Page

router = door.router("/v1/breakouts", "breakouts", OPERATOR)

CSV, JSON = "text/csv", "application/json"
EXAMPLE = (
    ",".join(attendance.HEADINGS) + "\r\n"
    "ana,Ana,participant,0198f4e2-7b6a-7c31-9d1e-2f4a5b6c7d8e,Room 1,"
    "2026-03-02T09:00:00Z,2026-03-02T09:15:00Z,900,false\r\n"
)
FILE: Responses = {200: {"content": {CSV: {"schema": {"type": "string"}, "example": EXAMPLE}}}}
CURSOR = r"^[0-9]{17}\.[0-9a-f-]{36}\.[0-9a-f-]{36}$"
Cursor = Annotated[str | None, Query(pattern=CURSOR, description="`next_cursor` of the page before.")]


def _asked(limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None, order: Order = ListOrder.ASC) -> Asked:
    return Asked(limit, cursor, newest_first=order is ListOrder.DESC)


@router.get(
    "/{breakout_id}/attendance",
    response_model=Page[AttendanceRow],
    responses=FILE,
    summary="Who was where, when",
)
def get_attendance(
    breakout_id: BreakoutId,
    deps: DepsHere,
    asked: Annotated[Asked, Depends(_asked)],
    accept: Annotated[str, Header(description="`text/csv` for a file of all rows, else JSON.")] = JSON,
    bom: Annotated[bool, Query(description="Whether a file begins with a byte order mark, for Excel.")] = False,
) -> Response:
    """Stays in rooms, as JSON by pages, or as CSV with `Accept: text/csv`. Who was in none has no row.

    Two devices of one person in one room at the same time are one stay. Times are RealtimeKit's where it tells them,
    however late. Of who is still there `left_at` and `seconds` are null.
    """
    with deps.database.reading() as session:
        if _prefers_csv(accept):
            return Response(write_rows(attendance.sheet(session, breakout_id), bom=bom), media_type=CSV)
        return Response(attendance.page(session, breakout_id, asked).model_dump_json(), media_type=JSON)


def _prefers_csv(accept: str) -> bool:
    """Return whether a header names CSV, with a weight that is not less than that of JSON."""
    weights = dict(_weight(one) for one in accept.lower().split(","))
    wanted = weights.get(CSV, 0.0)
    return wanted > 0 and wanted >= weights.get(JSON, 0.0)


def _weight(one: str) -> tuple[str, float]:
    kind, *parameters = (part.strip() for part in one.split(";"))
    given = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return kind, float(given)
    except ValueError:
        return kind, 0.0
