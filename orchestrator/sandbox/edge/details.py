"""The REST calls of the client SDK, with the CORS headers that browsers need."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from orchestrator.sandbox.rest.http import Scope, header
from orchestrator.sandbox.rest.responses import Response, ok, refused
from orchestrator.sandbox.world.state import Participant, World
from orchestrator.sandbox.world.tokens import participant_of
from orchestrator.sandbox.world.values import JSON, Refusal

DETAILS, ICE_SERVERS = "/v2/internals/participant-details", "/iceservers"
OPERATION = "edge_details"
CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"*"),
    (b"access-control-allow-headers", b"*, Authorization"),
    (b"access-control-max-age", b"600"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
SCRIPT = "/_edge/browser.js"
"""A page loads this before the client, so that https and wss addresses of its base lead here without certificates."""
COLOURS: JSON = {
    "brand": {"300": "#497CFD", "400": "#356EFD", "500": "#2160FD", "600": "#0D51FD", "700": "#0246FD"},
    "background": {"600": "#222222", "700": "#1F1F1F", "800": "#1B1B1B", "900": "#181818", "1000": "#141414"},
    "danger": "#FF2D2D",
    "text": "#EEEEEE",
    "text_on_brand": "#EEEEEE",
    "success": "#62A504",
    "video_bg": "#191919",
    "warning": "#FFCD07",
}
"""Those of a preset that has none; the client can't do without."""
BESIDES = ("location.", "location-legacy.", "da-collector.", "api-silos.")
"""The hosts, before the base of the client's addresses, whose calls are of no use: where it is, how it fares."""


def find(world: World, scope: Scope) -> Callable[[], Response] | None:
    """Return what answers a call of the client SDK; None when it is none."""
    path, host = scope["path"], header(scope, b"host")
    known = path in {DETAILS, ICE_SERVERS} or host.startswith(BESIDES)
    if not known:
        return None
    if scope["method"] == "OPTIONS":
        return lambda: Response(204, b"")
    if path == DETAILS:
        return lambda: details(world, header(scope, b"authorization").removeprefix("Bearer "))
    return lambda: Response(200, {"success": True, "iceServers": list[JSON]()})


def script() -> Response:
    """Return the script for pages."""
    text = Path(__file__).with_name("browser.js").read_bytes()
    return shared(Response(200, text, ((b"content-type", b"text/javascript; charset=utf-8"),)))


def details(world: World, token: str) -> Response:
    """GET participant-details: who the token lets in, with their preset."""
    try:
        participant = participant_of(world, token)
    except Refusal as refusal:
        return refused(refusal)
    return ok(_shown(world, participant))


def shared(response: Response) -> Response:
    """Return an answer so that pages of other origins may read it."""
    return replace(response, headers=(*response.headers, *CORS))


def _shown(world: World, participant: Participant) -> JSON:
    person: JSON = {
        "id": participant.id,
        "name": participant.name or "",
        "custom_participant_id": participant.custom_participant_id,
        "organization_id": world.organization_id,
    }
    if participant.picture:  # null makes the client's join fail
        person["picture"] = participant.picture
    preset = participant.preset
    return {
        "participant": person,
        "preset": {"id": preset.id, "name": preset.name, **_complete(preset.content)},
        "meeting": {"title": participant.meeting.title or ""},
    }


def _complete(content: JSON) -> JSON:
    """Add to a preset what the client can't do without."""
    permissions = {"stage_access": "ALLOWED", **content["permissions"]}
    ui = {"config_diff": {}, **content["ui"]}
    ui["design_tokens"] = {
        **ui.get("design_tokens", {}),
        "colors": COLOURS | ui.get("design_tokens", {}).get("colors", {}),
    }
    permissions["plugins"] = {"config": {}, **permissions.get("plugins", {})}
    return {**content, "permissions": permissions, "ui": ui}
