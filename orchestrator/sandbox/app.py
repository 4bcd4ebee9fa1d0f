"""The sandbox as an ASGI application: REST like RealtimeKit's, the webhooks' key, recorded files, the control door."""

import asyncio
import time
from urllib.parse import parse_qs

from orchestrator.sandbox.control import Control
from orchestrator.sandbox.parts import Parts
from orchestrator.sandbox.rest.calls import Call, Logged
from orchestrator.sandbox.rest.http import Connection, Receive, Scope, Send, header, read_body, respond
from orchestrator.sandbox.rest.routes import Found, Router
from orchestrator.sandbox.rest.spoil import spoil
from orchestrator.sandbox.world.answers import Answer, Refusal, gateway_error
from orchestrator.sandbox.world.config import SandboxConfig
from orchestrator.sandbox.world.recorder import VIDEO

PREFIX = "/client/v4/"
NO_ROUTE = gateway_error(404, 7000, "No route for that URI")
UNAUTHORIZED = gateway_error(401, 10000, "Authentication error")


def create_app(config: SandboxConfig | None = None) -> "Sandbox":
    """A sandbox of its own, with nothing in it."""
    return Sandbox(Parts(config or SandboxConfig()))


class Sandbox:
    """Routes requests; what they do is in the modules that `routes` names."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._router, self._control = parts, Router(), Control(parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        path: str = scope["path"]
        if not self._parts.config.public_url:
            self._parts.world.base_url = f"http://{header(scope, b'host')}"
        if path.startswith(PREFIX):
            await self._rest(scope, receive, send)
        elif path.startswith("/_sandbox/"):
            await self._control(scope, receive, send)
        else:
            await respond(send, self._other(path))

    async def _rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call: counted, delayed, spoiled or answered."""
        found, began = self._find(scope), time.perf_counter()
        query = parse_qs(scope["query_string"].decode()) if scope["query_string"] else {}
        operation, params = (found.operation, found.params) if found else ("unknown", {})
        call = Call(operation, scope["method"], scope["path"], params, query, await read_body(receive))
        entry, log = Logged(time.time(), call), self._parts.log
        log.begin(entry)
        try:
            answer = self._at_the_door(scope)
            if answer is None:
                answer = await self._answer(found, Connection(scope, receive), entry) if found else NO_ROUTE
            if answer:
                entry.status = answer.status
                await respond(send, answer)
        finally:
            log.end(entry, time.perf_counter() - began)

    def _find(self, scope: Scope) -> Found | None:
        config, parts = self._parts.config, scope["path"][len(PREFIX) :].split("/")
        if len(parts) < 6 or parts[0] != "accounts" or parts[2:4] != ["realtime", "kit"]:
            return None
        if config.account_id not in {None, parts[1]} or config.app_id not in {None, parts[4]}:
            return None
        return self._router.find(scope["method"], parts[5:])

    def _at_the_door(self, scope: Scope) -> Answer | None:
        """What the gateway answers before RealtimeKit sees the call."""
        scheme, _, token = header(scope, b"authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return UNAUTHORIZED
        if self._parts.config.api_token not in {None, token.strip()}:
            return UNAUTHORIZED
        return self._parts.gate.pass_through()

    async def _answer(self, found: Found, connection: Connection, entry: Logged) -> Answer | None:
        """None: the connection was cut."""
        parts, call = self._parts, entry.call

        def effect() -> Answer:
            try:
                return found.handler(parts.world, call)
            except Refusal as refusal:
                return refusal.answer()

        fault = parts.faults.pick(call.operation, lambda: self._haystack(call))
        entry.fault = fault.kind.value if fault else None
        wait = parts.clock.seconds(call.operation) / 2
        if wait:
            await asyncio.sleep(wait)
        answer = await spoil(fault, connection, parts.gate, effect) if fault else effect()
        if wait and answer:
            await asyncio.sleep(wait)
        return answer

    def _haystack(self, call: Call) -> str:
        """The text in which `match` of a fault is looked for."""
        world, body = self._parts.world, call.body.decode(errors="replace")
        recording = world.recordings.get(call.params.get("recording_id", ""))
        about = recording.meeting if recording else world.meetings.get(call.params.get("meeting_id", ""))
        if about is None and call.operation in {"start_recordings", "start_track_recording"}:
            about = next((each for each in world.meetings.values() if each.id in body), None)
        return f"{call.path}\n{body}\n{about.title if about else ''}"

    def _other(self, path: str) -> Answer:
        """What is not REST: the key that webhooks are signed with, and recorded files."""
        if path == "/.well-known/webhooks.json":
            key = self._parts.signer.public_key_pem
            return Answer(200, {"success": True, "data": {"publicKey": key}, "message": ""})
        identity, _, kind = path.removeprefix("/_files/").partition(".")
        recording = self._parts.world.recordings.get(identity)
        if recording is None or recording.uploaded_at is None:
            return NO_ROUTE
        return Answer(200, VIDEO, ((b"content-type", b"audio/aac" if kind == "aac" else b"video/mp4"),))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._parts.deliveries.close()
        await send({"type": "lifespan.shutdown.complete"})
