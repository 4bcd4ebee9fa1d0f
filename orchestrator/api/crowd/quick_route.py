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
from orchestrator.api.door import has_body, require_json, require_known_parameters
from orchestrator.errors import Malformed

Body = TypeVar("Body", bound=BaseModel)

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]

MALFORMED = [{"type": "json_invalid", "loc": ("body",), "msg": "malformed JSON"}]


class QuickRoute(APIRoute):
    """A route that hands the request to its endpoint, a coroutine, and does nothing else. No dependency is run."""

    takes_any_parameter = False
    """Whether a query may hold anything; else it holds nothing."""

    def get_route_handler(self) -> Endpoint:
        """Return the endpoint, which names its route in log lines first, as a dependency does elsewhere."""
        endpoint: Endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            await name_route(request)
            if not self.takes_any_parameter:
                require_known_parameters(request, ())
            if request.method == "GET" and has_body(request):
                await require_no_body(request)
            return await endpoint(request)

        return handle


def answer(text: str, status: int = 200) -> Response:
    """Return a response of JSON that is written already."""
    return Response(text, status, media_type="application/json")


async def read(request: Request, model: type[Body]) -> Body:
    """Read the body. Raises RequestValidationError, as FastAPI does."""
    require_json(request)
    try:
        return model.model_validate(json.loads(await request.body()))
    except ValidationError as error:
        mistakes = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(mistakes) from None
    except (ValueError, RecursionError):
        raise RequestValidationError(MALFORMED) from None


async def require_no_body(request: Request) -> None:
    """Raise Malformed for a body that says anything."""
    raw = await request.body()
    if raw:
        require_json(request)
    try:
        said = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        raise RequestValidationError(MALFORMED) from None
    if said != {}:
        raise Malformed("this call takes no body, or {}")


class OpenRoute(QuickRoute):
    """A quick route for callers who may add any parameter to the address that they were given."""

    takes_any_parameter = True
