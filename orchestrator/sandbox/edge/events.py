"""The numbers of the events on the socket: a service's number in the upper half, the event's own in the lower."""

from enum import IntEnum


class Room(IntEnum):
    """Who is in the meeting."""

    PEER_INFO = 0
    PEERS = 2
    JOIN = 3
    LEAVE = 4
    INFO = 5
    CONNECTED_MEETINGS = 20
    CREATE_CONNECTED = 21
    DELETE_CONNECTED = 22
    MOVE = 23
    TRANSFER = 24
    MOVED = 25
    CONNECTED_UPDATED = 26
    CONNECTED_DELETED = 27
    ADDED_PARTICIPANTS = 28
    BROADCAST = 29
    KICK = 30
    KICK_ALL = 31
    WAITING = 33
    BROADCAST_TO = 39
    RECORDING_STARTED = 40
    RECORDING_STOPPED = 41
    RECORDING_PAUSED = 42
    STAGE = 43


class Chat(IntEnum):
    """The messages that people write."""

    MESSAGES = 0x1_0000
    SEND = 0x1_0001
    SEND_TO = 0x1_0002
    EDIT = 0x1_0003
    DELETE = 0x1_0004
    PAGE = 0x1_0005
    SEARCH = 0x1_0007
    PIN = 0x1_000A


class Plugin(IntEnum):
    """Stores that the pages of a meeting share."""

    INSERT_KEYS = 0x2_0009
    GET_KEYS = 0x2_000A


class Polls(IntEnum):
    """Questions with votes."""

    CREATE = 0x3_0000
    LIST = 0x3_0001
    VOTE = 0x3_0002
    UPDATE = 0x3_0003


class Media(IntEnum):
    """Cameras, microphones and what carries them."""

    TRANSPORT = 0x300_0001
    PRODUCE = 0x300_0002
    CONSUME = 0x300_0003
    TOGGLE_PRODUCER = 0x300_0004
    CLOSE_PRODUCER = 0x300_0006
    CLOSE_CONSUMER = 0x300_0007
    JOIN = 0x300_0010
    LEAVE = 0x300_0011
    JOINED = 0x300_0014
    PEER_JOINED = 0x300_0019
    PEER_LEFT = 0x300_001A
    PRODUCER_CREATED = 0x300_001B
    PRODUCER_TOGGLED = 0x300_001C
    PRODUCER_CLOSED = 0x300_001D
    RENAMED = 0x300_0021
    SELECTED = 0x300_0028
    RENEGOTIATE = 0x300_0032
    ERROR = 0x300_003C
    RENAME = 0x300_005C


ERROR = 0xFFFF
"""The event of an answer that refuses a request of any service but the media's."""
