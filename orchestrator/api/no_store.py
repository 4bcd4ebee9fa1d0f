"""`Cache-Control: no-store` on every answer under `/v1`: what is there is somebody's alone, and of this moment."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

NO_STORE = (b"cache-control", b"no-store")


class NoStore:
    """Middleware that forbids every cache to keep an answer, also a refusal."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. What has a header of its own, like a stream, keeps it."""
        if scope["type"] != "http" or not (scope["path"] == "/v1" or scope["path"].startswith("/v1/")):
            await self._app(scope, receive, send)
            return

        async def send_uncached(message: Message) -> None:
            headers = message.get("headers", ())
            if message["type"] == "http.response.start" and not any(name == NO_STORE[0] for name, _ in headers):
                message["headers"] = [*headers, NO_STORE]
            await send(message)

        await self._app(scope, receive, send_uncached)
