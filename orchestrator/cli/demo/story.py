"""The course of the demo, only through the HTTP API."""

import asyncio
import itertools
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx

from orchestrator.cli.demo.stack import Stack
from orchestrator.cli.show.ending import is_over
from orchestrator.sandbox.people.crowd import Crowd
from schemas.responses import BreakoutResponse, MeetingResponse

NAMES = [
    *("Ada", "Alan", "Barbara", "Claude", "Donald", "Edsger", "Frances", "Grace", "Hedy"),
    *("John", "Katherine", "Linus", "Margaret", "Niklaus", "Radia", "Sophie", "Tim", "Vint"),
]
VISITOR = {"custom_participant_id": "you", "name": "You"}
ROOMS = 4
GATHER_SECONDS = 90.0
SPARE_SECONDS = 60.0
"""How long opening, returning and uploading may take together before the demo fails."""
POLL_SECONDS = 0.2


class Story:
    """A meeting with its people, and one breakout; use it as an `async with` block."""

    def __init__(self, stack: Stack, *, open_seconds: int, countdown_seconds: int) -> None:
        self.stack, self._open, self._countdown = stack, open_seconds, countdown_seconds
        bearer = {"Authorization": f"Bearer {stack.key}"}
        self._api = httpx.AsyncClient(base_url=stack.api, headers=bearer, timeout=20, trust_env=False)
        self._sandbox = httpx.AsyncClient(base_url=stack.sandbox, timeout=20, trust_env=False)
        self.crowd = Crowd(stack.api, stack.sandbox)
        self.meeting: MeetingResponse

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let everybody hang up."""
        await self.crowd.stop()
        await self._api.aclose()
        await self._sandbox.aclose()

    async def gather(self) -> None:
        """Create a meeting and let all people join it."""
        people = [{"custom_participant_id": name.lower(), "name": name} for name in NAMES]
        answer = await self._post("/v1/meetings", {"title": "Town hall", "participants": people})
        self.meeting = MeetingResponse.model_validate(answer)
        tokens = {name.lower(): await self._client_token(name.lower()) for name in NAMES}
        await self.crowd.add(tokens)
        await self.crowd.settle(GATHER_SECONDS)

    async def invite(self) -> None:
        """Register the visitor, who may come at any time."""
        await self._post(f"/v1/meetings/{self.meeting.id}/participants", {"participants": [VISITOR]})

    def visitors_token(self) -> str:
        """Make a client token for the visitor, from any thread."""
        path = f"{self.stack.api}/v1/meetings/{self.meeting.id}/participants/you/client-tokens"
        headers = {"Authorization": f"Bearer {self.stack.key}"}
        return str(httpx.post(path, headers=headers, timeout=20, trust_env=False).raise_for_status().json()["token"])

    async def until_visitor(self, *, there: bool) -> None:
        """Wait until the visitor is in the main meeting, or until they are not."""
        for _ in itertools.count():
            answer = await self._api.get(f"/v1/meetings/{self.meeting.id}/participants?limit=200")
            people = answer.raise_for_status().json()["items"]
            if there is any(it["custom_participant_id"] == "you" and it["location"] == "main" for it in people):
                return
            await asyncio.sleep(POLL_SECONDS)

    async def split(self, name: str = "Round 1") -> BreakoutResponse:
        """Create a breakout and start it."""
        request = {
            "name": name,
            "rooms": ROOMS,
            "duration_seconds": self._open,
            "countdown_seconds": self._countdown,
            "warn_before_seconds": [10],
            "record": True,
            "start": "now",
        }
        answer = await self._post(f"/v1/meetings/{self.meeting.id}/breakouts", request)
        return BreakoutResponse.model_validate(answer)

    async def follow(self, breakout_id: str, show: Callable[[BreakoutResponse], None]) -> BreakoutResponse:
        """Read the breakout until it is over and its recordings are final, or SPARE_SECONDS later than planned."""
        give_up = time.monotonic() + self._open + self._countdown + SPARE_SECONDS
        while True:
            breakout = await self.breakout(breakout_id)
            show(breakout)
            if is_over(breakout, uploads=True) or time.monotonic() > give_up:
                return breakout
            await asyncio.sleep(POLL_SECONDS)

    async def breakout(self, breakout_id: str) -> BreakoutResponse:
        """Read the breakout."""
        answer = await self._api.get(f"/v1/breakouts/{breakout_id}")
        return BreakoutResponse.model_validate(answer.raise_for_status().json())

    async def realtimekit_state(self) -> dict[str, Any]:
        """Read the whole state of the sandbox."""
        state: dict[str, Any] = (await self._sandbox.get("/_sandbox/state")).raise_for_status().json()
        return state

    async def calls(self) -> int:
        """Return how many calls the sandbox has answered."""
        counts: dict[str, int] = (await self._sandbox.get("/_sandbox/calls")).raise_for_status().json()["counts"]
        return sum(counts.values())

    async def _client_token(self, person: str) -> str:
        path = f"/v1/meetings/{self.meeting.id}/participants/{person}/client-tokens"
        return str((await self._post(path, {}))["token"])

    async def _post(self, path: str, body: dict[str, Any]) -> Any:
        answer = await self._api.post(path, json=body)
        return answer.raise_for_status().json()
