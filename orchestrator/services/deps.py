"""The concrete parts that services work with. Bootstrap chooses them."""

from dataclasses import dataclass
from datetime import timedelta

from orchestrator.outside.post import Post
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.services.reach import EVERYTHING, Reach
from orchestrator.settings import Settings
from orchestrator.store.broker import Broker
from orchestrator.store.database import Database
from orchestrator.store.identity import Identity
from orchestrator.store.leases import Leases
from orchestrator.store.secrets import TokenVault
from schemas.events import Actor


@dataclass(frozen=True)
class Deps:
    """Everything a service may reach."""

    settings: Settings
    database: Database
    broker: Broker
    realtimekit: RealtimeKit
    post: Post
    """Calls the endpoints of callers."""
    leases: Leases
    vault: TokenVault
    holder: str
    """The name of this process in the rows that it holds."""
    identity: Identity
    actor: str = Actor.SYSTEM
    """Who asks for what is done with these parts, as it is written to logs. Each request has parts of its own."""
    reach: Reach = EVERYTHING
    """What exists for whom it is done."""

    @property
    def install(self) -> str:
        """Marks our meetings' titles, so that two deployments in one RealtimeKit app never touch each other's rooms.

        Raises NotMigrated, and SQLAlchemy's errors while the database does not answer.
        """
        return self.identity.install

    @property
    def grace(self) -> timedelta:
        """The time that people have to leave a room, and then again to be seen in main."""
        return timedelta(seconds=self.settings.return_grace_seconds)

    @property
    def look_again(self) -> timedelta:
        """The time between two looks at an opening or closing breakout at first. It grows with what takes long."""
        return timedelta(seconds=self.settings.look_again_seconds)

    def close(self) -> None:
        """Send what is left to send, and close every connection of this process."""
        self.broker.close()
        self.post.close()
        self.realtimekit.close()
        self.database.close()
