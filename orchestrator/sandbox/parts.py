"""The parts of a running sandbox, which the REST API and the control API share."""

from orchestrator.sandbox.edge.hub import Hub
from orchestrator.sandbox.rest.calls import CallLog
from orchestrator.sandbox.rest.faults import Delays, Faults, RateLimit
from orchestrator.sandbox.world.config import SandboxConfig
from orchestrator.sandbox.world.delivery import Deliveries, Signer
from orchestrator.sandbox.world.state import World


class Parts:
    """All parts, connected. The configuration is copied, because the control API changes it."""

    def __init__(self, config: SandboxConfig) -> None:
        self._initial = config
        self.signer = Signer(config.webhook_private_key)
        self.world = World(config)
        self.deliveries = Deliveries(self.world, self.signer)
        self.world.emit = self.deliveries.send
        self.faults = Faults(())
        self.world.witness = self.hub = Hub(self.world, self.faults)
        self.reset()

    def reset(self) -> None:
        """Return to the start: an empty world, and all settings as they were configured."""
        self.config = self._initial.model_copy(deep=True)
        self.world.config = self.config
        self.hub.clear()
        self.world.clear()
        self.deliveries.clear()
        self.faults.replace(self.config.faults)
        self.rate_limit = RateLimit(self.config.budget)
        self.delays, self.call_log = Delays(self.config.latency), CallLog(self.config.log_size)
