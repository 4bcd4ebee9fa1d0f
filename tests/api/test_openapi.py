"""The OpenAPI description is complete and correct."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter

from orchestrator.api.problems import MEDIA_TYPE
from schemas import requests, responses
from tests.api.described import Operation, description, of_schema, operations
from tests.api.server import Api
from tests.support.pyproject import VERSION

JSON = "application/json"


def ids(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def kind(schema: dict[str, Any]) -> Any:
    """Return the type that a schema was made from."""
    (reference,) = [it["$ref"] for it in schema.get("anyOf", [schema]) if "$ref" in it]
    name, _, item = reference.rpartition("/")[2].rstrip("_").partition("_")
    found = getattr(requests, name, None) or getattr(responses, name)
    return found[getattr(responses, item)] if item else found


def strictly(schema: dict[str, Any], example: Any) -> None:
    """Check that an example is valid and contains nothing that the schema does not define."""
    found = TypeAdapter(kind(schema)).validate_python(example)
    assert isinstance(found, BaseModel)
    assert example.keys() <= type(found).model_fields.keys()


def test_what_is_served_is_what_is_described(api: Api) -> None:
    served = api.get("/openapi.json")
    assert served["info"]["version"] == VERSION
    assert {(method.upper(), path) for path, methods in served["paths"].items() for method in methods} == {
        (operation.method, operation.path) for operation in operations()
    }


@pytest.mark.parametrize("operation", operations(), ids=ids)
def test_an_operation_is_described_with_valid_examples(operation: Operation) -> None:
    spec = operation.spec
    assert spec["summary"]
    assert spec["description"]
    assert spec["tags"]
    for parameter in spec.get("parameters", []):
        assert parameter.get("description") or parameter["name"] == "last-event-id"
    contents = [*spec["responses"].values(), *([spec["requestBody"]] if "requestBody" in spec else [])]
    for content in [it["content"][JSON] for it in contents if JSON in it.get("content", {})]:
        examples = list(of_schema(content))
        assert examples
        for example in examples:
            strictly(content["schema"], example)


def test_every_field_of_a_request_is_described_with_its_unit_and_default() -> None:
    fields = {f"{schema}.{name}": spec for schema, name, spec in _request_fields()}
    assert fields, "bodies of requests have fields"
    assert [name for name, spec in fields.items() if not spec.get("description")] == []
    durations = [name for name in fields if name.endswith("_seconds")]
    assert [name for name in durations if "seconds" not in fields[name]["description"]] == []
    optional = [name for name, spec in fields.items() if not spec["required"] and spec.get("default") is None]
    assert [name for name in optional if "Default:" not in fields[name]["description"]] == []


def test_every_field_of_an_answer_is_described() -> None:
    schemas = description()["components"]["schemas"]
    fields = {
        f"{name}.{field}": spec for name, it in schemas.items() for field, spec in it.get("properties", {}).items()
    }
    assert [name for name, spec in fields.items() if not spec.get("description")] == []
    durations = [name for name in fields if name.endswith("_seconds")]
    assert [name for name in durations if "seconds" not in fields[name]["description"]] == []


def test_operations_have_clean_ids() -> None:
    ids = [operation.spec["operationId"] for operation in operations()]
    assert len(set(ids)) == len(ids)
    assert [name for name in ids if not re.fullmatch("[a-z]+([A-Z][a-z]+)*", name)] == []
    assert {"createBreakout", "getBreakout", "listBreakouts", "changeBreakout", "shuffleBreakout"} <= set(ids)


def _request_fields() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every field that a body may have: the name of its schema, its own, and its description."""
    schemas, seen = description()["components"]["schemas"], set[str]()
    bodies = [it.spec["requestBody"] for it in operations() if "requestBody" in it.spec]
    waiting = _named(bodies)
    while waiting:
        schema = waiting.pop()
        if schema in seen:
            continue
        seen.add(schema)
        waiting += _named(schemas[schema])
        for name, spec in schemas[schema].get("properties", {}).items():
            yield schema, name, {**spec, "required": name in schemas[schema].get("required", [])}


def _named(part: Any) -> list[str]:
    """Return the schemas that a part of the description refers to."""
    return re.findall(r"#/components/schemas/(\w+)", json.dumps(part))


@pytest.mark.parametrize("operation", operations(), ids=ids)
def test_an_operation_names_its_errors_as_problems(operation: Operation) -> None:
    errors = {status: it for status, it in operation.spec["responses"].items() if int(status) >= 400}
    for status, error in errors.items():
        assert error["description"]
        (content,) = (error["content"][MEDIA_TYPE],)
        assert error["content"].keys() == {MEDIA_TYPE}
        assert content["example"]["status"] == int(status)
        strictly(content["schema"], content["example"])
    assert operation.takes is None or {"401", "503"} <= errors.keys()


def test_what_makes_or_starts_something_takes_an_idempotency_key() -> None:
    """Require a key for every POST but the browser's acknowledgement and RealtimeKit's webhook."""
    with_key = {
        operation.path
        for operation in operations()
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.spec.get("parameters", []))
    }
    posts = {operation.path for operation in operations() if operation.method == "POST"}
    assert posts - with_key == {"/v1/seat/ack", "/v1/webhooks/realtimekit"}
