"""Start a command that never outlives its parent, even one that was killed with -9.

Run as a file (`python guard.py [--watch] PARENT_PID COMMAND…`), so that it starts in milliseconds and imports nothing
of ours. On Linux the kernel does it: the command replaces this process after asking to be killed when its parent dies.
Elsewhere, or with --watch, this process stays, passes signals on, and looks every half second whether its parent lives.
"""

import ctypes
import os
import signal
import subprocess
import sys
from types import FrameType
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
LOOK_EVERY_SECONDS = 0.5
PATIENCE_SECONDS = 5.0
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def guarded(command: list[str], *, watch: bool = False) -> list[str]:
    """The same command under a guard; start it from the main thread (Linux looks at the thread that forked).

    `watch` keeps a process of ours between, for a command that the kernel can't guard: one that changes its user.
    """
    mode = ["--watch"] if watch else []
    return [sys.executable, "-I", "-S", __file__, *mode, str(os.getpid()), *command]


def main(arguments: list[str]) -> int:
    """Guard the command; returns its exit code where this process stays."""
    watch = arguments[0] == "--watch"
    parent, *command = arguments[1:] if watch else arguments
    if sys.platform.startswith("linux") and not watch:
        _become(int(parent), command)
    return _watch(int(parent), command)


def _become(parent: int, command: list[str]) -> NoReturn:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the kernel was asked
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted: the command is ours, word by word


def _watch(parent: int, command: list[str]) -> int:
    child = subprocess.Popen(command)  # noqa: S603 - the command is ours, word by word

    def pass_on(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    for number in PASSED_ON:
        signal.signal(number, pass_on)
    while os.getppid() == parent:
        try:
            return _as_shell(child.wait(LOOK_EVERY_SECONDS))
        except subprocess.TimeoutExpired:
            continue
    return _end(child)


def _end(child: subprocess.Popen[bytes]) -> int:
    child.terminate()
    try:
        return _as_shell(child.wait(PATIENCE_SECONDS))
    except subprocess.TimeoutExpired:
        child.kill()
        return _as_shell(child.wait())


def _as_shell(code: int) -> int:
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
