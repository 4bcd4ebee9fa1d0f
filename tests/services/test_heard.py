"""Of what an endpoint hears: by its types, its meeting and its tenant, and while it is enabled."""

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import Malformed, Unknown
from orchestrator.services.deps import Deps
from orchestrator.services.reach import Reach
from orchestrator.services.webhooks import endpoints
from schemas.events import EventType
from schemas.requests import EndpointChange, EndpointRequest
from schemas.tables import Meeting
from tests.api.conftest import parts
from tests.services.outgoing import Outgoing
from tests.support.endpoint import CallersServer
from tests.support.sandbox_server import SandboxServer


def test_filters_by_type_and_by_meeting(told: Outgoing, server: CallersServer) -> None:
    other = Outgoing(told.deps)
    warned = told.endpoint(server.url, events=["breakout.warning"])
    for one in (told, other):
        breakout_id = one.breakout()
        one.say(breakout_id, "no")
        one.say(breakout_id, "yes", kind=EventType.BREAKOUT_WARNING)
    told.rest(warned.endpoint_id)
    assert [(heard.body["type"], heard.body["data"]["meeting_id"]) for heard in server.heard] == [
        ("breakout.warning", told.meeting_id)
    ]


def test_an_endpoint_of_a_tenant_hears_of_its_meetings_alone(outgoing: Deps, server: CallersServer) -> None:
    theirs, others = Outgoing(outgoing), Outgoing(outgoing)
    with outgoing.database.transaction() as tx:
        tx.session.get_one(Meeting, theirs.meeting_id).tenant = "acme"
    acme = replace(outgoing, reach=Reach("acme"))
    made = endpoints.create(acme, EndpointRequest(url=server.url))
    for one in (others, theirs):
        one.say(one.breakout(), "a")
    theirs.rest(made.endpoint_id)
    assert [heard.body["data"]["meeting_id"] for heard in server.heard] == [theirs.meeting_id]
    with pytest.raises(Malformed):
        endpoints.create(acme, EndpointRequest(url=server.url, meeting_id=others.meeting_id))
    with pytest.raises(Unknown):
        endpoints.remove(replace(outgoing, reach=Reach("other")), made.endpoint_id)
    endpoints.remove(acme, made.endpoint_id)


def test_what_happens_while_it_is_disabled_is_not_sent_later_and_what_waited_is(
    told: Outgoing, server: CallersServer
) -> None:
    made = told.endpoint(server.url)
    breakout_id = told.breakout()
    server.status = 500
    told.say(breakout_id, "before")
    told.rest(made.endpoint_id)
    server.status = 200
    endpoints.change(told.deps, made.endpoint_id, EndpointChange(disabled=True))
    told.say(breakout_id, "meanwhile")
    told.hasten(made.endpoint_id)
    told.work()
    assert len(server.heard) == 1
    endpoints.change(told.deps, made.endpoint_id, EndpointChange(disabled=False))
    told.say(breakout_id, "after")
    told.rest(made.endpoint_id)
    assert [heard.body["data"]["fields"] for heard in server.heard] == [["before"], ["before"], ["after"]]


def test_what_is_written_unseen_while_an_endpoint_is_made_or_enabled_is_heard_once_that_has_settled(
    postgres_url: str, broker_url: str, tmp_path: Path, server: CallersServer
) -> None:
    urls = {"database_url": postgres_url, "broker_url": broker_url}
    with SandboxServer() as sandbox, parts(sandbox, tmp_path, webhook_allow_private=True, **urls) as deps:
        told = Outgoing(deps)
        breakout_id = told.breakout()
        with deps.database.transaction() as tx:
            within = replace(deps, database=deps.database.within(tx))
            made = endpoints.create(within, EndpointRequest(url=server.url, meeting_id=told.meeting_id))
            told.say(breakout_id, "made")
        told.rest(made.endpoint_id)
        assert server.heard == [], "whoever wrote it saw that nobody hears of it"
        told.settle(made.endpoint_id)
        told.rest(made.endpoint_id)
        endpoints.change(deps, made.endpoint_id, EndpointChange(disabled=True))
        told.say(breakout_id, "meanwhile")
        with deps.database.transaction() as tx:
            within = replace(deps, database=deps.database.within(tx))
            endpoints.change(within, made.endpoint_id, EndpointChange(disabled=False))
            told.say(breakout_id, "enabled")
        told.rest(made.endpoint_id)
        told.settle(made.endpoint_id)
        told.rest(made.endpoint_id)
        assert [heard.body["data"]["fields"] for heard in server.heard] == [["made"], ["enabled"]]
