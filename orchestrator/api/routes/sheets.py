"""Files of who sits where: in, and out again."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from sqlmodel import Session

from orchestrator.api import door
from orchestrator.api.idempotency import Idempotent
from orchestrator.api.openapi.credentials import OPERATOR
from orchestrator.api.openapi.responses import Responses, errors
from orchestrator.api.parameters import BreakoutId, DepsHere, MeetingId
from orchestrator.domain.sheets import Row, Unreadable, read_rows, write_rows
from orchestrator.errors import Malformed, UnsupportedMediaType
from orchestrator.services.meetings import registering
from orchestrator.services.planning.importing import Imported, import_rows
from orchestrator.services.views import assignments, breakouts
from schemas.fields import Name
from schemas.responses import ImportResponse, SkippedRow

router = door.router("/v1", "breakouts", OPERATOR)

CSV = "text/csv"
EXAMPLE = "room,custom_participant_id,name\r\nRoom 1,ana,Ana\r\n"
SHEET = {CSV: {"schema": {"type": "string"}, "example": EXAMPLE}}
TRIED: Responses = {200: {"model": ImportResponse, "description": "With `dry_run`: what would be; nothing is written."}}
FILE: Responses = {200: {"content": SHEET, "description": "A row for each person, and for each room with nobody."}}


@dataclass(frozen=True)
class Upload:
    """A body as it came."""

    media_type: str
    content: bytes


async def _upload(request: Request) -> Upload:
    return Upload(request.headers.get("content-type", "").partition(";")[0].strip().lower(), await request.body())


def _rows(upload: Upload) -> list[Row]:
    if upload.media_type != CSV:
        raise UnsupportedMediaType(f"this takes {CSV}, not {upload.media_type or 'a body without a Content-Type'}")
    try:
        return read_rows(upload.content)
    except Unreadable as error:
        raise Malformed(str(error)) from error


@router.post(
    "/meetings/{meeting_id}/breakouts/import",
    status_code=201,
    response_model=ImportResponse,
    responses=TRIED | errors(415),
    openapi_extra={"requestBody": {"required": True, "content": SHEET}},
    summary="Import a breakout",
)
def import_breakout(
    *,
    meeting_id: MeetingId,
    upload: Annotated[Upload, Depends(_upload)],
    idempotent: Idempotent,
    name: Annotated[Name | None, Query(description='The draft\'s name. Default: "Breakout n".')] = None,
    register: Annotated[bool, Query(description="Whether people who are unknown are registered.")] = False,
    dry_run: Annotated[bool, Query(description="Whether nothing is written.")] = False,
) -> Response:
    """Make a manual draft from a CSV file: a column for rooms, and one for people by id or by e-mail address.

    Rows that can't be used are named by their line, with the reason.
    """
    rows = _rows(upload)
    registers = registering.register if register else None

    def build(session: Session, imported: Imported) -> tuple[int, ImportResponse]:
        plan = imported.plan
        return 200 if dry_run else 201, ImportResponse(
            breakout=breakouts.breakout(session, imported.breakout_id),
            rows=imported.rows,
            used=plan.used,
            skipped=[SkippedRow(line=line, why=why) for line, why in plan.skipped],
        )

    run = idempotent.tried if dry_run else idempotent.run
    return run(lambda deps: import_rows(deps, meeting_id, rows, name, registers), build)


@router.get(
    "/breakouts/{breakout_id}/assignment",
    response_class=Response,
    responses=FILE,
    summary="Export who is where",
)
def export_assignment(
    breakout_id: BreakoutId,
    deps: DepsHere,
    bom: Annotated[bool, Query(description="Whether it begins with a byte order mark, for Excel.")] = False,
) -> Response:
    """Who is where, as CSV, at any time; imported again it makes the same plan."""
    with deps.database.reading() as session:
        content = write_rows(assignments.rows(session, breakout_id), bom=bom)
    return Response(content, media_type=CSV)
