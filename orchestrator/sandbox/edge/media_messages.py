"""The messages on the socket about cameras and microphones; the names and numbers are the client's, version 2.0.2."""

from orchestrator.sandbox.edge.protobuf import BOOL, INT, STRING, Message, by_key, many, one

AUDIO, VIDEO = 0, 1
"""The kinds of a producer."""

DESCRIPTION = Message("media.SessionDescription", target=one(1, INT), type=one(2, STRING), sdp=one(3, STRING))
PRODUCER = Message(
    "media.ProducerState",
    producer_id=one(1, STRING),
    kind=one(2, INT),
    pause=one(3, BOOL),
    screen_share=one(4, BOOL),
    app_data=one(5, STRING),
    producing_transport_id=one(6, STRING),
    mime_type=one(7, STRING),
)
TRACK = Message("media.ProducerTrack", track_id=one(1, STRING), producer_id=one(2, STRING), stream_id=one(3, STRING))
CONSUMER = Message(
    "media.ConsumerState",
    consumer_id=one(1, STRING),
    producer_state=one(2, PRODUCER),
    producer_track=one(3, TRACK),
    error_code=one(4, STRING),
)
CONSUMERS = Message("media.ProducerIdToConsumerMap", map=by_key(1, CONSUMER))

TRANSPORT_REQUEST = Message("media.CreateTransportRequest", consuming=one(1, BOOL), description=one(3, DESCRIPTION))
TRANSPORT = Message(
    "media.CreateTransportResponse",
    transport_id=one(1, STRING),
    description=one(2, DESCRIPTION),
    producer_ids=many(4, STRING),
)
RENEGOTIATE_REQUEST = Message("media.RenegotiateRequest", transport_id=one(1, STRING), description=one(2, DESCRIPTION))
RENEGOTIATE = Message("media.RenegotiateResponse", transport_id=one(1, STRING))

PARTICIPANT = Message(
    "media.edge.RoomParticipants",
    peer_id=one(1, STRING),
    producer_states=many(2, PRODUCER),
    display_name=one(3, STRING),
    user_id=one(4, STRING),
)
ROOM_STATE = Message(
    "media.edge.GetRoomStateResponse",
    display_title=one(1, STRING),
    room_uuid=one(3, STRING),
    room_name=one(4, STRING),
    current_peer_id=one(5, STRING),
)
SELECTED = Message("media.edge.SelectedPeersResponse", audio_peers=many(1, STRING), compulsory_peers=many(2, STRING))
JOINED = Message(
    "media.edge.PeerJoinCompleteResponse",
    room_state=one(1, ROOM_STATE),
    participants=many(2, PARTICIPANT),
    selected_peers=one(3, SELECTED),
    max_preferred_streams=one(4, INT),
)
LEFT = Message("media.edge.PeerLeaveResponse", closed=one(1, BOOL))
PEER_JOINED = Message("media.edge.PeerJoinBroadcastResponse", participant=one(1, PARTICIPANT))
PEER_LEFT = Message("media.edge.PeerLeaveBroadcastResponse", participant_id=one(1, STRING))
SELECTED_ONE = Message("media.edge.SelectedPeersDiffEntry", peer_id=one(1, STRING), priority=one(2, INT))
SELECTED = Message("media.edge.SelectedPeersDiffResponse", entries=many(1, SELECTED_ONE))

PRODUCE_REQUEST = Message(
    "media.edge.ProducerCreateRequest",
    kind=one(1, STRING),
    paused=one(2, BOOL),
    screen_share=one(3, BOOL),
    description=one(4, DESCRIPTION),
    msid=one(5, STRING),
    app_data=one(6, STRING),
    mime_type=one(7, STRING),
    producing_transport_id=one(8, STRING),
)
PRODUCE = Message(
    "media.edge.ProducerCreateResponse",
    status=one(1, BOOL),
    producer_id=one(2, STRING),
    description=one(4, DESCRIPTION),
)
TOGGLE_REQUEST = Message("media.edge.ProducerToggleRequest", producer_id=one(1, STRING), pause=one(2, BOOL))
CLOSE_REQUEST = Message(
    "media.edge.ProducerCloseRequest",
    producer_id=one(1, STRING),
    description=one(2, DESCRIPTION),
    producing_transport_id=one(3, STRING),
)
CLOSE = Message("media.edge.ProducerClosingResponse", description=one(1, DESCRIPTION))
PRODUCER_CREATED = Message(
    "media.edge.PeerProducerCreateBroadcastResponse", participant_id=one(1, STRING), producer_state=one(2, PRODUCER)
)
PRODUCER_TOGGLED = Message(
    "media.edge.PeerProducerToggleBroadcastResponse", participant_id=one(1, STRING), producer_state=one(2, PRODUCER)
)
PRODUCER_CLOSED = Message(
    "media.edge.PeerProducerCloseBroadcastResponse", participant_id=one(1, STRING), producer_state=one(2, PRODUCER)
)

CONSUME_ONE = Message(
    "media.edge.ConsumePeerRequest",
    producing_peer_id=one(1, STRING),
    producer_id=one(3, STRING),
    producing_transport_id=one(5, STRING),
)
CONSUME_REQUEST = Message(
    "media.edge.ConsumePeersRequest", requests=many(1, CONSUME_ONE), consuming_transport_id=one(2, STRING)
)
CONSUME = Message(
    "media.edge.ConsumePeerResponse",
    status=one(1, BOOL),
    consumer_ids_map=one(2, CONSUMERS),
    description=one(3, DESCRIPTION),
)
UNCONSUME_REQUEST = Message(
    "media.edge.ConsumerCloseRequest",
    consumer_ids=many(1, STRING),
    description=one(2, DESCRIPTION),
    consuming_transport_id=one(3, STRING),
)
UNCONSUME = Message("media.edge.ConsumerClosingResponse", description=one(1, DESCRIPTION))
RENAME = Message("media.edge.PeerDisplayNameEditRequest", participant_id=one(1, STRING), display_name=one(2, STRING))
RENAMED = Message(
    "media.edge.PeerDisplayNameEditBroadcastResponse", participant_id=one(1, STRING), display_name=one(2, STRING)
)
ERROR = Message("media.edge.ErrorResponse", error_message=one(1, STRING), event_id=one(2, INT))
