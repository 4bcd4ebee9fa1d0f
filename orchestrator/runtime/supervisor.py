"""Several processes in one terminal: started in order, restarted when they die, stopped in order.

Each child has a session of its own, so that a Ctrl-C in the terminal reaches only the supervisor. It runs under a
guard, so that it dies with the supervisor even if that is killed.
"""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from orchestrator.errors import OrchestratorError
from orchestrator.runtime.environment import Changes, environment
from orchestrator.runtime.guard import guarded

FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 15.0
STABLE_SECONDS = 30.0
"""After a life this long, a child is again restarted after the first pause."""
READY_POLL_SECONDS = 0.05
OUTPUT_SECONDS = 1.0
"""How long the output may outlast its process, because a grandchild may hold the pipe open for ever."""

WriteLine = Callable[[str, str], None]


class StartFailed(OrchestratorError):
    """A service ended, or did not answer, before everything was up."""


@dataclass(frozen=True)
class Service:
    """A process to keep running."""

    name: str
    command: list[str]
    start: int
    """Services with a lower number are ready before this one starts."""
    stop: int
    """Services with a lower number have stopped before this one is stopped."""
    env: Changes = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    """Called in a thread until it returns True; without it a started service counts as ready."""
    ready_words: str = ""
    """Ready once it has printed a line that contains these: for a service without a port, or a long `once`."""
    once: bool = False
    """Run to its end once; later services wait for the end, or for its `ready_words`."""
    patience_seconds: float = 10.0
    """How long a clean stop may take before the process is killed."""


class Supervisor:
    """Runs services until it is stopped; `write(name, line)` receives every line that they print."""

    def __init__(self, services: list[Service], write: WriteLine, start_seconds: float = 180.0) -> None:
        self._to_start = _in_groups(services, attrgetter("start"))
        self._to_stop = _in_groups(services, attrgetter("stop"))
        self._write = write
        self._start_seconds = start_seconds
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._printed_ready: set[str] = set()
        self._all_started = False
        self._stop = asyncio.Event()
        self._kill_now = asyncio.Event()

    def stop(self) -> None:
        """Begin a clean stop; the second call kills what is left."""
        if self._stop.is_set():
            self._kill_now.set()
        self._stop.set()

    async def run(self, when_ready: Callable[[], None]) -> None:
        """Start everything, keep it running, and stop it. Raises StartFailed if it does not come up."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        stopped = asyncio.create_task(self._stop.wait())
        started = asyncio.create_task(self._start_all())
        try:
            await asyncio.wait({stopped, started}, return_when=asyncio.FIRST_COMPLETED)
            if started.done():
                started.result()
                self._all_started = True
                when_ready()
                await self._watch(stopped)
        finally:
            started.cancel()
            stopped.cancel()
            await self._stop_all()

    async def _watch(self, stopped: asyncio.Task[bool]) -> None:
        """Wait for the stop. Raises the error of a keeper, which can only be a bug of ours.

        A keeper ends without one when its service was to run once and has now done so: the others go on.
        """
        waiting = {stopped, *self._keepers.values()}
        while stopped in waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()

    async def _start_all(self) -> None:
        try:
            async with asyncio.timeout(self._start_seconds):
                for group in self._to_start:
                    for service in group:
                        self._keepers[service.name] = asyncio.create_task(self._keep(service))
                    await asyncio.gather(*(self._until_ready(service) for service in group))
        except TimeoutError:
            raise StartFailed(f"not everything answered within {self._start_seconds:g} s") from None

    async def _until_ready(self, service: Service) -> None:
        keeper = self._keepers[service.name]
        while not keeper.done():
            if service.name in self._running and await self._is_ready(service):
                return
            await asyncio.wait({keeper}, timeout=READY_POLL_SECONDS)
        keeper.result()

    async def _is_ready(self, service: Service) -> bool:
        if (service.ready_words or service.once) and service.name not in self._printed_ready:
            return False
        return service.ready is None or await asyncio.to_thread(service.ready)

    async def _keep(self, service: Service) -> None:
        """Run one service again and again, with growing pauses between quick deaths."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            began = loop.time()
            code = await self._run_once(service)
            if self._stop.is_set() or (service.once and code == 0):
                return
            if not self._all_started:
                raise StartFailed(f"{service.name} ended with code {code} before everything was up")
            if loop.time() - began > STABLE_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._write(service.name, f"ended with code {code}; started again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(2 * pause, MAX_PAUSE_SECONDS)

    async def _run_once(self, service: Service) -> int:
        process = await asyncio.create_subprocess_exec(
            *guarded(service.command),
            env=environment({"PYTHONUNBUFFERED": "1", **service.env}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        self._running[service.name] = process
        output = asyncio.create_task(self._forward(service, process))
        try:
            code = await process.wait()
            await asyncio.wait({output}, timeout=OUTPUT_SECONDS)
            return code
        finally:
            output.cancel()
            self._running.pop(service.name, None)

    async def _forward(self, service: Service, process: asyncio.subprocess.Process) -> None:
        stream, rest = process.stdout, b""
        assert stream is not None
        while chunk := await stream.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take_line(service, line.decode(errors="replace"))
        if rest:
            self._take_line(service, rest.decode(errors="replace"))

    def _take_line(self, service: Service, line: str) -> None:
        if service.ready_words and service.ready_words in line:
            self._printed_ready.add(service.name)
        self._write(service.name, line)

    async def _stop_all(self) -> None:
        self._stop.set()
        for group in self._to_stop:
            await asyncio.gather(*(self._end(service) for service in group))

    async def _end(self, service: Service) -> None:
        keeper = self._keepers.get(service.name)
        if keeper is None:
            return
        process = self._running.get(service.name)
        if process is None:
            keeper.cancel()
        else:
            await self._end_process(service, process)
        with suppress(asyncio.CancelledError, OrchestratorError, OSError):
            await keeper

    async def _end_process(self, service: Service, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        ended = asyncio.create_task(process.wait())
        kill_asked = asyncio.create_task(self._kill_now.wait())
        await asyncio.wait({ended, kill_asked}, timeout=service.patience_seconds, return_when=asyncio.FIRST_COMPLETED)
        kill_asked.cancel()
        if not ended.done():
            self._write(service.name, "did not stop in time: killed")
            with suppress(ProcessLookupError):
                process.kill()
        await ended


def _in_groups(services: list[Service], key: Callable[[Service], int]) -> list[list[Service]]:
    return [list(group) for _, group in groupby(sorted(services, key=key), key=key)]
