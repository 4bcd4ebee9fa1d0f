"""An API over fresh parts for each test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator import bootstrap
from orchestrator.services.deps import Deps
from orchestrator.settings import Settings
from tests.api.server import API_KEYS, Api
from tests.support.sandbox_server import SandboxServer


@pytest.fixture(scope="session")
def sandbox_of_session() -> Iterator[SandboxServer]:
    """Run one sandbox for all tests of this process."""
    with SandboxServer() as running:
        yield running


@pytest.fixture
def sandbox(sandbox_of_session: SandboxServer) -> SandboxServer:
    """Return an empty sandbox."""
    sandbox_of_session.reset()
    return sandbox_of_session


def settings_for(sandbox: SandboxServer, home: Path, **more: object) -> Settings:
    """Make settings that take nothing from this machine."""
    given = {
        "breakouts_home": home,
        "realtimekit_base_url": sandbox.base_url,
        "realtimekit_account_id": sandbox.account_id,
        "realtimekit_app_id": sandbox.app_id,
        "realtimekit_api_token": sandbox.api_token,
        "realtimekit_webhook_public_key": "",
        "realtimekit_webhook_keys_url": f"{sandbox.root}/.well-known/webhooks.json",
        "api_keys": API_KEYS,
        "secret_key": "today,yesterday",
        "cors_origins": "https://meet.example",
    }
    return Settings.model_validate(given | more)


def environment(settings: Settings) -> dict[str, str]:
    """Return the same settings as the environment of another process."""
    return {
        "BREAKOUTS_HOME": str(settings.breakouts_home),
        "DATABASE_URL": settings.database_url,
        "BROKER_URL": settings.broker_url,
        "REALTIMEKIT_BASE_URL": settings.realtimekit_base_url,
        "API_KEYS": API_KEYS,
        "SECRET_KEY": "today,yesterday",
    }


@contextmanager
def parts(sandbox: SandboxServer, home: Path, **more: object) -> Iterator[Deps]:
    """Build everything behind an API, and close it at the end."""
    built = bootstrap.build(settings_for(sandbox, home, **more))
    yield built
    built.close()


@pytest.fixture
def deps(sandbox: SandboxServer, sqlite_url: str, broker_url: str, tmp_path: Path) -> Iterator[Deps]:
    """Build parts on SQLite."""
    with parts(sandbox, tmp_path, database_url=sqlite_url, broker_url=broker_url) as built:
        yield built


@pytest.fixture
def api(deps: Deps) -> Iterator[Api]:
    """Run an API."""
    with Api(deps) as running:
        yield running


@pytest.fixture
def postgres_api(sandbox: SandboxServer, postgres_url: str, broker_url: str, tmp_path: Path) -> Iterator[Api]:
    """Run an API on PostgreSQL, where rows are locked one by one."""
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with parts(sandbox, tmp_path, **urls) as built, Api(built) as running:
        yield running
