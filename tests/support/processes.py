"""Our commands as real processes: started with an environment, watched, stopped, killed."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from orchestrator.runtime.guard import guarded
from tests.support import warm
from tests.support.waiting import LONG, wait_until

ROOT = Path(__file__).resolve().parents[2]
BREAKOUTS = [sys.executable, "-m", "orchestrator.cli"]
CELERY = [sys.executable, "-m", "celery", "-A", "workers.app"]


def lives(pid: int) -> bool:
    """Whether a process runs; on Linux, a zombie does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False  # the kernel says so of a file of /proc, too, whose process ends while it is read
    except FileNotFoundError:
        return not Path("/proc/self").exists()


class Process:
    """A running command; `output` is everything that it prints.

    It dies with the test run, however that ends. On Linux it also dies with the thread that started it, so start it
    from the main thread. Started `warmly`, a module of ours spares its imports, where that is possible.
    """

    popen: subprocess.Popen[bytes] | warm.Forked

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        env: Mapping[str, str],
        *,
        cwd: Path = ROOT,
        watch: bool = False,
        warmly: bool = False,
    ) -> None:
        self.command = list(command)
        self.log = log
        with log.open("ab") as file:
            if warmly and warm.takes(command, env):
                self.popen = warm.fork(command, file, {**clean_environment(), **env}, cwd)
                return
            self.popen = subprocess.Popen(
                guarded(self.command, watch=watch),
                env={**clean_environment(), **env},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id of the command itself."""
        return self.popen.pid

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.popen.poll() is None

    def wait_for_text(self, text: str, deadline: float = LONG) -> None:
        """Wait until it has printed `text`; fail at once if it ends first."""
        self._wait(lambda: text in self.output, deadline, f"{text!r} in the output")

    def wait_for_url(self, url: str, deadline: float = LONG) -> None:
        """Wait until a GET of `url` is answered 2xx; fail at once if the process ends first."""
        self._wait(lambda: _answers(url), deadline, f"an answer of {url}")

    def _wait(self, condition: Callable[[], bool], deadline: float, what: str) -> None:
        try:
            wait_until(lambda: condition() or not self.alive, deadline, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output}") from None
        assert condition(), f"{self.command} ended with {self.popen.poll()} before {what}\n{self.output}"

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self.popen.send_signal(number)

    def wait(self, deadline: float = LONG) -> int:
        """Wait for its exit code. Raises AssertionError after `deadline` seconds."""
        try:
            return self.popen.wait(deadline)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} still runs after {deadline:g} s\n{self.output}") from None

    def stop(self, deadline: float = LONG) -> int:
        """Send SIGTERM and return the exit code."""
        self.send(signal.SIGTERM)
        return self.wait(deadline)

    def limit_files(self, size: int | None = None) -> None:
        """Limit the size of its files in bytes, as on a full disk; None removes the limit. Linux only."""
        limit = resource.RLIM_INFINITY if size is None else size
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def kill(self) -> None:
        """Kill it by SIGKILL, and wait until it is gone."""
        self.popen.kill()
        self.popen.wait()


class Processes:
    """Starts processes with their logs in one folder, and kills those that are left.

    Its starts are warm (tests/support/warm.py), unless the start itself is what is tested.
    """

    def __init__(self, folder: Path, *, cold: bool = False) -> None:
        self._folder = folder
        self._cold = cold
        self._started: list[Process] = []

    def start(self, command: Sequence[str], env: Mapping[str, str], *, cwd: Path = ROOT) -> Process:
        """Start any command."""
        log = self._folder / f"process-{len(self._started)}.log"
        process = Process(command, log, env, cwd=cwd, warmly=not self._cold)
        self._started.append(process)
        return process

    def breakouts(self, *arguments: str, env: Mapping[str, str], cwd: Path = ROOT) -> Process:
        """Start `breakouts …`."""
        return self.start([*BREAKOUTS, *arguments], env, cwd=cwd)

    def worker(self, *arguments: str, env: Mapping[str, str]) -> Process:
        """Start `breakouts worker …` and wait until it takes tasks."""
        process = self.breakouts("worker", *arguments, env=env)
        process.wait_for_text(" ready.")
        return process

    @property
    def started(self) -> list[Process]:
        """All processes that were ever started."""
        return list(self._started)

    def kill_all(self) -> None:
        """Kill all that still run, under `make coverage` after they could write down which lines they ran."""
        if "COVERAGE_PROCESS_CONFIG" in os.environ:
            self._stop_all()
        for process in reversed(self._started):
            process.kill()

    def _stop_all(self) -> None:
        for process in self._started:
            process.send(signal.SIGTERM)
        for process in self._started:
            with suppress(AssertionError):
                process.wait()


@contextmanager
def processes_in(folder: Path, *, cold: bool = False) -> Iterator[Processes]:
    """Kill all processes at the end of the block."""
    processes = Processes(folder, cold=cold)
    try:
        yield processes
    finally:
        processes.kill_all()


def clean_environment() -> dict[str, str]:
    """Return this environment without our settings, so that a developer's own can't influence a test."""
    prefixes = ("REALTIMEKIT_", "FLOWER_", "BREAKOUTS_", "CELERY_", "METRICS_", "LOG_")
    names = {"DATABASE_URL", "BROKER_URL", "API_KEYS", "SECRET_KEY", "HOST", "PORT", "PUBLIC_URL", "CORS_ORIGINS"}
    kept = {key: value for key, value in os.environ.items() if not key.startswith(prefixes) and key not in names}
    return kept | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2.0, trust_env=False, verify=False).is_success  # loads no certificates
    except httpx.HTTPError:
        return False
