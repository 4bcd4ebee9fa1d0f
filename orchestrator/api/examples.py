"""Examples for the API's description: of requests as somebody would write them, of answers made from their schemas."""

from typing import Any

Schema = dict[str, Any]

ID = "0198f4e2-7b6a-7c31-9d1e-2f4a5b6c7d8e"
TIME = "2026-03-02T09:00:00Z"

REQUESTS: dict[str, dict[str, Any]] = {
    "MeetingRequest": {
        "A new meeting": {
            "title": "Town hall",
            "participants": [
                {"custom_participant_id": "ana", "name": "Ana", "role": "host"},
                {"custom_participant_id": "bo", "name": "Bo", "attributes": {"team": "blue"}},
            ],
        },
        "One that exists at RealtimeKit": {"realtimekit_meeting_id": "bbb0c2d4-3f9a-4a57-8f53-2b7f0f1d9c11"},
    },
    "ParticipantsRequest": {"Two people": {"participants": [{"custom_participant_id": "cy", "name": "Cy"}]}},
    "ClientTokenRequest": {"For an hour": {"ttl_seconds": 3600}},
    "PresentRequest": {"Has come": {"present": True}},
    "BreakoutRequest": {
        "Four recorded rooms for a quarter of an hour, now": {
            "name": "Round 1",
            "rooms": 4,
            "duration_seconds": 900,
            "record": True,
            "start": "now",
        },
        "Rooms of five, ready at nine": {"room_size": 5, "start": TIME},
        "Who sits where is given": {
            "rooms": [{"name": "Blue", "participants": ["ana"]}, {"name": "Red", "participants": ["bo"]}],
            "assignment": {"mode": "manual"},
        },
    },
    "CloseRequest": {"In five seconds": {"countdown_seconds": 5}},
    "BreakoutChange": {
        "Five minutes more": {"extend_seconds": 300},
        "Stop the clock": {"paused": True},
        "Close at another time": {"closes_at": TIME},
        "Another name": {"name": "Round 2"},
    },
    "RoomChange": {"Another name": {"name": "Blue"}},
    "SeatChange": {"To a room": {"room_id": ID}, "Back to the main meeting": {"room_id": None}},
    "AckRequest": {
        "In the main meeting": {"location": "main", "version": 3},
        "In a room": {"location": "room", "room_id": ID, "version": 3},
    },
}
"""By the schema of the body, and what each shows."""

FIELDS: dict[str, Any] = {
    "title": "Town hall",
    "name": "Ana",
    "BreakoutSummary.name": "Round 1",
    "BreakoutResponse.name": "Round 1",
    "RoomResponse.name": "Room 1",
    "SeatRoom.name": "Room 1",
    "room_name": "Room 1",
    "custom_participant_id": "ana",
    "attributes": {"team": "blue"},
    "host_preset": "group_call_host",
    "participant_preset": "group_call_participant",
    "unassigned": ["cy"],
    "present": True,
    "allow_return": True,
    "close_reason": None,
    "problems": [],
    "room_id": ID,
    "realtimekit_meeting_id": "bbb0c2d4-3f9a-4a57-8f53-2b7f0f1d9c11",
    "duration_seconds": 900,
    "countdown_seconds": 60,
    "warn_before_seconds": [300, 60, 10],
    "started_at": TIME,
    "opened_at": TIME,
    "closes_at": "2026-03-02T09:15:00Z",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl",
    "auth_token": "eyJhbGciOiJSUzI1NiJ9.eyJtIjoiMSJ9.c2lnbmF0dXJl",
    "total": 1,
    "BreakoutState": "open",
    "RoomState": "open",
    "SeatState": "joined",
    "RecordingState": "recording",
    "Location": "room",
    "HealthResponse.status": "ok",
    "ReadinessResponse.status": "ready",
    "database": "ok",
    "broker": "ok",
    "timekeeper": "ok",
}
"""What a field of an answer may hold, by its name or, where that is not enough, with its schema's; of an enum, by its
own name. A field that is not here shows something that its schema allows."""


def request_examples(schema: Schema, components: Schema) -> Schema:
    """Examples of a body in OpenAPI's form; one made from the schema where nobody has written any."""
    written = REQUESTS.get(_component(_choice(schema)))
    shown = written or {"For example": _Maker(components, whole=False).value(schema, "")}
    return {words: {"summary": words, "value": value} for words, value in shown.items()}


def answer_example(schema: Schema, components: Schema) -> Any:
    """One example of an answer."""
    return _Maker(components, whole=True).value(schema, "")


def _component(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _choice(schema: Schema) -> Schema:
    """Of alternatives the first that is an object, else null where that is allowed."""
    options: list[Schema] = schema.get("anyOf", [schema])
    rich = [it for it in options if "$ref" in it or it.get("type") in ("object", "array")]
    return (rich or [it for it in options if it.get("type") == "null"] or options)[0]


class _Maker:
    """Makes examples from schemas: `whole` ones have every field, others what is required or has an example."""

    def __init__(self, components: Schema, *, whole: bool) -> None:
        self._components = components
        self._whole = whole

    def value(self, schema: Schema, name: str) -> Any:
        """What a field of that name may hold."""
        if name in FIELDS:
            return FIELDS[name]
        for key in ("examples", "enum"):
            if key in schema:
                return schema[key][0]
        for key in ("default", "const"):
            if key in schema:
                return schema[key]
        if component := _component(schema):
            return self._of_component(component)
        return self.value(_choice(schema), name) if "anyOf" in schema else self._plain(schema, name)

    def _of_component(self, component: str) -> Any:
        schema = self._components[component]
        if "properties" not in schema:
            return self.value(schema, component)
        shown = {
            name: field
            for name, field in schema["properties"].items()
            if self._whole or "examples" in field or name in schema.get("required", [])
        }
        return {name: self._field(component, name, field) for name, field in shown.items()}

    def _field(self, component: str, name: str, field: Schema) -> Any:
        own = f"{component}.{name}"
        return FIELDS[own] if own in FIELDS else self.value(field, name)

    def _plain(self, schema: Schema, name: str) -> Any:
        match schema.get("type"):
            case "array":
                return [self.value(schema["items"], "")]
            case "object":
                return {}
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return False
            case "null":
                return None
        return _text(schema, name)


def _text(schema: Schema, name: str) -> str:
    if schema.get("format") == "date-time":
        return TIME
    return ID if name == "id" or name.endswith("_id") else name.replace("_", " ")
