"""Start a command that never outlives its parent, even if the parent is killed by SIGKILL.

This module is run as a file (`python guard.py [--watch] PARENT_PID COMMAND…`) and imports nothing of ours, so that it
starts in milliseconds. On Linux the kernel guards: this process asks to be killed when its parent dies, and then the
command replaces it. Elsewhere, or with --watch, this process stays, forwards signals, and polls its parent.
"""

import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
PARENT_POLL_SECONDS = 0.5
STOP_SECONDS = 5.0
FORWARDED_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def guarded(command: list[str], *, watch: bool = False) -> list[str]:
    """Put a command under a guard. Start it from the main thread, because Linux watches the thread that forked.

    `watch` keeps a process between the two, for a command that changes its user, which the kernel can't guard.
    """
    mode = ["--watch"] if watch else []
    return [sys.executable, "-I", "-S", __file__, *mode, str(os.getpid()), *command]


def main(arguments: list[str]) -> int:
    """Guard the command. Returns its exit code, unless the command has replaced this process."""
    watch = arguments[0] == "--watch"
    parent, *command = arguments[1:] if watch else arguments
    if sys.platform.startswith("linux") and not watch:
        _become(int(parent), command)
    return _watch(int(parent), command)


def _become(parent: int, command: list[str]) -> NoReturn:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent died before the kernel was asked
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted: the command is ours, word by word


def _watch(parent: int, command: list[str]) -> int:
    child = subprocess.Popen(command)  # noqa: S603 - the command is ours, word by word

    def forward(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    for number in FORWARDED_SIGNALS:
        signal.signal(number, forward)
    while os.getppid() == parent:
        try:
            return _as_shell(child.wait(PARENT_POLL_SECONDS))
        except subprocess.TimeoutExpired:
            continue
    return _end(child)


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return _as_shell(child.wait(STOP_SECONDS))
    except subprocess.TimeoutExpired:
        child.kill()
        return _as_shell(child.wait())


def _as_shell(code: int) -> int:
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
