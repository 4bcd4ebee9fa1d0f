"""TCP ports of this machine, and addresses."""

import errno
import socket

from orchestrator.errors import Unusable

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


def check(host: str, port: int, *, host_from: str, port_from: str) -> None:
    """Check that this process could listen there. Raises Unusable, which names the setting or option to change."""
    try:
        free = _is_free(host, port)
    except (OSError, UnicodeError) as error:  # a text that can be no host name is a UnicodeError
        name = port_from if isinstance(error, PermissionError) else host_from
        raise Unusable(f"{name}: can't listen on {host}:{port}: {getattr(error, 'strerror', None) or error}") from None
    if not free:
        raise Unusable(f"port {port} of {host} is in use: choose another by {port_from}")


def _is_free(host: str, port: int) -> bool:
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
