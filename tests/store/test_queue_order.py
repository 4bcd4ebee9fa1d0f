"""In which order a worker takes the messages that wait in several queues."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice

import pytest
from celery import Celery
from kombu.connection import Connection
from kombu.entity import Queue as KombuQueue
from kombu.messaging import Consumer

from orchestrator.store.broker import celery_settings
from orchestrator.store.keys import Keys
from orchestrator.store.queue_order import FairShare
from schemas.tasks import WEIGHTS, Queue

CLOSING, ROOMS, UPKEEP, OUTGOING = Queue.CLOSING, Queue.ROOMS, Queue.UPKEEP, Queue.OUTGOING


def _take(order: FairShare, waiting: dict[Queue, int]) -> Iterator[Queue]:
    """Take what waits as the broker gives it: from the first queue asked for that has a message."""
    while any(waiting.values()):
        name = next(name for name in map(Queue, order.consume(len(Queue))) if waiting[name])
        waiting[name] -= 1
        yield Queue(order.rotate(name))


def _order() -> FairShare:
    order = FairShare()
    order.update(list(Queue))
    return order


def _waiting(some: Mapping[Queue, int]) -> dict[Queue, int]:
    return dict.fromkeys(Queue, 0) | dict(some)


@pytest.mark.parametrize("name", Queue)
def test_a_queue_alone_gets_every_turn(name: Queue) -> None:
    assert list(_take(_order(), _waiting({name: 9}))) == [name] * 9


@pytest.mark.parametrize("names", [(CLOSING, ROOMS), (ROOMS, UPKEEP), (UPKEEP, OUTGOING), tuple(Queue)])
def test_queues_that_never_empty_share_by_their_weights(names: tuple[Queue, ...]) -> None:
    rounds, together = 5, sum(WEIGHTS[name] for name in names)
    taken = islice(_take(_order(), _waiting(dict.fromkeys(names, 1000))), rounds * together)
    assert Counter(taken) == {name: rounds * WEIGHTS[name] for name in names}


def test_the_weights_fall_with_the_urgency() -> None:
    assert list(WEIGHTS) == list(Queue)
    assert list(WEIGHTS.values()) == sorted(WEIGHTS.values(), reverse=True)


def test_of_messages_that_come_together_the_most_urgent_is_taken_first() -> None:
    assert list(_take(_order(), _waiting(dict.fromkeys(Queue, 1)))) == list(Queue)


@pytest.mark.parametrize("name", [ROOMS, UPKEEP])
def test_a_queue_that_was_empty_has_saved_nothing_up(name: Queue) -> None:
    order, waiting = _order(), _waiting({CLOSING: 1000})
    list(islice(_take(order, waiting), 500))
    waiting[name] = 1000
    taken = Counter(islice(_take(order, waiting), 9 * WEIGHTS[CLOSING]))
    assert taken[CLOSING] >= WEIGHTS[CLOSING] / (WEIGHTS[CLOSING] + WEIGHTS[name]) * taken.total() - 1


def test_a_queue_that_was_busy_alone_does_not_wait_for_it_afterwards() -> None:
    order, waiting = _order(), _waiting({UPKEEP: 1000})
    list(islice(_take(order, waiting), 500))
    waiting[CLOSING] = 1000
    assert Counter(islice(_take(order, waiting), 90))[UPKEEP] >= 9


def test_queues_may_be_given_up_and_taken_on_while_a_worker_runs() -> None:
    order, waiting = _order(), _waiting({CLOSING: 1000, ROOMS: 1000})
    list(islice(_take(order, waiting), 100))
    order.update([CLOSING])
    assert order.rotate(ROOMS) == ROOMS
    assert order.consume(2) == [CLOSING]
    order.update([CLOSING, ROOMS])
    assert Counter(islice(_take(order, waiting), 100)) == {CLOSING: 50, ROOMS: 50}


def test_answers_to_those_who_ask_workers_come_in_queues_of_celery_s_own() -> None:
    order = FairShare()
    order.update(["one.reply.celery.pidbox", CLOSING])
    assert order.rotate("one.reply.celery.pidbox") == "one.reply.celery.pidbox"
    assert order.consume(2) == [CLOSING, "one.reply.celery.pidbox"]


def test_a_worker_takes_from_a_queue_behind_one_that_never_empties(broker_url: str) -> None:
    app = Celery("tests", set_as_current=False)
    app.conf.update(celery_settings(broker_url, Keys("tests")))
    taken: list[str] = []
    with app.connection_for_write() as connection:
        for name in [CLOSING] * 100 + [ROOMS] * 3:
            app.send_task("any", queue=name.value, connection=connection)
    with app.connection_for_read() as connection, _consumer(connection, taken):
        for _ in range(10):
            connection.drain_events(timeout=10)
    assert taken.count(ROOMS) == 3, taken


def _consumer(connection: Connection, taken: list[str]) -> Consumer:
    """Consume one message at a time, and note from which queues they come."""

    def note(_body: object, message: object) -> None:
        taken.append(message.delivery_info["routing_key"])  # type: ignore[attr-defined]  # kombu has no types
        message.ack()  # type: ignore[attr-defined]

    queues = [KombuQueue(name.value) for name in Queue]
    return Consumer(connection, queues, callbacks=[note], prefetch_count=1, accept=["json"])
