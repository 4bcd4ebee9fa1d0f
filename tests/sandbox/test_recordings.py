"""The lifecycle of recordings, and when one can be started."""

import cloudflare
import httpx
import pytest

from tests.sandbox.kit import Kit
from tests.support.waiting import wait_until


def test_a_recording_goes_from_invoked_to_uploaded_and_can_be_downloaded(kit: Kit) -> None:
    kit.sandbox.timings(recording_starts_after=0.1, recording_uploads_after=0.1)
    meeting_id = kit.meeting()
    joined = kit.joined(meeting_id)
    recording = kit.record(meeting_id, file_name_prefix="round-1")
    assert (recording["status"], recording["started_time"]) == ("INVOKED", None)
    assert recording["session_id"] == joined["session_id"]
    assert recording["output_file_name"].startswith("round-1_")
    wait_until(lambda: kit.recording(recording["id"])["status"] == "RECORDING")
    stopped = kit.stop(recording["id"])
    assert (stopped["status"], stopped["download_url"]) == ("UPLOADING", None)
    wait_until(lambda: kit.recording(recording["id"])["status"] == "UPLOADED")
    video = kit.plain.get(kit.data["download_url"])
    assert video.headers["content-type"] == "video/mp4"
    assert len(video.content) == kit.data["file_size"]
    assert kit.plain.get(kit.data["audio_download_url"]).headers["content-type"] == "audio/aac"


def test_an_empty_meeting_can_not_be_recorded(kit: Kit) -> None:
    meeting_id = kit.meeting()
    with pytest.raises(cloudflare.BadRequestError, match="nobody is in the meeting"):
        kit.record(meeting_id)
    kit.sandbox.leave(kit.joined(meeting_id)["peer_id"])
    with pytest.raises(cloudflare.BadRequestError):
        kit.record(meeting_id)
    assert kit.sandbox.state()["recordings"] == []


def test_a_second_recording_conflicts_unless_it_is_asked_for(kit: Kit) -> None:
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    first = kit.record(meeting_id)
    with pytest.raises(cloudflare.ConflictError, match="already in progress"):
        kit.record(meeting_id)
    second = kit.record(meeting_id, allow_multiple_recordings=True)
    kit.api.recordings.get_active_recordings(meeting_id, **kit.ids)
    assert kit.data["id"] == second["id"]
    for recording in (first, second):
        kit.stop(recording["id"])
    kit.record(meeting_id)


def test_there_is_an_active_recording_only_while_one_runs(kit: Kit) -> None:
    meeting_id = kit.meeting()
    active = kit.api.recordings.get_active_recordings
    with pytest.raises(cloudflare.NotFoundError):
        active(meeting_id, **kit.ids)
    kit.joined(meeting_id)
    recording = kit.record(meeting_id)
    active(meeting_id, **kit.ids)
    kit.stop(recording["id"])
    with pytest.raises(cloudflare.NotFoundError):
        active(meeting_id, **kit.ids)


def test_a_recording_stops_by_itself_when_the_room_stays_empty(kit: Kit) -> None:
    kit.sandbox.timings(recording_stops_when_empty_after=0.05)
    meeting_id = kit.meeting()
    peer_id = kit.joined(meeting_id)["peer_id"]
    recording = kit.record(meeting_id)
    kit.sandbox.leave(peer_id)
    wait_until(lambda: kit.recording(recording["id"])["status"] == "UPLOADED")
    assert kit.data["stop_reason"]["reason"] == "ALL_PEERS_LEFT"


def test_a_recording_goes_on_when_somebody_rejoins_in_time(kit: Kit) -> None:
    kit.sandbox.timings(recording_stops_when_empty_after=0.8)
    meeting_id = kit.meeting()
    token = kit.participant(meeting_id)["token"]
    peer_id = kit.sandbox.join(token)["peer_id"]
    recording, other = kit.record(meeting_id), kit.meeting("emptied later")
    last = kit.joined(other)["peer_id"]
    later = kit.record(other)
    kit.sandbox.leave(peer_id)
    kit.sandbox.join(token)
    kit.sandbox.leave(last)
    wait_until(lambda: kit.recording(later["id"])["status"] == "UPLOADED")
    assert kit.recording(recording["id"])["status"] == "RECORDING"


def test_kick_all_stops_the_recording(kit: Kit) -> None:
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    recording = kit.record(meeting_id)
    kit.api.active_session.kick_all_participants(meeting_id, **kit.ids)
    wait_until(lambda: kit.recording(recording["id"])["status"] == "UPLOADED")


def test_a_recording_can_be_paused_and_resumed_but_not_after_its_end(kit: Kit) -> None:
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    recording_id = kit.record(meeting_id)["id"]
    wait_until(lambda: kit.recording(recording_id)["status"] == "RECORDING")
    act = kit.api.recordings.pause_resume_stop_recording
    act(recording_id, **kit.ids, action="pause")
    assert kit.data["status"] == "PAUSED"
    act(recording_id, **kit.ids, action="resume")
    assert kit.data["status"] == "RECORDING"
    kit.stop(recording_id)
    with pytest.raises(cloudflare.ConflictError):
        act(recording_id, **kit.ids, action="pause")


def test_record_on_start_begins_with_the_session(kit: Kit) -> None:
    meeting_id = kit.meeting("Main", record_on_start=True)
    kit.joined(meeting_id)
    kit.joined(meeting_id, "bo")
    kit.api.recordings.get_active_recordings(meeting_id, **kit.ids)
    assert kit.recording(kit.data["id"])["start_reason"]["reason"] == "RECORD_ON_START"


def test_recordings_are_found_by_meeting_and_status(kit: Kit) -> None:
    ids = []
    for title in ("One", "Other"):
        meeting_id = kit.meeting(title)
        kit.joined(meeting_id)
        ids.append((meeting_id, kit.record(meeting_id)["id"]))
    kit.stop(ids[0][1])
    wait_until(lambda: kit.recording(ids[0][1])["status"] == "UPLOADED")

    def found(**filters: object) -> list[str]:
        answer = kit.request("GET", "/recordings", params=filters).json()
        return [recording["id"] for recording in answer["data"]]

    assert found(meeting_id=ids[1][0]) == [ids[1][1]]
    assert found(status="UPLOADED,ERRORED") == [ids[0][1]]
    assert found(status=["INVOKED", "RECORDING"]) == [ids[1][1]]
    assert found(search="other") == [ids[1][1]]
    assert found(expired="true") == []


def test_a_host_starts_pauses_and_stops_a_recording_in_the_meeting(kit: Kit) -> None:
    kit.sandbox.timings(recording_starts_after=0)
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    recording = kit.sandbox.record(meeting_id, "start")
    wait_until(lambda: kit.recording(recording["id"])["status"] == "RECORDING")
    assert kit.sandbox.record(meeting_id, "pause")["status"] == "PAUSED"
    assert kit.sandbox.record(meeting_id, "resume")["status"] == "RECORDING"
    kit.sandbox.record(meeting_id, "stop")
    stopped = kit.recording(recording["id"])["stop_reason"]
    assert (stopped["reason"], stopped["caller"]["type"]) == ("API_CALL", "USER")
    with pytest.raises(httpx.HTTPStatusError):
        kit.sandbox.record(meeting_id, "stop")


def test_a_recorder_that_breaks_down_leaves_a_failed_recording(kit: Kit) -> None:
    meeting_id = kit.meeting()
    kit.joined(meeting_id)
    recording = kit.record(meeting_id)
    assert kit.sandbox.record(meeting_id, "fail")["status"] == "ERRORED"
    assert kit.recording(recording["id"])["stop_reason"]["reason"] == "INTERNAL_ERROR"
