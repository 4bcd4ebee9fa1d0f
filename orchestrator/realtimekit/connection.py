"""The connection to RealtimeKit: one loop thread on which all calls run, and how it ends."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from orchestrator.realtimekit.answers import Body
from orchestrator.realtimekit.calls import Calls, Connect, Gate, OnCall
from orchestrator.realtimekit.guard import guarded_by
from orchestrator.realtimekit.loop import Loop, LoopThread
from orchestrator.realtimekit.paging import Fetch, Pager
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.realtimekit.sdk import Request, connect
from orchestrator.settings import Settings

T = TypeVar("T")


class Connection:
    """Base of the endpoints, whose coroutines run on this object's own loop thread."""

    def __init__(
        self,
        settings: Settings,
        quota: Gate,
        on_call: OnCall | None = None,
        *,
        loop: Loop | None = None,
        connect: Connect = connect,
    ) -> None:
        self._app: dict[str, Any] = {
            "account_id": settings.realtimekit_account_id,
            "app_id": settings.realtimekit_app_id,
        }
        self._quota = quota
        self._call = Calls(settings, quota, on_call, connect)
        self._loop = loop or LoopThread("realtimekit")
        self._pager = Pager()
        self.settle_seconds = settings.search_settle_seconds
        """How long RealtimeKit may take to show what was made (undocumented)."""

    def run(self, coroutine: Coroutine[Any, Any, T], before_send: Callable[[], None] | None = None) -> T:
        """Wait for the result of `coroutine`, in any thread but the loop's own.

        `before_send` runs on the loop's thread before each call takes quota, once that is granted, and when the call
        has a connection and goes out. An error that it raises holds the call back: work under a lease checks there that
        the lease still lasts.
        """
        with guarded_by(before_send):
            return self._loop.run(coroutine)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `coroutine`; another event loop awaits the future through `asyncio.wrap_future`."""
        return self._loop.submit(coroutine)

    def close(self) -> None:
        """Cancel the calls that are still out (OutcomeUnknown) and end the loop's thread, for good."""
        self._loop.close(last=self._close)

    def has_answered_since(self, moment: float) -> bool:
        """Whether any call of this process was answered with a success or a 404 since then, by elapsed()."""
        return self._call.answered_at >= moment

    async def calls_in_window(self) -> int:
        """Return how many calls are in the quota's window now; raises RedisError or OSError."""
        return await self._quota.used()

    async def _all(
        self,
        operation: str,
        priority: Priority,
        request: Callable[[Mapping[str, Any]], Request],
        *subject: str,
        path: Sequence[str] = ("data",),
    ) -> list[dict[str, Any]]:
        """Return every item of a paged list; each page is a call of its own."""
        return await self._pager.all(operation, self._pages(operation, priority, request, *subject), *path)

    def _pages(
        self, operation: str, priority: Priority, request: Callable[[Mapping[str, Any]], Request], *subject: str
    ) -> Fetch:
        """Return what fetches one page of a list. `request` takes the parameters that name the page."""

        async def fetch(page: Mapping[str, Any]) -> Body:
            return await self._call(operation, priority, request(page), *subject, page["page_no"])

        return fetch

    async def _close(self) -> None:
        await self._call.close()
        await self._quota.close()
