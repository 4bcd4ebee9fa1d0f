"""The OpenAPI description of the API, and whether responses conform to it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from fastapi import FastAPI

from orchestrator.api.app import ROUTERS
from orchestrator.api.openapi.credentials import API_KEY, CLIENT_TOKEN
from orchestrator.api.openapi.description import describe

JSON = dict[str, Any]
SLASHED = "custom_participant_id"
"""The only path parameter that may contain a slash."""


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    spec: JSON

    @property
    def takes(self) -> str | None:
        """The credentials that it requires."""
        schemes = {name for scheme in self.spec.get("security", []) for name in scheme}
        return next((name for name in (API_KEY, CLIENT_TOKEN) if name in schemes), None)

    def matches(self, method: str, path: str) -> bool:
        """Whether a request may be for this operation."""
        pattern = re.sub(r"{(.*?)}", lambda name: ".+" if name[1] == SLASHED else "[^/]+", self.path)
        return method == self.method and re.fullmatch(pattern, path, re.DOTALL) is not None

    def filled(self, value: str) -> str:
        """Return its path with `value` for every parameter."""
        return re.sub(r"{[^}]*}", value, self.path)


@cache
def description() -> JSON:
    """Return the description of the whole API."""
    app = FastAPI(title="Breakout orchestrator")
    for module in ROUTERS:
        app.include_router(module.router)
    return describe(app)


@cache
def operations() -> list[Operation]:
    """Return every operation of the API."""
    return [
        Operation(method.upper(), path, spec)
        for path, methods in description()["paths"].items()
        for method, spec in methods.items()
    ]


def check(response: httpx.Response) -> None:
    """Raise AssertionError for a response whose status its operation does not document."""
    method, path = response.request.method, response.request.url.path
    named = [set(operation.spec["responses"]) for operation in operations() if operation.matches(method, path)]
    known = set().union(*named)
    assert not known or str(response.status_code) in known, f"{method} {path}: {response.status_code} is not described"


def of_schema(content: JSON) -> Iterator[Any]:
    """Yield the examples of one content of a request or a response."""
    if "example" in content:
        yield content["example"]
    yield from (shown["value"] for shown in content.get("examples", {}).values())
