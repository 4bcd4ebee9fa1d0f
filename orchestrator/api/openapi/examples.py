"""Example values for the API's description, written by hand."""

from typing import Any

from orchestrator.version import VERSION

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
        "The same groups as last time": {"from_breakout": ID},
        "Everybody picks a room": {"rooms": ["Red", "Blue"], "assignment": {"mode": "self_select"}, "start": "now"},
        "Who sits where is given": {
            "rooms": [{"name": "Blue", "participants": ["ana"]}, {"name": "Red", "participants": ["bo"]}],
            "assignment": {"mode": "manual"},
        },
    },
    "RoundsRequest": {
        "Everybody meets three groups": {"rounds": 3, "room_size": 4, "duration_seconds": 600, "gap_seconds": 60},
        "Friends stay together": {"rounds": 2, "rooms": 4, "assignment": {"together": [["ana", "bo"]]}},
    },
    "CancelRequest": {"And all rounds after it": {"rest_of_series": True}},
    "BroadcastRequest": {
        "To everybody": {"text": "Five minutes left. Please agree on one question."},
        "To one room": {"text": "Please speak up.", "room_ids": [ID]},
    },
    "PollRequest": {"In all rooms": {"question": "Shall we have a break?", "options": ["yes", "no"]}},
    "RecordingCommand": {"No more": {"action": "stop"}},
    "CloseRequest": {"In five seconds": {"countdown_seconds": 5}},
    "BreakoutChange": {
        "Five minutes more": {"extend_seconds": 300},
        "Stop the clock": {"paused": True},
        "Close at another time": {"closes_at": TIME},
        "Without a timer": {"closes_at": None},
        "Another name": {"name": "Round 2"},
        "Of a draft: other rooms, and a start": {"rooms": ["Red", "Blue"], "record": True, "start": TIME},
        "Of a draft: another seed": {"assignment": {"seed": 8}},
    },
    "ShuffleRequest": {"By another seed": {"seed": 8}, "Everybody, pinned or not": {"keep_pinned": False}},
    "NewRoomRequest": {"For five people": {"name": "Green", "max_participants": 5}},
    "RoomChange": {
        "Another name": {"name": "Blue"},
        "A limit": {"max_participants": 5},
        "Close this room at a time of its own": {"closes_at": TIME},
        "Stop its own time": {"paused": True},
    },
    "RebalanceRequest": {"At least three to a room": {"min_room_size": 3}},
    "SeatChange": {"To a room": {"room_id": ID}, "Back to the main meeting": {"room_id": None}},
    "AckRequest": {
        "In the main meeting": {"location": "main", "version": 3},
        "In a room": {"location": "room", "room_id": ID, "version": 3},
    },
}
"""Examples of bodies, by the name of the schema and then by what the example shows."""

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
    "recorded": True,
    "text": "Five minutes left.",
    "unassigned": ["cy"],
    "present": True,
    "allow_return": True,
    "close_reason": None,
    "problems": [],
    "room_id": ID,
    "parent_realtimekit_meeting_id": "aaa0c2d4-3f9a-4a57-8f53-2b7f0f1d9c11",
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
    "DeliveryResponse.status": "ok",
    "HealthResponse.status": "ok",
    "HealthResponse.version": VERSION,
    "ReadinessResponse.status": "ready",
    "database": "ok",
    "broker": "ok",
    "timekeeper": "ok",
    "workers": "ok",
}
"""Example values by field name, by `schema.field` where the name alone is ambiguous, or by the name of an enum.

A field that is missing here shows a value that its schema allows.
"""
