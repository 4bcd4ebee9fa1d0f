"""Heads of requests are bounded, because they are read before anybody knows who sends them."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest

from orchestrator.api.heads import HEAD_BYTES_MOST
from tests.api.server import Api
from tests.support.waiting import LONG

BEGINNING = b"GET /healthz HTTP/1.1\r\nHost: here\r\n"
CHUNKED = b"POST /v1/webhooks/realtimekit HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
FAR_MORE = 100 * HEAD_BYTES_MOST


@pytest.fixture
def line(api: Api) -> Iterator[socket.socket]:
    """Open a connection."""
    url = httpx.URL(api.url)
    with socket.create_connection((url.host, url.port or 0), LONG) as opened:
        yield opened


def sent(line: socket.socket, part: bytes) -> int:
    """Send parts until the other end closes, or far too much was taken. Returns how many bytes were taken."""
    taken = 0
    with suppress(ConnectionError):
        while taken < FAR_MORE:
            line.sendall(part)
            taken += len(part)
    return taken


@pytest.mark.parametrize(
    ("beginning", "part"),
    [
        (b"GET /", b"a" * 8192),
        (BEGINNING, b"a: b\r\n" * 1000),
        (BEGINNING + b"a: ", b"b" * 8192),
        (CHUNKED + b"0\r\n", b"a: b\r\n" * 1000),
        (CHUNKED + b"0\r\na: ", b"b" * 8192),
        (CHUNKED + b"1;a=", b"b" * 8192),
    ],
    ids=["an address", "lines", "a line", "lines behind a body", "a line behind a body", "a chunk's extension"],
)
def test_a_head_without_an_end_ends_the_connection(line: socket.socket, beginning: bytes, part: bytes) -> None:
    line.sendall(beginning)
    line.settimeout(LONG)
    assert sent(line, part) < FAR_MORE


def test_it_is_431_for_who_listens(line: socket.socket) -> None:
    line.sendall(BEGINNING + b"a: ")
    answer = b""
    for _ in range(FAR_MORE // HEAD_BYTES_MOST):
        line.settimeout(LONG)
        line.sendall(b"b" * (HEAD_BYTES_MOST // 4))
        line.settimeout(0.02)
        with suppress(TimeoutError):
            answer = line.recv(12)
            break
    assert answer == b"HTTP/1.1 431"


def test_long_heads_and_bodies_in_crumbs_are_read(api: Api) -> None:
    long = {"X-Long": "x" * (HEAD_BYTES_MOST // 2)}
    for _ in range(3):  # on one connection
        assert api.client.get("/v1/meetings", headers=long).status_code == 200
        crumbs = (b"[" + b" " * 19 for _ in range(20_000))
        assert api.client.post("/v1/meetings", content=crumbs, headers=long).status_code == 422
