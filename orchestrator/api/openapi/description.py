"""FastAPI's description of the API, completed with what is the same for every operation.

Routes declare only what is particular to them: the errors that depend on state (`errors(409)`) or on other systems.
The other errors, the headers and the examples are added here, also for operations that are added later.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from orchestrator.api.idempotency import KEY_HEADER, REPLAYED_HEADER
from orchestrator.api.openapi.credentials import API_KEY, CLIENT_TOKEN
from orchestrator.api.openapi.example_maker import request_examples, response_example
from orchestrator.api.openapi.responses import error_response, header
from orchestrator.api.versions import MATCH_HEADER, OWNERS, TAG_HEADER, TAGGED

JSON = "application/json"
MATCH = {
    "name": MATCH_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The `ETag` of the breakout in the path, else of the meeting, on which this change rests: 412 when "
    "it has changed since. `*`, or none: the last write wins.",
    "example": '"3"',
}
TAGS = [
    {"name": "meetings", "description": "The meetings that are split."},
    {"name": "participants", "description": "Their people, and the tokens that let browsers in."},
    {"name": "breakouts", "description": "Splitting a meeting into rooms, and bringing everyone home."},
    {"name": "seat", "description": "A participant's browser: where it should be."},
    {"name": "webhooks", "description": "RealtimeKit calls us."},
    {"name": "operations", "description": "For load balancers and whoever watches."},
]


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an application, which is made at the first call."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=TAGS
        )
        components = schema["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):  # FastAPI's own 422, which is never sent
            components.pop(unused, None)
        for path, operations in schema["paths"].items():
            for method, operation in operations.items():
                _add_match(path, method, operation)
                _add_errors(path, method, operation)
                _add_to_successes(operation, components)
                _add_request_examples(operation, components)
        app.openapi_schema = schema
    return app.openapi_schema


def _add_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    for status in _usual_errors(path, method, operation):
        responses.setdefault(str(status), {})
    operation["responses"] = dict(sorted(responses.items()))
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            response.update(error_response(int(status)))


def _usual_errors(path: str, method: str, operation: dict[str, Any]) -> Iterator[int]:
    """Yield the errors that follow from the kind of operation."""
    schemes = {name for scheme in operation.get("security", []) for name in scheme}
    if schemes & {API_KEY, CLIENT_TOKEN}:
        yield from (401, 422, 429, 503)  # 422: of an unknown parameter; 503: every response needs the database
        yield from (413, 415)  # also of a body that no call of this method takes
    if API_KEY in schemes:
        yield 403  # the console's cookie, if from another page, may not even look
    if "{" in path or CLIENT_TOKEN in schemes:
        yield 404
    if _takes_match(path, method):
        yield 412
    if "requestBody" in operation or operation.get("parameters"):
        yield 422


def _takes_match(path: str, method: str) -> bool:
    return method != "get" and any(f"{{{name}}}" in path for name in OWNERS)


def _add_match(path: str, method: str, operation: dict[str, Any]) -> None:
    if _takes_match(path, method):
        operation.setdefault("parameters", []).append(MATCH)


def _add_to_successes(operation: dict[str, Any], components: dict[str, Any]) -> None:
    takes_key = any(parameter["name"] == KEY_HEADER for parameter in operation.get("parameters", []))
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            continue
        if JSON in response.get("content", {}):
            content = response["content"][JSON]
            content["example"] = response_example(content["schema"], components)
        headers = {REPLAYED_HEADER: header("string", "`true` on the first answer given again.")} if takes_key else {}
        schema = response.get("content", {}).get(JSON, {}).get("schema", {})
        if schema.get("$ref", "").rpartition("/")[2] in TAGGED:
            headers[TAG_HEADER] = header("string", "The version, of a room its breakout's, for `If-Match`.")
        if headers:
            response["headers"] = headers


def _add_request_examples(operation: dict[str, Any], components: dict[str, Any]) -> None:
    if content := operation.get("requestBody", {}).get("content", {}).get(JSON):
        content["examples"] = request_examples(content["schema"], components)
