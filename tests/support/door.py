"""Warm starts for a shell: a socket at which a client asks for a command, and gets its exit code.

The server (`python -m tests.support.door PATH`, by a warm start) has all imports, and forks for each command. The
client (this file, run by Python without its site packages) lends the command its directory, environment and three
files.
"""

import os
import socket
import sys
from contextlib import suppress

FILES = (0, 1, 2)
MOST_BYTES = 200_000


def client(path: str) -> list[str]:
    """Return the words before `-m MODULE …` by which a shell starts it."""
    return [sys.executable, "-I", "-S", __file__, path]


def ask(path: str, words: list[str]) -> int:
    """Have a command run, and return its exit code."""
    cwd = os.getcwd()  # noqa: PTH109 - pathlib would be half of what a client imports
    variables = [f"{name}={value}" for name, value in os.environ.items()]
    message = "\0".join([cwd, str(len(words)), *words, *variables]).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(path)
        socket.send_fds(server, [message], FILES)
        return int(server.recv(MOST_BYTES))


def serve(path: str) -> list[str]:
    """Fork for each client. Returns only in a process that was forked: its command."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(path)
        door.listen()
        while True:
            visitor, _ = door.accept()
            with visitor:
                if os.fork() == 0:
                    return _attend(visitor)
            _bury()


def _bury() -> None:
    """Wait for those that have ended already."""
    with suppress(ChildProcessError):
        while os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG):
            pass


def _attend(visitor: socket.socket) -> list[str]:
    """Start the command, and tell the visitor its exit code. Returns only in the command's process."""
    from tests.support import warm  # noqa: PLC0415 - the client does without it

    message, files, _, _ = socket.recv_fds(visitor, MOST_BYTES, len(FILES))
    parent = os.getpid()
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        visitor.send(str(os.waitstatus_to_exitcode(status) % 256).encode())
        os._exit(0)
    cwd, number, *rest = message.decode().split("\0")
    warm.die_with(parent)
    for there, here in zip(files, FILES, strict=True):
        os.dup2(there, here)
        os.close(there)
    warm.move_to(cwd, dict(variable.split("=", 1) for variable in rest[int(number) :]))
    return [sys.executable, *rest[: int(number)]]


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
    command = serve(sys.argv[1])
    from tests.support import warm

    warm.run(command)
