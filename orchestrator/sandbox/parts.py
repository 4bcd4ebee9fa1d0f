"""What a running sandbox is made of; the REST side and the control door share it."""

from orchestrator.sandbox.rest.calls import CallLog
from orchestrator.sandbox.rest.faults import Clock, Faults, Gate
from orchestrator.sandbox.world.config import SandboxConfig
from orchestrator.sandbox.world.delivery import Deliveries, Signer
from orchestrator.sandbox.world.state import World


class Parts:
    """All of it, wired; the configuration is copied because the control door changes it."""

    def __init__(self, config: SandboxConfig) -> None:
        self._initial = config
        self.signer = Signer(config.webhook_private_key)
        self.world = World(config)
        self.deliveries = Deliveries(self.world, self.signer)
        self.world.emit = self.deliveries.send
        self.reset()

    def reset(self) -> None:
        """As at the start: nothing in it, all settings as they were configured."""
        self.config = self._initial.model_copy(deep=True)
        self.world.config = self.config
        self.world.clear()
        self.deliveries.clear()
        self.faults, self.gate = Faults(self.config.faults), Gate(self.config.budget)
        self.clock, self.log = Clock(self.config.latency), CallLog(self.config.log_size)
