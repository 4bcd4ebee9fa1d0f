"""`python -m orchestrator.cli.demo`: run the demo. The exit code is 0 only if nobody and nothing was lost."""

import asyncio
import itertools
import os
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.console import Console

from orchestrator.cli.demo import visitor
from orchestrator.cli.demo.outcome import failings
from orchestrator.cli.demo.stack import Stack, running
from orchestrator.cli.demo.story import NAMES, Story
from orchestrator.cli.failures import errors_as_messages
from orchestrator.cli.show.ending import report
from orchestrator.cli.show.screen import screen

STARTING = "starting broker, database, API, worker, timekeeper, Flower and sandbox"


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    keep: bool
    seconds: int
    countdown: int


def demo(
    keep: Annotated[bool, typer.Option(help="Stay up afterwards, until Ctrl-C.")] = False,
    seconds: Annotated[int, typer.Option(min=10, max=86400, help="How long the rooms are open.")] = 20,
    countdown: Annotated[int, typer.Option(min=0, max=600, help="How long people are called back.")] = 5,
) -> None:
    """Watch eighteen people go to four recorded rooms for twenty seconds and come home: all of it on this machine."""
    with (
        errors_as_messages(),
        tempfile.TemporaryDirectory(prefix="breakouts-demo-", ignore_cleanup_errors=True) as home,
    ):
        sys.exit(asyncio.run(_until_interrupted(Stack(Path(home)), Options(keep, seconds, countdown))))


async def _until_interrupted(stack: Stack, options: Options) -> int:
    """Run the demo and return its exit code, 130 if a signal ended it early."""
    story = asyncio.create_task(_show(stack, options))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, story.cancel)
    with suppress(asyncio.CancelledError):
        return await story
    return 130


async def _show(stack: Stack, options: Options) -> int:
    console = Console(highlight=False)
    async with running(stack, dict(os.environ), console.status(STARTING)) as up:
        console.print(f"Console   {stack.api}/console\nAPI docs  {stack.api}/docs\nFlower    {stack.flower}\n")
        async with Story(stack, open_seconds=options.seconds, countdown_seconds=options.countdown) as story:
            code = await _play(story, console)
            if code:
                console.print(stack.last_words(), style="dim", markup=False, soft_wrap=True)
            if options.keep:
                console.print(
                    f"\nStill up: API key {stack.key} (the console's too), all data in {stack.home}. Ctrl-C ends it.",
                    soft_wrap=True,
                )
                with suppress(asyncio.CancelledError):
                    await _until_ended(up, asyncio.create_task(_with_visitor(story, console)))
        return code


async def _until_ended(up: asyncio.subprocess.Process, visit: asyncio.Task[None]) -> None:
    try:
        await up.wait()
    finally:
        visit.cancel()
        await asyncio.gather(visit, return_exceptions=True)


async def _with_visitor(story: Story, console: Console) -> None:
    """Let whoever opens the page take a seat: a breakout with all the others begins whenever they have come."""
    if not visitor.is_possible():
        console.print(f"With RealtimeKit's client here you could take a seat yourself: {visitor.HOW_TO}")
        return
    await story.invite()
    with visitor.page_served(story.stack, story.visitors_token) as address:
        console.print(f"Take a seat yourself, with your camera: {address}")
        for number in itertools.count(2):
            await story.until_visitor(there=True)
            console.print(f"You are there, so round {number} begins: your page goes to a room, and comes home.")
            breakout = await story.split(f"Round {number}")
            await story.follow(breakout.id, lambda _: None)
            console.print("Everybody is home. Load the page again for another round.")
            await story.until_visitor(there=False)


async def _play(story: Story, console: Console) -> int:
    try:
        with console.status(f"{len(NAMES)} people come to a meeting"):
            await story.gather()
        breakout = await story.split()
        with screen(console, lambda: _in_main(story)) as show:
            breakout = await story.follow(breakout.id, show)
    except (httpx.HTTPError, TimeoutError) as error:
        console.print(f"[red]The demo could not go on:[/red] {error}")
        return 1
    console.print(report(breakout, f"{await story.calls()} calls to RealtimeKit"))
    found = failings(breakout, story.meeting, await story.realtimekit_state())
    for line in found:
        console.print(f"[red]✗[/red] {line}")
    if not found:
        console.print(
            f"[green]✓[/green] all {len(NAMES)} people are home, every recording is uploaded, no room is left"
        )
    return 1 if found else 0


def _in_main(story: Story) -> int:
    return sum(meeting == story.meeting.realtimekit_meeting_id for meeting in story.crowd.where().values())


if __name__ == "__main__":
    typer.run(demo)
