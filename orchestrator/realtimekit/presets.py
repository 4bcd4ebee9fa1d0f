"""The content of presets that fit breakouts: what hosts and participants may do, in main and in rooms.

RealtimeKit requires every field of `config`, `permissions` and `ui` (its OpenAPI description). Rights in breakouts are
three of them: who may alter connected meetings is a host, and the other two let people switch rooms and go home in
RealtimeKit's own user interface.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from orchestrator.realtimekit.records import PresetRecord

NO_WAITING_ROOM = "SKIP"
"""Nobody in a room would let people in."""

HOST_RIGHTS = (
    "accept_waiting_requests",
    "can_accept_production_requests",
    "can_change_participant_permissions",
    "can_livestream",
    "can_record",
    "can_spotlight",
    "disable_participant_audio",
    "disable_participant_screensharing",
    "disable_participant_video",
    "kick_participant",
    "pin_participant",
)
CONFIG: Mapping[str, Any] = MappingProxyType(
    {
        "view_type": "GROUP_CALL",
        "max_screenshare_count": 1,
        "max_video_streams": {"desktop": 25, "mobile": 6},
        "media": {
            "video": {"quality": "hd", "frame_rate": 30},
            "screenshare": {"quality": "hd", "frame_rate": 5},
        },
    }
)
COLORS: Mapping[str, Any] = MappingProxyType(
    {
        "background": {"1000": "#141414", "900": "#181818", "800": "#1b1b1b", "700": "#1f1f1f", "600": "#222222"},
        "brand": {"300": "#844d1c", "400": "#9d5b22", "500": "#b56927", "600": "#d37c30", "700": "#d9904f"},
        "danger": "#FF2D2D",
        "success": "#62A504",
        "text": "#EEEEEE",
        "text_on_brand": "#EEEEEE",
        "video_bg": "#191919",
        "warning": "#FFCD07",
    }
)
"""The colours that RealtimeKit documents as defaults."""


def preset_content(*, is_host: bool) -> dict[str, Any]:
    """Return `config`, `permissions` and `ui` of a preset for hosts, or for everybody else."""
    tokens = {"border_radius": "rounded", "border_width": "thin", "spacing_base": 4, "theme": "dark"}
    return {
        "config": dict(CONFIG),
        "permissions": _permissions(is_host=is_host),
        "ui": {"design_tokens": tokens | {"colors": dict(COLORS)}},
    }


def _permissions(*, is_host: bool) -> dict[str, Any]:
    chat = {"can_send": True, "text": True, "files": True}
    return dict.fromkeys(HOST_RIGHTS, is_host) | {
        "can_edit_display_name": True,
        "chat": {"public": chat, "private": chat | {"can_receive": True}},
        "connected_meetings": {
            "can_alter_connected_meetings": is_host,
            "can_switch_connected_meetings": is_host,
            "can_switch_to_parent_meeting": True,
        },
        "hidden_participant": False,
        "media": {kind: {"can_produce": "ALLOWED"} for kind in ("audio", "video", "screenshare")},
        "plugins": {"can_start": is_host, "can_close": is_host, "can_edit_config": is_host, "config": {}},
        "polls": {"can_create": is_host, "can_view": True, "can_vote": True},
        "recorder_type": "NONE",
        "show_participant_list": True,
        "waiting_room_type": NO_WAITING_ROOM,
    }


def faults(preset: PresetRecord, *, is_host: bool) -> list[str]:
    """Return what keeps a preset, read with its permissions, from fitting hosts, or everybody else, in breakouts."""
    found = []
    if waits(preset):
        found.append(f"its waiting_room_type is {preset.waiting_room}, and nobody in a room would let people in")
    if is_host and not preset.is_host:
        found.append("it lacks can_alter_connected_meetings, without which RealtimeKit's own breakout controls are off")
    if not is_host and preset.is_host:
        found.append("it has can_alter_connected_meetings, with which everybody may move others")
    return found


def waits(preset: PresetRecord) -> bool:
    """Whether people with this preset may have to wait until somebody lets them in."""
    return preset.waiting_room not in (None, NO_WAITING_ROOM)
