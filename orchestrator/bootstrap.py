"""The only place that chooses concrete parts."""

import os
import secrets
import socket

from orchestrator import metrics
from orchestrator.outside.post import Post
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.loop import LoopThread
from orchestrator.realtimekit.quota.gate import Quota
from orchestrator.services.deps import Deps
from orchestrator.settings import Settings
from orchestrator.store.broker import Broker
from orchestrator.store.database import Database
from orchestrator.store.identity import Identity
from orchestrator.store.keys import Keys
from orchestrator.store.leases import Leases
from orchestrator.store.revision import require_migrated
from orchestrator.store.secrets import TokenVault


def build(settings: Settings, keys: Keys | None = None) -> Deps:
    """Build the parts of one process. One that knows the deployment's `keys` does not ask the database for them."""
    broker = Broker(settings.broker, lambda: identity.keys)
    database = Database(settings.database, broker.submit, settings.database_connections)
    identity = Identity(database, keys)
    return Deps(
        settings=settings,
        database=database,
        broker=broker,
        realtimekit=RealtimeKit(settings, Quota.of(settings), metrics.count_call),
        post=Post(LoopThread("deliveries"), private=settings.webhook_allow_private),
        leases=Leases(
            Database(settings.database, broker.submit, pool_size=1),
            lease_seconds=_lease_seconds(settings),
            deadline_seconds=settings.task_deadline_seconds,
            call_seconds=settings.realtimekit_timeout_seconds,
        ),
        vault=TokenVault(settings.secrets),
        holder=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
        identity=identity,
    )


def reader(settings: Settings) -> Database:
    """Open a database for a background thread that only reads, so that it and the tasks do not wait for each other."""
    return Database(settings.database, lambda _messages, _topics: None, pool_size=1)


def keys_of(settings: Settings) -> Keys:
    """Ask a migrated database for the deployment's names in Redis, for a process that needs nothing else of it at once.

    Raises NotMigrated, also for the schema of an older release, and SQLAlchemy's errors when the database does not
    answer.
    """
    database = reader(settings)
    try:
        keys = Identity(database).keys
        require_migrated(database)
        return keys
    finally:
        database.close()


def _lease_seconds(settings: Settings) -> float:
    """Lengthen the lease if needed: after a third of it, when it is renewed, it must still outlast a call."""
    return max(settings.lease_seconds, settings.realtimekit_timeout_seconds * 1.5 + 3)
