"""The control API `/_sandbox/...`, with which tests join meetings, set faults and switches, and read the state."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, TypeAdapter, ValidationError

from orchestrator.sandbox.edge import hub
from orchestrator.sandbox.edge.media_messages import AUDIO, VIDEO
from orchestrator.sandbox.parts import Parts
from orchestrator.sandbox.rest import meetings, participants, sessions, webhooks
from orchestrator.sandbox.rest.faults import RateLimit
from orchestrator.sandbox.rest.http import Receive, Scope, Send, read_body, respond
from orchestrator.sandbox.rest.responses import Response
from orchestrator.sandbox.rest.routes import OPERATIONS
from orchestrator.sandbox.world import live, recorder
from orchestrator.sandbox.world.config import Budget, Fault, Latency, Settable
from orchestrator.sandbox.world.state import Peer, World
from orchestrator.sandbox.world.tokens import participant_of
from orchestrator.sandbox.world.values import JSON, Refusal, iso, iso_or_none

FAULTS = TypeAdapter(list[Fault])
MAX_POLL_SECONDS = 30.0


class Join(BaseModel):
    """Somebody joins with the token of a participant."""

    auth_token: str


class Cut(BaseModel):
    """The network of a person's pages fails for some seconds."""

    custom_participant_id: str
    seconds: float = 0.0


class Outage(BaseModel):
    """RealtimeKit is gone for some seconds: its API, its sockets, its media."""

    seconds: float


class Transfer(BaseModel):
    """RealtimeKit's own breakouts send a page to another meeting."""

    peer_id: str
    auth_token: str


class Leave(BaseModel):
    """A peer hangs up."""

    peer_id: str


class End(BaseModel):
    """A host presses "End meeting for all"."""

    meeting_id: str


class HostRecords(BaseModel):
    """A host presses a button of the recording in a meeting; `fail` is RealtimeKit's recorder breaking down."""

    meeting_id: str
    action: Literal["start", "stop", "pause", "resume", "fail"]


class Anonymous(BaseModel):
    """Somebody has no id of the caller's; REST makes nobody without one."""

    participant_id: str


class Age(BaseModel):
    """Move the creation of a meeting, and its latest change, back by some seconds."""

    meeting_id: str
    seconds: float


class Control:
    """Answers with plain JSON; errors are `{"error": …}`."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._world = parts, parts.world
        self._handlers: dict[tuple[str, str], Callable[[bytes, dict[str, str]], Any | Awaitable[Any]]] = {
            ("POST", "join"): self._join,
            ("POST", "leave"): self._leave,
            ("POST", "cut"): self._cut,
            ("POST", "outage"): self._outage,
            ("POST", "transfer"): self._transfer,
            ("POST", "end"): self._end,
            ("POST", "record"): self._record,
            ("POST", "age"): self._age,
            ("POST", "anonymous"): self._anonymous,
            ("POST", "emit"): self._emit,
            ("POST", "reset"): self._reset,
            ("GET", "departures"): self._departures,
            ("GET", "state"): lambda *_: state_of(self._world),
            ("GET", "faults"): lambda *_: parts.faults.show(),
            ("PUT", "faults"): self._put_faults,
            ("GET", "latency"): lambda *_: parts.delays.latency.model_dump(),
            ("PUT", "latency"): self._put_latency,
            ("GET", "switches"): lambda *_: parts.config.switches.model_dump(),
            ("PUT", "switches"): lambda body, _: _change(parts.config.switches, body),
            ("GET", "timings"): lambda *_: parts.config.timings.model_dump(),
            ("PUT", "timings"): lambda body, _: _change(parts.config.timings, body),
            ("GET", "delivery"): lambda *_: parts.config.delivery.model_dump(),
            ("PUT", "delivery"): lambda body, _: _change(parts.config.delivery, body),
            ("GET", "budget"): lambda *_: parts.rate_limit.show(),
            ("PUT", "budget"): self._put_budget,
            ("GET", "calls"): lambda *_: parts.call_log.show() | {"budget": parts.rate_limit.show()},
            ("DELETE", "calls"): self._forget_calls,
            ("GET", "deliveries"): self._deliveries,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        handler = self._handlers.get((scope["method"], scope["path"].removeprefix("/_sandbox/")))
        if handler is None:
            await respond(send, Response(404, {"error": "the control API has no such path or method"}))
            return
        try:
            result = handler(await read_body(receive), dict(parse_qsl(scope["query_string"].decode())))
            response = Response(200, await result if isinstance(result, Awaitable) else result)
        except Refusal as refusal:
            response = Response(refusal.status, {"error": refusal.message})
        except ValidationError as error:
            response = Response(400, {"error": str(error)})
        except ValueError as error:
            response = Response(400, {"error": f"not JSON: {error}"})
        await respond(send, response)

    def _join(self, body: bytes, _query: dict[str, str]) -> JSON:
        participant = participant_of(self._world, Join.model_validate_json(body).auth_token)
        peer = live.join(self._world, participant)
        return {"peer_id": peer.id, "session_id": peer.session.id, "meeting_id": participant.meeting.id}

    def _leave(self, body: bytes, _query: dict[str, str]) -> JSON:
        peer = self._world.peers.get(Leave.model_validate_json(body).peer_id)
        if peer is None:
            raise Refusal(404, "unknown peer")
        return {"left": live.leave(self._world, peer), "because": peer.left_because}

    def _cut(self, body: bytes, _query: dict[str, str]) -> JSON:
        asked = Cut.model_validate_json(body)
        return {"cut": self._parts.hub.cut(asked.custom_participant_id, asked.seconds)}

    def _outage(self, body: bytes, _query: dict[str, str]) -> JSON:
        return {"cut": self._parts.hub.fail(Outage.model_validate_json(body).seconds)}

    def _transfer(self, body: bytes, _query: dict[str, str]) -> JSON:
        asked = Transfer.model_validate_json(body)
        meeting = participant_of(self._world, asked.auth_token).meeting
        self._parts.hub.transfer(asked.peer_id, asked.auth_token, meeting.id)
        return {"meeting_id": meeting.id}

    def _end(self, body: bytes, _query: dict[str, str]) -> JSON:
        session = self._world.meeting(End.model_validate_json(body).meeting_id).session
        return {"ended": session is not None and live.end_session(self._world, session, "HOST_ENDED_MEETING") >= 0}

    def _record(self, body: bytes, _query: dict[str, str]) -> JSON:
        asked = HostRecords.model_validate_json(body)
        meeting = self._world.meeting(asked.meeting_id)
        recording = recorder.active(meeting)
        match asked.action:
            case "start" if recording is None:
                recording = recorder.start(self._world, meeting, meeting.session, {}, "API_CALL")
            case "stop" if recording:
                recorder.stop(self._world, recording, "API_CALL", by_user=True)
            case "fail" if recording:
                recorder.stop(self._world, recording, "INTERNAL_ERROR")
            case "pause" if recording and recorder.pause(self._world, recording):
                pass
            case "resume" if recording and recorder.resume(self._world, recording):
                pass
            case _:
                raise Refusal(409, f"Can't {asked.action} now")
        return recorder.show_with_reasons(self._world, recording)

    def _anonymous(self, body: bytes, _query: dict[str, str]) -> JSON:
        participant = self._world.participants.get(Anonymous.model_validate_json(body).participant_id)
        if participant is None:
            raise Refusal(404, "unknown participant")
        participant.custom_participant_id = ""
        return participants.show(participant)

    def _age(self, body: bytes, _query: dict[str, str]) -> JSON:
        age = Age.model_validate_json(body)
        meeting = self._world.meeting(age.meeting_id)
        meeting.created_at -= age.seconds
        meeting.updated_at -= age.seconds
        return {"aged": True}

    def _emit(self, body: bytes, _query: dict[str, str]) -> JSON:
        event = json.loads(body)
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            raise Refusal(400, "an event is an object with its name as `event`")
        self._parts.deliveries.send(event)
        return {"sent": True}

    def _reset(self, _body: bytes, _query: dict[str, str]) -> JSON:
        self._parts.reset()
        return {"reset": True}

    async def _departures(self, _body: bytes, query: dict[str, str]) -> JSON:
        """Return departures later than number `after`; wait up to `wait` seconds for the first of them."""
        after = int(query.get("after", "0"))
        if after > len(self._world.departures):  # the number is from a sandbox that ran before this one
            after = 0
        wait = min(float(query.get("wait", "0")), MAX_POLL_SECONDS)
        if len(self._world.departures) <= after and wait:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._world.departed.wait(), wait)
        return {"departures": [asdict(each) for each in self._world.departures[after:]]}

    def _put_faults(self, body: bytes, _query: dict[str, str]) -> JSON:
        faults = FAULTS.validate_json(body)
        _check_operations({fault.operation for fault in faults} - {"*"})
        self._parts.faults.replace(faults)
        return self._parts.faults.show()

    def _put_latency(self, body: bytes, _query: dict[str, str]) -> JSON:
        latency = Latency.model_validate_json(body)
        _check_operations(set(latency.operations))
        self._parts.delays.latency = latency
        return latency.model_dump()

    def _put_budget(self, body: bytes, _query: dict[str, str]) -> JSON:
        """Set a new budget, of which nothing is used yet; `null` or no body removes the limit and any block."""
        self._parts.rate_limit = RateLimit(TypeAdapter(Budget | None).validate_json(body or b"null"))
        return self._parts.rate_limit.show()

    def _forget_calls(self, _body: bytes, _query: dict[str, str]) -> JSON:
        self._parts.call_log.clear()
        return {"cleared": True}

    def _deliveries(self, _body: bytes, _query: dict[str, str]) -> JSON:
        deliveries = self._parts.deliveries
        return {"pending": deliveries.pending, "attempts": [asdict(each) for each in deliveries.attempts]}


def state_of(world: World) -> JSON:
    """Return everything but the tokens, so that tests can check invariants."""
    return {
        "meetings": [
            meetings.show(each) | {"session_id": each.session.id if each.session else None}
            for each in world.meetings.values()
        ],
        "participants": [
            participants.show(each) | {"meeting_id": each.meeting.id} for each in world.participants.values()
        ],
        "sessions": [
            sessions.show(world, each) | {"meeting_id": each.meeting.id, "reason": each.end_reason, "polls": each.polls}
            for each in world.sessions.values()
        ],
        "peers": [_show_peer(each) for each in world.peers.values()],
        "recordings": [
            recorder.show_with_reasons(world, each) | {"meeting_id": each.meeting.id}
            for each in world.recordings.values()
        ],
        "webhooks": [webhooks.show(each) for each in world.webhooks.values()],
    }


def _show_peer(peer: Peer) -> JSON:
    return {
        "peer_id": peer.id,
        "session_id": peer.session.id,
        "meeting_id": peer.session.meeting.id,
        "participant_id": peer.participant.id,
        "custom_participant_id": peer.participant.custom_participant_id,
        "joined_at": iso(peer.joined_at),
        "left_at": iso_or_none(peer.left_at),
        "left_because": peer.left_because,
        "in_page": peer.in_page,
        "audio": _sends(peer, AUDIO),
        "video": _sends(peer, VIDEO),
    }


def _sends(peer: Peer, kind: int) -> bool:
    """Whether a page's microphone or camera is on."""
    sent = peer.producers.values()
    return any(each["kind"] == kind and not each["pause"] and not each["screen_share"] for each in sent)


def _change(settings: Settable, body: bytes) -> JSON:
    """Set the fields that are sent: all of them, or none when one is wrong."""
    changes = json.loads(body)
    checked = type(settings).model_validate(settings.model_dump() | changes)
    for name in changes:
        setattr(settings, name, getattr(checked, name))
    return settings.model_dump()


def _check_operations(names: set[str]) -> None:
    known = [*OPERATIONS, *hub.OPERATIONS]
    if unknown := names - set(known):
        raise Refusal(400, f"unknown operations {sorted(unknown)}; there are {known}")
