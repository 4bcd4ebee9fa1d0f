"""Keys in the database are valid from their creation until they are revoked, in every API process."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, text

from orchestrator.errors import Malformed, NameTaken, Unknown
from orchestrator.services.access import api_keys
from orchestrator.services.access.api_keys import Credential
from orchestrator.services.deps import Deps
from schemas.states import KeyRole
from tests.api.conftest import parts
from tests.api.server import OPERATOR, VIEWER, Api, bearer
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until


@pytest.fixture
def deps(sandbox: SandboxServer, database_url: str, broker_url: str, tmp_path: Path) -> Iterator[Deps]:
    """Build parts on each database."""
    with parts(sandbox, tmp_path, database_url=database_url, broker_url=broker_url) as built:
        yield built


def status(api: Api, key: str, method: str = "GET") -> int:
    return api.stranger.request(method, "/v1/meetings", headers=bearer(key)).status_code


def test_a_key_is_good_at_once_and_revoked_within_two_seconds_everywhere(api: Api, deps: Deps) -> None:
    with Api(deps) as second:
        row, key = api_keys.create(deps.database, "ci", KeyRole.OPERATOR)
        assert [status(one, key) for one in (api, second)] == [200, 200]
        assert status(api, key, "POST") == 422
        api_keys.revoke(deps.database, row.name)
        for one in (api, second):
            wait_until(lambda one=one: status(one, key) == 401, what="the end of the key")  # type: ignore[misc]


def test_a_stream_ends_when_its_key_is_revoked_and_no_other_does(api: Api, deps: Deps) -> None:
    breakout = api.breakout(api.meeting("ana"), 202, start="now")
    (_, theirs), (_, kept) = (api_keys.create(deps.database, name, KeyRole.VIEWER) for name in ("gone", "kept"))
    with (
        api.events(breakout, key=theirs) as ending,
        api.events(breakout, key=kept) as stored,
        api.events(breakout, key=VIEWER) as bootstrap,
    ):
        assert [stream.next().id for stream in (ending, stored, bootstrap)] == ["1"] * 3
        api_keys.revoke(deps.database, "gone")
        list(ending)
        assert ending.comments[-1] == "this API key or client token is no longer good"
        api.post(f"/v1/breakouts/{breakout['id']}/close", None, 202)
        for stream in (stored, bootstrap):
            while stream.next().data["data"].get("to") != "closing":
                pass
    assert status(api, theirs) == 401


def test_a_stream_goes_on_while_nobody_can_tell_whether_its_key_is_good(api: Api, deps: Deps) -> None:
    breakout = api.breakout(api.meeting("ana"), 202, start="now")
    _, key = api_keys.create(deps.database, "ci", KeyRole.OPERATOR)
    looks: list[str] = []
    event.listen(deps.database.engine, "before_cursor_execute", lambda *given: looks.append(given[2]))
    with api.events(breakout, key=key) as stream:
        with deps.database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE api_key RENAME TO away"))
        looks.clear()
        wait_until(lambda: sum("FROM api_key" in statement for statement in looks) > 1, what="two looks in vain")
        with deps.database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO api_key"))
        api.post(f"/v1/breakouts/{breakout['id']}/close", None, 202)
        while stream.next().data["data"].get("to") != "closing":
            pass


def test_a_new_key_is_not_hidden_for_long_by_strangers(api: Api, deps: Deps) -> None:
    assert status(api, "guess") == 401
    _, key = api_keys.create(deps.database, "late", KeyRole.VIEWER)
    wait_until(lambda: status(api, key) == 200, what="the new key")
    assert status(api, key, "POST") == 403


def test_strangers_do_not_make_us_hammer_the_database(api: Api, deps: Deps) -> None:
    looks: list[str] = []
    event.listen(deps.database.engine, "before_cursor_execute", lambda *given: looks.append(given[2]))
    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda number: status(api, f"bok_{number}"), range(200))) == {401}
    took = time.monotonic() - begun
    assert 1 <= sum("api_key" in statement for statement in looks) <= 1 + 4 * took


def test_only_the_hash_of_a_key_is_stored(deps: Deps) -> None:
    row, key = api_keys.create(deps.database, "ci", KeyRole.OPERATOR)
    assert key.startswith("bok_")
    assert len(key) >= 40
    with deps.database.reading() as session:
        stored = session.connection().execute(text("SELECT * FROM api_key")).one()
    assert not any(key in str(value) for value in stored)
    assert api_keys.by_hash(deps.database) == {row.key_hash: Credential("ci", KeyRole.OPERATOR)}


def test_names_are_unique_among_the_living(deps: Deps) -> None:
    first, _ = api_keys.create(deps.database, "ci", KeyRole.OPERATOR)
    with pytest.raises(NameTaken, match="ci"):
        api_keys.create(deps.database, "ci", KeyRole.VIEWER)
    assert api_keys.revoke(deps.database, first.id).id == first.id
    second, _ = api_keys.create(deps.database, "ci", KeyRole.VIEWER)
    assert [row.id for row in api_keys.index(deps.database)] == [first.id, second.id]
    for gone in (first.id, "nobody", ""):
        with pytest.raises(Unknown):
            api_keys.revoke(deps.database, gone)
    for name in ("", " ", "x" * 101, "a\nb", " a"):
        with pytest.raises(Malformed):
            api_keys.create(deps.database, name, KeyRole.VIEWER)


def test_without_a_database_bootstrap_keys_work_and_nobody_else_gets_in(
    sandbox: SandboxServer, broker_url: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'no' / 'folder' / 'here.db'}"
    with parts(sandbox, tmp_path, database_url=url, broker_url=broker_url) as built, Api(built) as api:
        answer = api.stranger.get("/v1/meetings", headers=bearer("bok_whatever"))
        assert answer.status_code == 503
        assert "API keys" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) >= 1
        assert status(api, OPERATOR, "POST") == 422


def test_a_key_that_was_known_is_not_let_in_while_the_database_is_away(api: Api, deps: Deps) -> None:
    _, key = api_keys.create(deps.database, "ci", KeyRole.OPERATOR)
    assert status(api, key) == 200
    with deps.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE api_key RENAME TO away"))
    wait_until(lambda: status(api, key) == 503, what="the end of what was known")
    with deps.database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO api_key"))
    wait_until(lambda: status(api, key) == 200, what="the key's return")
