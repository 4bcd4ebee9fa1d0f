"""The only place that picks concrete parts."""

import os
import secrets
import socket

from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.quota import Quota
from orchestrator.realtimekit.titles import install_id
from orchestrator.services.deps import Deps
from orchestrator.settings import Settings
from orchestrator.store.broker import Broker
from orchestrator.store.database import Database
from orchestrator.store.leases import Leases
from orchestrator.store.secrets import TokenVault


def build(settings: Settings, pool_size: int = 10) -> Deps:
    """Wire one process; `pool_size` is how many threads of it may use the database at once."""
    broker = Broker(settings.broker)
    database = Database(settings.database, broker.submit, pool_size)
    return Deps(
        settings=settings,
        database=database,
        broker=broker,
        realtimekit=RealtimeKit(settings, Quota.of(settings)),
        leases=Leases(
            database,
            lease_seconds=_lease_seconds(settings),
            deadline_seconds=settings.task_deadline_seconds,
            call_seconds=settings.realtimekit_timeout_seconds,
        ),
        vault=TokenVault(settings.secrets),
        holder=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
        install=install_id(settings.secrets[-1]),
    )


def _lease_seconds(settings: Settings) -> float:
    """A lease that was renewed a third of itself ago must still outlast a call."""
    return max(settings.lease_seconds, settings.realtimekit_timeout_seconds * 1.5 + 3)
