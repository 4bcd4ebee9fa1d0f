"""A repeated Idempotency-Key gets the first response, and nothing is done twice, whatever fails in between."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, update
from sqlmodel import col

from orchestrator.api.idempotency import REPLAYED_HEADER
from orchestrator.errors import NotNow
from orchestrator.realtimekit.titles import title_with_key
from orchestrator.services.access import api_keys
from orchestrator.services.deps import Deps
from orchestrator.services.idempotency import keys, pending
from orchestrator.services.idempotency.keys import once_for
from orchestrator.services.idempotency.pending import Held
from orchestrator.services.planning import creating
from orchestrator.services.upkeep import sweep
from schemas.requests import BreakoutRequest
from schemas.states import KeyRole, RoomState
from schemas.tables import Breakout, IdempotencyKey, Room
from tests.api.conftest import parts
from tests.api.server import JSON, OPERATOR, VIEWER, Api, bearer, checked
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

PHYSICS = {"title": "Physics"}
QUICK = {"realtimekit_timeout_seconds": 4.0, "search_settle_seconds": 0.2}
"""Short, because a repeat waits for both, and yet longer than a machine that is full may stand still."""


@pytest.fixture
def deps(sandbox: SandboxServer, database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Deps]:
    """Build parts, on each database, that soon give up on RealtimeKit."""
    with parts(sandbox, tmp_path, database_url=database_url, broker_url=broker_url, **QUICK) as built:
        yield built


def post(api: Api, path: str, body: Any = None, key: str = "k", **headers: str) -> httpx.Response:
    return api.client.post(path, json=body, headers={"Idempotency-Key": key, **headers})


def replayed(answer: httpx.Response) -> bool:
    mark: str | None = answer.headers.get(REPLAYED_HEADER)
    return mark == "true"


def titles(sandbox: SandboxServer) -> list[str]:
    return [meeting["title"] for meeting in sandbox.state()["meetings"] if meeting["status"] == "ACTIVE"]


def rows(api: Api, table: Any) -> int:
    with api.deps.database.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def everything_that_takes_a_key(api: Api) -> list[tuple[str, Any]]:
    meeting, other = api.meeting("ana", "bo"), api.meeting("cy")
    failed = api.breakout(api.meeting("ana"), 202, start="now")
    with api.deps.database.transaction() as tx:
        tx.session.execute(update(Room).where(col(Room.id) == failed["rooms"][0]["id"]).values(state=RoomState.FAILED))
    draft, another = (api.breakout(meeting)["id"] for _ in range(2))
    people = {"participants": [{"custom_participant_id": "di", "name": "Di"}]}
    return [
        ("/v1/meetings", PHYSICS),
        ("/v1/meetings", {"realtimekit_meeting_id": meeting["realtimekit_meeting_id"]}),
        (f"/v1/meetings/{meeting['id']}/participants", people),
        (f"/v1/meetings/{meeting['id']}/participants/ana/client-tokens", {}),
        (f"/v1/meetings/{meeting['id']}/breakouts", {"rooms": 2}),
        (f"/v1/meetings/{other['id']}/breakouts", {"rooms": 2, "start": "now"}),
        (f"/v1/breakouts/{draft}/start", None),
        (f"/v1/breakouts/{draft}/close", {"countdown_seconds": 5}),
        (f"/v1/breakouts/{another}/cancel", None),
        (f"/v1/breakouts/{failed['id']}/rooms/{failed['rooms'][0]['id']}/retry", None),
    ]


def test_the_same_request_again_gets_the_first_answer(api: Api) -> None:
    asked = [(path, body, f"key {number}") for number, (path, body) in enumerate(everything_that_takes_a_key(api))]
    first = [post(api, *each) for each in asked]
    made = rows(api, Breakout)
    again = [post(api, *each) for each in asked]
    for one, other in zip(first, again, strict=True):
        assert one.is_success, one.text
        assert (other.status_code, other.content) == (one.status_code, one.content), one.request.url
        assert other.headers["content-type"] == one.headers["content-type"] == "application/json"
        assert (replayed(one), replayed(other)) == (False, True)
    assert rows(api, Breakout) == made


def test_an_answer_is_what_a_look_right_afterwards_shows(api: Api) -> None:
    path = f"/v1/breakouts/{api.breakout(api.meeting('ana'))['id']}"
    for verb in ("start", "close"):
        assert post(api, f"{path}/{verb}", key=verb).json() == api.get(path)


def test_the_same_key_with_another_body_is_422(api: Api) -> None:
    path = f"/v1/meetings/{api.meeting()['id']}/breakouts"
    first = post(api, path, {"rooms": 2, "record": True})
    assert checked(post(api, path, {"rooms": 3}), 422)["errors"][0]["loc"] == ["header", "Idempotency-Key"]
    same = api.client.post(path, content=b'{"record":true,  "rooms":2}', headers={"Idempotency-Key": "k"})
    assert same.content == first.content
    assert len(api.get(path)["items"]) == 1


def test_no_body_is_the_same_as_an_empty_one(api: Api) -> None:
    path = f"/v1/breakouts/{api.breakout(api.meeting('ana'))['id']}/start"
    first, again = post(api, path), post(api, path, {})
    assert (first.status_code, again.content) == (202, first.content)


def test_a_key_counts_for_one_path_and_one_caller(api: Api) -> None:
    meeting, other = api.meeting(), api.meeting()
    _, second_key = api_keys.create(api.deps.database, "second", KeyRole.OPERATOR)
    made = [
        post(api, f"/v1/meetings/{meeting['id']}/breakouts", {"rooms": 2}),
        post(api, f"/v1/meetings/{other['id']}/breakouts", {"rooms": 2}),
        post(api, f"/v1/meetings/{meeting['id']}/breakouts", {"rooms": 2}, **bearer(second_key)),
    ]
    assert len({answer.json()["id"] for answer in made}) == 3


def test_a_key_that_is_none_is_422(api: Api) -> None:
    draft = api.breakout(api.meeting())
    for key in (b"", b"x" * 201, b"a\tb", b"\xff", "\u2028".encode()):
        for path, body in [("/v1/meetings", PHYSICS), (f"/v1/breakouts/{draft['id']}/start", None)]:
            answer = api.client.post(path, json=body, headers=[(b"Idempotency-Key", key)])
            assert checked(answer, 422)["errors"][0]["loc"] == ["header", "Idempotency-Key"], key
    assert len(api.get("/v1/meetings")["items"]) == 1
    assert api.get(f"/v1/breakouts/{draft['id']}") == draft


def test_any_printable_key_will_do_but_only_one(api: Api) -> None:
    path = f"/v1/meetings/{api.meeting()['id']}/breakouts"
    for key in ("x", "x" * 200, "Zoë: 1,2;=\"'"):
        raw = [(b"Idempotency-Key", key.encode())]
        first, again = (api.client.post(path, json={"rooms": 2}, headers=raw) for _ in range(2))
        assert replayed(again), again.text
        assert first.content == again.content
        checked(api.client.post(path, json={"rooms": 2}, headers=raw * 2), 422)


def test_who_may_not_is_told_so_before_the_key_counts(api: Api) -> None:
    path = f"/v1/meetings/{api.meeting()['id']}/breakouts"
    assert post(api, path, {"rooms": 2}).status_code == 201
    checked(post(api, path, {"rooms": 2}, **bearer(VIEWER)), 403)
    checked(post(api, path, {"rooms": 2}, key="", **bearer(VIEWER)), 403)


def test_an_error_is_not_remembered(api: Api) -> None:
    meeting = api.meeting("ana")
    path, running = f"/v1/meetings/{meeting['id']}/breakouts", api.breakout(meeting, 202, start="now")
    checked(post(api, path, {"rooms": [{"name": "A", "participants": ["nobody"]}]}), 422)
    checked(post(api, path, {"rooms": 2, "start": "now"}), 409)
    checked(post(api, "/v1/meetings", PHYSICS | {"host_preset": "no_such_preset"}), 422)
    assert rows(api, IdempotencyKey) == 0
    api.post(f"/v1/breakouts/{running['id']}/close", {"countdown_seconds": 0}, 202)
    assert post(api, path, {"rooms": 2}).status_code == 201
    assert post(api, "/v1/meetings", PHYSICS).status_code == 201


def test_two_at_the_same_time_do_it_once_and_get_one_answer(api: Api, sandbox: SandboxServer) -> None:
    sandbox.latency(create_meeting=200)
    for number, (path, body) in enumerate(everything_that_takes_a_key(api)):
        made, there = rows(api, Breakout), len(titles(sandbox))
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(post, [api] * 4, [path] * 4, [body] * 4, [str(number)] * 4))
        assert {answer.content for answer in answers} == {answers[0].content}, path
        assert {answer.status_code for answer in answers} == {answers[0].status_code}
        assert answers[0].is_success
        assert sum(map(replayed, answers)) == 3
        assert rows(api, Breakout) - made == path.endswith("/breakouts")
        assert len(titles(sandbox)) - there == (body == PHYSICS)


def test_of_many_at_the_same_time_only_one_works(api: Api) -> None:
    once, asked, worked = once_for("caller", "path", "key", b""), set[int](), list[Deps]()

    def work(deps: Deps) -> str:
        worked.append(deps)
        wait_until(lambda: len(asked) == 20, what="all have asked")
        return "done"

    def ask(number: int) -> str:
        asked.add(number)
        return keys.run(api.deps, once, work, lambda _, result: keys.Reply(201, result)).body

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(ask, range(20))) == {"done"}
    assert len(worked) == 1


def test_work_and_answer_are_kept_together_or_not_at_all(api: Api) -> None:
    meeting_id = api.meeting("ana")["id"]
    once = once_for("caller", "path", "key", b"")

    def break_off(*_: Any) -> Any:
        raise RuntimeError("as if the process had died")

    def create(deps: Deps) -> str:
        return creating.create(deps, meeting_id, BreakoutRequest(rooms=2, start="now"))

    with pytest.raises(RuntimeError):
        keys.run(api.deps, once, create, break_off)
    assert (rows(api, Breakout), rows(api, IdempotencyKey)) == (0, 0)


def test_after_a_day_a_key_is_free_again_and_old_ones_are_purged(api: Api) -> None:
    path = f"/v1/meetings/{api.meeting()['id']}/breakouts"
    first = [post(api, path, {"rooms": 2}, key=str(number)).json()["id"] for number in range(3)]
    with api.deps.database.transaction() as tx:
        tx.session.execute(update(IdempotencyKey).values(created_at=tx.now() - timedelta(hours=24, seconds=1)))
    again = post(api, path, {"rooms": 3}, key="0")
    assert (again.status_code, replayed(again)) == (201, False)
    assert again.json()["id"] not in first
    assert rows(api, IdempotencyKey) == 1


def test_a_token_is_not_stored_as_it_is(api: Api) -> None:
    path = f"/v1/meetings/{api.meeting('ana')['id']}/participants/ana/client-tokens"
    token = post(api, path, {}).json()["token"]
    with api.deps.database.reading() as session:
        stored = session.scalars(select(col(IdempotencyKey.answer))).one()
    assert stored
    assert token not in stored
    assert post(api, path, {}).json()["token"] == token


@pytest.mark.parametrize(("kind", "search"), [("timeout_after", "substring"), ("reset_after", "nothing")])
def test_a_meeting_whose_answer_was_lost_is_found_by_the_repeat(
    api: Api, sandbox: SandboxServer, kind: str, search: str
) -> None:
    sandbox.switches(search_matches=search)
    sandbox.faults({"operation": "create_meeting", "kind": kind, "seconds": 60})
    lost = post(api, "/v1/meetings", PHYSICS)
    checked(lost, 503)
    assert int(lost.headers["retry-after"]) >= 1
    checked(post(api, "/v1/meetings", {"title": "Chemistry"}), 422)
    found = post(api, "/v1/meetings", PHYSICS)
    assert (checked(found, 201)["title"], replayed(found)) == ("Physics", False)
    assert len(titles(sandbox)) == 1
    assert post(api, "/v1/meetings", PHYSICS).content == found.content


def eventually(api: Api, status: int, key: str = "k") -> JSON:
    """Repeat a request after 503 as a client does, only faster."""

    def answer() -> JSON | None:
        got = post(api, "/v1/meetings", PHYSICS, key)
        return got.json() if got.status_code == status else None

    found = wait_until(answer, what=f"a {status}", every=0.2)
    assert found is not None
    return found


def test_a_meeting_that_was_not_made_is_made_once_the_search_has_settled(api: Api, sandbox: SandboxServer) -> None:
    sandbox.faults({"operation": "create_meeting", "kind": "error_before"})
    checked(post(api, "/v1/meetings", PHYSICS), 503)
    checked(post(api, "/v1/meetings", PHYSICS), 503)
    assert titles(sandbox) == []
    eventually(api, 201)
    assert len(titles(sandbox)) == 1


def test_of_two_that_were_made_because_the_search_lagged_one_is_retired(api: Api, sandbox: SandboxServer) -> None:
    sandbox.switches(search_lag_seconds=60, list_lag_seconds=60)
    sandbox.faults({"operation": "create_meeting", "kind": "error_after", "times": 2})
    wait_until(lambda: post(api, "/v1/meetings", PHYSICS).status_code == 503 and len(titles(sandbox)) == 2)
    sandbox.switches(search_lag_seconds=0, list_lag_seconds=0)
    made = eventually(api, 201)
    assert len(titles(sandbox)) == 1
    alive = [it["id"] for it in sandbox.state()["meetings"] if it["status"] == "ACTIVE"]
    assert alive == [made["realtimekit_meeting_id"]]


def made_twice(api: Api, sandbox: SandboxServer) -> tuple[str, str]:
    """Make a meeting twice, long ago, as if all looks had lagged. Returns the recorded one and the other."""
    sandbox.switches(search_lag_seconds=60, list_lag_seconds=60)
    sandbox.faults({"operation": "create_meeting", "kind": "error_after"})
    ours = eventually(api, 201)["realtimekit_meeting_id"]
    meetings = {it["id"] for it in sandbox.state()["meetings"]}
    for meeting_id in meetings:
        sandbox.age(meeting_id, 7200)
    (other,) = meetings - {ours}
    return ours, other


def swept(api: Api) -> list[str]:
    read = sweep.sweep_page(api.deps, 1)
    assert read.error is None
    return [orphan.realtimekit_id for orphan in read.found]


def test_one_that_the_search_showed_too_late_is_retired_by_the_sweep(api: Api, sandbox: SandboxServer) -> None:
    ours, other = made_twice(api, sandbox)
    assert swept(api) == [other]
    assert [it["id"] for it in sandbox.state()["meetings"] if it["status"] == "ACTIVE"] == [ours]


def test_one_that_was_adopted_since_is_not(api: Api, sandbox: SandboxServer) -> None:
    _, other = made_twice(api, sandbox)
    checked(post(api, "/v1/meetings", {"realtimekit_meeting_id": other}, "k2"), 201)
    assert swept(api) == []


def test_when_nothing_can_have_been_made_the_key_is_forgotten(api: Api, sandbox: SandboxServer) -> None:
    sandbox.faults({"operation": "create_meeting", "kind": "refuse"})
    checked(post(api, "/v1/meetings", PHYSICS), 422)
    assert rows(api, IdempotencyKey) == 0
    sandbox.faults({"kind": "rate_limited"})
    checked(post(api, "/v1/meetings", {"title": "Chemistry"}), 503)
    assert rows(api, IdempotencyKey) == 0


def dying_request(deps: Deps) -> Held:
    """Leave what a process leaves that dies while it makes a meeting."""
    caller = api_keys.key_hash(OPERATOR.encode())
    held = pending.hold(deps, once_for(caller, "/v1/meetings", "k", b'{"title": "Physics"}'))
    assert isinstance(held, Held)
    return held


def let_hold_end(api: Api) -> None:
    """Let the time pass in which nobody else takes over what a process has begun."""
    with api.deps.database.transaction() as tx:
        tx.session.execute(update(IdempotencyKey).values(held_until=tx.now() - timedelta(minutes=1)))


def test_while_another_process_is_at_it_a_repeat_waits_and_then_is_503(api: Api, sandbox: SandboxServer) -> None:
    held = dying_request(api.deps)
    with pytest.raises(NotNow, match="another request"):
        pending.hold(api.deps, held.once, patience_seconds=0.3)
    assert titles(sandbox) == []


def test_what_a_process_made_that_died_is_taken_over(api: Api, sandbox: SandboxServer) -> None:
    held, kit = dying_request(api.deps), api.deps.realtimekit
    made = kit.run(kit.create_meeting(title_with_key("Physics", api.deps.install, held.mark)))
    let_hold_end(api)
    adopted = eventually(api, 201)
    assert (adopted["title"], adopted["realtimekit_meeting_id"]) == ("Physics", made.id)
    assert len(titles(sandbox)) == 1


def test_a_pending_key_is_free_again_after_a_day(api: Api, sandbox: SandboxServer) -> None:
    dying_request(api.deps)
    with api.deps.database.transaction() as tx:
        tx.session.execute(update(IdempotencyKey).values(created_at=tx.now() - timedelta(hours=25)))
    assert post(api, "/v1/meetings", PHYSICS).status_code == 201
    assert (len(titles(sandbox)), rows(api, IdempotencyKey)) == (1, 1)


def test_who_was_overtaken_records_nothing(api: Api) -> None:
    held = dying_request(api.deps)
    let_hold_end(api)
    adopted = eventually(api, 201)
    with pytest.raises(NotNow), api.deps.database.transaction() as tx:
        pending.answer(api.deps, tx, held, keys.Reply(201, "{}"))
    assert post(api, "/v1/meetings", PHYSICS).json() == adopted
