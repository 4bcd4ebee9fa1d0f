"""The concrete parts that services work with; bootstrap picks them."""

from dataclasses import dataclass
from datetime import timedelta

from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.settings import Settings
from orchestrator.store.broker import Broker
from orchestrator.store.database import Database
from orchestrator.store.leases import Leases
from orchestrator.store.secrets import TokenVault


@dataclass(frozen=True)
class Deps:
    """Everything a service may reach."""

    settings: Settings
    database: Database
    broker: Broker
    realtimekit: RealtimeKit
    leases: Leases
    vault: TokenVault
    holder: str
    """Names this process in the rows it holds."""
    install: str
    """Our mark in child meetings' titles: two deployments in one RealtimeKit app never touch each other's rooms."""

    @property
    def grace(self) -> timedelta:
        """Patience with people who have not left a room, and again with those not seen in main."""
        return timedelta(seconds=self.settings.return_grace_seconds)

    @property
    def look_again(self) -> timedelta:
        """How often an opening or closing breakout is looked at whatever else happens."""
        return timedelta(seconds=self.settings.look_again_seconds)
