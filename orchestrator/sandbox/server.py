"""Runs the sandbox under uvicorn, in a way that lets faults cut connections."""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orchestrator.sandbox.app import create_app
from orchestrator.sandbox.world.config import SandboxConfig

KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep an idle connection (5 s in httpx, 15 s in aiohttp), so that they close it.

Who sends a POST into a connection that the server is just closing can't know whether it was received.
"""


class CuttableProtocol(HttpToolsProtocol):
    """Puts the transport of the connection into the state of each request's scope."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport of a new connection."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)  # type: ignore[arg-type]


def server(app: Any, host: str, port: int) -> uvicorn.Server:
    """Make a server; its `run(sockets=[…])` takes a socket that is bound already."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=CuttableProtocol,
        ws="websockets-sansio",
        access_log=False,
        proxy_headers=False,
        log_level="error",
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def serve(config: SandboxConfig, host: str = "127.0.0.1", port: int = 8800) -> None:
    """Serve until SIGINT or SIGTERM."""
    server(create_app(config), host, port).run()


def free_socket(host: str = "127.0.0.1") -> socket.socket:
    """Bind a socket to a free port, for `server(...).run(sockets=[…])`."""
    # asyncio turns Nagle's algorithm off only for sockets that are declared as TCP; with it, answers take 40 ms
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, 0))
    return bound
