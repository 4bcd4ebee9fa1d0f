"""The script for browsers in docs/http-api.md does what the page says, in Node.js against a server of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.docs.pages import page
from tests.sandbox.stub_api import StubApi

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="needs node")

WATCHDOG = "45000"
"""After how many milliseconds without a byte the script opens another stream."""
DRIVER = """
import { followSeat } from "./browser.mjs";
const [api, closed] = process.argv.slice(2);
const enter = async (token) => {
  console.log(token);
  if (token === closed) throw new Error("this meeting is INACTIVE");
  return { leave: async () => {} };
};
const following = followSeat({ api, token: "ann", enter });
process.stdin.on("data", () => following.putOut());
"""


class Browser:
    """A page that follows its seat; `doors` yields the tokens with which it enters meetings."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._to, self._from = process.stdin, process.stdout

    async def door(self) -> str:
        """Wait for the next meeting that it enters."""
        return (await asyncio.wait_for(self._from.readline(), 30)).decode().strip()

    def put_out(self) -> None:
        """Tell the page that RealtimeKit has put it out."""
        self._to.write(b"\n")


@asynccontextmanager
async def browser(folder: Path, api: StubApi, *, patience: str = WATCHDOG, closed: str = "") -> AsyncIterator[Browser]:
    """Run the script with another patience with silent streams; the meeting `closed` lets nobody in."""
    script = next(it.text for it in page("docs/http-api.md").blocks if it.language == "js")
    assert script.count(WATCHDOG) == 1
    (folder / "browser.mjs").write_text(script.replace(WATCHDOG, patience))
    (folder / "driver.mjs").write_text(DRIVER)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        "node", folder / "driver.mjs", api.base, closed, stdin=pipe, stdout=pipe
    )
    try:
        yield Browser(process)
    finally:
        process.kill()
        await process.wait()


def test_a_stream_that_is_silent_is_replaced(tmp_path: Path) -> None:
    async def story() -> None:
        async with StubApi() as api, browser(tmp_path, api, patience="200") as page:
            api.seat("ann", "m", "main")
            assert await page.door() == "main"
            api.seat("ann", "one", "one", "room", quietly=True)
            assert await page.door() == "one"

    asyncio.run(story())


def test_who_is_put_out_goes_where_the_seat_points_now(tmp_path: Path) -> None:
    async def story() -> None:
        async with StubApi() as api, browser(tmp_path, api) as page:
            api.seat("ann", "one", "one", "room")
            assert await page.door() == "one"
            api.seat("ann", "m", "main", quietly=True)
            page.put_out()
            assert await page.door() == "main"
            assert len(api.resumed_from) == 1

    asyncio.run(story())


def test_an_older_seat_counts_only_after_a_backup_was_restored(tmp_path: Path) -> None:
    async def story() -> None:
        async with StubApi() as api, browser(tmp_path, api) as page:
            api.seat("ann", "m", "main")
            assert await page.door() == "main"
            older = api.seat("ann", "one", "one", "room")
            assert await page.door() == "one"
            api.seat("ann", "two", "two", "room")
            assert await page.door() == "two"
            api.send("ann", "seat", {"version": older, "realtimekit_meeting_id": "one", "auth_token": "one"})
            api.restore_backup("ann", "m", "main")
            assert await page.door() == "main"

    asyncio.run(story())


def test_nobody_stays_at_the_door_of_a_retired_room(tmp_path: Path) -> None:
    async def story() -> None:
        async with StubApi() as api, browser(tmp_path, api, closed="one") as page:
            api.seat("ann", "one", "one", "room")
            assert await page.door() == "one"
            api.seat("ann", "m", "main", quietly=True)
            assert await page.door() == "main"
            assert len(api.resumed_from) == 1

    asyncio.run(story())
