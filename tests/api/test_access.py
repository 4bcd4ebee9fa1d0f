"""What is recorded of each request: an id on every response, counts by route, and no text of the caller's."""

import socket
from collections import Counter

import httpx
import pytest

from tests.api.server import OPERATOR, UNKNOWN_ID, Api
from tests.support.scrape import Figures
from tests.support.waiting import wait_until

HEADER = "X-Request-ID"


@pytest.mark.parametrize("path", ["/healthz", "/v1/meetings", "/nowhere", f"/v1/breakouts/{UNKNOWN_ID}"])
def test_a_callers_request_id_comes_back_whatever_the_answer(api: Api, path: str) -> None:
    for client in (api.client, api.stranger):
        assert client.get(path, headers={HEADER: "trace/7:b=1"}).headers[HEADER] == "trace/7:b=1"


@pytest.mark.parametrize("given", ["", "two words", "x" * 101, "Zoë", 'a"b', "a;b"])
def test_a_request_id_that_may_not_stand_in_a_log_is_replaced(api: Api, given: str) -> None:
    answers = [api.client.get("/healthz", headers=[(HEADER.encode(), given.encode())]) for _ in range(2)]
    made = {answer.headers[HEADER] for answer in answers}
    assert len(made) == 2
    assert given not in made


def test_a_mistake_of_ours_has_the_request_id_too(api: Api) -> None:
    @api.app.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret")

    answer = api.client.get("/broken", headers={HEADER: "trace-8"})
    assert (answer.status_code, answer.headers[HEADER]) == (500, "trace-8")


def test_who_leaves_before_the_end_of_a_body_is_no_mistake_of_ours(api: Api) -> None:
    meeting = api.meeting("ana", hosts=("hal",))
    calls = {
        "/v1/webhooks/realtimekit": "",
        "/v1/seat/ack": api.token(meeting, "ana"),
        f"/v1/meetings/{meeting['id']}/breakouts": api.token(meeting, "hal", scope="host"),
        "/v1/meetings": OPERATOR,
    }
    url, metrics = httpx.URL(api.url), [f"{api.url}/metrics"]
    before = Figures(metrics)

    def grown() -> Counter[str]:
        """Return how many answers there were of each status."""
        after = Figures(metrics)
        name = "breakouts_http_requests_total"
        statuses = ("400", "422", "500")
        return +Counter({it: int(after.get(name, status=it) - before.get(name, status=it)) for it in statuses})

    for path, credential in calls.items():
        with socket.create_connection((url.host, url.port or 0)) as line:
            head = f"POST {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {credential}\r\n"
            line.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    wait_until(lambda: grown().total() == len(calls), what="all of them in the figures")
    assert "500" not in grown()


def test_requests_are_counted_by_route_and_never_by_what_a_caller_made_up(api: Api) -> None:
    url = f"{api.url}/metrics"
    before = Figures([url])
    api.client.get(f"/v1/breakouts/{UNKNOWN_ID}")
    api.client.get("/made-up/by-somebody")
    api.client.request("PROPFIND", "/v1/meetings")
    api.client.post("/healthz")
    after = Figures([url])

    def grown(**labels: str) -> float:
        name = "breakouts_http_requests_total"
        return after.get(name, **labels) - before.get(name, **labels)

    assert grown(method="GET", route="/v1/breakouts/{breakout_id}", status="404") == 1
    assert grown(method="GET", route="none", status="404") == 1
    assert grown(method="other") == 1
    assert grown(method="POST", route="/healthz", status="405") == 1
    values = {value for _, value in after.labels("breakouts_http")}
    assert not [value for value in values if UNKNOWN_ID in value or "made-up" in value or value == "PROPFIND"]


def test_figures_come_as_a_scraper_wants_them(api: Api) -> None:
    plain = api.stranger.get("/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=")
    wanted = api.stranger.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert wanted.headers["content-type"].startswith("application/openmetrics-text")
    assert wanted.text.endswith("# EOF\n")


def test_figures_say_what_can_not_be_reached_and_show_the_rest(api: Api) -> None:
    api.deps.broker.redis.connection_pool.connection_kwargs["port"] = 1
    api.deps.broker.redis.connection_pool.disconnect()
    found = Figures([f"{api.url}/metrics"])
    assert (found.get("breakouts_up", part="database"), found.get("breakouts_up", part="broker")) == (1, 0)
    assert "breakouts_rooms" in found.help
    assert "breakouts_queue_messages" not in found.help
