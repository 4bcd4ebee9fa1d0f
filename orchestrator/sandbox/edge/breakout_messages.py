"""The messages of RealtimeKit's own breakouts; the names and numbers are the client's, version 2.0.2."""

from orchestrator.sandbox.edge.protobuf import STRING, Message, many, one

PERSON = Message(
    "socket.room.ConnectedMeetingPeer",
    id=one(1, STRING),
    display_name=one(2, STRING),
    custom_participant_id=one(3, STRING),
    preset_id=one(4, STRING),
    display_picture_url=one(5, STRING),
)
MEETING = Message(
    "socket.room.ConnectedMeetingDump",
    id=one(1, STRING),
    title=one(2, STRING),
    participants=many(3, PERSON),
)
MEETINGS = Message(
    "socket.room.GetConnectedRoomsDumpResponse",
    parent_meeting=one(1, MEETING),
    meetings=many(2, MEETING),
)
ERROR = Message("socket.room.ServiceError", message=one(1, STRING), code=one(2, STRING))

NEW = Message("socket.room.CreateRoomRequestPayload", title=one(1, STRING))
CREATE = Message("socket.room.CreateConnectedRoomsRequest", payloads=many(1, NEW))
CREATED_ONE = Message(
    "socket.room.CreateRoomResponsePayload", id=one(1, STRING), title=one(2, STRING), error=one(3, ERROR)
)
CREATED = Message("socket.room.CreateConnectedRoomsResponse", payloads=many(1, CREATED_ONE))

OLD = Message("socket.room.DisableRoomPayload", id=one(1, STRING))
DELETE = Message("socket.room.DisableConnectedRoomsRequest", payloads=many(1, OLD))
DELETED_ONE = Message(
    "socket.room.DisableConnectedRoomPayload",
    id=one(1, STRING),
    status=one(2, STRING),
    title=one(3, STRING),
    error=one(4, ERROR),
)
DELETED = Message("socket.room.DisableConnectedRoomsResponse", payloads=many(1, DELETED_ONE))

MOVE_ONE = Message("socket.room.MovePeerPayload", id=one(1, STRING), preset_id=one(2, STRING))
MOVE = Message(
    "socket.room.MovePeersBetweenRoomsRequest",
    source_meeting_id=one(1, STRING),
    destination_meeting_id=one(2, STRING),
    participants=many(3, MOVE_ONE),
)
MOVED_ONE = Message(
    "socket.room.MovedPeer", meeting_id=one(1, STRING), custom_participant_id=one(2, STRING), error=one(3, ERROR)
)
MOVED = Message("socket.room.MovePeersBetweenRoomsResponse", payloads=many(1, MOVED_ONE))
TRANSFER = Message("socket.room.TransferPeer", meeting_id=one(1, STRING), auth_token=one(2, STRING))
