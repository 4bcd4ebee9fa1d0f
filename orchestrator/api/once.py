"""`Idempotency-Key`: the first answer again, for whoever asks for the same thing again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Header, Request
from pydantic import AfterValidator, BaseModel
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.api.auth import CALLER
from orchestrator.errors import Malformed
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys
from orchestrator.services.idempotency.keys import Once, Render, Reply

T = TypeVar("T")
HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"

Answer = Callable[[Session, T], tuple[int, BaseModel]]
"""Status and body of the answer to finished work."""


def _printable(text: str) -> str:
    """A header's bytes reach us as Latin-1; clients send UTF-8."""
    text = text.encode("latin-1").decode("utf-8", "replace")
    if not text.isprintable() or "\ufffd" in text:
        raise ValueError("must be printable characters")
    return text


Key = Annotated[
    str | None,
    Header(
        alias=HEADER,
        min_length=1,
        max_length=200,
        description="Any text that you choose for this request, such as a UUID. The same key and body again (within "
        f"24 hours, with the same API key and path) get the first answer again, marked `{REPLAYED}: true`, and nothing "
        "is done twice. Another body: 422. Errors are not remembered.",
        examples=["6f1c2a8e-5b0d-4c57-9a53-2b7f0f1d9c11"],
    ),
    AfterValidator(_printable),
]


@dataclass(frozen=True)
class Doing:
    """One request that makes or starts something, under its key if it has one."""

    deps: Deps
    key: Once | None

    def once(self, work: Callable[[Deps], T], answer: Answer[T]) -> Response:
        """Do `work`, one call of a service that makes nothing outside, in one transaction with its answer.

        Without a key: the work, and then the answer.
        """
        render = rendering(answer)
        if self.key is not None:
            return sent(keys.run(self.deps, self.key, work, render))
        result = work(self.deps)
        with self.deps.database.reading() as session:
            return sent(render(session, result))


async def doing(request: Request, key: Key = None) -> Doing:
    """What an endpoint gets as `OnceHere`."""
    return await _doing(request, key, secret=False)


async def doing_in_secret(request: Request, key: Key = None) -> Doing:
    """The same for an answer that holds a token, which is kept encrypted."""
    return await _doing(request, key, secret=True)


async def _doing(request: Request, key: str | None, *, secret: bool) -> Doing:
    deps: Deps = request.app.state.deps
    if key is None:
        return Doing(deps, None)
    if len(request.headers.getlist(HEADER)) > 1:
        raise Malformed(f"send one {HEADER}", keys.WHERE)
    caller, path, body = request.scope[CALLER], request.scope["path"], await request.body()
    return Doing(deps, await run_in_threadpool(keys.once_for, caller, path, key, body, secret=secret))


def rendering(answer: Answer[T]) -> Render[T]:
    """The same answer in the words of the services."""

    def render(session: Session, result: T) -> Reply:
        status, body = answer(session, result)
        return Reply(status, body.model_dump_json())

    return render


def sent(reply: Reply) -> Response:
    """The answer for the wire."""
    headers = {REPLAYED: "true"} if reply.replayed else {}
    return Response(reply.body, reply.status, headers, "application/json")
