"""`/sdk/v1/`: the modules that people's pages import, and their types, for pages of every origin."""

import hashlib
import re
from dataclasses import dataclass
from functools import cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.api.assets import FOR_EVER, Asset, assets
from orchestrator.api.problems import problem
from schemas.problems import ProblemCode

PREFIX = "/sdk/"
FOLDER = "/sdk/v1"
MODULES = "breakouts", "breakouts-status"
FOR_A_WHILE = "public, max-age=300"
METHODS = "GET, HEAD, OPTIONS"
FOR_EVERYBODY = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
MADE_OF = re.compile(rb"^// breakouts (\S+), ")
"""How a built module begins: with the version of the npm package."""


@dataclass(frozen=True)
class Modules:
    """The files by the paths under which they are sent, and where each module is that may change."""

    files: dict[str, Asset]
    versioned: dict[str, str]
    """The path under which a module never changes, by the one of its current version."""


class Sdk:
    """Middleware that answers everything below `/sdk/`, before any other rule about origins or credentials."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            response = _answer(Request(scope))
            response.headers.update(FOR_EVERYBODY)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _answer(request: Request) -> Response:
    if request.method not in METHODS.split(", "):
        detail = f"{request.method} is not possible here"
        return problem(405, detail, ProblemCode.METHOD_NOT_ALLOWED, headers={"Allow": METHODS})
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": METHODS, "Access-Control-Allow-Methods": METHODS})
    path, modules = request.scope["path"], _modules()
    asset = modules.files.get(path)
    if asset is None:
        return problem(404, f"there is nothing at {path}, only {', '.join(modules.files)}", ProblemCode.NOT_FOUND)
    return _file(request, asset, _headers(request, path, modules))


def _headers(request: Request, path: str, modules: Modules) -> dict[str, str]:
    is_kept = path in modules.versioned.values()
    headers = {"Cache-Control": FOR_EVER if is_kept else FOR_A_WHILE, "Vary": "Accept-Encoding"}
    if path in modules.versioned:
        headers["Content-Location"] = request.scope.get("root_path", "") + modules.versioned[path]
    return headers


def _file(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    """Send a file; its tag says in which of two forms."""
    zipped = asset.zipped if "gzip" in request.headers.get("Accept-Encoding", "") else None
    body = zipped or asset.plain
    headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if headers["ETag"] in request.headers.get("If-None-Match", ""):
        return Response(status_code=304, headers=headers)
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=asset.media_type)


@cache
def _modules() -> Modules:
    files, versioned = dict[str, Asset](), dict[str, str]()
    for name in MODULES:
        module, types = (assets().files[f"sdk/{name}.{ending}"] for ending in ("js", "d.ts"))
        found = MADE_OF.match(module.plain)
        assert found, "the built module does not say which version it is"
        current, kept = f"{FOLDER}/{name}.js", f"{FOLDER}/{name}-{found[1].decode()}.js"
        files |= {current: module, kept: module, f"{FOLDER}/{name}.d.ts": types}
        versioned[current] = kept
    return Modules(files, versioned)
