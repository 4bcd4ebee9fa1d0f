"""Being served under a sub-path: `ROOT_PATH` is what stands before our paths in a browser's address."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Mounted:
    """Middleware that takes the sub-path away where a proxy has left it, so that all others see our own paths."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "http" and self._root_path:
            scope["root_path"] = self._root_path
            while scope["path"].startswith(self._root_path + "/"):  # the router takes away what is left of it
                scope["path"] = scope["path"].removeprefix(self._root_path)
        await self._app(scope, receive, send)
