"""Whatever goes wrong in a lifecycle, its rules hold: some of the seeds that `make simulate` plays by the thousand."""

import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest

from tests.simulation import slips
from tests.simulation.luck import Luck
from tests.simulation.runs import Player, minimised
from tests.simulation.slips import Slip
from tests.simulation.weather import Weather

pytestmark = pytest.mark.long

BLOCKS, SEEDS = 4, 5
"""A block of seeds is a test, so that a block that fails does not hide the others."""
EASY = ("a lease never ends", "the breakout is not locked", "a pass that failed is not tried again")
"""Slips that a few seeds show."""
FEW = 20
LATER = 10
"""The seed to begin with, because the ones before it show few slips, and some take a second."""
SHRINKS_SOON = 17
"""Here a story is shrunk in a third of the time that the first one that fails takes."""


@pytest.fixture(scope="module")
def player() -> Player:
    return Player()


@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_rules_of_a_lifecycle_hold_whatever_goes_wrong(player: Player, block: int) -> None:
    for seed in range(1 + block * SEEDS, 1 + (block + 1) * SEEDS):
        run = player.play(seed)
        assert not run.violations, f"python -m tests.simulation --seed {seed}: {run.violations}"


def test_a_seed_replays_exactly(player: Player) -> None:
    first, again = (player.play(5, told=True) for _ in range(2))
    assert first.tale == again.tale
    assert len(first.tale) > FEW
    assert player.play(6, told=True).tale != first.tale


def test_no_clock_thread_or_socket_is_in_a_run(player: Player, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = player.play(7, told=True).tale

    here = threading.get_ident()

    def never(original: Callable[..., Any]) -> Callable[..., Any]:
        """Return what only threads that other tests have left behind may use."""

        def used(*args: Any, **options: Any) -> Any:
            assert threading.get_ident() != here, "a run used what it must not use"
            return original(*args, **options)

        return used

    with monkeypatch.context() as within:
        for module, name in ((time, "monotonic"), (time, "sleep"), (threading.Thread, "start"), (socket, "socket")):
            within.setattr(module, name, never(getattr(module, name)))
        run = player.play(7, told=True)
    assert run.tale == expected


@pytest.mark.parametrize("slip", [it for it in slips.SLIPS if it.what in EASY], ids=lambda slip: slip.what)
def test_a_mistake_in_the_engine_is_caught(player: Player, slip: Slip) -> None:
    with slip.patched():
        assert any(player.play(seed).violations for seed in range(LATER, LATER + FEW))


def test_a_story_that_fails_is_shrunk_to_what_it_takes(player: Player) -> None:
    (slip,) = (it for it in slips.SLIPS if it.what == "a person in doubt is added again")
    with slip.patched():
        seeds = range(SHRINKS_SOON, SHRINKS_SOON + FEW)
        run = next(run for seed in seeds if (run := player.play(seed)).violations)
        shrunk = player.shrink(run)
        assert shrunk.rule == run.rule
        assert len(shrunk.twists) < len(run.twists)
        assert any("add_participant" in twist.name or "dies" in twist.name for twist in shrunk.twists)
    assert not player.play(run.seed, [twist.name for twist in shrunk.twists]).violations


@pytest.mark.parametrize("needed", [set(), {"c"}, {"a", "h"}, {"b", "c", "g"}], ids=lambda it: "".join(sorted(it)))
def test_minimising_keeps_exactly_what_is_needed(needed: set[str]) -> None:
    tried: list[Collection[str]] = []

    def fails(some: Collection[str]) -> bool:
        tried.append(some)
        return needed <= set(some)

    assert set(minimised("abcdefgh", fails)) == needed
    assert len(tried) < 2**8


def test_a_decision_that_is_taken_away_leaves_the_others_as_they_are() -> None:
    def decide(luck: Luck) -> Iterator[str]:
        for about in ("a call", "a message", "a call", "a death") * 20:
            yield luck.unusual(about, 0.4, ("one way", "another way"), "as usual")

    whole = Luck(3)
    said = list(decide(whole))
    names = [twist.name for twist in whole.twists]
    assert len(names) > FEW
    without = Luck(3, names[1:])
    assert [now for now, before in zip(decide(without), said, strict=True) if now != before] == ["as usual"]


def test_a_fair_run_has_no_trouble() -> None:
    assert not any(vars(Weather()).values())
