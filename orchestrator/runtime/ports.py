"""TCP ports of this machine, and addresses."""

import errno
import socket

LOOPBACK = "127.0.0.1"
LOOPBACKS = (LOOPBACK, "localhost", "::1")
CALLED_AT = {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}  # noqa: S104 - nothing listens there
"""Where to call a server that listens on all addresses."""


def free_port() -> int:
    """Find a port of the loopback address that is free now; another process may take it before it is used."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(host: str, port: int) -> bool:
    """Whether this process could listen there. Raises OSError for any reason but that the port is in use."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection keeps its port for a while
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def url_of(host: str, port: int) -> str:
    """Return the URL of an HTTP server that listens on `host` and `port`."""
    called = CALLED_AT.get(host, host)
    return f"http://[{called}]:{port}" if ":" in called else f"http://{called}:{port}"
