"""Collections of things that may be done at any moment of a run."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from orchestrator.sandbox.world.values import Refusal

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

Action = Callable[["Simulation", Random], None]
"""Gets the run and a generator of its own, and does one thing if it can be done now."""


class Doing(list[Action]):
    """Actions, each as often as it is likely."""

    def action(self, times: int = 1) -> Callable[[Action], Action]:
        """Let this be among the things that are done in a run, so many times as likely as others."""

        def add(one: Action) -> Action:
            self.extend([one] * times)
            return one

        return add


def do(run: "Simulation", one: Action, luck: Random) -> None:
    """Do one thing, unless RealtimeKit refuses it."""
    try:
        one(run, luck)
    except Refusal:
        return
