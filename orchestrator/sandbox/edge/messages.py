"""The messages on the socket but those of media and breakouts; names and numbers are the client's, version 2.0.2."""

from orchestrator.sandbox.edge.protobuf import BOOL, BYTES, INT, STRING, Message, many, one

FRAME = Message(
    "message.v1.SocketMessage", event=one(1, INT), id=one(2, STRING), payload=one(3, BYTES), metadata=one(4, BYTES)
)
ERROR = Message("socket.api.ErrorMessage", code=one(1, INT), message=one(2, STRING))

PEER_FLAGS = Message(
    "socket.room.PeerFlags", preset_name=one(1, STRING), recorder_type=one(2, STRING), hidden_participant=one(3, BOOL)
)
PEER = Message(
    "socket.room.Peer",
    peer_id=one(1, STRING),
    user_id=one(2, STRING),
    display_name=one(3, STRING),
    stage_type=one(4, INT),
    custom_participant_id=one(5, STRING),
    preset_id=one(6, STRING),
    display_picture_url=one(7, STRING),
    waitlisted=one(8, BOOL),
    flags=one(9, PEER_FLAGS),
)
JOIN = Message("socket.room.JoinRoomRequest", peer=one(1, PEER), room_uuid=one(3, STRING))
PEER_INFO_REQUEST = Message("socket.room.GetPeerInfoRequest", peer_id=one(1, STRING))
PEER_INFO = Message("socket.room.PeerInfoResponse", peer=one(1, PEER))
LEAVE = Message("socket.room.LeaveRoomRequest", peer=one(1, PEER))
PEERS = Message("socket.room.RoomPeersInfoResponse", peers=many(1, PEER))
REMOVE = Message("socket.room.RemoveParticipantsRequest", peer_ids=many(1, STRING))

ACTIVE_RECORDING = Message(
    "socket.room.ActiveRecording",
    recording_id=one(1, STRING),
    recording_type=one(2, INT),
    recording_status=one(3, STRING),
)
ROOM = Message(
    "socket.room.Room",
    room_id=one(1, STRING),
    title=one(2, STRING),
    created_at=one(4, INT),
    active_recordings=many(5, ACTIVE_RECORDING),
    room_uuid=one(6, STRING),
)
ROOM_INFO = Message("socket.room.RoomInfoResponse", room=one(1, ROOM))
RECORDING = Message("socket.recording.RecordingEvent", recording_id=one(1, STRING), recording_type=one(3, INT))

ADDED_PARTICIPANT = Message(
    "socket.room.AddedParticipant",
    id=one(1, STRING),
    name=one(2, STRING),
    picture=one(3, STRING),
    custom_participant_id=one(4, STRING),
)
ADDED_PARTICIPANTS = Message("socket.room.GetAllAddedParticipantsResponse", participants=many(1, ADDED_PARTICIPANT))
BROADCAST = Message(
    "socket.room.BroadcastMessage",
    type=one(1, STRING),
    payload=one(2, BYTES),
    timestamp=one(3, INT),
    ids=many(4, STRING),
    broadcast_type=one(5, INT),
)

CHAT_MESSAGE = Message(
    "socket.chat.ChatMessage",
    chat_id=one(1, STRING),
    peer_id=one(2, STRING),
    user_id=one(3, STRING),
    display_name=one(4, STRING),
    pinned=one(5, BOOL),
    is_edited=one(6, BOOL),
    payload_type=one(7, INT),
    payload=one(8, STRING),
    target_user_ids=many(10, STRING),
    created_at=one(11, INT),
    created_at_ms=one(12, INT),
)
CHAT_SEND = Message("socket.chat.SendChatMessageToRoomRequest", payload_type=one(1, INT), payload=one(2, STRING))
CHAT_SENT = Message("socket.chat.SendChatMessageToRoomResponse", message=one(1, CHAT_MESSAGE))
CHAT_SEND_TO = Message(
    "socket.chat.SendChatMessageToPeersRequest",
    peer_ids=many(1, STRING),
    payload_type=one(2, INT),
    payload=one(3, STRING),
)
CHAT_SENT_TO = Message("socket.chat.SendChatMessageToPeersResponse", message=one(1, CHAT_MESSAGE))
CHAT_EDIT = Message(
    "socket.chat.EditChatMessageRequest",
    chat_id=one(1, STRING),
    payload_type=one(2, INT),
    payload=one(3, STRING),
    pinned=one(4, BOOL),
)
CHAT_EDITED = Message("socket.chat.EditChatMessageResponse", message=one(1, CHAT_MESSAGE))
CHAT_DELETE = Message("socket.chat.DeleteChatMessageRequest", chat_id=one(1, STRING))
CHAT_DELETED = Message("socket.chat.DeleteChatMessageResponse", chat_id=one(1, STRING))
CHAT_PIN = Message("socket.chat.PinChatMessageRequest", chat_id=one(1, STRING), pinned=one(2, BOOL))
CHAT_PINNED = Message(
    "socket.chat.PinChatMessageResponse", chat_id=one(1, STRING), pinned=one(2, BOOL), message=one(4, CHAT_MESSAGE)
)
CHAT_MESSAGES = Message("socket.chat.GetChatMessagesResponse", messages=many(1, CHAT_MESSAGE))
CHAT_PAGE = Message(
    "socket.chat.GetPaginatedChatMessageRoomResponse", messages=many(1, CHAT_MESSAGE), next=one(2, BOOL)
)

POLL_VOTE = Message("socket.polls.PollVote", user_id=one(1, STRING), name=one(2, STRING))
POLL_OPTION = Message("socket.polls.PollOption", text=one(1, STRING), count=one(2, INT), votes=many(3, POLL_VOTE))
POLL = Message(
    "socket.polls.Poll",
    poll_id=one(1, STRING),
    created_by=one(2, STRING),
    created_by_user_id=one(3, STRING),
    question=one(4, STRING),
    options=many(5, POLL_OPTION),
    hide_votes=one(6, BOOL),
    anonymous=one(7, BOOL),
    votes=many(8, STRING),
)
POLL_NEW = Message(
    "socket.polls.NewPollRequest",
    question=one(1, STRING),
    options=many(2, STRING),
    anonymous=one(3, BOOL),
    hide_votes=one(4, BOOL),
)
POLL_VOTING = Message("socket.polls.VotePollRequest", poll_id=one(1, STRING), index=one(2, INT))
POLL_UPDATE = Message("socket.polls.UpdatePollResponse", poll=one(1, POLL))
POLL_LIST = Message("socket.polls.GetPollsResponse", polls=many(1, POLL))

STORE_KEY = Message("socket.plugin.StoreKeys", store_key=one(1, STRING), payload=one(2, BYTES))
STORE_GET = Message(
    "socket.plugin.PluginStoreGetKeysRequest",
    plugin_id=one(1, STRING),
    store_name=one(2, STRING),
    get_keys=many(3, STORE_KEY),
)
STORE_INSERT = Message(
    "socket.plugin.PluginStoreInsertKeysRequest",
    plugin_id=one(1, STRING),
    store_name=one(2, STRING),
    insert_keys=many(3, STORE_KEY),
)
STORE_ITEM = Message(
    "socket.plugin.PluginStoreItem",
    timestamp=one(1, STRING),
    peer_id=one(2, STRING),
    store_key=one(3, STRING),
    payload=one(4, BYTES),
)
STORE = Message(
    "socket.plugin.PluginStoreResponse",
    plugin_id=one(1, STRING),
    store_name=one(2, STRING),
    store_items=many(3, STORE_ITEM),
)
