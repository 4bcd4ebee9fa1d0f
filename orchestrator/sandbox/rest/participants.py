"""Participants of a meeting over REST, with the tokens that let them join."""

from orchestrator.sandbox.rest.bodies import ParticipantBody, ParticipantPatch
from orchestrator.sandbox.rest.calls import Call, list_response
from orchestrator.sandbox.rest.responses import Response, ok
from orchestrator.sandbox.world.state import Meeting, Participant, Preset, World, new_id, now
from orchestrator.sandbox.world.tokens import mint
from orchestrator.sandbox.world.values import JSON, Refusal, iso

REFUSED = {"conflict": 409, "bad_request": 400}


def add(world: World, call: Call) -> Response:
    """POST participants: 201 with a token; a switch decides about a custom_participant_id that exists."""
    meeting = world.meeting(call.params["meeting_id"])
    body = call.parse(ParticipantBody)
    preset = world.preset_named(body.preset_name)
    known = meeting.by_custom_id.get(body.custom_participant_id)
    wanted = world.config.switches.duplicate_participant
    if known and wanted in REFUSED:
        raise Refusal(REFUSED[wanted], f"Participant {body.custom_participant_id!r} already exists in this meeting")
    if known and wanted == "same_record":
        known.preset, known.name, known.picture, known.updated_at = preset, body.name, body.picture, now()
        return _with_token(world, known, 201)
    new = admit(world, meeting, body.custom_participant_id, preset, body.name)
    new.picture = body.picture
    return _with_token(world, new, 201)


def admit(world: World, meeting: Meeting, custom: str, preset: Preset, name: str | None) -> Participant:
    """Make somebody's record in a meeting."""
    moment = now()
    new = Participant(new_id(), meeting, custom, preset, name, None, moment, moment)
    meeting.participants[new.id] = meeting.by_custom_id[custom] = world.participants[new.id] = new
    return new


def find(world: World, call: Call) -> Response:
    """GET participants, oldest first."""
    meeting = world.meeting(call.params["meeting_id"])
    since = now() - world.config.switches.participants_lag_seconds
    return list_response(call, world, [it for it in meeting.participants.values() if it.created_at <= since], show)


def get(world: World, call: Call) -> Response:
    """GET participants/{id}."""
    return ok(show(_participant(world, call)))


def replace(world: World, call: Call) -> Response:
    """PUT participants/{id}: 200 with a token."""
    participant = _participant(world, call)
    body = call.parse(ParticipantBody)
    participant.preset = world.preset_named(body.preset_name)
    participant.custom_participant_id = body.custom_participant_id
    participant.name, participant.picture, participant.updated_at = body.name, body.picture, now()
    _index(participant.meeting)
    return _with_token(world, participant)


def edit(world: World, call: Call) -> Response:
    """PATCH participants/{id}: 200 with a token."""
    participant = _participant(world, call)
    changes = call.parse(ParticipantPatch).model_dump(exclude_unset=True)
    if changes.get("preset_name"):
        participant.preset = world.preset_named(changes["preset_name"])
    participant.name = changes.get("name", participant.name)
    participant.picture = changes.get("picture", participant.picture)
    participant.updated_at = now()
    return _with_token(world, participant)


def delete(world: World, call: Call) -> Response:
    """DELETE participants/{id}: the tokens stop working; a participant who has joined stays in the meeting."""
    participant = _participant(world, call)
    del world.participants[participant.id], participant.meeting.participants[participant.id]
    _index(participant.meeting)
    gone: JSON = {
        "custom_participant_id": participant.custom_participant_id,
        "preset_id": participant.preset.id,
        "created_at": iso(participant.created_at),
        "updated_at": iso(participant.updated_at),
    }
    return ok(gone)


def refresh(world: World, call: Call) -> Response:
    """POST participants/{id}/token: a new token; a switch decides whether the old ones still work."""
    return ok({"token": mint(world, _participant(world, call))})


def show(participant: Participant) -> JSON:
    """Return the participant as REST shows it, without a token."""
    return {
        "id": participant.id,
        "name": participant.name,
        "picture": participant.picture,
        "custom_participant_id": participant.custom_participant_id,
        "preset_name": participant.preset.name,
        "created_at": iso(participant.created_at),
        "updated_at": iso(participant.updated_at),
    }


def _with_token(world: World, participant: Participant, status: int = 200) -> Response:
    return ok(show(participant) | {"token": mint(world, participant)}, status)


def _participant(world: World, call: Call) -> Participant:
    meeting = world.meeting(call.params["meeting_id"])
    if found := meeting.participants.get(call.params["participant_id"]):
        return found
    raise Refusal(404, "Participant not found")


def _index(meeting: Meeting) -> None:
    meeting.by_custom_id = {each.custom_participant_id: each for each in meeting.participants.values()}
