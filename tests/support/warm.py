"""Starts of our commands that cost no imports: a server that has imported everything forks a process for each.

A cold `python -m celery … worker` computes for two seconds before it does anything, and tests start hundreds of our
commands. So each test process has one server (`python -m tests.support.warm`), started at the first need. It has
imported what our commands import but none of what reads the environment at import (`workers`), has no other thread, and
forks for each command. The new process is nobody's copy in anything that a test could see: it has a session, a
directory, an environment, an output, signals, an exit code and an end of its own, and it is a child of the test
process. Only its imports were made before, and /proc shows the server's command line.

Whatever tests a start as such starts cold, by `cold=True` or `cold_processes`. Everything does under `make coverage`,
where Python isn't Linux's, and with a PYTHONPATH of one's own.
"""

import atexit
import ctypes
import gc
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

from orchestrator.runtime.guard import PR_SET_PDEATHSIG, guarded

ROOT = Path(__file__).resolve().parents[2]
PR_SET_CHILD_SUBREAPER = 36  # from linux/prctl.h
MOST_BYTES = 200_000
"""Of one request; Linux takes a little more at once."""
PACKAGES = ("orchestrator", "schemas")
"""Imported with all that is in them, but for what only runs under Alembic."""
MIGRATIONS = "schemas.migrations"
OTHERS = (
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.events.state",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""Modules that our commands import late."""


class Forked:
    """What subprocess.Popen is, for a process that the server has forked."""

    def __init__(self, command: Sequence[str], pid: int) -> None:
        self.args = list(command)
        self.pid = pid
        self.returncode: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        with self._lock:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode

    def wait(self, timeout: float = float("inf")) -> int:
        """Wait for its exit code. Raises subprocess.TimeoutExpired."""
        end, pause = time.monotonic() + timeout, 0.001
        while (code := self.poll()) is None:
            if time.monotonic() >= end:
                raise subprocess.TimeoutExpired(self.args, timeout)
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def takes(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether the server can start this command with this change of the environment."""
    if not sys.platform.startswith("linux") or "COVERAGE_PROCESS_CONFIG" in os.environ or "PYTHONPATH" in env:
        return False
    return list(command[:2]) == [sys.executable, "-m"]


def fork(command: Sequence[str], log: IO[bytes], env: Mapping[str, str], cwd: Path) -> Forked:
    """Start a command with exactly this environment; `log` gets its output. From the main thread, as any process."""
    server = _server(os.getpid())
    asked = {"command": list(command), "env": dict(env), "cwd": str(cwd), "ignored": ignored_signals()}
    request = json.dumps(asked).encode()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)  # an orphan becomes a child of this process
    try:
        socket.send_fds(server, [request], [log.fileno()])
        answer = server.recv(MOST_BYTES)
    finally:
        _prctl(PR_SET_CHILD_SUBREAPER, 0)
    assert answer, "the server of warm starts has died"
    return Forked(command, int(answer))


@cache
def _server(_of: int) -> socket.socket:
    """Start the server of this process, which dies with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-m", "tests.support.warm", str(theirs.fileno()), str(os.getpid())]
    env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
    with theirs:
        process = subprocess.Popen(
            guarded(command),
            env=env,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def main(descriptor: str, parent: str) -> None:
    """Serve; in a process that was forked, run its command."""
    _import_everything()
    with socket.socket(fileno=int(descriptor)) as connection:
        command = _serve(connection, int(parent))
    run(command)


def _import_everything() -> None:
    usual = gc.get_threshold()
    gc.disable()
    for name in [*OTHERS, *(name for package in PACKAGES for name in _modules(package))]:
        import_module(name)
    gc.set_threshold(*usual)
    gc.enable()
    gc.collect()
    gc.freeze()  # a collection in a child would copy every page
    assert threading.active_count() == 1, "a thread does not survive a fork"


def _modules(package: str) -> list[str]:
    paths = import_module(package).__path__
    names = [found.name for found in pkgutil.walk_packages(paths, f"{package}.") if not found.name.endswith("__main__")]
    return [name for name in names if not name.startswith(MIGRATIONS)]


def _serve(connection: socket.socket, parent: int) -> list[str]:
    """Fork for each request. Returns only in a process that was forked: its command."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(connection, MOST_BYTES, 1)
        if not message:
            os._exit(0)
        if (between := os.fork()) == 0:
            if os.fork():
                os._exit(0)  # the new process is an orphan now
            request = json.loads(message)
            _become(request, descriptors[0], parent)
            connection.send(str(os.getpid()).encode())
            command: list[str] = request["command"]
            return command
        os.close(descriptors[0])
        os.waitpid(between, 0)


def _become(request: dict[str, Any], log: int, parent: int) -> None:
    """Turn this copy of the server into a process as a start makes it, and a child of the test process."""
    while os.getppid() != parent:  # the process between is about to end
        time.sleep(0.001)
    die_with(parent)
    os.setsid()
    for number in (1, 2):
        os.dup2(log, number)
    os.close(log)
    ignore_signals(request["ignored"])
    move_to(request["cwd"], request["env"])


def die_with(parent: int) -> None:
    """Let the kernel kill this process when its parent dies."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        os._exit(1)


def ignored_signals() -> list[int]:
    """Return the signals that this process ignores, and with it those that it starts."""
    return [int(number) for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN]


def ignore_signals(numbers: Sequence[int]) -> None:
    """Ignore exactly these signals, as Python does from its start on."""
    for number in {*numbers} ^ {*ignored_signals()}:
        usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in numbers else usual)


def move_to(cwd: str, env: Mapping[str, str]) -> None:
    """Take another directory, and exactly this environment."""
    os.chdir(cwd)
    sys.path[0] = cwd
    os.environ.clear()
    os.environ.update(env)
    time.tzset()


def run(command: list[str]) -> None:
    """Do what `python -m MODULE …` does, and what that is replaced by."""
    os.execv = _replace
    while True:
        try:
            _run(command)
        except _Replaced as replaced:
            command = replaced.command
        except SystemExit as ended:
            if not isinstance(ended.code, int | None):
                raise
            _end(ended.code or 0)
        else:
            _end(0)


def _end(code: int) -> NoReturn:
    """End as Python does, but leave out that it takes all modules to pieces, for which memory would be copied."""
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code % 256)


def _run(command: list[str]) -> None:
    _, _, module, *arguments = command
    sys.argv[:] = [module, *arguments]
    if not hasattr(sys.modules.get(module), "__path__"):
        sys.modules.pop(module, None)  # it runs as `__main__`, and not as what was imported
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class _Replaced(BaseException):
    """This process goes on as another of our commands."""

    def __init__(self, command: list[str]) -> None:
        self.command = command


def _replace(_path: Any, command: Any) -> NoReturn:
    """Stand in for os.execv: another module runs in this process, which a new interpreter would import anew."""
    raise _Replaced(list(command))


def _prctl(option: int, value: int) -> None:
    """Ask the kernel, by prctl(2). Raises OSError."""
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


if __name__ == "__main__":
    main(*sys.argv[1:])
