"""How RealtimeKit is reached: one loop thread, one way for every call, and how both end."""

from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from orchestrator.realtimekit.answers import Answer, listing
from orchestrator.realtimekit.calls import Calls, OnCall, Request, checking
from orchestrator.realtimekit.loop import LoopThread
from orchestrator.realtimekit.paging import TINY_PAGE, all_pages
from orchestrator.realtimekit.quota.gate import Quota
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.settings import Settings

T = TypeVar("T")


class Connection:
    """What the endpoints stand on; their coroutines run on this object's own loop thread."""

    def __init__(self, settings: Settings, quota: Quota, on_call: OnCall | None = None) -> None:
        self._app: dict[str, Any] = {
            "account_id": settings.realtimekit_account_id,
            "app_id": settings.realtimekit_app_id,
        }
        self._quota = quota
        self._call = Calls(settings, quota, on_call)
        self._loop = LoopThread("realtimekit")
        self._longest_page: dict[str, int] = {}
        """By operation: the most items that a page ever held."""

    def run(self, coroutine: Coroutine[Any, Any, T], before_send: Callable[[], None] | None = None) -> T:
        """Wait, in any thread but the loop's own, for what `coroutine` gives.

        `before_send` is called on the loop's thread before each of its calls takes of the quota, and again before it
        goes out, after all queueing: what it raises holds the call back. Whoever works under a lease checks there that
        the lease still lasts.
        """
        with checking(before_send):
            return self._loop.run(coroutine)

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin `coroutine`; another event loop awaits it through `asyncio.wrap_future`."""
        return self._loop.submit(coroutine)

    def close(self) -> None:
        """Cancel calls still out (their outcome is unknown) and end the loop's thread, for good."""
        self._loop.close(last=self._close)

    def has_answered_since(self, monotonic: float) -> bool:
        """Whether RealtimeKit has answered any call of this process since then."""
        return self._call.answered_at >= monotonic

    async def calls_in_window(self) -> int:
        """How many calls the quota has let go out of late; raises RedisError or OSError."""
        return await self._quota.used()

    async def _all(
        self,
        operation: str,
        priority: Priority,
        request: Callable[[int], Request],
        *what: str,
        path: Sequence[str] = ("data",),
    ) -> list[dict[str, Any]]:
        """Every item of a paged list; each page is a call of its own."""

        async def fetch(page: int) -> Answer:
            answer = await self._call(operation, priority, request(page), *what, page)
            self._longest_page[operation] = max(self._longest_page.get(operation, 0), len(listing(answer, *path)))
            return answer

        return await all_pages(fetch, *path, capped_at=max(TINY_PAGE, self._longest_page.get(operation, 0)))

    async def _close(self) -> None:
        await self._call.close()
        await self._quota.close()
