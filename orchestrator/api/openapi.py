"""The API's description: FastAPI's own, with what is true of every operation alike said here, once.

Routers declare what only they know: the errors that come of a thing's state (`errors(409)`) or of somebody else's
trouble. Whoever adds an operation gets the rest, and examples, for nothing.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from orchestrator.api.common import API_KEY, CLIENT_TOKEN, DESCRIPTIONS, ERROR_SCHEMA
from orchestrator.api.examples import answer_example, request_examples
from orchestrator.api.once import HEADER as IDEMPOTENCY_KEY
from orchestrator.api.once import REPLAYED
from orchestrator.api.problems import MEDIA_TYPE

JSON = "application/json"
TAGS = [
    {"name": "meetings", "description": "The meetings that are split."},
    {"name": "participants", "description": "Their people, and the tokens that let browsers in."},
    {"name": "breakouts", "description": "Splitting a meeting into rooms, and bringing everyone home."},
    {"name": "seat", "description": "A participant's browser: where it should be."},
    {"name": "webhooks", "description": "RealtimeKit calls us."},
    {"name": "operations", "description": "For load balancers and whoever watches."},
]


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application; made at the first call."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
        )
        components = schema["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own 422, which we never send
            components.pop(unused, None)
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                _complete(path, method, operation, components)
        app.openapi_schema = schema
    return app.openapi_schema


def _complete(path: str, method: str, operation: dict[str, Any], components: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status in _errors(path, method, operation):
        responses.setdefault(str(status), {})
    operation["responses"] = dict(sorted(responses.items()))
    once = any(parameter["name"] == IDEMPOTENCY_KEY for parameter in operation.get("parameters", []))
    for status, response in responses.items():
        if int(status) >= 400:
            response.update(_error(int(status)))
            continue
        if JSON in response.get("content", {}):
            content = response["content"][JSON]
            content["example"] = answer_example(content["schema"], components)
        if once:
            response["headers"] = {REPLAYED: _header("string", "`true` on the first answer given again.")}
    if content := operation.get("requestBody", {}).get("content", {}).get(JSON):
        content["examples"] = request_examples(content["schema"], components)


def _errors(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    """The errors that follow from what kind of operation it is."""
    schemes = {name for scheme in operation.get("security", []) for name in scheme}
    writes = method != "get"
    if schemes & {API_KEY, CLIENT_TOKEN}:
        yield from (401, 503)  # any answer needs the database
        if writes:
            yield 413
    if API_KEY in schemes and writes:
        yield 403
    if "{" in path or CLIENT_TOKEN in schemes:
        yield 404
    if "requestBody" in operation or operation.get("parameters"):
        yield 422


def _error(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": DESCRIPTIONS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": ERROR_SCHEMA}, "example": _problem(status)}},
    }
    if status == 503:
        described["headers"] = {"Retry-After": _header("integer", "Seconds.")}
    return described


def _header(kind: str, description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _problem(status: int) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": DESCRIPTIONS[status],
    }
    if status == 409:
        example |= {"detail": "can't start a breakout that is closing", "state": "closing", "allowed": ["closed"]}
    if status == 422:
        error = {"loc": ["body", "rooms"], "msg": "must be 1 to 500 rooms"}
        example |= {"detail": f"body.rooms: {error['msg']}", "errors": [error]}
    return example
