"""A server before the API that loses answers, or gives others instead, as a network and its proxies do."""

from collections import deque

import httpx

from tests.support.http_server import LocalServer, RequestHandler

THROUGH = None
LOST = 0
"""The request reaches the API, and its answer is lost."""
AT_ONCE = {"Retry-After": "0"}


class LossyProxy(LocalServer):
    """Treats requests in turn as `mishaps` say (a status is answered instead), and passes on all later ones."""

    def __init__(self, url: str, *mishaps: int | None) -> None:
        self.mishaps = deque(mishaps)
        self.received: list[tuple[str, str, str | None]] = []
        """Method, path and Idempotency-Key of each request."""
        super().__init__(self._handler(url))

    def _handler(self, url: str) -> type[RequestHandler]:
        proxy = self

        class Request(RequestHandler):
            def pass_on(self) -> None:
                proxy.received.append((self.command, self.path, self.headers["Idempotency-Key"]))
                mishap = proxy.mishaps.popleft() if proxy.mishaps else THROUGH
                body = self.content()
                if mishap:
                    self.answer(mishap, b"not now", AT_ONCE)
                    return
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                found = httpx.request(self.command, url + self.path, content=body, headers=headers, trust_env=False)
                if mishap is THROUGH:
                    self.answer(found.status_code, found.content, AT_ONCE)

            do_GET = do_POST = do_PUT = do_PATCH = pass_on  # noqa: N815 - the names that http.server looks for

        return Request
