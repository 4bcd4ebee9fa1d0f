"""`breakouts doctor` tells troubles with a broker apart, and its advice helps."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from orchestrator.broker_address import parsed
from orchestrator.cli.doctor import broker
from orchestrator.cli.doctor.broker_trouble import of_use
from orchestrator.cli.doctor.checks import Status, Verdict, run
from orchestrator.cli.doctor.parts import Parts
from orchestrator.realtimekit.quota.budget import QuotaRequest
from orchestrator.realtimekit.quota.priority import Priority
from orchestrator.runtime.ports import LOOPBACK, free_port
from orchestrator.store.broker import Broker
from orchestrator.store.keys import Keys
from schemas.tasks import Queue
from tests.realtimekit.quotas import quota_of
from tests.support.http_server import LocalServer, RequestHandler
from tests.support.processes import clean_environment
from tests.support.tls import tls_before, write_certificate
from tests.support.valkey import Valkey, valkey_in

KEYS = Keys("doctor01")
Diagnose = Callable[[str], dict[str, Verdict]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """Run a broker with users of its own."""
    with valkey_in(tmp_path_factory.mktemp("valkey")) as made:
        yield made


@pytest.fixture
def admin(server: Valkey) -> Iterator[redis.Redis]:
    """Connect with all rights."""
    with redis.Redis.from_url(server.url) as client:
        yield client


@pytest.fixture
def diagnose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Diagnose:
    """Return a function that looks at a broker."""
    monkeypatch.chdir(tmp_path)
    for name, value in clean_environment().items():
        monkeypatch.setenv(name, value)

    def look(url: str) -> dict[str, Verdict]:
        monkeypatch.setenv("BROKER_URL", url)
        checks = [check for check in broker.CHECKS if check.name in ("broker", "use of the broker")]
        return dict(run(checks, Parts()))

    return look


def _user(admin: redis.Redis, server: Valkey, *rights: str) -> str:
    """Give the user ann these rights alone, and return her address."""
    admin.execute_command("ACL", "SETUSER", "ann", "reset", "on", ">pass-word", *rights)  # type: ignore[no-untyped-call]
    return f"redis://ann:pass-word@{LOOPBACK}:{urlsplit(server.url).port}/0"


def test_each_reason_why_a_broker_can_not_be_asked_is_told_from_the_others(
    diagnose: Diagnose, admin: redis.Redis, server: Valkey, tmp_path: Path
) -> None:
    ann = _user(admin, server, "+@all", "~*", "&*")
    port = urlsplit(server.url).port or 0
    certificate, key = write_certificate(tmp_path)
    with tls_before(port, certificate, key) as tls, LocalServer(RequestHandler) as web:
        expected = {
            ann: ("", ""),
            ann.replace("pass-word", "hush-hush"): ("the user ann with the password", "correct user and password"),
            f"redis://{LOOPBACK}:{port}": ("wants a password", "redis://user:password@"),
            ann.replace("redis", "rediss"): ("does not speak TLS", "redis://"),
            ann.replace("redis", "rediss").replace(str(port), str(tls)): ("not trusted", "ssl_ca_certs"),
            ann.replace(str(port), str(tls)): ("does not answer as a Redis", "rediss://"),
            ann.replace(str(port), str(urlsplit(web.url).port)): ("does not answer as a Redis", "correct the port"),
            ann.replace(str(port), str(free_port())): ("nothing listens", "start the broker"),
            f"unix://{tmp_path}/none.sock": ("No such file", f"{tmp_path}/none.sock"),
        }
        for url, (detail, advice) in expected.items():
            found = diagnose(url)["broker"]
            assert (found.status is Status.OK) == (not detail), (url, found)
            assert detail in found.detail, (url, found)
            assert advice in found.advice, (url, found)
            assert "hush" not in found.detail


def test_a_broker_that_can_be_asked_and_not_used_is_told_why(
    diagnose: Diagnose, admin: redis.Redis, server: Valkey
) -> None:
    for begin, end, detail, advice in (
        (("REPLICAOF", LOOPBACK, "1"), ("REPLICAOF", "NO", "ONE"), "a replica", "primary"),
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "is full", "maxmemory"),
    ):
        admin.execute_command(*begin)  # type: ignore[no-untyped-call]
        found = diagnose(server.url)["use of the broker"]
        admin.execute_command(*end)  # type: ignore[no-untyped-call]
        assert found.status is Status.FAILED
        assert detail in found.detail
        assert advice in found.advice
    assert diagnose(server.url)["use of the broker"].status is Status.OK
    assert admin.dbsize() == 0, "it changes nothing"


@pytest.mark.parametrize(
    ("rights", "line"),
    [
        (("+@all", "-set", "-eval", "~*", "&*"), "+set +eval"),
        (("+@all", "~app:*", "&*"), "~bo:*"),
        (("+@all", "~*", "resetchannels"), "&*"),
        (("+ping",), "+multi"),
    ],
)
def test_the_line_that_it_prints_grants_what_a_user_lacks(
    diagnose: Diagnose, admin: redis.Redis, server: Valkey, rights: tuple[str, ...], line: str
) -> None:
    url = _user(admin, server, *rights)
    found = next(verdict for verdict in diagnose(url).values() if verdict.status is Status.FAILED)
    assert line in found.advice
    granted = found.advice.partition("ACL SETUSER ann ")[2].split()
    admin.execute_command("ACL", "SETUSER", "ann", *granted)  # type: ignore[no-untyped-call]
    with redis.Redis.from_url(url) as client:
        assert of_use(client, parsed(url)) is None
    _do_everything(url)


def _do_everything(url: str) -> None:
    """Send, count, take and acknowledge a task, listen, and ask for a call."""
    made = Broker(url, lambda: KEYS)
    wakes = made.subscribe("*")
    made.redis.publish(f"{KEYS.topics}due:1", "")
    while wakes.get_message(timeout=1) is None:
        pass
    made.note_moving(Queue.ROOMS)
    assert made.is_moving(Queue.ROOMS)
    made.epoch_is_new()
    with made.app as app, app.connection_for_read() as connection:
        app.send_task("room.open", queue=Queue.ROOMS.value, retry=False)
        assert made.queue_lengths()[Queue.ROOMS] == 1
        connection.SimpleQueue(app.amqp.queues[Queue.ROOMS.value]).get(timeout=5).ack()
    asyncio.run(_take(url))


async def _take(url: str) -> None:
    quota = quota_of(url, 10, 60)
    assert (await quota.take(QuotaRequest.of("kick", Priority.CLOSING, "ann"))).granted
    assert await quota.used() >= 1
    await quota.close()
