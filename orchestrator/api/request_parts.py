"""The process's parts, as they are for the caller of one request."""

from dataclasses import replace

from fastapi import Request

from orchestrator.api.auth import SCOPE_CALLER
from orchestrator.api.callers import Caller
from orchestrator.services.deps import Deps


def deps_of(request: Request) -> Deps:
    """Return the parts by which only what exists for the caller is found, and logs say who it was."""
    deps: Deps = request.app.state.deps
    caller: Caller | None = request.scope.get(SCOPE_CALLER)
    return deps if caller is None else replace(deps, actor=caller.actor, reach=caller.reach)
