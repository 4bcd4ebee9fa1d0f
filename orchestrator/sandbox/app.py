"""The sandbox as an ASGI application: REST API, webhook key, recorded files, and the control API of tests."""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from orchestrator.sandbox.control import Control
from orchestrator.sandbox.edge import details, socket
from orchestrator.sandbox.edge.hub import ADDRESS
from orchestrator.sandbox.parts import Parts
from orchestrator.sandbox.rest.calls import Call, LoggedCall
from orchestrator.sandbox.rest.http import Connection, Receive, Scope, Send, header, read_body, respond
from orchestrator.sandbox.rest.responses import Response, gateway_error, refused
from orchestrator.sandbox.rest.routes import MatchedRoute, Router
from orchestrator.sandbox.rest.spoil import spoil
from orchestrator.sandbox.world.config import Fault, SandboxConfig
from orchestrator.sandbox.world.recorder import VIDEO
from orchestrator.sandbox.world.values import Refusal

PREFIX = "/client/v4/"
NO_ROUTE = gateway_error(404, 7000, "No route for that URI")
UNAUTHORIZED = gateway_error(401, 10000, "Authentication error")


DOORS_OF_PEOPLE = {"/_sandbox/join", "/_sandbox/leave", "/_sandbox/departures"}
"""Those of the control API through which simulated people reach RealtimeKit."""


def create_app(config: SandboxConfig | None = None) -> "Sandbox":
    """Make an empty sandbox, which shares nothing with others."""
    return Sandbox(Parts(config or SandboxConfig()))


class Sandbox:
    """Serves requests; the handlers of REST calls are in the modules that `rest.routes` names."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._router, self._control = parts, Router(), Control(parts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, a page's socket or the lifespan (ASGI)."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if self._parts.hub.is_down and not _is_door_of_tests(scope["path"]):
            await Connection(scope, receive).reset()
            return
        if scope["type"] == "websocket":
            await socket.serve(self._parts.hub, scope, receive, send)
            return
        path: str = scope["path"]
        if not self._parts.config.public_url:
            self._parts.world.base_url = f"http://{header(scope, b'host')}"
        if path.startswith(PREFIX):
            await self._rest(scope, receive, send)
        elif path.startswith("/_sandbox/"):
            await self._control(scope, receive, send)
        elif answer := details.find(self._parts.world, scope):
            await self._details(answer, scope, receive, send)
        else:
            await respond(send, self._other(path))

    async def _details(self, answer: Callable[[], Response], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a REST call of a page's client."""
        await read_body(receive)
        strikes = scope["path"] == details.DETAILS and scope["method"] == "GET"
        fault = self._parts.faults.pick(details.OPERATION, lambda: header(scope, b"tracing-id")) if strikes else None
        response = await self._spoil(fault, Connection(scope, receive), answer) if fault else answer()
        if response:
            await respond(send, details.shared(response))

    async def _rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Log one call and answer it; a fault may cut the connection instead."""
        route, began = self._find(scope), time.perf_counter()
        query = parse_qs(scope["query_string"].decode()) if scope["query_string"] else {}
        operation, params = (route.operation, route.params) if route else ("unknown", {})
        call = Call(operation, scope["method"], scope["path"], params, query, await read_body(receive))
        entry, call_log = LoggedCall(time.time(), call), self._parts.call_log
        call_log.begin(entry)
        try:
            response = self._pass_gateway(scope)
            if response is None:
                response = await self._handle(route, Connection(scope, receive), entry) if route else NO_ROUTE
            if response:
                entry.status = response.status
                await respond(send, response)
        finally:
            call_log.end(entry, time.perf_counter() - began)

    def _find(self, scope: Scope) -> MatchedRoute | None:
        config, segments = self._parts.config, scope["path"][len(PREFIX) :].split("/")
        if len(segments) < 6 or segments[0] != "accounts" or segments[2:4] != ["realtime", "kit"]:
            return None
        if config.account_id not in {None, segments[1]} or config.app_id not in {None, segments[4]}:
            return None
        return self._router.find(scope["method"], segments[5:])

    def _pass_gateway(self, scope: Scope) -> Response | None:
        """Return the gateway's refusal; None when the call goes on to RealtimeKit."""
        scheme, _, token = header(scope, b"authorization").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return UNAUTHORIZED
        if self._parts.config.api_token not in {None, token.strip()}:
            return UNAUTHORIZED
        return self._parts.rate_limit.pass_through()

    async def _handle(self, route: MatchedRoute, connection: Connection, entry: LoggedCall) -> Response | None:
        """Handle a call, with its delay and its fault; None when the fault has cut the connection."""
        parts, call = self._parts, entry.call

        def effect() -> Response:
            try:
                return route.handler(parts.world, call)
            except Refusal as refusal:
                return refused(refusal)

        fault = parts.faults.pick(call.operation, lambda: self._match_text(call))
        entry.fault = fault.kind.value if fault else None
        wait = parts.delays.seconds(call.operation) / 2
        if wait:
            await asyncio.sleep(wait)
        response = await self._spoil(fault, connection, effect) if fault else effect()
        if wait and response:
            await asyncio.sleep(wait)
        return response

    async def _spoil(self, fault: Fault, connection: Connection, effect: Callable[[], Response]) -> Response | None:
        return await spoil(fault, connection, self._parts.faults, self._parts.rate_limit, effect)

    def _match_text(self, call: Call) -> str:
        """Return the text in which a fault looks for its `match`."""
        world, body = self._parts.world, call.body.decode(errors="replace")
        recording = world.recordings.get(call.params.get("recording_id", ""))
        meeting = recording.meeting if recording else world.meetings.get(call.params.get("meeting_id", ""))
        if meeting is None and call.operation in {"start_recordings", "start_track_recording"}:
            meeting = next((each for each in world.meetings.values() if each.id in body), None)
        return f"{call.path}\n{body}\n{meeting.title if meeting else ''}"

    def _other(self, path: str) -> Response:
        """Serve the public key of webhooks, recorded files, and the script for pages."""
        if path == details.SCRIPT:
            return details.script()
        if path == "/.well-known/webhooks.json":
            key = self._parts.signer.public_key_pem
            return Response(200, {"success": True, "data": {"publicKey": key}, "message": ""})
        recording_id, _, kind = path.removeprefix("/_files/").partition(".")
        recording = self._parts.world.recordings.get(recording_id)
        if recording is None or recording.uploaded_at is None:
            return NO_ROUTE
        return Response(200, VIDEO, ((b"content-type", b"audio/aac" if kind == "aac" else b"video/mp4"),))

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        responder = self._parts.hub.responder
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: responder, local_addr=(ADDRESS, 0))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        responder.close()
        await self._parts.deliveries.close()
        await send({"type": "lifespan.shutdown.complete"})


def _is_door_of_tests(path: str) -> bool:
    return path.startswith("/_sandbox/") and path not in DOORS_OF_PEOPLE
