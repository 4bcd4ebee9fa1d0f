"""People in rooms ask for help: one open request for each, however often and from wherever they ask."""

from concurrent.futures import ThreadPoolExecutor

import httpx

from orchestrator.services.breakout import moving
from orchestrator.services.deps import Deps
from schemas.tables import Breakout, Meeting, Room
from tests.api.server import UNKNOWN_ID, Api, bearer, checked
from tests.services.hand import Hand
from tests.support.sandbox_server import SandboxServer

ROOMS = [{"name": "Red", "participants": ["ana"]}, {"name": "Blue", "participants": ["bo"]}]


def test_help_is_asked_for_once_until_it_is_resolved(fresh: tuple[Deps, SandboxServer]) -> None:
    hand = Hand(*fresh, ["ana", "bo", "cy"], rooms=ROOMS, assignment={"mode": "manual"})
    with Api(hand.deps) as api:
        meeting, path = {"id": hand.meeting_id}, f"/v1/breakouts/{hand.breakout_id}/help"
        tokens = {name: api.token(meeting, name) for name in ("ana", "cy")}

        def ask(name: str) -> httpx.Response:
            return api.stranger.post("/v1/seat/help", headers=bearer(tokens[name]))

        assert checked(ask("cy"), 409)["state"] == "main"
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(ask, ["ana"] * 8))
        assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
        row = answers[0].json()
        assert all(answer.json() == row for answer in answers)
        assert (row["room_name"], row["custom_participant_id"], row["resolved_at"]) == ("Red", "ana", None)
        blue = api.get(f"/v1/breakouts/{hand.breakout_id}")["rooms"][1]["id"]
        moving.move_person(hand.deps, hand.breakout_id, "ana", blue)
        hand.work(Room, Meeting, Breakout)
        moved = checked(ask("ana"), 200)
        assert (moved["id"], moved["room_name"]) == (row["id"], "Blue"), "the same, from where she is now"
        resolved = api.post(f"{path}/{row['id']}/resolve")
        assert resolved == moved | {"resolved_at": resolved["resolved_at"]}
        assert resolved["resolved_at"] is not None
        assert api.post(f"{path}/{row['id']}/resolve") == resolved, "again changes nothing"
        again = checked(ask("ana"), 201)
        assert again["id"] != row["id"]
        assert api.get(path)["items"] == [resolved, again]
        assert api.get(path, order="desc", limit=1)["items"] == [again]
        log = api.get(f"/v1/breakouts/{hand.breakout_id}/log", limit=200)["items"]
        said = [
            (event["type"], event["actor"], event["data"]["help_id"]) for event in log if "help_id" in event["data"]
        ]
        ana = "participant:ana"
        first, resolving = ("help.requested", ana, row["id"]), ("help.resolved", "key:ops", row["id"])
        assert said == [first, first, resolving, ("help.requested", ana, again["id"])]
        once = bearer(tokens["ana"]) | {"Idempotency-Key": "help-1"}
        repeated = [api.stranger.post("/v1/seat/help", headers=once)]
        api.post(f"{path}/{again['id']}/resolve")
        repeated.append(api.stranger.post("/v1/seat/help", headers=once))
        assert [(answer.status_code, answer.json()) for answer in repeated] == [(200, again)] * 2, "the first answer"
        api.post(f"{path}/{UNKNOWN_ID}/resolve", None, 404)
        checked(api.stranger.post("/v1/seat/help", headers=bearer(tokens["ana"]), json={"why": "?"}), 422)
