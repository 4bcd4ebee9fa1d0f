"""One address of the broker, one meaning: for redis-py, for Celery, and for Flower, or a sentence that refuses it."""

import asyncio
import importlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from celery import Celery
from pydantic import ValidationError

from orchestrator.broker_address import parsed
from orchestrator.runtime.broker import find_server
from orchestrator.runtime.ports import LOOPBACK, free_port
from orchestrator.settings import Settings
from orchestrator.store.broker import Broker, celery_settings
from orchestrator.store.keys import Keys
from schemas.tasks import Queue
from tests.support.processes import processes_in
from tests.support.tls import tls_before, write_certificate
from tests.support.waiting import wait_until

KEYS = Keys("address1")
PASSWORD = "p@s/s:w%r d#?"
QUOTED = "p%40s%2Fs%3Aw%25r%20d%23%3F"
CONFIG = """\
bind {host}
port {port}
unixsocket "{folder}/a b.sock"
save ""
user default off
user ann on ">{password}" ~* &* +@all
"""


@dataclass(frozen=True)
class Places:
    """Where one server is reached."""

    port: int
    tls_port: int
    folder: str
    certificate: Path

    def fill(self, url: str) -> str:
        """Put the places into an address."""
        return url.format(
            port=self.port, tls=self.tls_port, folder=self.folder, ca=self.certificate, user=f"ann:{QUOTED}"
        )


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    """Run a server with one user, on TCP, on a socket, and behind TLS."""
    with tempfile.TemporaryDirectory() as folder, processes_in(tmp_path_factory.mktemp("server")) as processes:
        port, config = free_port(), Path(folder) / "valkey.conf"
        config.write_text(CONFIG.format(host=LOOPBACK, port=port, folder=folder, password=PASSWORD))
        processes.start([str(find_server()), str(config)], {})
        with redis.Redis(LOOPBACK, port, username="ann", password=PASSWORD) as client:
            wait_until(lambda: _answers(client), what="the server's answer")
        certificate, key = write_certificate(Path(folder))
        with tls_before(port, certificate, key) as tls_port:
            yield Places(port, tls_port, folder, certificate)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


USABLE = {
    "redis://{user}@127.0.0.1:{port}": 0,
    "redis://{user}@127.0.0.1:{port}/3": 3,
    "redis://{user}@localhost:{port}?db=3&health_check_interval=5&socket_timeout=7.5": 3,
    "valkey://{user}@127.0.0.1:{port}/?virtual_host=3": 3,
    "redis://127.0.0.1:{port}/3?username=ann&password=" + QUOTED: 3,
    "unix://{user}@{folder}/a%20b.sock?db=3": 3,
    "redis+socket://{user}@{folder}/a%20b.sock?virtual_host=3": 3,
    "rediss://{user}@127.0.0.1:{tls}/3?ssl_ca_certs={ca}": 3,
    "rediss://{user}@127.0.0.1:{tls}/3?ssl_ca_certs={ca}&ssl_cert_reqs=required": 3,
    "rediss://{user}@127.0.0.1:{tls}/3?ssl_ca_certs={ca}&ssl_cert_reqs=CERT_REQUIRED": 3,
    "rediss://{user}@localhost:{tls}/3?ssl_ca_certs={ca}&ssl_check_hostname=false": 3,
    "rediss://{user}@127.0.0.1:{tls}/3?ssl_cert_reqs=none": 3,
    "valkeys://{user}@127.0.0.1:{tls}/3?ssl_cert_reqs=CERT_NONE": 3,
}
"""Ways to write an address, and the database that each names."""


@pytest.mark.parametrize(("written", "database"), USABLE.items(), ids=USABLE)
def test_every_client_of_ours_takes_each_way_to_write_an_address(
    places: Places, monkeypatch: pytest.MonkeyPatch, written: str, database: int
) -> None:
    url = Settings(broker_url=places.fill(written), _env_file=None).broker
    with redis.Redis(LOOPBACK, places.port, username="ann", password=PASSWORD, db=database) as there:
        there.flushall()
        _publish_with_celery(url)
        assert there.llen(KEYS.queue(Queue.ROOMS)) == 1
        assert Broker(url, lambda: KEYS).queue_lengths()[Queue.ROOMS] == 1
        assert asyncio.run(_count_with_asyncio(url)) == 1
        assert asyncio.run(_count_with_flower(url, monkeypatch)) == 1
        assert _consume_with_celery(url)
        assert there.llen(KEYS.queue(Queue.ROOMS)) == 0


def _celery(url: str) -> Celery:
    app = Celery("address", set_as_current=False)
    app.conf.update(celery_settings(url, KEYS))
    return app


def _publish_with_celery(url: str) -> None:
    with _celery(url) as app:
        app.send_task("room.open", queue=Queue.ROOMS.value, retry=False)


def _consume_with_celery(url: str) -> bool:
    with _celery(url) as app, app.connection_for_read() as connection:
        message = connection.SimpleQueue(app.amqp.queues[Queue.ROOMS.value]).get(timeout=5)
        message.ack()
        return bool(message.headers["task"] == "room.open")


async def _count_with_asyncio(url: str) -> int:
    async with redis.asyncio.Redis.from_url(parsed(url).for_redis_py) as client:
        return int(await client.llen(KEYS.queue(Queue.ROOMS)))


async def _count_with_flower(url: str, monkeypatch: pytest.MonkeyPatch) -> int:
    flower = importlib.import_module("flower.utils.broker")
    for name in ("Redis", "RedisSsl", "RedisSocket"):
        monkeypatch.setattr(flower, name, getattr(flower, name))
    importlib.import_module("workers.flower_broker").use(parsed(url))
    conf = _celery(url).conf
    options: dict[str, Any] = {"broker_options": conf.broker_transport_options, "broker_use_ssl": conf.broker_use_ssl}
    found = await flower.Broker(conf.broker_url, http_api="", **options).queues([Queue.ROOMS.value])
    return int(found[0]["messages"])


@pytest.mark.parametrize("query", ["", "?ssl_cert_reqs=CERT_OPTIONAL"])
def test_a_certificate_that_nobody_vouches_for_is_refused(places: Places, query: str) -> None:
    url = places.fill("rediss://{user}@127.0.0.1:{tls}/0" + query)
    with redis.Redis.from_url(parsed(url).for_redis_py) as client, pytest.raises(redis.ConnectionError, match="certif"):
        client.ping()
    with _celery(url) as app, app.connection_for_write() as connection, pytest.raises(redis.ConnectionError):
        connection.connect()


def test_what_the_address_says_is_not_overruled() -> None:
    url = "redis://broker.example/?socket_timeout=30&max_connections=7&retry_on_timeout=true&client_name=me"
    options = _celery(url).conf.broker_transport_options
    broker = Broker(url, lambda: KEYS)
    quick = broker.quick_connection(broker.app).transport_options
    ours = broker.redis.connection_pool.connection_kwargs
    each: tuple[Any, ...] = (options, quick, ours)
    for found in each:
        assert found["socket_timeout"] == 30
        assert found["client_name"] == "me"
    assert [found["max_connections"] for found in each[:2]] == [7, 7]
    assert options["socket_connect_timeout"] == 5, "ours, because the address says nothing"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sentinel://one:26379;sentinel://two:26379", "Sentinel"),
        ("redis+sentinel://one:26379/mymaster", "Sentinel"),
        ("redis://one:6379;redis://two:6379", "several servers"),
        ("redis://me:hush-hush@one:6379,two:6379/0", "several servers"),
        ("redis+cluster://one:6379", "several servers"),
        ("amqp://me:hush-hush@rabbit", "no address of a Redis"),
        ("broker.example:6379", "no address of a Redis"),
        ("redis://me:hush-hush/more@broker:6379/0", "%XX"),
        ("redis://:hush-hush#more@broker:6379/0", "%XX"),
        ("redis://broker:redis/0", "port"),
        ("redis://broker/zero", "database"),
        ("redis://broker/1?db=2", "database"),
        ("redis://broker/0?ssl_cert_reqs=none", "rediss://"),
        ("rediss://broker/0?ssl_cert_reqs=perhaps", "ssl_cert_reqs"),
        ("redis://broker/0?socket_timeout=soon", "socket_timeout"),
        ("redis://broker/0?protocol=3", "protocol; there are db, virtual_host, socket_timeout"),
        ("unix://", "path of a socket"),
        ("unix://run/valkey.sock", "path of a socket"),
    ],
)
def test_what_can_not_be_used_is_refused_in_a_sentence_without_the_password(url: str, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(broker_url=url, _env_file=None)
    assert refused.value.errors()[0]["loc"] == ("broker_url",)
    words = refused.value.errors()[0]["msg"]
    assert said in words
    assert "hush" not in words
