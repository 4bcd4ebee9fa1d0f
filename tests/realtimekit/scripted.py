"""An HTTP server that gives scripted answers, and remembers the requests."""

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.http_server import LocalServer, RequestHandler


@dataclass(frozen=True)
class Reply:
    """One answer; `body` is sent as JSON unless it is bytes."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


class ScriptedServer(LocalServer):
    """Gives `replies` one after the other, then `default` for ever."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.replies: deque[Reply] = deque()
        self.default = Reply({"success": True, "data": {"id": "some-id", "status": "ACTIVE"}})
        super().__init__(self._handler())

    def reply(self, *bodies: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """Add answers to the script."""
        self.replies.extend(Reply(body, status, headers or {}) for body in bodies)

    def _handler(self) -> type[RequestHandler]:
        script = self

        class Request(RequestHandler):
            protocol_version = "HTTP/1.1"

            def take(self) -> None:
                content = self.content()
                body = json.loads(content) if content else None
                headers = {name.lower(): value for name, value in self.headers.items()}
                script.asked.append(Asked(self.command, self.path, headers, body))
                reply = script.replies.popleft() if script.replies else script.default
                given = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
                self.answer(reply.status, given, reply.headers)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = take  # noqa: N815 - the names http.server looks for

        return Request
