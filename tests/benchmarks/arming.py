"""Thousands of open breakouts, copied row by row from one that the system itself has opened.

A copy differs from the original only in ids, keys, RealtimeKit's ids and its closing time. Its states, tokens, seats,
presence, log and timers are those of a breakout whose people are in their rooms and whose webhooks arrive. The copies
that close have meetings of their own at the sandbox, with nobody in them. So nobody returns from them: their rooms are
emptied after the grace, and their people count as lost after a second one.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import aiohttp
from sqlalchemy import Connection, text

from tests.support.copies import Original, copy_breakout
from tests.support.databases import engine_of
from tests.support.stack import Stack
from tests.support.waiting import wait_until

POLL_AT = "statement_timestamp() + interval '1 hour'"
"""The next poll of a meeting with webhooks; polling ten thousand meetings takes longer than the usual interval."""
ROOMS, PEOPLE, IN_FLIGHT = 2, 4, 50
OPEN_FOR_SECONDS = 4 * 3600


def open_original(stack: Stack) -> Original:
    """Open a breakout, and let its people join their rooms and stay there."""
    meeting = stack.meeting(PEOPLE)
    stack.people(meeting, [f"p{number}" for number in range(PEOPLE)])
    made = stack.breakout(
        meeting, rooms=ROOMS, duration_seconds=OPEN_FOR_SECONDS, countdown_seconds=0, warn_before_seconds=[]
    )
    stack.wait(made["id"], "open", 60, lambda found: found["progress"]["participants"]["joined"] == PEOPLE)
    original = Original(meeting, made["id"])
    wait_until(lambda: _is_at_rest(stack, original), 60, every=0.1, what="nothing left to do for the original")
    return original


def _is_at_rest(stack: Stack, original: Original) -> bool:
    """Whether no row of it is held or due within a minute, and everybody has a token for the return."""
    soon = "due_at < statement_timestamp() + interval '1 minute'"
    busy = f"holder IS NOT NULL OR dispatches > 0 OR {soon}"
    statement = f"""SELECT
        EXISTS (SELECT FROM meeting WHERE id = :meeting AND (holder IS NOT NULL OR dispatches > 0))
        OR EXISTS (SELECT FROM inbox WHERE id = :meeting AND due_at IS NOT NULL)
        OR EXISTS (SELECT FROM breakout WHERE id = :breakout AND due_at IS DISTINCT FROM closes_at)
        OR EXISTS (SELECT FROM room WHERE breakout_id = :breakout AND ({busy}))
        OR EXISTS (SELECT FROM participant WHERE meeting_id = :meeting AND auth_token IS NULL)"""
    with _database(stack) as connection:
        whose = {"meeting": original.meeting_id, "breakout": original.breakout_id}
        return not connection.execute(text(statement), whose).scalar_one()


def arm(stack: Stack, original: Original, armed: int, closing: int) -> None:
    """Add copies that close hours from now; the first `closing` of them have meetings at the sandbox."""
    meetings = asyncio.run(_meetings(stack, closing * (1 + ROOMS)))
    with _database(stack) as connection:
        each = [meetings[number : number + 1 + ROOMS] for number in range(0, len(meetings), 1 + ROOMS)]
        polled = f"UPDATE meeting SET poll_at = {POLL_AT}, due_at = {POLL_AT} WHERE id = :id"
        connection.execute(text(polled), {"id": original.meeting_id})
        copy_breakout(connection, original, armed, each)


def set_timers(stack: Stack, breakout_ids: Sequence[str], seconds: Sequence[float]) -> None:
    """Let these copies close so many seconds from now."""
    statement = text(
        "UPDATE breakout SET closes_at = at, due_at = at FROM (SELECT unnest(CAST(:ids AS text[])) AS id,"
        " statement_timestamp() + make_interval(secs => unnest(CAST(:seconds AS float[]))) AS at) timer"
        " WHERE breakout.id = timer.id"
    )
    with _database(stack) as connection:
        connection.execute(statement, {"ids": list(breakout_ids), "seconds": list(seconds)})


@contextmanager
def _database(stack: Stack) -> Iterator[Connection]:
    """Open a connection that commits at the end."""
    engine = engine_of(stack.environment["DATABASE_URL"])
    with engine.begin() as connection:
        yield connection
    engine.dispose()


async def _meetings(stack: Stack, number: int) -> list[str]:
    """Create meetings at the sandbox, and return their ids."""
    url = f"{stack.sandbox.base_url}/accounts/{stack.sandbox.account_id}/realtime/kit/{stack.sandbox.app_id}/meetings"
    headers = {"Authorization": f"Bearer {stack.sandbox.api_token}"}
    gate = asyncio.Semaphore(IN_FLIGHT)
    async with aiohttp.ClientSession(headers=headers) as http:

        async def create() -> str:
            async with gate, http.post(url, json={"title": "Room"}) as answer:
                return str((await answer.json())["data"]["id"])

        return list(await asyncio.gather(*(create() for _ in range(number))))
