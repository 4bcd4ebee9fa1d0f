"""Delivering to one endpoint: a task starts it, and it goes on on a loop, so that it keeps no thread of the worker.

However slowly an endpoint answers, it takes a few coroutines and nothing else, because other endpoints are other rows.
What was sent is recorded soon, and what was not recorded is sent again under the same id.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import aiohttp
from sqlalchemy import select
from sqlmodel import col

from orchestrator import metrics
from orchestrator.errors import LeaseLost, Stopping
from orchestrator.log import logger
from orchestrator.outside.post import ANSWER_SECONDS
from orchestrator.outside.targets import Refused
from orchestrator.runtime.clock import elapsed
from orchestrator.services.deps import Deps
from orchestrator.services.passes.leased import release_for_retry
from orchestrator.services.result import NOTHING_TO_DO, Result
from orchestrator.services.webhooks import signing
from orchestrator.services.webhooks.lines import Line, Outcome, Work, go_on
from orchestrator.store import due
from orchestrator.store.leases import Lease
from orchestrator.store.trouble import DATABASE_TROUBLE
from schemas.tables import Endpoint
from schemas.tasks import Task

log = logger(__name__)

LINES = 8
"""Lines of one endpoint that are sent at the same time: calls to one server are bounded."""
RECORD_AFTER_SECONDS = 0.25
"""What was sent is recorded after so long at the latest, once the present call has ended."""
GATHER_SECONDS = 0.05
"""How long what has ended waits for what ends soon, because all of it is recorded in one transaction."""
LOOK_SECONDS = 1.0
"""How often a pass looks for further lines while it waits for answers."""
SPARE_SECONDS = 3.0
STALE_AFTER_SECONDS = 0.5
"""How old what is sent may be: by then it may have been deleted, or somebody erased, so it is read again."""
SOMEBODY = "somebody"
"""The holder of an endpoint that was deleted, as far as anybody can tell."""


def deliver(deps: Deps, row_id: str, claim: int) -> Result:
    """Begin to send what an endpoint is to hear. This is the task of an endpoint."""
    begun = elapsed()
    with deps.database.transaction() as tx:
        started = due.start_all(tx, Endpoint, [(row_id, claim)], holder=deps.holder, lease=deps.leases.lease)
    if row_id not in started:
        return NOTHING_TO_DO
    deps.post.start(_pass(deps, started[row_id], begun))
    return Result("is being sent")


@contextmanager
def silence_after(deps: Deps) -> Iterator[None]:
    """Delete, erase or disable in the block what callers must not hear any more.

    It ends when nothing is sent any more that was read before, so that the answer to the caller is true. A pass holds
    its endpoint while it sends; of one that was deleted nobody can tell.
    """
    before = _holders(deps)
    yield
    after = _holders(deps)
    if any(after.get(row_id, SOMEBODY) is not None for row_id in before):
        time.sleep(STALE_AFTER_SECONDS)


def _holders(deps: Deps) -> dict[str, str | None]:
    with deps.database.glancing() as session:
        return dict(session.execute(select(col(Endpoint.id), col(Endpoint.holder))).all())


async def _pass(deps: Deps, claim: due.Claim, begun: float) -> None:
    """Send until nothing is left to send now. The row is released whatever happens, or its lease ends."""
    try:
        with deps.leases.hold(claim, begun) as lease:
            async with deps.post.connections() as session:
                await _Pass(deps, lease, session).run()
    except LeaseLost:
        metrics.LEASES_LOST.labels(Task.WEBHOOK_DELIVER.value).inc()
    except DATABASE_TROUBLE as error:
        log.warning("deliveries could not be recorded", error=type(error).__name__)
        deps.leases.give_back_later(claim)
    except Exception:
        log.exception("deliveries failed", endpoint_id=claim.row_id)
        await deps.post.aside(_give_back, deps, claim)


def _give_back(deps: Deps, claim: due.Claim) -> None:
    with deps.database.transaction() as tx:
        release_for_retry(tx, claim, None)


class _Pass:
    """One pass over an endpoint."""

    def __init__(self, deps: Deps, lease: Lease, session: aiohttp.ClientSession) -> None:
        self._deps = deps
        self._lease = lease
        self._session = session
        self._running: dict[asyncio.Task[list[Outcome]], str] = {}
        self._ends = False

    async def run(self) -> None:
        """Send lines side by side, and record what came of them, until nothing is left."""
        try:
            await self._go_on()
        finally:
            for task in self._running:
                task.cancel()

    async def _go_on(self) -> None:
        outcomes: list[Outcome] = []
        while True:
            self._ends = self._ends or elapsed() > self._lease.deadline - ANSWER_SECONDS - SPARE_SECONDS
            room = 0 if self._ends else LINES - len(self._running)
            busy = list(self._running.values())
            work = await self._deps.post.aside(go_on, self._deps, self._lease.claim, outcomes, busy, room)
            if work.is_over:
                return
            for line in work.lines:
                self._running[asyncio.create_task(self._send(work, line))] = line.key
            outcomes = await self._wait()

    async def _wait(self) -> list[Outcome]:
        done, others = await asyncio.wait(self._running, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if done and others:
            done |= (await asyncio.wait(others, timeout=GATHER_SECONDS))[0]
        found: list[Outcome] = []
        for task in done:
            del self._running[task]
            found += task.result()
        return found

    async def _send(self, work: Work, line: Line) -> list[Outcome]:
        """Send a line until one is not taken, what was sent is to be recorded, or what is left is stale."""
        begun, found = elapsed(), list[Outcome]()
        for letter in line.letters:
            if elapsed() - work.read_at > STALE_AFTER_SECONDS or not self._may_call():
                break
            outcome = await self._call(work.url, work.secrets, letter.id, letter.body)
            found.append(outcome)
            is_taken = outcome.status is not None and 200 <= outcome.status < 300
            if not is_taken or elapsed() - begun > RECORD_AFTER_SECONDS:
                break
        return found

    def _may_call(self) -> bool:
        """Return whether this pass may still make calls. It ends once the lease does, or the process."""
        try:
            self._lease.before_call()
        except (LeaseLost, Stopping):
            self._ends = True
            return False
        return True

    async def _call(self, url: str, secrets: Sequence[str], delivery_id: str, body: str) -> Outcome:
        if not secrets:
            log.warning("no secret of an endpoint can be decrypted: rotate it", endpoint_id=self._lease.claim.row_id)
            return Outcome(delivery_id, None)
        headers = signing.headers(secrets, delivery_id, body)
        try:
            return Outcome(delivery_id, await self._deps.post.call(self._session, url, body.encode(), headers))
        except Refused:
            return Outcome(delivery_id, None, is_refused=True)
