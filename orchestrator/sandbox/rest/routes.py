"""The route of each operation; operations have the names of the SDK's methods, made unambiguous."""

from dataclasses import dataclass, field

from orchestrator.sandbox.rest import meetings, participants, presets, recordings, sessions, webhooks
from orchestrator.sandbox.rest.calls import Handler

MEETING = "/meetings/{meeting_id}"
PERSON = "/meetings/{meeting_id}/participants/{participant_id}"
LIVE = "/meetings/{meeting_id}/active-session"
RECORDING = "/recordings/{recording_id}"
SESSION = "/sessions/{session_id}"
PRESET = "/presets/{preset_id}"
WEBHOOK = "/webhooks/{webhook_id}"

ROUTES: list[tuple[str, str, str, Handler]] = [
    ("POST", "/meetings", "create_meeting", meetings.create),
    ("GET", "/meetings", "get_meetings", meetings.find),
    ("GET", MEETING, "get_meeting_by_id", meetings.get),
    ("PUT", MEETING, "replace_meeting_by_id", meetings.replace),
    ("PATCH", MEETING, "update_meeting_by_id", meetings.update),
    ("POST", f"{MEETING}/participants", "add_participant", participants.add),
    ("GET", f"{MEETING}/participants", "get_meeting_participants", participants.find),
    ("GET", PERSON, "get_meeting_participant", participants.get),
    ("PUT", PERSON, "replace_participant", participants.replace),
    ("PATCH", PERSON, "edit_participant", participants.edit),
    ("DELETE", PERSON, "delete_meeting_participant", participants.delete),
    ("POST", f"{PERSON}/token", "refresh_participant_token", participants.refresh),
    ("GET", LIVE, "get_active_session", sessions.active),
    ("POST", f"{LIVE}/kick", "kick_participants", sessions.kick),
    ("POST", f"{LIVE}/kick-all", "kick_all_participants", sessions.kick_all),
    ("POST", f"{LIVE}/mute", "mute_participants", sessions.mute),
    ("POST", f"{LIVE}/mute-all", "mute_all_participants", sessions.mute_all),
    ("POST", f"{LIVE}/poll", "create_poll", sessions.create_poll),
    ("POST", "/recordings", "start_recordings", recordings.start),
    ("GET", "/recordings", "get_recordings", recordings.find),
    ("POST", "/recordings/track", "start_track_recording", recordings.start_track),
    ("GET", "/recordings/active-recording/{meeting_id}", "get_active_recordings", recordings.get_active),
    ("GET", RECORDING, "get_one_recording", recordings.get),
    ("PUT", RECORDING, "pause_resume_stop_recording", recordings.act),
    ("GET", "/sessions", "get_sessions", sessions.find),
    ("GET", SESSION, "get_session_details", sessions.get),
    ("GET", f"{SESSION}/participants", "get_session_participants", sessions.find_participants),
    (
        "GET",
        f"{SESSION}/participants/{{participant_id}}",
        "get_session_participant_details",
        sessions.get_participant,
    ),
    ("GET", "/sessions/peer-report/{peer_id}", "get_participant_data_from_peer_id", sessions.get_peer),
    ("GET", "/presets", "get_presets", presets.find),
    ("POST", "/presets", "create_preset", presets.create),
    ("GET", PRESET, "get_preset_by_id", presets.get),
    ("PUT", PRESET, "replace_preset_by_id", presets.replace),
    ("PATCH", PRESET, "update_preset", presets.update),
    ("DELETE", PRESET, "delete_preset", presets.delete),
    ("POST", "/webhooks", "create_webhook", webhooks.create),
    ("GET", "/webhooks", "get_webhooks", webhooks.find),
    ("GET", "/webhooks/all", "get_webhook_events", webhooks.events),
    ("GET", WEBHOOK, "get_webhook_by_id", webhooks.get),
    ("PUT", WEBHOOK, "replace_webhook", webhooks.replace),
    ("PATCH", WEBHOOK, "edit_webhook", webhooks.edit),
    ("DELETE", WEBHOOK, "delete_webhook", webhooks.delete),
]
OPERATIONS = [operation for _, _, operation, _ in ROUTES]


@dataclass(slots=True)
class PathNode:
    """A node in the tree of paths; a fixed word is preferred to a parameter."""

    words: "dict[str, PathNode]" = field(default_factory=dict)
    parameter: "PathNode | None" = None
    methods: dict[str, tuple[str, Handler, list[str]]] = field(default_factory=dict)


@dataclass(slots=True)
class MatchedRoute:
    """The operation of a request, and its path parameters."""

    operation: str
    handler: Handler
    params: dict[str, str]


class Router:
    """Finds routes in a tree, because trying a list of patterns would slow down every call."""

    def __init__(self) -> None:
        self._root = PathNode()
        for method, path, operation, handler in ROUTES:
            self._add(method, path, operation, handler)

    def find(self, method: str, segments: list[str]) -> MatchedRoute | None:
        """Return the route of a path below the app, split at its slashes; None when there is none."""
        node, values = self._root, list[str]()
        for segment in segments:
            if (fixed := node.words.get(segment)) is not None:
                node = fixed
            elif node.parameter is not None and segment:
                node = node.parameter
                values.append(segment)
            else:
                return None
        if (known := node.methods.get(method)) is None:
            return None
        operation, handler, names = known
        return MatchedRoute(operation, handler, dict(zip(names, values, strict=True)))

    def _add(self, method: str, path: str, operation: str, handler: Handler) -> None:
        node, names = self._root, list[str]()
        for segment in path[1:].split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.parameter = node.parameter or PathNode()
                node = node.parameter
            else:
                node = node.words.setdefault(segment, PathNode())
        node.methods[method] = (operation, handler, names)
