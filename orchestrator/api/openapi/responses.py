"""Responses as OpenAPI shows them: errors as problems, and headers."""

from http import HTTPStatus
from typing import Any

from orchestrator.api.problems import MEDIA_TYPE
from schemas.problems import MEANINGS, ProblemCode
from schemas.responses import ProblemResponse

Responses = dict[int | str, dict[str, Any]]
"""The responses that FastAPI documents beside an endpoint's usual one."""

DESCRIPTIONS = {
    400: "Signed, but not JSON.",
    401: "No credentials, or none that this path accepts.",
    403: "Too weak a role, not for hosts, or the console's cookie came from another page.",
    404: "Unknown id.",
    409: "The state does not allow it: `state` names it, `allowed` those in which it is taken.",
    412: "Stale: it has changed since the version in `If-Match`.",
    413: "The body is too large.",
    415: "The body has another `Content-Type` than this path takes.",
    422: "Malformed or impossible; `errors` says where and why.",
    429: "Too many wrong keys or tokens from this address in a minute.",
    503: "Not now; repeat after `Retry-After` seconds.",
}

ERROR_SCHEMA = f"#/components/schemas/{ProblemResponse.__name__}"


def errors(*statuses: int) -> Responses:
    """Document errors that do not follow from the kind of operation; `describe` adds those that do."""
    return {status: {"model": ProblemResponse, "description": DESCRIPTIONS[status]} for status in statuses}


def error_response(status: int) -> dict[str, Any]:
    """Return the full documentation of one error, with an example."""
    documented: dict[str, Any] = {
        "description": DESCRIPTIONS[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": ERROR_SCHEMA}, "example": _example(status)}},
    }
    if status in (429, 503):
        documented["headers"] = {"Retry-After": header("integer", "Seconds.")}
    return documented


def header(kind: str, description: str) -> dict[str, Any]:
    """Return the documentation of a header whose value is of JSON type `kind`."""
    return {"description": description, "schema": {"type": kind}}


def _example(status: int) -> dict[str, Any]:
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": DESCRIPTIONS[status],
        "code": next(code for code, meaning in MEANINGS.items() if status in meaning.statuses),
    }
    if status == 409:
        example |= {
            "detail": "can't start a breakout that is closing",
            "state": "closing",
            "allowed": ["draft", "scheduled"],
            "code": ProblemCode.WRONG_STATE,
        }
    if status == 412:
        example |= {"detail": "this is version 4 by now", "version": 4, "fields": ["name", "rooms"]}
    if status == 422:
        error = {"loc": ["body", "rooms"], "msg": "must be 1 to 500 rooms"}
        example |= {"detail": f"body.rooms: {error['msg']}", "errors": [error], "code": ProblemCode.MALFORMED}
    return example
