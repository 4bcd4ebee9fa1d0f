"""`HEAD` and `OPTIONS`: what a path answers without its body, and which methods it has."""

from collections import defaultdict

import httpx

from tests.api.described import operations
from tests.api.server import OPERATOR, UNKNOWN_ID, Api, bearer


def test_head_answers_as_get_does_without_the_body(api: Api) -> None:
    described = {operation.filled(UNKNOWN_ID) for operation in operations() if operation.method == "GET"}
    with client_of(api) as client:
        for path in sorted({*described, "/docs", "/openapi.json"}):
            got, head = client.get(path), client.head(path)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers["Content-Type"] == got.headers["Content-Type"], path


def test_head_of_a_stream_ends_at_once(api: Api) -> None:
    meeting = api.meeting("ana")
    paths = {
        f"/v1/breakouts/{api.breakout(meeting)['id']}/events": OPERATOR,
        "/v1/seat/events": api.token(meeting, "ana"),
    }
    with client_of(api) as client:
        for path, key in paths.items():
            head = client.head(path, headers=bearer(key))
            assert (head.status_code, head.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
            assert client.get("/healthz").status_code == 200, "on the same connection"


def test_each_path_names_all_its_methods(api: Api) -> None:
    methods: dict[str, set[str]] = defaultdict(set)
    for operation in operations():
        if not operation.path.startswith("/v1/seat"):
            methods[operation.filled(UNKNOWN_ID)].add(operation.method)
    with client_of(api) as client:
        for path, found in methods.items():
            expected = found | {"OPTIONS"} | ({"HEAD"} if "GET" in found else set())
            options, other = client.options(path), client.request("TRACE", path)
            assert (options.status_code, other.status_code) == (204, 405), path
            assert set(options.headers["Allow"].split(", ")) == set(other.headers["Allow"].split(", ")) == expected


def client_of(api: Api) -> httpx.Client:
    """Return a client with an operator's key and one connection."""
    limits = httpx.Limits(max_connections=1)
    return httpx.Client(base_url=api.url, headers=bearer(OPERATOR), timeout=20, trust_env=False, limits=limits)
