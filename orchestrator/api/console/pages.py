"""The console's page, which is one for all its addresses, and its files."""

from functools import cache
from html import escape

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from orchestrator.api.assets import HOW_TO, Assets, assets
from orchestrator.version import VERSION

NEEDED = ("vendor/preact.js", "vendor/hooks.js", "vendor/signals-core.js", "vendor/signals.js", "vendor/htm.js")
"""What the page imports of npm packages."""
PAGE = "console/index.html"
MISSING_PAGE = "console/missing.html"

router = APIRouter(prefix="/console", include_in_schema=False)


@router.get("")
@router.get("/")
@router.get("/meetings/{meeting_id}")
@router.get("/breakouts/{breakout_id}")
def get_page(request: Request) -> Response:
    """Answer the page, which asks the API for all that it shows."""
    page = _page(assets(), request.scope.get("root_path", ""))
    return HTMLResponse(page, headers={"Cache-Control": "no-cache"})


@router.get("/static/{digest}/{name:path}")
def get_file(request: Request, digest: str, name: str) -> Response:
    """Answer one of its files."""
    found = assets().answer(request, digest, name)
    if found is None:
        raise HTTPException(404)
    return found


@cache
def _page(files: Assets, root_path: str) -> str:
    name = PAGE if files.has(*NEEDED) else MISSING_PAGE
    values = {
        "static": f"{root_path}/console/static/{files.digest}",
        "root": root_path,
        "version": VERSION,
        "command": HOW_TO,
    }
    page = files.files[name].plain.decode()
    for word, value in values.items():
        page = page.replace("{{" + word + "}}", escape(value))
    return page
