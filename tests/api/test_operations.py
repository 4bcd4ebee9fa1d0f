"""Whether we are well."""

import redis

from orchestrator.store.broker import TIMEKEEPER_KEY
from tests.api.server import Api


def test_a_process_that_answers_is_healthy(api: Api) -> None:
    assert api.get("/healthz") == {"status": "ok"}


def test_ready_needs_a_timekeeper_that_ticks(api: Api, broker_url: str) -> None:
    answer = api.get("/readyz", 503)
    assert answer["failing"] == ["timekeeper"]
    assert (answer["database"], answer["broker"], answer["timekeeper"]) == ("ok", "ok", "missing")
    with redis.Redis.from_url(broker_url) as client:
        client.set(TIMEKEEPER_KEY, "1", ex=30)
    assert api.get("/readyz")["status"] == "ready"


def test_the_description_names_every_error_as_a_problem(api: Api) -> None:
    schema = api.get("/openapi.json")
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert operation.get("description"), path
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert response["content"] == {
                        "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemResponse"}}
                    }
