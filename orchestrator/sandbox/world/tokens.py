"""Participant tokens: JWTs with RealtimeKit's claims, each for one participant of one meeting."""

import jwt

from orchestrator.sandbox.world.state import Participant, World, new_id, now
from orchestrator.sandbox.world.values import Refusal


def mint(world: World, participant: Participant) -> str:
    """Make a token. `jti` makes tokens of the same second differ."""
    moment, token_id = int(now()), new_id()
    participant.latest_token = token_id
    claims = {
        "orgId": world.organization_id,
        "meetingId": participant.meeting.id,
        "participantId": participant.id,
        "presetId": participant.preset.id,
        "iat": moment,
        "exp": moment + int(world.config.timings.token_lifetime_seconds),
        "jti": token_id,
    }
    return jwt.encode(claims, world.token_key, algorithm="HS256")


def participant_of(world: World, token: str) -> Participant:
    """Return the participant that a token lets in; 401 when it is forged, expired, older than allowed, or of nobody."""
    try:
        claims = jwt.decode(token, world.token_key, algorithms=["HS256"], options={"verify_iat": False})
    except jwt.InvalidTokenError as error:
        raise Refusal(401, f"Invalid auth token: {error}") from None
    found = world.participants.get(claims["participantId"])
    if found and (claims["jti"] == found.latest_token or not world.config.switches.refresh_revokes):
        return found
    raise Refusal(401, "Invalid auth token: unknown participant, or an older token")
