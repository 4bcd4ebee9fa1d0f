"""A door to the API that loses answers, or gives others instead, as a network and its proxies do."""

from collections import deque

import httpx

from tests.support.door import Door, Handler

THROUGH = None
LOST = 0
"""The request goes through, and its answer does not come back."""
AT_ONCE = {"Retry-After": "0"}


class LossyDoor(Door):
    """Does with requests in turn what `mishaps` say (a status: that is answered instead), then lets all through."""

    def __init__(self, url: str, *mishaps: int | None) -> None:
        self.mishaps = deque(mishaps)
        self.asked: list[tuple[str, str, str | None]] = []
        """Method, path and Idempotency-Key of each request."""
        super().__init__(self._handler(url))

    def _handler(self, url: str) -> type[Handler]:
        door = self

        class Request(Handler):
            def pass_on(self) -> None:
                door.asked.append((self.command, self.path, self.headers["Idempotency-Key"]))
                mishap = door.mishaps.popleft() if door.mishaps else THROUGH
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
