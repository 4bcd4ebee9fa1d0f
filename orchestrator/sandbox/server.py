"""Runs the sandbox under uvicorn, with a protocol that lets faults cut connections."""

import asyncio
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from orchestrator.sandbox.app import create_app
from orchestrator.sandbox.world.config import SandboxConfig


class CuttableProtocol(HttpToolsProtocol):
    """Hands each request the transport of its connection, in the scope's state."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)  # type: ignore[arg-type]


def server(app: Any, host: str, port: int) -> uvicorn.Server:
    """A server that is not running yet; `run(sockets=[…])` takes a socket that is bound already."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=CuttableProtocol,
        ws="none",
        access_log=False,
        proxy_headers=False,
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


def serve(config: SandboxConfig, host: str = "127.0.0.1", port: int = 8800) -> None:
    """Serve until SIGINT or SIGTERM."""
    server(create_app(config), host, port).run()


def free_socket(host: str = "127.0.0.1") -> socket.socket:
    """A socket bound to a free port, for `server(...).run(sockets=[…])`."""
    # asyncio turns Nagle off only for sockets that say they are TCP; with it on, answers take 40 ms
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, 0))
    return bound
