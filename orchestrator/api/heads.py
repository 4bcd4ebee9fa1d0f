"""HTTP connections on which the head of a request may have so many bytes. The server itself reads any number.

Heads are read before anybody knows who sends them, and each line of one takes ten times its bytes in memory.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orchestrator.api.limits import MAX_BODY_BYTES

HEAD_BYTES_MOST = 65_536
"""More than proxies pass on (32 KB in nginx). What comes together with a head's first byte does not count."""
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class BoundedHeads(HttpToolsProtocol):
    """Ends the connection of a request with a larger head, or with as much beside its body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._requests = 0
        self._body_bytes = 0
        """Of the present request's body."""
        self._other_bytes = 0
        """Of the present request beside its body: its head, the sizes of chunks, and what trails them."""

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        self._requests += 1
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Count a part of a body."""
        self._body_bytes += len(body)
        super().on_body(body)

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        request, body_bytes = self._requests, self._body_bytes
        super().data_received(data)
        if self._requests != request:  # how much of it belongs to the request before is not known
            self._body_bytes, self._other_bytes = 0, 0
            return
        self._other_bytes += len(data) - (self._body_bytes - body_bytes)
        if self._other_bytes > HEAD_BYTES_MOST + min(self._body_bytes, MAX_BODY_BYTES):  # a body may come in crumbs
            self._refuse()

    def _refuse(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if not (is_answering or self.transport.is_closing()):
            self.transport.write(TOO_LARGE)
        self.transport.close()
