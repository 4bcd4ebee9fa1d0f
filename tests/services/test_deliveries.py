"""What endpoints of callers hear: in order, signed, again until they take it, and never at the cost of others."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, select, update
from sqlmodel import col
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from orchestrator.domain.delivering import RETRY_DELAYS
from orchestrator.errors import Malformed
from orchestrator.outside.post import Post
from orchestrator.outside.targets import LOOKUPS, LOOKUPS_OF_SITE, SystemLookup
from orchestrator.realtimekit.loop import LoopThread
from orchestrator.services.deps import Deps
from orchestrator.services.result import NOTHING_TO_DO
from orchestrator.services.webhooks import delivering, endpoints, lines
from orchestrator.services.webhooks.lines import Outcome
from orchestrator.services.webhooks.spreading import spread
from orchestrator.store import due
from orchestrator.store.endpoints import forget_meeting
from schemas.requests import EndpointChange
from schemas.tables import Breakout, Delivery, Endpoint, EndpointCursor, Event, Outbox, Room
from tests.services.outgoing import Outgoing
from tests.support.endpoint import CallersServer
from tests.support.waiting import LONG

IS_WAITING = col(Outbox.due_at).is_not(None)


class Died(BaseException):
    """The end of a process, as far as one row is concerned."""


def test_an_endpoint_hears_what_happens_after_its_registration_signed_and_in_order(
    told: Outgoing, server: CallersServer
) -> None:
    breakout_id = told.breakout()
    told.say(breakout_id, "before")
    made = told.endpoint(server.url)
    words = [str(number) for number in range(50)]
    told.say(breakout_id, *words)
    told.until(lambda: len(server.heard) == 50, "50 deliveries")
    assert [heard.body["data"]["fields"] for heard in server.heard] == [[word] for word in words]
    first = server.heard[0]
    with told.deps.database.reading() as session:
        event = session.get_one(Event, (breakout_id, 2))
    assert first.verified(made.secret) == {
        "type": "breakout.changed",
        "timestamp": event.at.isoformat().replace("+00:00", "Z"),
        "data": {
            "fields": ["0"],
            "breakout_id": breakout_id,
            "meeting_id": told.meeting_id,
            "actor": "system",
        },
    }
    told.rest(made.endpoint_id)
    rows = told.deliveries(made.endpoint_id)
    assert [row.id for row in rows] == server.ids()
    assert {(row.state.value, row.attempts, row.last_status, row.next_attempt_at) for row in rows} == {
        ("delivered", 1, 204, None)
    }
    assert {row.breakout_id for row in rows} == {breakout_id}


def test_one_task_spreads_all_logs_that_have_grown(told: Outgoing, server: CallersServer) -> None:
    made, elsewhere = told.endpoint(server.url), Outgoing(told.deps)
    mine = [told.breakout() for _ in range(3)]
    for breakout_id in (*mine, other := elsewhere.breakout()):
        told.say(breakout_id, "a")
    with told.deps.database.reading() as session:
        claims = dict(session.execute(select(col(Outbox.id), col(Outbox.claim)).where(IS_WAITING)).all())
    assert {*mine} <= claims.keys(), "nobody hears of the other, unless another test's endpoint does"
    spread(told.deps, mine[1], claims[mine[1]])
    with told.deps.database.reading() as session:
        assert session.scalars(select(col(Outbox.id)).where(IS_WAITING)).all() == []
        ready = select(col(EndpointCursor.breakout_id)).where(col(EndpointCursor.endpoint_id) == made.endpoint_id)
        assert {*session.scalars(ready)} == {*mine}, f"and not {other}"
    assert [spread(told.deps, one, claims[one]) for one in mine] == [NOTHING_TO_DO] * 3
    told.rest(made.endpoint_id)
    assert sorted(heard.body["data"]["breakout_id"] for heard in server.heard) == sorted(mine)


def test_what_is_not_taken_is_tried_again_as_the_same_and_the_next_one_waits(
    told: Outgoing, server: CallersServer
) -> None:
    breakout_id, other_id = told.breakout(), told.breakout()
    made = told.endpoint(server.url)
    server.answers = [500, 302]
    told.say(breakout_id, "a", "b")
    for status in (500, 302):
        begun = datetime.now(UTC)
        told.rest(made.endpoint_id)
        head, waiting = told.deliveries(made.endpoint_id)
        assert (head.state.value, head.last_status) == ("pending", status)
        assert (waiting.state.value, waiting.attempts, waiting.next_attempt_at) == ("pending", 0, None)
        assert head.next_attempt_at is not None
        wait = RETRY_DELAYS[head.attempts - 1]
        assert begun <= head.next_attempt_at - wait <= datetime.now(UTC)
        told.hasten(made.endpoint_id)
    told.say(other_id, "elsewhere")
    told.rest(made.endpoint_id)
    a = [heard for heard in server.heard if heard.body["data"]["fields"] == ["a"]]
    assert len({(heard.id, heard.raw) for heard in a}) == 1
    assert len(a) == 3
    assert [heard.body["data"]["fields"] for heard in server.heard if heard.status == 204][-1] in (["b"], ["elsewhere"])
    assert told.states(made.endpoint_id) == ["delivered"] * 3


def test_after_the_last_retry_a_delivery_has_failed_and_the_next_one_goes(
    told: Outgoing, server: CallersServer
) -> None:
    made = told.endpoint(server.url)
    server.answers = [503] * (len(RETRY_DELAYS) + 1)
    told.say(told.breakout(), "a", "b")
    for _ in RETRY_DELAYS:
        told.rest(made.endpoint_id)
        told.hasten(made.endpoint_id)
    told.rest(made.endpoint_id)
    assert told.states(made.endpoint_id) == ["failed", "delivered"]
    assert told.deliveries(made.endpoint_id)[0].attempts == 10


def test_redelivering_waits_for_nothing_and_is_the_same(told: Outgoing, server: CallersServer) -> None:
    made = told.endpoint(server.url)
    breakout_id = told.breakout()
    told.say(breakout_id, "a")
    told.rest(made.endpoint_id)
    server.status = 500
    told.say(breakout_id, "b", "c")
    told.rest(made.endpoint_id)
    a, b, c = told.deliveries(made.endpoint_id)
    server.status = 200
    endpoints.redeliver(told.deps, made.endpoint_id, a.id)
    endpoints.redeliver(told.deps, made.endpoint_id, c.id)
    told.rest(made.endpoint_id)
    assert told.states(made.endpoint_id) == ["delivered", "pending", "delivered"], "b waits for its next try"
    assert (server.ids()[:2], set(server.ids()[2:])) == ([a.id, b.id], {a.id, c.id})
    assert len({heard.raw for heard in server.heard if heard.id == a.id}) == 1
    endpoints.redeliver(told.deps, made.endpoint_id, b.id)
    told.rest(made.endpoint_id)
    assert told.states(made.endpoint_id) == ["delivered"] * 3
    told.say(breakout_id, "d")
    told.rest(made.endpoint_id)
    assert server.heard[-1].body["data"]["fields"] == ["d"]


def test_a_ping_is_sent_whatever_the_endpoint_hears(told: Outgoing, server: CallersServer) -> None:
    made = told.endpoint(server.url, events=["breakout.warning"])
    delivery_id = endpoints.ping(told.deps, made.endpoint_id)
    told.rest(made.endpoint_id)
    (heard,) = server.heard
    body = heard.verified(made.secret)
    assert (heard.id, body["type"], body["data"]["breakout_id"]) == (delivery_id, "ping", None)
    assert told.states(made.endpoint_id) == ["delivered"]


def _disabled(told: Outgoing, endpoint_id: str) -> bool:
    with told.deps.database.reading() as session:
        return session.get_one(Endpoint, endpoint_id).disabled


def test_an_answer_gone_disables_and_so_do_five_days_of_failures(told: Outgoing, server: CallersServer) -> None:
    gone, failing = told.endpoint(server.url), told.endpoint(server.url)
    server.status = 410
    told.say(told.breakout(), "a")
    for made in (gone, failing):
        told.rest(made.endpoint_id)
        assert _disabled(told, made.endpoint_id)
    endpoints.change(told.deps, failing.endpoint_id, EndpointChange(disabled=False))
    server.status = 500
    told.say(told.breakout(), "b")
    told.rest(failing.endpoint_id)
    assert not _disabled(told, failing.endpoint_id)
    with told.deps.database.transaction() as tx:
        mine = update(Endpoint).where(col(Endpoint.id) == failing.endpoint_id)
        tx.session.execute(mine.values(failing_since=tx.now() - timedelta(days=5)))
    told.hasten(failing.endpoint_id)
    told.rest(failing.endpoint_id)
    assert _disabled(told, failing.endpoint_id)


def test_after_a_rotation_both_secrets_sign_for_a_day(told: Outgoing, server: CallersServer) -> None:
    made = told.endpoint(server.url)
    rotated = endpoints.rotate(told.deps, made.endpoint_id)
    endpoints.ping(told.deps, made.endpoint_id)
    told.rest(made.endpoint_id)
    assert len(server.heard[0].headers["webhook-signature"].split(" ")) == 2
    assert server.heard[0].verified(made.secret) == server.heard[0].verified(rotated.secret)
    with told.deps.database.transaction() as tx:
        row = tx.session.get_one(Endpoint, made.endpoint_id)
        row.old_secrets = [{**row.old_secrets[0], "until": tx.now().isoformat()}]
        assert made.secret not in str(row.model_dump())
        assert rotated.secret not in str(row.model_dump())
    endpoints.ping(told.deps, made.endpoint_id)
    told.rest(made.endpoint_id)
    server.heard[1].verified(rotated.secret)
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(server.heard[1].raw, server.heard[1].headers)


def test_a_process_that_dies_between_call_and_record_sends_the_same_again_and_keeps_the_order(
    told: Outgoing, server: CallersServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = told.endpoint(server.url)
    told.say(told.breakout(), "a", "b", "c")
    record, unrecorded = lines.go_on, list[str]()

    def die_before_recording(deps: Deps, claim: due.Claim, outcomes: list[Outcome], *more: object) -> object:
        if outcomes:
            unrecorded.extend(outcome.delivery_id for outcome in outcomes)
            raise Died
        return record(deps, claim, outcomes, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(delivering, "go_on", die_before_recording)
    told.until(lambda: unrecorded, "a call that is not recorded")
    monkeypatch.undo()
    assert told.states(made.endpoint_id) == ["pending"] * 3
    assert server.ids() == unrecorded
    with told.deps.database.transaction() as tx:  # as the timekeeper does when the lease has ended
        mine = update(Endpoint).where(col(Endpoint.id) == made.endpoint_id)
        tx.session.execute(mine.values(holder=None, due_at=tx.now()))
    told.rest(made.endpoint_id)
    again = server.heard[len(unrecorded) :]
    assert [heard.body["data"]["fields"] for heard in again] == [["a"], ["b"], ["c"]]
    assert [(heard.id, heard.raw) for heard in server.heard] == [
        (heard.id, heard.raw) for heard in (*again[: len(unrecorded)], *again)
    ]


def test_one_that_hangs_and_one_that_is_dead_keep_no_other_waiting(told: Outgoing, server: CallersServer) -> None:
    with CallersServer(wait_seconds=3) as hanging:
        dead = told.endpoint("http://127.0.0.1:9/")
        slow = told.endpoint(hanging.url)
        quick = told.endpoint(server.url)
        breakouts = [told.breakout() for _ in range(20)]
        for breakout_id in breakouts:
            told.say(breakout_id, *map(str, range(5)))
        told.until(lambda: len(server.heard) == 100, "100 deliveries beside a hanging endpoint")
        assert len(hanging.heard) < 100, "or its calls have kept the others waiting"
        assert hanging.at_once <= delivering.LINES, "calls to one endpoint are bounded"
        assert set(told.states(quick.endpoint_id)) <= {"delivered", "pending"}
        for made in (dead, slow):
            endpoints.remove(told.deps, made.endpoint_id)


def test_names_that_no_server_answers_keep_no_other_waiting() -> None:
    is_over, asked = threading.Event(), list[str]()

    def ask(host: str, _port: int) -> list[str]:
        asked.append(host)
        if host.endswith("silent.example"):
            is_over.wait(LONG)
        return ["8.8.8.8"]

    async def story() -> None:
        lookup = SystemLookup(ask)
        for _ in range(2):  # those who have given up keep no further threads
            names = [f"{number}.silent.example" for number in range(2 * LOOKUPS)]
            waiting = [asyncio.create_task(lookup(name, 443)) for name in names]
            async with asyncio.timeout(LONG):
                assert await lookup("there.example", 443) == ["8.8.8.8"]
            for one in waiting:
                one.cancel()
            await asyncio.wait(waiting)
        assert len(asked) == LOOKUPS_OF_SITE + 2
        is_over.set()
        async with asyncio.timeout(LONG):
            assert await lookup("SILENT.example.", 443) == ["8.8.8.8"]

    try:
        asyncio.run(story())
    finally:
        is_over.set()


def test_a_name_that_leads_elsewhere_since_it_was_checked_is_refused(
    told: Outgoing, server: CallersServer, request: pytest.FixtureRequest
) -> None:
    addresses = {"there.example": ["8.8.8.8"]}

    async def lookup(host: str, _port: int) -> list[str]:
        if host not in addresses:
            raise OSError("no such name")
        return addresses[host]

    public = replace(told.deps, post=Post(LoopThread("public"), private=False, lookup=lookup))
    request.addfinalizer(public.post.close)
    url = server.url.replace("127.0.0.1", "there.example")
    endpoints.check_url(public, url)
    made = told.endpoint(url)
    addresses["there.example"] = ["8.8.8.8", "127.0.0.1"]
    with pytest.raises(Malformed):
        endpoints.check_url(public, url)
    told.say(told.breakout(), "a")
    told.until(lambda: told.states(made.endpoint_id) == ["refused"], "a refusal", public)
    (row,) = told.deliveries(made.endpoint_id)
    assert (row.attempts, row.last_status, row.next_attempt_at) == (1, None, None)
    del addresses["there.example"]
    endpoints.redeliver(told.deps, made.endpoint_id, row.id)
    told.until(lambda: told.deliveries(made.endpoint_id)[0].attempts == 2, "another try", public)
    assert told.states(made.endpoint_id) == ["pending"], "a name that does not resolve counts as no answer"
    assert server.heard == []


def test_a_redirect_is_not_followed(told: Outgoing, server: CallersServer) -> None:
    with CallersServer(status=307, location=server.url) as redirecting:
        made = told.endpoint(redirecting.url)
        endpoints.ping(told.deps, made.endpoint_id)
        told.rest(made.endpoint_id)
        assert (len(redirecting.heard), server.heard) == (1, [])
        assert told.deliveries(made.endpoint_id)[0].last_status == 307


def test_what_is_to_be_said_of_a_meeting_goes_with_it(told: Outgoing, server: CallersServer) -> None:
    own, everywhere = told.endpoint(server.url), told.endpoint(server.url, meeting_id=None)
    other = Outgoing(told.deps)
    server.status = 500
    for one in (told, other):
        one.say(one.breakout(), "a")
    for made in (own, everywhere):
        told.rest(made.endpoint_id)
    assert told.states(everywhere.endpoint_id) == ["pending", "pending"]
    with told.deps.database.transaction() as tx:
        breakouts = select(col(Breakout.id)).where(col(Breakout.meeting_id) == told.meeting_id)
        tx.session.execute(breakouts.with_for_update(key_share=True))
        forget_meeting(tx, told.meeting_id)
        for column in (col(Event.breakout_id), col(Room.breakout_id), col(Breakout.id)):
            tx.session.execute(delete(column.class_).where(column.in_(breakouts)))  # type: ignore[attr-defined]
    with told.deps.database.reading() as session:
        assert session.get(Endpoint, own.endpoint_id) is None
    assert told.states(everywhere.endpoint_id) == ["pending"]
    endpoints.remove(told.deps, everywhere.endpoint_id)


def test_deliveries_live_for_30_days_and_go_with_their_endpoint(told: Outgoing, server: CallersServer) -> None:
    made = told.endpoint(server.url)
    told.say(told.breakout(), "a")
    told.settle(made.endpoint_id)
    told.rest(made.endpoint_id)
    with told.deps.database.transaction() as tx:
        due_at = tx.session.get_one(Endpoint, made.endpoint_id).due_at
        mine = col(Delivery.endpoint_id) == made.endpoint_id
        assert due_at == tx.session.scalars(select(col(Delivery.created_at)).where(mine)).one() + timedelta(days=30)
        tx.session.execute(update(Delivery).where(mine).values(created_at=tx.now() - timedelta(days=30)))
        tx.session.execute(update(Endpoint).where(col(Endpoint.id) == made.endpoint_id).values(due_at=tx.now()))
    told.rest(made.endpoint_id)
    assert told.deliveries(made.endpoint_id) == []
    endpoints.ping(told.deps, made.endpoint_id)
    endpoints.remove(told.deps, made.endpoint_id)
    with told.deps.database.reading() as session:
        for table in (Delivery, EndpointCursor):
            of_it = select(table).where(col(table.endpoint_id) == made.endpoint_id)
            assert session.scalars(of_it).all() == []
