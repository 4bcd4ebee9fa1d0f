"""`/docs`: the API's description to read and to try out, from files of ours where `make web` has copied them."""

from functools import partial

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.responses import Response

from orchestrator.api.assets import assets

SCRIPT, STYLE = "vendor/swagger-ui-bundle.js", "vendor/swagger-ui.css"
NO_ICON = "data:,"

router = APIRouter(prefix="/docs", include_in_schema=False)


@router.get("")
def get_docs(request: Request) -> Response:
    """Answer the page. Without files of ours it loads them from where FastAPI does."""
    root_path, files = request.scope.get("root_path", ""), assets()
    ours = f"{root_path}/docs/static/{files.digest}"
    page = partial(get_swagger_ui_html)
    if files.has(SCRIPT, STYLE):
        page = partial(page, swagger_js_url=f"{ours}/{SCRIPT}", swagger_css_url=f"{ours}/{STYLE}")
    return page(
        openapi_url=f"{root_path}/openapi.json",
        title=f"{request.app.title}: API",
        swagger_favicon_url=NO_ICON,
    )


@router.get("/static/{digest}/{name:path}")
def get_file(request: Request, digest: str, name: str) -> Response:
    """Answer one of its files."""
    found = assets().answer(request, digest, name) if name in (SCRIPT, STYLE) else None
    if found is None:
        raise HTTPException(404)
    return found
