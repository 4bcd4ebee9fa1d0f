"""The API's desk: what comes at the same time is stored together, as in a crowd."""

from typing import TYPE_CHECKING

from orchestrator.services.deps import Deps
from orchestrator.services.people import acks
from orchestrator.services.people.acks import Ack
from orchestrator.services.webhooks import incoming
from orchestrator.services.webhooks.incoming import Delivery

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

AGAIN_SECONDS = 1.5
"""When RealtimeKit or a browser tries again that nobody has answered."""
TOGETHER_SECONDS = 0.05
"""How long a crowd's first waits for the others."""


class Desk:
    """Stores acks and webhooks in batches."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._acks: list[Ack] = []
        self._deliveries: list[Delivery] = []
        self._is_planned = False

    def hand_in(self, one: Ack | Delivery, delay: float) -> None:
        """Let it arrive after so many seconds."""
        self._simulation.hub.loop.call_later(delay, self._take, one)

    def _take(self, one: Ack | Delivery) -> None:
        if not self._simulation.api.is_alive:
            self.hand_in(one, AGAIN_SECONDS)
            return
        if isinstance(one, Ack):
            self._acks.append(one)
        else:
            self._deliveries.append(one)
        if not self._is_planned:
            self._is_planned = True
            self._simulation.hub.loop.call_later(TOGETHER_SECONDS, self._store)

    def _store(self) -> None:
        """Store what has come. Should the process die meanwhile, those who sent it try again."""
        self._is_planned = False
        said, delivered = self._acks, self._deliveries
        sent: list[Ack | Delivery] = [*said, *delivered]
        self._acks, self._deliveries = [], []
        stored: list[bool] = []

        def store(deps: Deps) -> None:
            if said:
                acks.store_all(deps, said)
            if delivered:
                incoming.store_all(deps, delivered)
            stored.append(True)

        def see() -> None:
            if not stored:
                for one in sent:
                    self.hand_in(one, 0.0)

        self._simulation.api.run(store)
        self._simulation.hub.loop.call_later(40.0, see)
