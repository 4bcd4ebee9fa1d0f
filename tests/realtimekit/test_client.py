"""Each endpoint as we use it, against the sandbox over HTTP."""

import asyncio
from collections.abc import Callable
from itertools import count

import pytest

from orchestrator.errors import Conflict, LeaseLost, NotFound, OutcomeUnknown, Refused
from orchestrator.realtimekit.client import RealtimeKit
from orchestrator.realtimekit.records import MeetingRecord, ParticipantRecord, RecordingRecord
from tests.realtimekit.conftest import Connect
from tests.support.sandbox_server import SandboxServer
from tests.support.waiting import wait_until

PRESET = "group_call_participant"


def a_meeting(kit: RealtimeKit, title: str = "Room 1 [abc-1]") -> MeetingRecord:
    return kit.run(kit.create_meeting(title))


def admitted(kit: RealtimeKit, meeting_id: str, who: str = "ana", name: str = "Ana") -> ParticipantRecord:
    return kit.run(kit.add_participant(meeting_id, custom_participant_id=who, name=name, preset_name=PRESET))


def joined(kit: RealtimeKit, sandbox: SandboxServer, meeting_id: str, who: str = "ana") -> None:
    person = admitted(kit, meeting_id, who)
    assert person.token
    sandbox.join(person.token)


def started(kit: RealtimeKit, meeting_id: str, max_seconds: int = 600) -> RecordingRecord:
    return kit.run(kit.start_recording(meeting_id, max_seconds=max_seconds, file_name_prefix="round-1"))


def test_a_meeting_is_made_found_and_retired(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    meeting = a_meeting(kit)
    assert meeting == MeetingRecord(meeting.id, "Room 1 [abc-1]", "ACTIVE", meeting.created_at)
    assert meeting.created_at is not None
    assert kit.run(kit.find_meetings("[abc-1]")) == [meeting]
    kit.run(kit.retire_meeting(meeting.id))
    kit.run(kit.retire_meeting(meeting.id))
    assert kit.run(kit.find_meetings("[abc-1]")) == []
    assert kit.run(kit.get_meeting(meeting.id)).status == "INACTIVE"
    assert sandbox.state()["meetings"][0]["session_keep_alive_time_in_secs"] == 600


def test_retiring_an_unknown_meeting_counts_as_done(kit: RealtimeKit) -> None:
    kit.run(kit.retire_meeting("00000000-0000-4000-8000-000000000000"))
    with pytest.raises(NotFound):
        kit.run(kit.get_meeting("00000000-0000-4000-8000-000000000000"))


def test_a_participant_gets_a_token_that_works(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    meeting = a_meeting(kit)
    person = admitted(kit, meeting.id)
    assert (person.custom_participant_id, person.preset_name, person.name) == ("ana", PRESET, "Ana")
    assert person.token
    sandbox.join(person.token)
    assert sandbox.present(meeting.id) == ["ana"]
    assert person.token not in repr(person)


@pytest.mark.parametrize("name", ["", "   "])
def test_a_blank_name_is_replaced_by_the_id(kit: RealtimeKit, sandbox: SandboxServer, name: str) -> None:
    person = admitted(kit, a_meeting(kit).id, name=name)
    assert person.name == "ana"
    assert person.token
    sandbox.join(person.token)


def test_participants_are_listed_over_all_pages_without_tokens(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    meeting = a_meeting(kit)

    async def admit_all() -> None:
        people = [f"person-{number}" for number in range(230)]
        await asyncio.gather(
            *(
                kit.add_participant(meeting.id, custom_participant_id=who, name=who, preset_name=PRESET)
                for who in people
            )
        )

    kit.run(admit_all())
    everybody = kit.run(kit.participants(meeting.id))
    assert {person.custom_participant_id for person in everybody} == {f"person-{number}" for number in range(230)}
    assert len(everybody) == 230
    assert all(person.token is None for person in everybody)
    assert sandbox.calls()["counts"]["get_meeting_participants"] == 3


def test_a_refreshed_token_works(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    meeting = a_meeting(kit)
    token = kit.run(kit.refresh_token(meeting.id, admitted(kit, meeting.id).id))
    sandbox.join(token)


def test_an_empty_meeting_has_no_session_and_no_recording_and_can_be_kicked(kit: RealtimeKit) -> None:
    meeting = a_meeting(kit)
    assert kit.run(kit.active_session(meeting.id)) is None
    assert kit.run(kit.active_recording(meeting.id)) is None
    kit.run(kit.kick(meeting.id, ["ana"]))
    kit.run(kit.kick_all(meeting.id))


def test_a_session_shows_who_is_and_was_there(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    meeting = a_meeting(kit)
    joined(kit, sandbox, meeting.id)
    joined(kit, sandbox, meeting.id, "bo")
    kit.run(kit.kick(meeting.id, ["bo"]))
    session = kit.run(kit.active_session(meeting.id))
    assert session is not None
    assert session.live_participants == 1
    peers = {peer.custom_participant_id: peer for peer in kit.run(kit.session_peers(session.id))}
    assert set(peers) == {"ana", "bo"}
    assert peers["ana"].left_at is None
    assert peers["bo"].left_at is not None
    assert peers["bo"].joined_at is not None
    assert peers["bo"].joined_at <= peers["bo"].left_at
    kit.run(kit.kick_all(meeting.id))
    assert sandbox.present(meeting.id) == []


def test_kicking_an_empty_list_makes_no_call(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    meeting = a_meeting(kit)
    joined(kit, sandbox, meeting.id)
    kit.run(kit.kick(meeting.id, []))
    assert sandbox.present(meeting.id) == ["ana"]
    assert "kick_participants" not in sandbox.calls()["counts"]


def test_a_recording_runs_from_start_to_upload(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    sandbox.timings(recording_starts_after=0.0, recording_uploads_after=0.0)
    meeting = a_meeting(kit)
    with pytest.raises(Refused):
        started(kit, meeting.id)
    joined(kit, sandbox, meeting.id)
    recording = started(kit, meeting.id)
    active = kit.run(kit.active_recording(meeting.id))
    assert active is not None
    assert active.id == recording.id
    with pytest.raises(Conflict):
        started(kit, meeting.id)
    kit.run(kit.stop_recording(recording.id))

    def uploaded() -> RecordingRecord | None:
        record = kit.run(kit.recording(recording.id))
        return record if record.status == "UPLOADED" else None

    record = wait_until(uploaded)
    assert record is not None
    assert record.download_url
    assert record.stopped_at is not None
    assert record.error is None


@pytest.mark.parametrize("asked", [1, 999_999])
def test_the_length_of_a_recording_stays_within_the_limits_of_realtimekit(
    kit: RealtimeKit, sandbox: SandboxServer, asked: int
) -> None:
    meeting = a_meeting(kit)
    joined(kit, sandbox, meeting.id)
    started(kit, meeting.id, asked)
    body = sandbox.calls()["log"][-1]["args"]["body"]
    assert body["max_seconds"] == min(max(asked, 60), 86_400)


@pytest.mark.parametrize("outcome", ["conflict", "bad_request", "not_found", "ok"])
def test_stopping_a_stopped_recording_counts_as_done(kit: RealtimeKit, sandbox: SandboxServer, outcome: str) -> None:
    sandbox.switches(stop_stopped_recording=outcome)
    meeting = a_meeting(kit)
    joined(kit, sandbox, meeting.id)
    recording = started(kit, meeting.id)
    kit.run(kit.stop_recording(recording.id))
    again = kit.run(kit.stop_recording(recording.id))
    assert again is None or again.status in {"UPLOADING", "UPLOADED"}
    assert kit.run(kit.stop_recording("00000000-0000-4000-8000-000000000000")) is None


def test_a_refused_stop_of_a_stopped_recording_counts_as_done(kit: RealtimeKit, sandbox: SandboxServer) -> None:
    meeting = a_meeting(kit)
    joined(kit, sandbox, meeting.id)
    recording = started(kit, meeting.id)
    refusal = {"operation": "pause_resume_stop_recording", "kind": "refuse", "status": 400, "message": "bad state"}
    sandbox.faults(refusal)
    with pytest.raises(Refused, match="bad state"):
        kit.run(kit.stop_recording(recording.id))
    kit.run(kit.stop_recording(recording.id))
    sandbox.faults(refusal)
    stopped = kit.run(kit.stop_recording(recording.id))
    assert stopped is not None
    assert stopped.id == recording.id


@pytest.mark.parametrize("counted", ["each", "last"])
def test_running_recordings_are_found_however_several_statuses_are_read(
    kit: RealtimeKit, sandbox: SandboxServer, counted: str
) -> None:
    sandbox.switches(recording_statuses=counted)
    sandbox.timings(recording_starts_after=60)
    meeting = a_meeting(kit)
    joined(kit, sandbox, meeting.id)
    recording = started(kit, meeting.id)
    assert [it.id for it in kit.run(kit.running_recordings())] == [recording.id]


@pytest.mark.parametrize("outcome", ["conflict", "ok"])
def test_retiring_a_retired_meeting_counts_as_done(kit: RealtimeKit, sandbox: SandboxServer, outcome: str) -> None:
    sandbox.switches(retire_retired=outcome)
    meeting = a_meeting(kit)
    for _ in range(2):
        kit.run(kit.retire_meeting(meeting.id))
    assert kit.run(kit.get_meeting(meeting.id)).status == "INACTIVE"
    sandbox.faults({"operation": "update_meeting_by_id", "kind": "refuse"})
    with pytest.raises(Refused):
        kit.run(kit.retire_meeting(a_meeting(kit).id))


@pytest.mark.parametrize("absent", ["ignore", "not_found"])
def test_people_are_put_out_although_another_has_left(kit: RealtimeKit, sandbox: SandboxServer, absent: str) -> None:
    sandbox.switches(kick_absent=absent)
    meeting = a_meeting(kit)
    joined(kit, sandbox, meeting.id)
    (there,) = sandbox.present(meeting.id)
    kit.run(kit.kick(meeting.id, ["gone", there]))
    assert sandbox.present(meeting.id) == []


@pytest.mark.parametrize("view", ["raw", "consolidated"])
def test_each_tab_is_a_peer_whichever_view_is_usual(kit: RealtimeKit, sandbox: SandboxServer, view: str) -> None:
    sandbox.switches(peers_view=view)
    meeting = a_meeting(kit)
    token = admitted(kit, meeting.id).token or ""
    for _ in range(2):
        sandbox.join(token)
    session = kit.run(kit.active_session(meeting.id))
    assert session is not None
    assert len(kit.run(kit.session_peers(session.id))) == 2


def test_presets_are_known_by_name(kit: RealtimeKit) -> None:
    assert {"group_call_host", "group_call_participant"} <= kit.run(kit.preset_names())


def test_webhooks_are_registered_and_pointed_elsewhere(kit: RealtimeKit) -> None:
    webhook = kit.run(kit.create_webhook("breakouts", "http://127.0.0.1:9/one", ["meeting.started"]))
    kit.run(kit.update_webhook(webhook.id, url="http://127.0.0.1:9/two", events=["meeting.ended"]))
    (found,) = kit.run(kit.webhooks())
    assert (found.id, found.name, found.url) == (webhook.id, "breakouts", "http://127.0.0.1:9/two")
    assert found.events == ("meeting.ended",)
    assert found.enabled


def test_as_many_calls_are_in_flight_as_the_setting_says(sandbox: SandboxServer, connect: Connect) -> None:
    kit = connect(sandbox.base_url, realtimekit_concurrency=120)
    sandbox.latency(100)

    async def make_all() -> list[MeetingRecord]:
        return await asyncio.gather(*(kit.create_meeting(f"Room {number}") for number in range(300)))

    assert len({meeting.id for meeting in kit.run(make_all())}) == 300
    assert sandbox.calls()["max_in_flight"] == 120


def test_on_call_gets_the_outcome_of_each_call(sandbox: SandboxServer, connect: Connect) -> None:
    counted: list[tuple[str, str]] = []
    kit = connect(sandbox.base_url, on_call=lambda operation, outcome, _: counted.append((operation, outcome)))
    meeting = a_meeting(kit)
    kit.run(kit.active_session(meeting.id))
    sandbox.faults({"operation": "create_meeting", "kind": "error_after"})
    with pytest.raises(OutcomeUnknown):
        a_meeting(kit)
    assert counted == [("create_meeting", "ok"), ("active_session", "not_found"), ("create_meeting", "unknown")]


@pytest.mark.parametrize("asked_before", range(3), ids=["waiting for a slot", "for the quota", "for a connection"])
def test_an_error_of_before_send_holds_the_call_back(
    kit: RealtimeKit, sandbox: SandboxServer, asked_before: int
) -> None:
    with pytest.raises(LeaseLost):
        kit.run(kit.create_meeting("late"), before_send=_raising(LeaseLost("the lease ended"), asked_before))
    assert sandbox.calls()["counts"] == {}
    kit.run(kit.create_meeting("in time"))
    assert sandbox.calls()["counts"] == {"create_meeting": 1}


def test_before_send_runs_for_every_call_of_a_gathering(kit: RealtimeKit) -> None:
    asked: list[None] = []

    async def two() -> None:
        await asyncio.gather(kit.create_meeting("one"), kit.create_meeting("two"))

    kit.run(two(), before_send=lambda: asked.append(None))
    assert len(asked) == 2 * 3, "each before it takes of the quota, then, and when it has a connection"


def _raising(error: Exception, asked_before: int) -> Callable[[], None]:
    """Return what raises an error when it is asked, but for the first times."""
    asked = count()

    def check() -> None:
        if next(asked) >= asked_before:
            raise error

    return check
