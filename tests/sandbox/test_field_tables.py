"""Every answer has the fields of RealtimeKit's reference, with their types."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.sandbox.kit import JSON, Kit
from tests.support.waiting import wait_until

PARTICIPANT = (
    "id:uuid created_at:time custom_participant_id:text preset_name:text updated_at:time name:text? picture:text?"
)
MEETING = (
    "id:uuid created_at:time updated_at:time title:text? status:ACTIVE|INACTIVE session_keep_alive_time_in_secs:number"
    " live_stream_on_start:flag persist_chat:flag record_on_start:flag summarize_on_end:flag transcribe_on_end:flag"
)
SESSION = (
    "associated_id:uuid breakout_rooms:list created_at:time id:uuid live_participants:number"
    " max_concurrent_participants:number meeting_display_name:text minutes_consumed:number organization_id:text"
    " started_at:time status:LIVE|ENDED type:meeting updated_at:time"
)
PEER = (
    "id:uuid created_at:time custom_participant_id:text display_name:text duration:number joined_at:time"
    " peer_events:list updated_at:time user_id:uuid"
)
RECORDING = (
    "id:uuid audio_download_url:text? download_url:text? download_url_expiry:time? file_size:number? invoked_time:time"
    " output_file_name:text session_id:uuid? started_time:time? stopped_time:time? recording_duration:number"
    " status:INVOKED|RECORDING|UPLOADING|UPLOADED|ERRORED|PAUSED"
)
PRESET = "id:uuid created_at:time name:text updated_at:time"
WHOLE_PRESET = f"{PRESET} config:object permissions:object ui:object"
WEBHOOK = "id:uuid created_at:time enabled:flag events:list name:text updated_at:time url:text"
PERSON = "id:uuid created_at:time updated_at:time name:text"
PAGING = "end_offset:number start_offset:number total_count:number"

KINDS: dict[str, Callable[[Any], bool]] = {
    "uuid": lambda value: str(UUID(value)) == value,
    "time": lambda value: value.endswith("Z") and datetime.fromisoformat(value).tzinfo is not None,
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "flag": lambda value: isinstance(value, bool),
    "list": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def check(record: JSON, table: str) -> None:
    """Check each `name:kind` of the table; `?` allows null, and a kind not in KINDS lists the allowed words."""
    for field in table.split():
        name, _, kind = field.partition(":")
        assert name in record, f"{name} is missing in {record}"
        value = record[name]
        if kind.endswith("?") and value is None:
            continue
        test = KINDS.get(kind.rstrip("?"))
        assert test(value) if test else re.fullmatch(kind, value), f"{name}: {value!r} is not {kind}"


def check_list(kit: Kit, table: str) -> None:
    """Check a list with paging that is not empty."""
    assert kit.latest.status_code == 200
    assert kit.body["success"] is True
    check(kit.body["paging"], PAGING)
    assert kit.body["data"]
    for record in kit.body["data"]:
        check(record, table)


def check_one(kit: Kit, table: str, status: int = 200) -> None:
    """Check one record, and the HTTP status."""
    assert kit.latest.status_code == status
    assert kit.body["success"] is True
    check(kit.data, table)


def test_meetings(kit: Kit) -> None:
    app, api = kit.sandbox.app_id, kit.api.meetings
    meeting_id = kit.meeting("A title", record_on_start=False)
    check_one(kit, MEETING, 201)
    api.get_meeting_by_id(meeting_id, **kit.ids)
    check_one(kit, MEETING)
    api.update_meeting_by_id(meeting_id, **kit.ids, status="INACTIVE")
    check_one(kit, MEETING)
    api.replace_meeting_by_id(meeting_id, **kit.ids, title="Another")
    check_one(kit, MEETING)
    api.get(app, **kit.account, page_no=1, per_page=10)
    check_list(kit, MEETING)


def test_participants(kit: Kit) -> None:
    meeting_id, api = kit.meeting(), kit.api.meetings
    new = kit.participant(meeting_id)
    check_one(kit, f"{PARTICIPANT} token:text", 201)
    api.get_meeting_participants(meeting_id, **kit.ids)
    check_list(kit, PARTICIPANT)
    assert "token" not in kit.body["data"][0]
    named = {**kit.ids, "meeting_id": meeting_id}
    api.get_meeting_participant(new["id"], **named)
    check_one(kit, PARTICIPANT)
    api.edit_participant(new["id"], **named, name="Anna")
    check_one(kit, f"{PARTICIPANT} token:text")
    api.refresh_participant_token(new["id"], **named)
    check_one(kit, "token:text")
    api.delete_meeting_participant(new["id"], **named)
    check_one(kit, "created_at:time custom_participant_id:text preset_id:uuid updated_at:time")


def test_active_session(kit: Kit) -> None:
    meeting_id, api = kit.meeting(), kit.api.active_session
    kit.joined(meeting_id, "ann")
    kit.joined(meeting_id, "bo")
    api.get_active_session(meeting_id, **kit.ids)
    check_one(kit, SESSION)
    api.create_poll(meeting_id, **kit.ids, question="Tea?", options=["yes", "no"])
    check_one(kit, "action:text poll:object", 201)
    check(kit.data["poll"], "id:uuid options:list question:text anonymous:flag hide_votes:flag voted:list")
    api.kick_participants(meeting_id, **kit.ids, custom_participant_ids=["ann"], participant_ids=[])
    check_one(kit, "action:text participants:list")
    check(kit.data["participants"][0], PERSON)
    api.kick_all_participants(meeting_id, **kit.ids)
    check_one(kit, "action:text kicked_participants_count:number")
    assert kit.data["kicked_participants_count"] == 1


def test_sessions(kit: Kit) -> None:
    api, joined = kit.api.sessions, kit.joined(kit.meeting())
    session_id, peer_id = joined["session_id"], joined["peer_id"]
    api.get_sessions(kit.sandbox.app_id, **kit.account)
    check(kit.body["paging"], PAGING)
    check(kit.data["sessions"][0], SESSION)
    api.get_session_details(session_id, **kit.ids)
    check_one(kit, SESSION)
    api.get_session_participants(session_id, **kit.ids)
    check(kit.data["participants"][0], f"{PEER} preset_name:text")
    api.get_session_participant_details(peer_id, **kit.ids, session_id=session_id)
    check(kit.data["participant"], f"{PEER} preset_name:text")
    api.get_participant_data_from_peer_id(peer_id, **kit.ids)
    check(kit.data["participant"], f"{PEER} session_id:uuid role:text peer_report:object")


def test_recordings(kit: Kit) -> None:
    meeting_id, api = kit.meeting(), kit.api.recordings
    kit.joined(meeting_id)
    recording = kit.record(meeting_id, max_seconds=3600)
    check_one(kit, f"{RECORDING} start_reason:object", 200)
    api.get_active_recordings(meeting_id, **kit.ids)
    check_one(kit, RECORDING)
    kit.stop(recording["id"])
    check_one(kit, f"{RECORDING} start_reason:object stop_reason:object")
    wait_until(lambda: kit.recording(recording["id"])["status"] == "UPLOADED")
    check_one(kit, RECORDING.replace("?", ""))
    assert kit.data["start_reason"]["reason"] == kit.data["stop_reason"]["reason"] == "API_CALL"
    api.get_recordings(kit.sandbox.app_id, **kit.account, meeting_id=meeting_id)
    check_list(kit, f"{RECORDING} meeting:object")
    api.start_track_recording(kit.sandbox.app_id, **kit.account, meeting_id=meeting_id)
    check(kit.data["recording"], RECORDING)


def test_presets(kit: Kit) -> None:
    app, api = kit.sandbox.app_id, kit.api.presets
    api.get(app, **kit.account)
    check_list(kit, PRESET)
    assert {preset["name"] for preset in kit.body["data"]} == {
        "group_call_host",
        "group_call_participant",
        "webinar_presenter",
        "webinar_viewer",
    }
    api.get_preset_by_id(kit.body["data"][0]["id"], **kit.ids)
    check_one(kit, WHOLE_PRESET)
    assert {"connected_meetings", "waiting_room_type", "kick_participant"} <= kit.data["permissions"].keys()
    content = {key: kit.data[key] for key in ("config", "permissions", "ui")}
    created = kit.request("POST", "/presets", json={"name": "quiet", **content})
    assert created.status_code == 200
    check(created.json()["data"], WHOLE_PRESET)
    del content["permissions"]["connected_meetings"]
    refused = kit.request("POST", "/presets", json={"name": "loud", **content})
    assert (refused.status_code, "connected_meetings" in refused.text) == (400, True)


def test_webhooks(kit: Kit) -> None:
    app, api = kit.sandbox.app_id, kit.api.webhooks
    api.create_webhook(app, **kit.account, name="ours", url="http://127.0.0.1:9/x", events=["meeting.ended"])
    check_one(kit, WEBHOOK, 201)
    webhook_id = kit.data["id"]
    api.get_webhook_by_id(webhook_id, **kit.ids)
    check_one(kit, WEBHOOK)
    api.edit_webhook(webhook_id, **kit.ids, enabled=False)
    check_one(kit, WEBHOOK)
    assert kit.data["enabled"] is False
    api.replace_webhook(webhook_id, **kit.ids, name="new", url="http://127.0.0.1:9/y", events=["meeting.started"])
    check_one(kit, WEBHOOK)
    api.get_webhooks(app, **kit.account)
    check(kit.body["data"][0], WEBHOOK)
    assert len(kit.request("GET", "/webhooks/all").json()["data"]) == 9
    api.delete_webhook(webhook_id, **kit.ids)
    check_one(kit, WEBHOOK)
    assert kit.request("GET", "/webhooks").json() == {"success": True, "data": []}


@pytest.mark.parametrize(("path", "count"), [("mute", None), ("mute-all", 1)])
def test_calls_that_the_sdk_lacks(kit: Kit, path: str, count: int | None) -> None:
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    answer = kit.request(
        "POST", f"/meetings/{meeting_id}/active-session/{path}", json={"custom_participant_ids": ["ann"]}
    )
    assert answer.status_code == 200
    assert answer.json()["data"].get("muted_participants_count") == count
