"""`Idempotency-Key`: a repeated request gets the response to the first one, and nothing is done twice."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from pydantic import AfterValidator, BaseModel
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from orchestrator.api.auth import SCOPE_BROWSER, SCOPE_CALLER
from orchestrator.api.versions import OWNERS, Change, ChangeHere, tag_headers, version_of
from orchestrator.errors import Malformed
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys, trial
from orchestrator.services.idempotency.keys import IsGood, Once, Render, Reply

T = TypeVar("T")
KEY_HEADER, REPLAYED_HEADER = "Idempotency-Key", "Idempotency-Replayed"
KEY_CHARACTERS_MOST = 200

BuildResponse = Callable[[Session, T], tuple[int, BaseModel]]
"""Builds the status and body of the response from the result of the work."""


def _printable(text: str) -> str:
    """Decode a header as UTF-8, which clients send; the server has decoded it as Latin-1."""
    text = text.encode("latin-1").decode("utf-8", "replace")
    if not text.isprintable() or "\ufffd" in text:
        raise ValueError("must be printable characters")
    return text


Key = Annotated[
    str | None,
    Header(
        alias=KEY_HEADER,
        min_length=1,
        max_length=KEY_CHARACTERS_MOST,
        description="Any text that you choose for this request, such as a UUID. The same key and body again (within "
        "24 hours, by the same caller, at the same path) get the first answer again, marked "
        f"`{REPLAYED_HEADER}: true`, and nothing is done twice. Another body: 422. Errors are not remembered.",
        examples=["6f1c2a8e-5b0d-4c57-9a53-2b7f0f1d9c11"],
    ),
    AfterValidator(_printable),
]


@dataclass(frozen=True)
class IdempotentRequest:
    """A request that makes or starts something, with its Idempotency-Key if it has one."""

    change: Change
    key: Once | None

    def run(
        self,
        work: Callable[[Deps], T],
        build: BuildResponse[T],
        check: Callable[[Deps], None] | None = None,
        is_good: IsGood | None = None,
    ) -> Response:
        """Do `work` once for this key, in one transaction with storing the response.

        `work` is one call of a service that makes nothing at RealtimeKit. Without a key it is simply done. `check` may
        ask RealtimeKit before, and raise; a request that was answered before is not checked again. An answer that is
        not good any more, says `is_good`, is not given again.
        """
        render = rendering(build)
        if self.key is not None:
            once = replace(self.key, is_good=is_good)
            return to_response(keys.run(self.deps, once, work, render, lambda: self._begin(check)))
        deps = self._begin(check)
        result = work(deps)
        with deps.database.reading() as session:
            return to_response(render(session, result))

    def _begin(self, check: Callable[[Deps], None] | None) -> Deps:
        deps = self.change.begin()
        if check is not None:
            check(deps)
        return deps

    @property
    def deps(self) -> Deps:
        """The parts that services work with."""
        return self.change.deps

    def tried(self, work: Callable[[Deps], T], build: BuildResponse[T]) -> Response:
        """Answer what `work` would do, and write nothing; the key is not used up."""
        return to_response(trial.tried(self.change.begin(), work, rendering(build)))


async def _idempotent(request: Request, change: ChangeHere, key: Key = None) -> IdempotentRequest:
    return await _with_key(request, change, key, secret=False)


async def _idempotent_secret(request: Request, change: ChangeHere, key: Key = None) -> IdempotentRequest:
    return await _with_key(request, change, key, secret=True)


async def once_of(request: Request, caller: str) -> Once | None:
    """Return what a quick route's request is to be done once under; None without a key. Raises Malformed."""
    given = request.headers.getlist(KEY_HEADER)
    if not given:
        return None
    try:
        key = _printable(given[0])
    except ValueError as error:
        raise Malformed(str(error), keys.WHERE) from None
    if len(given) > 1 or not 1 <= len(key) <= KEY_CHARACTERS_MOST:
        raise Malformed(f"send one {KEY_HEADER} of at most {KEY_CHARACTERS_MOST} characters", keys.WHERE)
    about = request.scope[SCOPE_BROWSER].meeting_id
    return keys.once_for(caller, request.scope["path"], key, await request.body() or b"{}", about=about)


async def _with_key(request: Request, change: Change, key: str | None, *, secret: bool) -> IdempotentRequest:
    if key is None:
        return IdempotentRequest(change, None)
    if len(request.headers.getlist(KEY_HEADER)) > 1:
        raise Malformed(f"send one {KEY_HEADER}", keys.WHERE)
    caller, path, body = request.scope[SCOPE_CALLER].id, request.scope["path"], await request.body() or b"{}"
    about = next((request.path_params[name] for name in OWNERS if name in request.path_params), None)
    once = await run_in_threadpool(keys.once_for, caller, path, key, body, secret=secret, about=about)
    return IdempotentRequest(change, once)


Idempotent = Annotated[IdempotentRequest, Depends(_idempotent)]
"""A parameter of every POST that makes or starts something; the endpoint ends in `return idempotent.run(...)`."""
IdempotentSecret = Annotated[IdempotentRequest, Depends(_idempotent_secret)]
"""The same for a response that contains a token: it is stored encrypted."""


def rendering(build: BuildResponse[T]) -> Render[T]:
    """Adapt `build` to the form that the idempotency service takes."""

    def render(session: Session, result: T) -> Reply:
        status, body = build(session, result)
        return Reply(status, body.model_dump_json(), version_of(body))

    return render


def to_response(reply: Reply) -> Response:
    """Turn the service's reply into an HTTP response."""
    headers = tag_headers(reply.version) | ({REPLAYED_HEADER: "true"} if reply.replayed else {})
    return Response(reply.body, reply.status, headers, "application/json")
