"""`python -m orchestrator.runtime.alive FILE|URL`: exit with 1 if the process in this container does not work.

FILE is the process's HEARTBEAT_FILE, URL an address that it serves. A container's health check runs this every few
seconds, so it imports next to nothing.
"""

import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

STALE_SECONDS = 30.0
"""Workers beat every 2 s, timekeepers every second; both every 15 s while a database or broker does not answer.

A timekeeper that can't send what is due for any other reason does not beat.
"""
ANSWER_SECONDS = 3.0


def touch(heartbeat: str) -> None:
    """Note in a process's HEARTBEAT_FILE that it goes on; nothing without one. Raises OSError."""
    if heartbeat:
        Path(heartbeat).touch()


def trouble(target: str) -> str:
    """Say what is wrong; an empty text if nothing is."""
    return _unanswered(target) if target.startswith("http://") else _stale(Path(target))


def _stale(heartbeat: Path) -> str:
    try:
        age = time.time() - heartbeat.stat().st_mtime
    except FileNotFoundError:
        return "no heartbeat yet"
    return f"no heartbeat for {age:.0f} s" if age > STALE_SECONDS else ""


def _unanswered(url: str) -> str:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname, parts.port), ANSWER_SECONDS) as line:
            line.sendall(f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n".encode())
            status = line.makefile("rb").readline().decode("latin-1").strip()
    except OSError as error:
        return f"no answer: {error}"
    return "" if " 200 " in status else f"answered {status!r}"


if __name__ == "__main__":
    found = trouble(sys.argv[1])
    sys.stderr.write(found)
    sys.exit(1 if found else 0)
