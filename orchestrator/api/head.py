"""`HEAD` wherever `GET` answers: the same headers, without the body."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

END = {"type": "http.response.body", "body": b""}


class Head:
    """Middleware that lets the application answer GET, and ends the answer after its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. The request has HEAD's method again before it is answered, for server and log."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        request, answered = [{"type": "http.request", "body": b"", "more_body": False}], asyncio.Event()

        async def receive_nothing() -> Message:
            if request:
                return request.pop()
            await answered.wait()
            return {"type": "http.disconnect"}  # ends a stream

        async def send_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["method"] = "HEAD"
                await send(message)
                await send(END)
                answered.set()

        scope["method"] = "GET"
        await self._app(scope, receive_nothing, send_headers)
