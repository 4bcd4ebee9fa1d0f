"""Who is erased is named nowhere afterwards: not in what is kept or answered, nor in what is sent or logged later."""

from functools import partial
from typing import Any

from redis import Redis

from tests.support.dumps import dump, places_of
from tests.support.endpoint import CallersServer
from tests.support.stack import JSON, Stack, person
from tests.support.waiting import wait_until

GONE = "zeldamira-7@example.com"
WORDS = ("zeldamira", "quistgaard", "crimson")
"""Parts of the id, the name and the attributes that nothing else has in it."""


def test_who_is_erased_is_named_nowhere(stack: Stack, server: CallersServer) -> None:
    endpoint = stack.post("/v1/webhook-endpoints", {"url": server.url})["id"]
    meeting, breakout = _one_that_names_her(stack)
    assert _named(_kept(stack, breakout)), "what is looked through would show her"
    wait_until(partial(_is_all_heard, stack, server, breakout), what="what names her to be delivered")

    gone = stack.api.delete(f"/v1/meetings/{meeting}/participants/{GONE}", params={"erase": "true"})
    assert gone.status_code == 202
    already_logged = {it: len(it.output) for it in _processes(stack)}
    stack.wait(breakout, "open", condition=lambda b: b["progress"]["participants"]["returned"] == 1)
    stack.post(f"/v1/breakouts/{breakout}/close", {"countdown_seconds": 0})
    stack.wait(breakout, "closed")
    after = stack.breakout(meeting, rooms=2, countdown_seconds=0)["id"]
    stack.wait(after, "open", condition=lambda b: b["progress"]["participants"]["joined"] == 2)
    stack.post(f"/v1/breakouts/{after}/close")
    stack.wait(after, "closed")
    for one in (breakout, after):
        wait_until(partial(_is_all_heard, stack, server, one), what="the rest of the log to be delivered")
    wait_until(lambda: all(it["state"] == "delivered" for it in _deliveries(stack, endpoint)), what="all deliveries")
    heard = _again(stack, server, endpoint)

    wait_until(lambda: not _named(_kept(stack, breakout)), what="nothing that is kept names her")
    assert not _named(" ".join(heard)), "a delivery is built anew"
    for process, length in already_logged.items():
        assert not _named(process.output[length:]), process.command
    stack.api.delete(f"/v1/webhook-endpoints/{endpoint}")


def _one_that_names_her(stack: Stack) -> tuple[str, str]:
    """Open a breakout in which she asks for help, moves and is spoken of. Return the ids of meeting and breakout."""
    meeting = stack.meeting(2)
    zelda = person(GONE, attributes={"team": "crimson"}) | {"name": "Zeldamira Quistgaard"}
    stack.post(f"/v1/meetings/{meeting}/participants", {"participants": [zelda]})
    stack.people(meeting, ["p0", "p1", GONE])
    made = stack.breakout(meeting, rooms=2, assignment={"mode": "even", "apart": [[GONE, "p0"]]})
    joined = stack.wait(made["id"], "open", condition=lambda b: b["progress"]["participants"]["joined"] == 3)
    hers = {"Authorization": f"Bearer {stack.token(meeting, GONE)}"}
    assert stack.api.post("/v1/seat/help", headers=hers).status_code == 201
    there = next(room for room in joined["rooms"] if GONE not in str(room["participants"]))
    stack.move(made["id"], GONE, there["id"])
    stack.post(f"/v1/breakouts/{made['id']}/broadcast", {"text": "Zeldamira Quistgaard moves"})
    stack.crowds.settle()
    return meeting, made["id"]


def _kept(stack: Stack, breakout: str) -> str:
    """Return all that the system holds and answers about it."""
    paths = ("", "/log?limit=200", "/assignments", "/attendance", "/help")
    answers = [stack.api.get(f"/v1/breakouts/{breakout}{path}").text for path in paths]
    with stack.parts() as deps:
        return "\n".join([*answers, dump(deps.database), _broker(stack.environment["BROKER_URL"])])


def _broker(url: str) -> str:
    """Return each key of the broker, and what it holds."""
    with Redis.from_url(url, decode_responses=True, encoding_errors="replace") as redis:
        reads: dict[str, Any] = {
            "string": redis.get,
            "list": lambda key: redis.lrange(key, 0, -1),
            "set": redis.smembers,
            "hash": redis.hgetall,
            "zset": lambda key: redis.zrange(key, 0, -1),
            "none": lambda _: None,
        }
        return "\n".join(f"{key}: {reads[redis.type(key)](key)}" for key in redis.scan_iter())


def _named(text: str) -> list[str]:
    return places_of(WORDS, text)


def _is_all_heard(stack: Stack, server: CallersServer, breakout: str) -> bool:
    told = {heard.id for heard in server.heard if heard.body["data"]["breakout_id"] == breakout}
    return len(told) >= len(stack.get(f"/v1/breakouts/{breakout}/log?limit=200")["items"])


def _deliveries(stack: Stack, endpoint: str) -> list[JSON]:
    found: list[JSON] = stack.get(f"/v1/webhook-endpoints/{endpoint}/deliveries?limit=200")["items"]
    return found


def _again(stack: Stack, server: CallersServer, endpoint: str) -> list[str]:
    """Have every delivery sent again, and return the last that was heard of each.

    The list is asked for once, because what the log tells later would be waited for and never sent again.
    """
    wanted = {delivery["id"] for delivery in _deliveries(stack, endpoint)}
    for delivery in wanted:
        stack.post(f"/v1/webhook-endpoints/{endpoint}/deliveries/{delivery}/redeliver")
    wait_until(lambda: all(server.ids().count(it) > 1 for it in wanted), what="every delivery to come again")
    return list({heard.id: heard.raw for heard in server.heard}.values())


def _processes(stack: Stack) -> list[Any]:
    return [stack.api_process, *stack.workers, *stack.timekeepers]
