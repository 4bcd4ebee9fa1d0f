"""Whatever is sent, the API keeps to its description: requests made from it at random, good ones and bad ones.

Ids in paths are real ones, so that a request comes further than 404. Streams are left out, because a good request for
one has no end (test_events.py, test_stream.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import requests
import schemathesis
from _pytest.mark import ParameterSet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import DataObject, data
from schemathesis import Case, GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from orchestrator.api.openapi.credentials import CLIENT_TOKEN
from schemas.problems import ProblemCode
from tests.api.conftest import parts
from tests.api.described import Operation, description, operations
from tests.api.server import OPERATOR, Api, bearer
from tests.support.databases import SQLiteTemplate
from tests.support.sandbox_server import SandboxServer
from tests.support.valkey import Valkey

MANY = 10
"""How many good requests, and how many bad ones, are made for an operation."""
QUOTA = 100_000
CONFORMS = [status_code_conformance, content_type_conformance, response_schema_conformance]
NOT_AS_DESCRIBED = {ProblemCode.UNKNOWN_FIELD, ProblemCode.UNKNOWN_PARAMETER, ProblemCode.NOT_JSON}
"""Refusals that a good request can't get."""

load_all_checks()


@dataclass(frozen=True)
class Place:
    """A running API, and the addresses that requests are made for."""

    api: Api
    client_token: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def built(
    sqlite_template: SQLiteTemplate,
    valkey_of_session: Valkey,
    sandbox_of_session: SandboxServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Api]:
    """Run an API for all of them."""
    home = tmp_path_factory.mktemp("any-request")
    urls = {"database_url": sqlite_template.copy_to(home / "breakouts.db"), "broker_url": valkey_of_session.url}
    with parts(sandbox_of_session, home, realtimekit_requests_per_5_minutes=QUOTA, **urls) as deps, Api(deps) as api:
        yield api


@pytest.fixture
def place(built: Api) -> Place:
    """Prepare a meeting with a draft of a breakout."""
    meeting = built.meeting("ana", "bo", hosts=("cy",))
    breakout = built.breakout(meeting)
    ids = {
        "meeting_id": meeting["id"],
        "breakout_id": breakout["id"],
        "room_id": breakout["rooms"][0]["id"],
        "custom_participant_id": "ana",
        "endpoint_id": built.post("/v1/webhook-endpoints", {"url": "https://8.8.8.8/"}, 201)["id"],
    }
    return Place(built, built.token(meeting, "ana"), ids)


@cache
def _schema() -> BaseSchema:
    return schemathesis.openapi.from_dict(description())


def _asked() -> Iterator[ParameterSet]:
    """Yield each operation with good requests, and with bad ones where it takes a body.

    In a query nearly everything is some text, which a free text takes.
    """
    for operation in operations():
        if operation.path.endswith("/events"):
            continue
        name = f"{operation.method} {operation.path}"
        yield pytest.param(operation, GenerationMode.POSITIVE, id=f"{name} good")
        if "requestBody" in operation.spec:
            yield pytest.param(operation, GenerationMode.NEGATIVE, id=f"{name} bad")


@pytest.mark.parametrize(("operation", "mode"), list(_asked()))
def test_any_request_is_answered_as_described(place: Place, operation: Operation, mode: GenerationMode) -> None:
    named = {name: value for name, value in place.ids.items() if f"{{{name}}}" in operation.path}
    strategy = _schema()[operation.path][operation.method].as_strategy(generation_mode=mode, path_parameters=named)

    @settings(
        max_examples=MANY,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn=data())
    def ask(drawn: DataObject) -> None:
        _check(place, operation, drawn.draw(strategy), mode)

    ask()


def _check(place: Place, operation: Operation, case: Case[Any], mode: GenerationMode) -> None:
    token = place.client_token if operation.takes == CLIENT_TOKEN else OPERATOR
    response = case.call(base_url=place.api.url, session=_session(), headers=bearer(token), timeout=20)
    case.validate_response(
        response, checks=CONFORMS if mode is GenerationMode.POSITIVE else [*CONFORMS, negative_data_rejection]
    )
    if mode is GenerationMode.POSITIVE and response.status_code >= 400:
        assert response.json()["code"] not in NOT_AS_DESCRIBED, f"{case.as_curl_command()}: {response.text}"


@cache
def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session
