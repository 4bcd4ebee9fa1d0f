"""The content of the presets that come with an app."""

from orchestrator.sandbox.world.values import JSON

CHAT = {"can_send": True, "text": True, "files": True}


def default_preset(name: str) -> JSON:
    """Build config, permissions and design of a preset from its name."""
    host = name.endswith(("_host", "_presenter"))
    view = "WEBINAR" if name.startswith("webinar") else "GROUP_CALL"
    allowed = "accept_waiting_requests can_accept_production_requests can_change_participant_permissions can_livestream"
    allowed += " can_record can_spotlight disable_participant_audio disable_participant_screensharing"
    allowed += " disable_participant_video kick_participant pin_participant"
    switching = "can_alter_connected_meetings can_switch_connected_meetings can_switch_to_parent_meeting"
    permissions: JSON = dict.fromkeys(allowed.split(), host) | {
        "can_edit_display_name": True,
        "chat": {"public": CHAT, "private": CHAT | {"can_receive": True}},
        "connected_meetings": dict.fromkeys(switching.split(), host),
        "hidden_participant": False,
        "media": {kind: {"can_produce": "ALLOWED"} for kind in ("audio", "video", "screenshare")},
        "plugins": {"can_start": host, "can_close": host, "can_edit_config": host, "config": {}},
        "polls": {"can_create": host, "can_vote": True, "can_view": True},
        "recorder_type": "NONE",
        "show_participant_list": True,
        "waiting_room_type": "SKIP",
    }
    media = {"video": {"quality": "hd", "frame_rate": 30}, "screenshare": {"quality": "hd", "frame_rate": 5}}
    config: JSON = {"view_type": view, "max_screenshare_count": 1, "media": media}
    config["max_video_streams"] = {"desktop": 25, "mobile": 6}
    tokens = {"border_radius": "rounded", "border_width": "thin", "colors": {}, "spacing_base": 4, "theme": "dark"}
    return {"config": config, "permissions": permissions, "ui": {"design_tokens": tokens}}
