"""The fields that RealtimeKit requires of a preset's content; what they may hold is not checked."""

from typing import Any

from orchestrator.sandbox.world.values import JSON, Refusal

REQUIRED = {
    "config": "max_screenshare_count max_video_streams media view_type",
    "config.max_video_streams": "desktop mobile",
    "config.media": "screenshare video",
    "permissions": "accept_waiting_requests can_accept_production_requests can_change_participant_permissions "
    "can_edit_display_name can_livestream can_record can_spotlight chat connected_meetings disable_participant_audio "
    "disable_participant_screensharing disable_participant_video hidden_participant kick_participant media "
    "pin_participant plugins polls recorder_type show_participant_list waiting_room_type",
    "permissions.chat": "private public",
    "permissions.connected_meetings": "can_alter_connected_meetings can_switch_connected_meetings "
    "can_switch_to_parent_meeting",
    "permissions.media": "audio screenshare video",
    "permissions.plugins": "can_close can_edit_config can_start config",
    "permissions.polls": "can_create can_view can_vote",
    "ui": "design_tokens",
    "ui.design_tokens": "border_radius border_width colors spacing_base theme",
}
"""Field names by the object that must have them (the OpenAPI description of POST /presets)."""


def check(content: JSON) -> None:
    """Refuse a preset with 400 when a field is missing; the message names it."""
    missing = [
        f"{path}.{name}" for path, names in REQUIRED.items() for name in names.split() if not _has(content, path, name)
    ]
    if missing:
        raise Refusal(400, f"{missing[0]}: field required")


def _has(content: JSON, path: str, name: str) -> bool:
    found: Any = content
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return isinstance(found, dict) and name in found
