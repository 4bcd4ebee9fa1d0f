"""`python -m tests.runtime.toy CASE`: a supervisor of toy services, which tests stop and kill."""

import asyncio
import sys

from orchestrator.errors import OrchestratorError
from orchestrator.runtime.supervisor import Service, Supervisor

POLITE = """
import os, signal, sys, time
def stop(*_):
    print("stopping", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("pid", os.getpid(), flush=True)
while True:
    signal.pause()
"""
SLOW = POLITE.replace("while True:", "time.sleep(0.2)\nprint('open for business', flush=True)\nwhile True:")
STUBBORN = POLITE.replace("signal.signal(signal.SIGTERM, stop)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)")

PATIENT = """
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(0))
print("pid", os.getpid(), flush=True)
print("next time", flush=True)
while True:
    signal.pause()
"""


def toy(name: str, program: str, start: int, *, once: bool = False, patience: float = 5.0, words: str = "") -> Service:
    """Make a service that runs a line of Python; services stop in reverse order."""
    command = [sys.executable, "-c", program]
    return Service(name, command, start, -start, once=once, patience_seconds=patience, ready_words=words)


CASES = {
    "polite": [toy("back", POLITE, 0), toy("front", POLITE, 2), toy("middle", POLITE, 1)],
    "stubborn": [toy("back", POLITE, 0), toy("front", STUBBORN, 1, patience=0.3)],
    "failing step": [toy("step", "import sys; print('no luck'); sys.exit(4)", 0, once=True), toy("front", POLITE, 1)],
    "late": [toy("back", SLOW, 0, words="open for business"), toy("front", POLITE, 1)],
    "patient step": [toy("step", PATIENT, 0, once=True, words="next time"), toy("front", POLITE, 1)],
    "step": [toy("step", "print('done')", 0, once=True), toy("front", POLITE, 1)],
}


def write(name: str, line: str) -> None:
    """Print a line as `breakouts up` does."""
    sys.stdout.write(f"{name} | {line}\n")
    sys.stdout.flush()


def main(case: str) -> int:
    """Run a case. Returns 2 if it could not start."""
    try:
        asyncio.run(Supervisor(CASES[case], write).run(lambda: write("toy", "everything is up")))
    except OrchestratorError as error:
        write("toy", str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
