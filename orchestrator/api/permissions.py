"""Who may call what: one entry for each method of each path.

A viewer's key may call what an operator's may, but only GET. For a tenant's key, and for a host, other meetings and
what belongs to them do not exist.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

MEETING, BREAKOUT = "/v1/meetings/{meeting_id}", "/v1/breakouts/{breakout_id}"
PERSON, ROOM = MEETING + "/participants/{custom_participant_id:path}", BREAKOUT + "/rooms/{room_id}"


class Who(Enum):
    """Who may call a method of a path."""

    ANYBODY = "anybody"
    REALTIMEKIT = "RealtimeKit, whose signature is in a header"
    BROWSERS = "participants' browsers, with a client token of either scope"
    KEYS = "API keys; to a host it is 401"
    KEYS_NOT_HOSTS = "API keys; to a host of that meeting it is 403"
    KEYS_AND_HOSTS = "API keys, and hosts of that meeting"


_ = Who
PERMISSIONS: Mapping[tuple[str, str], Who] = MappingProxyType(
    {
        ("GET", "/healthz"): _.ANYBODY,
        ("GET", "/readyz"): _.ANYBODY,
        ("GET", "/metrics"): _.ANYBODY,
        ("GET", "/docs"): _.ANYBODY,
        ("GET", "/docs/static/{digest}/{name:path}"): _.ANYBODY,
        ("GET", "/openapi.json"): _.ANYBODY,
        ("GET", "/console"): _.ANYBODY,
        ("GET", "/console/"): _.ANYBODY,
        ("GET", "/console/meetings/{meeting_id}"): _.ANYBODY,
        ("GET", "/console/breakouts/{breakout_id}"): _.ANYBODY,
        ("GET", "/console/static/{digest}/{name:path}"): _.ANYBODY,
        ("GET", "/console/session"): _.ANYBODY,
        ("POST", "/console/session"): _.ANYBODY,
        ("DELETE", "/console/session"): _.ANYBODY,
        ("POST", "/v1/webhooks/realtimekit"): _.REALTIMEKIT,
        ("GET", "/v1/seat"): _.BROWSERS,
        ("GET", "/v1/seat/events"): _.BROWSERS,
        ("POST", "/v1/seat/ack"): _.BROWSERS,
        ("PUT", "/v1/seat/room"): _.BROWSERS,
        ("POST", "/v1/seat/help"): _.BROWSERS,
        ("GET", "/v1/meetings"): _.KEYS,
        ("POST", "/v1/meetings"): _.KEYS,
        ("GET", MEETING): _.KEYS_AND_HOSTS,
        ("PATCH", MEETING): _.KEYS_NOT_HOSTS,
        ("DELETE", MEETING): _.KEYS_NOT_HOSTS,
        ("GET", MEETING + "/events"): _.KEYS_AND_HOSTS,
        ("GET", MEETING + "/participants"): _.KEYS_AND_HOSTS,
        ("POST", MEETING + "/participants"): _.KEYS_NOT_HOSTS,
        ("DELETE", PERSON): _.KEYS_AND_HOSTS,
        ("POST", PERSON + "/client-tokens"): _.KEYS_NOT_HOSTS,
        ("DELETE", PERSON + "/client-tokens"): _.KEYS_NOT_HOSTS,
        ("PUT", PERSON + "/present"): _.KEYS_NOT_HOSTS,
        ("GET", MEETING + "/breakouts"): _.KEYS_AND_HOSTS,
        ("POST", MEETING + "/breakouts"): _.KEYS_AND_HOSTS,
        ("POST", MEETING + "/breakouts/import"): _.KEYS_AND_HOSTS,
        ("POST", MEETING + "/rounds"): _.KEYS_AND_HOSTS,
        ("GET", "/v1/breakouts"): _.KEYS,
        ("GET", BREAKOUT): _.KEYS_AND_HOSTS,
        ("PATCH", BREAKOUT): _.KEYS_AND_HOSTS,
        ("GET", BREAKOUT + "/assignment"): _.KEYS_AND_HOSTS,
        ("GET", BREAKOUT + "/attendance"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/broadcast"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/cancel"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/close"): _.KEYS_AND_HOSTS,
        ("GET", BREAKOUT + "/events"): _.KEYS_AND_HOSTS,
        ("GET", BREAKOUT + "/help"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/help/{help_id}/resolve"): _.KEYS_AND_HOSTS,
        ("GET", BREAKOUT + "/log"): _.KEYS_AND_HOSTS,
        ("PUT", BREAKOUT + "/participants/{custom_participant_id:path}/room"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/poll"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/prepare"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/rebalance"): _.KEYS_AND_HOSTS,
        ("GET", BREAKOUT + "/recordings"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/rooms"): _.KEYS_AND_HOSTS,
        ("PATCH", ROOM): _.KEYS_AND_HOSTS,
        ("DELETE", ROOM): _.KEYS_AND_HOSTS,
        ("POST", ROOM + "/recording"): _.KEYS_AND_HOSTS,
        ("POST", ROOM + "/retry"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/shuffle"): _.KEYS_AND_HOSTS,
        ("POST", BREAKOUT + "/start"): _.KEYS_AND_HOSTS,
        ("GET", "/v1/webhook-endpoints"): _.KEYS,
        ("POST", "/v1/webhook-endpoints"): _.KEYS,
        ("GET", "/v1/webhook-endpoints/{endpoint_id}"): _.KEYS,
        ("PATCH", "/v1/webhook-endpoints/{endpoint_id}"): _.KEYS,
        ("DELETE", "/v1/webhook-endpoints/{endpoint_id}"): _.KEYS,
        ("POST", "/v1/webhook-endpoints/{endpoint_id}/secret"): _.KEYS,
        ("POST", "/v1/webhook-endpoints/{endpoint_id}/ping"): _.KEYS,
        ("GET", "/v1/webhook-endpoints/{endpoint_id}/deliveries"): _.KEYS,
        ("POST", "/v1/webhook-endpoints/{endpoint_id}/deliveries/{delivery_id}/redeliver"): _.KEYS,
    }
)
HOSTS_NEVER_ASK = ("erase", "register")
"""Flags in a query by which a host would change what is an operator's alone."""
HOSTS_NEVER_SEND = "room_presets"
"""The field of bodies that is an operator's alone."""
