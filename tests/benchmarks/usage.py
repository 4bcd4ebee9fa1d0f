"""Memory and processor time of processes and their children, and of the whole machine (Linux)."""

import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path

EVERY_SECONDS = 0.5
TICKS = os.sysconf("SC_CLK_TCK")


class Usage:
    """The usage of named processes at named moments, and their peak memory in between."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._processes = processes
        self._noted: dict[str, list[str]] = {name: [] for name in processes}
        self._most = dict.fromkeys(processes, 0.0)
        self._worked = {name: worked(pid) for name, pid in processes.items()}
        threading.Thread(target=self._watch, daemon=True).start()

    def note(self, moment: str) -> None:
        """Record the current usage."""
        for name, pid in self._processes.items():
            self._noted[name].append(f"{moment} {megabytes(pid):.0f}")
        self._worked = {name: worked(pid) for name, pid in self._processes.items()}

    def print_memory(self) -> None:
        """Print a line per process, in MB."""
        for name, noted in self._noted.items():
            print(f"  memory of {name}: {', '.join(noted)}, at most {self._most[name]:.0f} MB")

    def spent(self) -> dict[str, float]:
        """Return the processor time of each since the last moment, in seconds."""
        return {name: worked(pid) - self._worked[name] for name, pid in self._processes.items()}

    def print_work(self, closings: int) -> None:
        """Print the processor time since the last moment, in milliseconds per closing."""
        spent = {name: seconds * 1000 / closings for name, seconds in self.spent().items()}
        each = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in spent.items())
        print(f"  processor time for each closing: {sum(spent.values()):.0f} ms ({each})", flush=True)

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(EVERY_SECONDS):
            for name, pid in self._processes.items():
                self._most[name] = max(self._most[name], megabytes(pid))


class Machine:
    """How busy all processors of this machine are from now on."""

    def __init__(self) -> None:
        self._begun, self._worked = time.monotonic(), _worked_by_all()

    def busy(self) -> float:
        """Return the share of their time that was worked since then, in per cent."""
        passed = (time.monotonic() - self._begun) * (os.cpu_count() or 1)
        return 100 * (_worked_by_all() - self._worked) / passed


def _worked_by_all() -> float:
    """Return the seconds that all processors have worked: for users, nice or not, and for the kernel."""
    user, nice, system, _, _, interrupts, others, *_ = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    return (user + nice + system + interrupts + others) / TICKS


def megabytes(pid: int) -> float:
    """Return the resident memory; zero for a process that has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    kilobytes = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
    return sum(kilobytes) / 1024


def worked(pid: int) -> float:
    """Return the seconds of a process and its living descendants; zero for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS + sum(worked(int(child)) for child in children)
