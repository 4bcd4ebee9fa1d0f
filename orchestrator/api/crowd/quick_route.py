"""Routes for what a crowd does in the same second: their endpoints take the request and return the response.

FastAPI solves dependencies, and validates and serializes through adapters, for every request anew, which took longer
than all the rest of an ack. So FastAPI only describes the dependencies, bodies and responses of these endpoints.
"""

import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.api.access_log import name_route

Body = TypeVar("Body", bound=BaseModel)

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]

MALFORMED = [{"loc": ("body",), "msg": "malformed JSON"}]


class QuickRoute(APIRoute):
    """A route that hands the request to its endpoint, a coroutine, and does nothing else. No dependency is run."""

    def get_route_handler(self) -> Endpoint:
        """Return the endpoint, which names its route in log lines first, as a dependency does elsewhere."""
        endpoint: Endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            await name_route(request)
            return await endpoint(request)

        return handle


def answer(text: str) -> Response:
    """Return a response of JSON that is written already."""
    return Response(text, media_type="application/json")


async def read(request: Request, model: type[Body]) -> Body:
    """Read the body. Raises RequestValidationError, as FastAPI does."""
    raw = await request.body()
    try:
        return model.model_validate(json.loads(raw) if _is_json(request) else raw)
    except ValidationError as error:
        mistakes = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(mistakes) from None
    except (ValueError, RecursionError):
        raise RequestValidationError(MALFORMED) from None


def _is_json(request: Request) -> bool:
    """Return whether the body counts as JSON, which is so also without a Content-Type."""
    media_type, _, _ = request.headers.get("content-type", "application/json").lower().partition(";")
    kind, _, of = media_type.strip().partition("/")
    return kind == "application" and (of == "json" or of.endswith("+json"))
